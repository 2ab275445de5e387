"""Version 1 of the messages, frozen in ``v1``: read today as they were, and written today as was promised.

``freeze.py`` made what is in ``v1``; ADR 18 says when that was last, and what may change since.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from additive import changes
from support.builders import final_event, pod_results, request

from bus.language import subjects
from bus.language.messages import (
    BODIES,
    MasterPortfolioOptimized,
    PodFailed,
    Reason,
    encode,
    parse_approval,
    parse_final,
    parse_pod_answer,
    parse_request,
)
from bus.language.pod_keys import PodKeys
from bus.language.public_key import read_key
from bus.port import Message
from cli.trust.check import Verdict
from cli.trust.verify import describe, examine
from coordinator.decisions import Fail, Optimise, decide, read_record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import BaseModel

V1 = Path(__file__).parent / "v1"
MESSAGES = {file.name.removesuffix(".json"): file for file in sorted((V1 / "messages").iterdir())}
THEN = datetime(2025, 11, 7, 9, tzinfo=UTC)


def schema_of_then(name: str) -> Any:  # noqa: ANN401 - it is JSON
    return json.loads((V1 / "schemas" / f"{name}.json").read_text(encoding="utf-8"))


def read_today(name: str, sent: bytes) -> BaseModel:
    kind = name.rpartition(".")[2]
    if kind == "OptimizationRequest":
        return parse_request(sent, json.loads(sent)["request_id"])
    if kind in {"PortfolioApproved", "PortfolioDeclined"}:
        return parse_approval(sent)
    if kind.startswith("Pod"):
        return parse_pod_answer(sent)
    events = {"MessageRejected", "MessageRemoved", "OrderFilled", "AdviceStopped", "AdviceResumed", "ArchiveSealed"}
    if kind in events:
        return BODIES[kind].model_validate_json(sent)
    return parse_final(sent)


def lost(then: Any, today: Any, where: str = "") -> Iterator[str]:  # noqa: ANN401 - both are JSON
    """Name what was in a message then and is not today."""
    if isinstance(then, dict) and isinstance(today, dict):
        for key, value in then.items():
            yield from lost(value, today.get(key, "nothing"), f"{where}.{key}")
    elif isinstance(then, list) and isinstance(today, list) and len(then) == len(today):
        for i, (a, b) in enumerate(zip(then, today, strict=True)):
            yield from lost(a, b, f"{where}.{i}")
    elif then != today:
        yield f"{where}: {then} became {today}"


@pytest.mark.parametrize("name", sorted(MESSAGES))
def test_a_message_of_then_is_read_today_and_nothing_of_it_is_lost(name: str) -> None:
    sent = MESSAGES[name].read_bytes()
    jsonschema.validate(json.loads(sent), schema_of_then(name.rpartition(".")[2]))

    body = read_today(name, sent)

    assert type(body).__name__ == name.rpartition(".")[2]
    assert list(lost(json.loads(sent), json.loads(encode(body)))) == []


@pytest.mark.parametrize("case", ["reference", "account", "advice", "goals", "conflict", "unreachable", "signed"])
def test_requests_and_answers_of_then_complete_a_set_today(case: str) -> None:
    sent = {name: file.read_bytes() for name, file in MESSAGES.items() if name.startswith(f"{case}.")}
    asked = sent[f"{case}.OptimizationRequest"]
    request_id = json.loads(asked)["request_id"]
    pods = {name.split(".")[1]: data for name, data in sent.items() if ".Pod" in name}
    messages = [Message(subjects.request(request_id), asked, sequence=1, stored_at=THEN)]
    for sequence, (pod, data) in enumerate(pods.items(), start=2):
        messages.append(Message(subjects.pod_result(request_id, pod), data, sequence=sequence, stored_at=THEN))

    action = decide(read_record(messages), due=False)

    if case == "unreachable":
        assert isinstance(action, Fail)
        assert action.event.reason is Reason.GOAL_UNREACHABLE
    else:
        assert isinstance(action, Optimise)
        assert set(action.results) == set(pods)


@pytest.mark.parametrize("case", ["signed", "signed-failure"])
def test_what_was_signed_then_is_genuine_today(case: str) -> None:
    sent = {name: file.read_bytes() for name, file in MESSAGES.items() if name.startswith(f"{case}.")}
    messages = [Message(subjects.request(case), sent[f"{case}.OptimizationRequest"], sequence=1, stored_at=THEN)]
    for name in (name for name in sent if ".Pod" in name):
        where = subjects.pod_result(case, name.split(".")[1])
        messages.append(Message(where, sent[name], sequence=len(messages) + 1, stored_at=THEN))
    pod_keys = PodKeys(V1 / "keys").read()

    action = decide(read_record(messages), due=False, keys=pod_keys)
    checks = examine(
        next(data for name, data in sent.items() if ".Master" in name),
        read_key(str(V1 / "keys" / "coordinator.pub")),
        pod_keys=pod_keys,
    )

    assert isinstance(action, (Optimise, Fail))
    assert len(action.signed if isinstance(action, Optimise) else action.event.pod_answers) == 4
    assert [check.verdict for check in checks] == [Verdict.HOLDS] * len(checks), describe(checks)
    assert "pods" in {check.what for check in checks}


@pytest.mark.parametrize("account", [None, {"as_of": "2025-11-10", "cash_aud": 50_000, "holdings": []}])
def test_messages_of_today_are_what_was_promised_then(account: dict[str, Any] | None) -> None:
    asked = request(account=account)
    written: list[BaseModel] = [*pod_results(asked).values(), final_event(asked)]
    written.append(final_event(request(rules={"max_etfs": 9})))

    assert isinstance(written[-2], MasterPortfolioOptimized)
    for body in written:
        jsonschema.validate(json.loads(encode(body)), schema_of_then(type(body).__name__))


def test_without_keys_messages_say_nothing_of_signed_answers() -> None:
    # Members that came later are left out, so that such messages stay what they were to the byte.
    asked = request()
    failed = PodFailed(request_id="r1", pod="delta", reason=Reason.INTERNAL_ERROR, message="crashed")
    for answer in (*pod_results(asked).values(), failed):
        assert not {"signature", "request_sha256"} & set(json.loads(encode(answer)))
    for rules in ({}, {"max_etfs": 9}):
        assert "pod_answers" not in json.loads(encode(final_event(request(rules=rules))))


@pytest.mark.parametrize("name", sorted(BODIES))
def test_the_schema_has_only_been_added_to(name: str) -> None:
    ours = name != "OptimizationRequest"

    found = changes(schema_of_then(name), BODIES[name].model_json_schema(), ours=ours, open_list="Reason")

    assert list(found) == []


def harm(name: str, how: str) -> tuple[dict[str, Any], dict[str, Any]]:  # noqa: C901 - one branch a harm
    """Give a schema as it was, and after a change that is not additive."""
    then, today = schema_of_then(name), schema_of_then(name)
    properties, defs = today["properties"], today["$defs"]
    if how == "other type":
        properties["request_id"]["type"] = "integer"
    elif how == "gone":
        del properties["request_id"]
    elif how == "gone below":
        del defs["Certificate"]["properties"]["gap"]
    elif how == "required":
        today["required"].append("market_of_its_own")
    elif how == "no longer sure":
        today["required"].remove("request_id")
    elif how == "new value":
        defs["Objective"]["enum"].append("max_fame")
    elif how == "tighter":
        defs["Customer"]["properties"]["risk_tolerance"]["maximum"] = 0.5
    elif how == "new bound":
        properties["request_id"]["maxLength"] = 10
    elif how == "new pattern":
        properties["version"]["pattern"] = "^1$"
    elif how == "other default":
        properties["brokerage_aud"]["default"] = 5.0
    return then, today


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("PodResult", "other type"),
        ("PodResult", "gone"),
        ("PodResult", "required"),
        ("PodResult", "no longer sure"),
        ("PodResult", "new value"),
        ("MasterPortfolioOptimized", "gone below"),
        ("OptimizationRequest", "gone"),
        ("OptimizationRequest", "required"),
        ("OptimizationRequest", "tighter"),
        ("OptimizationRequest", "new bound"),
        ("OptimizationRequest", "new pattern"),
        ("OptimizationRequest", "other default"),
    ],
)
def test_what_is_not_additive_is_noticed(name: str, how: str) -> None:
    then, today = harm(name, how)

    assert changes(then, today, ours=name != "OptimizationRequest", open_list="Reason") != []


def test_what_is_additive_passes() -> None:
    then, today = schema_of_then("OptimizationRequest"), schema_of_then("OptimizationRequest")
    today["properties"]["nickname"] = {"type": "string", "default": ""}
    today["$defs"]["Customer"]["properties"]["risk_tolerance"]["maximum"] = 2
    today["$defs"]["Entity"]["enum"].append("trust")
    today["required"].remove("market")

    assert changes(then, today, ours=False) == []


def test_a_reason_that_came_later_is_read_as_one_that_cannot_be_told() -> None:
    later = json.loads(MESSAGES["unreachable.delta.PodFailed"].read_bytes()) | {"reason": "of_a_later_version"}

    body = parse_pod_answer(json.dumps(later).encode())

    assert isinstance(body, PodFailed)
    assert body.reason is Reason.INTERNAL_ERROR
