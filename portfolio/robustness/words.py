"""How sure a suggestion is, in one sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portfolio.published.robustness import Drawn, Sure

if TYPE_CHECKING:
    from portfolio.market.snapshot import Market
    from portfolio.published.robustness import SmallestChange, Worth

_SURE = {Sure.CLEAR: "clear", Sure.LIKELY: "likely", Sure.WITHIN_NOISE: "within noise"}
AGAINST = {"today": "the holdings of today", "separate": "the separate pods"}


def in_words(  # noqa: PLR0913 - the parts of the sentence
    market: Market,
    drawn: Drawn,
    worth: Worth | None,
    same: float | None,
    found: int,
    risky: SmallestChange | None,
    *,
    ended_early: bool = False,
) -> str:
    """Say how sure the suggestion is.

    Args:
        market: The market.
        drawn: Where the draws come from.
        worth: Whether the suggestion is worth more than noise.
        same: Part of the portfolios of drawn markets with the same ETFs.
        found: Number of these portfolios.
        risky: The smallest change of all risky returns at which other ETFs come out.
        ended_early: Whether computing time ended the work before all of it was done.
    """
    parts = []
    if worth is not None:
        parts.append(_worth(worth))
    elif drawn is Drawn.NOTHING:
        parts.append(
            f"not known: the outlook states no ranges of its returns, so that nothing can be drawn ({market.id})"
        )
    else:
        parts.append("nothing is to be done")
    if same is not None:
        parts.append(f"the same ETFs come out in {round(same * found)} of {found} markets drawn within the error")
    if risky is not None:
        parts.append(_change(risky))
    if ended_early:
        parts.append("a limit of computing time ended the search for more")
    return "; ".join(parts)


def _worth(worth: Worth) -> str:
    more = worth.better >= 1 / 2
    times = round(100 * (worth.better if more else 1 - worth.better))
    cost = f"after its cost, spread over {worth.years:g} years," if worth.cost_aud > 0 else "each year"
    return (
        f"{_SURE[worth.sure]}: the suggestion returns {'more' if more else 'less'} after tax than"
        f" {AGAINST[worth.against]} {cost} in {times} of 100 draws"
    )


def _change(risky: SmallestChange) -> str:
    if risky.change is None:
        return f"the ETFs stay if all risky returns move by {100 * risky.tried:.1f} percentage points"
    way = "lower" if risky.change < 0 else "higher"
    return f"other ETFs come out if all risky returns are {100 * abs(risky.change):.1f} percentage points {way}"
