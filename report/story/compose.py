"""The story of a final event: the content of a report, slides or a page, section by section.

Pure: equal events give equal stories. States only facts that follow from the event; statements about the future are
only the assumptions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bus.language.messages import MasterPortfolioFailed
from report.facts.series import cost_rows
from report.story import assumptions, costs, money_goals, outcome, refusal, suggestion
from report.story.document import Section, Story

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bus.language.messages import FinalEvent, MasterPortfolioOptimized


def tell(event: FinalEvent, *, checked: tuple[str, ...] = ()) -> Story:
    """Tell the story of *event*.

    Args:
        event: A final event.
        checked: The checks made before, one sentence per check.
    """
    if isinstance(event, MasterPortfolioFailed):
        return _failure(event, checked)
    sections = (
        suggestion.what_you_own(event),
        suggestion.what_we_suggest(event),
        suggestion.before_and_after(event),
        *((money_goals.section(event),) if event.money_goals else ()),
        outcome.goals(event),
        outcome.unreachable(event),
        costs.costs(event),
        *((costs.income(event),) if event.income else ()),
        costs.comparison(event),
        outcome.together(event),
        assumptions.assumptions(event),
        assumptions.words(),
        assumptions.checks(event, checked),
    )
    about = (("Customer", event.customer_id), ("Request", event.request_id), ("Market", event.market.id))
    day = event.terms.owned.as_of if event.terms.owned else None
    return Story(
        title="A portfolio for all your goals",
        about=(*about, ("Day of the trades", f"{day.day} {day:%B %Y}")) if day else about,
        summary=tuple(_summary(event)),
        figures=tuple(_figures(event)),
        sections=tuple(section for section in sections if _says_anything(section)),
    )


def _failure(event: MasterPortfolioFailed, checked: tuple[str, ...]) -> Story:
    return Story(
        title="There is no portfolio, and here is why",
        about=(("Customer", event.customer_id or "not told"), ("Request", event.request_id)),
        summary=refusal.what_happened(event),
        figures=(),
        sections=(*refusal.sections(event), assumptions.checks(event, checked)),
    )


def _says_anything(section: Section) -> bool:
    return bool(section.lead or section.tables or section.points)


def _summary(event: MasterPortfolioOptimized) -> Iterator[str]:
    yield from suggestion.summary(event)
    yield costs.what_it_costs(event)
    yield _goals_met(event)
    row = {row.metric: row.master for row in event.comparison}
    expected, volatility = row.get("expected_return"), row.get("volatility")
    if expected is not None and volatility is not None:
        whole = ", before units are made whole" if event.trading else ""
        yield (
            f"On the assumptions of this report, the portfolio's expected return is {expected:.2%} a year before tax,"
            f" and its volatility, the usual size of a year's departure from that, {volatility:.2%}{whole}. These are"
            " assumptions, with their sources below, not promises."
        )
    if event.money_goals:
        yield money_goals.summary(event)
    yield assumptions.proof(event)


def _goals_met(event: MasterPortfolioOptimized) -> str:
    pairs = outcome.delivered(event)
    met = sum(now.met for _, now in pairs)
    if met == len(pairs):
        return f"All {met} goals are met."
    return f"{met} of {len(pairs)} goals are met; the others are named below, with what was possible and why."


def _figures(event: MasterPortfolioOptimized) -> Iterator[tuple[str, str]]:
    pairs = outcome.delivered(event)
    yield "AUD to invest", f"{event.terms.total_capital_aud:,.2f}"
    yield "orders" if event.trading else "ETFs", str(len(event.trading.orders if event.trading else event.holdings))
    now = sum(row[2] for row in cost_rows(event))
    yield f"AUD of costs {'and tax ' if event.trading else ''}to get there", f"{now:,.2f}"
    yield "goals met", f"{sum(now.met for _, now in pairs)} of {len(pairs)}"
