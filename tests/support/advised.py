"""Final events with orders of the test's own: an account, and what was suggested to it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any

from book.lines import Line
from bus.language.messages import parse_request
from portfolio.published.order import Order, ParcelSold, Side
from support.reported import optimised
from support.requests_made import body

if TYPE_CHECKING:
    from bus.language.messages import MasterPortfolioOptimized

HEAD = "order_id,day,units,price_aud,brokerage_aud"


def holding(ticker: str, *parcels: tuple[str, int, float]) -> dict[str, Any]:
    """State a holding: of each parcel the day, the units and the cost base."""
    told = [{"acquired": day, "units": units, "cost_base_aud": cost} for day, units, cost in parcels]
    return {"ticker": ticker, "units": sum(units for _, units, _ in parcels), "parcels": told}


def asked(customer_id: str = "c-1", customer: dict[str, Any] | None = None, **account: object) -> dict[str, Any]:
    """Make the request of an account, by default on Monday, 10 November 2025."""
    known = {"customer_id": customer_id} | (customer or {})
    return body(customer=known, account={"as_of": "2025-11-10", "cash_aud": 1_000.0} | account)


def line(request: dict[str, Any], number: int = 1) -> Line:
    """Make the line of a book."""
    return Line(number, f"line {number}", json.dumps(request).encode())


def order(side: str, ticker: str, units: int, price_aud: float, *parcels: tuple[str, int]) -> Order:
    """State an order; of each parcel that is sold the day and the units."""
    return replace(
        optimised("existing-investor").trading.orders[0],
        side=Side(side),
        ticker=ticker,
        units=float(units),
        price_aud=price_aud,
        value_aud=units * price_aud,
        parcels=tuple(ParcelSold(date.fromisoformat(day), float(sold), 0.0, {}) for day, sold in parcels),
    )


def advised(
    request: dict[str, Any], *orders: Order, run: str = "night", left_aud: float = 0.0
) -> MasterPortfolioOptimized:
    """Suggest orders for an account; brokerage is 10 AUD per order."""
    event = optimised("existing-investor")
    customer_id = request["customer"]["customer_id"]
    terms = parse_request(json.dumps(request).encode(), request["request_id"]).terms()
    terms = replace(terms, brokerage_aud=10.0, total_capital_aud=event.terms.total_capital_aud)
    trading = replace(event.trading, orders=orders, cash_left_aud=left_aud)
    changed = {
        "customer_id": customer_id,
        "request_id": f"{run}_1_{customer_id}",
        "terms": terms,
        "trading": trading,
        "payments": None,
    }
    return event.model_copy(update=changed)


def fills(*rows: str, head: str = HEAD) -> str:
    """Write a table of fills."""
    return "\n".join([head, *rows])
