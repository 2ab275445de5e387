"""Check the judgement on the switch: its cost, the changes per year, the sentence, and the rules that force sales.

What a rule saves takes a solver to find; the check knows only what is impossible.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from portfolio.check.facts import differing, same

if TYPE_CHECKING:
    from collections.abc import Iterator

    from portfolio.check.facts import Event
    from portfolio.check.orders import Orders
    from portfolio.check.portfolio import Portfolio

_MOST_NAMED = 3
# Years with one digit.
_SHOWN_AS_NONE = 0.05
# Rules of the program that the request's rules do not name: a pod's largest position, and the account's ``outside``
# with a ticker.
_OF_PODS, _OF_THE_ACCOUNT = "max_position", "outside"


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
    costs = {**orders.fees, "tax_aud": orders.gains.tax_aud}
    changes = {
        "return_aud_per_year": suggested["return_after_tax_aud"] - today["return_after_tax_aud"],
        "income_aud_per_year": suggested["income"]["after_tax_aud"] - today["income"]["after_tax_aud"],
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
    # Sales cannot save more tax than the year has without them.
    yield from _forced(portfolio, told, told["cost_aud"] + orders.gains.so_far_aud)


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


def _forced(portfolio: Portfolio, told: Event, most_aud: float) -> Iterator[str]:
    goals = {goal["name"] for goal in portfolio.event["goals"]}
    caps = {f"{pod}.{_OF_PODS}" for pod in portfolio.pods}
    kept = {f"{_OF_THE_ACCOUNT}.{parcel.ticker}" for parcel in portfolio.owned.parcels} if portfolio.owned else set()
    known, forced = goals | caps | set(portfolio.rules) | kept, told["forced"]
    names = [one["name"] for one in forced]
    if len(set(names)) < len(names) or len(names) > _MOST_NAMED or not set(names) <= known:
        yield f"the rules that force sales are no such list: {names}"
    saved = [one["saves_aud"] for one in forced]
    if saved != sorted(saved, reverse=True) or not all(0 < aud <= most_aud for aud in saved):
        yield f"what rules save if eased is not from the most to the least, or more than all costs: {saved}"
    for one in forced:
        said = f"the switch would cost {one['saves_aud']:,.0f} AUD less"
        if set(one) != {"name", "words", "saves_aud", "gap"} or not one["words"].endswith(said) or one["gap"] < 0:
            yield f"a rule that forces sales is told in other words: {one}"
    if not isinstance(told["cut_short"], bool):
        yield f"whether the search for them ended early is {told['cut_short']}"
