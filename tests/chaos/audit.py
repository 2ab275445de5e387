"""Audit what the stream holds at the end of a run: whether every answer is right. ``judge`` has the history.

Pure: it is shown the stream's messages one after the other, and then asked.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from bus.language import subjects
from bus.language.messages import OptimizationRequest, Reason, parse_request
from bus.language.subjects import MessageKind
from portfolio.check import findings
from portfolio.market import snapshot as markets

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from bus.port import Message

# What may differ between the answers to equal requests.
_OWN = frozenset({"request_id", "customer_id", "elapsed_s"})
# The requests are good and the pods there: nothing else may be the reason why there is no portfolio. Those that wait
# for what died are more at once than those that are left can do by their deadlines.
_FAULTS_MAY_CAUSE = frozenset({Reason.DEADLINE_EXCEEDED.value, Reason.OVERLOADED.value})
# Two proofs of one optimum agree to the gap that each may have.
_GAP = 1e-4
_TOLD = 20


@dataclass(slots=True)
class _Case:
    """What the stream showed of one request."""

    request: OptimizationRequest | None = None
    question: str = ""
    stored_at: datetime | None = None
    results: dict[str, int] = field(default_factory=dict)
    finals: int = 0
    final_sha256: str = ""
    outcome: str = ""
    late_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a run's requests.

    Attributes:
        wrong: What broke the promise; empty if nothing did.
        stored: How many requests the stream holds.
        finals: How many final events.
        outcomes: How many of them of each kind: ``optimised``, or the reason of the failure.
        unproven: Portfolios whose search was ended by the deadline: these may differ between equal requests.
        cut: Proven portfolios of which time ended some figures (``stopped_by``): these may lack them.
        different: How many different portfolios there are.
        latencies_s: From a request being stored to its final event being stored, sorted.
        late_s: By how much those finals came too late that did, sorted.
    """

    wrong: tuple[str, ...]
    stored: int
    finals: int
    outcomes: dict[str, int]
    unproven: int
    cut: int
    different: int
    latencies_s: tuple[float, ...]
    late_s: tuple[float, ...]

    def latency_s(self, share: float) -> float:
        """Read the latency that *share* of the requests kept to (nearest rank)."""
        if not self.latencies_s:
            return 0.0
        return self.latencies_s[max(0, -int(-share * len(self.latencies_s) // 1) - 1)]


class Audit:
    """Read the whole stream, in its order, then give the verdict.

    Args:
        strange: Ids of messages that were made to be unreadable: they need no more than one final event each, where
            they are requests.
    """

    def __init__(self, strange: Collection[str] = ()) -> None:
        self._strange = frozenset(strange)
        self._odd: set[int] = set()
        self._cases: dict[str, _Case] = {}
        self._next = 1
        self._answers: dict[str, str] = {}
        self._checked: dict[str, list[str]] = {}
        self._latencies: list[float] = []
        self._outcomes: Counter[str] = Counter()
        self._proofs: dict[str, tuple[float, float]] = {}
        self._unproven = self._cut = 0
        self._wrong: list[str] = []

    def read(self, message: Message) -> None:
        """Take note of one message."""
        if message.sequence != self._next:
            self._wrong.append(f"after message {self._next - 1} comes {message.sequence}: the stream has a hole")
        self._next = message.sequence + 1
        address = subjects.parse(message.subject)
        if not address.key or address.key in self._strange:
            self._odd.add(message.sequence)
            return
        if address.kind is MessageKind.REJECTED:
            if int(address.key) not in self._odd:
                self._wrong.append(f"message {address.key} was rejected: {message.data.decode()}")
            return
        case = self._cases.setdefault(address.key, _Case())
        if address.kind is MessageKind.REQUEST:
            self._request(address.key, case, message)
        elif address.kind is MessageKind.POD:
            if address.pod in case.results:
                self._wrong.append(
                    f"{address.key}: {address.pod} answered twice, the second time in {message.sequence}"
                )
            case.results[address.pod] = message.sequence
        elif address.kind is MessageKind.CHALLENGE:
            self._challenge(address.key, case, message)
        else:
            self._final(address.key, case, message)

    def _request(self, request_id: str, case: _Case, message: Message) -> None:
        if case.request is not None:
            self._wrong.append(f"{request_id}: asked twice, the second time in {message.sequence}")
        case.request, case.stored_at = parse_request(message.data, request_id), message.stored_at
        asked = json.loads(message.data)
        asked["customer"].pop("customer_id")
        asked.pop("challenge", None)
        case.question = _fingerprint(asked)

    def _final(self, request_id: str, case: _Case, message: Message) -> None:
        case.finals += 1
        case.final_sha256 = hashlib.sha256(message.data).hexdigest()
        event: dict[str, Any] = json.loads(message.data)
        if case.request is None or case.stored_at is None or message.stored_at is None:
            self._wrong.append(f"{request_id}: the final event {message.sequence} answers a request that nobody made")
            return
        took = message.stored_at - case.stored_at
        self._latencies.append(took.total_seconds())
        case.late_s = (took - timedelta(seconds=case.request.deadline_s)).total_seconds()
        case.outcome = "optimised" if event["type"] == "MasterPortfolioOptimized" else event["reason"]
        self._outcomes[case.outcome] += 1
        if case.outcome == "optimised":
            self._portfolio(request_id, case, message.sequence, event)
        elif case.outcome not in _FAULTS_MAY_CAUSE:
            self._wrong.append(f"{request_id}: no portfolio for the reason {case.outcome}: {event['message']}")

    def _challenge(self, request_id: str, case: _Case, message: Message) -> None:
        """Check that a challenge is of the final event before it, and what it says where it has no figures."""
        told: dict[str, Any] = json.loads(message.data)
        if told["final_sha256"] != case.final_sha256:
            self._wrong.append(f"{request_id}: the challenge {message.sequence} is of no final event before it")
        if told.get("reason") in {"unreadable", "markets_differ"}:
            self._wrong.append(f"{request_id}: no challenge for the reason {told['reason']}: {told['message']}")

    def _portfolio(self, request_id: str, case: _Case, sequence: int, event: dict[str, Any]) -> None:
        assert case.request is not None
        expected = _asked(case.request)
        if missing := sorted(pod for pod in expected if case.results.get(pod, sequence) >= sequence):
            self._wrong.append(f"{request_id}: optimised in {sequence} without the results of {', '.join(missing)}")
        if event["request_id"] != request_id or set(event["pods"]) != expected:
            self._wrong.append(f"{request_id}: the final event {sequence} is about something else")
        answer = _fingerprint(event)
        if answer not in self._checked:  # what is the same to the letter need not be checked again
            self._checked[answer] = findings(event, markets.load(event["market"]["id"]))
        self._wrong += [f"{request_id}: {finding}" for finding in self._checked[answer]]
        if not event["certificate"]["certified"]:
            self._unproven += 1
            return
        self._proof(request_id, case.question, event["certificate"])
        if event["stopped_by"]:
            self._cut += 1
        elif self._answers.setdefault(case.question, answer) != answer:
            self._wrong.append(f"{request_id}: got another portfolio than an equal request")

    def _proof(self, request_id: str, question: str, certificate: dict[str, Any]) -> None:
        """Compare with the proofs of equal requests: no portfolio is better than another's proven bound."""
        best, bound = self._proofs.get(question, (-math.inf, math.inf))
        best, bound = max(best, certificate["objective"]), min(bound, certificate["bound"])
        self._proofs[question] = best, bound
        if best > bound + _GAP * max(1.0, abs(bound)):
            self._wrong.append(f"{request_id}: the proofs of equal requests contradict each other")

    def verdict(self, acknowledged: Collection[str], *, last: int) -> Verdict:
        """Say what became of all requests.

        Args:
            acknowledged: Ids of the requests that the server took.
            last: The last sequence of the stream, by the server's own account.
        """
        wrong = list(self._wrong)
        if self._next != last + 1:
            wrong.append(f"the stream was read up to {self._next - 1}, and ends with {last}")
        stored = {request_id for request_id, case in self._cases.items() if case.request is not None}
        wrong += [
            f"{request_id}: acknowledged, and not in the stream" for request_id in sorted(set(acknowledged) - stored)
        ]
        for request_id, case in sorted(self._cases.items()):
            if case.request is None:
                continue
            if case.finals != 1:
                told = "acknowledged" if request_id in acknowledged else "stored"
                wrong.append(f"{request_id}: {told}, and has {case.finals} final events")
            # Late, perhaps, and after the final event; but what was handed to an agent is not forgotten.
            wrong += [f"{request_id}: {pod} never answered" for pod in sorted(_asked(case.request) - set(case.results))]
        return Verdict(
            wrong=tuple(wrong[:_TOLD] + ([f"and {len(wrong) - _TOLD} more"] if len(wrong) > _TOLD else [])),
            stored=len(stored),
            finals=sum(case.finals for case in self._cases.values()),
            outcomes=dict(self._outcomes.most_common()),
            unproven=self._unproven,
            cut=self._cut,
            different=len(self._checked),
            latencies_s=tuple(sorted(self._latencies)),
            late_s=tuple(sorted(case.late_s for case in self._cases.values() if case.late_s > 0)),
        )


def _asked(request: OptimizationRequest) -> set[str]:
    return {pod for pod, share in (request.pod_weights or {}).items() if share > 0}


def _fingerprint(told: dict[str, Any]) -> str:
    """Identify what is told but for what may differ between equal requests."""
    kept = {name: value for name, value in told.items() if name not in _OWN}
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()
