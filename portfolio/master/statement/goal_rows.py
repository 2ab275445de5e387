"""The rows that keep a goal at a figure, and the objectives that optimise a goal's figure.

Each row is convex for a fixed figure, and is scaled to order one. Each row has a ``Lever``: the change of the row when
the figure is eased. The marginal price of a goal follows from the lever.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from portfolio.market.measure import Measure
from portfolio.terms.goals import Row

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

    from portfolio import Vector
    from portfolio.master.statement.structure import Structure
    from portfolio.terms.goals import Goal

# A Sharpe ratio nearer to zero than this is zero within rounding.
_NO_RATIO = 1e-9

# Figures are not scaled up to order one if all are nearer to zero than this.
_NO_SCALE = 1e-12


@dataclass(frozen=True, slots=True)
class Lever:
    """The change of a row of the program if a goal's figure is eased by one unit.

    The slack of the row grows by ``constant + slope.x``.

    Attributes:
        row: Number of the row among the inequalities, or number of the cone.
        cone: Whether the row is the first row of a cone.
        constant: See above.
        slope: See above.
    """

    row: int
    constant: float = 0.0
    slope: Mapping[int, float] = field(default_factory=dict)
    cone: bool = False

    def room(self, x: Vector) -> float:
        """Compute the slack that the row gains at the point *x*."""
        return self.constant + sum(a * float(x[j]) for j, a in self.slope.items())


def require(form: Structure, goal: Goal, level: float) -> Lever | None:
    """Add the row that keeps *goal* at *level*. Return the lever, or None if the goal cannot be eased by a little."""
    if isinstance(goal.figure, Measure):
        return _require_of_pod(form, goal, level)
    return _REQUIRE[Row(goal.figure)](form, level) if goal.figure is not None else None


def aim_at(form: Structure, goal: Goal, level: float) -> None:
    """Make the goal's figure the objective; for a ratio, the objective is to beat *level* by as much as possible."""
    if isinstance(goal.figure, Measure):
        _aim_at_pod(form, goal, level)
    elif goal.figure is not None:
        _AIM[Row(goal.figure)](form, level)


def is_ratio(form: Structure, goal: Goal) -> bool:
    """Return whether the figure is a ratio, which needs several steps to optimise.

    Every figure of a pod is a ratio if the amount that the pod invests is not fixed.
    """
    ratios = (Measure.SHARPE, Row.SHARPE_RATIO, Row.TAX_EFFICIENCY)
    return goal.figure in ratios or (form.stock is not None and isinstance(goal.figure, Measure))


def aim_key(form: Structure, goal: Goal) -> Hashable | None:
    """Return the key of the row that keeps *goal*, where the objective that aims at the goal is that row plus one."""
    return (1, goal.name, 0) if is_ratio(form, goal) else None


# Goals of a pod.


def _pod(form: Structure, goal: Goal) -> int:
    return [sleeve.mandate.pod for sleeve in form.sleeves].index(goal.pods[0])


def _require_of_pod(form: Structure, goal: Goal, level: float) -> Lever:
    p, measure = _pod(form, goal), goal.measure
    unit = form.sleeves[p].figures.volatility
    if measure is Measure.VOLATILITY:
        row, limit = form.of_invested(p, level / unit)
        number = form.build.at_most({form.risk(p): 1.0, **{x: -a for x, a in row.items()}}, limit)
        slope, constant = form.of_invested(p, 1 / unit)
        return Lever(number, constant=constant, slope=slope)
    if measure is Measure.SHARPE:
        row, scale = _below_ratio(form, p, level)
        return Lever(form.build.at_most(row, 0.0), slope={form.risk(p): unit / scale})
    column = form.column(measure)
    scale = max(float(abs(column).max()), abs(level), _NO_SCALE)
    row_asked, limit = form.of_invested(p, level / scale)
    row = {x: a - row_asked.get(x, 0.0) for x, a in form.row(p, column / scale).items()}
    slope, constant = form.of_invested(p, 1 / scale)
    return Lever(form.build.at_least(row, limit), constant=constant, slope=slope)


def _aim_at_pod(form: Structure, goal: Goal, level: float) -> None:
    p, measure = _pod(form, goal), goal.measure
    if measure is Measure.VOLATILITY:
        form.build.cost({form.risk(p): 1.0})
        _beat(form, p, level / form.sleeves[p].figures.volatility, 1.0)
    elif measure is Measure.SHARPE:
        # Near the optimum this cost is near zero: the constant keeps a relative gap meaningful.
        form.build.offset += 1
        form.build.cost(_below_ratio(form, p, level)[0])
    else:
        column = form.column(measure)
        scale = max(float(abs(column).max()), _NO_SCALE)
        form.build.cost(form.row(p, -column / scale))
        _beat(form, p, level / scale, -1.0)


def _beat(form: Structure, p: int, level: float, sign: float) -> None:
    """Measure the figure relative to *level* per dollar invested, where the invested amount is not fixed."""
    if form.stock is not None:
        # Near the optimum this cost is near zero: the constant keeps a relative gap meaningful.
        form.build.offset += 1
        form.build.cost({x: -sign * a for x, a in form.of_invested(p, level)[0].items()})


def _below_ratio(form: Structure, p: int, ratio: float) -> tuple[dict[int, float], float]:
    """Write the shortfall of a sleeve below a Sharpe ratio, ``ratio * s - (m - rf)``, divided by the returned scale."""
    unit = form.sleeves[p].figures.volatility
    scale = unit * max(1.0, abs(ratio))
    excess = form.market.expected_returns - form.market.risk_free
    return {form.risk(p): ratio * unit / scale, **form.row(p, -excess / scale)}, scale


# Rows of the whole portfolio. The number of ETFs and the largest position are bounds: the formulation reads their
# levels directly, so their ``_require`` functions add no row.


def _require_few_etfs(form: Structure, level: float) -> None:
    del form, level


def _aim_at_few_etfs(form: Structure, level: float) -> None:
    del level
    form.build.cost(dict.fromkeys(form.held, 1 / max(form.naive.etfs, 1)))


def _require_few_duplicates(form: Structure, level: float) -> None:
    if shared := form.shared():
        form.build.at_most(dict.fromkeys(shared, 1.0), level)


def _aim_at_few_duplicates(form: Structure, level: float) -> None:
    del level
    form.build.cost(dict.fromkeys(form.shared(), 1.0))


def _require_no_large_position(form: Structure, level: float) -> None:
    del form, level


def _aim_at_no_large_position(form: Structure, level: float) -> None:
    del level
    largest = form.build.variable(upper=1.0, cost=1.0)
    for j in form.by_etf:
        form.build.at_least({largest: 1.0, **{u: -c for u, c in form.position(j).items()}}, 0.0)


def _require_low_cost(form: Structure, level: float) -> Lever:
    naive = form.naive.buying_cost_aud
    row, constant = form.trading_costs()
    return Lever(form.build.at_most(row, level / naive - constant), constant=1 / naive)


def _aim_at_low_cost(form: Structure, level: float) -> None:
    del level
    row, constant = form.trading_costs()
    form.build.offset += constant
    form.build.cost(row)


def _overtaxed(form: Structure, level: float) -> tuple[dict[int, float], float, float]:
    """Write net tax above the amount that a tax efficiency allows, as a row and a constant, divided by a scale."""
    tax, tax_of_cash = form.net_tax()
    earned, earned_by_cash = form.expected_return()
    allowed = 1 - level / 10
    scale = form.naive.gross_income_aud / form.terms.total_capital_aud or 1.0
    row = {x: (tax.get(x, 0.0) - allowed * earned.get(x, 0.0)) / scale for x in tax | earned}
    return row, (tax_of_cash - allowed * earned_by_cash) / scale, scale


def _require_tax_efficiency(form: Structure, level: float) -> Lever:
    row, constant, scale = _overtaxed(form, level)
    earned, earned_by_cash = form.expected_return()
    if min(form.market.expected_returns.min(), form.terms.cash_rate) < 0:
        # The ratio has no meaning where nothing is earned.
        form.build.at_least(earned, -earned_by_cash)
    slope = {x: a / (10 * scale) for x, a in earned.items()}
    return Lever(form.build.at_most(row, -constant), constant=earned_by_cash / (10 * scale), slope=slope)


def _aim_at_tax_efficiency(form: Structure, level: float) -> None:
    row, constant, _ = _overtaxed(form, level)
    form.build.offset += 1 + constant
    form.build.cost(row)


def needs_stronger_row(form: Structure) -> bool:
    """Return whether a stronger row stands in for the Sharpe ratio: that of the separate pods is negative."""
    return form.naive.sharpe_ratio < -_NO_RATIO


def _require_sharpe_ratio(form: Structure, ratio: float) -> Lever:
    """Keep a Sharpe ratio of the whole portfolio.

    For a negative ratio the rule is not convex. The tangent of the volatility at ``case.touched`` then replaces the
    volatility: this row implies the rule. The mean of the ETFs' volatilities by weight is at least
    the volatility: the rule implies the ``weaker`` row with this mean.
    """
    unit = form.naive.volatility
    excess, of_cash = form.expected_return(over=form.market.risk_free)
    if ratio <= _NO_RATIO:
        # A ratio of zero that the solver's room takes below zero needs no stronger row.
        if needs_stronger_row(form):
            form.restricted.append(f"never_worse.{Row.SHARPE_RATIO}")
        Sigma = form.market.Sigma
        at = form.case.touched
        slope = np.sqrt(np.diag(Sigma)) if form.weaker else Sigma @ at / np.sqrt(at @ Sigma @ at)
        volatility = form.whole(slope / unit)
        row = form.build.at_least({x: a / unit - ratio * volatility[x] for x, a in excess.items()}, -of_cash / unit)
        return Lever(row, slope=volatility)
    row = _risk_of_the_whole(form, _times(excess, 1 / (ratio * unit)), of_cash / (ratio * unit))
    eased = 1 / (ratio**2 * unit)
    return Lever(row, constant=eased * of_cash, slope=_times(excess, eased), cone=True)


def _aim_at_sharpe_ratio(form: Structure, ratio: float) -> None:
    unit, ratio = form.naive.volatility, max(ratio, 0.0)
    excess, of_cash = form.expected_return(over=form.market.risk_free)
    L = form.case.factor()
    risk = form.build.variable(upper=float(np.linalg.norm(L, axis=1).max()) / unit)
    _risk_of_the_whole(form, {risk: 1.0})
    scale = max(1.0, ratio)
    form.build.offset += 1 - of_cash / (unit * scale)
    form.build.cost({risk: ratio / scale, **_times(excess, -1 / (unit * scale))})


def _times(row: Mapping[int, float], factor: float) -> dict[int, float]:
    return {x: factor * a for x, a in row.items()}


def _risk_of_the_whole(form: Structure, row: Mapping[int, float], limit: float = 0.0) -> int:
    """Keep the volatility of the whole, in units of the volatility of the separate pods, below a row and a constant."""
    L = form.case.factor() / form.naive.volatility
    columns = [form.sleeves[h.p].share * L[h.j] for h in form.holdings]
    return form.build.norm_at_most(np.array(columns).T, [h.u for h in form.holdings], row, limit)


_REQUIRE = {
    Row.ETFS: _require_few_etfs,
    Row.DUPLICATED_ETFS: _require_few_duplicates,
    Row.LARGEST_POSITION: _require_no_large_position,
    Row.SHARPE_RATIO: _require_sharpe_ratio,
    Row.TAX_EFFICIENCY: _require_tax_efficiency,
    Row.TRADING_COST: _require_low_cost,
}
_AIM = {
    Row.ETFS: _aim_at_few_etfs,
    Row.DUPLICATED_ETFS: _aim_at_few_duplicates,
    Row.LARGEST_POSITION: _aim_at_no_large_position,
    Row.SHARPE_RATIO: _aim_at_sharpe_ratio,
    Row.TAX_EFFICIENCY: _aim_at_tax_efficiency,
    Row.TRADING_COST: _aim_at_low_cost,
}
