"""Keys of a system, answers that pods sign with them, and answers that somebody else forges."""

from __future__ import annotations

import base64
import copy
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from agents import mandate_files
from agents.answer import answer
from bus.language import subjects
from bus.language.messages import PodAnswer, PodFailed, Reason, encode
from bus.language.pod_keys import PodKeys
from bus.language.signing import FINAL, POD, Signer, signed_bytes
from bus.port import Message
from cli.trust.keys import Keys, make_keys
from support.in_process import PODS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

Body = dict[str, Any]
THEN = datetime(2025, 11, 7, 9, tzinfo=UTC)


@dataclass(frozen=True)
class System:
    """The keys of four pods, of the coordinator and of a requester.

    Attributes:
        keys: The folder with them.
    """

    keys: Keys

    @property
    def pod_keys(self) -> PodKeys:
        """What the coordinator is told."""
        return PodKeys(self.keys.folder)

    def signer(self, role: str, kind: bytes = POD) -> Signer:
        """Sign as *role* does, or as it could."""
        return Signer(self.keys.seed(role), kind)

    @property
    def coordinator(self) -> Signer:
        """Sign final events."""
        return self.signer("coordinator", FINAL)

    def signed(self, body: Body, role: str, kind: bytes = POD) -> Body:
        """Sign a body, whatever it says."""
        signer = self.signer(role, kind)
        value = signer._keys.sign(signed_bytes(body, kind))  # noqa: SLF001 - nothing of ours signs what is no message
        return body | {"signature": {"key": signer.key, "value": base64.b64encode(value).decode()}}

    def answer(self, pod: str, sent: bytes) -> Body:
        """Answer a request as the pod's agent does."""
        body: Body = json.loads(encode(_answer(pod, json.loads(sent)["request_id"], sent)))
        return self.signed(body | {"request_sha256": sha256(sent).hexdigest()}, f"pod-{pod}")


@cache
def _answer(pod: str, request_id: str, sent: bytes) -> PodAnswer:
    found = answer(mandate_files.load(pod), request_id, sent)
    assert found is not None
    return found


def system(folder: Path) -> System:
    """Make the keys, as ``podfolio keys`` does."""
    make_keys(folder, PODS, now=datetime.now(UTC))
    return System(Keys(folder))


def messages(sent: bytes, answers: Mapping[str, Body | bytes]) -> list[Message]:
    """Store a request and its pods' answers, as the stream would hold them."""
    request_id = json.loads(sent)["request_id"]
    made = [Message(subjects.request(request_id), sent, sequence=1, stored_at=THEN)]
    for sequence, (pod, told) in enumerate(answers.items(), start=2):
        sent_by_pod = told if isinstance(told, bytes) else json.dumps(told).encode()
        made.append(Message(subjects.pod_result(request_id, pod), sent_by_pod, sequence=sequence, stored_at=THEN))
    return made


def altered(body: Body, **changes: object) -> Body:
    """Change members, and leave the signature as it is."""
    return copy.deepcopy(body) | changes


def greedy(body: Body) -> Body:
    """Make alpha's careful mandate one that holds technology, as an attacker did (attack 08)."""
    mandate = {**body["mandate"], "objective": "max_return", "universe": ["SEMI", "ASIA"], "goals": {}}
    mandate |= {"correlation_targets": {}, "max_position": 1.0, "min_effective_holdings": 1}
    return altered(body, mandate=mandate, weights={"SEMI": 0.5, "ASIA": 0.5}, best_alone={})


def failure(sent: bytes) -> Body:
    """Write that alpha has no portfolio, though it has one."""
    request_id = json.loads(sent)["request_id"]
    failed = PodFailed(request_id=request_id, pod="alpha", reason=Reason.GOAL_UNREACHABLE, message="never")
    return json.loads(encode(failed)) | {"request_sha256": sha256(sent).hexdigest()}


# Every kind of forged answer of alpha to a request, with a part of what is said of it.
FORGED: dict[str, tuple[Callable[[System, bytes, bytes], Body], str]] = {
    "unsigned": (lambda s, sent, _: altered(s.answer("alpha", sent), signature=None), "it is unsigned"),
    "signed by another pod": (
        lambda s, sent, _: s.signed(s.answer("alpha", sent), "pod-beta"),
        "signed by",
    ),
    "signed by a requester": (
        lambda s, sent, _: s.signed(greedy(s.answer("alpha", sent)), "requester"),
        "signed by",
    ),
    "signed by a requester who claims the pod's key": (
        lambda s, sent, _: claimed(s.signed(greedy(s.answer("alpha", sent)), "requester"), s),
        "forged or changed",
    ),
    "another pod's answer": (lambda s, sent, _: s.answer("beta", sent), "signed by"),
    "the answer to another request": (
        lambda s, _, other: s.answer("alpha", other),
        "signed as the answer of alpha to the request r2",
    ),
    "the answer to another request, renamed": (
        lambda s, sent, other: altered(s.answer("alpha", other), request_id=json.loads(sent)["request_id"]),
        "forged or changed",
    ),
    "the mandate changed": (lambda s, sent, _: greedy(s.answer("alpha", sent)), "forged or changed"),
    "signed as a final event": (
        lambda s, sent, _: s.signed(s.answer("alpha", sent), "pod-alpha", FINAL),
        "forged or changed",
    ),
    "a failure, unsigned": (lambda _, sent, __: failure(sent), "it is unsigned"),
    "a failure, signed by another pod": (lambda s, sent, _: s.signed(failure(sent), "pod-beta"), "signed by"),
    "a failure with the signature of the result": (
        lambda s, sent, _: failure(sent) | {"signature": s.answer("alpha", sent)["signature"]},
        "forged or changed",
    ),
}


def claimed(body: Body, of: System) -> Body:
    """Put alpha's key beside a signature that is another's."""
    return body | {"signature": body["signature"] | {"key": of.signer("pod-alpha").key}}
