"""What it costs to get from what is owned to a portfolio, by the units that an event says are sold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from portfolio.check.facts import FIGURE, differing
from portfolio.check.least_tax import least_tax
from portfolio.check.tax import assess

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from portfolio import Matrix
    from portfolio.check.facts import Event
    from portfolio.check.owned import Owned

# Sums of units sold are as exact as the solver that chose them.
_UNITS = 1e-6


class Move:
    """A move to the holdings *X*, shape (pods, n); brokerage, spread and tax follow from it and the units sold.

    Args:
        owned: What is owned.
        X: Shares of the capital.
        pooled: Whether there is one order an ETF; else one for every pod that buys.
        brokerage_aud: Of one order.
        told: What the event says of it.
    """

    def __init__(self, owned: Owned, X: Matrix, told: Event, *, pooled: bool, brokerage_aud: float) -> None:
        self.owned, self.told = owned, told
        change = X.sum(axis=0) - owned.had
        change[abs(change) <= FIGURE] = 0.0
        self.change = change
        buyers = np.ones(len(change)) if pooled else np.maximum((X > 0).sum(axis=0), 1)
        self.orders = int((change < 0).sum() + buyers[change > 0].sum())
        self.bought_aud = float(change[change > 0].sum()) * owned.capital
        self.sold_aud = -float(change[change < 0].sum()) * owned.capital
        self.brokerage_aud = brokerage_aud * self.orders + owned.fee * (self.bought_aud + self.sold_aud)
        spreads = np.array([etf.half_spread for etf in owned.market.etfs])
        self.spread_aud = float(spreads @ abs(change)) * owned.capital
        self.sales = [float(units) for units in told["sales"]]
        self.gains = assess(owned.payer, [parcel.results for parcel in owned.parcels], self.sales)

    def findings(self) -> Iterator[str]:
        """Say what is wrong with what the event says of it."""
        capital = self.owned.capital
        computed = {
            "orders": self.orders,
            "bought_aud": self.bought_aud,
            "sold_aud": self.sold_aud,
            "brokerage_aud": self.brokerage_aud,
            "spread_aud": self.spread_aud,
        }
        numbers = {name: value for name, value in self.told.items() if name not in ("sales", "gains")}
        yield from differing(numbers, computed, size=capital)
        yield from differing_gains(self.owned, self.told["gains"], self.sales)
        sold = np.flatnonzero(self.change < 0).tolist()
        asked = {j: -float(self.change[j]) * capital / float(self.owned.prices[j]) for j in sold}
        yield from wrong_sales(self.owned, asked, self.sales)


def differing_gains(owned: Owned, told: Event, sales: Sequence[float]) -> Iterator[str]:
    """Compare the gains and the tax of what is sold with what is said of them."""
    found = assess(owned.payer, [parcel.results for parcel in owned.parcels], sales)
    for name, computed in (("gains_aud", found.gains), ("losses_used_aud", found.used)):
        yield from (f"of {name}, {words}" for words in differing(told[name], computed, size=owned.capital))
    rest = {name: value for name, value in told.items() if name not in ("gains_aud", "losses_used_aud")}
    amounts = {
        "net_capital_gain_aud": found.net_aud,
        "tax_aud": found.tax_aud,
        "losses_carried_aud": found.carried_aud,
    }
    yield from differing(rest, amounts, size=owned.capital)


def wrong_sales(owned: Owned, asked: dict[int, float], sales: Sequence[float]) -> Iterator[str]:
    """Check that units sold come from parcels, add up to what is sold of each ETF, and are taxed least.

    Args:
        owned: What is owned.
        asked: Units sold, by ETF.
        sales: Units sold, by parcel.
    """
    parcels = owned.parcels
    if len(sales) != len(parcels):
        yield f"sales are told of {len(sales)} parcels, and {len(parcels)} are owned"
        return
    held: dict[int, list[tuple[int, float]]] = {j: [] for j in asked}
    for k, (parcel, units) in enumerate(zip(parcels, sales, strict=True)):
        if not 0 <= units <= parcel.units:
            yield f"{units} units are sold of a parcel of {parcel.units} {parcel.ticker}"
        if parcel.j in held:
            held[parcel.j].append((k, parcel.units))
        elif units:
            yield f"{parcel.ticker} is sold from a parcel, and not in all"
    for j, wanted in asked.items():
        there = sum(sales[k] for k, _ in held[j])
        if abs(there - wanted) > _UNITS * max(1.0, wanted):
            yield f"{wanted} units of {owned.market.etfs[j].ticker} are sold, and {there} from its parcels"
    results = [parcel.results for parcel in parcels]
    least = least_tax(owned.payer, results, list(held.values()), list(asked.values()))
    tax = assess(owned.payer, results, sales).tax_aud
    if tax > least + _leeway(owned, asked):
        yield f"selling other parcels would cause less tax: {least:.6f}, not {tax:.6f}"


def _leeway(owned: Owned, asked: dict[int, float]) -> float:
    """How far the least tax may be above its bound: by rounding, and by whole units of ETFs sold in part.

    At the best multiplier the bound is reached by whole units but for one exchange of a unit of one parcel for one of
    another, since in each case losses meet gains on a single line: that exchange is the most that whole units cost.
    """
    kinds = {kind for parcel in owned.parcels for kind in parcel.results if kind != "loss"}
    rate = max((owned.payer.tax_of(kind) for kind in kinds), default=0.0)
    values = [rate * sum(parcel.results.values()) * parcel.units for parcel in owned.parcels if parcel.j in asked]
    exchanges = [0.0]
    for j, units in asked.items():
        if float(units).is_integer() and units < owned.units[j]:
            unit = sorted(sum(parcel.results.values()) for parcel in owned.parcels if parcel.j == j)
            exchanges.append(rate * sum(unit[-2:]))
    return _UNITS * (1 + sum(values)) + max(exchanges)
