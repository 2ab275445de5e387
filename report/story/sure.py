"""How sure a suggestion is: the challenge of a final event as a section, with weights as ranges. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bus.language.messages import PortfolioChallenged
from report.story.document import Section, Table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bus.language.messages import Challenge
    from portfolio.published.robustness import Range, Robustness, SmallestChange

TITLE = "How sure is this?"


def in_a_line(challenge: Challenge) -> str:
    """Say how sure the suggestion is in one line; the reason where there is no challenge."""
    return challenge.robustness.words if isinstance(challenge, PortfolioChallenged) else challenge.message


def section(challenge: Challenge) -> Section:
    """Tell a challenge."""
    if not isinstance(challenge, PortfolioChallenged):
        return Section("sure", TITLE, (in_a_line(challenge),))
    found = challenge.robustness
    tables = (_weights(found),) if found.etfs else ()
    points = tuple(_points(found, {goal.goal_id: goal.chance for goal in found.money_goals}))
    return Section("sure", TITLE, (f"{_upper(found.words)}.",), tables=tables, points=points)


def _weights(found: Robustness) -> Table:
    rows = tuple(
        (etf.ticker, f"{etf.weight:.1%}", f"{etf.range.low:.1%} to {etf.range.high:.1%}", f"{etf.held:.0%}")
        for etf in found.etfs
    )
    note = (
        f"The range leaves out a tenth of {len(found.portfolios)} portfolios on either side: the best ones of markets"
        " drawn within the error of the figures. An ETF that is not held counts as 0%."
    )
    columns = ("ETF", "Suggested", "Range", "Held in")
    return Table("sure", "Weights as ranges", columns, frozenset({1, 2, 3}), rows, note=note)


def _points(found: Robustness, chances: dict[str, Range]) -> Iterator[str]:
    if found.worth is not None:
        gain = found.worth.gain_aud_per_year
        yield (
            f"The gain of return after tax is {gain.low:,.0f} to {gain.high:,.0f} AUD per year in eight of ten draws;"
            f" it costs {found.worth.cost_aud:,.0f} AUD once."
        )
    if found.turnover is not None and found.loss_aud_per_year is not None:
        turnover, loss = found.turnover, found.loss_aud_per_year
        yield (
            f"To the best portfolio of a drawn market, {turnover.low:.0%} to {turnover.high:.0%} of the capital would"
            f" be traded; that portfolio would return {loss.low:,.0f} to {loss.high:,.0f} AUD more per year after tax."
        )
    for goal_id, chance in chances.items():
        yield f"The chance of {goal_id} is {chance.low:.0%} to {chance.high:.0%} in eight of ten draws."
    if (one := found.one_etf) is not None:
        yield _one(one)


def _one(one: SmallestChange) -> str:
    if one.change is None:
        return f"No change of a single return by up to {100 * one.tried:.1f} percentage points brings other ETFs."
    way = "lower" if one.change < 0 else "higher"
    return (
        f"Other ETFs come out if the return of {one.tickers[0]} alone is {100 * abs(one.change):.1f} percentage points"
        f" per year {way}."
    )


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]
