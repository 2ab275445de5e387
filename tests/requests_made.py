"""Requests for tests, each as a body that may go over the wire."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
REFERENCE = ROOT / "examples" / "reference-customer.json"
TRAILING, OUTLOOK = "asx-trailing-104w-2025-11-07", "asx-outlook-2025-12"


def body(request_id: str = "r1", **changes: object) -> dict[str, Any]:
    """Make the reference customer's request, with *changes* to its fields."""
    made: dict[str, Any] = json.loads(REFERENCE.read_text(encoding="utf-8"))
    return {**made, "request_id": request_id, **changes}


def data(request_id: str = "r1", **changes: object) -> bytes:
    """Make the same as bytes."""
    return json.dumps(body(request_id, **changes)).encode()


# What people send by mistake, with a part of the sentence they get back. The id of each is "bad".
BAD: dict[str, tuple[bytes, str, str]] = {
    "not_json": (b"{not json", "invalid_request", "JSON"),
    "not_an_object": (b"[1, 2]", "invalid_request", "object"),
    "empty": (b"", "invalid_request", "JSON"),
    "not_utf8": (b'{"request_id": "\xff"}', "invalid_request", "JSON"),
    "deeply_nested": (b"[" * 50_000, "invalid_request", "recursion"),
    "unknown_field": (data("bad", max_eft=9), "invalid_request", "max_eft"),
    "unknown_rule": (data("bad", rules={"max_eft": 9}), "invalid_request", "rules.max_eft"),
    "wrong_type": (data("bad", deadline_s="soon"), "invalid_request", "deadline_s"),
    "number_as_text": (
        data("bad", customer={"customer_id": "c", "total_capital_aud": "100000"}),
        "invalid_request",
        "total_capital_aud",
    ),
    "weights_sum": (data("bad", pod_weights={"alpha": 0.5, "beta": 0.4}), "invalid_request", "sum to 0.9"),
    "weight_negative": (data("bad", pod_weights={"alpha": 1.5, "beta": -0.5}), "invalid_request", "pod_weights"),
    "neither_weights_nor_goals": (data("bad", pod_weights=None), "invalid_request", "pod_weights or goals"),
    "unknown_pod": (data("bad", pod_weights={"omega": 1.0}), "unknown_pod", "alpha"),
    "unknown_market": (data("bad", market="nasdaq"), "unknown_market", TRAILING),
    "unknown_etf": (data("bad", rules={"never_buy": ["DOGE"]}), "unknown_etf", "DOGE"),
    "capital_negative": (
        data("bad", customer={"customer_id": "c", "total_capital_aud": -1}),
        "invalid_request",
        "total_capital_aud",
    ),
    "capital_absurd": (
        data("bad", customer={"customer_id": "c", "total_capital_aud": 1e300}),
        "invalid_request",
        "total_capital_aud",
    ),
    "capital_nan": (
        data("bad").replace(b"100000", b"NaN"),
        "invalid_request",
        "total_capital_aud",
    ),
    "huge_number": (data("bad").replace(b"100000", b"9" * 5_000), "invalid_request", "out of range"),
    "id_differs": (data("another"), "invalid_request", "another"),
    "min_above_max": (
        data("bad", rules={"min_weight": 0.4, "max_weight": 0.3}),
        "invalid_request",
        "min_weight",
    ),
    "priority_below_one": (data("bad", priorities={"gamma.sharpe_ratio": 0}), "invalid_request", "gamma.sharpe_ratio"),
    "priority_above_nine": (data("bad", priorities={"gamma.sharpe_ratio": 10}), "invalid_request", "9"),
    "priority_of_a_half": (data("bad", priorities={"gamma.sharpe_ratio": 1.5}), "invalid_request", "integer"),
    "priority_as_text": (data("bad", priorities={"gamma.sharpe_ratio": "1"}), "invalid_request", "integer"),
    "priority_of_no_goal_s_name": (data("bad", priorities={"sharpe_ratio": 1}), "invalid_request", "priorities"),
    "unknown_way_out": (data("bad", on_unreachable="shrug"), "invalid_request", "on_unreachable"),
    "unknown_explanation": (data("bad", explain="nothing"), "invalid_request", "explain"),
    "unknown_use_of_limits": (data("bad", correlations="enforce"), "invalid_request", "correlations"),
    "limit_above_one": (data("bad", correlation_limits={"alpha-beta": 1.1}), "invalid_request", "alpha-beta"),
    "limit_below_minus_one": (data("bad", correlation_limits={"alpha-beta": -1.1}), "invalid_request", "alpha-beta"),
    "limit_of_no_pair_s_name": (data("bad", correlation_limits={"Alpha/Beta": 0.5}), "invalid_request", "limits"),
    "etf_lower_case": (data("bad", rules={"never_buy": ["vas"]}), "invalid_request", "never_buy"),
    "version_of_the_future": (data("bad", version=2), "invalid_request", "version"),
}
