"""Payments of the customer into and out of the account, by date.

They are a plan: known before their dates, as no price is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from portfolio.errors import DataError
from portfolio.market.history.table import Faults, read_table
from portfolio.market.settlement import settles_on

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_COLUMNS = ("date", "amount_aud")
# As the amounts of a request.
_MOST_AUD = 1e10


@dataclass(frozen=True, slots=True, order=True)
class CustomerPayment:
    """One payment.

    Attributes:
        day: The day on which the money comes or goes.
        aud: The amount: positive into the account, negative out of it.
    """

    day: date
    aud: float


def read_payments(file: Path) -> tuple[CustomerPayment, ...]:
    """Read payments, in the order of their days.

    Raises:
        DataError: If the file cannot be read; the message gives the line of each fault.
    """
    table = read_table(file, needs=_COLUMNS, days="date", numbers=_COLUMNS[1:])
    faults, seen, found = Faults(file.name), dict[date, int](), list[CustomerPayment]()
    for row in table.rows:
        line, day = row["date"].line, faults.day(row["date"])
        aud = faults.number(row["amount_aud"], least=-_MOST_AUD, most=_MOST_AUD)
        if day is None:
            continue
        if day in seen:
            faults.add(line, f"a payment on {day} stands in line {seen[day]} too: add them up")
        seen.setdefault(day, line)
        found.append(CustomerPayment(day, aud))
    faults.refuse()
    return tuple(sorted(found))


def refuse_payments(payments: Sequence[CustomerPayment], days: Sequence[date], last: date) -> None:
    """Refuse payments that no walk can make.

    Args:
        payments: The payments.
        days: The dates of orders.
        last: The last day of the history.

    Raises:
        DataError: If a payment is outside the walk, or no sale of the first date of orders settles before it.
    """
    first = days[0]
    if early := [str(each.day) for each in payments if each.day <= first]:
        message = (
            f"--payments has {', '.join(early)}, and the first date of orders is {first}: put earlier payments into the"
            " capital of the request"
        )
        raise DataError(message)
    if late := [str(each.day) for each in payments if each.day > last]:
        message = f"--payments has {', '.join(late)}, and the prices end on {last}: leave later payments out"
        raise DataError(message)
    settled = settles_on(first)
    if soon := [str(each.day) for each in payments if each.aud < 0 and each.day < settled]:
        message = (
            f"--payments has a withdrawal on {', '.join(soon)}, and the first sales settle on {settled}: give that day"
            " or a later one"
        )
        raise DataError(message)


def to_raise_aud(payments: Sequence[CustomerPayment], day: date, following: date | None) -> float:
    """Return the money that must be in the account after the orders of *day*, for withdrawals that are to come.

    A withdrawal is raised on the last date of orders whose sales settle by its day.

    Args:
        payments: The payments.
        day: The date of orders.
        following: The next date of orders; None if there is none.
    """
    until = None if following is None else settles_on(following)
    return math.fsum(
        -each.aud for each in payments if each.aud < 0 and each.day > day and (until is None or each.day < until)
    )
