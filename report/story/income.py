"""The tax on distributions, in sentences. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bus.language.messages import MasterPortfolioOptimized


def taxed(event: MasterPortfolioOptimized) -> Iterator[str]:
    """Say how the distributions are taxed, and the fate of credits above the tax."""
    cash = f", and {event.cash.rate:.2%} of interest on cash" if event.cash and event.cash.rate else ""
    yield (
        f"Distributions are what the ETFs pay out, at the yields that this report assumes{cash}. Tax is"
        f" {event.terms.marginal_tax_rate:.1%} of distributions and franking credits, less the credits; below zero,"
        " more is refunded than paid."
    )
    if event.suggested and (untaxed := event.suggested.income.untaxed_aud) > 0:
        yield (
            f"Of the suggestion's distributions, {untaxed:,.2f} AUD are not taxed now: tax-deferred amounts, which"
            " lower the cost bases of the units, and the discount on capital gains that funds distribute."
        )
    for one in event.suggested.income.owners if event.suggested else ():
        yield (
            f"{one.owner_id} has {one.distributions_aud:,.2f} AUD of the suggestion's distributions and"
            f" {one.franking_credits_aud:,.2f} AUD of credits, and pays {one.net_tax_aud:,.2f} AUD of tax on them after"
            " the credits."
        )
    unused = event.suggested.income.unused_credits_aud if event.suggested else 0.0
    if unused > 0:
        yield (
            f"A company is refunded nothing: {unused:,.2f} AUD of the suggestion's credits are worth nothing this year,"
            " unless other income uses them up."
        )
