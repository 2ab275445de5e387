"""The assumptions of a report, their sources, and how to check the event: sections of a report. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portfolio.counted import counted
from portfolio.market.basis import day_in_words
from portfolio.terms.rules import Duplicates
from report.facts.labels import goal_label, of_pods
from report.facts.positions import positions
from report.facts.snapshot import described
from report.story.document import Section, Table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bus.language.messages import FinalEvent, MasterPortfolioOptimized
    from report.facts.snapshot import Described

# The heading of the sources' column; with one source for all ETFs, the label of the source in the note.
SOURCE = "Source of return and volatility"

# What is proven more closely than this is told as this: no more digits are shown.
_SHOWN = 1e-4


def assumptions(event: MasterPortfolioOptimized) -> Section:
    """List each ETF's expected figures with their source, and the facts and rules of the request."""
    facts = described(event.market)
    shown = {one.ticker: facts[one.ticker] for one in positions(event) if one.ticker in facts}
    lead = f"The assumptions are those of the market snapshot {event.market.id}, SHA-256 {event.market.sha256}."
    if not shown:
        lead += " It is not on the machine that wrote this report: ask whoever made the event for it."
    tables = (_assumed(event, shown),) if shown else ()
    points = (*_facts(event), *_rules(event))
    return Section("assumptions", "Assumptions and their sources", (lead,), (), tables, points)


def _assumed(event: MasterPortfolioOptimized, facts: Mapping[str, Described]) -> Table:
    sources = {one.source for one in facts.values()}
    # A source shared by all ETFs is named once, in the note.
    each = len(sources) > 1
    rows = tuple(
        (
            ticker,
            f"{one.expected_return:.2%}",
            f"{one.volatility:.2%}",
            f"{one.distribution_yield:.2%}",
            f"{one.management_fee:.2%}",
            f"{one.half_spread * 10_000:.0f}",
            *((one.source,) if each else ()),
        )
        for ticker, one in facts.items()
    )
    columns = ("ETF", "Return", "Volatility", "Distributions", "Fee", "Half spread, bps")
    return Table(
        "assumptions",
        f"What is assumed of each ETF, a year: market {event.market.id}",
        (*columns, SOURCE) if each else columns,
        frozenset({1, 2, 3, 4, 5}),
        rows,
        note=("" if each else f"{SOURCE}, of all: {sources.pop()}. ")
        + "Returns are after the fund's fee. Half spreads, and how easily an ETF can be sold, are assumptions of the"
        " makers of this program. A basis point (bps) is a hundredth of a percent.",
    )


def _facts(event: MasterPortfolioOptimized) -> Iterator[str]:
    if (owned := event.terms.owned) is not None:
        yield f"The day of the trades is {day_in_words(owned.as_of)}; ages of parcels count to it."
    if event.terms.wastes_credits:
        yield "A company is refunded no franking credits, and has no other income that is said to use them up."


def _rules(event: MasterPortfolioOptimized) -> Iterator[str]:
    rules = event.terms.rules
    one = "one pod owns each ETF" if rules.duplicates is Duplicates.FORBID else "several pods may own an ETF"
    yield (
        f"Rules that were kept: at most {counted(rules.max_etfs, 'ETF')}, each from {rules.min_weight:.2%} to"
        f" {rules.max_weight:.2%} of the capital; {one}."
    )
    if rules.never_buy:
        yield f"Never to be bought: {', '.join(rules.never_buy)}."
    if rules.never_sell:
        yield f"Never to be sold: {', '.join(rules.never_sell)}."
    if rules.buy_only:
        yield "Nothing is sold."
    if rules.max_tax_aud is not None:
        yield f"Most tax on capital gains that sales may cause: {rules.max_tax_aud:,.2f} AUD."
    if rules.max_turnover is not None:
        yield f"Most that may be traded, half of what is bought and sold: {rules.max_turnover:.2%} of the capital."
    if rules.min_order_aud:
        yield f"Least value of an order: {rules.min_order_aud:,.2f} AUD."
    if rules.min_correlation_distance:
        distance = f"{rules.min_correlation_distance:.2f}"
        yield f"No two ETFs nearer than {distance}, by the distance sqrt((1 - correlation) / 2)."


def words() -> Section:
    """Define the technical terms that a report needs."""
    return Section(
        "words",
        "Words",
        points=(
            "Pod: a part of your money with a purpose of its own, and the ETFs that it may hold.",
            "Separate pods: the portfolio of the pods if each bought by itself; the yardstick of the suggestion.",
            "Target: a figure that a pod, or the whole portfolio, should keep; a target may give way to one before it.",
            "Effective holdings: the number of equal holdings that would be spread as widely.",
            "Volatility: the standard deviation of a year's return, its usual distance from the average.",
            "Sharpe ratio: return above that of cash, for each unit of volatility.",
            "Grossed-up yield: a year's distributions with their franking credits, as a share of what is invested.",
            "Liquidity: the share of a holding that can be sold within a day at the spread.",
            "Tax efficiency: ten times what tax on income leaves of the return; credits may exceed the tax.",
        ),
    )


def checks(event: FinalEvent, checked: tuple[str, ...]) -> Section:
    """Say who vouches for the event, and how any reader can check the event.

    Args:
        event: The event.
        checked: The checks made before the report was written, one sentence per check.
    """
    if event.signature is None:
        lead = "The event is not signed: nothing in it says who wrote it."
    else:
        lead = f"The event is signed with the key {event.signature.key}: compare it with the coordinator's public key."
    how = (
        "Whoever has the event's file can check it without asking a server: podfolio verify EVENT.json --key KEY looks"
        " at the signature, and works out every rule and figure again by other code than found the portfolio."
    )
    return Section("checks", "Who vouches for this, and how to check it", (lead, how), points=checked)


def proof(event: MasterPortfolioOptimized) -> str:
    """State how much better any other portfolio can be at most."""
    if event.at_most_better_by is None:
        return f"How much better another portfolio could be is not proven. {' '.join(not_proven(event))}"
    these = "this one"
    if event.trading:
        these = "these orders" if event.trading.orders else "today's"
    return (
        "It is proven that no portfolio that keeps these rules and targets scores better than"
        f" {these} by more than {max(event.at_most_better_by, _SHOWN):.2%}, by the measure that the request sets."
    )


def not_proven(event: MasterPortfolioOptimized) -> Iterator[str]:
    """Say each thing that the proof does not cover."""
    proof = event.certificate
    if proof.gap > proof.target_gap:
        yield (
            f"A better portfolio may exist: what is proven leaves a gap of {proof.gap:.2%}, where"
            f" {proof.target_gap:.2%} was wanted."
        )
    if event.trading is not None and event.trading.gave_way:
        names = ", ".join(event.trading.gave_way)
        yield f"No whole units keep {names} where the portfolio before rounding does, so its proof is not about them."
    if not proof.levels_proven:
        yield "It is not proven that each target that gave way did so by as little as possible."
    if proof.restricted:
        labels = {goal.name: f"{of_pods(event, goal.pods)}: {goal_label(goal)}" for goal in event.goals}
        names = "; ".join(labels.get(name, name) for name in proof.restricted)
        yield f"A stronger form of these was kept, so that a better portfolio is not ruled out: {names}."
