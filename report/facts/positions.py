"""A customer's position in each ETF before and after, as the event describes the positions.

Before means today's holdings or, for a customer starting from cash, the purchases of the separate pods.

Pure: reads an event and, for names that the event lacks, the bundled snapshot of the event's market.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from report.facts.snapshot import described

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bus.language.messages import MasterPortfolioOptimized

# The asset class shown if neither the event nor a snapshot on this machine names one.
UNKNOWN = "not told"
ACCOUNT = "cash in the account"
COMES_IN, PAID_OUT = "Comes in", "Paid out"


@dataclass(frozen=True, slots=True)
class Position:
    """One ETF, the cash in the account, or a payment.

    Attributes:
        ticker: None for the cash in the account and for payments.
        name: The name of the ETF; of the payment; empty for the cash in the account.
        owners: The pods that hold the ETF afterwards.
        price_aud: Last price per unit; None if the event has no units.
        units_before: None if the event has no units.
        units_after: Likewise.
        cost_base_aud: Cost base of the units owned before.
        before_aud: Value before.
        after_aud: Value after.
    """

    ticker: str | None
    name: str
    asset_class: str
    owners: tuple[str, ...]
    price_aud: float | None
    units_before: float | None
    units_after: float | None
    cost_base_aud: float
    before_aud: float
    after_aud: float

    @property
    def label(self) -> str:
        """The ticker, or the label for the cash in the account or for a payment."""
        return self.ticker or self.name or ACCOUNT.capitalize()

    @property
    def is_payment(self) -> bool:
        """Whether it is a payment, which is in the account either before or after."""
        return self.ticker is None and bool(self.name)


def positions(event: MasterPortfolioOptimized) -> tuple[Position, ...]:
    """List all positions held before or after, in the order of asset classes, the cash in the account last."""
    found = _in_units(event) if event.trading and event.terms.owned else _from_cash(event)
    order = list(dict.fromkeys(position.asset_class for position in found))
    return tuple(sorted(found, key=lambda position: order.index(position.asset_class)))


def by_class(found: Iterable[Position]) -> dict[str, tuple[float, float]]:
    """Add up the values before and after of each asset class, AUD."""
    sums: dict[str, tuple[float, float]] = defaultdict(lambda: (0.0, 0.0))
    for one in found:
        before, after = sums[one.asset_class]
        sums[one.asset_class] = before + one.before_aud, after + one.after_aud
    return dict(sums)


def _from_cash(event: MasterPortfolioOptimized) -> list[Position]:
    """Compare the purchases of the separate pods with those of the coordinated portfolio."""
    capital, names = event.terms.total_capital_aud, _names(event)
    alone: dict[str, float] = defaultdict(float)
    for account in event.pods.values():
        for ticker, share in account.naive_weights.items():
            alone[ticker] += account.capital_share * share * capital
    after = {holding.ticker: holding for holding in event.holdings}
    found = []
    for ticker in (t for t in dict.fromkeys([*names, *alone]) if t in alone or t in after):
        name, asset_class = names.get(ticker, (ticker, UNKNOWN))
        owners, amount = (after[ticker].owners, after[ticker].amount_aud) if ticker in after else ((), 0.0)
        found.append(Position(ticker, name, asset_class, owners, None, None, None, 0.0, alone[ticker], amount))
    if event.cash is not None:
        before = event.separate.cash_aud if event.separate else event.cash.amount_aud
        found.append(Position(None, "", ACCOUNT, (), None, None, None, 0.0, before, event.cash.amount_aud))
    return found


def _in_units(event: MasterPortfolioOptimized) -> list[Position]:
    trading, owned = event.trading, event.terms.owned
    assert trading is not None and owned is not None  # noqa: S101, PT018 - the caller has checked
    before: dict[str, float] = defaultdict(float)
    cost: dict[str, float] = defaultdict(float)
    for parcel in owned.parcels:
        before[parcel.ticker] += parcel.units
        cost[parcel.ticker] += parcel.cost_base_aud
    prices, names = _prices(event), _names(event)
    tickers = [t for t in dict.fromkeys([*names, *trading.units, *before]) if t in before or t in trading.units]
    found = []
    for ticker in tickers:
        units, price = trading.units.get(ticker, 0.0), prices[ticker]
        name, asset_class = names.get(ticker, (ticker, UNKNOWN))
        owners = tuple(pod for pod, held in trading.pods.items() if held.get(ticker, 0.0) > 0)
        values = before[ticker] * price, units * price
        found.append(Position(ticker, name, asset_class, owners, price, before[ticker], units, cost[ticker], *values))
    money = Position(None, "", ACCOUNT, (), None, None, None, 0.0, owned.cash_aud, trading.cash_left_aud)
    return [*found, money, *_payments(event)]


def _payments(event: MasterPortfolioOptimized) -> list[Position]:
    """List the money that comes in, which is not in the account before, and the money that is paid out."""
    told = event.payments
    amounts = ((COMES_IN, told.contribution_aud, 0.0), (PAID_OUT, 0.0, told.withdrawal_aud)) if told else ()
    return [
        Position(None, name, name.lower(), (), None, None, None, 0.0, before, after)
        for name, before, after in amounts
        if before or after
    ]


def _prices(event: MasterPortfolioOptimized) -> dict[str, float]:
    """Return the unit price of each ETF traded or held afterwards: the order's price, else value divided by units."""
    assert event.trading is not None  # noqa: S101 - the caller has checked
    values: dict[str, float] = defaultdict(float)
    for held in event.trading.pods.values():
        for ticker, value in held.items():
            values[ticker] += value
    prices = {t: values[t] / units for t, units in event.trading.units.items() if units > 0 and t in values}
    return prices | {order.ticker: order.price_aud for order in event.trading.orders}


def _names(event: MasterPortfolioOptimized) -> dict[str, tuple[str, str]]:
    """Return the names and classes of ETFs, in the market's order if this machine has the market."""
    names = {ticker: (etf.name, etf.asset_class) for ticker, etf in described(event.market).items()}
    return names | {holding.ticker: (holding.name, holding.asset_class) for holding in event.holdings}
