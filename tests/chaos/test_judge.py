"""The judge finds what is wrong: each way to break the promise, planted in a history that keeps it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from bus.language import subjects
from bus.port import Message
from chaos.history import Event, History, What, digest, outcome_of, read
from chaos.judge import Judgement, judge
from chaos.schedule import Kind

if TYPE_CHECKING:
    from pathlib import Path

# When the servers stored the first message, by their clock.
NOON_S = 1_767_268_800.0
DEADLINE_S = 30.0


class Forgery:
    """A history that is written by hand; what is added last happens last."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.now_s = 0.0

    def add(self, who: str, what: What, **details: Any) -> None:  # noqa: ANN401 - the fields of an event
        self.events.append(Event(self.now_s, who, what, **details))
        self.now_s += 1

    def publishes(self, operation: int, request_id: str, body: str, outcome: What | None, **details: Any) -> None:  # noqa: ANN401
        subject = subjects.request(request_id)
        self.add(
            "client",
            What.INVOKED,
            operation=operation,
            subject=subject,
            sha256=body,
            deadline_s=DEADLINE_S,
            **details,
        )
        if outcome:
            self.add("client", outcome, operation=operation, subject=subject)

    def sees(self, sequence: int, subject: str, body: str, *, told: str = "", who: str = "observer") -> None:
        stored_at = NOON_S + sequence
        self.add(who, What.SEEN, sequence=sequence, subject=subject, sha256=body, stored_at=stored_at, told=told)


def good() -> Forgery:
    """Forge the history of one request, from its publication to the readings of its final: messages 1 to 3."""
    forged = Forgery()
    forged.add("observer", What.FOLLOWS, sequence=1)
    forged.publishes(1, "r1", "asked", What.ACKNOWLEDGED)
    forged.sees(1, subjects.request("r1"), "asked")
    forged.sees(2, subjects.pod_result("r1", "alpha"), "alpha's")
    forged.sees(3, subjects.final("r1"), "final", told="optimised")
    forged.events.append(replace(forged.events[-1], who="reader", what=What.READ, at_s=9))
    forged.now_s = 10
    return forged


def held_by(events: list[Event]) -> list[Event]:
    """Give what the stream holds at the end of a history: every message that was seen."""
    seen = {event.sequence: event for event in events if event.what is What.SEEN}
    return [replace(seen[number], who="stream", what=What.READ, at_s=100) for number in sorted(seen)]


def verdict(events: list[Event], held: list[Event] | None = None, **settings: float) -> Judgement:
    ordered = sorted(events, key=lambda event: event.at_s)
    return judge(ordered, held_by(ordered) if held is None else held, **settings)


def changed(events: list[Event], number: int, **changes: Any) -> list[Event]:  # noqa: ANN401 - the fields of an event
    return [replace(event, **changes) if place == number else event for place, event in enumerate(events)]


def place_of(events: list[Event], sequence: int) -> int:
    """Find where a message is first seen."""
    return next(place for place, event in enumerate(events) if (event.what, event.sequence) == (What.SEEN, sequence))


def without(events: list[Event], **named: Any) -> list[Event]:  # noqa: ANN401 - the fields of an event
    return [event for event in events if any(getattr(event, name) != value for name, value in named.items())]


def test_a_history_that_keeps_the_promise_has_nothing_wrong() -> None:
    judged = verdict(good().events)

    assert judged.wrong == ()
    assert judged.tries[What.ACKNOWLEDGED] == 1
    assert (judged.sights, judged.final_readings) == (3 + 1 + 3, 3)
    assert (judged.prompt.waited_s, judged.prompt.late_s) == ((3.0,), ())


def test_an_acknowledged_request_that_is_gone() -> None:
    forged = good()
    forged.publishes(2, "r2", "lost", What.ACKNOWLEDGED)

    assert verdict(forged.events).wrong == ("r2: acknowledged, and not in the stream",)


@pytest.mark.parametrize("outcome", [What.ACKNOWLEDGED, What.UNKNOWN, None])
def test_a_stored_request_without_a_final_event(outcome: What | None) -> None:
    forged = good()
    forged.publishes(2, "r2", "asked too", outcome)
    forged.sees(4, subjects.request("r2"), "asked too")

    told = "acknowledged" if outcome is What.ACKNOWLEDGED else "stored"
    assert verdict(forged.events).wrong == (f"r2: {told} as message 4, and has 0 final events",)


def test_a_request_with_two_final_events() -> None:
    forged = good()
    forged.sees(4, subjects.final("r1"), "another final")

    wrong = verdict(forged.events).wrong
    assert "r1: acknowledged as message 1, and has 2 final events" in wrong
    assert "podfolio.v1.final.r1 held message 3, and then 4" in wrong


@pytest.mark.parametrize("outcome", [What.UNKNOWN, None])
def test_an_unknown_request_may_be_stored_or_not(outcome: What | None) -> None:
    forged = good()
    forged.publishes(2, "r2", "never stored", outcome)
    forged.publishes(3, "r3", "stored", outcome)
    forged.sees(4, subjects.request("r3"), "stored")
    forged.sees(5, subjects.final("r3"), "its final")

    judged = verdict(forged.events)
    assert judged.wrong == ()
    assert judged.unknown_stored == 1


def test_a_refused_request_that_is_stored_all_the_same() -> None:
    forged = good()
    forged.publishes(2, "r2", "refused", What.REFUSED)
    forged.sees(4, subjects.request("r2"), "refused")
    forged.sees(5, subjects.final("r2"), "its final")

    assert verdict(forged.events).wrong == ("r2: refused, and stored all the same",)


def test_a_request_may_be_stored_by_a_later_try_than_the_refused_one_but_not_seen_before() -> None:
    forged = good()
    forged.publishes(2, "r2", "asked", What.REFUSED)
    early = forged.now_s
    forged.now_s += 1
    forged.publishes(3, "r2", "asked", What.ACKNOWLEDGED)
    forged.sees(4, subjects.request("r2"), "asked")
    forged.sees(5, subjects.final("r2"), "its final")

    assert verdict(forged.events).wrong == ()
    place = place_of(forged.events, 4)
    assert verdict(changed(forged.events, place, at_s=early)).wrong == (
        "r2: message 4 was seen before it was published",
    )


@pytest.mark.parametrize(
    ("sequence", "told"),
    [(1, "message 1 was seen before it was published"), (3, "message 3 was seen before its request was published")],
)
def test_what_is_seen_before_it_was_published(sequence: int, told: str) -> None:
    events = good().events
    place = place_of(events, sequence)

    assert f"r1: {told}" in verdict(changed(events, place, at_s=0.5)).wrong


def test_a_request_that_nobody_published() -> None:
    forged = good()
    forged.sees(4, subjects.request("r2"), "invented")
    forged.sees(5, subjects.final("r2"), "its final")

    assert "r2: message 4 is a request that nobody published" in verdict(forged.events).wrong


def test_a_final_event_that_answers_no_request() -> None:
    forged = good()
    forged.sees(4, subjects.final("r2"), "invented")

    assert verdict(forged.events).wrong == ("r2: message 4 answers a request that is not in the stream",)


def test_a_final_event_that_stands_before_its_request() -> None:
    forged = Forgery()
    forged.add("observer", What.FOLLOWS, sequence=1)
    forged.publishes(1, "r1", "asked", What.ACKNOWLEDGED)
    forged.sees(1, subjects.final("r1"), "final")
    forged.sees(2, subjects.request("r1"), "asked")

    assert "r1: message 1 stands before the request that it answers" in verdict(forged.events).wrong


@pytest.mark.parametrize(
    "what", [{"sha256": "other bytes"}, {"stored_at": NOON_S}, {"subject": "podfolio.v1.final.r2"}]
)
@pytest.mark.parametrize("who", ["reader", "stream"])
def test_a_final_event_that_is_not_the_same_to_everybody(who: str, what: dict[str, Any]) -> None:
    events = good().events
    held = held_by(events)
    if who == "reader":
        events = changed(events, len(events) - 1, **what)
    else:
        held = changed(held, len(held) - 1, **what)

    wrong = verdict(events, held).wrong
    assert len(wrong) == 1
    assert wrong[0].startswith("message 3 was podfolio.v1.final.r1 final stored at")
    assert wrong[0].endswith(f"to {who}: it changed")


def test_a_final_event_that_was_exchanged_for_a_later_message() -> None:
    forged = good()
    exchanged = replace(held_by(forged.events)[-1], who="reader", sequence=4, sha256="another", stored_at=NOON_S + 50)

    wrong = verdict([*forged.events, exchanged], held_by(forged.events)).wrong
    assert "podfolio.v1.final.r1 held message 3, and then 4" in wrong


class TestObservers:
    def test_one_that_missed_a_message(self) -> None:
        assert verdict(without(good().events, sequence=2, what=What.SEEN), held_by(good().events)).wrong == (
            "observer was never shown message 2 and 0 others",
        )

    def test_one_that_missed_the_end(self) -> None:
        events = without(good().events, sequence=3, what=What.SEEN)

        assert verdict(events, held_by(good().events)).wrong == ("observer was never shown message 3 and 0 others",)

    def test_one_that_was_shown_a_message_twice(self) -> None:
        forged = good()
        forged.sees(2, subjects.pod_result("r1", "alpha"), "alpha's")

        assert verdict(forged.events).wrong == ("observer was shown a message twice or out of order",)

    def test_one_that_was_shown_messages_out_of_order(self) -> None:
        events = good().events
        place = place_of(events, 2)

        assert verdict(changed(events, place, at_s=8.5)).wrong == (
            "observer was shown a message twice or out of order",
        )

    def test_one_that_began_later_sees_what_came_later_and_no_more(self) -> None:
        forged = good()
        forged.add("late", What.FOLLOWS, sequence=3)
        forged.sees(3, subjects.final("r1"), "final", who="late")
        assert verdict(forged.events).wrong == ()

        forged.sees(2, subjects.pod_result("r1", "alpha"), "alpha's", who="late")
        assert verdict(forged.events).wrong == ("late was shown a message twice or out of order",)

    def test_one_that_was_shown_nothing(self) -> None:
        forged = good()
        forged.add("deaf", What.FOLLOWS, sequence=1)

        assert verdict(forged.events).wrong == ("deaf was never shown message 1 and 2 others",)

    def test_only_what_was_made_unreadable_may_be_left_out(self) -> None:
        forged = good()
        forged.add("raw", What.INVOKED, operation=2, subject="podfolio.v1.request.\\xff", sha256="odd", strange=True)
        forged.add("raw", What.ACKNOWLEDGED, operation=2)
        odd = Event(90, "stream", What.READ, sequence=4, subject="podfolio.v1.request.\\xff", sha256="odd")
        held = [*held_by(forged.events), odd]

        assert verdict(forged.events, held).wrong == ()
        assert verdict(forged.events, [*held[:-1], replace(odd, sha256="fine")]).wrong == (
            "observer was never shown message 4 and 0 others",
        )


class TestRawContent:
    def said(self, operation: int, subject: str, body: str) -> Forgery:
        forged = good()
        forged.add("raw", What.INVOKED, operation=operation, subject=subject, sha256=body, strange=True)
        forged.add("raw", What.ACKNOWLEDGED, operation=operation, subject=subject)
        return forged

    def test_what_is_about_no_request_has_no_rule(self) -> None:
        assert verdict(self.said(2, "$KV.podfolio_markets.id.x", "odd").events).wrong == ()

    def test_a_final_that_was_forged_answers_nothing(self) -> None:
        forged = self.said(2, subjects.final("raw-1"), "odd")
        forged.sees(4, subjects.final("raw-1"), "odd")

        assert verdict(forged.events).wrong == ()

    def test_a_request_whose_final_was_forged_has_no_other(self) -> None:
        forged = self.said(2, subjects.final("raw-1"), "odd")
        forged.sees(4, subjects.final("raw-1"), "odd")
        forged.publishes(3, "raw-1", "asked", What.ACKNOWLEDGED)
        forged.sees(5, subjects.request("raw-1"), "asked")

        assert verdict(forged.events).wrong == ()

    def test_a_malformed_request_is_answered_as_every_other(self) -> None:
        forged = self.said(2, subjects.request("raw-1"), "odd")
        forged.sees(4, subjects.request("raw-1"), "odd")
        assert verdict(forged.events).wrong == ("raw-1: acknowledged as message 4, and has 0 final events",)

        forged.sees(5, subjects.final("raw-1"), "its final")
        assert verdict(forged.events).wrong == ()


class TestIdsUsedAgain:
    def test_the_second_is_told_that_another_is_there(self) -> None:
        forged = good()
        forged.publishes(2, "r1", "something else", What.TAKEN)

        assert verdict(forged.events).wrong == ()

    def test_the_second_is_acknowledged(self) -> None:
        forged = good()
        forged.publishes(2, "r1", "something else", What.ACKNOWLEDGED)

        assert verdict(forged.events).wrong == ("r1: acknowledged, and not in the stream: another message is there",)

    def test_the_first_is_told_that_another_is_there(self) -> None:
        forged = good()
        forged.publishes(2, "r1", "asked", What.TAKEN)

        assert verdict(forged.events).wrong == ("r1: told that the id is another request's, although it is its own",)

    def test_one_is_told_that_another_is_there_and_there_is_none(self) -> None:
        forged = good()
        forged.publishes(2, "r2", "asked", What.TAKEN)

        assert verdict(forged.events).wrong == ("r2: told that the id is another request's, and there is none",)

    def test_after_the_first_has_aged_it_is_a_new_request_with_a_final_of_its_own(self) -> None:
        forged = good()
        forged.publishes(2, "r1", "asked again", What.ACKNOWLEDGED)
        forged.sees(4, subjects.request("r1"), "asked again")
        assert verdict(forged.events, kept_s=2).wrong == ("r1: acknowledged as message 4, and has 0 final events",)

        forged.sees(5, subjects.final("r1"), "another final")
        assert verdict(forged.events, kept_s=2).wrong == ()
        assert "podfolio.v1.request.r1 held message 1, and then 4" in verdict(forged.events, kept_s=10).wrong


class TestDeadlines:
    def late(self, by_s: float, told: str = "optimised") -> Forgery:
        """Forge a history whose final is seen *by_s* after its deadline: it was acknowledged 2 s after the begin."""
        forged = Forgery()
        forged.add("observer", What.FOLLOWS, sequence=1)
        forged.publishes(1, "r1", "asked", What.ACKNOWLEDGED)
        forged.sees(1, subjects.request("r1"), "asked")
        forged.now_s = 2 + DEADLINE_S + by_s
        forged.sees(2, subjects.final("r1"), "final", told=told)
        return forged

    def fault(self, forged: Forgery, kind: Kind, begin_s: float, end_s: float | None) -> None:
        forged.now_s = begin_s
        forged.add("n1", What.BEGAN, operation=9, told=kind.value)
        if end_s is not None:
            forged.now_s = end_s
            forged.add("n1", What.ENDED, operation=9, told=kind.value)

    def test_a_final_is_late_by_the_clients_clock(self) -> None:
        judged = verdict(self.late(3).events)

        assert judged.wrong == ()
        assert judged.prompt.late_s == (3.0,)

    def test_nothing_excuses_a_long_delay_in_calm(self) -> None:
        forged = self.late(20)
        self.fault(forged, Kind.SERVER_KILLED, 0.1, 0.2)

        told = "r1: answered 20.0 s late, although nothing had been wrong for 15 s"
        assert verdict(forged.events).wrong == (told,)

    @pytest.mark.parametrize(("by_s", "excused"), [(34, True), (36, False)])
    def test_a_clock_that_was_ahead_sets_a_later_deadline(self, by_s: float, *, excused: bool) -> None:
        forged = self.late(by_s)
        self.fault(forged, Kind.SERVER_CLOCK_SET, 0.5, 4)

        assert (verdict(forged.events).wrong == ()) is excused

    @pytest.mark.parametrize("end_s", [45, None])
    def test_a_fault_that_lasted_excuses_it(self, end_s: float | None) -> None:
        forged = self.late(20)
        self.fault(forged, Kind.SERVER_KILLED, 3, end_s)

        assert verdict(forged.events).wrong == ()

    def stored(self, forged: Forgery, *seconds: float) -> list[Event]:
        """Have messages stored and seen besides, at these times by both clocks; the other times agree then."""
        others = [
            Event(
                at_s,
                "observer",
                What.SEEN,
                sequence=100 + number,
                subject=subjects.pod_result(f"other-{number}", "alpha"),
                sha256="other",
                stored_at=NOON_S + at_s,
            )
            for number, at_s in enumerate(seconds)
        ]
        own = [replace(event, stored_at=NOON_S + event.at_s) if event.sequence else event for event in forged.events]
        return [*own, *others]

    @pytest.mark.parametrize(
        ("kind", "pause_s", "promised"),
        [
            (Kind.SERVER_KILLED, 6, 0),  # nothing could be stored
            (Kind.SERVER_KILLED, 2, 1),  # the others stored
            (Kind.COORDINATOR_KILLED, 6, 1),  # nothing was, but it could be
            (None, 6, 1),
        ],
    )
    def test_a_deadline_is_promised_while_servers_can_store(
        self, kind: Kind | None, pause_s: int, promised: int
    ) -> None:
        forged = self.late(3)
        if kind is not None:
            self.fault(forged, kind, 10, 10 + pause_s)
        events = self.stored(forged, *(second for second in range(3, 40) if not 10 <= second < 10 + pause_s))

        prompt = verdict(events, []).prompt

        assert (prompt.late_s, prompt.promised) == ((3.0,), promised)
        assert prompt.broken_s == ((3.0,) if promised else ())
        assert [(outage.begin_s, outage.end_s) for outage in prompt.outages] == ([] if promised else [(9, 16)])

    def test_no_deadline_is_promised_by_a_wrong_clock(self) -> None:
        forged = self.late(3)
        self.fault(forged, Kind.SERVER_CLOCK_SET, 10, 12)

        assert verdict(self.stored(forged, *range(3, 40)), []).prompt.promised == 0

    def test_giving_up_before_the_deadline_is_wrong(self) -> None:
        forged = self.late(-12, told="deadline_exceeded")

        assert verdict(forged.events).wrong == ("r1: given up 11.0 s before its deadline",)

    def test_a_server_whose_clock_was_wrong_may_have_it_given_up_too_early(self) -> None:
        forged = self.late(-12, told="deadline_exceeded")
        self.fault(forged, Kind.SERVER_CLOCK_SET, 4, 10)
        judged = verdict(forged.events)
        assert judged.wrong == ()
        assert judged.prompt.early == 1

        forged = self.late(-12, told="deadline_exceeded")
        self.fault(forged, Kind.SERVER_KILLED, 4, 10)
        assert len(verdict(forged.events).wrong) == 1


class TestRefusals:
    def refused(self, others: int) -> Forgery:
        """Forge a history in which a request is refused as overloaded while *others* wait."""
        forged = Forgery()
        forged.add("observer", What.FOLLOWS, sequence=1)
        names = [*(f"other-{number}" for number in range(others)), "r1"]
        for number, name in enumerate(names):
            forged.publishes(number + 1, name, name, What.ACKNOWLEDGED)
            forged.sees(number + 1, subjects.request(name), name)
        for number, name in enumerate(reversed(names), len(names) + 1):
            told = "overloaded" if name == "r1" else "optimised"
            forged.sees(number, subjects.final(name), f"final of {name}", told=told)
        return forged

    def test_a_request_that_was_one_too_many(self) -> None:
        assert verdict(self.refused(8).events).wrong == ()

    def test_a_request_that_was_refused_although_there_were_few(self) -> None:
        told = "r1: refused as overloaded beside 2 others, although nothing had been wrong for 15 s"
        assert verdict(self.refused(2).events).wrong == (told,)

    @pytest.mark.parametrize(("kind", "excuses"), [(Kind.SERVER_CLOCK_SET, True), (Kind.LONG_REQUEST, False)])
    def test_only_a_fault_that_takes_something_away_excuses_it(self, kind: Kind, *, excuses: bool) -> None:
        events = self.refused(2).events
        fault = Event(0.5, "n1", What.BEGAN, operation=9, told=kind.value)

        assert (verdict([*events, fault]).wrong == ()) is excuses


def test_much_that_is_wrong_is_told_in_short() -> None:
    forged = good()
    for number in range(30):
        forged.publishes(number + 2, f"lost-{number:02}", "lost", What.ACKNOWLEDGED)

    wrong = verdict(forged.events).wrong
    assert len(wrong) == 21
    assert wrong[-1] == "and 10 more"


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b'{"type": "MasterPortfolioOptimized"}', "optimised"),
        (b'{"type": "MasterPortfolioFailed", "reason": "overloaded"}', "overloaded"),
        *((odd, "") for odd in (b"", b"[]", b"\xff", b"[" * 100_000, b"{}")),
    ],
)
def test_an_outcome_is_read_of_whatever_stands_where_a_final_should(data: bytes, told: str) -> None:
    assert outcome_of(data) == told


def test_a_history_that_was_kept_reads_as_it_was_written(tmp_path: Path) -> None:
    history = History(tmp_path / "history.jsonl")
    tried = history.invoke("client", subjects.request("r1"), b"{}", deadline_s=30)
    history.outcome(tried, What.UNKNOWN, told="no answer")
    history.show("observer", What.SEEN, Message(subjects.final("r1"), b'{"type": "x", "reason": "overloaded"}', {}, 7))
    history.close()

    kept = read((tmp_path / "history.jsonl").read_text(encoding="utf-8").splitlines())
    assert kept == history.events
    assert [event.what for event in kept] == [What.INVOKED, What.UNKNOWN, What.SEEN]
    assert kept[0].sha256 == digest(b"{}")
    assert kept[2].told == "overloaded"
    assert kept[0].at_s <= kept[1].at_s <= kept[2].at_s


def with_challenges(*sequences: int) -> list[Event]:
    """Add challenges to the good history, whose final event is message 3."""
    forged = good()
    for sequence in sequences:
        forged.sees(sequence, subjects.challenge("r1"), f"challenge {sequence}")
    return forged.events


@pytest.mark.parametrize(
    ("sequences", "said"),
    [((), "has 0 challenges"), ((4, 5), "has 2 challenges")],
)
def test_a_final_event_without_its_one_challenge_is_found_where_challengers_ran(
    sequences: tuple[int, ...], said: str
) -> None:
    assert any(said in fault for fault in verdict(with_challenges(*sequences), challengers=True).wrong)
    assert not verdict(with_challenges(4), challengers=True).wrong
    assert not verdict(with_challenges()).wrong


def test_a_challenge_may_be_missing_where_its_final_event_waits_for_the_time_of_a_wrong_clock() -> None:
    def faults(by_a_clock: int, *sequences: int) -> tuple[str, ...]:
        return verdict(with_challenges(*sequences), challengers=True, by_a_clock=by_a_clock).wrong

    # The final event is message 3.
    assert [bool(faults(2)), bool(faults(3))] == [True, False]
    assert faults(3, 4, 5), "two are too many all the same"
