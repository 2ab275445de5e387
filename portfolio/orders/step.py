"""Come as near to the rules as the budgets allow, where today's holdings break rules and a budget stands in the way.

A budget (``max_tax_aud``, ``max_turnover``, ``never_sell``, ``buy_only``) always allows all to stay as it is. Where no
portfolio within the budgets keeps all rules, each rule that today's holdings break becomes a target: the portfolio is
no further away than today, and, rule after rule (``distance.TARGETS``), as near as the budgets allow. Each least
distance is found in whole units, which can always stay as they are, and is bounded by a proven search in fractions.
"""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from portfolio.case.distance import (
    BUDGETS,
    CAPITAL_TOLERANCE,
    MAX_ETFS,
    MAX_POSITION,
    MAX_TAX,
    NEAR_PAIRS,
    NEGLIGIBLE,
    TARGETS,
    breaches,
    budgets,
    distances,
    money_left,
    used,
)
from portfolio.case.targets import Targets
from portfolio.conic.solution import Status
from portfolio.master.goal_programming import AIM_GAP, SearchSession
from portfolio.master.statement.formulation import Formulation
from portfolio.orders.units_program import Held, UnitsProgram
from portfolio.published.step import OpenBudget, OpenPart, OpenRule, Step
from portfolio.tax.brackets import pieces

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from portfolio import Matrix
    from portfolio.case.case import Case
    from portfolio.case.distance import Breach

# A number of nodes and not a time, so that the answer is reproducible.
_NODES = 1_000

# How far beyond the least distance the portfolio may be, as a share of the capital: a solver needs room.
_ROOM = 1e-5

# No two portfolios are further from each other in any rule than this.
_FARTHEST = dict.fromkeys((*BUDGETS, *TARGETS), 2.0) | {MAX_ETFS: 1e4, NEAR_PAIRS: 1e6}


def has_budget(case: Case) -> bool:
    """Return whether a budget may stand in the way of the rules."""
    if (stock := case.stock) is None:
        return False
    rules = case.terms.rules
    limited = rules.max_tax_aud is not None or rules.max_turnover is not None
    return limited or any(rules.stays(case.market.tickers[j]) for j in np.flatnonzero(stock.units).tolist())


def within_budgets(
    case: Case,
    *,
    stop: Callable[[], bool] = lambda: False,
    left_s: Callable[[], float] = lambda: math.inf,
    whole: bool = False,
) -> Case:
    """Make targets of the rules that the budgets let no portfolio keep; the same case where no budget is in the way.

    Args:
        case: The customer's case.
        stop: Called during a search; True ends the search.
        left_s: Returns the seconds left for searches in whole units.
        whole: Whether it is known that no whole units keep the rules.
    """
    if not has_budget(case) or case.targets is not None:
        return case
    if not whole and SearchSession(partial(Formulation, case), stop).feasible({}) is not Status.INFEASIBLE:
        return case
    if (targets := _as_today(case, stop)) is None:
        return case
    X = targets.today
    for rule in (*BUDGETS, *TARGETS):
        if targets.allowed.get(rule, 0.0) <= NEGLIGIBLE or stop():
            continue
        form = _Nearest(case.towards(targets), rule)
        solution = SearchSession(partial(Formulation, form.case), stop).solve(form, AIM_GAP)
        if solution.status is Status.INFEASIBLE:
            return case
        bound = min(max(float(solution.bound) - 1.0, 0.0), targets.allowed[rule])
        targets = replace(targets, bounds=targets.bounds | {rule: bound})
        if solution.x is None or (held := _whole(form, X, left_s)) is None:
            if rule in BUDGETS:
                return case
            continue
        X = held
        # Whole units may leave the price of one as money that fractions must invest, and so come nearer than these.
        nearest = max(_distance(case, X, rule), solution.value - 1.0)
        room = 0.0 if rule in (MAX_ETFS, NEAR_PAIRS) or (rule in BUDGETS and nearest <= NEGLIGIBLE) else _ROOM
        allowed = targets.allowed | {rule: min(nearest + room, targets.allowed[rule])}
        targets = replace(targets, allowed=allowed, start=solution.states)
    return case.towards(targets)


def no_worse_than_today(case: Case, *, stop: Callable[[], bool] = lambda: False) -> Case | None:
    """Allow each rule the distance of today, as the first of all steps; None if the pods of today were not found."""
    targets = _as_today(case, stop)
    return None if targets is None else case.towards(targets)


def _as_today(case: Case, stop: Callable[[], bool]) -> Targets | None:
    """Make a target of each rule that today's holdings break: no further away than today."""
    stock, today = case.stock, _today(case, stop)
    if stock is None or today is None:
        return None
    allowed = distances(case, today, stock.cash)
    if stock.cash < 0:
        # Sales must pay a withdrawal, and may take a pod further from its share.
        allowed |= {CAPITAL_TOLERANCE: _FARTHEST[CAPITAL_TOLERANCE], MAX_POSITION: _FARTHEST[MAX_POSITION]}
        # And it is an obligation, where budgets are wishes: these give way first, by no more than they must.
        allowed |= dict.fromkeys(budgets(case), _FARTHEST[MAX_TAX])
    return Targets(allowed, today)


def _distance(case: Case, X: Matrix, rule: str) -> float:
    """Measure how far holdings are from a rule, or above a budget."""
    if rule in BUDGETS:
        return max(used(case, X)[rule] - budgets(case)[rule], 0.0)
    return distances(case, X, money_left(case, X))[rule]


class _Nearest(Formulation):
    """The program with the distance from one rule in place of the customer's objective."""

    def __init__(self, case: Case, rule: str) -> None:
        self._rule = rule
        super().__init__(case, levels={})

    def _score(self) -> None:
        # Where the distance is near zero, the constant keeps a relative gap meaningful.
        self.build.offset += 1
        self.build.cost(self.distances[self._rule])


def _today(case: Case, stop: Callable[[], bool]) -> Matrix | None:
    """Assign the holdings of today to pods, as near to the rules as they can be; None if that is not found."""
    stock = case.stock
    assert stock is not None  # noqa: S101 - there is a budget
    tickers = case.market.tickers
    owned = [tickers[j] for j in np.flatnonzero(stock.units).tolist()]
    others = tuple(ticker for ticker in tickers if ticker not in owned)
    rules = replace(case.terms.rules, never_sell=tuple(owned), never_buy=tuple(tickers))
    frozen = case.under(
        sleeves=[replace(sleeve, left_out=others) for sleeve in case.sleeves], terms=replace(case.terms, rules=rules)
    )
    X, allowed = np.zeros((len(case.sleeves), len(tickers))), dict(_FARTHEST)
    # Of today's holdings only the pods are open.
    for rule in (CAPITAL_TOLERANCE, MAX_POSITION) if owned else ():
        form = _Nearest(frozen.towards(Targets(allowed, X)), rule)
        solution = SearchSession(partial(Formulation, form.case), stop).solve(form, AIM_GAP)
        if solution.x is None:
            return None
        X = form.weights(solution)
        allowed = allowed | {rule: distances(frozen, X, stock.cash)[rule] + NEGLIGIBLE}
    return X


def _whole(form: Formulation, near: Matrix, left_s: Callable[[], float]) -> Matrix | None:
    """Find the least distance in whole units; None if none was found."""
    found = UnitsProgram(form, left_s=left_s).solve(near, 0.0, nodes=_NODES, keeps=lambda _: True)
    return found.X if isinstance(found, Held) else None


def describe_step(case: Case, X: Matrix, money: float, taken: Mapping[str, float]) -> Step | None:
    """Tell how far the orders come, by rule; None where no rule is a target.

    Args:
        case: The customer's case.
        X: The holdings after the orders, shape (pods, n), as shares of the capital.
        money: The money after the orders, as a share of the capital.
        taken: What the orders use of each budget, as shares of the capital.
    """
    if case.stock is None or (targets := case.targets) is None:
        return None
    before, after = breaches(case, targets.today, case.stock.cash), breaches(case, X, money)
    rules = tuple(
        _rule(rule, before[rule], after[rule], targets.bounds.get(rule, 0.0), targets.allowed[rule])
        for rule in TARGETS
        if before[rule]
    )
    counts = [rule.steps for rule in rules if rule.suggested > 0]
    known = [number for number in counts if number is not None]
    tickers = case.market.tickers
    return Step(
        rules=rules,
        today={
            sleeve.mandate.pod: {tickers[j]: float(row[j]) for j in np.flatnonzero(row).tolist()}
            for sleeve, row in zip(case.sleeves, targets.today, strict=True)
        },
        steps=max(known, default=1) if len(known) == len(counts) else None,
        budgets=tuple(
            OpenBudget(name, limit, taken[name], min(_bound(case, name, limit), taken[name]), targets.allowed[name])
            for name, limit in budgets(case).items()
            if targets.allowed.get(name, 0.0) > NEGLIGIBLE
        ),
    )


def _bound(case: Case, budget: str, limit: float) -> float:
    """State the least of a budget that a payment takes, as a share of the capital.

    The program leaves fixed brokerage out of the gains, so that its tax is too high by the tax on one brokerage a sale.
    """
    stock = case.stock
    assert stock is not None and case.targets is not None  # noqa: S101, PT018 - a budget gave way
    saved = 0.0
    if budget == MAX_TAX:
        rate = max(part.early for _, alone in stock.taxpayer.each for part in pieces(alone))
        saved = rate * case.terms.brokerage_aud * int((stock.units > 0).sum()) / stock.capital_aud
    return max(limit + case.targets.bounds[budget] - saved, limit)


def _rule(rule: str, before: list[Breach], after: list[Breach], bound: float, held: float) -> OpenRule:
    today, now = (sum(each.distance for each in parts) for parts in (before, after))
    then = {each.about: each for each in after}
    return OpenRule(
        rule=rule,
        today=today,
        suggested=now,
        # Whole units may leave the price of one as money that fractions must invest, and so come nearer than these can.
        bound=min(bound, now),
        held=held,
        # As far as this step comes, each later one: an estimate, since prices, gains and the other rules change.
        steps=1 + math.ceil(now / (today - now) - NEGLIGIBLE) if today - now > NEGLIGIBLE else None,
        parts=tuple(
            OpenPart(each.about, each.limit, each.value, then[each.about].value if each.about in then else None)
            for each in before
        ),
    )
