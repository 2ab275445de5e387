"""Whose turn it is, and what is refused: decided from sizes, times and a moment that is handed over."""

from __future__ import annotations

from itertools import count

import pytest
from support.requests_made import data

from bus.language.messages import Reason, parse_request
from coordinator.load import MOST, QUICK_S, Load, Size, Work, size_of

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
    return begun(load, 0.0)


def test_a_size_grows_with_what_makes_the_work() -> None:
    less, more = (size_of(parse_request(data(explain=explain), "r1")) for explain in ("unmet", "all"))

    assert less.within(more)
    assert not more.within(less)


def begun(load: Load, now: float) -> list[str]:
    return [work.request_id for work in load.begin(now)]


def test_one_is_computed_at_a_time_the_least_deadline_first_and_of_equal_ones_who_came_first() -> None:
    load = Load()
    assert queue(load, work(30, name="a"), work(20, name="b"), work(20, name="c")) == ["b"]
    load.leave("b")
    assert begun(load, 0.0) == ["c"]


def test_easy_work_passes_hard_work_that_is_known_to_be_hard() -> None:
    load = knowing(easy=[0.1] * 3, hard=[60.0] * 3)

    assert queue(load, work(20, HARD, "h1"), work(20, HARD, "h2"), work(30, name="e1"), work(30, name="e2")) == [
        "h1",
        "e1",
    ]
    load.leave("e1")
    assert begun(load, 0.1) == ["e2"]
    load.leave("e2")
    assert begun(load, 0.2) == []  # a hard one is not begun beside another


def test_easy_work_passes_what_was_not_known_to_be_hard_after_a_while() -> None:
    load = Load()
    queue(load, work(20, HARD, "h1"), work(20, HARD, "h2"), work(80, name="e1"))

    assert begun(load, QUICK_S - 0.1) == []
    assert begun(load, QUICK_S) == ["h2"]
    assert begun(load, 2 * QUICK_S) == ["e1"]  # nothing is known of it, but that it is smaller


def test_the_last_place_is_for_what_is_known_or_smaller_and_all_else_is_offered_to_others() -> None:
    load = Load()
    queue(load, work(20, HARD, "h1"), work(20, HARD, "h2"), work(20, HARD, "h3"))
    load.begin(QUICK_S)

    assert begun(load, 2 * QUICK_S) == []
    assert load.is_sooner_elsewhere(load.waiting["h3"], 2 * QUICK_S)
    assert not load.is_sooner_elsewhere(work(20), 2 * QUICK_S)
    for _ in range(2):
        load.measured.note(HARD, 0.1, 2 * QUICK_S)
    assert begun(load, 2 * QUICK_S) == ["h3"]


def test_easy_work_that_a_busy_machine_makes_slow_still_passes_hard_work() -> None:
    load = knowing(easy=[4.0] * 3, hard=[60.0] * 3)

    assert queue(load, work(20, HARD, "h1"), work(30, name="e1"), work(30, name="e2")) == ["h1", "e1"]
    assert begun(load, 3.0) == []  # two of them take turns


def test_a_bounded_number_is_computed_at_a_time() -> None:
    load = knowing(easy=[0.1] * 3)
    queue(load, *(work(9_000, HARD) for _ in range(9)), *(work(9_999) for _ in range(9)))
    for second in range(5):
        load.begin(100.0 * second)

    assert [each.size for each in load.running.values()] == [HARD] * (MOST - 1) + [EASY]


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

    assert load.expected_s(work(900, Size(8, 10, 1)), 0.0) == pytest.approx(60.0)
    assert load.expected_s(work(900, Size(6, 10, 1)), 0.0) == 0.0


def test_what_was_measured_long_ago_says_nothing() -> None:
    load = knowing(easy=[5.0] * 20)
    queue(load, work(30, name="running"))

    assert load.is_too_much(Work("x", EASY, 3.0), 0.0)
    assert not load.is_too_much(Work("x", EASY, 604.0), 601.0)


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
    load.running["running"].by = 100.0

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


def test_what_takes_longer_than_its_like_is_expected_to_go_on_until_it_is_passed() -> None:
    load = knowing(hard=[10.0] * 3)
    queue(load, work(100, HARD, "h1"))

    assert load.ahead_s(work(900, HARD), 4.0) == pytest.approx(6.0)
    assert load.ahead_s(work(900, HARD), 16.0) == pytest.approx(4.0)
    assert load.ahead_s(work(900, HARD), 20.0) == 0.0


def test_hard_ones_that_wait_do_not_stand_in_the_way_of_an_easy_one() -> None:
    load = knowing(easy=[0.1] * 3, hard=[60.0] * 3)
    queue(load, *(work(20, HARD) for _ in range(40)))

    assert not load.is_too_much(work(30), 0.0)
    assert load.is_too_much(work(30, HARD), 0.0)


def test_the_refusal_says_how_long_the_queue_is_and_what_to_do() -> None:
    load = knowing(easy=[0.25] * 3)
    queue(load, *(work(3) for _ in range(40)))

    event = load.refusal(REQUEST, work(3), 0.0)

    assert (event.reason, event.customer_id) == (Reason.OVERLOADED, REQUEST.customer.customer_id)
    for told in ("40 long", "10 s", "0.25 s", "3 s of its 10 s", "deadline_s", "more coordinators"):
        assert told in event.message


@pytest.mark.parametrize(("came", "reason"), [(97.0, Reason.DEADLINE_EXCEEDED), (91.0, Reason.OVERLOADED)])
def test_who_lost_the_time_elsewhere_is_not_told_that_too_much_is_asked(came: float, reason: Reason) -> None:
    load = knowing(easy=[0.25] * 3)
    late = Work("late", EASY, 99.0, came=came)

    event = load.refusal(REQUEST, late, 100.0)

    assert event.reason is reason
    assert ("10 s passed while the request waited" in event.message) is (reason is Reason.DEADLINE_EXCEEDED)
