"""The cost of trading from the existing holdings to a portfolio, given the units that the event reports as sold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from portfolio.check.facts import FIGURE, differing, same
from portfolio.check.joint_tax import least_joint_tax
from portfolio.check.least_tax import least_tax
from portfolio.check.tax import assess, assess_each

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from portfolio import Matrix
    from portfolio.check.facts import Event
    from portfolio.check.owned import Owned
    from portfolio.check.tax import Assessed

# Tolerance on sums of units sold: the accuracy of the solver.
_UNITS = 1e-6


class Move:
    """The trades from the existing holdings to *X*, with brokerage, spread and tax.

    Args:
        owned: The existing holdings.
        X: Holdings after the trades, as fractions of the capital, shape (pods, n).
        pooled: Whether there is one buy order per ETF; else one per ETF and buying pod.
        brokerage_aud: Fixed brokerage per order.
        told: The event's report on these trades, with the units sold per parcel.
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
        """Yield every fault in the event's report on the trades."""
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
        yield from wrong_sales(self.owned, self.units_sold(), self.sales)

    def units_sold(self) -> dict[int, float]:
        """Compute the units sold of each ETF that is sold, from the change of the weights."""
        change = {j: float(self.change[j]) * self.owned.capital for j in np.flatnonzero(self.change < 0).tolist()}
        return {j: -aud / float(self.owned.prices[j]) for j, aud in change.items()}


def differing_gains(owned: Owned, told: Event, sales: Sequence[float]) -> Iterator[str]:
    """Compare the reported gains and tax of the sales with computed ones."""
    found = assess(owned.payer, [parcel.results for parcel in owned.parcels], sales)
    yield from _differing(owned, told, found)


def differing_owners(owned: Owned, told: Sequence[Event], sales: Sequence[float]) -> Iterator[str]:
    """Compare the reported gains and tax of each of several owners with computed ones."""
    names = [one["owner_id"] for one in owned.told["taxpayer"].get("owners") or ()]
    if [one["owner_id"] for one in told] != names:
        yield f"the gains are those of {names}, not as told"
        return
    found = assess_each(owned.payer, [parcel.results for parcel in owned.parcels], sales)
    for one, (share, _), gains in zip(told, owned.payer.owners, found, strict=False):
        if not same(one["share"], share):
            yield f"{one['owner_id']} has the share {share}, not {one['share']}"
        yield from (f"of {one['owner_id']}, {words}" for words in _differing(owned, one["gains"], gains))


def _differing(owned: Owned, told: Event, found: Assessed) -> Iterator[str]:
    for name, computed in (("gains_aud", found.gains), ("losses_used_aud", found.used)):
        yield from (f"of {name}, {words}" for words in differing(told[name], computed, size=owned.capital))
    rest = {name: value for name, value in told.items() if name not in ("gains_aud", "losses_used_aud")}
    amounts = {
        "net_capital_gain_aud": found.net_aud,
        "tax_aud": found.tax_aud,
        "losses_carried_aud": found.carried_aud,
    }
    # Events of before these members exist are checked too.
    later = {"tax_so_far_aud": found.so_far_aud, "losses_value_aud": found.value_aud}
    amounts |= {name: aud for name, aud in later.items() if name in rest or aud}
    yield from differing(rest, amounts, size=owned.capital)


def wrong_sales(
    owned: Owned, asked: dict[int, float], sales: Sequence[float], *, kept: Collection[int] = ()
) -> Iterator[str]:
    """Check that units sold come from parcels, add up to the units sold per ETF, and cause the least tax.

    Args:
        owned: The existing holdings.
        asked: Units sold, per ETF.
        sales: Units sold, per parcel.
        kept: Parcels of which nothing is to be sold, by number.
    """
    yield from wrong_units(owned, asked, sales, kept=kept)
    if len(sales) != len(owned.parcels):
        return
    free = [[(k, p.units) for k, p in enumerate(owned.parcels) if p.j == j and k not in kept] for j in asked]
    results = [parcel.results for parcel in owned.parcels]
    found, leeway = assess(owned.payer, results, sales), _leeway(owned, asked)
    tax = found.tax_aud + found.so_far_aud
    wanted, enough = list(asked.values()), tax - leeway
    if owned.payer.owners:
        least = least_joint_tax(owned.payer.owners, results, free, wanted, sold=sales, enough=enough)
    else:
        least = least_tax(owned.payer, results, free, wanted, enough=enough)
    if tax > least + leeway:
        yield f"selling other parcels would cause less tax: {least:.6f}, not {tax:.6f}"


def wrong_units(
    owned: Owned, asked: dict[int, float], sales: Sequence[float], *, kept: Collection[int] = ()
) -> Iterator[str]:
    """Check that units sold come from parcels and add up to the units sold per ETF; see ``wrong_sales``."""
    parcels = owned.parcels
    if len(sales) != len(parcels):
        yield f"sales are told of {len(sales)} parcels, and {len(parcels)} are owned"
        return
    held: dict[int, list[tuple[int, float]]] = {j: [] for j in asked}
    for k, (parcel, units) in enumerate(zip(parcels, sales, strict=True)):
        if not 0 <= units <= parcel.units:
            yield f"{units} units are sold of a parcel of {parcel.units} {parcel.ticker}"
        if parcel.j in held and k not in kept:
            held[parcel.j].append((k, parcel.units))
        elif units:
            yield f"{parcel.ticker} is sold from a parcel, and not in all"
    for j, wanted in asked.items():
        there = sum(sales[k] for k, _ in held[j])
        if abs(there - wanted) > _UNITS * max(1.0, wanted):
            yield f"{wanted} units of {owned.market.etfs[j].ticker} are sold, and {there} from its parcels"


def _leeway(owned: Owned, asked: dict[int, float]) -> float:
    """Compute the largest distance of the least tax above the lower bound: rounding, plus the cost of whole units.

    At the best multiplier whole units reach the bound, except for one exchange of a unit between two parcels, since
    in each case losses meet gains in a single constraint. So whole units of ETFs sold in part cost at most this
    exchange. By brackets, the tax is a second constraint, and costs a second exchange. Each owner has such constraints.
    """
    kinds = {kind for parcel in owned.parcels for kind in parcel.results if kind != "loss"}
    lines = [line for _, payer in owned.payer.each for line in payer.lines()]
    parts = [owned.payer.part_taxed(kind) * max(a for a, _, _ in lines) for kind in kinds if kind != "indexed"]
    rate = max([*parts, *(b for _, b, _ in lines if "indexed" in kinds)], default=0.0)
    values = [rate * sum(parcel.results.values()) * parcel.units for parcel in owned.parcels if parcel.j in asked]
    exchanges = [0.0]
    for j, units in asked.items():
        if float(units).is_integer() and units < owned.units[j]:
            unit = sorted(sum(parcel.results.values()) for parcel in owned.parcels if parcel.j == j)
            exchanges.append(rate * sum(unit[-2:]))
    several = sum(2 if len(payer.lines()) > 1 else 1 for _, payer in owned.payer.each)
    return _UNITS * (1 + sum(values) + sum(owned.payer.so_far.values())) + several * max(exchanges)
