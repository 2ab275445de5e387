"""How sure a suggestion is: the challenge of a final event as a section, with weights as ranges. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bus.language.messages import PortfolioChallenged
from portfolio.robustness.words import AGAINST
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
    portfolios = len(found.portfolios)
    rows = tuple(
        (
            etf.ticker,
            f"{etf.weight:.1%}" if etf.weight else "not held",
            _span(f"{etf.range.low:.1%}", f"{etf.range.high:.1%}"),
            f"{round(etf.held * portfolios)} of {portfolios}",
        )
        for etf in sorted(found.etfs, key=lambda etf: (-etf.weight, -etf.held))
    )
    note = (
        f"The range leaves out a tenth of {portfolios} portfolios on either side: the best ones of markets drawn within"
        " the error of the figures. An ETF that is not held counts as 0%."
    )
    columns = ("ETF", "Suggested", "Range", "Held in")
    return Table("sure", "Weights as ranges", columns, frozenset({1, 2, 3}), rows, note=note)


def _points(found: Robustness, chances: dict[str, Range]) -> Iterator[str]:
    if found.worth is not None:
        worth = found.worth
        cost = "less than buying them" if worth.cost_aud < 0 else "once"
        yield (
            f"In eight of ten draws, the suggestion returns {_more_or_less(worth.gain_aud_per_year)} per year after tax"
            f" than {AGAINST[worth.against]}; it costs {abs(worth.cost_aud):,.0f} AUD {cost}."
        )
    if found.turnover is not None and found.loss_aud_per_year is not None:
        turnover = _span(f"{found.turnover.low:.0%}", f"{found.turnover.high:.0%}")
        yield (
            f"To the best portfolio of a drawn market, {turnover} of the capital would be traded; that portfolio would"
            f" return {_more_or_less(found.loss_aud_per_year)} per year after tax."
        )
    for goal_id, chance in chances.items():
        chances_are = _span(f"{chance.low:.0%}", f"{chance.high:.0%}")
        yield f"The chance of {goal_id} is {chances_are} in eight of ten draws."
    if (one := found.one_etf) is not None:
        yield _one(one)
    if found.other_aim is not None:
        yield f"{found.other_aim.words}."


def _span(low: str, high: str) -> str:
    """Write a range of figures as they are shown; one figure where both ends are shown alike."""
    return low if low == high else f"{low} to {high}"


def _more_or_less(aud: Range) -> str:
    """Write a range of differences: to people, less is not a negative more."""
    low, high = f"{abs(aud.low):,.0f}", f"{abs(aud.high):,.0f}"
    if aud.low < 0 < aud.high:
        return f"from {low} AUD less to {high} AUD more"
    return f"{_span(low, high)} AUD more" if aud.low >= 0 else f"{_span(high, low)} AUD less"


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
