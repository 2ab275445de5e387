"""The orders as a table, independent of the output format."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from portfolio.published.trading import Trading

COLUMNS = ("Order", "ETF", "Units", "Price", "Value, AUD", "Tax it causes", "Why")
NUMBERS = (2, 3, 4, 5)


def rows(trading: Trading) -> tuple[tuple[str, ...], ...]:
    """Make one row per order, in the order of execution."""
    return tuple(
        (
            order.side.value,
            order.ticker,
            f"{order.units:,.0f}",
            f"{order.price_aud:,.2f}",
            f"{order.value_aud:,.2f}",
            f"{order.tax_aud:,.2f}" if order.parcels else "",
            order.why,
        )
        for order in trading.orders
    )
