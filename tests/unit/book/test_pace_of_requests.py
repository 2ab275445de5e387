"""The number of requests in flight: halved by a refusal, and one more for as many answers as are in flight."""

from __future__ import annotations

from book.window import Window


def test_it_begins_with_eight_and_each_answer_allows_one_more() -> None:
    window = Window(10, in_flight=3)
    assert (window.allowed, window.has_room) == (8.0, True)

    for _ in range(3):
        window.answered()
    assert window.allowed == 10.0, "8 + 3, but never more than 10"


def test_a_refusal_halves_and_answers_open_again() -> None:
    window = Window(4)
    window.in_flight = 4
    assert not window.has_room

    window.overloaded()
    assert (window.in_flight, window.allowed) == (3, 2.0)
    assert not window.has_room, "three are in flight, two are allowed"

    window.answered()
    window.answered()
    # 2 + 1/2 = 2.5, and 2.5 + 1/2.5 = 2.9: two may be in flight, and one is.
    assert (window.in_flight, window.allowed) == (1, 2.9)
    assert window.has_room

    window.answered()
    assert int(window.allowed) == 3, "2.9 + 1/2.9 = 3.24"


def test_one_is_always_allowed_and_never_more_than_the_most() -> None:
    window = Window(2, in_flight=3)
    for _ in range(3):
        window.overloaded()
    assert window.allowed == 1.0
    assert window.has_room

    window.in_flight = 9
    for _ in range(9):
        window.answered()
    assert window.allowed == 2.0
