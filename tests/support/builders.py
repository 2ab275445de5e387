"""Builders that take only what matters to a test: markets, mandates, sleeves, terms, requests, events."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np

from agents.answer import answer
from agents.mandate_files import load
from bus.language.messages import MarketRef, MasterPortfolioOptimized, PodResult, encode, parse_request
from coordinator.budget import Budget
from coordinator.consolidation import consolidate
from portfolio.account.describe import render_account
from portfolio.account.model import model_portfolio
from portfolio.account.standing import standings
from portfolio.account.switch import judge
from portfolio.case.case import Case
from portfolio.errors import SolverError
from portfolio.market.age import age_to_tell
from portfolio.market.basis import History
from portfolio.market.figures import figures
from portfolio.market.folders import VARIABLE
from portfolio.market.measure import Measure
from portfolio.market.snapshot import Etf, Market, named
from portfolio.orders.plan import at_most_better_by, plan
from portfolio.pod.optimise import UnreachableMandateError, optimise_sleeve
from portfolio.pod.sleeve import Sleeve
from portfolio.terms.mandate import Mandate, Objective
from portfolio.terms.rules import Correlations, Duplicates, Explain, OnUnreachable, Preferences, Rules, Terms
from support.kept import once

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from bus.language.messages import FinalEvent
    from portfolio import Matrix, Vector
    from portfolio.master.coordinated_portfolio import CoordinatedPortfolio

TRAILING = "asx-trailing-104w-2025-11-07"
OUTLOOK = "asx-outlook-2025-12"
REFERENCE_SHARES = {"alpha": 0.15, "beta": 0.25, "gamma": 0.50, "delta": 0.10}


def market(  # noqa: PLR0913 - one argument a column
    volatilities: Sequence[float],
    expected_returns: Sequence[float],
    *,
    correlation: float | Matrix = 0.0,
    yields: Sequence[float] | None = None,
    franked: Sequence[float] | None = None,
    liquidity: Sequence[float] | None = None,
    half_spreads: Sequence[float] | None = None,
    risk_free: float = 0.04,
) -> Market:
    """Make a market of ETFs A, B, C, ...; *correlation* is one for all pairs, or a matrix."""
    n = len(volatilities)
    rho = correlation if isinstance(correlation, np.ndarray) else np.full((n, n), correlation)
    rho = rho.copy()
    np.fill_diagonal(rho, 1.0)
    sigma = np.array(volatilities, dtype=float)
    nothing = [0.0] * n
    etfs = tuple(
        Etf(chr(65 + i), f"ETF {i}", "equities", *numbers)
        for i, numbers in enumerate(
            zip(yields or nothing, franked or nothing, liquidity or [1.0] * n, half_spreads or nothing, strict=True)
        )
    )
    return Market(
        id="made",
        sha256="0" * 64,
        etfs=etfs,
        unpriced=(),
        expected_returns=np.array(expected_returns, dtype=float),
        Sigma=rho * np.outer(sigma, sigma),
        risk_free=risk_free,
        basis=History(date(2023, 11, 10), date(2025, 11, 7), 104, 52.0),
        priced_on=date(2025, 11, 7),
    )


def random_market(rng: np.random.Generator, n: int) -> Market:
    """Make a market with a three-factor covariance and figures of the usual sizes."""
    loadings = rng.normal(size=(n, 3)) * [0.6, 0.4, 0.3]
    covariance = loadings @ loadings.T + np.diag(rng.uniform(0.1, 0.5, n))
    scale = np.sqrt(np.diag(covariance))
    volatilities = rng.uniform(0.03, 0.25, n)
    return market(
        volatilities.tolist(),
        (0.04 + volatilities * rng.uniform(0.1, 0.9, n)).tolist(),
        correlation=covariance / np.outer(scale, scale),
        yields=rng.uniform(0.005, 0.06, n).tolist(),
        franked=(rng.uniform(0, 1, n) * rng.integers(0, 2, n)).tolist(),
        liquidity=rng.uniform(0.5, 1, n).tolist(),
        half_spreads=rng.uniform(0.0001, 0.003, n).tolist(),
    )


def mandate(
    universe: Sequence[str],
    *,
    pod: str = "pod",
    objective: Objective = Objective.MIN_VOLATILITY,
    goals: Mapping[Measure, float] | None = None,
    max_position: float = 1.0,
    min_effective_holdings: float = 1.0,
) -> Mandate:
    """State a mandate."""
    return Mandate(
        pod=pod,
        purpose="a test",
        objective=objective,
        goals=goals or {},
        universe=tuple(universe),
        max_position=max_position,
        min_effective_holdings=min_effective_holdings,
    )


def sleeve(
    prices: Market,
    weights: Sequence[float] | Vector,
    *,
    share: float = 1.0,
    terms: Mandate | None = None,
    best_alone: Mapping[Measure, float] | None = None,
) -> Sleeve:
    """State a sleeve by its weights."""
    u = np.array(weights, dtype=float)
    kept = terms or mandate(prices.tickers)
    return Sleeve(kept, share, u, figures(prices, u), best_alone or {}, ())


def terms(  # noqa: PLR0913 - one argument a rule
    *,
    capital: float = 100_000.0,
    tax: float = 0.32,
    brokerage: float = 10.0,
    max_etfs: int = 12,
    min_weight: float = 0.02,
    max_weight: float = 1.0,
    duplicates: Duplicates = Duplicates.FORBID,
    min_correlation_distance: float = 0.0,
    preferences: Preferences | None = None,
    priorities: Mapping[str, int] | None = None,
    on_unreachable: OnUnreachable = OnUnreachable.RELAX,
    explain: Explain = Explain.UNMET,
    correlation_limits: Mapping[str, float] | None = None,
) -> Terms:
    """State a customer's terms; limits on correlations are goals where there are any."""
    return Terms(
        total_capital_aud=capital,
        marginal_tax_rate=tax,
        brokerage_aud=brokerage,
        rules=Rules(max_etfs, min_weight, max_weight, duplicates, min_correlation_distance),
        preferences=preferences or Preferences(),
        priorities=priorities or {},
        on_unreachable=on_unreachable,
        explain=explain,
        correlations=Correlations.LIMIT if correlation_limits else Correlations.REPORT,
        correlation_limits=correlation_limits or {},
    )


def random_sleeves(
    rng: np.random.Generator, prices: Market, pods: int, *, universe: int, slack: float = 0.85, relax: bool = False
) -> list[Sleeve]:
    """Make pods with random universes, objectives, shares and goals that each can keep alone.

    *slack* is how much of its own result a goal asks for: above one, it is out of reach and takes *relax*. What
    stage 1 cannot solve is drawn again.
    """
    shares = rng.dirichlet(np.full(pods, 4.0)).tolist()
    made: list[Sleeve] = []
    while len(made) < pods:
        bare = mandate(
            sorted(rng.choice(prices.tickers, size=min(universe, len(prices.tickers)), replace=False).tolist()),
            pod=f"pod{len(made)}",
            objective=list(Objective)[int(rng.integers(4))],
            max_position=float(rng.choice([0.5, 0.6, 0.8])),
            min_effective_holdings=float(rng.choice([1.0, 2.0])),
        )
        asked = [Measure(m) for m in rng.choice(list(Measure), size=int(rng.integers(0, 3)), replace=False)]
        with suppress(UnreachableMandateError, SolverError):
            alone = optimise_sleeve(prices, bare, 1.0).figures
            goals = {m: alone.of(m) * (2 - slack if m.lower_is_better else slack) for m in asked}
            made.append(optimise_sleeve(prices, replace(bare, goals=goals), shares[len(made)], relax=relax))
    return made


def request(  # noqa: PLR0913 - one argument a field
    shares: Mapping[str, float] = REFERENCE_SHARES,
    *,
    market_id: str = TRAILING,
    capital: float = 100_000.0,
    brokerage: float = 10.0,
    risk_tolerance: float = 0.5,
    tax: float = 0.32,
    rules: Mapping[str, object] | None = None,
    account: Mapping[str, object] | None = None,
    customer: Mapping[str, object] | None = None,
) -> bytes:
    """Write a request; the defaults are the reference customer's. An *account* takes the place of the capital."""
    body = {
        "request_id": "test",
        "stale_prices": "allow",  # cases of before and after the reform of capital gains take the same prices
        "customer": {
            "customer_id": "test",
            "total_capital_aud": None if account else capital,
            "risk_tolerance": risk_tolerance,
            "marginal_tax_rate": tax,
            **(customer or {}),
        },
        "account": account,
        "pod_weights": dict(shares),
        "market": market_id,
        "brokerage_aud": brokerage,
        "rules": dict(rules or {}),
    }
    return json.dumps(body).encode()


def pod_results(data: bytes) -> dict[str, PodResult]:
    """Let every pod that is asked answer; all of them must find a portfolio."""
    asked = parse_request(data, "test")
    pods = asked.asked()
    answers = {pod: answer(load(pod), "test", data) for pod in pods}
    return {pod: result for pod, result in answers.items() if isinstance(result, PodResult)}


def final_event(data: bytes, *, nodes: int = 2_000) -> FinalEvent:
    """Answer a request as the whole system does, without a bus; all searches together stop after *nodes*.

    Each is answered once a run (``support.kept``). A test that changes the code asks ``solved``.
    """
    event: FinalEvent = once((data, nodes, os.environ.get(VARIABLE)), lambda: solved(data, nodes=nodes))
    return event


def solved(data: bytes, *, nodes: int = 2_000) -> FinalEvent:
    """Answer a request as ``final_event`` does, here and now."""
    left = iter(range(nodes))
    return consolidate(
        parse_request(data, "test"), pod_results(data), budget=Budget(also=lambda: next(left, None) is None)
    )


def wire_event(prices: Market, sleeves: Sequence[Sleeve], asked: Terms, master: CoordinatedPortfolio) -> dict[str, Any]:
    """Make the final event of some holdings, as it goes over the wire."""
    case = Case(prices, sleeves, asked)
    account = render_account(case, master)
    trading = plan(case, master)
    stand = standings(case, master.X, trading)
    event = MasterPortfolioOptimized(
        request_id="test",
        customer_id="test",
        market=MarketRef.of(prices),
        prices_age_days=age_to_tell(prices.priced_on, asked.owned.as_of) if asked.owned else None,
        terms=asked,
        weights=named(prices, master.X.sum(axis=0)),
        holdings=account.holdings,
        today=stand.today,
        separate=stand.separate,
        suggested=stand.suggested,
        switch=judge(stand, trading),
        pods=account.pods,
        goals=account.goals,
        comparison=account.comparison,
        correlations=account.correlations,
        correlation_matrix=account.correlation_matrix,
        economic_duplicates=account.economic_duplicates,
        objective_terms=account.objective_terms,
        sharpe_standard_error=prices.basis.sharpe_standard_error(case.overview(master.X).sharpe_ratio),
        model_portfolio=model_portfolio(case, master.X, account.holdings),
        income=account.income,
        trading=trading,
        certificate=master.certificate,
        at_most_better_by=at_most_better_by(master, trading),
        elapsed_s=0.0,
    )
    made: dict[str, Any] = json.loads(encode(event))
    return made


def write_market(folder: Path, **files: str) -> Path:
    """Write a snapshot of three ETFs, CASH, BOND and STOCK; *files* replaces some of its texts."""
    texts = {
        "market": (
            "basis,begins,ends,returns,returns_per_year,years,publication,priced_on,inflation\n"
            "history,2023-11-10,2025-11-07,104,52,,,2025-11-07,\n"
        ),
        "etfs": (
            "ticker,name,asset_class,management_fee,return_is,distribution_yield,franked_share,liquidity,"
            "half_spread_bps\n"
            "CASH,Cash,cash,0,fund,0.04,0,1,1\n"
            "BOND,Bonds,fixed income,0,fund,0.03,0,0.9,4\n"
            "STOCK,Shares,equities,0,fund,0.05,0.7,0.8,10\n"
        ),
        "moments": ("ticker,expected_return,volatility,source\nCASH,0.04,0.01,x\nBOND,0.05,0.05,x\nSTOCK,0.09,0.2,x\n"),
        "correlations": "ticker,CASH,BOND,STOCK\nCASH,1,0,0\nBOND,0,1,0.3\nSTOCK,0,0.3,1\n",
    } | files
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (folder / f"{name}.csv").write_text(text)
    return folder
