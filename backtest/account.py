"""The ledger of a backtest: cash, parcels, income and the tax of each financial year.

Every strategy is booked here, so that all pay the same brokerage, spread and tax. The ledger decides nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from datetime import date
from typing import TYPE_CHECKING

import numpy as np

from portfolio.orders.carried import without
from portfolio.tax.brackets import rate_at
from portfolio.tax.gains import assess, assess_each
from portfolio.tax.income import Distributions, after_tax_income
from portfolio.tax.kinds import Kind
from portfolio.tax.parcels import Parcel, Quotes
from portfolio.tax.regime import Regime, income_year
from portfolio.tax.sale import realise
from portfolio.tax.taxpayer import Owner, Realised, Taxpayer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from portfolio.market.history.distributions import Payment
    from portfolio.tax.gains import Assessment

# The day on which a year's tax is due, for who lodges without an agent (Taxation Administration Act 1953, Sch 1,
# s 5-5): the financial year ends on 30 June.
_DUE = 11, 21
_DAYS_A_YEAR = 365
_CENT = 0.005


@dataclass(frozen=True, slots=True)
class Costs:
    """The costs of orders, and the interest on cash.

    Attributes:
        brokerage_aud: Brokerage per order.
        brokerage_share: Brokerage as a share of the order's value, on top.
        half_spreads: Half the bid-ask spread by ticker, as a fraction of the price; only these ETFs can be traded.
        cash_rate: Interest per year on cash, as a fraction.
    """

    brokerage_aud: float
    brokerage_share: float
    half_spreads: Mapping[str, float]
    cash_rate: float = 0.0


@dataclass(frozen=True, slots=True)
class Pocket:
    """Money and parcels that are managed together: the whole account, or those of one pod alone."""

    cash_aud: float
    parcels: tuple[Parcel, ...] = ()

    def units(self) -> dict[str, float]:
        """Return the units held, by ticker."""
        found: dict[str, float] = {}
        for parcel in self.parcels:
            found[parcel.ticker] = found.get(parcel.ticker, 0) + parcel.units
        return found

    def value_aud(self, prices: Mapping[str, float]) -> float:
        """Return cash and market value."""
        return self.cash_aud + math.fsum(units * prices[ticker] for ticker, units in self.units().items())


@dataclass(frozen=True, slots=True)
class Trades:
    """The orders of one pocket on one day.

    Attributes:
        buys: Whole units bought, by ticker.
        sold: Units sold of each parcel of the pocket, in order; empty for none.
        money_in_aud: Money from another pocket of the account after the orders; negative if money goes there.
    """

    buys: Mapping[str, int] = field(default_factory=dict)
    sold: tuple[float, ...] = ()
    money_in_aud: float = 0.0


@dataclass(frozen=True, slots=True)
class Paid:
    """Orders and costs, AUD."""

    orders: int = 0
    traded_aud: float = 0.0
    brokerage_aud: float = 0.0
    spread_aud: float = 0.0

    def __add__(self, other: Paid) -> Paid:
        """Add up orders and costs."""
        return Paid(
            self.orders + other.orders,
            self.traded_aud + other.traded_aud,
            self.brokerage_aud + other.brokerage_aud,
            self.spread_aud + other.spread_aud,
        )


@dataclass(frozen=True, slots=True)
class Ledger:
    """The account of one strategy.

    Attributes:
        taxpayer: The owner, with the losses carried from earlier financial years.
        pockets: The parts of the account, by name; one taxpayer owns them all.
        shares: Part of the tax that each pocket pays, by name; they add up to one.
        year: The calendar year in which the current financial year ends.
        realised_aud: Gains and losses of this financial year, by kind.
        income: Income of this financial year: cash, AUD, and its franked share.
        bills: Tax of earlier financial years that is not yet due: the day, and AUD, negative for a refund.
        tax_paid_aud: Tax paid so far, less refunds.
    """

    taxpayer: Taxpayer
    pockets: Mapping[str, Pocket]
    shares: Mapping[str, float]
    year: int
    realised_aud: Mapping[Kind, float] = field(default_factory=lambda: dict.fromkeys(Kind, 0.0))
    income: tuple[tuple[float, float], ...] = ()
    bills: tuple[tuple[date, float], ...] = ()
    tax_paid_aud: float = 0.0

    def units(self) -> dict[str, float]:
        """Return the units held in all pockets, by ticker."""
        return self.together().units()

    def together(self) -> Pocket:
        """Return all pockets as one."""
        pockets = self.pockets.values()
        return Pocket(
            math.fsum(pocket.cash_aud for pocket in pockets), tuple(p for pocket in pockets for p in pocket.parcels)
        )

    def year_so_far(self) -> tuple[Realised, ...]:
        """Return the gains and losses of this financial year: of the one owner, or of each of several."""
        return tuple(
            Realised(
                undiscounted_aud=share * self.realised_aud[Kind.UNDISCOUNTED],
                discountable_aud=share * self.realised_aud[Kind.DISCOUNTABLE],
                losses_aud=share * self.realised_aud[Kind.LOSS],
            )
            for share, _ in self.taxpayer.each
        )

    def seller(self) -> Taxpayer:
        """Return the taxpayer with the gains and losses of this financial year, who chooses parcels to sell."""
        each = self.year_so_far()
        if not self.taxpayer.owners:
            return replace(self.taxpayer, realised=each[0])
        owners = tuple(
            replace(owner, realised=realised) for owner, realised in zip(self.taxpayer.owners, each, strict=True)
        )
        return Taxpayer.jointly(owners, income_year=self.taxpayer.income_year)

    def pay(self, aud: float) -> Ledger:
        """Book a payment of the customer into the account, negative out of it; each pocket has its share."""
        pockets = {
            name: replace(pocket, cash_aud=pocket.cash_aud + aud * self.shares[name])
            for name, pocket in self.pockets.items()
        }
        return replace(self, pockets=pockets)

    def gains(self) -> Assessment:
        """Tax the gains of this financial year so far."""
        return assess(self.taxpayer, self.realised_aud)

    def owed_aud(self) -> float:
        """Return the tax on this financial year so far, and the bills; negative for refunds."""
        return self._tax_aud() + math.fsum(aud for _, aud in self.bills)

    def wealth_aud(self, prices: Mapping[str, float]) -> float:
        """Return market value plus cash, minus the tax owed."""
        return self.together().value_aud(prices) - self.owed_aud()

    def _tax_aud(self) -> float:
        gains = self.gains().tax_aud
        if not self.income:
            return gains
        cash, franked = np.array(self.income).T
        # Each amount of cash is a holding of one dollar that yields this amount.
        income = after_tax_income(
            self.taxpayer, Distributions(cash, franked), np.ones(len(cash)), other_tax_aud=max(gains, 0.0)
        )
        return gains + income.net_tax_aud

    def until(self, day: date, payments: Mapping[str, list[Payment]], *, days: int, cash_rate: float) -> Ledger:
        """Book distributions, interest, the end of a financial year and tax that is due.

        Args:
            day: Today.
            payments: Distributions with an ex-date since the last booking, by ticker; the units held then get them.
            days: Days since the last booking.
            cash_rate: Interest per year on cash, as a fraction.
        """
        found = self
        if income_year(day) > found.year:
            found = found._close(income_year(day))
        pockets, income = {}, list(found.income)
        for name, pocket in found.pockets.items():
            held = pocket.units()
            got = [
                (held[ticker] * paid.amount_aud, paid.franked_share)
                for ticker in sorted(held)
                for paid in payments.get(ticker, ())
            ]
            if (interest := max(pocket.cash_aud, 0.0) * cash_rate * days / _DAYS_A_YEAR) > 0:
                got.append((interest, 0.0))
            income += got
            pockets[name] = replace(pocket, cash_aud=pocket.cash_aud + math.fsum(aud for aud, _ in got))
        due = math.fsum(aud for when, aud in found.bills if when <= day)
        pockets = {
            name: replace(pocket, cash_aud=pocket.cash_aud - due * found.shares[name])
            for name, pocket in pockets.items()
        }
        return replace(
            found,
            pockets=pockets,
            income=tuple(income),
            bills=tuple(bill for bill in found.bills if bill[0] > day),
            tax_paid_aud=found.tax_paid_aud + due,
        )

    def _close(self, year: int) -> Ledger:
        """Assess the financial year that has ended; carry its losses."""
        tax = self._tax_aud()
        losses = [one.losses_carried_aud for one in assess_each(self.taxpayer, self.realised_aud)]
        bill = ((date(self.year, *_DUE), tax),) if abs(tax) > _CENT else ()
        return replace(
            self,
            taxpayer=_next_year(self.taxpayer, losses, year),
            year=year,
            realised_aud=dict.fromkeys(Kind, 0.0),
            income=(),
            bills=(*self.bills, *bill),
        )

    def trade(self, trades: Mapping[str, Trades], day: date, prices: Mapping[str, float], costs: Costs) -> Traded:
        """Book the orders of each pocket at the prices of *day*; each order pays brokerage and half the spread."""
        pockets, realised, paid = dict(self.pockets), dict(self.realised_aud), Paid()
        for name, made in trades.items():
            pocket, sold_aud, spent = _book(pockets[name], made, day, prices, costs, self.taxpayer)
            pockets[name], paid = pocket, paid + spent
            for kind, aud in sold_aud.items():
                realised[kind] += aud
        return Traded(replace(self, pockets=pockets, realised_aud=realised), paid)


def _next_year(taxpayer: Taxpayer, losses_aud: Sequence[float], year: int) -> Taxpayer:
    """Carry losses, one amount per owner, into the financial year that ends in *year*; brackets are those of it."""
    if taxpayer.owners:
        owners = tuple(
            replace(owner, carried_losses_aud=aud, marginal_rate=_rate(owner, year))
            for owner, aud in zip(taxpayer.owners, losses_aud, strict=True)
        )
        return Taxpayer.jointly(owners, income_year=None if taxpayer.income_year is None else year)
    if taxpayer.taxable_income_aud is None:
        return replace(taxpayer, carried_losses_aud=losses_aud[0])
    rate = rate_at(taxpayer.taxable_income_aud, year)
    return replace(taxpayer, carried_losses_aud=losses_aud[0], marginal_rate=rate, income_year=year)


def _rate(owner: Owner, year: int) -> float:
    return owner.marginal_rate if owner.taxable_income_aud is None else rate_at(owner.taxable_income_aud, year)


@dataclass(frozen=True, slots=True)
class Traded:
    """A ledger after orders, and their costs."""

    ledger: Ledger
    paid: Paid


def _book(
    pocket: Pocket, made: Trades, day: date, prices: Mapping[str, float], costs: Costs, taxpayer: Taxpayer
) -> tuple[Pocket, Mapping[Kind, float], Paid]:
    """Book one pocket's orders; return the pocket, the gains by kind, and the costs."""
    sold = made.sold or (0,) * len(pocket.parcels)
    sales: dict[str, float] = {}
    for parcel, units in zip(pocket.parcels, sold, strict=True):
        if units:
            sales[parcel.ticker] = sales.get(parcel.ticker, 0) + units
    quotes = quotes_of(day, prices, costs).with_brokerage(costs.brokerage_aud, sales)
    realised = realise(pocket.parcels, sold, quotes, taxpayer, Regime())
    paid = Paid()
    cash = pocket.cash_aud + made.money_in_aud
    for ticker, units in sales.items():
        cost = _cost(units * prices[ticker], costs.half_spreads[ticker], costs)
        cash += cost.traded_aud - cost.brokerage_aud - cost.spread_aud
        paid += cost
    bought = []
    for ticker, number in sorted(made.buys.items()):
        cost = _cost(number * prices[ticker], costs.half_spreads[ticker], costs)
        spent_aud = cost.traded_aud + cost.brokerage_aud + cost.spread_aud
        bought.append(Parcel(ticker, number, day, spent_aud))
        cash -= spent_aud
        paid += cost
    return Pocket(cash, (*without(pocket.parcels, sold), *bought)), realised, paid


def _cost(value_aud: float, half_spread: float, costs: Costs) -> Paid:
    return Paid(1, value_aud, costs.brokerage_aud + costs.brokerage_share * value_aud, half_spread * value_aud)


def quotes_of(day: date, prices: Mapping[str, float], costs: Costs) -> Quotes:
    """Return the prices that a seller gets, and the brokerage that is a share of the value."""
    spreads = {ticker: costs.half_spreads.get(ticker, 0.0) for ticker in prices}
    return Quotes(
        day,
        {ticker: price * (1 - spreads[ticker]) for ticker, price in prices.items()},
        {ticker: price * costs.brokerage_share for ticker, price in prices.items()},
    )
