"""Stage 1: the best portfolio of one pod alone.

A second-order cone program over the pod's universe. The variables are ``x = kappa u`` and ``kappa``. With
``kappa = 1``, *x* are the weights. For the largest Sharpe ratio the excess return is fixed and ``kappa`` is free, which
makes the problem convex (Charnes-Cooper; Cornuejols & Tutuncu, Optimization Methods in Finance, ch. 8).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from portfolio.conic.bound import FREE, OFF, States
from portfolio.conic.program import Builder
from portfolio.conic.relaxation import Outcome, Relaxation
from portfolio.counted import counted
from portfolio.errors import SolverError, UnreachableGoalError
from portfolio.market.figures import figures, grossed_up_yields
from portfolio.market.measure import ROOMS, Measure
from portfolio.market.worst_case import worst_case
from portfolio.pod import frontier_point
from portfolio.pod.sleeve import Sleeve
from portfolio.published.conflicts import Conflict, Repair, Shortfall
from portfolio.terms.goals import pod_goals
from portfolio.terms.in_cash import InCash
from portfolio.terms.rules import TARGET_TOLERANCE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from portfolio import Matrix, Vector
    from portfolio.conic.program import Program
    from portfolio.conic.relaxation import RelaxationResult
    from portfolio.market.robust import Robust
    from portfolio.market.snapshot import Market
    from portfolio.published.frontier import FrontierPoint
    from portfolio.terms.mandate import Mandate

# The excess return of a mix may be at most this many times smaller than that of the best ETF. Beyond this factor the
# largest Sharpe ratio counts as unbounded: no mix beats cash.
_KAPPA = 1e4

# An objective's best figure below this is too small to be the reference of the pod's score.
_MEASURABLE = 1e-6

# If the required effective holdings equal the number of ETFs within this fraction, all weights are equal.
_ALL = 1e-6

_GIVE_WAY = "Let goals give way (on_unreachable: relax), leave the pod out, or name another market"

# A weight below a thousandth of the pod is a candidate for zero. The weight becomes zero if the optimum without the
# candidate, solved again, is equally good to a millionth. Customers do not buy an ETF for a few dollars, and counting
# such positions would overstate the benefit of the coordination that removes them.
_CANDIDATE = 1e-3
_NOTHING_LOST = 1e-6


class UnreachableMandateError(UnreachableGoalError):
    """A pod cannot keep the pod's own mandate.

    Attributes:
        shortfalls: The goals concerned.
        conflicts: The rules concerned, where no portfolio keeps these rules even without goals.
        repairs: Changes of a single rule; each change alone is enough.
    """

    def __init__(
        self,
        message: str,
        shortfalls: tuple[Shortfall, ...] = (),
        conflicts: tuple[Conflict, ...] = (),
        repairs: tuple[Repair, ...] = (),
    ) -> None:
        super().__init__(message)
        self.shortfalls, self.conflicts, self.repairs = shortfalls, conflicts, repairs


class NoBetterThanCashError(UnreachableMandateError):
    """No mix of a pod's ETFs is expected to return more than cash, and the pod's objective or a goal needs one.

    Attributes:
        in_cash: The pod.
    """

    def __init__(self, message: str, in_cash: InCash) -> None:
        super().__init__(message)
        self.in_cash = in_cash


def optimise_sleeve(  # noqa: PLR0913 - one argument a term
    market: Market,
    mandate: Mandate,
    share: float,
    *,
    never_buy: frozenset[str] = frozenset(),
    priorities: Mapping[str, int] | None = None,
    relax: bool = True,
    risk_tolerance: float = frontier_point.AS_IT_IS,
    target_tolerance: float = TARGET_TOLERANCE,
    robust: Robust | None = None,
    all_bests: bool = True,
) -> Sleeve:
    """Find the best portfolio of a pod alone.

    Args:
        market: The market's figures.
        mandate: The pod's mandate.
        share: The pod's share of the capital.
        never_buy: Tickers that the pod must not buy.
        priorities: Priorities of goals, by name (``goals``), where they differ from the default.
        relax: Whether goals that cannot all be met give way, in the order of their priorities.
        risk_tolerance: The customer's, 0 to 1: the pod's place on its efficient frontier (``frontier_point``).
        target_tolerance: How far below its best figure a goal that gives way is held, as a part of the figure.
        robust: The worst case in which the objective is made as good as possible; goals are of the market as it is.
        all_bests: Whether the best figure of each goal alone is wanted also where all goals can be kept together.

    Raises:
        DataError: If the market has no such worst case.
        NoBetterThanCashError: If a Sharpe ratio is the objective or a goal, and no mix returns more than cash.
        UnreachableMandateError: If no portfolio keeps the pod's rules, or the goals where goals must not give way. The
            error names these rules or goals.
        SolverError: If the solver fails.
    """
    mandate = mandate.in_market(market.risk_free)
    closed = {etf.ticker for etf in market.etfs if etf.is_closed}
    left_out = tuple(t for t in mandate.universe if t not in market.tickers or t in never_buy | closed)
    universe = market.positions(t for t in mandate.universe if t not in left_out)
    _refuse_small_universe(mandate, len(universe), left_out, _without_price(market, left_out, never_buy))
    aimed = market if robust is None else worst_case(market, robust)
    stage = _Stage(market, mandate, universe, aimed)
    _refuse_no_better_than_cash(stage, left_out)
    policy = _Policy(priorities or {}, relax=relax, tolerance=target_tolerance, all_bests=all_bests)
    u, levels = _best(stage, policy)
    point = None
    if frontier_point.moves(mandate, risk_tolerance):
        point = _point(stage, u, levels, risk_tolerance)
        stage = _Stage(
            market, replace(mandate, goals=frontier_point.goals_alone(mandate.goals, point)), universe, aimed
        )
        u, _ = _best(stage, policy)
        mandate = replace(mandate, goals=frontier_point.goals_in_the_whole(mandate.goals, point))
    achieved = figures(market, u)
    if abs(achieved.of(mandate.objective.measure)) < _MEASURABLE:
        label = mandate.objective.measure.label
        message = (
            f"No mix of {mandate.pod}'s ETFs has any {label} to speak of: leave the pod out, or name another market"
        )
        raise UnreachableMandateError(message)
    bests = stage.best_alone if all_bests else stage.known_bests
    return Sleeve(mandate, share, u, achieved, bests, left_out, point)


@dataclass(frozen=True, slots=True)
class _Policy:
    """How a pod's goals give way.

    Attributes:
        priorities: Priorities of goals, by name, where they differ from the default.
        relax: Whether goals give way.
        tolerance: How far below its best figure a goal that gives way is held, as a part of the figure.
        all_bests: Whether each goal's best figure alone is found before all goals are tried together.
    """

    priorities: Mapping[str, int]
    relax: bool
    tolerance: float
    all_bests: bool


def _best(stage: _Stage, policy: _Policy) -> tuple[Vector, Mapping[Measure, float]]:
    """Find the pod's best portfolio, and the levels at which its goals are kept.

    Raises:
        UnreachableMandateError: If the goals cannot all be kept and must not give way.
        SolverError: If the solver finds no portfolio, although one must exist.
    """
    mandate = stage.mandate
    if not policy.all_bests and (u := stage.solve_objective(mandate.goals)) is not None:
        return u, mandate.goals
    best_alone = stage.best_alone
    if not policy.relax:
        _refuse_unreachable(mandate, best_alone)
    if all(measure.can_be_kept(asked, best_alone[measure]) for measure, asked in mandate.goals.items()):
        u = stage.solve_objective(mandate.goals)
        if u is not None:
            return u, mandate.goals
        if not policy.relax:
            raise _conflict(mandate, best_alone, stage)
    levels = _served(stage, policy)
    if (u := stage.solve_objective(levels)) is None:
        if mandate.objective.measure is Measure.SHARPE:
            raise _no_better_than_cash(stage, with_goals=True)
        raise _lost(stage)
    return u, levels


def _optimum(stage: _Stage, measure: Measure, levels: Mapping[Measure, float]) -> Vector:
    """Optimise *measure* where a portfolio is known to exist.

    Raises:
        SolverError: If the solver finds none.
    """
    u = stage.solve(measure, levels, stage.mandate.min_effective_holdings)
    if u is None:
        raise _lost(stage)
    return u


def _lost(stage: _Stage) -> SolverError:
    message = (
        f"the solver lost a portfolio of {stage.mandate.pod} in market {stage.market.id} that it had found:"
        " report this with the request_id"
    )
    return SolverError(message)


def _refuse_no_better_than_cash(stage: _Stage, left_out: tuple[str, ...]) -> None:
    """Refuse a Sharpe ratio as a goal, or as the objective in its worst case, where no mix has one above zero."""
    mandate = stage.mandate
    if Measure.SHARPE in {mandate.objective.measure, *mandate.goals} and not stage.beats_cash(stage.stated):
        u = _optimum(stage, Measure.RETURN, {})
        greatest = float(u @ stage.market.expected_returns)
        message = (
            f"No mix of {mandate.pod}'s ETFs is expected to return more than cash, so that none has a"
            " Sharpe ratio above zero: leave the pod out, or name another market"
        )
        raise NoBetterThanCashError(message, InCash(mandate, left_out, greatest))
    if mandate.objective.measure is Measure.SHARPE and not stage.beats_cash(stage.aimed):
        raise _no_better_than_cash(stage)


def _no_better_than_cash(stage: _Stage, *, with_goals: bool = False) -> UnreachableMandateError:
    """Say that no mix beats cash where the objective looks; with goals, only mixes that keep them."""
    kept = " that keeps its goals" if with_goals else ""
    where, mend = "", "leave the pod out"
    if stage.aimed is not stage.stated:
        where, mend = " in the worst case that robust asks for", "lower robust.returns, leave the pod out"
    message = (
        f"No mix of {stage.mandate.pod}'s ETFs{kept} is expected to return more than cash{where}, so that none has a"
        f" Sharpe ratio above zero: {mend}, or name another market"
    )
    return UnreachableMandateError(message)


def _point(stage: _Stage, u: Vector, levels: Mapping[Measure, float], risk_tolerance: float) -> FrontierPoint:
    """Find the point of the pod's efficient frontier, between the best portfolio *u* and an end of the frontier."""
    caps = {measure: level for measure, level in levels.items() if measure.lower_is_better}
    least = _optimum(stage, Measure.VOLATILITY, {})
    greatest = _optimum(stage, Measure.RETURN, caps)
    return frontier_point.point(
        risk_tolerance,
        figures(stage.market, least).volatility,
        figures(stage.market, u),
        figures(stage.market, greatest).expected_return,
    )


def _without_price(market: Market, left_out: tuple[str, ...], never_buy: frozenset[str]) -> str:
    """Say which ETFs *left_out* have no price of a unit, and the mend; empty if none is left out for that."""
    unpriced = {etf.ticker for etf in market.etfs if etf.price_aud is None}
    tickers = [ticker for ticker in left_out if ticker in unpriced]
    # An account may buy no ETF without a price; without an account, an ETF is left out since the customer refuses it.
    if not tickers or not unpriced <= never_buy:
        return ""
    return (
        f"; market {market.id} has no price of a unit of {', '.join(tickers)}, so that an account cannot buy them:"
        " build it with --unit-prices, or state price_aud in --facts"
    )


def _refuse_small_universe(mandate: Mandate, size: int, left_out: tuple[str, ...], unpriced: str) -> None:
    """Refuse rules that ask for more ETFs than can be bought."""
    pod, cap, least = mandate.pod, mandate.max_position, mandate.min_effective_holdings
    choice = f"only {size} of its {counted(len(mandate.universe), 'ETF')} can be bought"
    choice += f" (not {', '.join(left_out)})" if left_out else ""
    choice += unpriced
    universe = Conflict(f"{pod}.universe", f"{pod} may hold {', '.join(mandate.universe)}, and {choice}")
    if size * cap < 1 - _ALL:
        name, words = f"{pod}.max_position", f"{pod} may put at most {cap:.0%} into one ETF"
        to = math.ceil(1e4 / size) / 1e4 if size else 0.0
        repair = Repair(name, f"{pod}'s max_position {cap:.2%} to {to:.2%}", cap, to)
    elif size < least:
        name, words = f"{pod}.min_effective_holdings", f"{pod} alone must have at least {least:g} effective holdings"
        repair = Repair(name, f"{pod}'s min_effective_holdings {least:g} to {size}", least, float(size))
    else:
        return
    # One change is not enough where the universe is too small for both rules.
    repairs = (repair,) if size and (size >= least or size * cap >= 1 - _ALL) else ()
    message = f"{words}, but {choice}"
    if not unpriced:
        message += ": ease that limit, or let it buy more of them" if size else ": let it buy others"
    raise UnreachableMandateError(message, (), (Conflict(name, words), universe), repairs)


def _served(stage: _Stage, policy: _Policy) -> dict[Measure, float]:
    """Find, goal by goal, the level at which each goal can be kept together with the earlier goals."""
    levels: dict[Measure, float] = {}
    for goal in pod_goals(stage.mandate, policy.priorities):
        best = figures(stage.market, _optimum(stage, goal.measure, levels)).of(goal.measure)
        levels[goal.measure] = goal.asked if goal.can_be_kept(best) else goal.held(best, policy.tolerance)
    return levels


def _refuse_unreachable(mandate: Mandate, best_alone: Mapping[Measure, float]) -> None:
    shortfalls = tuple(Shortfall(mandate.pod, m, asked, best_alone[m]) for m, asked in mandate.goals.items())
    if out_of_reach := tuple(s for s in shortfalls if not s.reachable):
        sentences = "; ".join(
            f"{s.measure.words(s.asked)} was asked, {s.measure.show(s.best_alone)} is the best there is"
            for s in out_of_reach
        )
        message = f"No mix of {mandate.pod}'s ETFs reaches its goals: {sentences}. {_GIVE_WAY}"
        raise UnreachableMandateError(message, out_of_reach)


def _conflict(mandate: Mandate, best_alone: Mapping[Measure, float], stage: _Stage) -> UnreachableMandateError:
    """Report goals that can each be met alone: the best figure of each goal while the other goals are kept."""
    shortfalls = []
    for measure, level in mandate.goals.items():
        others = {m: a for m, a in mandate.goals.items() if m is not measure}
        u = stage.solve(measure, others, mandate.min_effective_holdings)
        best = None if u is None else figures(stage.market, u).of(measure)
        shortfalls.append(Shortfall(mandate.pod, measure, level, best_alone[measure], best))
    sentences = "; ".join(
        s.measure.words(s.asked)
        + (f" ({s.measure.show(s.best_together)} with the others kept)" if s.best_together is not None else "")
        for s in shortfalls
    )
    message = (
        f"{mandate.pod} can meet each of its goals, but not all together with at least"
        f" {mandate.min_effective_holdings:g} effective holdings: {sentences}. {_GIVE_WAY}"
    )
    return UnreachableMandateError(message, tuple(shortfalls))


class _Inputs:
    """The figures of a pod's ETFs in one market.

    Attributes:
        factor: Of their covariance, ``factor @ factor.T``.
        risk_scale: Volatility of equal weights.
        largest_risk: The largest volatility of one ETF.
        excess: Expected returns above cash.
        rows: Figures that are linear in the weights, by measure.
    """

    def __init__(self, market: Market, universe: list[int]) -> None:
        Sigma = market.Sigma[np.ix_(universe, universe)]
        self.factor: Matrix = np.linalg.cholesky(Sigma).astype(float)
        self.risk_scale = float(np.sqrt(Sigma.sum())) / len(universe)
        self.largest_risk = float(np.sqrt(np.diag(Sigma).max()))
        returns = market.expected_returns[universe]
        self.excess = returns - market.risk_free
        self.rows: dict[Measure, Vector] = {
            Measure.RETURN: returns,
            Measure.YIELD: grossed_up_yields(market)[universe],
            Measure.LIQUIDITY: market.column("liquidity")[universe],
        }
        self._covariance = market.Sigma

    def same_risk(self, other: _Inputs) -> bool:
        """Return whether both have one covariance."""
        return self._covariance is other._covariance

    def add_risk(self, build: Builder, x: list[int], largest: float) -> int:
        """Declare the volatility of the variables *x*, of which none is above *largest*, in units of ``risk_scale``."""
        risk = build.variable(upper=largest * self.largest_risk / self.risk_scale)
        build.norm_at_most(self.factor.T / self.risk_scale, x, {risk: 1.0})
        return risk


class _Stage:
    """The programs of one pod; they differ in the measure to optimise and in the goals to keep.

    Goals are of the *stated* figures, those of the market; the mandate's objective is of the *aimed* ones, those of the
    worst case where the customer asks for a robust portfolio.
    """

    def __init__(self, market: Market, mandate: Mandate, universe: list[int], aimed: Market) -> None:
        self.market, self.mandate, self.universe = market, mandate, universe
        self.stated = _Inputs(market, universe)
        self.aimed = self.stated if aimed is market else _Inputs(aimed, universe)

    @cached_property
    def best_alone(self) -> Mapping[Measure, float]:
        """The best figure of each goal without any other goal."""
        return {measure: self.best(measure) for measure in self.mandate.goals}

    @property
    def known_bests(self) -> Mapping[Measure, float]:
        """The same where they were needed, else none."""
        return self.best_alone if "best_alone" in vars(self) else {}

    def beats_cash(self, inputs: _Inputs) -> bool:
        """Return whether any mix within the pod's limits is expected to return more than cash."""
        if float(inputs.excess.mean()) > _MEASURABLE:
            # Equal weights keep every limit of a pod that has a portfolio.
            return True
        u = self.solve(Measure.RETURN, {}, self.mandate.min_effective_holdings, inputs=inputs)
        return u is not None and float(u[self.universe] @ inputs.excess) > _MEASURABLE

    def solve_objective(self, goals: Mapping[Measure, float]) -> Vector | None:
        """Make the mandate's objective as good as possible; see ``solve``. Weights that are zero are exactly zero."""
        objective, least = self.mandate.objective.measure, self.mandate.min_effective_holdings
        return self.solve(objective, goals, least, inputs=self.aimed, dust=False)

    def best(self, measure: Measure) -> float:
        """Find the best figure of one measure without any goal.

        Raises:
            SolverError: If the solver finds no portfolio, although one must exist.
        """
        u = self.solve(measure, {}, 1.0)
        if u is None:
            message = (
                f"the solver found no portfolio for {self.mandate.pod}'s {measure.label} alone:"
                " report this with the request_id"
            )
            raise SolverError(message)
        return figures(self.market, u).of(measure)

    def solve(
        self,
        measure: Measure,
        goals: Mapping[Measure, float],
        effective_holdings: float,
        *,
        inputs: _Inputs | None = None,
        dust: bool = True,
    ) -> Vector | None:
        """Optimise *measure*, by default of the stated figures.

        Return the weights, shape (n,), or None if *goals* contradict each other.

        With *dust*, the weights have the solver's accuracy and no exact zeros: enough for figures, not for holdings.

        Raises:
            SolverError: If the solver cannot decide, not even with room at the goals.
        """
        states = np.full(len(self.universe), FREE, dtype=np.int8)
        # A goal set exactly at the best there is leaves no interior point.
        for room in (0.0, *ROOMS) if goals else (0.0,):
            eased = {goal: goal.with_room(asked, room) for goal, asked in goals.items()}
            relaxation = Relaxation(self.program(measure, eased, effective_holdings, inputs or self.stated))
            answer = relaxation.solve_sharply(states)
            if answer.outcome is Outcome.SOLVED:
                break
        if answer.outcome is Outcome.INFEASIBLE:
            return None
        if answer.outcome is Outcome.TROUBLE:
            raise self._undecided()
        x = (answer.x if dust else self.without_dust(relaxation, states, answer))[: len(self.universe)]
        u = np.zeros(len(self.market.etfs))
        u[self.universe] = np.maximum(x, 0.0) / np.maximum(x, 0.0).sum()
        return u

    def without_dust(self, relaxation: Relaxation, states: States, answer: RelaxationResult) -> Vector:
        """Set negligible weights to zero where the optimum without them is equally good.

        Interior points have no zeros. All candidates are tried together; if the optimum is worse, each half of the
        candidates is tried, and so on.
        """
        n = len(self.universe)
        weights = answer.x[:n] / answer.x[n]
        limit = float(relaxation.program.q @ answer.x) + _NOTHING_LOST
        x, states = answer.x, states.copy()
        candidates = [int(j) for j in np.argsort(weights) if weights[j] < _CANDIDATE]
        groups = [candidates] if candidates else []
        while groups:
            group = groups.pop()
            tried = states.copy()
            tried[group] = OFF
            sparse = relaxation.solve_sharply(tried)
            if sparse.outcome is Outcome.SOLVED and relaxation.program.q @ sparse.x <= limit:
                x, states = sparse.x, tried
            elif len(group) > 1:
                # Try the half with the smaller weights next.
                groups += [group[len(group) // 2 :], group[: len(group) // 2]]
        return x

    def _undecided(self) -> SolverError:
        message = (
            f"the solver could not decide {self.mandate.pod}'s own portfolio in market {self.market.id}:"
            " report this with the request_id"
        )
        return SolverError(message)

    def program(
        self, measure: Measure, goals: Mapping[Measure, float], effective_holdings: float, inputs: _Inputs
    ) -> Program:
        """Build the program in ``x = kappa u`` and ``kappa``, with volatilities in units of their ``risk_scale``."""
        build = Builder()
        n = len(self.universe)
        ratio = measure is Measure.SHARPE
        largest = _KAPPA if ratio else 1.0
        x = [build.variable(upper=largest) for _ in range(n)]
        for j in x:
            build.switch(j)
        kappa = build.variable(upper=largest)
        risk = inputs.add_risk(build, x, largest)
        build.equal({**dict.fromkeys(x, 1.0), kappa: -1.0}, 0.0)
        if ratio:
            build.equal(dict(zip(x, inputs.excess / inputs.excess.max(), strict=True)), 1.0)
        else:
            build.equal({kappa: 1.0}, 1.0)
        if n * self.mandate.max_position > 1 + _ALL:
            for j in x:
                build.at_most({j: 1.0, kappa: -self.mandate.max_position}, 0.0)
        if max(effective_holdings, 1 / self.mandate.max_position) > n * (1 - _ALL):
            # The limits allow only equal weights. A single point has no interior for the solver, so fix the weights.
            for j in x[1:]:
                build.equal({j: 1.0, kappa: -1 / n}, 0.0)
        elif effective_holdings > 1:
            build.norm_at_most(np.eye(n), x, {kappa: 1 / np.sqrt(effective_holdings)})
        stated_risk = risk if inputs.same_risk(self.stated) else self.stated.add_risk(build, x, largest)
        for goal, level in goals.items():
            self.require(build, x, kappa, stated_risk, goal, level)
        if measure in (Measure.VOLATILITY, Measure.SHARPE):
            build.cost({risk: 1.0})
        else:
            row = inputs.rows[measure]
            build.cost(dict(zip(x, -row / max(abs(row).max(), 1e-12), strict=True)))
        return build.build()

    def require(self, build: Builder, x: list[int], kappa: int, risk: int, goal: Measure, level: float) -> None:
        """Add one goal of the stated figures as a row, scaled to order one."""
        risk_scale = self.stated.risk_scale
        if goal is Measure.VOLATILITY:
            build.at_most({risk: 1.0, kappa: -level / risk_scale}, 0.0)
        elif goal is Measure.SHARPE:
            scale = risk_scale * max(1.0, level)
            build.at_most({risk: level * risk_scale / scale, **_row(x, -self.stated.excess / scale)}, 0.0)
        else:
            row = self.stated.rows[goal]
            scale = max(abs(row).max(), abs(level), 1e-12)
            build.at_least({**_row(x, row / scale), kappa: -level / scale}, 0.0)


def _row(variables: list[int], values: Vector) -> dict[int, float]:
    return dict(zip(variables, values.tolist(), strict=True))
