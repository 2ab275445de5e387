"""The channels of the wire: subject, bodies, publishers and stream of each channel.

The AsyncAPI document and the page about the wire are made from this one table. Timers pass only between the processes
and the server, and have no bodies.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bus.language import subjects
from bus.language.messages import (
    AdviceResumed,
    AdviceStopped,
    ArchiveSealed,
    MasterPortfolioFailed,
    MasterPortfolioOptimized,
    MessageRejected,
    MessageRemoved,
    OptimizationRequest,
    OrderFilled,
    PodFailed,
    PodResult,
    PortfolioApproved,
    PortfolioChallenged,
    PortfolioDeclined,
    PortfolioNotChallenged,
    Progress,
)
from bus.topology.roles import roles
from bus.topology.streams import ACK_WAIT_S, wanted_queues, wanted_streams

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from typing import Any

    from pydantic import BaseModel


@dataclass(frozen=True, slots=True)
class Channel:
    """One kind of subject, and the messages published there.

    Attributes:
        name: The channel's name, also the name of its operation.
        subject: Makes the subject from its tokens.
        tokens: The variable tokens of the subject.
        bodies: The models of the bodies that may be published there.
        said: A description for people.
        by_clients: Whether clients publish there, and not our own processes.
    """

    name: str
    subject: Callable[..., str]
    tokens: tuple[str, ...]
    bodies: tuple[type[BaseModel], ...]
    said: str
    by_clients: bool = False

    @property
    def address(self) -> str:
        """The subject with its tokens in braces."""
        return self.subject(*(f"{{{token}}}" for token in self.tokens))

    @property
    def stream(self) -> str | None:
        """Name the stream that keeps this channel's messages; None if no stream does."""
        return next((name for name, config in streams().items() if _takes(config, self.address)), None)

    def queues(self, pods: Collection[str]) -> list[str]:
        """Name the work queues that deliver this channel's messages."""
        return [name for name, queue in queues(pods).items() if _takes(queue, self.address)]

    def publishers(self, pods: Collection[str]) -> list[str]:
        """Name the roles that may publish here, on a server with user accounts."""
        return [role.name for role in roles(pods) if any(_same_shape(self.address, said) for said in role.publish)]

    def hearers(self, pods: Collection[str]) -> list[str]:
        """Name the roles that may subscribe here; readers of a stored channel read the stream instead."""
        return [role.name for role in roles(pods) if any(_same_shape(self.address, allowed) for allowed in role.hears)]


def streams() -> dict[str, dict[str, Any]]:
    """Return the streams' configurations, by name."""
    return {config["name"]: config for config in wanted_streams(replicas=None, max_bytes=None)}


def queues(pods: Collection[str]) -> dict[str, dict[str, Any]]:
    """Return the work queues' configurations, each with its stream, by name."""
    configs = wanted_queues(pods, ack_wait_s=ACK_WAIT_S)
    return {config["name"]: {"stream_name": stream, **config} for stream, config in configs}


def _takes(config: dict[str, Any], address: str) -> bool:
    """Return whether a stream or a work queue takes messages on *address*."""
    filters = config.get("subjects") or config.get("filter_subjects") or [config.get("filter_subject", "")]
    return any(address.startswith(pattern.partition("*")[0].removesuffix(">")) for pattern in filters if pattern)


def _same_shape(address: str, allowed: str) -> bool:
    """Return whether a permission covers a channel: each variable token matches a wildcard or a pod's name."""
    address_parts, allowed_parts = address.split("."), allowed.split(".")
    return len(address_parts) == len(allowed_parts) and all(
        a == g or (a.startswith("{") and (g == "*" or a == "{pod}"))
        for a, g in zip(address_parts, allowed_parts, strict=True)
    )


CHANNELS = (
    Channel(
        "request",
        subjects.request,
        ("request_id",),
        (OptimizationRequest,),
        "Ask for a master portfolio, once an id: the server refuses a second message on the same subject.",
        by_clients=True,
    ),
    Channel(
        "podResult",
        subjects.pod_result,
        ("request_id", "pod"),
        (PodResult, PodFailed),
        "What each pod would buy alone, or why there is nothing; one a request and pod.",
    ),
    Channel(
        "final",
        subjects.final,
        ("request_id",),
        (MasterPortfolioOptimized, MasterPortfolioFailed),
        "The one final event of a request: a portfolio, or the reason why there is none.",
    ),
    Channel(
        "challenge",
        subjects.challenge,
        ("request_id",),
        (PortfolioChallenged, PortfolioNotChallenged),
        "How sure the portfolio of a final event is, or why nothing says so; one a final event, which never waits.",
    ),
    Channel(
        "approval",
        subjects.approval,
        ("request_id",),
        (PortfolioApproved, PortfolioDeclined),
        "Whether an adviser consents to the orders of a final event; one a request, signed by the adviser's key.",
        by_clients=True,
    ),
    Channel(
        "fill",
        subjects.fill,
        ("request_id", "fill_id"),
        (OrderFilled,),
        "A contract of a broker for an order of a final event; the id is made of the contract, so that none is"
        " stored twice.",
        by_clients=True,
    ),
    Channel(
        "stop",
        subjects.stop,
        ("number",),
        (AdviceStopped,),
        "No new advice from now on. Stops are numbered from 1; advice is stopped while one of them is not lifted.",
        by_clients=True,
    ),
    Channel(
        "resume",
        subjects.resume,
        ("number",),
        (AdviceResumed,),
        "The end of the stop of the same number.",
        by_clients=True,
    ),
    Channel(
        "progress",
        subjects.progress,
        ("request_id",),
        (Progress,),
        "How far a request is, for a bar to show. Over core NATS: nobody keeps it, and it may be missed.",
    ),
    Channel(
        "rejected",
        subjects.rejected,
        ("sequence",),
        (MessageRejected,),
        "A message of the stream whose subject names no valid request id.",
    ),
    Channel(
        "removed",
        subjects.removed,
        ("sequence",),
        (MessageRemoved,),
        "A message that an administrator removed from the stream (`podfolio remove`).",
    ),
    Channel(
        "seal",
        subjects.seal,
        ("number",),
        (ArchiveSealed,),
        "The hashes of archived messages (`podfolio archive seal`); in the archive alone.",
    ),
)
