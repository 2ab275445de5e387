"""Explain why no portfolio exists: the rules that contradict each other, and the smallest changes that repair them."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Protocol

import numpy as np

from portfolio.conic.solution import Status
from portfolio.errors import UnreachableGoalError
from portfolio.market.figures import correlation_distance
from portfolio.market.measure import Measure
from portfolio.master.goal_programming import best_figure
from portfolio.master.statement.formulation import Formulation
from portfolio.published.conflicts import Conflict, Repair
from portfolio.tax.brackets import pieces
from portfolio.tax.kinds import inclusion
from portfolio.terms.rules import Duplicates

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from portfolio.case.case import Case
    from portfolio.case.inventory import Inventory
    from portfolio.market.snapshot import Market
    from portfolio.master.goal_programming import Formulate, SearchSession
    from portfolio.pod.sleeve import Sleeve
    from portfolio.terms.goals import Goal

# The largest capital_tolerance that a request may contain.
_MOST_TOLERANCE = 0.5

# Repairs of shares are multiples of a hundredth of a percent, the precision that people use.
_STEP = 1e-4


class Judge(Protocol):
    """Judges whether rules can be kept together: in fractions (``SearchSession``) or in whole units."""

    @property
    def formulate(self) -> Formulate:
        """Make the customer's programs."""

    @property
    def stop(self) -> Callable[[], bool]:
        """Whether time has ended."""

    def feasible(self, levels: Mapping[str, float], without: Collection[str] = ()) -> Status:
        """Return whether rules and levels can be kept together: OPTIMAL, INFEASIBLE, or another status if unknown."""

    def about(self, formulate: Formulate) -> Judge:
        """Make a judge for the programs of *formulate*."""


class ConflictError(UnreachableGoalError):
    """No portfolio keeps all rules, or all rules and goals.

    Args:
        conflicts: The requirements that contradict each other.
        repairs: Changes of a single rule that are enough; None if unknown.
        complete: Whether the search for a minimal set finished in time.
        of: The kind of portfolio that the message names.

    Attributes:
        conflicts: Requirements that contradict each other. If any one requirement is left out, the rest are
            consistent, unless time ended the search for a smaller set.
        repairs: Changes of a single rule; each change alone is enough.
    """

    def __init__(
        self,
        conflicts: Sequence[Conflict],
        repairs: Sequence[Repair] | None,
        *,
        complete: bool,
        of: str = "portfolio",
    ) -> None:
        sentences = "; ".join(_words_of(conflict) for conflict in conflicts)
        if not complete:
            advice = "Time ended the search for a smaller set: ease several of them"
        elif repairs:
            advice = f"Any one of these changes is enough: {'; '.join(repair.words for repair in repairs)}"
        elif repairs is None:
            advice = "Ease one of them"
        else:
            advice = "No other value of a single one of them is enough: leave one out, or ease several rules"
        super().__init__(f"No {of} keeps all of these together: {sentences}. {advice}")
        self.conflicts = tuple(conflicts)
        self.repairs = tuple(repairs or ())
        self._of = of

    def with_repairs(self, repairs: Sequence[Repair]) -> ConflictError:
        """Copy the error with more changes, of which each is enough alone."""
        return ConflictError(self.conflicts, [*self.repairs, *repairs], complete=True, of=self._of)


def explain_rules(judge: Judge, case: Case, *, of: str = "portfolio") -> ConflictError:
    """Find a minimal set of contradicting rules, and the repairs.

    Args:
        judge: Judges which rules can be kept together.
        case: The customer's case.
        of: The kind of portfolio that the message names.
    """
    rules = judge.formulate(levels={}).rules
    core, complete = _minimal(judge, sorted(rules), {})
    repairs: list[Repair] | None = None
    if complete and not judge.stop():
        attempts = [_repair(judge, case, name) for name in core]
        repairs = [repair for repair, _ in attempts if repair is not None]
        if not repairs and not all(proven for _, proven in attempts):
            repairs = None
    conflicts = [Conflict(name, words) for name, words in rules.items() if name in core]
    return ConflictError(conflicts, repairs, complete=complete, of=of)


def explain_goals(session: SearchSession, sleeves: Sequence[Sleeve]) -> ConflictError:
    """Find a minimal set of contradicting rules and goals, for a request in which no goal may give way."""
    form = session.formulate()
    goals = {goal.name: goal for goal in form.goals}
    # Try to drop the never_worse goals first: people prefer a conflict of their own goals to one with a benchmark.
    names = sorted([*form.rules, *goals], key=lambda name: (not name.startswith("never_worse"), name))
    core, complete = _minimal(session, names, goals)
    conflicts = [
        _of_goal(session, sleeves, goals, name, core) if name in goals else Conflict(name, form.rules[name])
        for name in (n for n in [*form.rules, *goals] if n in core)
    ]
    return ConflictError(conflicts, None, complete=complete)


def _minimal(judge: Judge, names: Sequence[str], goals: Mapping[str, Goal]) -> tuple[list[str], bool]:
    """Find a minimal set of requirements with a deletion filter (Chinneck & Dravnieks 1991), and whether time allowed.

    Leave out one requirement after the other; if the rest is still proven infeasible, the requirement stays out. Every
    member of the final set is necessary for the contradiction.
    """
    out: list[str] = []
    for name in names:
        if judge.stop():
            break
        without = [*out, name]
        levels = {other: goal.asked for other, goal in goals.items() if other not in without}
        if judge.feasible(levels, without) is Status.INFEASIBLE:
            out.append(name)
    return [name for name in names if name not in out], not judge.stop()


def _of_goal(
    session: SearchSession, sleeves: Sequence[Sleeve], goals: Mapping[str, Goal], name: str, core: Sequence[str]
) -> Conflict:
    """Describe a goal in a conflict: the figure asked, and the best figures alone and together."""
    goal = goals[name]
    alone = next((s.best_alone.get(goal.measure) for s in sleeves if goal.pods == (s.mandate.pod,)), None)
    together = None
    rules = [rule for rule in session.formulate().rules if rule not in core]
    # First keep all other requirements; if these contradict each other, keep only those of the minimal set.
    for others, without in ((list(goals), []), (core, rules)):
        if session.stop():
            break
        levels = {other: goals[other].asked for other in others if other in goals and other != name}
        best, proven = best_figure(session, goal, levels, without)
        if proven:
            together = best
            break
    return Conflict(name, goal.words, goal.asked, alone, together)


def _repair(judge: Judge, case: Case, rule: str) -> tuple[Repair | None, bool]:
    """Find the smallest change of one rule that makes all rules feasible, if any, and whether the result is proven.

    Bisection over the rule's values from strict to lenient: a feasible program stays feasible when a rule is eased.
    Each verdict is proven.
    """
    values = _lenient(case, rule)

    def verdict(value: float | str) -> Status:
        if judge.stop():
            return Status.STOPPED
        changed = judge.about(partial(Formulation, _with(case, rule, value)))
        return changed.feasible({})

    if not values:
        return None, True
    if (last := verdict(values[-1])) is not Status.OPTIMAL:
        return None, last is Status.INFEASIBLE
    low, high = -1, len(values) - 1
    while high - low > 1:
        middle = (low + high) // 2
        status = verdict(values[middle])
        if status not in (Status.OPTIMAL, Status.INFEASIBLE):
            return None, False
        low, high = (low, middle) if status is Status.OPTIMAL else (middle, high)
    # Integers become floats, like every number in a message.
    now, to = (v if isinstance(v, str) else float(v) for v in (_value(case, rule), values[high]))
    return Repair(rule, f"{_label(rule)} {_show(rule, now)} to {_show(rule, to)}", now, to), True


def _lenient(case: Case, rule: str) -> Sequence[float | str]:
    """List the more lenient values of a rule, from the strictest to the most lenient."""
    if rule in ("never_sell", "buy_only", "first_purchase", "reinvest", "keep_tax_aside"):
        return []
    now = _value(case, rule)
    if isinstance(now, str):
        return [Duplicates.PENALISE.value]
    if rule.endswith("_aud"):
        whole = range(math.ceil(now) - 1, -1, -1)
        if rule == "max_tax_aud":
            whole = range(math.floor(now) + 1, math.ceil(_most_tax_aud(case.stock)) + 1)
        return [float(v) for v in whole]
    if rule == "max_etfs":
        return list(range(int(now) + 1, len(case.market.etfs) + 1))
    return _lenient_shares(case.market, rule, now)


def _lenient_shares(market: Market, rule: str, now: float) -> Sequence[float]:
    if rule == "min_correlation_distance":
        pairs = [correlation_distance(market, i, j) for i in range(len(market.etfs)) for j in range(i)]
        # Rounded down, so that the value in the message is enough.
        return [*sorted({math.floor(d / _STEP) * _STEP for d in pairs if d < now}, reverse=True), 0.0]
    steps = np.arange(1, round(1 / _STEP) + 1) * _STEP
    if rule == "min_weight":
        return [float(v) for v in np.round(steps[::-1], 4) if v < now - _STEP / 2]
    if rule == "capital_tolerance":
        steps = steps[steps <= _MOST_TOLERANCE]
    return [float(v) for v in np.round(steps, 4) if v > now + _STEP / 2]


def _most_tax_aud(stock: Inventory | None) -> float:
    """Bound the tax on capital gains, AUD: all gains are taxed in the highest bracket and no loss is used."""
    if stock is None:
        return 0.0
    payer = stock.taxpayer
    most = sum(share * max(part.early for part in pieces(alone)) for share, alone in payer.each)
    rates = {kind: max(rate, most * inclusion(kind, payer.entity)) for kind, rate in stock.rates.items()}
    return sum(lot.units * gain * rates.get(kind, 0.0) for lot in stock.lots for kind, gain in lot.gains.items())


def _value(case: Case, rule: str) -> float | str:
    pod, _, cap = rule.rpartition(".")
    if cap == "max_position":
        return next(s.mandate.max_position for s in case.sleeves if s.mandate.pod == pod)
    value: float | Duplicates = getattr(case.terms.rules, rule)
    return value.value if isinstance(value, Duplicates) else value


def _with(case: Case, rule: str, value: float | str) -> Case:
    """Copy the case with one rule changed."""
    pod, _, cap = rule.rpartition(".")
    if cap == "max_position":
        mandates = [
            replace(s.mandate, max_position=float(value)) if s.mandate.pod == pod else s.mandate for s in case.sleeves
        ]
        return case.under(sleeves=[replace(s, mandate=m) for s, m in zip(case.sleeves, mandates, strict=True)])
    changed = Duplicates(value) if isinstance(value, str) else int(value) if rule == "max_etfs" else value
    rules = replace(case.terms.rules, **{rule: changed})  # type: ignore[arg-type]
    return case.under(terms=replace(case.terms, rules=rules))


def _label(rule: str) -> str:
    pod, _, cap = rule.rpartition(".")
    return f"{pod}'s max_position" if cap == "max_position" else rule


def _show(rule: str, value: float | str) -> str:
    if isinstance(value, str):
        return value
    if rule.endswith("_aud"):
        return f"{value:,.2f} AUD"
    return f"{value:g}" if rule in ("max_etfs", "min_correlation_distance") else f"{value:.2%}"


def _words_of(conflict: Conflict) -> str:
    if conflict.best_together is None:
        return conflict.words
    name = conflict.requirement.split(".")[1]
    shown = Measure(name).show(conflict.best_together) if name in set(Measure) else f"{conflict.best_together:.4g}"
    return f"{conflict.words} (the best there is: {shown})"
