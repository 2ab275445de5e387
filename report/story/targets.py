"""The targets of the pods and of the whole, correlations, and the proof: for a screen. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portfolio.terms.rules import Correlations
from report.facts.labels import FIGURES, in_a_sentence
from report.facts.sentences import read_aloud
from report.story import assumptions
from report.story.document import Section, Table, without_empty

if TYPE_CHECKING:
    from bus.language.messages import FinalEvent, MasterPortfolioOptimized
    from portfolio.published.account import CorrelationRow, GoalAccount
    from portfolio.published.trading import GoalInUnits

# A gain below this reads as zero.
_GAIN_SHOWN = 5e-5


def targets(event: MasterPortfolioOptimized) -> Section:
    """List for each target the figure asked, the best figures possible, and the figure delivered."""
    ordered = {goal.name: goal for goal in event.trading.goals} if event.trading else {}
    pairs = [(goal, ordered.get(goal.name, goal)) for goal in event.goals]
    columns = ("Of", "Target", "Asked", "Best alone", "Best together", "Delivered", "Met", "1 % easier gains")
    rows = tuple(_target(goal, last) for goal, last in pairs)
    note = "Each is met as well as the rules and the targets before it allow."
    note += " Delivered is in whole units." if event.trading else ""
    table = Table("targets", "Targets, the most important first", columns, frozenset({2, 3, 4, 5, 7}), rows, note=note)
    met = sum(last.met for _, last in pairs)
    lead = (
        "All targets are met."
        if met == len(pairs)
        else f"{met} of {len(pairs)} targets {'is' if met == 1 else 'are'} met."
    )
    points = tuple(
        read_aloud(goal, now=last.delivered if event.trading else None) for goal, last in pairs if not last.met
    )
    return Section("targets", "Targets", (lead,), ("goals",), (without_empty(table),), points)


def _target(goal: GoalAccount, last: GoalAccount | GoalInUnits) -> tuple[str, ...]:
    label, show = FIGURES[goal.figure]
    gain = goal.gain_of_one_percent or 0.0
    return (
        ", ".join(goal.pods) or "whole",
        in_a_sentence(label),
        f"{'<=' if goal.better == 'lower' else '>='} {show(goal.asked)}",
        *("" if value is None else show(value) for value in (goal.best_alone, goal.best_together, last.delivered)),
        "yes" if last.met else "no",
        f"{gain:+.4f}" if gain >= _GAIN_SHOWN else "",
    )


def correlations(event: MasterPortfolioOptimized) -> Section | None:
    """State how the pods move together, and the ETFs that move alike."""
    pairs = tuple(
        f"{' and '.join(pair.tickers)} are both held, though they do nearly the same (correlation"
        f" {pair.correlation:.2f})."
        for pair in event.economic_duplicates
    )
    if not event.correlations:
        return Section("correlations", "Correlations", points=pairs) if pairs else None
    limited = event.terms.correlations is Correlations.LIMIT
    caption = f"Correlations between pods ({'limited, as far as possible' if limited else 'reported, not enforced'})"
    columns = ("Pods", "Correlation", "Limit", "Room", "")
    rows = tuple(_correlation(row) for row in event.correlations)
    table = Table("correlations", caption, columns, frozenset({1, 2, 3}), rows)
    return Section("correlations", "Correlations", (), ("correlations",), (without_empty(table),), pairs)


def _correlation(row: CorrelationRow) -> tuple[str, ...]:
    names, figure = " - ".join(row.pods), f"{row.correlation:z.2f}"
    if row.limit is None or row.room is None:
        return names, figure, "none", "", ""
    verdict = "within" if row.room >= 0 else "above"
    if verdict == "above" and f"{row.room:z.2f}" == "0.00":
        verdict = "above, by less than 0.01"
    return names, figure, f"<= {row.limit:.2f}", f"{row.room:+z.2f}", verdict


def proof(event: MasterPortfolioOptimized) -> Section:
    """State what is proven, with the figures of the proof."""
    proof = event.certificate
    said = f"{'Proven' if proof.certified else 'NOT proven'} optimal within {proof.target_gap:.2%}."
    if proof.restricted:
        said += f" Proven only for a stronger form of {', '.join(proof.restricted)}."
    columns = ("Objective", "Bound", "Gap", "Nodes", "Parts proven", "Milliseconds")
    row = (
        f"{proof.objective:.8f}",
        f"{proof.bound:.8f}",
        f"{proof.gap:.1e}",
        f"{proof.nodes:,}",
        f"{proof.leaves:,}",
        f"{event.elapsed_s * 1e3:,.1f}",
    )
    table = Table("proof", "The proof", columns, frozenset(range(len(columns))), (row,))
    # Without a bound, the first sentence has the reasons.
    open_points = () if event.at_most_better_by is None else tuple(assumptions.not_proven(event))
    return Section("proof", "Proof", (assumptions.proof(event), said), (), (table,), (*open_points, *signed(event)))


def signed(event: FinalEvent) -> tuple[str, ...]:
    """Name the key that signed an event."""
    return (f"Signed by {event.signature.key}: podfolio verify checks it.",) if event.signature else ()
