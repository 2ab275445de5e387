"""Figures that a request depends on are computed once: counted over a whole solve, orders and all."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
import pytest
from support.builders import pod_results
from support.requests_made import ROOT, data

from bus.language.messages import parse_request
from coordinator.consolidation import consolidate
from portfolio.case import case

if TYPE_CHECKING:
    from collections.abc import Callable

    from portfolio import Matrix


def example(name: str, **changes: object) -> bytes:
    """Read the request of an example, with *changes* to its fields."""
    body = json.loads((ROOT / "examples" / f"{name}.json").read_text(encoding="utf-8"))
    return json.dumps({**body, "request_id": "test", **changes}).encode()


# Goals that are met, goals that give way, owned ETFs, orders that do not pay (two searches), and rules in conflict.
REQUESTS = {
    "reference": data("test", explain="all"),
    "goals": data("test", rules={"duplicates": "penalise"}, correlations="limit"),
    "owned": example("existing-investor"),
    "idle": example("nothing-to-do"),
    "conflict": data("test", rules={"max_weight": 0.05}),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_nothing_is_computed_twice(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    results, counted = pod_results(REQUESTS[name]), Counter[object]()

    def count(owner: object, function: str, key: Callable[..., object]) -> None:
        computed = getattr(owner, function)

        def counting(*given: object, **named: object) -> object:
            counted[function, key(*given, **named)] += 1
            return computed(*given, **named)

        monkeypatch.setattr(owner, function, counting)

    def factored(Sigma: Matrix) -> object:
        return Sigma.shape, Sigma.tobytes()

    count(case, "overview", lambda _market, X, _terms, move: (X.tobytes(), repr(move)))
    count(case, "move_to", lambda _market, X, _terms, _stock, pooled: (X.tobytes(), pooled))
    count(case, "ranked", lambda _market, sleeves, terms, _naive: (repr(sleeves), repr(terms)))
    count(case, "put_side_by_side", repr)
    count(np.linalg, "cholesky", factored)
    consolidate(parse_request(REQUESTS[name], "test"), results)

    assert {function for function, _ in counted} >= {"overview", "ranked", "put_side_by_side", "cholesky"}
    assert {what: times for what, times in counted.items() if times > 1} == {}
