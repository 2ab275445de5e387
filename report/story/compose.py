"""The story of a final event: the content of a report, slides or a page, section by section.

Pure: equal events give equal stories. States only facts that follow from the event; statements about the future are
only the assumptions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bus.language.messages import MasterPortfolioFailed
from portfolio.market.basis import day_in_words
from report.facts.getting_there import cost_of
from report.facts.given import provided_by
from report.facts.payments import today_aud
from report.story import assumptions, costs, money_goals, outcome, pictures, proof, refusal, standings, suggestion, sure
from report.story.document import Section, Story
from report.story.questions import bring, change, given, have, reach, wrong

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bus.language.messages import Challenge, FinalEvent, MasterPortfolioOptimized


def tell(event: FinalEvent, *, checked: tuple[str, ...] = (), challenge: Challenge | None = None) -> Story:
    """Tell the story of *event*.

    Args:
        event: A final event.
        checked: The checks made before, one sentence per check.
        challenge: The challenge of the event, if there is one: how sure the suggestion is.
    """
    if isinstance(event, MasterPortfolioFailed):
        return _failure(event, checked)
    return Story(
        title="Your portfolio, today and suggested" if event.terms.owned else "A model portfolio for your goals",
        about=(*_about(event), *((("How sure", sure.in_a_line(challenge)),) if challenge else ())),
        notice=(provided_by(event),),
        figures=tuple(_figures(event)),
        answers=(have.have(event), change.change(event), bring.bring(event), reach.reach(event), wrong.wrong(event)),
        more=(pictures.pictures(event), given.taken_as_given(event), given.not_considered(event)),
        appendix=(
            *((sure.section(challenge),) if challenge else ()),
            *(section for section in _appendix(event, checked) if _says_anything(section)),
        ),
    )


def _about(event: MasterPortfolioOptimized) -> Iterator[tuple[str, str]]:
    yield "Customer", event.customer_id
    yield "Request", event.request_id
    yield "Prices of", day_in_words(event.market.priced_on)
    if event.terms.owned is not None:
        yield "Day of the trades", day_in_words(event.terms.owned.as_of)


def _appendix(event: MasterPortfolioOptimized, checked: tuple[str, ...]) -> Iterator[Section]:
    yield suggestion.what_you_own(event)
    if event.trading is not None:
        yield suggestion.what_we_suggest(event)
    yield suggestion.before_and_after(event)
    yield standings.section(event)
    if event.money_goals:
        yield money_goals.section(event)
    yield outcome.goals(event)
    yield outcome.unreachable(event)
    yield costs.costs(event)
    yield outcome.together(event)
    yield assumptions.assumptions(event)
    yield proof.section(event)
    yield assumptions.words()
    yield assumptions.checks(event, checked)


def _failure(event: MasterPortfolioFailed, checked: tuple[str, ...]) -> Story:
    return Story(
        title="There is no portfolio, and here is why",
        about=(("Customer", event.customer_id or "not told"), ("Request", event.request_id)),
        notice=(provided_by(event),),
        figures=(),
        answers=(Section("summary", "In short", refusal.what_happened(event)), *refusal.sections(event)),
        more=(),
        appendix=(assumptions.checks(event, checked),),
    )


def _says_anything(section: Section) -> bool:
    return bool(section.lead or section.tables or section.points)


def _figures(event: MasterPortfolioOptimized) -> Iterator[tuple[str, str]]:
    yield ("AUD today" if event.terms.owned else "AUD to invest"), f"{today_aud(event):,.2f}"
    yield ("orders", str(len(event.trading.orders))) if event.trading else ("ETFs", str(len(event.holdings)))
    yield "AUD to get there, once", f"{cost_of(event).total_aud:,.2f}"
    if event.money_goals:
        likely = sum(map(money_goals.is_reached, event.money_goals))
        yield "goals with the chance that you want", f"{likely} of {len(event.money_goals)}"
        return
    pairs = outcome.delivered(event)
    yield "targets met", f"{sum(now.met for _, now in pairs)} of {len(pairs)}"
