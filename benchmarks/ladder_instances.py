"""Make the ladder's instances: seeded markets, pods and terms, up to 400 ETFs and 16 pods.

Everything is drawn from one generator a (size, pods, seed, covariance), and the pods' own portfolios come from
the product's stage 1, so an instance is the same on every machine up to the last digits of that.

**Market.** Five factors, the first of them the market, carry 70 to 95 % of each ETF's variance; volatilities are from 3
to 25 %. What an ETF is expected to earn above cash pays for its factors, and a little noise. (With more
variance, or return, of an ETF's own, pods of 200 ETFs diversify to Sharpe ratios of 3 and more, of which no 12 ETFs
reach 80 %: nothing is feasible.) The covariance is the factor model's own, or the sample covariance of weekly
returns simulated from it with fat tails (Student's t, five degrees of freedom), over five years and at least
twice as many weeks as ETFs: so it is positive definite, but its least eigenvalues are far smaller.

**Pods.** The four objectives in turn: lowest volatility, income, Sharpe ratio, return. The universe of each pod is
half of the ETFs, below 60 ETFs ``n / 2.4`` of them, drawn for each pod alone: with 8 and 16 pods, an ETF is in
the universes of 4 and 8 of them on average. Capital is split at random, no pod getting less than 0.4 of an equal
share. Alone, each has at least two effective holdings, and no limit on a position, so that the limit of 12 ETFs
rarely binds; ``tight`` gives them the reference customer's limits (positions of 60 or 40 % of the pod, 2 or 4
effective holdings), which need 11 ETFs of the 12.

**Goals.** Of each pod's best, that is, of what it reaches with its objective alone: at least 80 % of the
objective's own figure and, for the pod of lowest volatility, of its liquidity; volatility at most 1 / 80 %.

**Terms.** 12 ETFs for four pods and 2 to 30 % in each. With one owner an ETF, 16 pods with three ETFs each need 48, so
both limits go with the number of pods: three ETFs a pod, and at least 8 % of an equal share of the capital in each
(24 ETFs from 1 % with 8 pods; 48 from 0.5 % with 16). At most 30 % in each, whatever the number of pods.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from functools import cache
from itertools import count
from typing import TYPE_CHECKING

import numpy as np

from portfolio.case.case import Case
from portfolio.errors import SolverError
from portfolio.market.basis import Outlook
from portfolio.market.measure import Measure
from portfolio.market.snapshot import Etf, Market
from portfolio.master.statement.formulation import Formulation
from portfolio.pod.optimise import UnreachableMandateError, optimise_sleeve
from portfolio.pod.sleeve import Sleeve
from portfolio.terms.mandate import Mandate, Objective
from portfolio.terms.rules import Duplicates, Rules, Terms

if TYPE_CHECKING:
    from portfolio import Matrix

# How much of a pod's best its goals ask for.
ASKED = 0.8

# The factors' spread over ETFs, and what a unit of their risk earns a year; the first is the market.
_LOADINGS = np.array([0.3, 0.35, 0.3, 0.2, 0.2])
_MARKET = np.array([0.7, 0.0, 0.0, 0.0, 0.0])
_PREMIA = np.array([0.5, 0.15, 0.15, 0.1, 0.1])
_NOISE, _LEAST = 0.1, 0.02
_CASH = 0.04

_WEEKS = 260


class Covariance(StrEnum):
    """Where an instance's covariance comes from."""

    FACTOR = "factor"
    SAMPLE = "sample"


@dataclass(frozen=True, slots=True)
class _Kind:
    """What the pods of one kind have in common."""

    objective: Objective
    goals: tuple[Measure, ...]
    max_position: float
    min_effective_holdings: float


_KINDS = (
    _Kind(Objective.MIN_VOLATILITY, (Measure.VOLATILITY, Measure.LIQUIDITY), 0.6, 2),
    _Kind(Objective.MAX_INCOME, (Measure.VOLATILITY, Measure.YIELD), 0.4, 4),
    _Kind(Objective.MAX_SHARPE, (Measure.VOLATILITY, Measure.SHARPE), 0.4, 4),
    _Kind(Objective.MAX_RETURN, (Measure.VOLATILITY, Measure.RETURN), 0.4, 4),
)

Instance = tuple[Market, tuple[Sleeve, ...], Terms]


def instance(
    n: int,
    pods: int = 4,
    seed: int = 0,
    covariance: Covariance = Covariance.FACTOR,
    duplicates: Duplicates = Duplicates.FORBID,
    *,
    tight: bool = False,
) -> Instance:
    """Make one instance: the market, the pods' own portfolios, and the customer's terms."""
    market, sleeves = pods_alone(n, pods, seed, covariance, tight=tight)
    return market, sleeves, terms(pods, duplicates)


def terms(pods: int, duplicates: Duplicates) -> Terms:
    """State the customer's terms; limits on ETFs go with the number of pods."""
    rules = Rules(max_etfs=3 * pods, min_weight=0.08 / pods, max_weight=0.30, duplicates=duplicates)
    return Terms(total_capital_aud=100_000.0, rules=rules)


@cache
def pods_alone(
    n: int, pods: int, seed: int, covariance: Covariance, *, tight: bool
) -> tuple[Market, tuple[Sleeve, ...]]:
    """Make what the variants of an instance share: the market and stage 1, drawn again where that has no answer."""
    for attempt in count():
        rng = np.random.default_rng([n, pods, seed, list(Covariance).index(covariance), attempt])
        market = _market(rng, n, covariance)
        with suppress(UnreachableMandateError, SolverError):
            return market, _sleeves(rng, market, pods, tight=tight)
    raise AssertionError


def universe_size(n: int) -> int:
    """Say how many ETFs a pod may hold."""
    return n // 2 if n >= 60 else int(n / 2.4)  # noqa: PLR2004 - see the module's docstring


def _market(rng: np.random.Generator, n: int, covariance: Covariance) -> Market:
    volatilities, loadings = rng.uniform(0.03, 0.25, n), _loadings(rng, n)
    rho = loadings @ loadings.T
    np.fill_diagonal(rho, 1.0)
    Sigma = rho * np.outer(volatilities, volatilities)
    if covariance is Covariance.SAMPLE:
        Sigma = _sampled(rng, Sigma)
    # No ETF is expected to lose against cash.
    ratios = np.maximum(loadings @ _PREMIA + _NOISE * rng.normal(size=n), _LEAST)
    yields, franked = rng.uniform(0.005, 0.06, n), rng.uniform(0, 1, n) * rng.integers(0, 2, n)
    liquidity, half_spreads = rng.uniform(0.5, 1, n), rng.uniform(0.0001, 0.003, n)
    rows = zip(yields.tolist(), franked.tolist(), liquidity.tolist(), half_spreads.tolist(), strict=True)
    return Market(
        id=f"ladder-{n}-{covariance}",
        sha256="0" * 64,
        etfs=tuple(Etf(f"E{j:03}", f"ETF {j}", "equities", *row) for j, row in enumerate(rows)),
        unpriced=(),
        expected_returns=_CASH + volatilities * ratios,
        Sigma=Sigma,
        risk_free=_CASH,
        basis=Outlook("made up for this benchmark"),
        priced_on=date(2025, 11, 7),
    )


def _loadings(rng: np.random.Generator, n: int) -> Matrix:
    """Correlations of ETFs with the factors, shape (n, factors): what they leave is the ETF's own variance."""
    raw = rng.normal(size=(n, len(_LOADINGS))) * _LOADINGS + _MARKET
    own = rng.uniform(0.05, 0.3, n)
    return np.asarray(raw * np.sqrt((1 - own) / (raw**2).sum(axis=1))[:, None])


def _sampled(rng: np.random.Generator, Sigma: Matrix) -> Matrix:
    """Sample covariance of a simulated history of weekly returns, a year's worth."""
    n, freedom = len(Sigma), 5
    weeks = max(_WEEKS, 2 * n)
    shocks = rng.normal(size=(weeks, n)) @ np.linalg.cholesky(Sigma / 52).T
    # A multivariate t: the weeks are calm or wild for all ETFs at once.
    wildness = np.sqrt((freedom - 2) / rng.chisquare(freedom, size=(weeks, 1)))
    return np.asarray(np.cov(shocks * wildness, rowvar=False) * 52)


def _sleeves(rng: np.random.Generator, market: Market, pods: int, *, tight: bool) -> tuple[Sleeve, ...]:
    shares = (0.4 / pods + 0.6 * rng.dirichlet(np.full(pods, 4.0))).tolist()
    sleeves = []
    for p, share in enumerate(shares):
        kind = _KINDS[p % len(_KINDS)]
        universe = rng.choice(market.tickers, size=universe_size(len(market.etfs)), replace=False)
        bare = Mandate(
            pod=f"pod{p:02}",
            purpose="a rung of the ladder",
            objective=kind.objective,
            goals={},
            universe=tuple(sorted(universe.tolist())),
            max_position=kind.max_position if tight else 1.0,
            min_effective_holdings=kind.min_effective_holdings if tight else 2.0,
        )
        best = optimise_sleeve(market, bare, share).figures
        goals = {m: best.of(m) / ASKED if m.lower_is_better else best.of(m) * ASKED for m in kind.goals}
        sleeves.append(optimise_sleeve(market, replace(bare, goals=goals), share))
    return tuple(sleeves)


def formulation(made: Instance, *, never_worse: bool) -> Formulation:
    """State an instance as the product does, with or without the rows that compare with the naive portfolio."""
    asked = {goal.name: goal.asked for goal in Case(*made).goals}
    kept = {name: figure for name, figure in asked.items() if never_worse or not name.startswith("never_worse.")}
    return Formulation(Case(*made), levels=kept)
