"""Check each money goal: who gets how much of the capital, and every chance that is told."""

from __future__ import annotations

from dataclasses import replace
from math import floor
from typing import TYPE_CHECKING

from portfolio.check.facts import FIGURE, same
from portfolio.check.growing import PUT_BACK, Asked, Path, is_least
from portfolio.check.shares import shares, spent

if TYPE_CHECKING:
    from collections.abc import Iterator

    from portfolio.check.facts import Event
    from portfolio.check.portfolio import Portfolio

_POINT = 0.01
_MOST_YEARS = 100.0


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
    alone = {pod: Path.of(market, w, rate) for pod, w in (naive | unused).items()}
    if strange := [goal["goal_id"] for goal in told if goal["pod"] not in alone]:
        yield f"the money goals {', '.join(strange)} are of no pod that answered"
        return
    yield from shares(portfolio, funding, told)
    held = _held(portfolio)
    yield from _today(portfolio, told, funding["inflation"])
    separate = portfolio.event["separate"]["money_goals"]
    for goal in told:
        for words in _findings(goal, funding, alone, held):
            yield f"of the money goal {goal['goal_id']}, {words}"
        asked, chance = Asked.of(goal, funding["inflation"]), separate.get(goal["goal_id"])
        if chance is None or not asked.has_chance(chance, goal["capital_aud"], alone[goal["pod"]]):
            yield f"of the money goal {goal['goal_id']}, the chance with separate pods is not {chance}"


def _held(portfolio: Portfolio) -> dict[str, Path]:
    """Find the returns of what each pod holds: after the orders, where there are any."""
    trading, rate = portfolio.event["trading"], portfolio.terms["marginal_tax_rate"]
    found = {}
    for pod, u in zip(portfolio.pods, portfolio.sleeves, strict=True):
        w = portfolio.vector(trading["pods"].get(pod, {})) if trading else u
        found[pod] = Path.of(portfolio.market, w / w.sum() if w.sum() > 0 else u, rate)
    return found


def _findings(goal: Event, funding: Event, alone: dict[str, Path], held: dict[str, Path]) -> Iterator[str]:
    asked, wanted, needed = Asked.of(goal, funding["inflation"]), goal["wanted_probability"], goal["needed_aud"]
    path = held.get(goal["pod"], alone[goal["pod"]])
    if not is_least(needed, asked.excess(needed, alone[goal["pod"]], wanted)):
        yield f"{needed} AUD is not the least capital that it needs"
    if goal["pod_chosen"]:
        pods = held if funding["by"] == "pod_weights" else alone
        if better := [pod for pod in pods if needed and asked.excess(needed, alone[pod], wanted) > PUT_BACK]:
            yield f"{', '.join(better)} needs less for it than {goal['pod']}"
    figures = {
        "amount_then_aud": goal["target_amount_aud"] * (1 + asked.inflation) ** goal["years"],
        "expected_return": path.mean,
        "median_aud": asked.becomes(goal["capital_aud"], path, 0.0),
    }
    for name, figure in figures.items():
        if not same(goal[name], figure):
            yield f"{name} is {figure}, not {goal[name]}"
    yield from _chances(goal, asked, path)
    yield from _what_would_do(goal, asked, path)


def _chances(goal: Event, asked: Asked, path: Path) -> Iterator[str]:
    chances = {
        "probability": path,
        "probability_if_lower": path.higher(-_POINT),
        "probability_if_higher": path.higher(_POINT),
    }
    for name, returns in chances.items():
        if not asked.has_chance(goal[name], goal["capital_aud"], returns):
            yield f"{name} is not {goal[name]}"


def _today(portfolio: Portfolio, told: list[Event], inflation: float) -> Iterator[str]:
    """Check what the account as it is does for the goals: what each needs, gets by the same order, and its chance."""
    of_today = ("needed_today_aud", "capital_today_aud", "probability_today")
    if portfolio.owned is None:
        if any(goal[name] is not None for goal in told for name in of_today):
            yield "money goals are told of today, and nothing says what is owned"
        return
    rate, capital = portfolio.terms["marginal_tax_rate"], portfolio.owned.whole
    had = portfolio.owned.units * portfolio.owned.prices / capital
    interest = portfolio.cash_rate * (1 - rate) * (1 - float(had.sum()))
    kept = Path.of(portfolio.market, had, rate).higher(interest)
    # Nothing belongs to a pod: all goals are funded from one purse.
    mine = [{**goal, "pod": "", "needed_aud": goal["needed_today_aud"]} for goal in told]
    got = spent(mine, {"": (1 - portfolio.owned.floor_of(capital)) * capital})
    for goal, aud in zip(told, got, strict=True):
        asked = Asked.of(goal, inflation)
        if not is_least(
            goal["needed_today_aud"], asked.excess(goal["needed_today_aud"], kept, goal["wanted_probability"])
        ):
            yield f"{goal['needed_today_aud']} AUD is not the least capital that {goal['goal_id']} needs today"
        if not same(goal["capital_today_aud"], aud, size=capital):
            yield f"the money goal {goal['goal_id']} gets {aud} AUD today, not {goal['capital_today_aud']}"
        elif not asked.has_chance(goal["probability_today"], goal["capital_today_aud"], kept):
            yield f"the chance of {goal['goal_id']} today is not {goal['probability_today']}"


def _what_would_do(goal: Event, asked: Asked, path: Path) -> Iterator[str]:
    """Put back what is told to bring the chance to the one wanted."""
    wanted, capital = goal["wanted_probability"], goal["capital_aud"]
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
