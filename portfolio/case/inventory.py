"""What is owned, in the order of the market's ETFs: what can be traded, at which price, with which gains."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from portfolio.errors import DataError
from portfolio.tax.kinds import GAINS, Kind, effective_rate
from portfolio.tax.parcels import Quotes, gain_per_unit, missing_facts, rebase
from portfolio.terms.owned import Kept, Outside, Owned

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import date

    from portfolio import Vector
    from portfolio.market.snapshot import Market
    from portfolio.pod.sleeve import Sleeve
    from portfolio.tax.parcels import Parcel, Rebased
    from portfolio.terms.rules import Rules, Terms

# The first purchase of a security on ASX is of this much at least (ASX: minimum initial investment in a listed
# security).
FIRST_PURCHASE_AUD = 500.0


@dataclass(frozen=True, slots=True)
class Lot:
    """A parcel that can be sold.

    Attributes:
        parcel: Where it stands among the parcels that are owned.
        j: Its ETF.
        units: How many there are.
        gains: What selling a unit gains or loses, by kind, AUD, none negative.
        net_aud: What a unit fetches, after half the spread and proportional brokerage.
        rebased: What the reform of capital gains measures it from; None where that does not govern the sale.
    """

    parcel: int
    j: int
    units: float
    gains: Mapping[Kind, float]
    net_aud: float
    rebased: Rebased | None


@dataclass(frozen=True, slots=True, eq=False)
class Inventory:
    """What is owned and can be traded; vectors have shape (n,).

    Attributes:
        capital_aud: Cash, and holdings at their last price.
        prices: Last prices, AUD a unit; not a number where there is none.
        costs: What an order costs besides its fixed brokerage, as a share of its value: half the spread and
            proportional brokerage.
        units: Owned of each ETF.
        weights: Their shares of the capital.
        lots: All parcels, in the order in which they are owned.
        quotes: What a unit fetches, by ticker.
        rates: Tax on a dollar of each kind of gain that there is, in the order in which losses reduce them; none where
            nothing is taxed.
        losses_aud: Capital losses carried in from earlier years.
    """

    capital_aud: float
    prices: Vector
    costs: Vector
    units: Vector
    weights: Vector
    lots: tuple[Lot, ...]
    quotes: Quotes
    rates: Mapping[Kind, float]
    losses_aud: float

    @property
    def order_binds(self) -> bool:
        """Whether losses must not be used where they are worth most: against indexed gains, which come last."""
        last = self.rates.get(Kind.INDEXED, 0.0)
        return any(rate < last for rate in self.rates.values())


# What a pod's share can still be bought with.
LEAST_CAPITAL_AUD = 1_000.0


def take_stock(market: Market, owned: Owned) -> Inventory:
    """Take stock of what the customer owns."""
    prices = np.array([np.nan if etf.price_aud is None else etf.price_aud for etf in market.etfs])
    costs = market.column("half_spread") + owned.brokerage_share
    priced = [(j, etf) for j, etf in enumerate(market.etfs) if etf.price_aud is not None]
    quotes = Quotes(
        on=owned.as_of,
        prices_aud={etf.ticker: float(prices[j]) * (1 - etf.half_spread) for j, etf in priced},
        incidental_aud={etf.ticker: float(prices[j]) * owned.brokerage_share for j, etf in priced},
    )
    units = np.zeros(len(market.etfs))
    lots = []
    for number, parcel in enumerate(owned.parcels):
        (j,) = market.positions([parcel.ticker])
        units[j] += parcel.units
        gains = gain_per_unit(parcel, quotes, owned.taxpayer, owned.law)
        rebased = rebase(parcel, owned.as_of, owned.taxpayer, owned.law)
        lots.append(Lot(number, j, parcel.units, gains, quotes.net_aud(parcel.ticker), rebased))
    values = np.where(units > 0, units * np.nan_to_num(prices), 0.0)
    capital = owned.cash_aud + float(values.sum())
    there = {kind for lot in lots for kind in lot.gains}
    rates = {kind: effective_rate(kind, owned.taxpayer) for kind in GAINS if kind in there}
    return Inventory(
        capital_aud=capital,
        prices=prices,
        costs=costs,
        units=units,
        weights=values / capital if capital > 0 else values,
        lots=tuple(lots),
        quotes=quotes,
        rates=rates if any(rates.values()) else {},
        losses_aud=owned.taxpayer.carried_losses_aud,
    )


def settle(market: Market, sleeves: Sequence[Sleeve], terms: Terms) -> Terms:
    """Say of what is owned what can be traded; the capital is that, and cash.

    Raises:
        DataError: If what is owned cannot be, or is too little.
    """
    if terms.owned is None:
        return terms
    refuse_impossible(market, terms.owned)
    universes = {ticker for sleeve in sleeves for ticker in sleeve.mandate.universe}
    owned = in_play(market, universes, terms.owned, terms.rules)
    capital = take_stock(market, owned).capital_aud
    _refuse_too_little(capital)
    return replace(terms, owned=owned, total_capital_aud=capital)


def refuse_impossible(market: Market, owned: Owned) -> None:
    """Refuse what nobody can own, or too little of it, before anybody works on it.

    Raises:
        DataError: If a parcel was bought before there was its ETF, if all is worth too little, whatever the pods may
            hold, or if the law of that day needs facts that are not given.
    """
    known = {etf.ticker: etf for etf in market.etfs}
    for parcel in owned.parcels:
        since = known[parcel.ticker].since if parcel.ticker in known else None
        if since is not None and parcel.acquired < since:
            message = (
                f"a parcel of {parcel.ticker} was acquired on {parcel.acquired}, before there was any: since {since};"
                " correct acquired"
            )
            raise DataError(message)
    priced = [(etf.ticker, etf.price_aud) for etf in market.etfs]
    _refuse_too_little(owned.cash_aud + sum(_worth(owned, ticker, price) for ticker, price in priced))
    _refuse_unknown_facts(owned, {ticker for ticker, price in priced if price is not None})


def _refuse_unknown_facts(owned: Owned, priced: Collection[str]) -> None:
    parcels = [parcel for parcel in owned.parcels if parcel.ticker in priced]
    if missing := missing_facts(parcels, owned.as_of, owned.taxpayer, owned.law):
        message = (
            f"what an individual sells on {owned.as_of} is taxed by the law from 1 July 2027, which needs facts:"
            f" give account.reform {' and '.join(missing)}"
        )
        raise DataError(message)


def _refuse_too_little(capital: float) -> None:
    if capital < LEAST_CAPITAL_AUD:
        message = (
            f"cash and holdings that can be traded are worth {capital:,.2f} AUD, less than {LEAST_CAPITAL_AUD:,.0f}:"
            " add cash_aud or holdings"
        )
        raise DataError(message)


def in_play(market: Market, universes: Collection[str], owned: Owned, rules: Rules) -> Owned:
    """Part what can be traded from what is kept, and say why.

    Args:
        market: The figures.
        universes: Tickers that any of the customer's pods may hold.
        owned: What the request says is owned.
        rules: Of which nothing is to be sold.

    Raises:
        DataError: If the market does not know an ETF.
    """
    known = {etf.ticker: etf for etf in market.etfs}
    kept: dict[str, str] = {}
    for parcel in owned.parcels:
        ticker = parcel.ticker
        if ticker not in known and ticker not in market.unpriced:
            message = f"market {market.id} does not describe {ticker}; leave it out of holdings, or use another market"
            raise DataError(message)
        if ticker not in known or known[ticker].price_aud is None:
            kept[ticker] = "the market has no price, or no return and risk, for it"
        elif ticker not in universes and owned.outside is Outside.KEEP:
            kept[ticker] = "no pod may hold it, and the request keeps such holdings"
        elif ticker not in universes and ticker in rules.never_sell:
            kept[ticker] = "no pod may hold it, and it is never to be sold"
        elif ticker not in universes and _worth(owned, ticker, known[ticker].price_aud) < rules.min_order_aud:
            kept[ticker] = "no pod may hold it, and it is worth less than the smallest order"
    return replace(
        owned,
        # In an order of their own, so that the result does not depend on how a request lists them.
        parcels=tuple(sorted((p for p in owned.parcels if p.ticker not in kept), key=_by_purchase)),
        kept=tuple(
            Kept(ticker, float(sum(p.units for p in owned.parcels if p.ticker == ticker)), why)
            for ticker, why in kept.items()
        ),
    )


def _by_purchase(parcel: Parcel) -> tuple[str, date, float, float]:
    return parcel.ticker, parcel.acquired, parcel.units, parcel.cost_base_aud


def _worth(owned: Owned, ticker: str, price_aud: float | None) -> float:
    return (price_aud or 0.0) * sum(parcel.units for parcel in owned.parcels if parcel.ticker == ticker)
