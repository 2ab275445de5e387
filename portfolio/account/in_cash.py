"""The pods in cash, in the figures of the final event."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portfolio.case.inventory import kept_for
from portfolio.published.in_cash import PodInCash

if TYPE_CHECKING:
    from collections.abc import Sequence

    from portfolio.case.case import Case
    from portfolio.terms.in_cash import InCash


def pods_in_cash(case: Case, in_cash: Sequence[InCash]) -> dict[str, PodInCash]:
    """Describe the pods that take no part since no mix of their ETFs is expected to return more than cash."""
    terms = case.terms
    universes = {ticker for sleeve in case.sleeves for ticker in sleeve.mandate.universe}
    kept_aud = kept_for(in_cash, universes, terms.owned)
    return {
        one.mandate.pod: PodInCash(
            mandate=one.mandate,
            left_out=one.left_out,
            greatest_return=one.greatest_return,
            cash_return=case.market.risk_free,
            capital_share=one.share,
            cash_aud=terms.in_cash.get(one.mandate.pod, 0.0) * terms.total_capital_aud,
            kept_aud=kept_aud[one.mandate.pod],
        )
        for one in in_cash
    }
