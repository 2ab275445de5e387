"""Whoever reads a stream notices that it is not the same any more, and is not deceived by who lags behind."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from bus.port import StreamState
from bus.transports.jetstream.consumers.replaced import Stream

CREATED = datetime(2026, 11, 23, 9, tzinfo=UTC)


def told(last_sequence: int, created: datetime = CREATED) -> StreamState:
    return StreamState(created, last_sequence, CREATED + timedelta(days=1))


def test_a_stream_that_goes_on_is_read_on() -> None:
    stream = Stream(CREATED)

    assert [stream.read_on(told(last), 8, now=0.0) for last in (7, 8, 900)] == [8, 8, 8]


def test_a_stream_that_was_set_up_again_is_read_from_its_start_however_long_it_is_by_then() -> None:
    for last in (0, 3, 900):
        stream = Stream(CREATED)
        again = told(last, CREATED + timedelta(hours=1))

        assert stream.read_on(again, 8, now=0.0) == 1
        assert stream.read_on(again, 1, now=1.0) == 1
        assert stream.read_on(again, last + 1, now=2.0) == last + 1


def test_a_stream_that_seems_shorter_is_believed_only_after_longer_than_any_leader_lags() -> None:
    stream = Stream(CREATED)

    assert [stream.read_on(told(5), 8, now=now) for now in (0.0, 1.0, 39.0)] == [8, 8, 8]
    assert stream.read_on(told(7), 8, now=39.5) == 8  # the one that led in truth
    assert [stream.read_on(told(5), 8, now=now) for now in (1_000.0, 1_039.0)] == [8, 8]
    assert stream.read_on(told(5), 8, now=1_041.0) == 6
