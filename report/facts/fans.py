"""The spread of outcomes of a money goal over the years: the data of a fan chart.

The event states of each goal the mean return and the median outcome. Both together fix the lognormal model of
``portfolio.funding``, so the fan needs no market, and its last year agrees with the event's chance.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from portfolio.funding.chance import Aim, quantile_aud
from portfolio.funding.growth import Growth

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bus.language.messages import MasterPortfolioOptimized
    from portfolio.published.money_goals import MoneyGoal

# The outcome is below the first number in 5 years of 100, and so on.
PERCENTILES = (0.05, 0.25, 0.50, 0.75, 0.95)
# Points of a line; contributions come monthly, so more would show steps.
_POINTS = 24
# No portfolio of ETFs has a larger volatility.
_MOST_VOLATILITY = 10.0
_HALVINGS = 80


@dataclass(frozen=True, slots=True)
class Fan:
    """A money goal's outcomes over the years.

    Attributes:
        name: Stable, for file names and anchors.
        years: From today to the day of the goal.
        bands: The amount that is not exceeded with a probability, AUD, per year of ``years``.
        wanted_aud: The amount wanted, in the same money.
        alt: The text alternative.
    """

    name: str
    title: str
    years: tuple[float, ...]
    bands: Mapping[float, tuple[float, ...]]
    wanted_aud: float
    alt: str


def fans(event: MasterPortfolioOptimized) -> tuple[Fan, ...]:
    """Make a fan per money goal that has years to go and money to grow, the most important goal first."""
    inflation = event.funding.inflation if event.funding else 0.0
    goals = sorted(event.money_goals, key=lambda goal: (goal.priority, goal.years))
    moving = (goal for goal in goals if goal.years > 0 and goal.median_aud > 0)
    return tuple(_fan(f"fan-{i}", goal, inflation) for i, goal in enumerate(moving, 1))


def _fan(name: str, goal: MoneyGoal, inflation: float) -> Fan:
    aim, growth = aim_of(goal, inflation), growth_of(goal, inflation)
    years = tuple(goal.years * i / _POINTS for i in range(_POINTS + 1))
    bands = {
        each: tuple(quantile_aud(replace(aim, years=year), invested_aud(goal), growth, each) for year in years)
        for each in PERCENTILES
    }
    money = "in today's money" if goal.in_todays_money else "in money of that day"
    low, _, median, _, high = (bands[each][-1] for each in PERCENTILES)
    years_later = "1 year" if goal.years == 1 else f"{goal.years:g} years"
    alt = (
        f"Fan chart. {goal.name}, AUD {money}: {invested_aud(goal):,.0f} today; in {years_later}"
        f" {median:,.0f} at the median, under {low:,.0f} in 5 of 100 cases and over {high:,.0f} in 5 of 100; wanted:"
        f" {goal.target_amount_aud:,.0f}."
    )
    return Fan(name, f"{goal.name}, AUD {money}", years, bands, goal.target_amount_aud, alt)


def invested_aud(goal: MoneyGoal) -> float:
    """Return the money that grows for the goal: after the cost of the trades, where the event tells this amount."""
    return goal.capital_aud if goal.after_costs_aud is None else goal.after_costs_aud


def aim_of(goal: MoneyGoal, inflation: float) -> Aim:
    """State a goal of the event in its own money; *inflation* is per year, as a fraction."""
    own = inflation if goal.in_todays_money else 0.0
    return Aim(goal.target_amount_aud, goal.years, goal.contribution_aud_per_month, own)


def growth_of(goal: MoneyGoal, inflation: float) -> Growth:
    """Find the growth with the event's mean return under which the outcome has the event's median.

    The more volatile the returns of one mean, the lower the median: halving finds the volatility.
    """
    aim, low, high = aim_of(goal, inflation), 0.0, _MOST_VOLATILITY
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        median = quantile_aud(aim, invested_aud(goal), Growth(goal.expected_return, middle), 0.5)
        low, high = (middle, high) if median > goal.median_aud else (low, middle)
    return Growth(goal.expected_return, (low + high) / 2)
