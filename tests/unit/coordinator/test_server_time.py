"""The server's time, told without asking a clock that may be wrong, and learnt again whenever it was set."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.port import Message
from coordinator.server_time import ServerTime

BEGAN = datetime(2026, 11, 23, 9, tzinfo=UTC)
EXACT_S = 2e-3  # what two clocks may drift apart between answers, and rounding


class Server:
    """A server's clock and an even one of ours, which says something else."""

    def __init__(self, ours_s: float = 0.0) -> None:
        self.passed_s, self.ours_s, self.set_s = 0.0, ours_s, 0.0
        self.time = ServerTime(lambda: self.ours_s + self.passed_s)

    def answer(self, *, there_s: float, back_s: float) -> float:
        """Ask it for its time; says by how much that seems to have jumped."""
        asked = self.time.ticks()
        self.passed_s += there_s
        told = self.now()
        self.passed_s += back_s
        return self.time.update(told, asked_at=asked)

    def now(self) -> datetime:
        return BEGAN + timedelta(seconds=self.passed_s + self.set_s)

    def late_s(self) -> float:
        """Say by how much we are behind."""
        return (self.now() - self.time.now()).total_seconds()


@pytest.mark.parametrize("ours_s", [0.0, 12.5, 1e6, 2e9])
def test_it_is_told_from_the_answer_that_took_least(ours_s: float) -> None:
    server = Server(ours_s)
    for back_s in (5.0, 0.25, 8.0):
        server.answer(there_s=0.1, back_s=back_s)

    assert server.late_s() == pytest.approx(0.25, abs=1e-2)


def test_it_goes_on_without_answers() -> None:
    server = Server()
    server.answer(there_s=0.0, back_s=0.0)
    server.passed_s += 100

    assert server.late_s() == pytest.approx(0.0, abs=1e-6)


def test_it_is_not_told_before_the_server_has_told_it() -> None:
    time = ServerTime()

    assert not time.is_known
    with pytest.raises(ValueError, match="not known before"):
        time.now()


def test_a_clock_that_runs_faster_than_the_servers_is_followed() -> None:
    server = Server()
    jumps = 0.0
    for _ in range(1_000):
        server.ours_s += 60 * 5e-5  # 50 millionths too fast, as quartz may be
        server.passed_s += 60
        jumps += abs(server.answer(there_s=0.001, back_s=0.001))

    assert server.late_s() == pytest.approx(0.001, abs=1e-2)
    assert jumps == 0


@pytest.mark.parametrize("set_s", [3_600.0, 20.0, -20.0, -3_600.0])
def test_a_clock_that_is_set_is_believed_with_the_next_answer_and_the_jump_is_told(set_s: float) -> None:
    server = Server()
    for _ in range(5):
        assert server.answer(there_s=0.01, back_s=0.01) == 0
    server.set_s = set_s

    assert server.answer(there_s=0.01, back_s=0.01) == pytest.approx(set_s, abs=0.1)
    assert server.late_s() == pytest.approx(0.01, abs=EXACT_S)
    server.set_s = 0.0  # and right again
    assert server.answer(there_s=0.01, back_s=0.01) == pytest.approx(-set_s, abs=0.1)
    assert server.late_s() == pytest.approx(0.01, abs=EXACT_S)


TRIPS = st.floats(0.0, 5.0)
STEPS = st.tuples(st.floats(0.0, 60.0), TRIPS, TRIPS, st.sampled_from([0.0] * 6 + [3_600.0, -3_600.0, 1.0, -0.3]))


@given(st.lists(STEPS, min_size=1, max_size=30))
def test_after_every_answer_it_is_right_to_what_that_took_whatever_was_set_before(
    steps: list[tuple[float, float, float, float]],
) -> None:
    server = Server()
    for waited_s, there_s, back_s, set_s in steps:
        server.passed_s += waited_s
        server.set_s += set_s
        server.answer(there_s=there_s, back_s=back_s)
        assert -there_s - EXACT_S <= server.late_s() <= back_s + EXACT_S


@given(st.lists(st.tuples(st.floats(0.0, 60.0), TRIPS, TRIPS), min_size=1, max_size=30))
def test_a_clock_that_is_never_set_is_never_told_later_than_it_is_nor_seen_to_jump(
    steps: list[tuple[float, float, float]],
) -> None:
    server = Server()
    for waited_s, there_s, back_s in steps:
        server.passed_s += waited_s
        assert server.answer(there_s=there_s, back_s=back_s) == 0
        assert server.late_s() >= -EXACT_S
        assert server.time.latest() >= server.now() - timedelta(seconds=EXACT_S)


def test_a_message_from_a_time_to_come_was_stored_by_now() -> None:
    server = Server()
    server.answer(there_s=0.01, back_s=0.01)
    stray = Message("podfolio.v1.request.r1", b"", stored_at=server.now() + timedelta(hours=1))

    assert server.time.dated(stray).stored_at == server.time.now()
    assert server.late_s() == pytest.approx(0.01, abs=EXACT_S)  # what a message says of the time is not believed


def test_a_message_that_was_stored_before_stays_as_it_is() -> None:
    server = Server()
    server.answer(there_s=0.5, back_s=0.5)
    for stored_at in (BEGAN - timedelta(days=6), server.now(), None):
        message = Message("podfolio.v1.request.r1", b"", stored_at=stored_at)
        assert server.time.dated(message) is message
