"""Gains and losses of a financial year after the sales of an account, as the next request states them. Pure.

The law is that of ``portfolio.tax``: the kind of a gain follows from the days of the contracts (ITAA 1997, s 109-5,
s 104-10(3), Div 115), the proceeds are after brokerage (s 110-35(2)). A year that ends leaves its losses to the next
(s 102-15).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from portfolio.tax.gains import assess
from portfolio.tax.kinds import Kind
from portfolio.tax.parcels import Parcel, Quotes, gain_per_unit
from portfolio.tax.regime import income_year
from portfolio.tax.taxpayer import Realised

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date
    from decimal import Decimal

    from portfolio.tax.kinds import Amounts
    from portfolio.tax.taxpayer import Taxpayer
    from portfolio.terms.owned import Owned

# The members of ``realised`` in a request, by kind.
_MEMBERS = {
    "undiscounted_aud": Kind.UNDISCOUNTED,
    "discountable_aud": Kind.DISCOUNTABLE,
    "indexed_aud": Kind.INDEXED,
    "losses_aud": Kind.LOSS,
}


@dataclass(frozen=True, slots=True)
class Sold:
    """Units of one parcel in one contract.

    Attributes:
        ticker: The ETF.
        acquired: Day of the contract to buy.
        units: Units sold.
        cost_base_aud: Cost base of these units, AUD.
        day: Day of the contract to sell.
        proceeds_aud: Price received for these units less their part of the brokerage, AUD.
    """

    ticker: str
    acquired: date
    units: int
    cost_base_aud: Decimal
    day: date
    proceeds_aud: Decimal

    def gains(self, owned: Owned) -> Amounts:
        """Measure gain and loss by kind, AUD.

        Raises:
            DataError: If the reform needs a price or an index that the request does not give.
        """
        net = float(self.proceeds_aud) / self.units
        # Proceeds below zero: brokerage above the price.
        cost = max(-net, 0.0)
        quotes = Quotes(self.day, {self.ticker: net + cost}, {self.ticker: cost})
        parcel = Parcel(self.ticker, self.units, self.acquired, float(self.cost_base_aud))
        per_unit = gain_per_unit(parcel, quotes, owned.taxpayer, owned.law)
        return {kind: aud * self.units for kind, aud in per_unit.items()}


def after(
    body: Mapping[str, Any], account: dict[str, Any], owned: Owned, sold: Sequence[Sold], as_of: date
) -> dict[str, Any]:
    """Return the members ``customer`` and ``account`` of the next request.

    Args:
        body: The request that was asked.
        account: The account after the contracts.
        owned: The same account as read, before the contracts.
        sold: All sales of the contracts.
        as_of: The day of the next request.

    Raises:
        DataError: As ``Sold.gains``.
    """
    gains = [(income_year(one.day), one.gains(owned)) for one in sold]
    customer = dict(body["customer"])
    years = income_year(owned.as_of), income_year(as_of)
    payers = owned.taxpayer.each
    if customer.get("owners"):
        customer["owners"] = [
            _stated(given, payer, _of(share, gains), years)
            for given, (share, payer) in zip(customer["owners"], payers, strict=True)
        ]
        return {"customer": customer, "account": account}
    told = _stated({**customer, "realised": account.get("realised")}, payers[0][1], gains, years)
    realised = told.pop("realised", None)
    account = {name: value for name, value in account.items() if name != "realised"}
    return {"customer": told, "account": account | ({} if realised is None else {"realised": realised})}


def _of(share: float, gains: Iterable[tuple[int, Amounts]]) -> list[tuple[int, Amounts]]:
    return [(year, {kind: share * aud for kind, aud in amounts.items()}) for year, amounts in gains]


def _stated(
    given: Mapping[str, Any], payer: Taxpayer, gains: Iterable[tuple[int, Amounts]], years: tuple[int, int]
) -> dict[str, Any]:
    """State ``realised`` and, where a year has ended, ``carried_losses_aud`` of one who pays tax."""
    by_year: dict[int, dict[Kind, float]] = {}
    for year, amounts in gains:
        of_year = by_year.setdefault(year, dict.fromkeys(Kind, 0.0))
        for kind, aud in amounts.items():
            of_year[kind] += aud
    first, last = years
    told = dict(given)
    if last > first:
        for year in range(first, last):
            carried = assess(payer, by_year.get(year, {})).losses_carried_aud
            payer = replace(payer, carried_losses_aud=carried, realised=Realised())
        told["realised"] = None
        if payer.carried_losses_aud or "carried_losses_aud" in told:
            told["carried_losses_aud"] = round(payer.carried_losses_aud, 2)
    now = by_year.get(last, {})
    before = told.get("realised") or {}
    added = {name: round(before.get(name, 0.0) + now.get(kind, 0.0), 2) for name, kind in _MEMBERS.items()}
    realised = {**before, **{name: aud for name, aud in added.items() if aud or name in before}}
    rest = {name: value for name, value in told.items() if name != "realised"}
    return {**rest, "realised": realised} if realised else rest
