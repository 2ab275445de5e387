"""What the customer wants money for: by hand, against simulated years, and as the check sees it."""

from __future__ import annotations

import copy
import json
from functools import partial
from math import sqrt
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from support.builders import OUTLOOK, final_event, request
from support.forgery import at, changed, leaves, pattern

from bus.language.messages import MasterPortfolioOptimized, encode
from portfolio.account.money_goals import _probability
from portfolio.check import findings
from portfolio.check.money_goals import _chance
from portfolio.market.snapshot import load
from portfolio.terms.targets import Target

if TYPE_CHECKING:
    from portfolio.published.money_goals import MoneyGoal

EXACT = partial(pytest.approx, rel=1e-12)
SIMULATED = 400_000
# What the check cannot know: names, and how important a goal is to whoever has it.
JUSTIFIED = {"money_goals.*.goal_id", "money_goals.*.name", "money_goals.*.priority"}


def goal(goal_id: str, pod: str, amount_aud: float, years: float) -> dict[str, Any]:
    return {"goal_id": goal_id, "name": goal_id, "pod": pod, "target_amount_aud": amount_aud, "years": years}


GOALS = [
    goal("soon", "gamma", 18_000.0, 2.0),
    goal("later", "gamma", 70_000.0, 20.5),
    goal("now", "alpha", 15_000.0, 0.0),
    goal("today", "beta", 26_000.0, 0.0),
    goal("much", "delta", 900_000.0, 1.0),
    goal("instantly", "beta", 1.0, 5e-324),
    goal("nowhere", "epsilon", 1_000.0, 3.0),
]


@pytest.fixture(scope="module")
def event() -> MasterPortfolioOptimized:
    body = json.loads(request(market_id=OUTLOOK)) | {"goals": GOALS}
    found = final_event(json.dumps(body).encode())
    assert isinstance(found, MasterPortfolioOptimized)
    return found


@pytest.fixture(scope="module")
def told(event: MasterPortfolioOptimized) -> dict[str, MoneyGoal]:
    return {goal.goal_id: goal for goal in event.money_goals}


def test_a_pod_holds_for_its_goals_by_what_they_would_take_in_cash(told: dict[str, MoneyGoal]) -> None:
    soon, later = told["soon"], told["later"]
    cash = load(OUTLOOK).risk_free
    assert soon.present_value_aud == EXACT(18_000 / (1 + cash) ** 2)
    assert later.present_value_aud == EXACT(70_000 / (1 + cash) ** 20.5)
    # gamma has half of 100,000 AUD.
    assert soon.capital_aud + later.capital_aud == EXACT(50_000)
    assert soon.capital_aud / later.capital_aud == EXACT(soon.present_value_aud / later.present_value_aud)


def test_the_return_that_it_takes_makes_the_one_of_the_other(told: dict[str, MoneyGoal]) -> None:
    for name in ("soon", "later"):
        required = told[name].required_return
        assert required is not None
        assert told[name].capital_aud * (1 + required) ** told[name].years == EXACT(told[name].target_amount_aud)


def test_what_is_wanted_now_is_there_or_is_not(told: dict[str, MoneyGoal]) -> None:
    # alpha has 15 % of 100,000 AUD, which is just enough, and beta 25 %, which is not.
    for name, probability in (("now", 1.0), ("today", 0.0)):
        assert (told[name].required_return, told[name].probability) == (None, probability)
        assert told[name].expected_amount_aud == EXACT(told[name].capital_aud)


def test_what_no_return_would_make_is_said_to_have_none(told: dict[str, MoneyGoal]) -> None:
    # 10,000 AUD would have to become 900,000 within a year.
    assert told["much"].required_return is None
    assert told["much"].probability < 1e-9


def test_for_what_no_pod_is_there_nothing_is_held(told: dict[str, MoneyGoal]) -> None:
    none = told["nowhere"]
    assert (none.capital_aud, none.expected_amount_aud, none.probability) == (0.0, 0.0, 0.0)
    assert (none.required_return, none.expected_return) == (None, None)


def test_the_chance_is_what_simulated_years_come_to(
    event: MasterPortfolioOptimized, told: dict[str, MoneyGoal]
) -> None:
    draw = np.random.default_rng(4)
    figures = event.pods["gamma"].figures
    mean, volatility = 1 + figures.expected_return, figures.volatility
    # numpy's lognormal takes the moments of the logarithm: found here from those of a year by its own definition.
    spread = sqrt(np.log(1 + volatility**2 / mean**2))
    soon = told["soon"]
    years = draw.lognormal(np.log(mean) - spread**2 / 2, spread, size=(SIMULATED, 2))
    assert years.mean() == pytest.approx(mean, abs=4 * volatility / sqrt(2 * SIMULATED))
    assert years.std() == pytest.approx(volatility, rel=0.01)
    amounts = soon.capital_aud * years.prod(axis=1)
    deviation = sqrt(soon.probability * (1 - soon.probability) / SIMULATED)
    assert 0.01 < soon.probability < 0.99
    assert (amounts >= soon.target_amount_aud).mean() == pytest.approx(soon.probability, abs=4 * deviation)
    assert amounts.mean() == pytest.approx(soon.expected_amount_aud, rel=0.001)


def test_years_too_few_to_be_counted_are_none(told: dict[str, MoneyGoal]) -> None:
    # beta has 25,000 AUD for 26,001: of one dollar 96 cents.
    assert 0.9 < told["instantly"].capital_aud < 1
    assert told["instantly"].probability == 0.0


@pytest.mark.parametrize("volatility", [1e-9, 1e-6, 1e-4, 0.5])
def test_the_check_knows_the_chance_of_what_hardly_moves_too(volatility: float) -> None:
    target = Target("g", "g", "a", 100_000.0 * (1 + volatility), 1.0)
    asked = {"target_amount_aud": target.target_amount_aud, "years": 1.0}

    made = _probability(100_000.0, target, 0.0, volatility)

    assert 0.1 < made < 0.5
    assert _chance(100_000.0, asked, 0.0, volatility) == pytest.approx(made, rel=1e-9)


def test_every_figure_of_theirs_is_protected(event: MasterPortfolioOptimized) -> None:
    true, market = json.loads(encode(event)), load(OUTLOOK)
    unprotected = set()
    # Of the last one nothing follows from which of the pods that are not there is to provide it.
    for path in leaves({"money_goals": true["money_goals"][:-1]}):
        forged = copy.deepcopy(true)
        at(forged, path[:-1])[path[-1]] = changed(at(forged, path), 1.01)
        if not findings(forged, market):
            unprotected.add(pattern(path))
    assert findings(true, market) == []
    assert unprotected == JUSTIFIED


def test_one_goal_of_two_cannot_be_taken_away(event: MasterPortfolioOptimized) -> None:
    forged = json.loads(encode(event))
    del forged["money_goals"][0]
    assert findings(forged, load(OUTLOOK)) != []


def test_an_event_from_before_there_were_any_still_checks(event: MasterPortfolioOptimized) -> None:
    older = json.loads(encode(event))
    del older["money_goals"]
    assert findings(older, load(OUTLOOK)) == []
