"""Random customers who own something: each gets orders that pass the check, or the reason why there are none."""

from __future__ import annotations

import io
import json
from datetime import date, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from support.builders import TRAILING, pod_results, request
from support.depth import some_of

from bus.language.messages import MasterPortfolioFailed, MasterPortfolioOptimized, Reason, encode, parse_request
from cli.pages.final_event import make_console, show
from coordinator.budget import Budget
from coordinator.consolidation import consolidate
from portfolio.check import findings
from portfolio.market.snapshot import load

if TYPE_CHECKING:
    from bus.language.messages import PodResult

pytestmark = pytest.mark.slow

TODAY = date(2025, 11, 24)
NODES = 400


# A day under the reform of individuals' gains; parcels were bought before it and since.
LATER = date(2028, 8, 10)
REFORM = {
    "cpi": {
        f"{year}-{month:02d}-01": 100 * 1.007**i
        for i, (year, month) in enumerate([(2027, 7), (2027, 10), (2028, 1), (2028, 4), (2028, 7)])
    },
    "values_aud": {etf.ticker: 0.85 * etf.price_aud for etf in load(TRAILING).etfs if etf.price_aud},
}


@cache
def results() -> dict[str, PodResult]:
    return pod_results(request(account={"as_of": str(TODAY), "cash_aud": 50_000.0}))


def random_request(seed: int, today: date) -> bytes:
    rng = np.random.default_rng(seed)
    size = float(rng.choice([5e3, 2e4, 1e5, 2e6, 3e8]))
    holdings = []
    for etf in load(TRAILING).etfs:
        if etf.price_aud is None or rng.random() < 0.5:
            continue
        parcels = []
        for _ in range(int(rng.integers(1, 5))):
            units = int(max(1, size * rng.uniform(0.01, 0.1) / etf.price_aud))
            acquired = today - timedelta(days=int(rng.choice([0, 1, 200, 364, 365, 366, 367, 800, 2_500])))
            acquired = max(acquired, etf.since or acquired)
            cost = round(units * etf.price_aud * float(rng.uniform(0.4, 1.4)), 2)
            parcels.append({"acquired": str(acquired), "units": units, "cost_base_aud": cost})
        holdings.append({"ticker": etf.ticker, "units": sum(p["units"] for p in parcels), "parcels": parcels})
    entity = str(rng.choice(["individual", "super_accumulation", "super_pension", "company"]))
    entity = "individual" if today == LATER else entity
    rate = float(rng.choice([0.18, 0.32, 0.47])) if entity == "individual" else None
    rules: dict[str, Any] = {
        "duplicates": str(rng.choice(["forbid", "forbid", "penalise"])),
        "min_order_aud": float(rng.choice([0, 500, 1_500])),
        "capital_tolerance": float(rng.choice([0.05, 0.1, 0.15])),
    }
    if rng.random() < 0.3:
        rules["max_turnover"] = float(rng.uniform(0.1, 0.5))
    if rng.random() < 0.2:
        rules["max_tax_aud"] = float(rng.uniform(0, 2_000))
    if rng.random() < 0.3:
        rules["never_sell"] = [str(ticker) for ticker in rng.choice(load(TRAILING).tickers, 2, replace=False)]
    return request(
        account={
            "as_of": str(today),
            "reform": REFORM if today == LATER else {},
            "cash_aud": float(rng.choice([1_000, 20_000, size])),
            "holdings": holdings,
            "outside": str(rng.choice(["sell", "keep"])),
            "brokerage_share": float(rng.choice([0, 0.001])),
        },
        customer={
            "entity": entity,
            "marginal_tax_rate": rate,
            "carried_losses_aud": float(rng.choice([0, 0, 500, 5_000, 50_000])),
        },
        rules=rules,
    )


@pytest.mark.parametrize(
    ("seed", "today"),
    some_of([*((seed, TODAY) for seed in range(60)), *((seed, LATER) for seed in range(60, 90))], every=30),
)
def test_a_random_customer_gets_orders_that_pass_the_check_or_a_reason(seed: int, today: date) -> None:
    left = iter(range(NODES))

    budget = Budget(also=lambda: next(left, None) is None)

    event = consolidate(parse_request(random_request(seed, today), "test"), results(), budget=budget)

    if isinstance(event, MasterPortfolioFailed):
        stopped = event.reason is Reason.SOLVER_FAILED and "the search was stopped" in event.message
        assert event.reason is Reason.RULES_CONFLICT or stopped, event.message
    else:
        assert isinstance(event, MasterPortfolioOptimized)
        assert findings(json.loads(encode(event)), load(TRAILING)) == []
        assert event.trading is not None
        assert all(would_buy(event, order.ticker) for order in event.trading.orders if "would each" in order.why)


def test_where_units_near_the_portfolio_cost_much_other_etfs_are_held() -> None:
    # 38,000 AUD; with the portfolio's ETFs and owners, whole units would cost more of the objective.
    event = consolidate(parse_request(random_request(21, TODAY), "test"), results())
    assert isinstance(event, MasterPortfolioOptimized)
    assert event.trading is not None
    console = make_console(file=io.StringIO())
    show(console, event)

    assert findings(json.loads(encode(event)), load(TRAILING)) == []
    assert set(event.trading.units) - set(event.weights) == {"VAS"}
    assert event.trading.rounding_cost < 0.011
    assert "also held, unlike in the portfolio: VAS." in console.file.getvalue()  # type: ignore[attr-defined]


def would_buy(event: MasterPortfolioOptimized, ticker: str) -> bool:
    """Whether several pods hold an ETF alone, more of it together than is owned."""
    owned = event.terms.owned
    assert owned is not None
    price = next(etf.price_aud for etf in load(TRAILING).etfs if etf.ticker == ticker)
    had = sum(parcel.units for parcel in owned.parcels if parcel.ticker == ticker) * (price or 0.0)
    alone = [pod.capital_share * pod.naive_weights.get(ticker, 0.0) for pod in event.pods.values()]
    return sum(share > 0 for share in alone) > 1 and sum(alone) * event.terms.total_capital_aud > had
