"""Payments into and out of an account, and holdings that are never sold, in sentences that every page shares. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portfolio.market.basis import day_in_words

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bus.language.messages import MasterPortfolioOptimized
    from portfolio.published.payments import PaymentsAccount
    from portfolio.published.standing import Standing
    from portfolio.tax.pension import Minimum

# A difference below this is rounding, of a share.
_NEAR = 1e-6


def today_aud(event: MasterPortfolioOptimized) -> float:
    """Return the value of the account before any payment: cash, and the holdings that can be traded."""
    told = event.payments
    return event.terms.total_capital_aud + (told.withdrawal_aud - told.contribution_aud if told else 0.0)


def paid_in_or_out(standings: Sequence[Standing]) -> bool:
    """Return whether a payment changes the amount of money that the portfolios are of."""
    return any(one.contribution_aud or one.withdrawal_aud for one in standings)


def said_of_money_in(event: MasterPortfolioOptimized) -> Iterator[str]:
    """State the contribution, and the least payments of a pension."""
    if (told := event.payments) is None:
        return
    if told.contribution_aud:
        yield (
            f"{told.contribution_aud:,.2f} AUD come in. They are to be in the account on"
            f" {day_in_words(told.settles_on)}, when the orders settle."
        )
    if told.pension is not None and event.terms.owned and (pension := event.terms.owned.payments.pension):
        yield _minimum(told.pension, pension.balance_aud, pension.age)


def _minimum(least: Minimum, balance_aud: float, age: int) -> str:
    part = "" if least.days == least.days_in_year else f", for {least.days} of {least.days_in_year} days"
    return (
        f"By {day_in_words(least.year_ends)} the pension is to pay at least {least.minimum_aud:,.0f} AUD, to the"
        f" nearest 10 AUD: {least.factor:.0%} of {balance_aud:,.2f} AUD, at the age of {age}{part}. Of this,"
        f" {least.drawn_aud:,.2f} AUD are paid, and {least.to_draw_aud:,.2f} AUD are still to draw."
    )


def said_of_money_out(event: MasterPortfolioOptimized) -> Iterator[str]:
    """State the withdrawal, its day and its sources, and the cash that stays for the tax."""
    if (told := event.payments) is None:
        return
    if told.withdrawal_aud and told.paid_by is not None:
        yield f"{told.withdrawal_aud:,.2f} AUD are paid out by {day_in_words(told.paid_by)}{_sources(told)}."
        if told.from_sales_aud and told.last_sale_day is not None:
            yield (
                f"Sales settle two trading days later: those of the day of the trades on"
                f" {day_in_words(told.settles_on)}. The last day to sell for the payment is"
                f" {day_in_words(told.last_sale_day)}."
            )
    if told.pension_to_draw_aud is not None and told.withdrawal_aud:
        rest = f"{told.pension_to_draw_aud:,.2f} AUD of" if told.pension_to_draw_aud else "nothing of"
        yield f"After the payment, {rest} the pension's minimum is left to draw this financial year."
    if told.tax_aside_aud:
        yield f"{told.tax_aside_aud:,.2f} AUD of the cash are set aside for the tax on the gains, which is due later."


def _sources(told: PaymentsAccount) -> str:
    parts = ((told.from_cash_aud, "of cash"), (told.from_sales_aud, "from sales"))
    return ": " + " and ".join(f"{aud:,.2f} AUD {source}" for aud, source in parts if aud)


def said_of_shares(event: MasterPortfolioOptimized) -> Iterator[str]:
    """Say how far the pods are from their shares, in events of before there were steps (``said_of_step``)."""
    if not event.terms.share_excess or event.trading is None:
        return
    capital = event.terms.total_capital_aud
    told = []
    for pod, account in event.pods.items():
        held = sum(event.trading.pods.get(pod, {}).values()) / capital
        if abs(held - account.capital_share) > event.terms.rules.capital_tolerance * account.capital_share + _NEAR:
            told.append(f"{pod} has {held:.1%} of the capital, and its share is {account.capital_share:.1%}")
    if told:
        yield (
            f"Holdings that are never sold keep pods away from their shares: {'; '.join(told)}. Together they are as"
            " near as purchases bring them, within a hundredth or the price of one unit."
        )
