"""The smallest change of returns at which other ETFs come out, on a pod whose portfolio is known by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from support.builders import mandate, market, terms

from portfolio.market.snapshot import CASH
from portfolio.published.account import PodAccount
from portfolio.robustness.again import Question
from portfolio.robustness.smallest_change import MOST, Halving
from portfolio.terms.mandate import Objective

if TYPE_CHECKING:
    from portfolio.market.snapshot import Market


def _market() -> Market:
    """A returns 1.05 points more than B; C is cash. No spreads, no distributions: cost and tax tell them not apart."""
    made = market([0.2, 0.2, 0.002], [0.10, 0.0895, 0.04], correlation=0.1)
    return replace(made, etfs=(*made.etfs[:2], replace(made.etfs[2], asset_class=CASH)))


def _halving(resolution: float) -> Halving:
    """A pod that wants the most return holds A alone."""
    made = _market()
    pod = mandate(["A", "B"], objective=Objective.MAX_RETURN)
    account = PodAccount(pod, 1.0, {"A": 1.0}, {"A": 1.0}, None, ())  # type: ignore[arg-type]
    question = Question(terms(brokerage=0.0), {"pod": account})
    answer = question.ask(made)
    assert answer is not None
    assert answer.X.tolist() == [[pytest.approx(1.0), 0.0, 0.0]]
    return Halving(question, made, answer.X.sum(axis=0), resolution)


def test_one_return_changes_the_etfs_where_another_etf_returns_more() -> None:
    """A falls by 1.05 points: both return 8.95 %. In steps of 0.1 points: A stays at 1.0, B comes at 1.1."""
    found = _halving(0.001).one_etf()

    assert found.tickers == ("A",)
    assert found.change == pytest.approx(-0.011)
    assert found.stays_at == pytest.approx(-0.010)
    assert found.tried == MOST
    assert found.weights == {"pod": {"B": pytest.approx(1.0)}}


def test_all_risky_returns_together_leave_the_better_etf_the_better_one() -> None:
    found = _halving(0.001).all_risky()

    assert set(found.tickers) == {"A", "B"}
    assert found.change is None
    assert found.tried == MOST


def test_the_distance_between_what_stays_and_what_changes_is_the_resolution() -> None:
    """0.032 halved twice: A stays at 0.8 points, B comes at 1.6."""
    found = _halving(0.008).one_etf()

    assert found.change is not None
    assert (found.stays_at, found.change) == (pytest.approx(-0.008), pytest.approx(-0.016))


def test_halving_looks_at_the_portfolio_and_not_at_the_size_of_the_change() -> None:
    halving = _halving(0.001)

    assert halving._smallest(("B",), np.array([0.0, -1.0, 0.0]), MOST).change is None  # noqa: SLF001 - B falls: A stays
