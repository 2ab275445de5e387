"""A robust portfolio: the best one by brute force, checked again, and what stays as it is."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from support.builders import (
    TRAILING,
    final_event,
    pod_results,
    random_market,
    random_sleeves,
    request,
    terms,
    write_market,
)
from support.depth import some_of
from support.oracles import Facts, enumerate_supports

from bus.language.messages import BadMessageError, MasterPortfolioOptimized, encode, parse_final, parse_request
from coordinator.decisions import refusals
from portfolio.case.case import Case
from portfolio.check import findings
from portfolio.conic import proof
from portfolio.conic.search import minimise
from portfolio.conic.solution import Status
from portfolio.market.robust import Robust
from portfolio.market.snapshot import load
from portfolio.master.statement.formulation import Formulation
from portfolio.master.statement.objective import objective, objective_terms
from portfolio.pod.optimise import optimise_sleeve

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ROBUST = {"returns": 1.0, "covariance": 0.5}


def asking(
    robust: dict[str, float] | None, *, market_id: str = TRAILING, account: dict[str, Any] | None = None
) -> bytes:
    """Write a request that asks for a robust portfolio."""
    body = json.loads(request(market_id=market_id, account=account))
    return json.dumps(body if robust is None else {**body, "robust": robust}).encode()


@cache
def answered(*, account: bool = False) -> bytes:
    owned = {
        "as_of": "2025-11-10",
        "cash_aud": 60_000.0,
        "holdings": [
            {
                "ticker": "VAS",
                "units": 100,
                "parcels": [{"units": 100, "acquired": "2024-03-15", "cost_base_aud": 9_000.0}],
            }
        ],
    }
    event = final_event(asking(ROBUST, account=owned if account else None))
    assert isinstance(event, MasterPortfolioOptimized)
    return encode(event)


@pytest.mark.oracle
@pytest.mark.parametrize("seed", some_of((9, 0, 8, 33, 35, 34), every=4))
def test_the_robust_portfolio_agrees_with_the_enumeration_of_all_supports(seed: int) -> None:
    """Six ETFs and two pods or three: each support in turn, with the objective from the formulas of the model.

    Most such instances have no portfolio. Of 9 and 35, the optimum in the market's own figures is worse by over .007.
    """
    rng = np.random.default_rng(seed)
    prices, robust = random_market(rng, 6), Robust(returns=0.2, covariance=0.5)
    sleeves = [
        optimise_sleeve(prices, sleeve.mandate, sleeve.share, robust=robust)
        for sleeve in random_sleeves(rng, prices, int(rng.integers(2, 4)), universe=4)
    ]
    asked = replace(terms(max_weight=0.6, max_etfs=int(rng.integers(4, 7))), robust=robust)
    case = Case(prices, sleeves, asked)
    program = Formulation(case).program
    solution, oracle = minimise(program), enumerate_supports(Facts(prices, sleeves, asked))

    assert proof.faults(program, solution) == []
    if solution.status is Status.INFEASIBLE:
        assert oracle.best == -np.inf
        return
    assert -solution.bound >= oracle.best - oracle.doubt - 2e-6
    assert -solution.value == pytest.approx(oracle.best, rel=2e-4)
    X = Formulation(case).weights(solution)
    assert objective(asked, objective_terms(case, X)) == pytest.approx(-solution.value, abs=1e-6)


@pytest.mark.parametrize("account", [False, True])
def test_every_figure_of_a_robust_event_follows_from_its_weights(*, account: bool) -> None:
    event = json.loads(answered(account=account))

    assert findings(event, load(TRAILING)) == []
    assert event["terms"]["robust"] == ROBUST
    assert event["certificate"]["certified"]


def test_the_figures_of_an_event_stay_those_of_the_market() -> None:
    """The errors are those of means over two years, and the covariance is half a product of volatilities higher."""
    event, prices = json.loads(answered()), load(TRAILING)
    w = np.array([event["weights"].get(ticker, 0.0) for ticker in prices.tickers])
    s = np.sqrt(np.diag(prices.Sigma))

    assert event["suggested"]["expected_return"] == pytest.approx(prices.expected_returns @ w)
    assert event["suggested"]["volatility"] ** 2 == pytest.approx(w @ prices.Sigma @ w)
    worst = event["worst_case"]
    assert worst["errors"]["BILL"] == pytest.approx(s[prices.tickers.index("BILL")] / 2**0.5)
    assert worst["suggested"]["expected_return"] == pytest.approx(prices.expected_returns @ w - s @ w / 2**0.5)
    assert worst["suggested"]["volatility"] ** 2 == pytest.approx(w @ prices.Sigma @ w + 0.5 * (s @ w) ** 2)


def test_the_suggestion_is_better_in_the_worst_case_than_that_of_the_market_s_figures() -> None:
    """The scores of the pods are what is aimed at; both events are scored in the worst case."""
    robust, usual = json.loads(answered()), json.loads(encode(final_event(request())))
    prices = load(TRAILING)
    asked = replace(parse_request(asking(ROBUST), "test").terms(), robust=Robust(1.0, 0.5))
    sleeves = [
        optimise_sleeve(prices, result.mandate, robust["pods"][pod]["capital_share"], robust=asked.robust)
        for pod, result in pod_results(request()).items()
    ]
    case = Case(prices, sleeves, asked)

    def score(event: dict[str, Any]) -> float:
        pods = [event["pods"][sleeve.mandate.pod]["weights"] for sleeve in sleeves]
        X = np.array([[weights.get(ticker, 0.0) for ticker in prices.tickers] for weights in pods])
        return objective(asked, objective_terms(case, X))

    assert score(robust) == pytest.approx(robust["certificate"]["objective"], abs=1e-6)
    assert score(robust) > score(usual)


def test_a_distance_of_nothing_changes_an_event_by_its_own_members_alone() -> None:
    plain, nothing = (json.loads(encode(final_event(asking(robust)))) for robust in (None, {"returns": 0.0}))

    assert "robust" not in plain["terms"]
    assert "worst_case" not in plain
    assert nothing["terms"].pop("robust") == {"returns": 0.0, "covariance": 0.0}
    figures = nothing.pop("worst_case")
    assert figures["suggested"]["volatility"] == nothing["suggested"]["volatility"]
    assert {**plain, "elapsed_s": 0} == {**nothing, "elapsed_s": 0}


def test_an_event_without_a_worst_case_is_read_and_written_again_without_one() -> None:
    body = encode(final_event(request()))

    assert encode(parse_final(body)) == body


def _falsify(change: Callable[[dict[str, Any]], None]) -> list[str]:
    event = json.loads(answered())
    change(event)
    return findings(event, load(TRAILING))


@pytest.mark.parametrize(
    "change",
    [
        lambda event: event["terms"].pop("robust"),
        lambda event: event["terms"]["robust"].update(returns=0.9),
        lambda event: event["terms"]["robust"].update(covariance=0.4),
        lambda event: event.pop("worst_case"),
        lambda event: event["worst_case"]["errors"].update(VAS=0.07),
        lambda event: event["worst_case"]["separate"].update(volatility=0.1),
        lambda event: event["worst_case"]["suggested"].update(return_after_tax_aud=1.0),
        lambda event: event["worst_case"].update(today=event["worst_case"]["suggested"]),
        lambda event: event["worst_case"].update(errors_from="ranges"),
    ],
)
def test_the_check_notices_another_worst_case(change: Callable[[dict[str, Any]], None]) -> None:
    assert _falsify(change)


def test_a_request_is_refused_at_once_where_its_market_states_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    columns = "basis,begins,ends,returns,returns_per_year,years,publication,priced_on,inflation"
    write_market(tmp_path / "no-ranges", market=f"{columns}\noutlook,,,,,10,A publication,2025-11-07,\n")
    monkeypatch.setenv("PODFOLIO_MARKETS", str(tmp_path))
    refused = next(refusals(parse_request(asking(ROBUST, market_id="no-ranges"), "test")))

    assert refused.event.reason == "invalid_request"
    assert refused.event.message.startswith("robust.returns is 1, and market no-ranges states no ranges of its returns")


@pytest.mark.parametrize(
    ("robust", "told"),
    [
        ({"returns": -1}, "robust.returns"),
        ({"returns": 4}, "robust.returns"),
        ({"covariance": 1.5}, "robust.covariance"),
        ({"return": 1}, "returns"),
    ],
)
def test_a_distance_that_no_adviser_means_is_refused_with_its_field(robust: dict[str, float], told: str) -> None:
    with pytest.raises(BadMessageError, match=told):
        parse_request(asking(robust), "test")
