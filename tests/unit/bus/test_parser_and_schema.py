"""The parser and the published schema accept the same: numbers that are whole, days, and cost bases of nil."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from support.builders import final_event
from support.requests_made import holding, owning

from bus.language.messages import (
    BadMessageError,
    MasterPortfolioOptimized,
    OptimizationRequest,
    encode,
    parse_request,
)
from portfolio.check import findings
from portfolio.market.snapshot import load

if TYPE_CHECKING:
    from collections.abc import Mapping

GOAL = {"goal_id": "g", "name": "House", "pod": "alpha", "target_amount_aud": 9_000, "years": 3}
SCHEMA = OptimizationRequest.model_json_schema()


def by_schema(sent: bytes) -> bool:
    validator = jsonschema.Draft202012Validator(SCHEMA, format_checker=jsonschema.FormatChecker(["date"]))
    return validator.is_valid(json.loads(sent))


def by_parser(sent: bytes) -> bool:
    try:
        parse_request(sent, "bad")
    except BadMessageError:
        return False
    return True


def changed(**account: object) -> bytes:
    asked: dict[str, Any] = json.loads(owning(holding()))
    return json.dumps(asked | {"account": asked["account"] | account}).encode()


@pytest.mark.parametrize(
    ("sent", "accepted"),
    [
        (owning(holding(units=180.0)), True),
        (owning(holding(units=1e2)), True),
        (owning(holding(units=180.5)), False),
        (owning(holding(units="180")), False),
        (owning(holding(units=True)), False),
        (owning(holding(units=0.0)), False),
        (owning(holding(), rules={"max_etfs": 12.0}), True),
        (owning(holding(), rules={"max_etfs": 11.5}), False),
        (owning(holding(), priorities={"alpha.sharpe_ratio": 2.0}), True),
        (owning(holding(), goals=[GOAL | {"priority": 2.0}]), True),
        (owning(holding(), goals=[GOAL | {"priority": 2.5}]), False),
        (owning(holding(cost_base_aud=0)), True),
        (owning(holding(cost_base_aud=0.0)), True),
        (owning(holding(cost_base_aud=-0.01)), False),
        (changed(as_of="2025-11-11"), True),
        (changed(as_of="1762732800"), False),
        (changed(as_of="0"), False),
        (changed(as_of="20251111"), False),
        (changed(as_of=1_762_732_800), False),
        (changed(as_of="2025-11-11T00:00:00"), False),
        (changed(as_of="2025-02-30"), False),
        (changed(as_of="٢٠٢٥-11-11"), False),
        (changed(reform={"values_aud": {"surprise": 1}}), False),
        (owning(holding(), pod_targets={"alpha volatility": 0.1}), False),
        (owning(holding(), priorities={"Alpha": 2}), False),
    ],
)
def test_parser_and_schema_accept_the_same(sent: bytes, accepted: bool) -> None:  # noqa: FBT001 - a case
    assert (by_parser(sent), by_schema(sent)) == (accepted, accepted)


def test_a_holding_of_nil_cost_base_is_planned_for_and_the_result_holds() -> None:
    sent = owning(holding(units=400, cost_base_aud=0), cash_aud=20_000.0)

    event = final_event(json.dumps(json.loads(sent) | {"request_id": "test"}).encode())

    assert isinstance(event, MasterPortfolioOptimized), event
    told: Mapping[str, Any] = json.loads(encode(event))
    assert findings(told, load(event.market.id)) == []
    (order,) = [order for order in told["trading"]["orders"] if order["ticker"] == "VAS" and order["side"] == "sell"]
    assert [part["cost_base_aud"] for part in order["parcels"]] == [0]
    assert sum(order["parcels"][0]["realised_aud"].values()) > 0
