"""Check the rules that force sales: each is told with a portfolio that does without the rule, and proves the saving.

That portfolio must keep every other rule and target, score no less than the suggestion, and cost as much less to
switch to as is told. Whether another saves more takes a solver to find, and is not claimed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from portfolio.check.facts import FIGURE, RULE, same
from portfolio.check.move import Move, wrong_units
from portfolio.check.orders import keeps
from portfolio.check.trades import limits

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from portfolio import Matrix
    from portfolio.check.facts import Event
    from portfolio.check.orders import Orders
    from portfolio.check.portfolio import Portfolio

_MOST_NAMED, _WORTH = 3, 0.01
# What a rule is where it is left out.
_LEFT_OUT: Mapping[str, object] = {
    "max_etfs": np.inf,
    "min_weight": 0.0,
    "max_weight": 1.0,
    "duplicates": "penalise",
    "min_correlation_distance": 0.0,
    "never_sell": [],
    "capital_tolerance": np.inf,
    "min_order_aud": 0.0,
    "max_turnover": None,
    "max_tax_aud": None,
}
# Rules that the request's rules do not name: a pod's largest position, and the account's ``outside`` with a ticker.
_OF_PODS, _OF_THE_ACCOUNT = "max_position", "outside"
_MEMBERS = {"name", "words", "saves_aud", "gap", "weights", "sales"}


def forced(portfolio: Portfolio, orders: Orders, told: Event) -> Iterator[str]:
    """Check all that a switch tells of the rules that force its sales."""
    listed = told["forced"]
    names, saved = [one["name"] for one in listed], [one["saves_aud"] for one in listed]
    if len(set(names)) < len(names) or len(names) > _MOST_NAMED:
        yield f"the rules that force sales are no such list: {names}"
    if saved != sorted(saved, reverse=True) or not all(_WORTH * abs(told["cost_aud"]) < aud for aud in saved):
        yield f"what rules save if eased is not from the most to the least, or not worth telling: {saved}"
    for one in listed:
        if set(one) != _MEMBERS or one["gap"] < 0:
            yield f"a rule that forces sales is told in other words: {one}"
            continue
        each = _outside if one["name"].startswith(f"{_OF_THE_ACCOUNT}.") else _rule
        yield from (f"of {one['name']}, which forces sales, {words}" for words in each(portfolio, orders, one))
    if not isinstance(told["cut_short"], bool):
        yield f"whether time ended the search for them is {told['cut_short']}"


def _outside(portfolio: Portfolio, orders: Orders, told: Event) -> Iterator[str]:
    """Check a sale of what no pod may hold: without the sale, its own costs and tax are saved."""
    ticker = told["name"].partition(".")[2]
    universes = {held for part in portfolio.pods.values() for held in part["mandate"]["universe"]}
    sale = next((o for o in orders.orders if (o["ticker"], o["side"]) == (ticker, "sell")), None)
    if sale is None or ticker in universes or told["weights"] or told["sales"] or told["gap"]:
        yield "it is no sale of what no pod may hold, or is told with a portfolio"
        return
    yield from _saving(told, sale["brokerage_aud"] + sale["spread_aud"] + sale["tax_aud"])
    if not told["words"].endswith(f"the switch would cost {told['saves_aud']:,.0f} AUD less"):
        yield f"the words are: {told['words']}"


def _rule(portfolio: Portfolio, orders: Orders, told: Event) -> Iterator[str]:
    """Check the portfolio without one rule or target."""
    name, owned = told["name"], portfolio.owned
    assert owned is not None  # noqa: S101 - the caller looked
    goals = {goal["name"] for goal in portfolio.event["goals"]}
    caps = {f"{pod}.{_OF_PODS}" for pod in portfolio.pods}
    if name not in goals | caps | set(_LEFT_OUT) or set(told["weights"]) != set(portfolio.pods):
        yield "it is no rule or target, or its portfolio is not of these pods"
        return
    X = np.array([portfolio.vector(told["weights"][pod]) for pod in portfolio.pods])
    if (X < 0).any() or not X.any(axis=1).all():
        yield "a pod holds nothing, or less"
        return
    move = Move(owned, X, told, pooled=True, brokerage_aud=portfolio.terms["brokerage_aud"])
    cost = move.brokerage_aud + move.spread_aud + move.gains.tax_aud
    yield from wrong_units(owned, move.units_sold(), move.sales)
    yield from _broken(portfolio, X, move, without=name)
    yield from _missed(portfolio, X, cost, without=name)
    yield from _scores_less(portfolio, orders, X, cost - move.gains.value_aud)
    now = portfolio.moves["master"]
    costs = (now.brokerage_aud + now.spread_aud + now.gains.tax_aud, sum(orders.fees.values()) + orders.gains.tax_aud)
    yield from _saving(told, min(costs) - cost)
    if move.gains.tax_aud >= now.gains.tax_aud and move.sold_aud >= now.sold_aud:
        yield "its portfolio sells no less and owes no less tax"
    sold = {parcel.ticker for parcel, units in zip(owned.parcels, move.sales, strict=True) if units}
    spared = [o["ticker"] for o in orders.orders if o["side"] == "sell" and o["ticker"] not in sold]
    said = f"the switch could cost {told['saves_aud']:,.0f} AUD less, with no lower score"
    if not told["words"].endswith(said + (f" and without selling {', '.join(spared)}" if spared else "")):
        yield f"the words are: {told['words']}"


def _saving(told: Event, computed: float) -> Iterator[str]:
    # A difference of sums as large as a portfolio's trades.
    if not same(told["saves_aud"], computed, size=1e3 * max(1.0, abs(computed))):
        yield f"the saving is {computed}, not {told['saves_aud']}"


def _broken(portfolio: Portfolio, X: Matrix, move: Move, *, without: str) -> Iterator[str]:
    """Check the rules, but one."""
    rules = {**portfolio.rules, without: _LEFT_OUT[without]} if without in _LEFT_OUT else portfolio.rules
    if X.sum() > 1 + RULE:
        yield f"its weights sum to {X.sum():.9f}"
    yield from portfolio.near_shares(X, rules["capital_tolerance"])
    yield from portfolio.positions(X, portfolio.had, rules)
    yield from limits(move, X, rules, {})
    bought = X.sum(axis=0) > portfolio.had + FIGURE
    for (pod, part), held in zip(portfolio.pods.items(), X, strict=True):
        mandate = part["mandate"]
        if without == f"{pod}.{_OF_PODS}":
            mandate = {**mandate, _OF_PODS: 1.0}
        yield from portfolio.may_hold(mandate, held / held.sum(), part["left_out"], bought)


def _missed(portfolio: Portfolio, X: Matrix, cost_aud: float, *, without: str) -> Iterator[str]:
    """Check that all targets, but one, are kept where the suggestion holds them, and correlations as well as there."""
    due = {goal["name"]: goal for goal in portfolio.due(X, trading_cost_aud=cost_aud)}
    for goal in portfolio.event["goals"]:
        name, level = goal["name"], goal["held"]
        if goal["figure"] == "correlation" and goal["delivered"] is not None:
            level = max(goal["asked"], goal["delivered"])
        if level is not None and name != without and not keeps(due[name], level):
            yield f"its portfolio does not keep {name} at {level}"


def _scores_less(portfolio: Portfolio, orders: Orders, X: Matrix, net_aud: float) -> Iterator[str]:
    """Check that the portfolio scores no less than the suggestion, in fractions and as ordered."""
    buying = portfolio.overview("naive")["buying_cost_aud"] or 0.0
    terms = portfolio.objective_terms(X, trading_cost=net_aud / buying if buying else 0.0)
    score, least = portfolio.weighed(terms), max(portfolio.event["certificate"]["objective"], orders.told["objective"])
    if score < least - RULE:
        yield f"its portfolio scores {score}, less than {least}"
