"""Final events for the tests of reports: of the examples, of goals that gave way, and of failures.

A process computes each once. The tests that ask for many are marked ``xdist_group("answers")``: they share a process.
"""

from __future__ import annotations

import json
from functools import cache

from bus.language.messages import FinalEvent, MasterPortfolioFailed, MasterPortfolioOptimized
from support.builders import final_event
from support.requests_made import OUTLOOK, ROOT, body

EXAMPLES = tuple(sorted(file.stem for file in (ROOT / "examples").glob("*.json")))
OPTIMISED = (*EXAMPLES, "outlook")
# What else requests may ask for: limits on correlations, several owners an ETF, one part only.
VARIED: dict[str, dict[str, object]] = {
    "limited": {"correlations": "limit", "explain": "unmet"},
    "shared": {"rules": {"duplicates": "penalise", "never_buy": ["VTS"]}, "preferences": {"duplication": 0.0}},
    "alone": {"pod_weights": {"gamma": 1.0}},
    "wanted": {
        "goals": [
            {"goal_id": "now", "name": "Now", "pod": "alpha", "target_amount_aud": 15_000, "years": 0},
            {"goal_id": "more", "name": "More", "pod": "beta", "target_amount_aud": 26_000, "years": 0},
            {"goal_id": "much", "name": "Much", "pod": "delta", "target_amount_aud": 900_000, "years": 1},
            {"goal_id": "none", "name": "None", "pod": "beta", "target_amount_aud": 1_000, "years": 3, "priority": 2},
            {
                "goal_id": "old",
                "name": "Old age",
                "pod": "gamma",
                "target_amount_aud": 70_000.5,
                "years": 1.5,
                "wanted_probability": 0.7,
                "in_todays_money": False,
                "contribution_aud_per_month": 12.5,
            },
        ]
    },
}
# Enough for every search to end by itself.
_NODES = 100_000


@cache
def event(name: str) -> FinalEvent:
    """Answer an example, ``outlook`` (goals give way) or ``conflict`` (no portfolio)."""
    if name == "outlook":
        asked = body(market=OUTLOOK)
    elif name in VARIED:
        asked = body() | VARIED[name]
    elif name == "conflict":
        asked = body(rules={"max_etfs": 9})
    else:
        asked = json.loads((ROOT / "examples" / f"{name}.json").read_text(encoding="utf-8"))
    return final_event(json.dumps(asked | {"request_id": "test"}).encode(), nodes=_NODES)


def optimised(name: str) -> MasterPortfolioOptimized:
    """Answer what ends in a portfolio."""
    found = event(name)
    assert isinstance(found, MasterPortfolioOptimized)
    return found


def failed(name: str) -> MasterPortfolioFailed:
    """Answer what ends in none."""
    found = event(name)
    assert isinstance(found, MasterPortfolioFailed)
    return found
