"""Create the streams and work queues, or bring those that exist up to date.

Run by an administrator, before anything else and after every upgrade; doing it twice changes nothing.
Agents and coordinators only ever bind to what is here. It never deletes anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bus.jetstream.streams import ACK_WAIT_S, wanted_queues, wanted_streams
from bus.port import NotSetUpError, RefusedError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from bus.jetstream.bus import JetStreamBus


async def set_up(
    bus: JetStreamBus,
    pods: Collection[str],
    *,
    replicas: int | None = None,
    max_bytes: int | None = None,
    ack_wait_s: float = ACK_WAIT_S,
) -> list[str]:
    """Create what is missing, correct what differs; returns in words what was done.

    Args:
        bus: A connection that may use JetStream's own interface.
        pods: Each gets a work queue; those of other pods are left alone.
        replicas: On how many servers each stream is kept: 1, or 3 of a cluster. By default as it is, 1 at first.
        ack_wait_s: What a crashed worker had is handed out again after this.
        max_bytes: What the event stream may hold before it refuses more. By default as it is, no limit at first.

    Raises:
        RefusedError: If the server refuses a setting, for example since what exists cannot be changed into it.
        UnreachableError: If it does not answer.
    """
    streams = wanted_streams(replicas=replicas, max_bytes=max_bytes)
    queues = wanted_queues(pods, ack_wait_s=ack_wait_s)
    done = [await _settle_stream(bus, config) for config in streams]
    return done + [await _settle_queue(bus, stream, config) for stream, config in queues]


async def _settle_stream(bus: JetStreamBus, wanted: Mapping[str, Any]) -> str:
    name = wanted["name"]
    try:
        current = (await bus.ask_api(f"STREAM.INFO.{name}"))["config"]
    except NotSetUpError:
        await bus.ask_api(f"STREAM.CREATE.{name}", wanted)
        return f"stream {name}: created"
    # A later version may have its subjects in the same stream: what has them is not to lose them to an older set-up.
    wanted = {
        **wanted,
        "subjects": [*wanted["subjects"], *(s for s in current["subjects"] if s not in wanted["subjects"])],
    }
    different = _differences(current, wanted)
    if different:
        await _change(bus, f"stream {name}", f"STREAM.UPDATE.{name}", {**current, **wanted}, different)
    return _say(f"stream {name}", different)


async def _settle_queue(bus: JetStreamBus, stream: str, wanted: Mapping[str, Any]) -> str:
    name = wanted["name"]
    subject = f"CONSUMER.CREATE.{stream}.{name}"
    if "filter_subject" in wanted:
        subject = f"{subject}.{wanted['filter_subject']}"
    try:
        current = (await bus.ask_api(f"CONSUMER.INFO.{stream}.{name}"))["config"]
    except NotSetUpError:
        await bus.ask_api(subject, {"stream_name": stream, "config": wanted, "action": "create"})
        return f"queue {name}: created"
    different = _differences(current, wanted)
    if different:
        kept = {key: value for key, value in current.items() if not key.startswith("filter_subject")}
        body = {"stream_name": stream, "config": {**kept, **wanted}, "action": "update"}
        await _change(bus, f"queue {name}", subject, body, different)
    return _say(f"queue {name}", different)


async def _change(bus: JetStreamBus, what: str, subject: str, body: Mapping[str, Any], different: list[str]) -> None:
    try:
        await bus.ask_api(subject, body)
    except RefusedError as error:
        message = (
            f"{what} exists with other settings ({', '.join(different)}) and the server will not change them: "
            f"{error}; back it up, delete it, and set up again"
        )
        raise RefusedError(message) from error


def _differences(current: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    """Name the settings that differ; the server leaves out those that are off."""
    return [
        f"{key}: {current.get(key)} -> {value}"
        for key, value in wanted.items()
        if (current.get(key) or 0) != (value or 0)
    ]


def _say(what: str, different: list[str]) -> str:
    return f"{what}: changed {', '.join(different)}" if different else f"{what}: as it should be"
