"""Check the figures of the worst case in which a request scores the pods."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portfolio.check.aimed import errors
from portfolio.check.facts import differing

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from portfolio.check.facts import Event
    from portfolio.check.portfolio import Portfolio
    from portfolio.check.standing import Held


def worst_case(portfolio: Portfolio, there: Mapping[str, Held]) -> Iterator[str]:
    """Check the figures of the worst case, of the same portfolios as the standings."""
    told, terms = portfolio.event.get("worst_case"), portfolio.terms
    if (told is None) != (terms.get("robust") is None):
        yield "a worst case is told and none was asked for, or none is told"
    if told is None:
        return
    each = errors(portfolio.market)
    if each is None and terms["robust"]["returns"] > 0:
        yield "there is a worst case of returns whose error the market does not state"
    source = "history" if portfolio.market.basis.kind == "history" else "none" if each is None else "ranges"
    if told["errors_from"] != source:
        yield f"the errors of the returns are of {source}, not of {told['errors_from']}"
    universe = [t for pod in portfolio.pods.values() for t in pod["mandate"]["universe"] if t in portfolio.index]
    due = {} if each is None else {ticker: float(each[portfolio.index[ticker]]) for ticker in universe}
    yield from (f"of the errors of the returns, {words}" for words in differing(told["errors"], due))
    for which in ("today", "separate", "suggested"):
        if (told[which] is None) != (which not in there):
            yield f"the worst case of {which} is told without that portfolio, or not told"
        elif told[which] is not None:
            yield from (
                f"of {which} in the worst case, {words}" for words in _findings(portfolio, told[which], there[which])
            )


def _findings(portfolio: Portfolio, told: Event, held: Held) -> Iterator[str]:
    cash = held.cash_aud / held.whole_aud
    earned = float(portfolio.aimed.mu @ held.w) + portfolio.cash_rate * max(cash, 0.0)
    due = {
        "expected_return": earned,
        "return_after_tax_aud": held.whole_aud * (earned - portfolio.net_tax(held.w, max(cash, 0.0))),
        "volatility": portfolio.aimed.risk(held.w),
    }
    yield from differing(told, due, size=held.whole_aud)
