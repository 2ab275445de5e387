"""Freeze version 1 of the messages in ``v1``, from the code of today: messages, keys, schemas and channels.

Run by hand, from the root of the repository::

    PYTHONPATH=tests .venv/bin/python tests/contract/freeze.py

Whoever runs this says that no client relies on what version 1 was. It is run for the last time at the end of the work
on advice; after that nothing in ``v1`` is changed, and what may change is said in ADR 18.

The messages are those of whole conversations: the pods answer, and the coordinator decides, as they do behind the bus.
The keys of the signed messages are made anew; their secret halves are gone when this ends.
"""

from __future__ import annotations

import json
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from shutil import copy, rmtree
from typing import TYPE_CHECKING, Any

from channels import facts
from support.in_process import PODS
from support.requests_made import OUTLOOK, ROOT, body
from support.signed import messages, system

from agents import mandate_files
from agents.answer import answer
from bus.language.messages import BODIES, MessageRejected, MessageRemoved, encode, parse_request
from cli.wire_documents.asyncapi import document, example
from coordinator.consolidation import finish
from coordinator.decisions import Fail, Optimise, decide, read_record
from coordinator.finals import payload_of, with_answers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from support.signed import System

V1 = Path(__file__).parent / "v1"
EXAMPLES = ROOT / "examples" / "messages"
# What people publish, as the examples have it.
PEOPLE = ("PortfolioApproved", "PortfolioDeclined", "OrderFilled", "AdviceStopped", "AdviceResumed")
# What clients were promised of the streams.
_PROMISED = (
    "max_msgs_per_subject",
    "discard",
    "discard_new_per_subject",
    "deny_purge",
    "allow_direct",
    "max_msg_size",
    "max_age",
)

_INVESTOR = json.loads((ROOT / "examples" / "existing-investor.json").read_bytes())
_HOUSE = {"goal_id": "house", "name": "A house", "target_amount_aud": 40_000, "years": 3, "wanted_probability": 0.6}
_OLD_AGE = {
    "goal_id": "old-age",
    "name": "Old age",
    "target_amount_aud": 200_000,
    "years": 20,
    "priority": 2,
    "contribution_aud_per_month": 400,
    "in_todays_money": False,
}
_UNREACHABLE = {"market": OUTLOOK, "explain": "all", "on_unreachable": "fail"}

# Requests by the name of their conversation; those whose name begins with "signed" are answered with signatures.
REQUESTS: dict[str, dict[str, Any]] = {
    "reference": body("reference-customer", explain="all"),
    "account": _INVESTOR,
    "advice": _INVESTOR
    | {
        "request_id": "advice",
        "customer": _INVESTOR["customer"] | {"risk_tolerance": 0.7},
        "account": _INVESTOR["account"] | {"cash_floor_aud": 6_000, "cash_rate": 0.035, "brokerage_share": 0.0005},
        "pod_weights": None,
        "goals": [_HOUSE | {"pod": "alpha"}, _OLD_AGE],
        "pods": list(PODS),
        "surplus_pod": "gamma",
        "inflation": 0.027,
        "pod_targets": {"gamma.sharpe_ratio": 1.2, "beta.grossed_up_yield_over_cash": 0.005},
        "target_tolerance": 0.02,
    },
    "goals": body(
        "goals",
        pod_weights=None,
        explain="all",
        goals=[_HOUSE | {"pod": "alpha"}, _OLD_AGE | {"pod": "gamma"}],
        rules={"never_buy": ["GOLD"]},
        priorities={"gamma.sharpe_ratio": 1},
        correlation_limits={"alpha-gamma": 0.9},
        correlations="limit",
    ),
    "conflict": body("conflict", explain="all", rules={"max_etfs": 9}),
    "unreachable": body("unreachable", **_UNREACHABLE),
    "late": body("late", deadline_s=10),
    "signed": body("signed", explain="all"),
    "signed-failure": body("signed-failure", **_UNREACHABLE),
}
REJECTED = MessageRejected(
    subject="podfolio.v1.request.a.b", sequence=7, message="the last part of the subject must be a request id"
)
POISONED = MessageRemoved(
    subject="podfolio.v1.request.two.tokens",
    sequence=14,
    stored_at=datetime(2026, 11, 29, 9, 0, 0, 123456, tzinfo=UTC),
    size=2,
    sha256="44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
    reason="it ended the processes of version 0.1",
    by="UDXU4RCSJNZOIQHZNWXHXORDPRTGNJAHAHFRGZNEEJCPQTT2M7NLCNF4",
    removed_at=datetime(2026, 11, 29, 10, tzinfo=UTC),
)


def conversation(name: str, of: System) -> Mapping[str, bytes]:
    """Hold a conversation as the system would; return its messages by the rest of their file names."""
    sent = _shown(REQUESTS[name])
    request = parse_request(sent, REQUESTS[name]["request_id"])
    signed = name.startswith("signed")
    silent = {"gamma"} if name == "late" else set()
    told = {pod: _answer(pod, sent, of if signed else None) for pod in request.asked() if pod not in silent}
    record = read_record(messages(sent, told))
    action = decide(record, due=bool(silent), keys=of.pod_keys.read() if signed else None)
    if isinstance(action, Fail):
        final, kind = encode(action.event), type(action.event).__name__
    else:
        assert isinstance(action, Optimise)
        event, data = finish(action.request, action.results)
        made = payload_of(event, data)
        final = (with_answers(made, action.answer_data.values()) if signed else made).data
        kind = type(event).__name__
    if signed:
        final = of.coordinator.sign(final)
    answers = {f"{pod}.{json.loads(data)['type']}": data for pod, data in told.items()}
    return {"OptimizationRequest": sent, **answers, kind: _shown(json.loads(final))}


def _answer(pod: str, sent: bytes, of: System | None) -> bytes:
    if of is not None:
        return _shown(of.answer(pod, sent))
    found = answer(mandate_files.load(pod), json.loads(sent)["request_id"], sent)
    assert found is not None
    return _shown(json.loads(encode(found)))


def _shown(message: Any, indent: int = 1) -> bytes:  # noqa: ANN401 - any JSON value
    return (json.dumps(message, indent=indent, ensure_ascii=False) + "\n").encode()


def _channels() -> dict[str, Any]:
    """Collect what clients are promised of channels, and of the stream that keeps them."""
    described = document(PODS)
    stream = described["x-jetstream"]["streams"]["PODFOLIO"]
    return {
        "channels": {name: facts(described, name) for name in described["channels"]},
        "streams": {"PODFOLIO": {key: stream[key] for key in _PROMISED}},
    }


def freeze() -> None:
    """Write everything anew."""
    for folder in ("messages", "keys", "schemas"):
        rmtree(V1 / folder, ignore_errors=True)
        (V1 / folder).mkdir(parents=True)
    with tempfile.TemporaryDirectory() as secret:
        of = system(Path(secret) / "keys")
        for role in ("coordinator", *(f"pod-{pod}" for pod in PODS)):
            copy(of.keys.public(role), V1 / "keys")
        made = {f"{name}.{rest}": sent for name in REQUESTS for rest, sent in conversation(name, of).items()}
    made |= {
        "rejected.MessageRejected": _shown(json.loads(encode(REJECTED))),
        "poisoned.MessageRemoved": _shown(json.loads(encode(POISONED))),
        "sealed.ArchiveSealed": _shown(example("ArchiveSealed")),
    }
    made |= {f"people.{name}": (EXAMPLES / f"{name}.json").read_bytes() for name in PEOPLE}
    for name, sent in made.items():
        (V1 / "messages" / f"{name}.json").write_bytes(sent)
    for name, model in BODIES.items():
        (V1 / "schemas" / f"{name}.json").write_bytes(_shown(model.model_json_schema(), 2))
    (V1 / "channels.json").write_bytes(_shown(_channels(), 2))


if __name__ == "__main__":
    freeze()
