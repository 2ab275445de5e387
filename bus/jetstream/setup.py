"""Create the streams and work queues, or bring those that exist up to date.

Run by an administrator, before anything else and after every upgrade; doing it twice changes nothing.
Agents and coordinators only ever bind to what is here. It never deletes anything. ``plan`` looks, ``set_up`` does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bus.jetstream.streams import ACK_WAIT_S, SECOND, wanted_queues, wanted_streams
from bus.port import NotSetUpError, RefusedError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from bus.jetstream.bus import JetStreamBus


# Longer than the servers of a cluster that has just been started take to find each other.
_PATIENCE_S = 60.0

_NEVER_UNDONE = (
    "deny_delete stays on: no server takes it back from a stream, so that nobody can remove a message from this one;"
    " docs/operations.md says how to set it up anew without losing anything"
)

_DURATIONS = ("ack_wait", "max_age", "duplicate_window")


@dataclass(frozen=True, slots=True)
class Step:
    """What one stream or work queue needs, to be as it should be.

    Attributes:
        what: ``stream`` or ``queue``.
        name: Its name.
        different: Settings that have to be changed, in words.
        subject: Where JetStream's own interface is asked to do it.
        body: And with what.
        missing: Whether it has to be created.
        kept: What is not as it should be and cannot be changed by a set-up, in words.
    """

    what: str
    name: str
    different: tuple[str, ...]
    subject: str
    body: Mapping[str, Any]
    missing: bool
    kept: str = ""

    @property
    def is_needed(self) -> bool:
        """Whether there is anything to do."""
        return self.missing or bool(self.different)


async def plan(
    bus: JetStreamBus,
    pods: Collection[str],
    *,
    replicas: int | None = None,
    max_bytes: int | None = None,
    ack_wait_s: float = ACK_WAIT_S,
) -> list[Step]:
    """Say what there is to do, and change nothing.

    Args:
        bus: A connection that may use JetStream's own interface.
        pods: Each gets a work queue; those of other pods are left alone.
        replicas: On how many servers each stream is kept: 1, or 3 of a cluster. By default as it is, 1 at first.
        max_bytes: What the event stream may hold before it refuses more. By default as it is, no limit at first.
        ack_wait_s: What a crashed worker had is handed out again after this.

    Raises:
        UnreachableError: If the server does not answer.
    """
    streams = wanted_streams(replicas=replicas, max_bytes=max_bytes)
    queues = wanted_queues(pods, ack_wait_s=ack_wait_s)
    steps = [await _plan_stream(bus, config) for config in streams]
    return steps + [await _plan_queue(bus, stream, config) for stream, config in queues]


async def set_up(
    bus: JetStreamBus,
    pods: Collection[str],
    *,
    replicas: int | None = None,
    max_bytes: int | None = None,
    ack_wait_s: float = ACK_WAIT_S,
) -> list[Step]:
    """Create what is missing, correct what differs; returns every step, those included that were not needed.

    Takes what ``plan`` takes.

    Raises:
        RefusedError: If the server refuses a setting, for example since what exists cannot be changed into it.
        UnreachableError: If it does not answer.
    """
    steps = await plan(bus, pods, replicas=replicas, max_bytes=max_bytes, ack_wait_s=ack_wait_s)
    for step in steps:
        if step.is_needed:
            await _take(bus, step)
    return steps


async def _plan_stream(bus: JetStreamBus, wanted: Mapping[str, Any]) -> Step:
    name = wanted["name"]
    current = await _config(bus, f"STREAM.INFO.{name}")
    if current is None:
        return Step("stream", name, (), f"STREAM.CREATE.{name}", wanted, missing=True)
    kept = ""
    if current.get("deny_delete") and not wanted.get("deny_delete"):
        wanted = {**wanted, "deny_delete": True}
        kept = _NEVER_UNDONE
    # A later version may have its subjects in the same stream: what has them is not to lose them to an older set-up.
    wanted = {
        **wanted,
        "subjects": [*wanted["subjects"], *(s for s in current["subjects"] if s not in wanted["subjects"])],
    }
    body = {**current, **wanted}
    return Step("stream", name, _differences(current, wanted), f"STREAM.UPDATE.{name}", body, missing=False, kept=kept)


async def _plan_queue(bus: JetStreamBus, stream: str, wanted: Mapping[str, Any]) -> Step:
    name = wanted["name"]
    filtered = f".{wanted['filter_subject']}" if "filter_subject" in wanted else ""
    current = await _config(bus, f"CONSUMER.INFO.{stream}.{name}")
    kept = {key: value for key, value in (current or {}).items() if not key.startswith("filter_subject")}
    body = {"stream_name": stream, "config": {**kept, **wanted}, "action": "update" if current else "create"}
    different = _differences(current, wanted) if current else ()
    return Step("queue", name, different, f"CONSUMER.CREATE.{stream}.{name}{filtered}", body, missing=current is None)


async def _config(bus: JetStreamBus, question: str) -> dict[str, Any] | None:
    """Read how something is configured; None if it is not there."""
    try:
        config: dict[str, Any] = (await bus.ask_api(question))["config"]
    except NotSetUpError:
        return None
    return config


async def _take(bus: JetStreamBus, step: Step) -> None:
    try:
        await bus.ask_api(step.subject, step.body, timeout_s=_PATIENCE_S)
    except RefusedError as error:
        if step.missing:
            raise
        message = (
            f"{step.what} {step.name} exists with other settings ({', '.join(step.different)}) and the server will not"
            f" change them: {error}; back it up, delete it, and set up again"
        )
        raise RefusedError(message) from error


def _differences(current: Mapping[str, Any], wanted: Mapping[str, Any]) -> tuple[str, ...]:
    """Name the settings that differ; the server leaves out those that are off."""
    return tuple(
        f"{key}: {_say(key, current.get(key))} -> {_say(key, value)}"
        for key, value in wanted.items()
        if (current.get(key) or 0) != (value or 0)
    )


def _say(key: str, value: object) -> str:
    if value is None:
        return "off"
    if key == "max_bytes" and isinstance(value, int):
        return f"{value / 2**20:g} MiB" if value > 0 else "no limit"
    return f"{value / SECOND:g} s" if key in _DURATIONS and isinstance(value, int) else str(value)
