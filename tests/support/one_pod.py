"""Random requests of one pod, where the separate pods' portfolio is the pod's own: nothing has any room."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np

from agents.answer import answer
from bus.language.messages import PodFailed, parse_request
from coordinator.consolidation import consolidate
from portfolio.market.measure import Measure
from portfolio.market.snapshot import load
from portfolio.pod.optimise import UnreachableMandateError, optimise_sleeve
from portfolio.terms.mandate import Mandate, Objective
from support.builders import OUTLOOK, TRAILING

if TYPE_CHECKING:
    from bus.language.messages import FinalEvent

# How far beyond or within its own optimum's figure a goal asks: exactly at it more often than not.
_AT = (0.0, 0.0, 0.0, 0.02, -0.02)


def random_mandate(rng: np.random.Generator, market_id: str, *, most: int, objective: Objective) -> Mandate:
    """State a mandate over one to *most* priced ETFs, with goals at its own optimum at times."""
    prices = load(market_id)
    priced = [etf.ticker for etf in prices.etfs if etf.price_aud is not None]
    size = int(rng.integers(1, most + 1))
    stated = Mandate(
        pod="alpha",
        purpose="a test",
        objective=objective,
        goals={},
        universe=tuple(rng.choice(priced, size=size, replace=False).tolist()),
        max_position=float(rng.choice([p for p in (0.4, 0.6, 1.0) if p * size >= 1])),
        min_effective_holdings=float(rng.choice([1.0, 1.0, 1 + (size - 1) / 2])),
    )
    if rng.random() < 0.6:
        return stated
    try:
        alone = optimise_sleeve(prices, stated, 1.0).figures
    except UnreachableMandateError:
        return stated
    measures = [Measure(m) for m in rng.choice(list(Measure), size=int(rng.integers(1, 3)), replace=False)]
    goals = {m: abs(alone.of(m)) * (1 + float(rng.choice(_AT))) for m in measures}
    return Mandate(**{name: getattr(stated, name) for name in stated.__slots__} | {"goals": goals})


def random_request(rng: np.random.Generator, market_id: str, mandate: Mandate, *, account: bool) -> bytes:
    """Write a request for the one pod, from cash or, with an *account*, from parcels of one to three ETFs."""
    prices = {etf.ticker: etf for etf in load(market_id).etfs}
    body: dict[str, object] = {
        "request_id": "test",
        "customer": {"customer_id": "test", "marginal_tax_rate": float(rng.choice([0.0, 0.18, 0.32, 0.47]))},
        "pod_weights": {"alpha": 1.0},
        "market": market_id,
        "rules": {"max_weight": 1.0},
        "brokerage_aud": float(rng.choice([0.0, 5.0, 10.0])),
    }
    if not account:
        body["customer"] |= {"total_capital_aud": float(rng.choice([20_000, 50_000, 250_000]))}  # type: ignore[operator]
        return json.dumps(body).encode()
    owned = rng.choice(mandate.universe, size=min(int(rng.integers(1, 4)), len(mandate.universe)), replace=False)
    holdings = []
    for ticker in owned.tolist():
        units, price = int(rng.integers(20, 400)), prices[ticker].price_aud or 0.0
        acquired = f"{int(rng.integers(2022, 2026))}-0{int(rng.integers(1, 10))}-15"
        parcel = {
            "acquired": acquired,
            "units": units,
            "cost_base_aud": round(units * price * rng.uniform(0.6, 1.3), 2),
        }
        holdings.append({"ticker": ticker, "units": units, "parcels": [parcel]})
    cash = float(rng.integers(5_000, 60_000))
    body["account"] = {"as_of": "2025-11-10", "cash_aud": cash, "holdings": holdings}
    return json.dumps(body).encode()


def one_pod(seed: int, *, account: bool) -> FinalEvent | PodFailed:
    """Answer the random one-pod request of *seed*."""
    rng = np.random.default_rng(seed)
    market_id = (TRAILING, OUTLOOK)[seed % 2]
    objective = list(Objective)[(seed // 2) % 4]
    mandate = random_mandate(rng, market_id, most=3 if account else 6, objective=objective)
    data = random_request(rng, market_id, mandate, account=account)
    result = answer(mandate, "test", data)
    assert result is not None
    return result if isinstance(result, PodFailed) else consolidate(parse_request(data, "test"), {"alpha": result})
