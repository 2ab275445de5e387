"""Check each money goal: who gets how much of the capital, and every chance that is told."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import floor
from typing import TYPE_CHECKING

import numpy as np

from portfolio.check.facts import FIGURE, same
from portfolio.check.growing import PUT_BACK, Asked, Path, is_least
from portfolio.check.shares import shares, shares_today

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from portfolio import Matrix, Vector
    from portfolio.check.facts import Event
    from portfolio.check.owned import Owned
    from portfolio.check.portfolio import Portfolio

_POINT = 0.01
_MOST_YEARS = 100.0
# Trades leave at least this part of the money, for all computations.
_LEAST_LEFT = 0.01


def money_goals(portfolio: Portfolio) -> Iterator[str]:
    """Check the funding of all goals, then the forecast of each."""
    funding, told = portfolio.event.get("funding"), portfolio.event.get("money_goals", [])
    if funding is None:
        if told:
            yield "there are money goals, and nothing says how they are funded"
        return
    if funding["by"] not in {"goals", "pod_weights"}:
        yield f"the shares follow from {funding['by']}, which there is not"
    rate, market = portfolio.terms["marginal_tax_rate"], portfolio.market
    naive = dict(zip(portfolio.pods, portfolio.naive_sleeves, strict=True))
    unused = {pod: portfolio.vector(each["naive_weights"]) for pod, each in funding["unused"].items()}
    for pod, w in unused.items():
        if (w < 0).any() or not same(float(w.sum()), 1.0, size=1e3) or pod in naive:
            yield f"{pod} takes no part, and what it would hold alone is no portfolio"
        yield from portfolio.may_hold(funding["unused"][pod]["mandate"], w, [])
    alone = {pod: Path.of(market, w, rate, portfolio.counted) for pod, w in (naive | unused).items()}
    if strange := [goal["goal_id"] for goal in told if goal["pod"] not in alone]:
        yield f"the money goals {', '.join(strange)} are of no pod that answered"
        return
    yield from shares(portfolio, funding, told)
    separate = portfolio.event["separate"]["money_goals"]
    ways = _ways(portfolio)
    yield from shares_today(portfolio, funding, told)
    for goal in told:
        for words in _findings(goal, funding, alone, ways):
            yield f"of the money goal {goal['goal_id']}, {words}"
        asked, chance = Asked.of(goal, funding["inflation"]), separate.get(goal["goal_id"])
        left_aud = goal["capital_aud"] * ways["separate"].left
        if chance is None or not asked.has_chance(chance, left_aud, alone[goal["pod"]]):
            yield f"of the money goal {goal['goal_id']}, the chance with separate pods is not {chance}"


@dataclass(frozen=True, slots=True)
class _Way:
    """The pods' money in one of the states that are compared: the returns of each, and the part that costs leave."""

    paths: Mapping[str, Path]
    left: float


def paths_as_ordered(portfolio: Portfolio) -> Mapping[str, Path]:
    """Find how each pod's money grows after the orders, or as coordinated, in the portfolio's market."""
    return _ways(portfolio)["suggested"].paths


def _ways(portfolio: Portfolio) -> dict[str, _Way]:
    """Find the account of today, the pods after the orders or as coordinated, and what the separate pods leave."""
    trading, owned = portfolio.event["trading"], portfolio.owned
    if trading is None or owned is None:
        rate = portfolio.terms["marginal_tax_rate"]
        paths = {
            p: Path.of(portfolio.market, u, rate, portfolio.counted)
            for p, u in zip(portfolio.pods, portfolio.sleeves, strict=True)
        }
        return {"suggested": _Way(paths, 1.0), "separate": _Way({}, 1.0)}
    cash, all_pods = owned.money / owned.capital, {*portfolio.pods, *portfolio.event["funding"]["unused"]}
    today = _Way(dict.fromkeys(all_pods, _as_it_is(portfolio, cash - owned.floor)), 1.0)
    after = np.array([portfolio.vector(trading["pods"].get(pod, {})) for pod in portfolio.pods]) / owned.capital
    spare = trading["cash_left_aud"] / owned.capital - owned.floor
    suggested = _Way(_filled(portfolio, after, spare), _left(owned, trading)) if trading["orders"] else today
    return {"suggested": suggested, "today": today, "separate": _Way({}, _left(owned, trading["naive"]))}


def _left(owned: Owned, costs: Event) -> float:
    """Compute the part of the money to invest that brokerage, spread and tax leave."""
    spent = float(costs["brokerage_aud"] + costs["spread_aud"] + costs["gains"]["tax_aud"])
    return max(1 - spent / float(owned.capital * (1 - owned.floor)), _LEAST_LEFT)


def _as_it_is(portfolio: Portfolio, spare: float) -> Path:
    """Find how all that is owned grows, with the money above the floor beside it: no pod has a part of its own yet."""
    return _invested(portfolio, portfolio.had, max(0.0, spare))


def _filled(portfolio: Portfolio, after: Matrix, spare: float) -> dict[str, Path]:
    """Let the *spare* money fill the pods' shares, in proportion to what each lacks."""
    held = [float(row.sum()) for row in after]
    short = [max(0.0, share - own) for share, own in zip(portfolio.shares.tolist(), held, strict=True)]
    parts = [lack / sum(short) if sum(short) > 0 else 0.0 for lack in short]
    return {
        pod: _invested(portfolio, row, part * max(0.0, spare))
        for pod, row, part in zip(portfolio.pods, after, parts, strict=True)
    }


def _invested(portfolio: Portfolio, amounts: Vector, money: float) -> Path:
    """Find how ETFs and money grow together; interest is taxed."""
    rate, total = portfolio.terms["marginal_tax_rate"], float(amounts.sum()) + money
    w = amounts / total if total > 0 else amounts
    interest = portfolio.cash_rate * (1 - rate) * (1 - float(w.sum()))
    return Path.of(portfolio.market, w, rate, portfolio.counted).higher(interest)


def _findings(goal: Event, funding: Event, alone: dict[str, Path], ways: Mapping[str, _Way]) -> Iterator[str]:
    asked, wanted, needed = Asked.of(goal, funding["inflation"]), goal["wanted_probability"], goal["needed_aud"]
    ordered, left = ways["suggested"].paths, ways["suggested"].left
    path, capital = ordered.get(goal["pod"], alone[goal["pod"]]), goal["capital_aud"]
    if not is_least(needed, asked.excess(needed, alone[goal["pod"]], wanted)):
        yield f"{needed} AUD is not the least capital that it needs"
    if not is_least(each := goal["needed_as_ordered_aud"], asked.excess(each * left, path, wanted)):
        yield f"{each} AUD is not the least capital that it needs as ordered"
    if goal["pod_chosen"]:
        pods = ordered if funding["by"] == "pod_weights" else alone
        if better := [pod for pod in pods if needed and asked.excess(needed, alone[pod], wanted) > PUT_BACK]:
            yield f"{', '.join(better)} needs less for it than {goal['pod']}"
    figures = {
        "after_costs_aud": capital * left,
        "amount_then_aud": goal["target_amount_aud"] * (1 + asked.inflation) ** goal["years"],
        "expected_return": path.mean,
        "median_aud": asked.becomes(capital * left, path, 0.0),
    }
    for name, figure in figures.items():
        if not same(goal[name], figure):
            yield f"{name} is {figure}, not {goal[name]}"
    yield from _chances(goal, asked, path)
    yield from _what_would_do(goal, asked, path)
    yield from _today(goal, asked, ways["today"].paths[goal["pod"]] if "today" in ways else None)


def _chances(goal: Event, asked: Asked, path: Path) -> Iterator[str]:
    chances = {
        "probability": path,
        "probability_if_lower": path.higher(-_POINT),
        "probability_if_higher": path.higher(_POINT),
    }
    for name, returns in chances.items():
        if not asked.has_chance(goal[name], goal["after_costs_aud"], returns):
            yield f"{name} is not {goal[name]}"


def _today(goal: Event, asked: Asked, path: Path | None) -> Iterator[str]:
    """Check the goal in the account of today; ``shares_today`` checks the capital that the goal has there."""
    of_today = ("needed_today_aud", "capital_today_aud", "probability_today")
    if path is None:
        if any(goal[name] is not None for name in of_today):
            yield "it is told of today, and nothing says what is owned"
        return
    needed, capital = goal["needed_today_aud"], goal["capital_today_aud"]
    if not is_least(needed, asked.excess(needed, path, goal["wanted_probability"])):
        yield f"{needed} AUD is not the least capital that it needs today"
    if not asked.has_chance(goal["probability_today"], capital, path):
        yield f"the chance today is not {goal['probability_today']}"


def _what_would_do(goal: Event, asked: Asked, path: Path) -> Iterator[str]:
    """Put back what is told to bring the chance to the one wanted."""
    wanted, capital = goal["wanted_probability"], goal["after_costs_aud"]
    more, monthly, later = goal["more_today_aud"], goal["more_per_month_aud"], goal["years_later"]

    def excess(more: float = 0.0, monthly: float = 0.0, later: float = 0.0) -> float:
        changed = replace(asked, monthly=asked.monthly + monthly, years=asked.years + later)
        return changed.excess(capital + more, path, wanted)

    if not is_least(more, excess(more=more)):
        yield f"{more} AUD more today is not the least that gives the chance wanted"
    if monthly is None or not asked.months:
        if monthly is not None or asked.months:
            yield "further contributions are told without a month left, or not told with one"
    elif not is_least(monthly, excess(monthly=monthly)):
        yield f"{monthly} AUD more per month is not the least that gives the chance wanted"
    last = floor(12 * (_MOST_YEARS - asked.years) + FIGURE)
    if later is None:
        if excess(later=max(last, 0) / 12) > PUT_BACK:
            yield "waiting would give the chance wanted, which is not told"
        return
    months = round(12 * later)
    too_long = months > 0 and excess(later=(months - 1) / 12) > PUT_BACK
    if later != months / 12 or not 0 <= months <= max(last, 0) or excess(later=later) < -PUT_BACK or too_long:
        yield f"{later} years later is not the first time with the chance wanted"
