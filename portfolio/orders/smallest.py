"""Enough for an account that is too small for its pods: more money, or fewer pods.

Each verdict is that of the program in whole units, with the first purchases of 500 AUD and the shares that a capital of
that size would have. More money helps, but not always: units are whole. So each amount that is told has been tried.
"""

from __future__ import annotations

import math
from functools import partial
from itertools import combinations, islice
from typing import TYPE_CHECKING

from portfolio.case.inventory import LEAST_CAPITAL_AUD
from portfolio.conic.solution import Status
from portfolio.errors import DataError
from portfolio.master.goal_programming import SearchSession
from portfolio.master.statement.formulation import Formulation
from portfolio.orders.step import has_budget, no_worse_than_today
from portfolio.orders.whole_units import UnitsJudge
from portfolio.published.conflicts import Repair

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from portfolio.case.case import Case

# How often the money is doubled, until it is enough.
_DOUBLINGS = 11
# Enough to halve any bracket of those down to a dollar.
_HALVINGS = 40
# The most groups of pods that are tried.
_GROUPS = 64


def enough_money(
    now_aud: float, case_at: Callable[[float], Case], left_s: Callable[[], float], *, withdrawal_aud: float = 0.0
) -> Repair | None:
    """Find the least money with which the pods' rules can be kept, or the most that can be withdrawn.

    To a dollar, or as near as time allows: the words name the largest amount that is proven too little.
    None if they can be kept already, if no money is enough, or if time ended the search before an amount was found.

    Args:
        now_aud: The money in the account.
        case_at: Makes the customer's case with another amount of money.
        left_s: Returns the seconds left.
        withdrawal_aud: The money that is to be paid out: a dollar less does the same as a dollar more in the account.
    """

    def verdict(cash_aud: float) -> Status:
        return _verdict(partial(case_at, cash_aud), left_s)

    if verdict(now_aud) is not Status.INFEASIBLE:
        return None
    least = max(now_aud, LEAST_CAPITAL_AUD)
    # Upwards, since much more money may change the pods' shares, where these follow from money goals.
    tried = [now_aud, *(float(math.ceil(least * 2**times)) for times in range(1, _DOUBLINGS))]
    high = next((i for i, cash_aud in enumerate(tried) if i and verdict(cash_aud) is Status.OPTIMAL), None)
    if high is None:
        return None
    low, enough = _narrow(verdict, tried[high - 1], tried[high])
    if enough - now_aud <= withdrawal_aud:
        most, too_much = (round(withdrawal_aud - (cash - now_aud), 2) for cash in (enough, low))
        words = f"account.withdraw_aud {withdrawal_aud:,.2f} AUD to {most:,.2f} AUD"
        return Repair("account.withdraw_aud", f"{words} ({too_much:,.2f} AUD is too much)", withdrawal_aud, most)
    words = f"account.cash_aud {now_aud:,.2f} AUD to {enough:,.2f} AUD ({low:,.2f} AUD is too little"
    held_aud = round(case_at(enough).terms.total_capital_aud - enough, 2)
    if held_aud > 0:
        words += f"; with the holdings a capital of {enough + held_aud:,.2f} AUD"
    return Repair("account.cash_aud", f"{words})", now_aud, enough)


def enough_pods(
    shares: Mapping[str, float],
    case_of: Callable[[Mapping[str, float]], Case],
    left_s: Callable[[], float],
    *,
    always: Collection[str] = (),
) -> Repair | None:
    """Find the pods with which this money would do: the group with the most of the capital whose rules can be kept.

    None if no smaller group is enough, or if a verdict is not known: a group with more of the capital might then do.

    Args:
        shares: The pods' shares, which sum to one.
        case_of: Makes the customer's case with other shares.
        left_s: Returns the seconds left.
        always: Pods that every group has.
    """
    for group in islice((group for group in _groups(shares) if set(always) <= group.keys()), _GROUPS):
        status = _verdict(partial(case_of, group), left_s)
        if status is Status.OPTIMAL:
            now, to = (", ".join(f"{pod} {share:.4g}" for pod, share in pods.items()) for pods in (shares, group))
            return Repair("pod_weights", f"pod_weights {now} to {to}", now, to)
        if status is not Status.INFEASIBLE:
            break
    return None


def _groups(shares: Mapping[str, float]) -> Iterator[dict[str, float]]:
    """List the smaller groups of pods, those with the most capital first, with their shares in whole percent."""
    groups = [group for size in range(1, len(shares)) for group in combinations(shares, size)]
    for group in sorted(groups, key=lambda pods: -sum(shares[pod] for pod in pods)):
        whole = _in_percent({pod: shares[pod] for pod in group})
        if all(whole.values()):
            yield {pod: percent / 100 for pod, percent in whole.items()}


def _in_percent(shares: Mapping[str, float]) -> dict[str, int]:
    """Round shares to whole percent that sum to 100: those with the largest remainders upwards."""
    exact = {pod: 100 * share / sum(shares.values()) for pod, share in shares.items()}
    whole = {pod: math.floor(percent) for pod, percent in exact.items()}
    for pod in sorted(exact, key=lambda pod: whole[pod] - exact[pod])[: 100 - sum(whole.values())]:
        whole[pod] += 1
    return whole


def _verdict(case_of: Callable[[], Case], left_s: Callable[[], float]) -> Status:
    """Return whether a case has a portfolio: one that keeps the rules, or a step towards them within the budgets."""
    try:
        case = case_of()
        status = _feasible(case, left_s)
        if status is not Status.INFEASIBLE or not has_budget(case):
            return status
        step = no_worse_than_today(case, stop=lambda: left_s() <= 0)
    except DataError:
        return Status.INFEASIBLE  # too little to invest, or a request that would be refused
    if step is None:
        return Status.STOPPED
    # Where no sale must pay, all can stay as it is.
    return Status.OPTIMAL if step.stock is not None and step.stock.cash >= 0 else _feasible(step, left_s)


def _feasible(case: Case, left_s: Callable[[], float]) -> Status:
    """Return whether the rules of a case can be kept, in fractions and in whole units."""
    formulate = partial(Formulation, case)
    in_units = UnitsJudge(formulate, left_s).feasible({})
    return SearchSession(formulate, lambda: left_s() <= 0).feasible({}) if in_units is Status.OPTIMAL else in_units


def _narrow(verdict: Callable[[float], Status], low: float, high: float) -> tuple[float, float]:
    """Bring two amounts together, to a dollar: one that is too little, and one that is enough.

    A verdict that is not known ends the search.
    """
    for _ in range(_HALVINGS):
        middle = float(math.floor((low + high) / 2))
        if not low < middle < high:
            break
        status = verdict(middle)
        if status is Status.OPTIMAL:
            high = middle
        elif status is Status.INFEASIBLE:
            low = middle
        else:
            break
    return low, high
