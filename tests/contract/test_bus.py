"""What every bus promises: the same tests, once in memory and once with the real server."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from bus.language import subjects
from bus.port import (
    CHALLENGERS,
    COORDINATORS,
    DEADLINES,
    MAX_MESSAGE_BYTES,
    BusError,
    NotSetUpError,
    Stored,
    TooLargeError,
    pod_queue,
)

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable

    from support.site import Site

    from bus.port import Bus, Delivery, Message

ALPHA = pod_queue("alpha")
BETA = pod_queue("beta")
_T = TypeVar("_T")

# Nothing here takes a tenth of it, on a machine with nothing else to do; only a test that fails waits so long.
PATIENCE_S = 240.0
# How long nothing must happen to be taken for never.
SILENCE_S = 0.4


async def publish(bus: Bus, subject: str, *, message_id: str = "", data: bytes = b"{}", **headers: str) -> Stored:
    return await bus.publish_once(subject, data, message_id=message_id or subject, headers=headers)


async def publish_requests(bus: Bus, *request_ids: str) -> None:
    for request_id in request_ids:
        await publish(bus, subjects.request(request_id))


async def soon(what: Awaitable[_T]) -> _T:
    async with asyncio.timeout(PATIENCE_S):
        return await what


async def take(deliveries: AsyncGenerator[Delivery, None]) -> Delivery:
    delivery: Delivery = await soon(anext(deliveries))
    return delivery


async def collect(deliveries: AsyncGenerator[Any, None], count: int) -> list[Any]:
    return [await soon(anext(deliveries)) for _ in range(count)]


async def stays_silent(task: asyncio.Task[Any]) -> bool:
    done, _ = await asyncio.wait({task}, timeout=SILENCE_S)
    return not done


async def nothing_follows(iterator: AsyncGenerator[Any, None]) -> bool:
    waiting = expect(iterator)
    silent = await stays_silent(waiting)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    return silent


def expect(iterator: AsyncGenerator[Any, None]) -> asyncio.Task[Any]:
    async def first() -> object:
        return await anext(iterator)

    return asyncio.create_task(first())


class TestPublishing:
    async def test_stores_the_first_message_and_no_other(self, site: Site) -> None:
        subject = subjects.final("r1")

        outcomes = [await publish(site.bus, subject, message_id=who, data=who.encode()) for who in ("a", "b", "a")]

        (stored,) = await site.bus.record([subject])
        assert outcomes == [Stored.NEW, Stored.TAKEN, Stored.SAME]
        assert stored.data == b"a"

    async def test_has_one_winner_among_many_at_once(self, site: Site) -> None:
        subject = subjects.final("r1")
        buses = [site.bus, site.other] * 10

        outcomes = await asyncio.gather(
            *(publish(bus, subject, message_id=f"{number}") for number, bus in enumerate(buses))
        )

        (stored,) = await site.bus.record([subject])
        assert sorted(outcome.value for outcome in outcomes) == ["new"] + ["taken"] * 19
        assert outcomes[int(stored.headers["ce-id"])] == Stored.NEW

    async def test_takes_the_same_message_many_times_at_once_for_one(self, site: Site) -> None:
        outcomes = await asyncio.gather(*(publish(site.bus, subjects.final("r1"), message_id="a") for _ in range(20)))

        assert sorted(outcome.value for outcome in outcomes) == ["new"] + ["same"] * 19

    async def test_an_id_used_for_another_subject_hides_nothing(self, site: Site) -> None:
        outcomes = [await publish(site.bus, subjects.final(request), message_id="a") for request in ("r1", "r2")]

        assert outcomes == [Stored.NEW, Stored.NEW]
        assert len(await site.bus.record([subjects.ALL_FINALS])) == 2

    async def test_refuses_what_is_too_large_and_says_both_sizes(self, site: Site) -> None:
        with pytest.raises(TooLargeError, match=f"30[0-9]{{4}} bytes.*{MAX_MESSAGE_BYTES} are allowed"):
            await publish(site.bus, subjects.request("r1"), data=b"x" * 300_000)

    async def test_takes_what_is_just_small_enough(self, site: Site) -> None:
        data = b"x" * (MAX_MESSAGE_BYTES - 1_000)

        await publish(site.bus, subjects.request("r1"), data=data)

        (stored,) = await site.bus.record([subjects.request("r1")])
        assert stored.data == data

    async def test_says_that_no_stream_takes_a_subject(self, site: Site) -> None:
        with pytest.raises(BusError, match=r"elsewhere\.r1"):
            await site.bus.publish_once("elsewhere.r1", b"", message_id="a", headers={}, timeout_s=0.5)

    async def test_a_malformed_request_id_is_kept_for_somebody_to_see(self, site: Site) -> None:
        stop = asyncio.Event()
        await publish(site.bus, "podfolio.v1.request.two.tokens")

        async with aclosing(site.bus.work(COORDINATORS, stop=stop, at_once=1)) as deliveries:
            delivery = await take(deliveries)
            assert delivery.message.subject == "podfolio.v1.request.two.tokens"
            await delivery.done()
            stop.set()


class TestRecord:
    async def test_gives_back_what_was_published(self, site: Site) -> None:
        before = datetime.now(UTC) - timedelta(seconds=1)
        await publish(
            site.bus, subjects.request("r1"), message_id="a", data=b"body", **{"ce-type": "t", "Status": "503"}
        )

        (message,) = await site.other.record([subjects.request("r1")])

        assert message.subject == subjects.request("r1")
        assert message.data == b"body"
        assert message.headers == {"ce-id": "a", "ce-type": "t", "Status": "503"}
        assert message.sequence == 1
        assert message.stored_at is not None
        assert before < message.stored_at < datetime.now(UTC) + timedelta(seconds=1)

    async def test_is_not_deceived_by_a_message_that_looks_like_the_servers_own(self, site: Site) -> None:
        await publish(site.bus, subjects.request("r1"), data=b"", Status="503")
        await publish(site.bus, subjects.final("r1"), data=b"", Status="204")

        record = await site.bus.record([subjects.request("r1"), subjects.final("r1")])

        assert [message.headers["Status"] for message in record] == ["503", "204"]

    async def test_has_nothing_that_cannot_be_shown_or_logged(self, site: Site) -> None:
        stop = asyncio.Event()
        await publish(site.bus, "podfolio.v1.request.\x1b[31m\u202e\u00e9\x0b.x", **{"ce-type": "\x07\u00e9"})

        (stored,) = await site.bus.record([subjects.ALL])
        async with aclosing(site.bus.follow(everything=True)) as messages:
            followed = await soon(anext(messages))
        async with aclosing(site.bus.work(ALPHA, stop=stop, at_once=1)) as deliveries:
            delivered = (await take(deliveries)).message

        assert stored.subject == "podfolio.v1.request.\\x1b[31m\\u202e\u00e9\\x0b.x"
        assert stored.headers["ce-type"] == "\\x07\u00e9"
        assert stored == followed == delivered

    async def test_is_in_the_order_of_the_stream_and_of_one_request_only(self, site: Site) -> None:
        for pod in ("beta", "alpha"):
            for request_id in ("r1", "r2"):
                await publish(site.bus, subjects.pod_result(request_id, pod))

        record = await site.bus.record([subjects.pod_result("r1", "*"), subjects.final("r1")])

        assert [message.subject for message in record] == [subjects.pod_result("r1", pod) for pod in ("beta", "alpha")]

    async def test_is_empty_where_nothing_was_published(self, site: Site) -> None:
        assert await site.bus.record([subjects.final("r1")]) == ()

    async def test_ends_with_the_message_it_must_include(self, site: Site) -> None:
        pods = ("a", "b", "c")
        for pod in pods:
            await publish(site.bus, subjects.pod_result("r1", pod))
        everything = await site.bus.record([subjects.pod_result("r1", "*")])

        records = [await site.bus.record([subjects.pod_result("r1", "*")], including=message) for message in everything]

        assert records == [everything[:1], everything[:2], everything]


class TestWork:
    async def test_brings_every_pod_every_request_and_nothing_else(self, site: Site) -> None:
        stop = asyncio.Event()
        await publish_requests(site.bus, "r1")
        await publish(site.bus, subjects.pod_result("r1", "alpha"))
        await publish(site.bus, subjects.final("r1"))
        await publish_requests(site.bus, "r2")

        for queue in (ALPHA, BETA):
            async with aclosing(site.bus.work(queue, stop=stop, at_once=5)) as deliveries:
                seen = await collect(deliveries, 2)
                for delivery in seen:
                    await delivery.done()
                assert [delivery.message.subject for delivery in seen] == [
                    subjects.request("r1"),
                    subjects.request("r2"),
                ]
                assert await nothing_follows(deliveries)

    async def test_brings_the_coordinators_requests_and_results(self, site: Site) -> None:
        stop = asyncio.Event()
        published = [subjects.request("r1"), subjects.pod_result("r1", "alpha"), subjects.pod_result("r1", "beta")]
        for subject in (*published[:2], subjects.final("r1"), published[2]):
            await publish(site.bus, subject)

        async with aclosing(site.bus.work(COORDINATORS, stop=stop, at_once=5)) as deliveries:
            seen = await collect(deliveries, 3)

        assert [delivery.message.subject for delivery in seen] == published

    async def test_delivers_the_message_as_it_is_in_the_record(self, site: Site) -> None:
        stop = asyncio.Event()
        await publish(site.bus, subjects.request("r1"), data=b"", Status="503", **{"ce-type": "t"})

        async with aclosing(site.bus.work(ALPHA, stop=stop, at_once=1)) as deliveries:
            delivery = await take(deliveries)

        assert (delivery.message,) == await site.bus.record([subjects.request("r1")])
        assert delivery.attempt == 1

    async def test_gives_each_message_to_one_of_several_workers(self, site: Site) -> None:
        requests = {subjects.request(f"r{number}") for number in range(60)}
        seen: list[str] = []
        stop = asyncio.Event()

        async def toil(bus: Bus) -> None:
            async for delivery in bus.work(ALPHA, stop=stop, at_once=3):
                seen.append(delivery.message.subject)
                await delivery.done()
                if len(seen) >= len(requests):
                    stop.set()

        workers = asyncio.gather(*(toil(bus) for bus in (site.bus, site.other, site.bus, site.other)))
        await publish_requests(site.bus, *(f"r{number}" for number in range(60)))
        await soon(workers)

        assert sorted(seen) == sorted(requests)

    async def test_hands_out_again_what_nobody_settled(self, site: Site) -> None:
        stop = asyncio.Event()
        await publish_requests(site.bus, "r1")
        async with aclosing(site.bus.work(ALPHA, stop=stop, at_once=1)) as crashing:
            lost = await take(crashing)

        async with aclosing(site.other.work(ALPHA, stop=stop, at_once=1)) as deliveries:
            waiting = expect(deliveries)
            assert await stays_silent(waiting)
            await site.let_pass(site.ack_wait_s)
            found = await soon(waiting)
            await found.done()

        assert (lost.message.subject, lost.attempt) == (found.message.subject, 1)
        assert found.attempt == 2

    async def test_numbers_all_deliveries_of_a_queue_whoever_gets_them(self, site: Site) -> None:
        stop = asyncio.Event()
        await publish_requests(site.bus, "r1", "r2", "r3")
        async with aclosing(site.bus.work(ALPHA, stop=stop, at_once=1)) as deliveries:
            first = await take(deliveries)
            await first.again(delay_s=0)
            mine = [first, await take(deliveries)]
            await mine[1].done()
        async with aclosing(site.other.work(ALPHA, stop=stop, at_once=2)) as deliveries:
            mine += await collect(deliveries, 2)

        assert [delivery.number for delivery in mine] == [1, 2, 3, 4]

    async def test_hands_out_nothing_twice_that_is_being_worked_on(self, site: Site) -> None:
        stop = asyncio.Event()
        await publish_requests(site.bus, "r1")
        async with (
            aclosing(site.bus.work(ALPHA, stop=stop, at_once=1)) as mine,
            aclosing(site.other.work(ALPHA, stop=stop, at_once=1)) as others,
        ):
            delivery = await take(mine)
            waiting = expect(others)
            for _ in range(6):
                await site.let_pass(site.ack_wait_s / 3)
                await delivery.working()
            assert await stays_silent(waiting)
            await delivery.done()
            await site.let_pass(site.ack_wait_s)
            assert await stays_silent(waiting)
            stop.set()
            with pytest.raises(StopAsyncIteration):
                await soon(anext_of(waiting))

    async def test_hands_out_again_what_was_given_back_after_the_delay(self, site: Site) -> None:
        stop = asyncio.Event()
        await publish_requests(site.bus, "r1")
        async with aclosing(site.bus.work(ALPHA, stop=stop, at_once=1)) as deliveries:
            first = await take(deliveries)
            await first.again(delay_s=5 * SILENCE_S)

            waiting = expect(deliveries)
            assert await stays_silent(waiting)
            await site.let_pass(4 * SILENCE_S)
            second = await soon(waiting)
            await second.again(delay_s=0)
            third = await take(deliveries)
            await third.done()

        assert [delivery.attempt for delivery in (first, second, third)] == [1, 2, 3]

    async def test_hands_out_no_more_than_asked_for_at_once(self, site: Site) -> None:
        stop = asyncio.Event()
        await publish_requests(site.bus, "r1", "r2", "r3", "r4")
        async with aclosing(site.bus.work(ALPHA, stop=stop, at_once=2)) as deliveries:
            held = await collect(deliveries, 2)
            waiting = expect(deliveries)
            assert await stays_silent(waiting)

            await held[0].done()
            third = await soon(waiting)
            waiting = expect(deliveries)
            assert await stays_silent(waiting)
            await third.again(delay_s=60)
            fourth = await soon(waiting)

        assert [held[0], third, fourth] != [None] * 3
        assert fourth.message.subject == subjects.request("r4")

    async def test_leaves_to_others_what_it_took_and_did_not_start(self, site: Site) -> None:
        stop = asyncio.Event()
        await publish_requests(site.bus, "r1", "r2", "r3", "r4")
        async with aclosing(site.bus.work(ALPHA, stop=stop, at_once=4)) as deliveries:
            started = await take(deliveries)
            stop.set()
            with pytest.raises(StopAsyncIteration):
                await soon(anext(deliveries))
        await started.done()

        others_stop = asyncio.Event()
        async with aclosing(site.other.work(ALPHA, stop=others_stop, at_once=4)) as deliveries:
            # Given back: no ack wait has to pass.
            async with asyncio.timeout(site.ack_wait_s):
                left = [await anext(deliveries) for _ in range(3)]

        assert {delivery.message.subject for delivery in left} == {subjects.request(key) for key in ("r2", "r3", "r4")}

    async def test_wakes_from_waiting_when_told_to_stop(self, site: Site) -> None:
        stop = asyncio.Event()
        async with aclosing(site.bus.work(ALPHA, stop=stop, at_once=1)) as deliveries:
            waiting = expect(deliveries)
            assert await stays_silent(waiting)
            stop.set()
            with pytest.raises(StopAsyncIteration):
                await soon(anext_of(waiting))

    async def test_accepts_a_late_word_of_the_first_worker(self, site: Site) -> None:
        stop = asyncio.Event()
        await publish_requests(site.bus, "r1")
        async with aclosing(site.bus.work(ALPHA, stop=stop, at_once=2)) as deliveries:
            late = await take(deliveries)
            waiting = expect(deliveries)
            await site.let_pass(site.ack_wait_s)
            assert (await soon(waiting)).attempt == 2

            await late.done()

            waiting = expect(deliveries)
            await site.let_pass(site.ack_wait_s)
            assert await stays_silent(waiting)
            stop.set()
            with pytest.raises(StopAsyncIteration):
                await soon(anext_of(waiting))

    async def test_says_that_there_is_no_such_queue(self, site: Site) -> None:
        with pytest.raises(NotSetUpError):
            await soon(anext(site.bus.work(pod_queue("unheard-of"), stop=asyncio.Event(), at_once=1)))

    async def test_queues_are_those_of_the_pods_and_the_coordinators(self, site: Site) -> None:
        async with aclosing(site.bus.follow(everything=True)) as messages:
            await publish_requests(site.bus, "r1")
            await soon(anext(messages))

            assert await site.bus.queues() == {ALPHA, BETA, COORDINATORS, CHALLENGERS}


async def anext_of(task: asyncio.Task[Any]) -> object:
    return await task


class TestDeadlines:
    async def test_falls_due_when_scheduled_and_not_before(self, site: Site) -> None:
        stop = asyncio.Event()
        await site.bus.schedule("r1", datetime.now(UTC) + timedelta(seconds=8 * SILENCE_S))
        async with aclosing(site.other.work(DEADLINES, stop=stop, at_once=1)) as deliveries:
            waiting = expect(deliveries)
            assert await stays_silent(waiting)
            await site.let_pass(7 * SILENCE_S)
            delivery = await soon(waiting)
            await delivery.done()

        assert delivery.message.subject == subjects.due("r1")

    async def test_falls_due_at_once_when_already_past(self, site: Site) -> None:
        stop = asyncio.Event()
        await site.bus.schedule("r1", datetime.now(UTC) - timedelta(hours=1))

        async with aclosing(site.bus.work(DEADLINES, stop=stop, at_once=1)) as deliveries:
            delivery = await take(deliveries)

        assert delivery.message.subject == subjects.due("r1")

    async def test_falls_due_once_although_scheduled_twice(self, site: Site) -> None:
        stop = asyncio.Event()
        at = datetime.now(UTC) + timedelta(seconds=SILENCE_S)
        await site.bus.schedule("r1", at)
        await site.other.schedule("r1", at)
        async with aclosing(site.bus.work(DEADLINES, stop=stop, at_once=2)) as deliveries:
            waiting = expect(deliveries)
            await site.let_pass(SILENCE_S)
            await (await soon(waiting)).done()

            assert await nothing_follows(deliveries)

    async def test_a_kept_one_stays_as_it_was_set_first_beside_the_other(self, site: Site) -> None:
        stop = asyncio.Event()
        far = datetime.now(UTC) + timedelta(hours=1)
        await site.bus.schedule("r1", far)
        await site.bus.schedule("r1", far - timedelta(hours=1), keep=True)
        await site.other.schedule("r2", far, keep=True)
        await site.bus.schedule("r2", far - timedelta(hours=1), keep=True)
        async with aclosing(site.bus.work(DEADLINES, stop=stop, at_once=2)) as deliveries:
            first = await take(deliveries)
            await first.done()
            assert await nothing_follows(deliveries)

        assert first.message.subject == subjects.due("r1")

    async def test_after_its_delivery_one_can_be_kept_anew(self, site: Site) -> None:
        stop = asyncio.Event()
        async with aclosing(site.bus.work(DEADLINES, stop=stop, at_once=1)) as deliveries:
            for bus in (site.bus, site.other):
                await bus.schedule("r1", datetime.now(UTC), keep=True)
                await (await take(deliveries)).done()

    async def test_is_no_event(self, site: Site) -> None:
        await site.bus.schedule("r1", datetime.now(UTC))

        assert await site.bus.record(["podfolio.v1.>", "podfolio_timers.v1.>"]) == ()


class TestFollowing:
    async def test_shows_everything_from_the_start_and_goes_on(self, site: Site) -> None:
        await publish_requests(site.bus, "r1", "r2")
        async with aclosing(site.other.follow(everything=True)) as messages:
            seen = await collect(messages, 2)
            await publish(site.bus, subjects.final("r1"))
            seen += await collect(messages, 1)

        assert [message.subject for message in seen] == [
            subjects.request("r1"),
            subjects.request("r2"),
            subjects.final("r1"),
        ]
        assert [message.sequence for message in seen] == [1, 2, 3]

    async def test_shows_messages_as_they_are_in_the_record(self, site: Site) -> None:
        await publish(site.bus, subjects.request("r1"), data=b"", Status="503", **{"ce-type": "t"})

        async with aclosing(site.bus.follow(everything=True)) as messages:
            seen: Message = await soon(anext(messages))

        assert (seen,) == await site.bus.record([subjects.request("r1")])

    async def test_begins_now(self, site: Site) -> None:
        await publish_requests(site.bus, "r1")
        async with aclosing(site.bus.follow()) as messages:
            waiting = expect(messages)
            assert await stays_silent(waiting)
            await publish_requests(site.bus, "r2")
            seen = await soon(waiting)

        assert seen.subject == subjects.request("r2")

    async def test_begins_at_a_message_whose_time_is_given(self, site: Site) -> None:
        for request_id in ("r1", "r2", "r3"):
            await publish_requests(site.bus, request_id)
            await site.let_pass(0.01)
        (second,) = await site.bus.record([subjects.request("r2")])

        async with aclosing(site.bus.follow(since=second.stored_at)) as messages:
            seen = await collect(messages, 2)

        assert [message.subject for message in seen] == [subjects.request("r2"), subjects.request("r3")]

    async def test_shows_all_observers_the_same(self, site: Site) -> None:
        async with (
            aclosing(site.bus.follow(everything=True)) as mine,
            aclosing(site.other.follow(everything=True)) as others,
        ):
            both = asyncio.gather(collect(mine, 300), collect(others, 300))
            await asyncio.gather(*(publish_requests(site.bus, f"r{number}") for number in range(300)))
            seen, seen_by_others = await soon(both)

        assert seen == seen_by_others
        assert [message.sequence for message in seen] == list(range(1, 301))


class TestStanding:
    async def test_tells_how_long_the_stream_is_and_what_its_leader_takes_for_the_time(self, site: Site) -> None:
        before = await site.bus.stream_state()
        await publish_requests(site.bus, "r1", "r2")
        (stored, _) = await site.bus.record([subjects.ALL_REQUESTS])
        after = await site.bus.stream_state()

        assert after.last_sequence == before.last_sequence + 2
        assert after.created == before.created <= before.at
        assert stored.stored_at is not None
        assert before.at <= stored.stored_at <= after.at

    async def test_names_the_requests_without_a_final_event(self, site: Site) -> None:
        await publish_requests(site.bus, "r1", "r2", "r3", "not/an.id")
        await publish(site.bus, subjects.pod_result("r1", "alpha"))
        await publish(site.bus, subjects.final("r2"))

        assert await site.bus.unanswered() == {"r1", "r3"}

    async def test_says_whether_something_is_stored(self, site: Site) -> None:
        await publish(site.bus, subjects.final("r1"))

        assert await site.bus.holds(subjects.final("r1"))
        assert not await site.bus.holds(subjects.final("r"))
        assert not await site.bus.holds(subjects.request("r1"))


class TestStops:
    async def test_a_stop_is_in_force_until_its_own_end(self, site: Site) -> None:
        assert await site.bus.stops() == ()
        for number in ("1", "2"):
            await publish(site.bus, subjects.stop(number), data=f"stop {number}".encode())
        both = await site.other.stops()
        await publish(site.bus, subjects.resume("1"))
        # The end of a stop that is still to come lifts that stop, and no other.
        await publish(site.bus, subjects.resume("3"))
        second = await site.other.stops()
        await publish(site.bus, subjects.resume("2"))
        await publish(site.bus, subjects.stop("3"))

        assert [message.data for message in both] == [b"stop 1", b"stop 2"]
        assert [message.subject for message in second] == [subjects.stop("2")]
        assert await site.other.stops() == ()

    async def test_a_number_is_taken_once_and_no_stop_is_in_the_event_stream(self, site: Site) -> None:
        outcomes = [await publish(site.bus, subjects.stop("1"), message_id=who) for who in ("a", "b", "a")]

        assert outcomes == [Stored.NEW, Stored.TAKEN, Stored.SAME]
        assert await site.bus.record([subjects.ALL]) == ()


async def test_is_not_closed_while_it_works(site: Site) -> None:
    closed = asyncio.create_task(site.bus.closed())

    assert await stays_silent(closed)

    closed.cancel()
