"""The orders from a customer's holdings to the portfolio, in whole units, each with a reason."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from portfolio.case.distance import MAX_TAX, MAX_TURNOVER
from portfolio.conic.solution import relative_gap
from portfolio.errors import SolverError, UnreachableGoalError
from portfolio.market.figures import NEARLY_THE_SAME, etf_correlation
from portfolio.market.measure import Measure
from portfolio.master.coordinated_portfolio import optimise_all_pods
from portfolio.master.statement.objective import objective, objective_terms
from portfolio.orders.idle import explain_idle
from portfolio.orders.step import describe_step
from portfolio.orders.waiting import find_waits
from portfolio.orders.whole_units import round_to_units, units_sold
from portfolio.published.order import Order, ParcelSold, Side, UnderReform
from portfolio.published.trading import DoesNotPay, GoalInUnits, LossReplaced, OwnerGains, Tolerated, Trading
from portfolio.published.waiting import LaterOptimum
from portfolio.tax.brackets import most_above
from portfolio.tax.gains import Assessment, assess, assess_each
from portfolio.tax.kinds import Kind
from portfolio.tax.low_income import low_income
from portfolio.tax.sale import realise
from portfolio.terms.goals import Row

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from portfolio import Matrix, Vector
    from portfolio.case.case import Case
    from portfolio.case.inventory import Inventory, Lot
    from portfolio.market.snapshot import Market
    from portfolio.master.coordinated_portfolio import CoordinatedPortfolio
    from portfolio.orders.whole_units import WholeUnits
    from portfolio.pod.sleeve import Sleeve
    from portfolio.published.waiting import Wait
    from portfolio.tax.low_income import LowIncome
    from portfolio.tax.parcels import Parcel
    from portfolio.terms.owned import Owned
    from portfolio.terms.rules import Terms

# Selling at a loss and buying a similar ETF may be a scheme to obtain a tax benefit. Australia has no rule of days, but
# a test of purpose (ITAA 1936, Part IVA; TR 2008/1). At this correlation or above, a person must review the orders.
REPLACES = 0.95

# Steps of the search for the portfolio that waits: a number and not a time, so that the answer is reproducible.
_STEPS = 400

# Holdings this near to a limit are at the limit: as exact as the solver.
_AT_LIMIT = 1e-7


def plan(case: Case, master: CoordinatedPortfolio, *, left_s: Callable[[], float] = lambda: math.inf) -> Trading | None:
    """Plan the orders; None if the terms contain no holdings of today.

    Args:
        case: The customer's case.
        master: The coordinated portfolio.
        left_s: Returns the seconds left; the searches end in time with the incumbent.

    Raises:
        ConflictError: If no portfolio in whole units keeps the rules.
        SolverError: If no portfolio in whole units was found, without a proof that none exists.
    """
    market, terms, stock = case.market, case.terms, case.stock
    naive, moved = case.move_to(case.side_by_side, pooled=False), case.move_to(master.X)
    if stock is None or terms.owned is None or naive is None or moved is None:
        return None
    whole = round_to_units(case, stock, master, left_s=left_s)
    counted = _tax(terms, stock, whole.sold)
    stock = stock.selling(units_sold(case, stock, whole.units), terms.owned, terms.brokerage_aud)
    orders = tuple(_orders(case, stock, whole))
    spent = sum(order.value_aud * (1 if order.side is Side.BUY else -1) for order in orders)
    brokerage, spread = sum(order.brokerage_aud for order in orders), sum(order.spread_aud for order in orders)
    gains = _tax(terms, stock, whole.sold)
    cost = brokerage + spread + gains.tax_aud
    left_aud = terms.owned.money_aud - spent - brokerage - spread
    aside_aud = terms.owned.payments.aside_aud(gains.tax_aud)
    goals = tuple(_goals(case, master, whole.X, cost))
    before = _goals(case, master, master.X, None)
    # The objective counts the tax as the optimisation and its bound do: without fixed brokerage.
    value = _objective(case, whole.X, brokerage + spread + counted.net_cost_aud)
    waits = tuple(find_waits(terms.owned, stock, whole.sold))
    return Trading(
        naive=naive,
        master=moved,
        orders=orders,
        units=_units(market, whole),
        pods=_amounts(case, stock, whole),
        cash_left_aud=left_aud,
        brokerage_aud=brokerage,
        spread_aud=spread,
        gains=gains,
        goals=goals,
        gave_way=tuple(_gave_way(master, goals)),
        goals_kept=all(now.met or not then.met for now, then in zip(goals, before, strict=True)),
        objective=value,
        rounding_cost=master.certificate.objective - value,
        losses_replaced=tuple(_losses_replaced(market, orders)),
        # Where rules are targets, the step tells which positions are above their limits.
        tolerated=() if case.targets else tuple(_tolerated(case, whole.X)),
        cut_short=whole.cut_short,
        brokerage_in_gains=True,
        waits=waits,
        later=_later(case, master, waits, goals, left_s=left_s) if waits and left_s() > 0 else None,
        idle=explain_idle(case, stock, master, left_aud - aside_aud, whole.units, left_s=left_s),
        tax_may_exceed_aud=_may_exceed(terms.owned, stock, whole.sold),
        does_not_pay=None if orders else _does_not_pay(case, master, lambda: left_s() <= 0),
        step=describe_step(case, whole.X, left_aud / stock.capital_aud, _taken(stock, orders, gains.tax_aud)),
        low_income=_low_income(terms.owned, stock, whole.sold),
        owners=tuple(_owner_gains(terms.owned, stock, whole.sold)),
    )


def _taken(stock: Inventory, orders: Sequence[Order], tax_aud: float) -> dict[str, float]:
    """Measure what the orders use of each budget, as shares of the capital."""
    turnover_aud = sum(order.value_aud for order in orders) / 2
    return {MAX_TAX: tax_aud / stock.capital_aud, MAX_TURNOVER: turnover_aud / stock.capital_aud}


def at_most_better_by(master: CoordinatedPortfolio, trading: Trading | None) -> float | None:
    """Bound how much better any portfolio that keeps these rules and goals scores than these orders, as a part.

    Without orders, than the portfolio. None where that is not proven: where whole units let goals give way further, or
    a stronger rule stood in for a goal.
    """
    restricted = any(name.startswith("never_worse.") for name in master.certificate.restricted)
    if restricted or (trading is not None and trading.gave_way):
        return None
    score = master.certificate.objective if trading is None else trading.objective
    return relative_gap(-score, -master.certificate.bound)


def _gave_way(master: CoordinatedPortfolio, goals: Sequence[GoalInUnits]) -> Iterator[str]:
    """Name the goals that whole units do not keep at the portfolio's levels."""
    for goal, now in zip(master.goals, goals, strict=True):
        # An empty pod has no figure, and gives up no goal.
        empty = now.delivered is None and isinstance(goal.figure, Measure)
        if goal.name in master.held and not empty and not goal.reaches(master.held[goal.name], now.delivered):
            yield goal.name


def _later(
    case: Case,
    master: CoordinatedPortfolio,
    waits: Sequence[Wait],
    now: Sequence[GoalInUnits],
    *,
    left_s: Callable[[], float],
) -> LaterOptimum | None:
    """Find the best portfolio that sells nothing of what would save by waiting; None if there is none, or in time.

    Args:
        case: The customer's case.
        master: The portfolio that sells now.
        waits: The parcels that would save.
        now: The goals of the orders that sell now.
        left_s: Returns the seconds left.
    """
    owned = case.terms.owned
    assert owned is not None  # noqa: S101 - the case has holdings of today
    waiting = {(wait.ticker, wait.acquired) for wait in waits}
    patient = case.keeping([k for k, p in enumerate(owned.parcels) if (p.ticker, p.acquired) in waiting])
    stock, steps = patient.stock, iter(range(_STEPS))
    assert stock is not None  # noqa: S101 - the case has holdings of today
    try:
        stop = lambda: left_s() <= 0 or next(steps, None) is None  # noqa: E731
        then_best = optimise_all_pods(patient, stop=stop, known=master.known.copy())
        whole = round_to_units(patient, stock, then_best, left_s=left_s)
    except (UnreachableGoalError, SolverError):
        return None
    counted = _tax(case.terms, stock, whole.sold)
    stock = stock.selling(units_sold(patient, stock, whole.units), owned, case.terms.brokerage_aud)
    orders = tuple(_orders(patient, stock, whole))
    spent = sum(order.value_aud * (1 if order.side is Side.BUY else -1) for order in orders)
    brokerage, spread = sum(order.brokerage_aud for order in orders), sum(order.spread_aud for order in orders)
    gains = _tax(case.terms, stock, whole.sold)
    then = _goals(patient, then_best, whole.X, brokerage + spread + gains.tax_aud)
    reached = {goal.name: goal.reaches for goal in then_best.goals}
    before = {goal.name: goal.delivered for goal in now}
    return LaterOptimum(
        orders=orders,
        units=_units(case.market, whole),
        pods=_amounts(case, stock, whole),
        cash_left_aud=owned.money_aud - spent - brokerage - spread,
        brokerage_aud=brokerage,
        spread_aud=spread,
        gains=gains,
        objective=_objective(patient, whole.X, brokerage + spread + counted.net_cost_aud),
        worse=tuple(
            goal.name
            for goal in then
            if not goal.met
            and (level := before[goal.name]) is not None
            and not reached[goal.name](level, goal.delivered)
        ),
    )


def _units(market: Market, whole: WholeUnits) -> dict[str, float]:
    return {t: float(n) for t, n in zip(market.tickers, whole.units, strict=True) if n > 0}


def _amounts(case: Case, stock: Inventory, whole: WholeUnits) -> dict[str, dict[str, float]]:
    return {
        sleeve.mandate.pod: {
            t: float(x) * stock.capital_aud for t, x in zip(case.market.tickers, row, strict=True) if x > 0
        }
        for sleeve, row in zip(case.sleeves, whole.X, strict=True)
    }


def _tolerated(case: Case, X: Matrix) -> Iterator[Tolerated]:
    """List the positions above their limits, which the rules allow only for drift."""
    limits: list[tuple[str | None, float, Vector]] = [(None, case.terms.rules.max_weight, X.sum(axis=0))]
    limits += [(s.mandate.pod, s.mandate.max_position, row / row.sum()) for s, row in zip(case.sleeves, X, strict=True)]
    for pod, limit, held in limits:
        for j in np.flatnonzero(held > limit + _AT_LIMIT).tolist():
            yield Tolerated(case.market.tickers[j], pod, limit, float(held[j]))


def _does_not_pay(case: Case, master: CoordinatedPortfolio, stop: Callable[[], bool]) -> DoesNotPay | None:
    """Find the best portfolio with free trading, to show that the trades do not pay; None if time ended the search."""
    weighed = case.terms.preferences
    free = case.under(terms=replace(case.terms, preferences=replace(weighed, trading_cost=0.0)))
    try:
        best = optimise_all_pods(free, stop=stop)
    except SolverError:
        return None
    move = case.move_to(best.X)
    assert move is not None  # noqa: S101 - the case has holdings of today
    cost, buying, weight = move.cost_aud, case.naive.buying_cost_aud, weighed.trading_cost
    return DoesNotPay(
        gain=best.certificate.objective - master.certificate.objective,
        cost=weight * (cost - move.gains.losses_value_aud) / buying if buying > 0 else 0.0,
        cost_aud=cost,
        losses_value_aud=move.gains.losses_value_aud,
    )


def _objective(case: Case, X: Matrix, cost_aud: float) -> float:
    """Compute the objective of the holdings *X* after the orders, at the true cost of the orders."""
    parts, buying = objective_terms(case, X), case.naive.buying_cost_aud
    if buying > 0:
        parts = replace(parts, trading_cost=cost_aud / buying)
    return objective(case.terms, parts)


def _goals(case: Case, master: CoordinatedPortfolio, X: Matrix, cost_aud: float | None) -> Iterator[GoalInUnits]:
    """Report the figure of every goal for the holdings *X*; *cost_aud* is the cost of the orders, if any."""
    for goal in master.goals:
        value = case.delivered(goal, X)
        if goal.figure is Row.TRADING_COST and cost_aud is not None:
            value = cost_aud
        yield GoalInUnits(goal.name, value, goal.met(value))


def _tax(terms: Terms, stock: Inventory, sold: Sequence[float]) -> Assessment:
    assert terms.owned is not None  # noqa: S101 - the caller checks this
    realised = realise(terms.owned.parcels, sold, stock.quotes, terms.owned.taxpayer, terms.owned.law)
    return assess(terms.owned.taxpayer, realised)


def _owner_gains(owned: Owned, stock: Inventory, sold: Sequence[float]) -> Iterator[OwnerGains]:
    realised = realise(owned.parcels, sold, stock.quotes, owned.taxpayer, owned.law)
    if owners := owned.taxpayer.owners:
        for owner, gains in zip(owners, assess_each(owned.taxpayer, realised), strict=True):
            yield OwnerGains(owner.owner_id, owner.share, gains)


def _may_exceed(owned: Owned, stock: Inventory, sold: Sequence[float]) -> float | None:
    """Bound the tax by brackets above the tax at a marginal rate, over all owners that have one; None if none has."""
    realised = realise(owned.parcels, sold, stock.quotes, owned.taxpayer, owned.law)
    parts = zip(owned.taxpayer.each, assess_each(owned.taxpayer, realised), strict=True)
    more = [most_above(alone, part.net_capital_gain_aud, owned.as_of) for (_, alone), part in parts]
    known = [aud for aud in more if aud is not None]
    return sum(known) if known else None


def _low_income(owned: Owned, stock: Inventory, sold: Sequence[float]) -> LowIncome | None:
    return low_income(owned.taxpayer, realise(owned.parcels, sold, stock.quotes, owned.taxpayer, owned.law))


def _orders(case: Case, stock: Inventory, whole: WholeUnits) -> Iterator[Order]:
    market, sleeves, terms = case.market, case.sleeves, case.terms
    assert terms.owned is not None  # noqa: S101 - the caller checks this
    change = whole.units - stock.units
    tax = _tax(terms, stock, whole.sold).tax_aud
    sells, buys = np.flatnonzero(change < 0).tolist(), np.flatnonzero(change > 0).tolist()
    for side, j in (*((Side.SELL, j) for j in sells), *((Side.BUY, j) for j in buys)):
        mine = [lot for lot in stock.lots if lot.j == j and whole.sold[lot.parcel] > 0]
        without = [0.0 if stock.lots[k].j == j else units for k, units in enumerate(whole.sold)]
        units, price = abs(float(change[j])), float(stock.prices[j])
        yield Order(
            side=side,
            ticker=market.tickers[j],
            units=units,
            price_aud=price,
            value_aud=units * price,
            brokerage_aud=terms.brokerage_aud + terms.owned.brokerage_share * units * price,
            spread_aud=units * price * market.etfs[j].half_spread,
            pods=_owners(sleeves, whole.X, j),
            parcels=tuple(_sold(lot, terms.owned.parcels[lot.parcel], whole.sold[lot.parcel]) for lot in mine),
            tax_aud=tax - _tax(terms, stock, without).tax_aud if mine else 0.0,
            why=_why(market, sleeves, stock, whole, side, j),
        )


def _sold(lot: Lot, parcel: Parcel, units: float) -> ParcelSold:
    reform = None
    if (rebased := lot.rebased) is not None:
        value = None if rebased.value_aud is None else rebased.value_aud * units
        cost = parcel.unit_cost_aud * units if value is None else value
        reform = UnderReform(value, rebased.index_factor, cost * rebased.index_factor, lot.net_aud * units)
    return ParcelSold(
        acquired=parcel.acquired,
        units=units,
        cost_base_aud=parcel.unit_cost_aud * units,
        realised_aud={kind: gain * units for kind, gain in lot.gains.items()},
        reform=reform,
    )


def _owners(sleeves: Sequence[Sleeve], X: Matrix, j: int) -> tuple[str, ...]:
    return tuple(sleeve.mandate.pod for sleeve, row in zip(sleeves, X, strict=True) if row[j] > 0)


def _why(market: Market, sleeves: Sequence[Sleeve], stock: Inventory, whole: WholeUnits, side: Side, j: int) -> str:
    """Write the reason for an order: the pods that need the ETF, or the duplicate that is sold."""
    if owners := _owners(sleeves, whole.X, j):
        # In AUD: of a share, a reader would have to know whether it is of the money before or after the payments.
        needed, owned = (f"{units[j] * stock.prices[j]:,.2f} AUD" for units in (whole.units, stock.units))
        said = f"{' and '.join(owners)} need{'s' * (len(owners) == 1)} {needed} of it, {owned} is owned"
        naive = {sleeve.mandate.pod: sleeve.share * float(sleeve.weights[j]) for sleeve in sleeves if sleeve.weights[j]}
        if side is Side.BUY and len(naive) > 1 and sum(naive.values()) > float(stock.weights[j]):
            said += f"; {', '.join(naive)} would each have bought it"
        return said
    same = _nearly_the_same(market, whole.units, j)
    universe = any(market.tickers[j] in sleeve.mandate.universe for sleeve in sleeves)
    said = "no pod holds it in the portfolio" if universe else "no pod that takes part may hold it"
    return said + (f"; {', '.join(same)}, which is held, does nearly the same" if same else "")


def _nearly_the_same(market: Market, units: Vector, j: int) -> list[str]:
    held = np.flatnonzero(units > 0).tolist()
    return [market.tickers[i] for i in held if i != j and etf_correlation(market, i, j) >= NEARLY_THE_SAME]


def _losses_replaced(market: Market, orders: Sequence[Order]) -> Iterator[LossReplaced]:
    where = {ticker: j for j, ticker in enumerate(market.tickers)}
    losing = [o for o in orders if any(part.realised_aud.get(Kind.LOSS, 0.0) > 0 for part in o.parcels)]
    bought = [o for o in orders if o.side is Side.BUY]
    for sold, new in product(losing, bought):
        rho = etf_correlation(market, where[sold.ticker], where[new.ticker])
        if rho >= REPLACES:
            yield LossReplaced(sold.ticker, new.ticker, rho)
