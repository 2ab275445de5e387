"""Create the streams and work queues, or bring existing ones up to date.

An administrator runs the set-up before all other parts and after every upgrade; a second run changes no setting.
Agents and coordinators only bind to these streams and queues. The set-up never deletes a stream or queue. ``plan``
compares, ``set_up`` applies.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bus.port import NotSetUpError, RefusedError
from bus.topology.streams import ACK_WAIT_S, ARCHIVE, SECOND, wanted_queues, wanted_streams

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from bus.transports.jetstream.bus import JetStreamBus


# Longer than the servers of a new cluster need to find each other.
_PATIENCE_S = 60.0

_NEVER_UNDONE = (
    "deny_delete stays on: no server takes this setting back from a stream, so that no message of it can be removed;"
    " docs/operations.md says how to set it up anew without losing anything"
)

_DURATIONS = ("ack_wait", "max_age", "duplicate_window")


@dataclass(frozen=True, slots=True)
class Step:
    """The change that brings one stream or work queue to the wanted configuration.

    Attributes:
        what: ``stream`` or ``queue``.
        name: Name of the stream or queue.
        different: Settings that have to change, in words.
        subject: Request of JetStream's own API that makes the change, without ``$JS.API.``.
        body: Body of that request.
        missing: Whether the stream or queue has to be created.
        kept: A wrong setting that a set-up cannot change, in words.
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
        """Whether the stream or queue has to be created or changed."""
        return self.missing or bool(self.different)


async def plan(
    bus: JetStreamBus,
    pods: Collection[str],
    *,
    replicas: int | None = None,
    max_bytes: int | None = None,
    ack_wait_s: float = ACK_WAIT_S,
    archive_years: int | None = None,
) -> list[Step]:
    """List the steps of a set-up without changing the server.

    Args:
        bus: A connection that may use JetStream's own API.
        pods: Pods that need a work queue; queues of other pods stay unchanged.
        replicas: Number of servers that keep each stream: 1, or 3 in a cluster. Default: unchanged, 1 at first.
        max_bytes: Size at which the event stream refuses new messages. Default: unchanged, no limit at first.
        ack_wait_s: Time after which the server redelivers the messages of a crashed worker.
        archive_years: Years for which the archive keeps a message. Default: unchanged, seven at first.

    Raises:
        UnreachableError: If the server does not answer.
    """
    streams = wanted_streams(replicas=replicas, max_bytes=max_bytes, archive_years=archive_years)
    queues = wanted_queues(pods, ack_wait_s=ack_wait_s)
    unchanged = {ARCHIVE: ("max_age",)} if archive_years is None else {}
    steps = [await _plan_stream(bus, config, unchanged.get(config["name"], ())) for config in streams]
    return steps + [await _plan_queue(bus, stream, config) for stream, config in queues]


async def set_up(
    bus: JetStreamBus,
    pods: Collection[str],
    *,
    replicas: int | None = None,
    max_bytes: int | None = None,
    ack_wait_s: float = ACK_WAIT_S,
    archive_years: int | None = None,
) -> list[Step]:
    """Create missing streams and queues and correct different settings; return all steps, needed or not.

    The arguments are those of ``plan``.

    Raises:
        RefusedError: If the server refuses a setting, for example a change that an existing stream does not allow.
        UnreachableError: If the server does not answer.
    """
    steps = await plan(
        bus, pods, replicas=replicas, max_bytes=max_bytes, ack_wait_s=ack_wait_s, archive_years=archive_years
    )
    for step in steps:
        if step.is_needed:
            await _apply(bus, step)
    return steps


async def _plan_stream(bus: JetStreamBus, config: Mapping[str, Any], unchanged: Collection[str]) -> Step:
    name = config["name"]
    current = await _config(bus, f"STREAM.INFO.{name}")
    if current is None:
        return Step("stream", name, (), f"STREAM.CREATE.{name}", config, missing=True)
    config = {**config, **{key: current[key] for key in unchanged if key in current}}
    remark = ""
    if current.get("deny_delete") and not config.get("deny_delete"):
        config = {**config, "deny_delete": True}
        remark = _NEVER_UNDONE
    # A later version may add subjects to the same stream: an older set-up must not remove these from the stream.
    config = {
        **config,
        "subjects": [*config["subjects"], *(s for s in current["subjects"] if s not in config["subjects"])],
    }
    body = {**current, **config}
    return Step(
        "stream", name, _differences(current, config), f"STREAM.UPDATE.{name}", body, missing=False, kept=remark
    )


async def _plan_queue(bus: JetStreamBus, stream: str, config: Mapping[str, Any]) -> Step:
    name = config["name"]
    filtered = f".{config['filter_subject']}" if "filter_subject" in config else ""
    current = await _config(bus, f"CONSUMER.INFO.{stream}.{name}")
    unfiltered = {key: value for key, value in (current or {}).items() if not key.startswith("filter_subject")}
    body = {"stream_name": stream, "config": {**unfiltered, **config}, "action": "update" if current else "create"}
    different = _differences(current, config) if current else ()
    return Step("queue", name, different, f"CONSUMER.CREATE.{stream}.{name}{filtered}", body, missing=current is None)


async def _config(bus: JetStreamBus, question: str) -> dict[str, Any] | None:
    """Read the configuration of a stream or queue; None if the stream or queue does not exist."""
    try:
        config: dict[str, Any] = (await bus.ask_api(question))["config"]
    except NotSetUpError:
        return None
    return config


async def _apply(bus: JetStreamBus, step: Step) -> None:
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


def _differences(current: Mapping[str, Any], config: Mapping[str, Any]) -> tuple[str, ...]:
    """Name the settings that differ; the server omits settings that are off."""
    return tuple(
        f"{key}: {_write_setting(key, current.get(key))} -> {_write_setting(key, value)}"
        for key, value in config.items()
        if (current.get(key) or 0) != (value or 0)
    )


def _write_setting(key: str, value: object) -> str:
    if value is None:
        return "off"
    if key == "max_bytes" and isinstance(value, int):
        return f"{value / 2**20:g} MiB" if value > 0 else "no limit"
    return f"{value / SECOND:g} s" if key in _DURATIONS and isinstance(value, int) else str(value)
