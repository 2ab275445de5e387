"""The second question: the orders, or the model portfolio, with the reasons. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portfolio.counted import counted
from portfolio.published.order import Side
from report.facts.in_cash import said_of_pods_in_cash
from report.facts.labels import naming_pods, pod_label
from report.facts.payments import said_of_money_out
from report.facts.sentences import why_no_order
from report.facts.step import said_of_step
from report.story.assumptions import proof
from report.story.document import Section
from report.story.wording import asset_class, listed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bus.language.messages import MasterPortfolioOptimized
    from portfolio.published.order import Order
    from portfolio.published.trading import Trading

TITLE = "What should I change, and why?"
# Moves between asset classes, and orders with their reasons, on the customer's page.
_FEW = 3
_REASONS = 2
# A smaller move between asset classes is not worth a sentence.
_SMALL = 0.01


def change(event: MasterPortfolioOptimized) -> Section:
    """Say which orders are suggested, and why."""
    trading = event.trading
    if trading is None:
        lead = (*_model(event), *said_of_pods_in_cash(event))
        return Section("change", TITLE, lead, points=(proof(event),))
    if not trading.orders:
        return Section(
            "change",
            TITLE,
            (
                "We suggest to change nothing.",
                *said_of_pods_in_cash(event),
                *said_of_step(event),
                *why_no_order(trading),
                *said_of_money_out(event),
            ),
            points=(proof(event),),
        )
    paid_out = event.payments is not None and event.payments.withdrawal_aud > 0
    return Section(
        "change",
        TITLE,
        (
            *_orders(trading, paid_out=paid_out),
            *said_of_pods_in_cash(event),
            *said_of_step(event),
            *said_of_money_out(event),
        ),
        points=tuple(_reasons(event, trading)),
    )


def _model(event: MasterPortfolioOptimized) -> Iterator[str]:
    """List the ETFs of a model portfolio, pod by pod."""
    yield (
        f"We suggest {counted(len(event.holdings), 'ETF')}. Each serves a pod, a part of your money with a purpose of"
        " its own:"
    )
    for pod, account in event.pods.items():
        purpose = account.mandate.purpose.rpartition(":")[2].strip()
        held = listed([f"{ticker} {share:.1%}" for ticker, share in account.weights.items()])
        yield f"{pod_label(event, pod)}, {purpose}: {held} of your capital."


def _orders(trading: Trading, *, paid_out: bool) -> Iterator[str]:
    sales = [order for order in trading.orders if order.side is Side.SELL]
    purchases = [order for order in trading.orders if order.side is Side.BUY]
    parts = [counted(len(orders), noun) for orders, noun in ((sales, "sale"), (purchases, "purchase")) if orders]
    then = "Then, after the payment, you own" if paid_out else "Then you own"
    yield (
        f"We suggest {counted(len(trading.orders), 'order')} in whole units: {listed(parts)}. {then}"
        f" {counted(len(trading.units), 'ETF')} and {trading.cash_left_aud:z,.2f} AUD of cash."
    )
    for verb, orders in (("Sell", sales), ("Buy", purchases)):
        if orders:
            yield f"{verb} {listed([_units(order) for order in orders])}."


def _units(order: Order) -> str:
    return f"{order.units:,.0f} {order.ticker} ({order.value_aud:,.0f} AUD)"


def _reasons(event: MasterPortfolioOptimized, trading: Trading) -> Iterator[str]:
    if moves := _moves(event):
        yield f"The largest moves, of the capital: {listed(moves)}."
    largest = sorted(trading.orders, key=lambda order: -order.value_aud)[:_REASONS]
    reasons = [f"{order.side.value} {order.ticker}: {naming_pods(event, order.why)}" for order in largest]
    yield f"The reasons of the largest orders: {'; '.join(reasons)}. The appendix has the reason of each."
    yield proof(event)


def _moves(event: MasterPortfolioOptimized) -> list[str]:
    """Name the asset classes whose shares move most."""
    if event.today is None or event.suggested is None:
        return []
    before, after = event.today.asset_classes, event.suggested.asset_classes
    moved = {name: after.get(name, 0.0) - before.get(name, 0.0) for name in (*before, *after)}
    largest = sorted(moved, key=lambda name: -abs(moved[name]))[:_FEW]
    return [
        f"{asset_class(name)} from {before.get(name, 0.0):.1%} to {after.get(name, 0.0):.1%}"
        for name in largest
        if abs(moved[name]) >= _SMALL
    ]
