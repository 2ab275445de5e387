"""The server's time, told without asking a clock that may be wrong."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from coordinator.server_time import ServerTime

BEGAN = datetime(2026, 11, 23, 9, tzinfo=UTC)


class Server:
    """A server's clock and an even one of ours, which says something else."""

    def __init__(self, ours_s: float) -> None:
        self.passed_s, self.ours_s = 0.0, ours_s
        self.time = ServerTime(lambda: self.ours_s + self.passed_s)

    def deliver(self, *, took_s: float) -> None:
        stored_at = self.now()
        self.passed_s += took_s
        self.time.saw(stored_at)

    def now(self) -> datetime:
        return BEGAN + timedelta(seconds=self.passed_s)

    def late_s(self) -> float:
        """Say by how much we are behind."""
        return (self.now() - self.time.now()).total_seconds()


@pytest.mark.parametrize("ours_s", [0.0, 12.5, 1e6, 2e9])
def test_it_is_told_from_the_message_that_took_least(ours_s: float) -> None:
    server = Server(ours_s)
    for took_s in (5.0, 0.25, 8.0):
        server.deliver(took_s=took_s)

    assert server.late_s() == pytest.approx(0.25, abs=2e-3)


def test_it_goes_on_between_messages() -> None:
    server = Server(0.0)
    server.deliver(took_s=0.0)
    server.passed_s += 100

    assert server.late_s() == pytest.approx(0.0, abs=1e-6)


def test_a_clock_that_runs_faster_than_the_servers_is_followed() -> None:
    server = Server(0.0)
    for _ in range(1_000):
        server.ours_s += 60 * 5e-5  # 50 millionths too fast, as quartz may be
        server.passed_s += 60
        server.deliver(took_s=0.001)

    assert server.late_s() == pytest.approx(0.001, abs=1e-3)


def test_messages_without_a_time_teach_nothing() -> None:
    server = Server(0.0)
    server.deliver(took_s=1.0)
    server.time.saw(None)

    assert server.late_s() == pytest.approx(1.0)
