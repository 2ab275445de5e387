"""How far a step comes, where a budget lets no portfolio keep a rule that today's holdings break."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class OpenPart:
    """One ETF, pod, position or pair that breaks a rule today.

    Attributes:
        about: The ETF, the pod, the pod and the ETF, or the two ETFs; empty for the whole portfolio.
        limit: The limit; of a pod's share, the share.
        today: The figure of today: a share of the capital, of a position a part of its pod, of a pair its correlation
            distance, or a number of ETFs.
        suggested: The same figure after the orders; None where it no longer breaks the rule.
    """

    about: str
    limit: float
    today: float
    suggested: float | None


@dataclass(frozen=True, slots=True)
class OpenRule:
    """A rule that today's holdings break, and that is a target in this step.

    Attributes:
        rule: Name of the rule.
        today: How far today's holdings are beyond the limits: shares of the capital, summed; a number of ETFs; or a
            number of pairs.
        suggested: The same after the orders.
        bound: No portfolio in fractions that invests its money within the budgets, no further away than today and as
            near to the rules before, is nearer than this; 0 where the search ended before it proved anything.
        held: How far the portfolio may be beyond the limits: the least distance of whole units, with room for the
            solver.
        steps: About how many such steps it takes in all, if each comes as far as this one; None where this step
            comes no nearer.
        parts: The breaches of the rule today.
    """

    rule: str
    today: float
    suggested: float
    bound: float
    held: float
    steps: int | None
    parts: tuple[OpenPart, ...]


@dataclass(frozen=True, slots=True)
class OpenBudget:
    """A budget that gives way, since a payment must be made that sales within the budget cannot raise.

    Attributes:
        budget: Name of the budget: max_tax_aud or max_turnover.
        limit: The budget as a share of the capital.
        suggested: The tax or the turnover of the orders, as a share of the capital.
        bound: No portfolio that makes the payment takes less than this, as a share of the capital.
        held: How far the portfolio may be above the budget, as a share of the capital: the least excess of whole units,
            with room for the solver.
    """

    budget: str
    limit: float
    suggested: float
    bound: float
    held: float


@dataclass(frozen=True, slots=True)
class Step:
    """A step towards the rules, as far as the budgets allow.

    Attributes:
        rules: The rules that are targets, in the order in which they are served.
        today: Holdings of today by pod and ticker, as shares of the capital: before the first orders no pod owns units,
            so this is the assignment that is nearest to the rules.
        steps: About how many such steps it takes in all, this one included; None where some rule comes no nearer.
        budgets: The budgets that give way, before any rule does.
    """

    rules: tuple[OpenRule, ...]
    today: Mapping[str, Mapping[str, float]]
    steps: int | None
    budgets: tuple[OpenBudget, ...] = ()
