"""Check the judgement on the switch: its cost, the changes per year, the sentence, and the rules that force sales."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portfolio.check.facts import differing, same
from portfolio.check.forced import forced

if TYPE_CHECKING:
    from collections.abc import Iterator

    from portfolio.check.facts import Event
    from portfolio.check.orders import Orders
    from portfolio.check.portfolio import Portfolio

# Years with one digit.
_SHOWN_AS_NONE = 0.05


def switch(portfolio: Portfolio, orders: Orders | None) -> Iterator[str]:
    """Check the switch of an event whose standings are right."""
    told = portfolio.event["switch"]
    if orders is None or not orders.orders:
        if told is not None:
            yield "a switch is judged, and there are no orders"
        return
    if told is None:
        yield "there are orders, and no judgement on the switch"
        return
    yield from (f"of the switch, {words}" for words in _findings(portfolio, orders, told))


def _findings(portfolio: Portfolio, orders: Orders, told: Event) -> Iterator[str]:
    today, suggested = portfolio.event["today"], portfolio.event["suggested"]
    # Today's return is of as much money as there is after the payments.
    as_much = orders.capital / orders.owned.whole
    costs = {**orders.fees, "tax_aud": orders.gains.tax_aud}
    changes = {
        "return_aud_per_year": suggested["return_after_tax_aud"] - as_much * today["return_after_tax_aud"],
        "income_aud_per_year": suggested["income"]["after_tax_aud"] - as_much * today["income"]["after_tax_aud"],
        "volatility": suggested["volatility"] - today["volatility"],
    }
    apart = ("years_to_pay", "words", "forced", "cut_short")
    numbers = {name: value for name, value in told.items() if name not in apart}
    due = costs | {"cost_aud": sum(costs.values())} | changes
    yield from differing(numbers, due, size=orders.capital)
    # From the amounts told, which are right by now: at a rounded half, the last digit of another sum would differ.
    gain = told["return_aud_per_year"]
    years = max(told["cost_aud"], 0.0) / gain if round(gain, 2) > 0 else None
    if not same(told["years_to_pay"], years):
        yield f"it pays for itself in {years} years, not {told['years_to_pay']}"
    if told["words"] != (sentence := _sentence(told, today, suggested)):
        yield f"it {sentence}, not: {told['words']}"
    yield from forced(portfolio, orders, told)


def _sentence(told: Event, today: Event, suggested: Event) -> str:
    """Judge in words, as ADVICE section 4 does."""
    cost, gain, years = f"{told['cost_aud']:,.0f} AUD", told["return_aud_per_year"], told["years_to_pay"]
    was, becomes = (f"{100 * standing['volatility']:.1f} %" for standing in (today, suggested))
    if told["cost_aud"] < 0:
        risk = f", with a volatility of {becomes} instead of {was}" if was != becomes else ""
        return (
            f"costs nothing: losses of the sales save {-told['cost_aud']:,.0f} AUD of tax on gains of this year after"
            f" all costs, with {gain:+,.0f} AUD of return per year after fees and tax on income{risk}"
        )
    if years is not None:
        after = "less than 0.1 years" if years < _SHOWN_AS_NONE else f"{years:,.1f} years"
        risk = f", with a volatility of {becomes} instead of {was}" if was != becomes else ""
        return (
            f"pays for itself in {after}: you pay {cost} once for {gain:,.0f} AUD more return per year after fees and"
            f" tax on income{risk}"
        )
    falls, income = told["volatility"] < 0 and was != becomes, told["income_aud_per_year"]
    bought = f"and volatility {'rises from ' + was + ' to' if was != becomes else 'stays at'} {becomes}"
    if falls:
        bought = f"to lower volatility from {was} to {becomes}"
    elif round(income) > 0:
        bought = f"to raise income after tax by {income:,.0f} AUD per year"
    return f"does not pay for itself in return: you pay {cost} {bought}"
