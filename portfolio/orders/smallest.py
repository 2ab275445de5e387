"""The smallest capital that works: where an account is too small for its pods, how much money would be enough.

Each verdict is that of the program in whole units, with the first purchases of 500 AUD and the shares that a capital of
that size would have. More money helps, but not always: units are whole. So the amount that is told has been tried, and
so has an amount one percent below.
"""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING

from portfolio.case.inventory import LEAST_CAPITAL_AUD
from portfolio.conic.solution import Status
from portfolio.errors import DataError
from portfolio.master.goal_programming import SearchSession
from portfolio.master.statement.formulation import Formulation
from portfolio.orders.whole_units import UnitsJudge
from portfolio.published.conflicts import Repair

if TYPE_CHECKING:
    from collections.abc import Callable

    from portfolio.case.case import Case

# How often the money is doubled, until it is enough.
_DOUBLINGS = 11
# A capital is the least if this part of it is not enough.
_BELOW = 0.99
_ROUNDS = 40


def enough_money(
    now_aud: float, case_at: Callable[[float], Case], left_s: Callable[[], float], *, withdrawal_aud: float = 0.0
) -> Repair | None:
    """Find the least money with which the pods' rules can be kept, or the most that can be withdrawn.

    None if they can be kept already, if no money is enough, or if time ended the search.

    Args:
        now_aud: The money in the account.
        case_at: Makes the customer's case with another amount of money.
        left_s: Returns the seconds left.
        withdrawal_aud: The money that is to be paid out: a dollar less does the same as a dollar more in the account.
    """
    verdict = partial(_verdict, case_at, left_s)
    if verdict(now_aud) is not Status.INFEASIBLE:
        return None
    least = max(now_aud, LEAST_CAPITAL_AUD)
    # Upwards, since much more money may change the pods' shares, where these follow from money goals.
    tried = [now_aud, *(round(least * 2**times, 2) for times in range(1, _DOUBLINGS))]
    high = next((i for i, cash_aud in enumerate(tried) if i and verdict(cash_aud) is Status.OPTIMAL), None)
    if high is None:
        return None
    held_aud = round(case_at(tried[high]).terms.total_capital_aud - tried[high], 2)
    found = _least(verdict, tried[high - 1], tried[high], held_aud)
    if found is None:
        return None
    if found - now_aud <= withdrawal_aud:
        most = round(withdrawal_aud - (found - now_aud), 2)
        words = f"account.withdraw_aud {withdrawal_aud:,.2f} AUD to {most:,.2f} AUD, the most within 1 % of the capital"
        return Repair("account.withdraw_aud", words, withdrawal_aud, most)
    words = f"account.cash_aud {now_aud:,.2f} AUD to {found:,.2f} AUD, the least for these pods within 1 %"
    if held_aud > 0:
        words += f" (a capital of {found + held_aud:,.2f} AUD with the holdings)"
    return Repair("account.cash_aud", words, now_aud, found)


def _verdict(case_at: Callable[[float], Case], left_s: Callable[[], float], cash_aud: float) -> Status:
    """Return whether the rules can be kept with this much money, in fractions and in whole units."""
    try:
        formulate = partial(Formulation, case_at(cash_aud))
    except DataError:
        return Status.INFEASIBLE  # too little to invest
    in_units = UnitsJudge(formulate, left_s).feasible({})
    return SearchSession(formulate, lambda: left_s() <= 0).feasible({}) if in_units is Status.OPTIMAL else in_units


def _least(verdict: Callable[[float], Status], low: float, high: float, held_aud: float) -> float | None:
    """Find money that is enough, such that a capital one percent smaller is not; None if a verdict is not known.

    Args:
        verdict: Whether an amount of money is enough.
        low: Money that is not enough.
        high: Money that is enough.
        held_aud: The value of the holdings, which is capital too.
    """
    for _ in range(_ROUNDS):
        capital = high + held_aud
        middle = _between(low + held_aud, capital)
        # Where the two are adjacent: by chance, whole units may be kept with a little less.
        tried = round((middle or capital * _BELOW) - held_aud, 2)
        status = verdict(tried)
        if status is Status.OPTIMAL:
            high = tried
        elif status is Status.INFEASIBLE and middle is not None:
            low = tried
        else:
            return high if status is Status.INFEASIBLE else None
    return None


def _between(low_aud: float, high_aud: float) -> float | None:
    """Return a capital of three digits between two others, near their geometric mean; None if there is none."""
    mean = math.sqrt(max(low_aud, 1.0) * high_aud)
    step = 10.0 ** (math.floor(math.log10(mean)) - 2)
    middle = round(mean / step) * step
    return middle if low_aud < high_aud * _BELOW and low_aud < middle < high_aud else None
