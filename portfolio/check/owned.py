"""Check the holdings before the trades: parcels, capital, kept ETFs and the taxpayer."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING

import numpy as np

from portfolio.check.adjusted import adjusted
from portfolio.check.facts import FIGURE, same
from portfolio.check.pension import withdrawal
from portfolio.check.tax import (
    KINDS,
    PENSION,
    RATES,
    Payer,
    Since,
    ends_in,
    rate_on_next,
    result_per_unit,
    since_reform,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from portfolio import Vector
    from portfolio.check.facts import Event
    from portfolio.market.snapshot import Market

# Older parcels are not modelled: the ASX listed no ETF before this day.
_EARLIEST = date(1999, 9, 22)
_LEAST_CAPITAL_AUD = 1_000.0
# The kinds of what the year has so far, by the name of the member.
_KINDS = {
    "losses_aud": "loss",
    "undiscounted_aud": "undiscounted",
    "discountable_aud": "discountable",
    "indexed_aud": "indexed",
}


@dataclass(frozen=True, slots=True)
class Parcel:
    """Units bought together.

    Attributes:
        net_aud: Price per unit, less half the spread and proportional brokerage.
        since: The values from which the reform measures a gain; None if the reform does not govern the sale.
        results: Gain or loss per unit sold, by kind.
    """

    ticker: str
    j: int
    units: float
    unit_cost_aud: float
    acquired: date
    net_aud: float
    since: Since | None
    results: Mapping[str, float]


def left_by_pods(terms: Event) -> float:
    """Add up the money of the pods in cash, as a share of the capital; events of before such pods have none."""
    return sum(float(share) for share in (terms.get("in_cash") or {}).values())


def _payer(told: Event) -> Payer:
    """Read the taxpayer; events of before some members exist are checked too."""
    rate, entity = told["marginal_rate"], told["entity"]
    exempt = float(told.get("exempt_share", 0.0))
    payer = Payer(
        entity,
        (RATES[entity][0] if rate is None else rate) * (1 - exempt),
        told["carried_losses_aud"],
        {_KINDS[name]: float(aud) for name, aud in told.get("realised", {}).items()},
        told.get("taxable_income_aud"),
        told.get("income_year"),
        told.get("loss_value", 0.0),
        told.get("minimum_tax_exempt", False),
    )
    owners = []
    for one in told.get("owners") or ():
        year = None if one["taxable_income_aud"] is None else payer.year
        alone = _payer({**one, "entity": entity, "income_year": year, "loss_value": payer.loss_value})
        owners.append((float(one["share"]), alone))
    return replace(payer, owners=tuple(owners))


class Owned:
    """The existing holdings, read from the terms of an event."""

    def __init__(self, terms: Event, universes: set[str], market: Market, spared: Collection[str] = ()) -> None:
        self.terms, self.told, self.universes, self.market = terms, terms["owned"], universes, market
        # ETFs of pods in cash are not traded, unless a pod that takes part may hold them as well.
        self.spared = spared
        self.index = {etf.ticker: j for j, etf in enumerate(market.etfs)}
        self.prices = np.array([etf.price_aud or 0.0 for etf in market.etfs])
        self.as_of = date.fromisoformat(self.told["as_of"])
        self.payer = _payer(self.told["taxpayer"])
        self.fee = float(self.told["brokerage_share"])
        self.values: Event = self.told["reform"]["values_aud"]
        self.cpi = {date.fromisoformat(day): float(index) for day, index in self.told["reform"]["cpi"].items()}
        self.parcels = [self._parcel(told) for told in self.told["parcels"]]
        self.units = np.zeros(len(market.etfs))
        # The gains of selling everything, before brokerage.
        self.gains: dict[str, float] = dict.fromkeys(KINDS, 0.0)
        for parcel in self.parcels:
            self.units[parcel.j] += parcel.units
            for kind in KINDS:
                self.gains[kind] += parcel.units * parcel.results.get(kind, 0.0)
        self.capital = float(terms["total_capital_aud"])
        self.kept_aud = sum(float(held["value_aud"] or 0.0) for held in self.told["kept"])
        self.had: Vector = self.units * self.prices / self.capital
        self.paid: Event = self.told.get("payments") or {}
        self.contribution = float(self.paid.get("contribution_aud", 0.0))
        self.withdrawal = withdrawal(self.paid, self.as_of)
        # The money that the orders may spend, or if negative must raise.
        self.money = float(self.told["cash_aud"]) + self.contribution - self.withdrawal
        self.buys_only = bool(terms["rules"].get("buy_only", False))
        self.unsold = {p.ticker for p in self.parcels if self.buys_only or p.ticker in terms["rules"]["never_sell"]}
        self.floor = self.wanted_floor + left_by_pods(terms)
        # The most money that may be left: what there was, or what is to be kept.
        self.most_idle = max(self.money / self.capital, self.floor)
        self.keeps_tax = bool(self.paid.get("keep_tax_aside", False))
        # The account of today, before any payment; an empty one counts as one of the capital's size.
        worth = float(self.told["cash_aud"]) + float(self.units @ self.prices)
        moved = self.contribution != 0 or self.withdrawal != 0
        self.whole = worth if moved and worth > 0 else self.capital

    @property
    def wanted_floor(self) -> float:
        """The share that stays money by the customer's wish; without sales, no more than there is."""
        wanted = max(float(self.told["cash_floor_aud"]) / self.capital, float(self.told["min_cash_share"]))
        return min(wanted, max(self.money, 0.0) / self.capital) if self.buys_only else wanted

    def most_tax(self, sold_aud: Vector) -> float:
        """Bound the tax on sales, AUD: each dollar sold of an ETF at the tax of the parcel that is taxed most."""
        dearest = np.zeros(len(self.prices))
        per_dollar = {kind: self.payer.most_tax_of(kind, self.gains) for kind in KINDS}
        for parcel in self.parcels:
            taxes = (per_dollar[kind] * aud for kind, aud in parcel.results.items() if kind != "loss")
            dearest[parcel.j] = max(dearest[parcel.j], sum(taxes) / float(self.prices[parcel.j]))
        return float(dearest @ sold_aud)

    def _parcel(self, told: Event) -> Parcel:
        j, unit_cost = self.index[told["ticker"]], told["cost_base_aud"] / told["units"]
        acquired = date.fromisoformat(told["acquired"])
        net = float(self.prices[j]) * (1 - self.market.etfs[j].half_spread - self.fee)
        value = self.values.get(told["ticker"])
        since = since_reform(self.payer, acquired, self.as_of, value_aud=value, cpi=self.cpi)
        results = result_per_unit(self.payer, net, unit_cost, acquired, self.as_of, since)
        return Parcel(told["ticker"], j, told["units"], unit_cost, acquired, net, since, results)

    def selling(self, units: Mapping[int, float], brokerage_aud: float) -> Owned:
        """Copy the holdings with parcels that bear their part, by units, of the brokerage of one order per ETF.

        Args:
            units: Units sold, per ETF.
            brokerage_aud: Fixed brokerage per order.
        """
        one = copy(self)
        one.parcels = [self._after_brokerage(parcel, units, brokerage_aud) for parcel in self.parcels]
        return one

    def _after_brokerage(self, parcel: Parcel, units: Mapping[int, float], brokerage_aud: float) -> Parcel:
        if not units.get(parcel.j):
            return parcel
        net = parcel.net_aud - brokerage_aud / units[parcel.j]
        results = result_per_unit(self.payer, net, parcel.unit_cost_aud, parcel.acquired, self.as_of, parcel.since)
        return replace(parcel, net_aud=net, results=results)

    def findings(self) -> Iterator[str]:
        """Yield every fault in the existing holdings."""
        worth = self.money + float(self.units @ self.prices)
        if not same(self.capital, worth):
            yield f"the money for the orders and the holdings are worth {worth}, not {self.capital}"
        if self.capital < _LEAST_CAPITAL_AUD or self.told["cash_aud"] < 0 or not 0 <= self.fee <= 1:
            yield "the capital is too little, or the cash or the brokerage is negative"
        if self.told["outside"] not in ("sell", "keep"):
            yield f"what no pod may hold is to be neither sold nor kept: {self.told['outside']}"
        if min(self.told["cash_rate"], self.told["cash_floor_aud"], self.told["min_cash_share"]) < 0 or self.floor >= 1:
            yield "the interest on cash, or the cash to be kept, is out of range"
        yield from self._payer()
        # Events of before these adjustments have none.
        kept = {held["ticker"] for held in self.told["kept"]}
        yield from adjusted(self.told.get("adjusted") or (), self.told["parcels"], kept, self.told["as_of"])
        for parcel in self.parcels:
            yield from self._of_parcel(parcel)
        yield from self._kept()

    def _payer(self) -> Iterator[str]:
        payer, terms = self.payer, self.terms
        if payer.entity != terms["entity"] or payer.rate != terms["marginal_tax_rate"]:
            yield f"gains are taxed as {payer.entity}'s at {payer.rate}, income is not"
        if self.told["taxpayer"].get("exempt_share", 0.0) != terms.get("exempt_share", 0.0):
            yield "another part of the gains is exempt than of the income"
        if payer.owners:
            yield from self._owners()
        for _, alone in payer.each:
            yield from self._one_payer(alone)
        if min([*self.cpi.values(), *self.values.values()], default=1.0) <= 0:
            yield "an index number or a value on the eve of the reform is not above zero"

    def _owners(self) -> Iterator[str]:
        """Check that the owners' shares make a whole, and that their sums are those of the taxpayer."""
        payer = self.payer
        names = [one["owner_id"] for one in self.told["taxpayer"]["owners"]]
        shares = [share for share, _ in payer.owners]
        if payer.entity != "individual" or len(set(names)) < len(names) or min(shares) <= 0 or not same(sum(shares), 1):
            yield f"{payer.entity} is owned by {names} with the shares {shares}"
        if payer.income_aud is not None or payer.exempt:
            yield "an income, or an exemption, of all owners together is told: each has one"
        sums = {
            "rate": (payer.rate, sum(share * alone.rate for share, alone in payer.owners)),
            "losses": (payer.carried_aud, sum(alone.carried_aud for _, alone in payer.owners)),
            **{
                kind: (payer.so_far.get(kind, 0.0), sum(alone.so_far.get(kind, 0.0) for _, alone in payer.owners))
                for kind in _KINDS.values()
            },
        }
        for what, (told, made) in sums.items():
            if not same(told, made):
                yield f"of all owners, {what} is {made}, not {told}"

    def _one_payer(self, payer: Payer) -> Iterator[str]:
        """Check the losses, the income and the value of losses of one taxpayer."""
        if payer.carried_aud < 0 or min(payer.so_far.values(), default=0.0) < 0:
            yield f"losses carried in, or gains and losses so far, are negative: {payer.carried_aud}, {payer.so_far}"
        if (payer.income_aud is None) != (payer.year is None) or (payer.year and payer.entity != "individual"):
            yield f"the income of {payer.entity} for brackets is {payer.income_aud}, and the year {payer.year}"
        elif payer.income_aud is not None and (payer.year, payer.rate) != self._bracket(payer.income_aud):
            yield f"the bracket of {payer.income_aud} AUD on {self.as_of} is not {payer.rate} in {payer.year}"
        least = payer.rate * payer.part_taxed("discountable")
        if not 0 <= payer.loss_value <= least + FIGURE:
            yield f"unused losses are worth {payer.loss_value} a dollar, and can save {least}"
        if payer.exempt and payer.entity != "individual":
            yield f"{payer.entity} is exempt from a minimum tax that only individuals pay"
        if payer.entity == PENSION and any(payer.so_far.values()):
            yield f"gains of a pension fund count: {payer.so_far}"

    def _bracket(self, income_aud: float) -> tuple[int, float]:
        """Return the financial year of the trades, and the rate on the next dollar of an income."""
        year = ends_in(self.as_of)
        return year, rate_on_next(income_aud, year)

    def _of_parcel(self, parcel: Parcel) -> Iterator[str]:
        etf, ticker = self.market.etfs[parcel.j], parcel.ticker
        if not (parcel.units > 0 and float(parcel.units).is_integer() and parcel.unit_cost_aud >= 0):
            yield f"a parcel of {ticker} has {parcel.units} units at {parcel.unit_cost_aud} AUD"
        if not (etf.since or _EARLIEST) <= parcel.acquired <= self.as_of:
            yield f"a parcel of {ticker} cannot have been acquired on {parcel.acquired}"
        if self._must_keep(ticker, float(self.units[parcel.j])):
            yield f"{ticker} is traded, though it is to be kept"

    def _kept(self) -> Iterator[str]:
        traded, kept = {parcel.ticker for parcel in self.parcels}, [held["ticker"] for held in self.told["kept"]]
        if len(set(kept)) < len(kept) or traded & set(kept):
            yield f"what is kept is named twice, or traded as well: {kept}"
        if strange := set(self.told["values_aud"]) - set(kept):
            yield f"values are stated of {', '.join(sorted(strange))}, which is not kept"
        for held in self.told["kept"]:
            stated = self.told["values_aud"].get(held["ticker"])
            known = held["ticker"] in (*self.index, *self.market.unpriced)
            if not known and (stated is None or self.told["outside"] != "keep"):
                yield f"{held['ticker']} is kept, which the market does not know, and the request does not value"
            if not (held["units"] > 0 and float(held["units"]).is_integer() and held["why"]):
                yield f"{held['units']} units of {held['ticker']} are kept, for the reason {held['why']!r}"
            price = float(self.prices[self.index[held["ticker"]]]) if held["ticker"] in self.index else 0.0
            value = price * held["units"] if price else stated
            if not same(held["value_aud"], value):
                yield f"{held['ticker']} is kept at {held['value_aud']} AUD, not at {value}"
            if not self._must_keep(held["ticker"], held["units"]):
                yield f"{held['ticker']} is kept, though it could be traded"

    def _must_keep(self, ticker: str, units: float) -> bool:
        """Whether a holding must not be traded.

        An ETF without a price is kept. An ETF outside all universes is kept if the terms say so, if the rules forbid
        the sale, if the order would be too small, or if a pod in cash may hold it.
        """
        j = self.index.get(ticker)
        if j is None or not self.prices[j]:
            return True
        rules = self.terms["rules"]
        small = units * float(self.prices[j]) < rules["min_order_aud"]
        kept = self.told["outside"] == "keep" or self.buys_only or ticker in rules["never_sell"] or small
        kept = kept or ticker in self.spared
        return ticker not in self.universes and kept
