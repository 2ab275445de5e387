"""Limits on how pods move together: kept where that is said, and never said to be proven where it is not."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pytest
from support.builders import (
    REFERENCE_SHARES,
    TRAILING,
    final_event,
    mandate,
    market,
    pod_results,
    random_market,
    random_sleeves,
    request,
    terms,
    wire_event,
)
from support.depth import some_of

from agents.mandate_files import load as load_mandate
from bus.language.messages import MasterPortfolioFailed, MasterPortfolioOptimized, Reason
from portfolio.case.case import Case
from portfolio.check import findings
from portfolio.errors import DataError
from portfolio.market.snapshot import Market, load
from portfolio.master.coordinated_portfolio import CoordinatedPortfolio, optimise_all_pods
from portfolio.pod.optimise import optimise_sleeve
from portfolio.terms.rules import Correlations, Duplicates, Explain

if TYPE_CHECKING:
    from portfolio.pod.sleeve import Sleeve

GAPS = 2e-4
RULE = 1e-7
PAIRS = tuple(f"{a}-{b}" for i, a in enumerate(REFERENCE_SHARES) for b in list(REFERENCE_SHARES)[i + 1 :])


def correlation(prices: Market, X: np.ndarray, a: int, b: int) -> float:
    """From the definition: the covariance of two sleeves' returns over their volatilities."""
    returns = np.linalg.cholesky(prices.Sigma).T @ X.T
    x, y = returns[:, a], returns[:, b]
    return float(x @ y / math.sqrt((x @ x) * (y @ y)))


@cache
def reference_sleeves() -> tuple[Sleeve, ...]:
    return tuple(optimise_sleeve(load(TRAILING), load_mandate(pod), share) for pod, share in REFERENCE_SHARES.items())


@cache
def plain() -> CoordinatedPortfolio:
    return optimise_all_pods(Case(load(TRAILING), reference_sleeves(), terms(max_weight=0.3)))


@cache
def pair(seed: int) -> tuple[Market, list[Sleeve], CoordinatedPortfolio]:
    """Two pods, and their portfolio without a limit."""
    rng = np.random.default_rng(50 + seed)
    prices = random_market(rng, 6)
    sleeves = random_sleeves(rng, prices, 2, universe=4, slack=0.7)
    return (
        prices,
        sleeves,
        optimise_all_pods(Case(prices, sleeves, terms(duplicates=Duplicates.PENALISE, max_weight=0.8))),
    )


@cache
def limited(seed: int, below: float) -> tuple[CoordinatedPortfolio, float]:
    """The same with a limit that lies *below* what the portfolio without one has."""
    prices, sleeves, free = pair(seed)
    limit = max(-1.0, correlation(prices, free.X, 0, 1) - below)
    asked = terms(duplicates=Duplicates.PENALISE, max_weight=0.8, correlation_limits={"pod0-pod1": limit})
    return optimise_all_pods(Case(prices, sleeves, asked)), limit


@pytest.mark.parametrize("name", ["alpha-beta", "beta-alpha"])
def test_limits_that_are_kept_already_change_nothing_and_stay_certified(name: str) -> None:
    limits = dict.fromkeys(PAIRS, 0.99) | {name: 0.99}
    master = optimise_all_pods(
        Case(load(TRAILING), reference_sleeves(), terms(max_weight=0.3, correlation_limits=limits))
    )
    assert np.array_equal(master.X, plain().X)
    assert (master.certificate.certified, master.certificate.restricted) == (True, ())
    assert master.certificate.bound == plain().certificate.bound
    assert next(goal.name for goal in master.goals if not goal.figure).startswith("correlation.")


@pytest.mark.parametrize("below", [0.02, 0.1, 0.4])
@pytest.mark.parametrize("seed", some_of(range(12), every=4))
def test_a_limit_that_binds_is_kept_or_said_to_be_missed(seed: int, below: float) -> None:
    prices, sleeves, free = pair(seed)
    master, limit = limited(seed, below)
    rho = correlation(prices, master.X, 0, 1)
    asked = terms(duplicates=Duplicates.PENALISE, max_weight=0.8, correlation_limits={"pod0-pod1": limit})
    event = wire_event(prices, sleeves, asked, master)
    (goal,) = (goal for goal in event["goals"] if goal["figure"] == "correlation")
    certificate = master.certificate
    assert findings(event, prices) == []
    assert goal["met"] == (rho <= limit + RULE)
    assert event["correlations"][0]["room"] == pytest.approx(limit - rho, abs=1e-9)
    assert rho <= correlation(prices, free.X, 0, 1) + RULE
    # What is proven is that nothing is better with no limit at all.
    assert certificate.bound == pytest.approx(free.certificate.bound, rel=1e-9)
    assert certificate.objective <= free.certificate.bound + RULE
    assert certificate.gap == pytest.approx(
        max(0.0, certificate.bound - certificate.objective) / abs(certificate.objective), abs=1e-9
    )
    assert certificate.certified == (goal["met"] and certificate.gap <= certificate.target_gap)
    assert certificate.restricted == ("correlation.pod0-pod1",)
    # Every other goal is kept as it was: a limit comes last.
    assert all(other["met"] for other in event["goals"] if other is not goal)
    assert goal["best_together"] is None
    assert goal["price"] is None


def test_the_procedure_keeps_most_limits_that_ask_for_little() -> None:
    # It promises nothing; that it is worth its time shows here.
    kept = [correlation(pair(s)[0], limited(s, 0.02)[0].X, 0, 1) <= limited(s, 0.02)[1] + RULE for s in range(12)]
    assert sum(kept) >= 9
    assert any(not limited(seed, 0.02)[0].certificate.certified for seed in range(12))


def test_a_limit_that_nothing_keeps_is_missed_and_nothing_is_certified() -> None:
    master = optimise_all_pods(
        Case(
            load(TRAILING),
            reference_sleeves(),
            terms(max_weight=0.3, correlation_limits={**dict.fromkeys(PAIRS, 1.0), "alpha-beta": -1.0}),
        ),
    )
    assert not master.certificate.certified
    assert correlation(load(TRAILING), master.X, 0, 1) > -1


@pytest.mark.parametrize(
    ("limits", "told"),
    [
        ({}, {"alpha-beta": 0.30, "gamma-delta": 0.70, "alpha-gamma": -0.20}),
        ({"alpha-beta": 0.9}, {"alpha-beta": 0.9, "gamma-delta": 0.70}),
        ({"beta-alpha": 0.9, "delta-gamma": 0.0}, {"alpha-beta": 0.9, "gamma-delta": 0.0}),
    ],
)
def test_limits_of_the_request_come_before_those_of_the_mandates(
    limits: dict[str, float], told: dict[str, float]
) -> None:
    event = final_event(json.dumps({**json.loads(request()), "correlation_limits": limits}).encode())
    assert isinstance(event, MasterPortfolioOptimized)
    found = {"-".join(row.pods): row.limit for row in event.correlations}
    assert {name: found[name] for name in told} == told
    # Only reported: no goal, and nothing lost.
    assert not [goal for goal in event.goals if goal.figure == "correlation"]
    assert event.certificate.certified
    for row in event.correlations:
        a, b = row.pods
        both = (event.correlation_matrix[a][b], event.correlation_matrix[b][a])
        assert both == pytest.approx((row.correlation, row.correlation), abs=1e-12)


def test_limits_of_the_mandates_are_goals_where_the_request_says_so() -> None:
    asked = replace(
        terms(max_weight=0.3, explain=Explain.UNMET), correlations=Correlations.LIMIT, correlation_limits={}
    )
    master = optimise_all_pods(Case(load(TRAILING), reference_sleeves(), asked))
    assert {g.name: g.asked for g in master.goals if not g.figure} == {
        "correlation.alpha-beta": 0.30,
        "correlation.alpha-gamma": -0.20,
        "correlation.alpha-delta": 0.10,
        "correlation.beta-gamma": 0.50,
        "correlation.beta-delta": 0.40,
        "correlation.gamma-delta": 0.70,
    }
    assert not master.certificate.certified
    assert master.certificate.bound == pytest.approx(plain().certificate.bound, rel=1e-9)
    event = wire_event(load(TRAILING), list(reference_sleeves()), asked, master)
    assert findings(event, load(TRAILING)) == []
    before = dict(zip(PAIRS, correlations(plain()), strict=True))
    after = dict(zip(PAIRS, correlations(master), strict=True))
    limits = {goal.name.removeprefix("correlation."): goal.asked for goal in master.goals if not goal.figure}
    assert excess(after, limits) <= excess(before, limits) + RULE


def correlations(master: CoordinatedPortfolio) -> list[float]:
    return [correlation(load(TRAILING), master.X, a, b) for a in range(4) for b in range(a + 1, 4)]


def excess(found: dict[str, float], limits: dict[str, float]) -> float:
    return sum(max(0.0, found[name] - limit) for name, limit in limits.items())


# What is asked of a goal or a pair that there is not.


@pytest.mark.parametrize("name", ["alpha-gama", "alpha-alpha", "alphabeta", "omega-alpha"])
def test_a_limit_for_a_pair_that_there_is_not_is_refused_with_the_pods_there_are(name: str) -> None:
    asked = terms(max_weight=0.3, correlation_limits={name: 0.5})
    with pytest.raises(DataError, match=f"correlation_limits names {name}.*; give a pair of alpha, beta, gamma, delta"):
        optimise_all_pods(Case(load(TRAILING), reference_sleeves(), asked))


@pytest.mark.parametrize(
    "change", [{"priorities": {"gama.sharpe_ratio": 1}}, {"correlation_limits": {"alpha-gama": 0.5}}]
)
def test_a_request_with_a_typo_is_answered_as_one_that_is_not_valid(change: dict[str, object]) -> None:
    data = json.dumps({**json.loads(request()), **change}).encode()
    assert sorted(pod_results(data)) == sorted(REFERENCE_SHARES)
    event = final_event(data)
    assert isinstance(event, MasterPortfolioFailed)
    assert event.reason is Reason.INVALID_REQUEST
    assert "gama" in event.message
    # The next one, without it, is answered.
    assert isinstance(final_event(request()), MasterPortfolioOptimized)


# Two ETFs that do nearly the same.


@pytest.mark.parametrize(("rho", "told"), [(0.9701, True), (0.9699, False), (1 - 1e-9, True), (-0.99, False)])
def test_two_etfs_that_do_nearly_the_same_are_listed_if_both_are_held(rho: float, told: bool) -> None:  # noqa: FBT001 - a case
    prices = market([0.1, 0.2, 0.15], [0.06, 0.08, 0.07], correlation=np.array([[1, rho, 0], [rho, 1, 0], [0, 0, 1.0]]))
    sleeves = [optimise_sleeve(prices, mandate(t, pod=f"pod{i}"), 0.5) for i, t in enumerate("AB")]
    asked = terms()
    event = wire_event(prices, sleeves, asked, optimise_all_pods(Case(prices, sleeves, asked)))
    listed = [(tuple(near["tickers"]), near["correlation"]) for near in event["economic_duplicates"]]
    assert listed == ([(("A", "B"), pytest.approx(rho))] if told else [])
    assert findings(event, prices) == []
