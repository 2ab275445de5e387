"""Put on a process's path by tests, this makes its solver fall over certain requests, as a library's fault would.

Python imports it before anything else. A request is poison to ``agents``, ``coordinator`` or one pod's agents if its
id says so, such as ``segfault-in-agents`` or ``parricide-in-gamma``: to every replica, each time.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING

from support.computing import hoard, obey

from bus.language import messages
from bus.language.messages import OptimizationRequest

if TYPE_CHECKING:
    from portfolio.market.snapshot import Market
    from portfolio.terms.rules import Terms


def kind_of(request_id: str) -> str:
    kind, _, where = request_id.partition("-in-")
    return kind if where in WHERE else ""


def poisoned(data: bytes, request_id: str) -> OptimizationRequest:
    """Read a request, and fall over it if it is poison to this process."""
    if kind_of(request_id) == "parricide":
        os.kill(os.getppid(), signal.SIGKILL)
    if kind_of(request_id) != "memory":
        obey(kind_of(request_id).encode(), lambda _: None)
    return read(data, request_id)


def bloated(request: OptimizationRequest) -> Terms:
    """What the coordinator's solver asks first of a request."""
    if kind_of(request.request_id) == "memory":
        hoard()
    return terms(request)


def bloated_too(request: OptimizationRequest, market: Market) -> frozenset[str]:
    """What an agent's solver asks first of a request."""
    if kind_of(request.request_id) == "memory":
        hoard()
    return refused(request, market)


program = next((word for word in sys.orig_argv if word.endswith((".solve_pod", ".solve_request"))), "")
WHERE = {program.partition(".")[0], *sys.orig_argv} if program else set()
read, terms, refused = messages.parse_request, OptimizationRequest.terms, OptimizationRequest.refused
if WHERE:
    messages.parse_request = poisoned
    OptimizationRequest.terms = bloated  # type: ignore[method-assign]
    OptimizationRequest.refused = bloated_too  # type: ignore[method-assign]
