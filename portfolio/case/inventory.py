"""The customer's holdings that can be traded, in the order of the market's ETFs: prices, costs and gains."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from portfolio.errors import DataError
from portfolio.market.age import refuse_stale
from portfolio.names import doubted
from portfolio.tax.gains import most_per_dollar, so_far
from portfolio.tax.kinds import GAINS, Kind, effective_rate
from portfolio.tax.parcels import Quotes, gain_per_unit, missing_facts, rebase
from portfolio.tax.sale import cheapest_sale
from portfolio.terms.owned import Kept, Outside, Owned

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import date

    from portfolio import Vector
    from portfolio.market.snapshot import Market
    from portfolio.pod.sleeve import Sleeve
    from portfolio.published.conflicts import Repair
    from portfolio.tax.parcels import Parcel, Rebased
    from portfolio.tax.sale import Sale
    from portfolio.tax.taxpayer import Taxpayer
    from portfolio.terms.in_cash import InCash
    from portfolio.terms.rules import Rules, Terms

# The smallest first purchase of a security on ASX (ASX: minimum initial investment in a listed security).
FIRST_PURCHASE_AUD = 500.0


@dataclass(frozen=True, slots=True)
class Lot:
    """A parcel that can be sold.

    Attributes:
        parcel: The parcel's index among the parcels owned.
        j: The index of the ETF.
        units: The number of units.
        gains: Gain or loss per unit sold, by kind, AUD; no entry is negative.
        net_aud: Proceeds per unit, after half the spread and proportional brokerage, AUD.
        rebased: The cost base under the reform of capital gains; None where the reform does not govern the sale.
    """

    parcel: int
    j: int
    units: float
    gains: Mapping[Kind, float]
    net_aud: float
    rebased: Rebased | None


@dataclass(frozen=True, slots=True, eq=False)
class Inventory:
    """The holdings that can be traded; vectors have shape (n,).

    Attributes:
        capital_aud: Money for the orders, plus holdings at their last price.
        prices: Last prices, AUD per unit; NaN where there is no price.
        costs: Cost of an order without the fixed brokerage, as a share of the order's value: half the spread and
            proportional brokerage.
        units: Units owned of each ETF.
        weights: Value of these units, as shares of the capital.
        lots: All parcels, in the order of the parcels owned.
        quotes: Proceeds per unit, by ticker.
        rates: Tax per dollar of gain, for each kind of gain present, in the order in which losses reduce the kinds;
            empty where no gain is taxed.
        taxpayer: The taxpayer.
        cash: Money for the orders, as a share of the capital: the cash of today and the contribution less the
            withdrawal; negative if sales must pay.
        cash_floor: Least share of the capital that stays money after the orders and their costs.
        today_aud: Cash of today, plus holdings at their last price.
        unsold: Parcels of which nothing is sold, by number: for the portfolio that waits.
    """

    capital_aud: float
    prices: Vector
    costs: Vector
    units: Vector
    weights: Vector
    lots: tuple[Lot, ...]
    quotes: Quotes
    rates: Mapping[Kind, float]
    taxpayer: Taxpayer
    cash: float
    cash_floor: float
    today_aud: float
    unsold: frozenset[int] = frozenset()

    @property
    def today(self) -> tuple[float, Vector]:
        """The value of the account before any payment, AUD, and the holdings as shares of this value.

        An empty account counts as one of the capital's size, with nothing in it.
        """
        if self.today_aud == self.capital_aud or self.today_aud <= 0:
            return self.capital_aud, self.weights
        return self.today_aud, self.weights * (self.capital_aud / self.today_aud)

    @property
    def idle(self) -> float:
        """The most money that may be left, as a share of the capital: what is there already, or has to be."""
        return max(self.cash, self.cash_floor)

    @property
    def unit_aud(self) -> float:
        """Price of the dearest unit that is owned: whole units that are sold may fetch this much too much."""
        return float(self.prices[self.units > 0].max(initial=0.0))

    def selling(self, units_sold: Mapping[str, float], owned: Owned, brokerage_aud: float) -> Inventory:
        """Copy the holdings with the gains of units of which it is known how many are sold: after fixed brokerage.

        Args:
            units_sold: Units sold by ticker; each ETF is one order.
            owned: The holdings of today.
            brokerage_aud: Fixed cost of an order.
        """
        quotes = self.quotes.with_brokerage(brokerage_aud, units_sold)
        lots = tuple(
            replace(
                lot,
                gains=gain_per_unit(parcel, quotes, owned.taxpayer, owned.law),
                net_aud=quotes.net_aud(parcel.ticker),
            )
            if parcel.ticker in units_sold
            else lot
            for lot, parcel in ((lot, owned.parcels[lot.parcel]) for lot in self.lots)
        )
        return replace(self, quotes=quotes, lots=lots)

    def sell(self, owned: Owned, units: Mapping[str, float], quotes: Quotes) -> Sale:
        """Choose the parcels that cost least, of those that may be sold; ``units`` of the sale are of all parcels."""
        free = [lot.parcel for lot in self.lots if lot.parcel not in self.unsold]
        sale = cheapest_sale([owned.parcels[k] for k in free], units, quotes, owned.taxpayer, owned.law)
        chosen = dict(zip(free, sale.units, strict=True))
        return replace(sale, units=tuple(chosen.get(lot.parcel, 0.0) for lot in self.lots))

    @property
    def most_tax(self) -> Vector:
        """The most tax that a dollar sold of each ETF can cause, shape (n,): no losses used, the parcel taxed most."""
        most, gains = np.zeros(len(self.prices)), dict.fromkeys(GAINS, 0.0)
        for lot in self.lots:
            for kind in gains:
                gains[kind] += lot.units * lot.gains.get(kind, 0.0)
        per_dollar = most_per_dollar(self.taxpayer, gains)
        for lot in self.lots:
            tax = sum(per_dollar[kind] * aud for kind, aud in lot.gains.items() if kind in per_dollar)
            most[lot.j] = max(most[lot.j], tax / float(self.prices[lot.j]))
        return most


# The smallest capital that can still buy a pod's share.
LEAST_CAPITAL_AUD = 1_000.0


class TooLittleError(DataError):
    """Cash and holdings are worth too little to invest.

    Attributes:
        repairs: Changes that are enough alone, where they are known.
    """

    def __init__(self, message: str, repairs: Sequence[Repair] = ()) -> None:
        told = f"{message}. Enough would be: {'; '.join(repair.words for repair in repairs)}" if repairs else message
        super().__init__(told)
        self.repairs = tuple(repairs)

    def with_repairs(self, repairs: Sequence[Repair]) -> TooLittleError:
        """Copy the error with changes, of which each is enough alone."""
        return TooLittleError(str(self), repairs)


def take_stock(
    market: Market, owned: Owned, rules: Rules, unsold: frozenset[int] = frozenset(), *, in_cash: float = 0.0
) -> Inventory:
    """Value the customer's holdings at the market's prices.

    Args:
        market: The market's figures.
        owned: The holdings of today.
        rules: The customer's rules.
        unsold: Parcels of which nothing is sold, by number.
        in_cash: Money of the pods in cash, as a share of the capital.
    """
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
    capital = owned.money_aud + float(values.sum())
    before = so_far(owned.taxpayer)
    there = {kind for lot in lots for kind in lot.gains} | {kind for kind in GAINS if before[kind]}
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
        taxpayer=owned.taxpayer,
        cash=owned.money_aud / capital if capital > 0 else 0.0,
        cash_floor=_wanted_floor(owned, rules, capital) + in_cash,
        today_aud=owned.cash_aud + float(values.sum()),
        unsold=unsold,
    )


def cash_floor(terms: Terms) -> float:
    """Compute the share of the capital that stays money: by the customer's wish, and for the pods in cash."""
    wanted = 0.0 if terms.owned is None else _wanted_floor(terms.owned, terms.rules, terms.total_capital_aud)
    return wanted + math.fsum(terms.in_cash.values())


def _wanted_floor(owned: Owned, rules: Rules, capital_aud: float) -> float:
    """Compute the share that the customer wants to keep as money: without sales, at most the money that there is."""
    if capital_aud <= 0:
        return 0.0
    wanted = max(owned.cash_floor_aud / capital_aud, owned.min_cash_share)
    return min(wanted, max(owned.money_aud, 0.0) / capital_aud) if rules.buy_only else wanted


def settle(market: Market, sleeves: Sequence[Sleeve], terms: Terms, in_cash: Sequence[InCash] = ()) -> Terms:
    """Limit the terms to the holdings that can be traded; the capital becomes their value plus cash.

    Args:
        market: The market's figures.
        sleeves: The pods that take part.
        terms: The customer's terms.
        in_cash: The pods in cash: what only they may hold is kept, and the rest of their shares stays money.

    Raises:
        DataError: If the holdings are impossible.
        TooLittleError: If they are worth too little, or too much of them is to be kept as cash.
    """
    if terms.owned is None:
        return _leave_in_cash(terms, in_cash, kept_aud=0.0, money_aud=math.inf)
    refuse_impossible(market, terms.owned)
    universes = {ticker for sleeve in sleeves for ticker in sleeve.mandate.universe}
    owned = in_play(market, universes, terms.owned, terms.rules, in_cash)
    capital = take_stock(market, owned, terms.rules).capital_aud
    _refuse_too_little(capital, owned)
    valued = replace(terms, owned=owned, total_capital_aud=capital)
    kept_for_pods_aud = math.fsum(kept_for(in_cash, universes, owned).values())
    settled = _leave_in_cash(valued, in_cash, kept_aud=kept_for_pods_aud, money_aud=owned.money_aud)
    kept_aud = cash_floor(settled) * capital
    if capital - kept_aud < LEAST_CAPITAL_AUD:
        by_pods = f", {', '.join(settled.in_cash)} among them since cash returns more" if settled.in_cash else ""
        message = (
            f"cash and holdings that can be traded are worth {capital:,.2f} AUD, of which {kept_aud:,.2f} AUD are to"
            f" stay money{by_pods}, so that less than {LEAST_CAPITAL_AUD:,.0f} AUD are left to invest: lower"
            " cash_floor_aud or min_cash_share"
        )
        raise TooLittleError(message)
    return settled


def _leave_in_cash(terms: Terms, in_cash: Sequence[InCash], *, kept_aud: float, money_aud: float) -> Terms:
    """Leave the money of pods in cash as it is: their shares less the kept holdings, if there is as much money.

    Args:
        terms: The terms, with the capital.
        in_cash: The pods in cash.
        kept_aud: Value of the holdings that are kept for them.
        money_aud: Money for the orders, AUD: nothing is sold so that a pod is in cash.
    """
    total = math.fsum(one.share for one in in_cash)
    if not total:
        return terms
    capital, floor_aud = terms.total_capital_aud, cash_floor(terms) * terms.total_capital_aud
    due_aud = total * (capital - floor_aud + kept_aud) - kept_aud
    stays_aud = min(max(due_aud, 0.0), max(money_aud - floor_aud, 0.0))
    shares = {one.mandate.pod: stays_aud / capital * one.share / total for one in in_cash}
    return replace(terms, in_cash={pod: share for pod, share in shares.items() if share > 0})


def kept_for(in_cash: Sequence[InCash], universes: Collection[str], owned: Owned | None) -> dict[str, float]:
    """Value the kept holdings that only pods in cash may hold, AUD, by pod: the first that may hold the ETF.

    Args:
        in_cash: The pods in cash.
        universes: Tickers that any of the pods that take part may hold.
        owned: The holdings of today, with those that are kept; None without an account.
    """
    values = dict.fromkeys((one.mandate.pod for one in in_cash), 0.0)
    for kept in owned.kept if owned else ():
        first = next((one.mandate.pod for one in in_cash if kept.ticker in one.mandate.universe), None)
        if first is not None and kept.ticker not in universes:
            values[first] += kept.value_aud or 0.0
    return values


def above_the_floor(sleeves: Sequence[Sleeve], terms: Terms) -> Sequence[Sleeve]:
    """Give each pod its share of the capital that the cash to be kept leaves; *terms* are settled."""
    floor = cash_floor(terms)
    return [replace(sleeve, share=sleeve.share * (1 - floor)) for sleeve in sleeves] if floor else sleeves


def refuse_impossible(market: Market, owned: Owned) -> None:
    """Refuse holdings that are impossible, before the pods start work; only the pods can tell what is too little.

    Raises:
        DataError: If the prices are of a day far from that of the trades, if a parcel was bought before its ETF
            existed, if a value is given for a holding that has a price, or if the law of that day needs facts that
            the request does not give.
    """
    refuse_stale(market, owned.as_of, owned.stale_prices)
    known = {etf.ticker: etf for etf in market.etfs}
    for ticker, value in owned.values_aud.items():
        if ticker in known and (price := known[ticker].price_aud) is not None:
            message = (
                f"value_aud of {ticker} is {value:,.2f}, and market {market.id} has a price for it, {price:,.2f} AUD"
                " per unit: leave value_aud out"
            )
            raise DataError(message)
    early: dict[str, tuple[date, date]] = {}
    for parcel in owned.parcels:
        since = known[parcel.ticker].since if parcel.ticker in known else None
        if since is not None and parcel.acquired < since:
            early.setdefault(parcel.ticker, (parcel.acquired, since))
    if early:
        (ticker, (acquired, since)), *others = early.items()
        more = "".join(f"; one of {other} on {day}, since {first}" for other, (day, first) in others)
        message = (
            f"a parcel of {ticker} was acquired on {acquired}, before there was any: since {since}{more};"
            " correct acquired"
        )
        raise DataError(message)
    _refuse_unknown_facts(owned, {etf.ticker for etf in market.etfs if etf.price_aud is not None})


def _refuse_unknown_facts(owned: Owned, priced: Collection[str]) -> None:
    parcels = [parcel for parcel in owned.parcels if parcel.ticker in priced]
    if missing := missing_facts(parcels, owned.as_of, owned.taxpayer, owned.law):
        message = (
            f"what an individual sells on {owned.as_of} is taxed by the law from 1 July 2027, which needs facts:"
            f" give account.reform {' and '.join(missing)}"
        )
        raise DataError(message)


def _refuse_too_little(capital: float, owned: Owned) -> None:
    if capital < LEAST_CAPITAL_AUD and (wanted := owned.withdrawal_aud):
        most = capital + wanted - LEAST_CAPITAL_AUD
        mend = f"less than {most:,.2f} AUD can be withdrawn" if most > 0 else "nothing can be withdrawn"
        message = (
            f"account.withdraw_aud is {wanted:,.2f} AUD, and cash, contribution and holdings that can be traded are"
            f" worth {capital + wanted:,.2f} AUD, of which at least {LEAST_CAPITAL_AUD:,.0f} AUD stay to invest: {mend}"
        )
        raise TooLittleError(message)
    if capital < LEAST_CAPITAL_AUD:
        message = (
            f"cash and holdings that can be traded are worth {capital:,.2f} AUD, less than {LEAST_CAPITAL_AUD:,.0f}:"
            " add cash_aud or holdings"
        )
        raise TooLittleError(message)


def in_play(
    market: Market, universes: Collection[str], owned: Owned, rules: Rules, in_cash: Sequence[InCash] = ()
) -> Owned:
    """Separate the parcels that can be traded from those that are kept, with the reason for each kept ETF.

    Args:
        market: The market's figures.
        universes: Tickers that any of the pods that take part may hold.
        owned: The holdings in the request.
        rules: The customer's rules: the tickers never to sell, and the smallest order.
        in_cash: The pods in cash: what only they may hold is kept.

    Raises:
        DataError: If the market does not know an ETF.
    """
    if strange := not_described(market, owned):
        raise DataError(strange)
    known = {etf.ticker: etf for etf in market.etfs}
    kept: dict[str, str] = {}
    for parcel in owned.parcels:
        ticker = parcel.ticker
        if ticker not in known and ticker not in market.unpriced:
            kept[ticker] = "the market does not know it, and the request keeps such holdings"
        elif ticker not in known or known[ticker].price_aud is None:
            kept[ticker] = "the market has no price, or no return and risk, for it"
        elif ticker not in universes and (pods := _may_hold(in_cash, ticker)):
            kept[ticker] = f"no pod that takes part may hold it, and {pods} may, which takes no part for now"
        elif ticker not in universes and owned.outside is Outside.KEEP:
            kept[ticker] = "no pod that takes part may hold it, and the request keeps such holdings"
        elif ticker not in universes and rules.stays(ticker):
            kept[ticker] = "no pod that takes part may hold it, and it is never to be sold"
        elif ticker not in universes and _worth(owned, ticker, known[ticker].price_aud) < rules.min_order_aud:
            kept[ticker] = "no pod that takes part may hold it, and it is worth less than the smallest order"
    prices = {ticker: etf.price_aud for ticker, etf in known.items() if etf.price_aud is not None}
    return replace(
        owned,
        # Sorted, so that the result does not depend on the order in the request.
        parcels=tuple(sorted((p for p in owned.parcels if p.ticker not in kept), key=_by_purchase)),
        kept=tuple(_kept(owned, ticker, prices.get(ticker), why) for ticker, why in kept.items()),
    )


def _may_hold(in_cash: Sequence[InCash], ticker: str) -> str:
    return " and ".join(one.mandate.pod for one in in_cash if ticker in one.mandate.universe)


def not_described(market: Market, owned: Owned) -> str:
    """Say which holdings the market does not know, where they are not to be kept at a value, and the mends; else ""."""
    known = {*market.tickers, *market.unpriced}
    valued = owned.values_aud if owned.outside is Outside.KEEP else {}
    strange = sorted({parcel.ticker for parcel in owned.parcels} - known - set(valued))
    if not strange:
        return ""
    return (
        f"account.holdings names {doubted(strange, known)}, unknown in market {market.id}: name only "
        f"{', '.join(sorted(known))}; or keep such holdings, with outside: keep and a value_aud in each"
    )


def _kept(owned: Owned, ticker: str, price_aud: float | None, why: str) -> Kept:
    units = float(sum(parcel.units for parcel in owned.parcels if parcel.ticker == ticker))
    value = owned.values_aud.get(ticker) if price_aud is None else units * price_aud
    return Kept(ticker, units, why, value)


def _by_purchase(parcel: Parcel) -> tuple[str, date, float, float]:
    return parcel.ticker, parcel.acquired, parcel.units, parcel.cost_base_aud


def _worth(owned: Owned, ticker: str, price_aud: float | None) -> float:
    return (price_aud or 0.0) * sum(parcel.units for parcel in owned.parcels if parcel.ticker == ticker)
