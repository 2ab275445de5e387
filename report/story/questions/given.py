"""The limits of a report: who provides it, what it takes as given, and what it does not consider. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from report.story.document import Section

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bus.language.messages import FinalEvent, MasterPortfolioOptimized


NOT_REVIEWED = "Not reviewed by a licensee; not for a customer as it is."


def provided_by(event: FinalEvent) -> tuple[str, ...]:
    """Say who provides the report."""
    if (provider := event.provider) is None:
        return (NOT_REVIEWED,)
    licence = f", Australian financial services licence {provider.licence_number}" if provider.licence_number else ""
    contact = f"; for questions: {provider.contact}" if provider.contact else ""
    return (f"Provided by {provider.name}{licence}{contact}.",)


def taken_as_given(event: MasterPortfolioOptimized) -> Section:
    """List the facts that the request states and nobody has checked."""
    return Section("given", "What was taken as given", points=tuple(_given(event)))


def _given(event: MasterPortfolioOptimized) -> Iterator[str]:
    terms, owned = event.terms, event.terms.owned
    entity = terms.entity.value.replace("_", " ")
    yield f"Tax: {entity}, with {terms.marginal_tax_rate:.1%} of tax on one more dollar of income."
    share = f", and {owned.brokerage_share:.3%} of its value" if owned and owned.brokerage_share else ""
    yield f"Brokerage: {terms.brokerage_aud:,.2f} AUD per order{share}."


def not_considered() -> Section:
    """List what no figure of the report considers."""
    points = (
        "Anything that you own, owe or earn beyond what stands here: other savings, debts, insurance, super, a home.",
        "Changes of tax law, of your tax rate, and of your needs before the goals' days.",
        "Tax on selling everything in the end.",
        "Whether ETFs can be bought at the last price: prices move every day.",
    )
    return Section("not-considered", "What was not considered", points=points)
