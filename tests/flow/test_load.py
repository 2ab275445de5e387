"""Whose turn it is, and what is refused: decided from sizes, times and a moment that is handed over."""

from __future__ import annotations

from itertools import count

import pytest
from requests_made import data

from bus.messages import Reason, parse_request
from coordinator.load import QUICK_S, Lane, Load, Size, Work, size_of

EASY, HARD = Size(7, 0, 0), Size(7, 9, 1)
REQUEST = parse_request(data(deadline_s=10), "r1")
_names = count()


def work(by: float, size: Size = EASY, name: str = "") -> Work:
    return Work(name or f"w{next(_names)}", size, by)


def knowing(**taken: list[float]) -> Load:
    """Make a load that has measured some times of ``easy`` and ``hard``, just now."""
    load = Load()
    for kind, seconds in taken.items():
        for each in seconds:
            load.measured.note({"easy": EASY, "hard": HARD}[kind], each, 0.0)
    return load


def queue(load: Load, *waiting: Work) -> list[str]:
    for each in waiting:
        load.waiting[each.request_id] = each
    return [begun.request_id for begun in load.begin(0.0)]


def test_a_size_grows_with_what_makes_the_work() -> None:
    less, more = (size_of(parse_request(data(explain=explain), "r1")) for explain in ("unmet", "all"))

    assert less.within(more)
    assert not more.within(less)


def test_one_at_a_time_is_quick_and_one_is_long_whatever_came_first() -> None:
    load = knowing(easy=[0.1] * 3, hard=[60.0] * 3)

    begun = queue(load, work(900, HARD, "h1"), work(900, HARD, "h2"), work(30, name="e1"), work(30, name="e2"))

    assert sorted(begun) == ["e1", "h1"]
    load.leave("e1")
    assert [next_.request_id for next_ in load.begin(0.1)] == ["e2"]


def test_the_least_deadline_is_first_and_of_equal_ones_who_came_first() -> None:
    load = Load()
    assert queue(load, work(30, name="a"), work(20, name="b"), work(20, name="c")) == ["b"]
    load.leave("b")
    assert [next_.request_id for next_ in load.begin(0.0)] == ["c"]


def test_what_turns_out_to_be_long_goes_on_elsewhere_when_something_quick_waits() -> None:
    load = knowing(easy=[0.1] * 3)
    queue(load, work(900, HARD, "h1"))
    assert load.make_way(50.0) == ""
    assert load.running[Lane.QUICK].request_id == "h1"  # nobody minds

    load.waiting["e1"] = work(80, name="e1")
    assert load.left_of_quick_s(1.0) == pytest.approx(QUICK_S - 1)
    assert load.make_way(1.0) == ""
    assert load.begin(1.0) == []
    assert load.make_way(QUICK_S) == ""
    assert load.running[Lane.LONG].request_id == "h1"
    assert [next_.request_id for next_ in load.begin(QUICK_S)] == ["e1"]


def test_a_second_one_that_turns_out_to_be_long_has_to_begin_again_behind_the_first() -> None:
    load = knowing(easy=[0.1] * 3)
    queue(load, work(900, HARD, "h1"), work(900, HARD, "h2"), work(910, name="e1"))
    load.make_way(QUICK_S)
    second = load.begin(QUICK_S)[0]
    assert second.request_id == "h2"

    assert load.make_way(2 * QUICK_S) == "h2"
    load.put_back(second)

    assert [next_.request_id for next_ in load.begin(2 * QUICK_S)] == ["e1"]
    assert load.lane_of(load.waiting["h2"], 5.0) is Lane.LONG
    assert load.left_of_quick_s(5.0) == float("inf")  # what waits for the other lane is not held up by this one


def test_one_slow_request_says_nothing_of_easy_ones() -> None:
    load = knowing(easy=[0.1] * 5, hard=[8.0] * 9)
    queue(load, work(30, name="running"), *(work(30) for _ in range(29)))

    assert not load.is_too_much(work(30), 0.0)
    assert load.ahead_s(work(30), 0.0) == pytest.approx(3.0, abs=0.2)


def test_what_is_not_known_is_tried() -> None:
    load = Load()
    queue(load, work(30, name="running"), *(work(30) for _ in range(500)))

    assert not load.is_too_much(work(1), 0.0)


def test_one_that_took_long_once_says_nothing_of_what_the_next_takes() -> None:
    load = knowing(easy=[21.0])
    queue(load, work(30, name="running"))

    assert not load.is_too_much(work(5), 0.0)


def test_what_is_larger_is_known_to_take_as_long_as_what_is_smaller() -> None:
    load = knowing(hard=[60.0] * 3)
    larger, other = Size(8, 10, 1), Size(6, 10, 1)

    assert load.lane_of(work(900, larger), 0.0) is Lane.LONG
    assert load.lane_of(work(900, other), 0.0) is Lane.QUICK


def test_what_was_measured_long_ago_says_nothing() -> None:
    load = knowing(easy=[5.0] * 20)
    queue(load, work(30, name="running"))

    assert load.is_too_much(Work("x", EASY, 3.0), 0.0)
    assert load.expected_s(work(610), 601.0) == 0.0


def test_what_requests_take_is_learnt_within_tens_of_them() -> None:
    load = knowing(easy=[0.02] * 20)
    for _ in range(12):
        load.measured.note(EASY, 0.4, 1.0)
    assert load.expected_s(work(30), 1.0) > 0.2
    for _ in range(20):
        load.measured.note(EASY, 0.02, 2.0)
    assert load.expected_s(work(30), 2.0) < 0.021


@pytest.mark.parametrize(("left_s", "refused"), [(6.3, False), (6.2, True), (-1.0, True)])
def test_a_request_is_refused_if_those_before_it_leave_too_little_time(left_s: float, *, refused: bool) -> None:
    load = knowing(easy=[1.0] * 3)
    queue(load, work(-2, name="running"), *(work(-2) for _ in range(3)))
    load.running[Lane.QUICK].by = 100.0

    # Five seconds are planned with its own, and a quarter of that is kept.
    assert load.is_too_much(work(left_s), 0.0) == refused


def test_those_whose_deadline_is_later_are_not_before_a_request() -> None:
    load = knowing(easy=[1.0] * 3)
    queue(load, *(work(100) for _ in range(50)))

    assert not load.is_too_much(work(3), 0.0)
    assert load.is_too_much(work(60), 0.0) is False
    assert load.is_too_much(work(100.5), 40.0)


def test_what_need_not_wait_is_always_tried() -> None:
    load = knowing(easy=[9.0] * 3)

    assert not load.is_too_much(work(-5.0), 0.0)


def test_what_would_wait_long_here_may_be_sooner_elsewhere() -> None:
    load = knowing(hard=[60.0] * 3)
    queue(load, work(900, HARD, "h1"))

    assert load.is_sooner_elsewhere(work(900, HARD), 1.0)
    assert not load.is_sooner_elsewhere(work(900, EASY), 1.0)
    assert not load.is_too_much(work(900, HARD), 1.0)


def test_what_goes_beyond_what_its_like_take_goes_on_for_as_long_again_until_its_deadline() -> None:
    load = knowing(hard=[10.0] * 3)
    queue(load, work(100, HARD, "h1"))

    assert load.ahead_s(work(900, HARD), 4.0) == pytest.approx(6.0)
    assert load.ahead_s(work(900, HARD), 40.0) == pytest.approx(40.0)
    assert load.ahead_s(work(900, HARD), 90.0) == pytest.approx(10.0)


def test_the_refusal_says_how_long_the_queue_is_and_what_to_do() -> None:
    load = knowing(easy=[0.25] * 3)
    queue(load, *(work(3) for _ in range(40)))

    event = load.refusal(REQUEST, work(3), 0.0)

    assert (event.reason, event.customer_id) == (Reason.OVERLOADED, REQUEST.customer.customer_id)
    for told in ("40 long", "10 s", "0.25 s", "3 s of its 10 s", "deadline_s", "more coordinators"):
        assert told in event.message
