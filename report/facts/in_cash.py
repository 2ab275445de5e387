"""The pods that take no part since cash is expected to return more, in sentences. Pure."""

from __future__ import annotations

from math import fsum
from typing import TYPE_CHECKING

from report.facts.labels import pod_label

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bus.language.messages import MasterPortfolioOptimized
    from portfolio.published.in_cash import PodInCash

# A smaller amount is rounding.
_A_DOLLAR = 1.0


def said_of_pods_in_cash(event: MasterPortfolioOptimized) -> Iterator[str]:
    """Say of each pod in cash why it takes no part, and where its money is."""
    for pod, one in event.in_cash.items():
        yield " ".join(_said(event, pod, one))


def _said(event: MasterPortfolioOptimized, pod: str, one: PodInCash) -> Iterator[str]:
    yield (
        f"{pod_label(event, pod)} takes no part for now: by the figures of this market the best mix of its ETFs returns"
        f" {one.greatest_return:.2%} a year, and cash {one.cash_return:.2%}, so that nothing is bought for it."
    )
    if not one.capital_share:
        yield "The money goals have all the money in other pods."
        return
    if one.cash_aud >= _A_DOLLAR:
        yield f"{one.cash_aud:,.2f} AUD stay in cash for it."
    if one.kept_aud >= _A_DOLLAR:
        yield f"Holdings worth {one.kept_aud:,.2f} AUD, which of all pods only it may hold, are kept."
    if (rest_aud := _due_aud(event, one) - one.cash_aud - one.kept_aud) >= _A_DOLLAR:
        yield (
            f"The other {rest_aud:,.2f} AUD of its share are with the other pods: there is no more cash, and nothing is"
            " sold so that a pod is in cash."
        )


def _due_aud(event: MasterPortfolioOptimized, one: PodInCash) -> float:
    """Compute the pod's share in AUD: of the money to invest, and of the money of pods in cash."""
    invested = fsum(account.capital_share for account in event.pods.values()) * event.terms.total_capital_aud
    return one.capital_share * (invested + fsum(each.cash_aud + each.kept_aud for each in event.in_cash.values()))
