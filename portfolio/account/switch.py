"""Judge the way from today to the suggestion: what it costs once, and what it changes per year."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portfolio.published.standing import Switch

if TYPE_CHECKING:
    from portfolio.account.standing import Standings
    from portfolio.published.standing import ForcedSale, Standing
    from portfolio.published.trading import Trading


def judge(
    stand: Standings,
    trading: Trading | None,
    forced: tuple[ForcedSale, ...] = (),
    *,
    cut_short: bool = False,
    as_much: float = 1.0,
) -> Switch | None:
    """Judge the orders; None if there are none.

    Args:
        stand: The figures of today and of the suggestion.
        trading: The orders.
        forced: The rules and goals that force the dearest sales.
        cut_short: Whether the search for these ended early.
        as_much: The capital over the account before payments, whose returns then are of as much money.
    """
    today, suggested = stand.today, stand.suggested
    if trading is None or not trading.orders or today is None:
        return None
    cost = trading.brokerage_aud + trading.spread_aud + trading.gains.tax_aud
    more = suggested.return_after_tax_aud - as_much * today.return_after_tax_aud
    income = suggested.income.after_tax_aud - as_much * today.income.after_tax_aud
    # Less than a cent per year is rounding.
    years = max(cost, 0.0) / more if round(more, 2) > 0 else None
    return Switch(
        brokerage_aud=trading.brokerage_aud,
        spread_aud=trading.spread_aud,
        tax_aud=trading.gains.tax_aud,
        cost_aud=cost,
        return_aud_per_year=more,
        income_aud_per_year=income,
        volatility=suggested.volatility - today.volatility,
        years_to_pay=years,
        words=_words(cost, more, years, income, today, suggested),
        forced=forced,
        cut_short=cut_short,
    )


def _words(cost: float, more: float, years: float | None, income: float, today: Standing, suggested: Standing) -> str:
    if cost < 0:
        return _saves(cost, more, today, suggested)
    if years is not None:
        return _pays(cost, more, years, today, suggested)
    return _does_not_pay(cost, income, today, suggested)


def _saves(cost: float, more: float, today: Standing, suggested: Standing) -> str:
    """Say that losses of the sales save more tax on gains of the year than all orders cost."""
    before, after = _percent(today.volatility), _percent(suggested.volatility)
    risk = "" if before == after else f", with a volatility of {after} instead of {before}"
    return (
        f"costs nothing: losses of the sales save {-cost:,.0f} AUD of tax on gains of this year after all costs, with"
        f" {more:+,.0f} AUD of return per year after fees and tax on income{risk}"
    )


def _pays(cost: float, more: float, years: float, today: Standing, suggested: Standing) -> str:
    """Say when it pays; more return with another risk is not told without that risk."""
    time = f"{years:,.1f} years" if years >= 0.05 else "less than 0.1 years"  # noqa: PLR2004 - rounds to 0.1
    paid = f"you pay {cost:,.0f} AUD once for {more:,.0f} AUD more return per year after fees and tax on income"
    before, after = _percent(today.volatility), _percent(suggested.volatility)
    risk = "" if before == after else f", with a volatility of {after} instead of {before}"
    return f"pays for itself in {time}: {paid}{risk}"


def _does_not_pay(cost: float, income: float, today: Standing, suggested: Standing) -> str:
    """Say what is bought instead, and where nothing is, that risk rises or stays."""
    before, after = _percent(today.volatility), _percent(suggested.volatility)
    if suggested.volatility < today.volatility and before != after:
        gained = f"to lower volatility from {before} to {after}"
    elif round(income) > 0:
        gained = f"to raise income after tax by {income:,.0f} AUD per year"
    elif before == after:
        gained = f"and volatility stays at {after}"
    else:
        gained = f"and volatility rises from {before} to {after}"
    return f"does not pay for itself in return: you pay {cost:,.0f} AUD {gained}"


def _percent(part: float) -> str:
    return f"{100 * part:.1f} %"
