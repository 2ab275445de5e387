"""The report of a request that has no portfolio: the reason, and the changes needed. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bus.language.messages import Reason
from report.facts.labels import FIGURES
from report.story.document import Section, Table, without_empty

if TYPE_CHECKING:
    from collections.abc import Callable

    from bus.language.messages import MasterPortfolioFailed
    from portfolio.published.conflicts import Conflict

# For each reason: an explanation, and the next step.
_TOLD = {
    Reason.INVALID_REQUEST: ("The request cannot be understood.", "Correct what is named below and ask again."),
    Reason.UNKNOWN_POD: ("The request names a part that this system does not have.", "Name one that it has."),
    Reason.UNKNOWN_MARKET: (
        "The request names a market that this system does not have, or cannot read.",
        "Mend the market as it is said, or name one that podfolio market list shows, and ask again.",
    ),
    Reason.UNKNOWN_ETF: ("The request names an ETF that the market does not have.", "Correct the name and ask again."),
    Reason.GOAL_UNREACHABLE: (
        "The goals cannot be reached as they are asked.",
        "Ask for less where it is shown below, or let goals give way (on_unreachable: relax), and ask again.",
    ),
    Reason.RULES_CONFLICT: (
        "The rules contradict each other: no portfolio keeps them all.",
        "Make one of the changes named below and ask again.",
    ),
    Reason.DEADLINE_EXCEEDED: (
        "There was no answer in the time that the request allows.",
        "Ask again, with another request id and, if it happens again, with a later deadline.",
    ),
    Reason.OVERLOADED: (
        "The system has more to do than it can do in time, and refused rather than to answer late.",
        "Ask again later, with another request id.",
    ),
    Reason.MARKETS_DIFFER: (
        "Parts of the system had different figures of the same market.",
        "Whoever runs the system is to give all its processes the same version; then ask again.",
    ),
    Reason.RESULT_NOT_GENUINE: (
        "What one part of the system answered is not proven to come from that part, so nothing was made of it.",
        "Tell whoever runs the system; the message says which part it was, and why. Then ask again, with another id.",
    ),
    Reason.STOPPED: (
        "New advice is stopped for now, so no portfolio was published.",
        "The message says who stopped it and why, and when to ask again.",
    ),
    Reason.CHECK_FAILED: (
        "A portfolio was found, but the check of its rules and figures did not agree, so it is withheld.",
        "Tell whoever runs the system: this is a fault of the program.",
    ),
    Reason.SOLVER_FAILED: (
        "No portfolio was found that can be trusted.",
        "Ask again, or tell whoever runs the system.",
    ),
    Reason.INTERNAL_ERROR: ("Something went wrong within the system.", "Tell whoever runs the system."),
}


def what_happened(event: MasterPortfolioFailed) -> tuple[str, str]:
    """Explain in plain words why there is no portfolio, and name the next step."""
    return _TOLD[event.reason]


def sections(event: MasterPortfolioFailed) -> tuple[Section, ...]:
    """Describe why there is no portfolio, and the changes that would allow one."""
    told = f"In the system's words, {event.reason.words}: {event.message}"
    missing = (f"No answer came from: {', '.join(event.missing_pods)}.",) if event.missing_pods else ()
    made = [Section("happened", "What happened", (told, *missing))]
    if event.goals:
        made.append(Section("goals", "Goals out of reach", tables=(_goals(event),)))
    if event.conflicts:
        lead = "Leave out any one of these, and the others can be kept together; all of them cannot."
        made.append(Section("conflicts", "What cannot be kept together", (lead,), tables=(_conflicts(event),)))
    if event.repairs:
        made.append(Section("repairs", "What would be enough", tables=(_repairs(event),)))
    return tuple(made)


def _goals(event: MasterPortfolioFailed) -> Table:
    rows = tuple(
        (
            goal.pod,
            goal.measure.label,
            f"{'at most' if goal.measure.lower_is_better else 'at least'} {goal.measure.show(goal.asked)}",
            goal.measure.show(goal.best_alone),
            "" if goal.best_together is None else goal.measure.show(goal.best_together),
        )
        for goal in event.goals
    )
    columns = ("Part", "Goal", "Asked", "Best alone", "Best with the part's other goals")
    return without_empty(Table("shortfalls", "Asked and possible", columns, frozenset({2, 3, 4}), rows))


def _conflicts(event: MasterPortfolioFailed) -> Table:
    rows = tuple((one.requirement, one.words, *_best(one)) for one in event.conflicts)
    columns = ("Requirement", "Asks", "Best alone", "Best together")
    return without_empty(Table("conflicts", "Requirements", columns, frozenset({2, 3}), rows))


def _best(one: Conflict) -> tuple[str, str]:
    show: Callable[[float], str] = FIGURES.get(one.requirement.rpartition(".")[2], ("", str))[1]
    alone, together = ("" if v is None else show(v) for v in (one.best_alone, one.best_together))
    return alone, together


def _repairs(event: MasterPortfolioFailed) -> Table:
    return Table(
        "repairs",
        "Any one of these changes is enough, and nothing smaller is",
        ("Rule", "Now", "To"),
        frozenset(),
        tuple(_repair(one.rule, one.words) for one in event.repairs),
    )


def _repair(rule: str, words: str) -> tuple[str, str, str]:
    """Split "max_etfs 9 to 11"; of a pod's rule, the words begin like "beta's max_position"."""
    now, _, to = words.partition(" to ")
    for name in (rule, rule.replace(".", "'s ", 1)):
        now = now.removeprefix(f"{name} ")
    return rule, now, to
