"""Check a step: rules that are targets since a budget stands in the way, and how far the orders come.

The distances are computed again from the weights. That nothing is nearer than the told bound, only a solver can find;
here the bound is compared with what the budgets alone allow, which takes none: the budget for tax by a Lagrangian
bound, the budget for turnover, and holdings that are never sold. A budget that gives way to a payment is compared with
the least tax that sales of that amount can cause.
"""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING

import numpy as np

from portfolio.check.distance import TARGETS, Broken
from portfolio.check.facts import FIGURE, RULE, same
from portfolio.check.tax import assess

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from portfolio.check.distance import Broken
    from portfolio.check.facts import Event
    from portfolio.check.orders import Orders
    from portfolio.check.owned import Owned
    from portfolio.check.portfolio import Portfolio

# A bound of the search is as exact as its gap.
_BOUND = 1e-5


def step(portfolio: Portfolio, orders: Orders) -> Iterator[str]:
    """Check a step as told."""
    told, owned = orders.told.get("step"), orders.owned
    if told is None:
        return
    rules, capital = portfolio.rules, owned.capital
    if rules["max_tax_aud"] is None and rules["max_turnover"] is None and not owned.unsold:
        yield "rules are targets, and there is no budget that stands in the way"
    if set(told["today"]) != set(portfolio.pods):
        yield f"the holdings of today are told of {sorted(told['today'])}"
        return
    today = np.array([portfolio.vector(told["today"][pod]) for pod in portfolio.pods])
    if (today < 0).any() or (abs(today.sum(axis=0) - owned.had) > FIGURE).any():
        yield "the pods' holdings of today are not what is owned"
    before = portfolio.distances(today, owned.had, owned.money / capital)
    after = portfolio.distances(orders.amounts / capital, owned.had, orders.cash_left() / capital)
    if [each["rule"] for each in told["rules"]] != [rule for rule in TARGETS if before[rule]]:
        yield f"the rules that today's holdings break are {[rule for rule in TARGETS if before[rule]]}, not as told"
        return
    yield from _budgets(told.get("budgets", ()), owned, rules, orders)
    allowed = _allowed(rules, portfolio.rooms, capital)
    for each in told["rules"]:
        least = _least(owned, before[each["rule"]], allowed) if each["rule"] in ("max_weight", "outside") else 0.0
        unit = float(owned.prices[owned.units > 0].max(initial=0.0)) / capital
        # Sales that must raise a payment may take pods further from their shares and their positions.
        further = owned.money < 0 and each["rule"] in ("capital_tolerance", "max_position")
        faults = _rule(each, before[each["rule"]], after[each["rule"]], (least, unit), further=further)
        yield from (f"of the step towards {each['rule']}, {words}" for words in faults)
    open_rules = [each["steps"] for each in told["rules"] if each["suggested"] > 0]
    due = None if None in open_rules else max(open_rules, default=1)
    if told["steps"] != due:
        yield f"it takes {due} steps, not {told['steps']}"


def _budgets(told: Sequence[Event], owned: Owned, rules: Event, orders: Orders) -> Iterator[str]:
    """Check budgets that give way: only a payment that sales must raise may do that."""
    capital = owned.capital
    traded = sum(order["units"] * float(owned.prices[owned.index[order["ticker"]]]) for order in orders.orders) / 2
    used = {"max_tax_aud": orders.gains.tax_aud / capital, "max_turnover": traded / capital}
    # Sales raise what money lacks, each dollar of proceeds at the least tax; they are at most twice the turnover.
    least = {"max_tax_aud": _tax_to_raise(owned, -owned.money) / capital, "max_turnover": -owned.money / 2 / capital}
    # Whole units may leave the price of one as money, which fractions must trade.
    unit = float(owned.prices[owned.units > 0].max(initial=0.0)) / capital
    room = {"max_tax_aud": _BOUND, "max_turnover": unit + _BOUND}
    for each in told:
        name = each["budget"]
        if owned.money >= 0 or name not in used or rules[name] is None:
            yield f"{name} is no budget that a payment could exceed"
            continue
        limit = rules[name] / (capital if name == "max_tax_aud" else 1.0)
        if not same(each["limit"], limit) or not same(each["suggested"], used[name]):
            yield f"of {name}, {used[name]} is used of {limit}, not as told"
        if used[name] > limit + each["held"] + RULE:
            yield f"of {name}, {used[name]} is used, and it is held at {limit + each['held']}"
        if each["bound"] > used[name] + room[name] or max(limit, each["bound"]) < least[name] - _BOUND:
            yield f"no orders are said to use less of {name} than {each['bound']}; the least is {least[name]}"


def _tax_to_raise(owned: Owned, amount: float) -> float:
    """Bound from below the tax on sales with proceeds of at least an amount, AUD: on any line, the cheapest first."""
    payer, best = owned.payer, 0.0
    so_far = assess(payer, [], []).so_far_aud
    for line in payer.lines():
        rates, given = _line(owned, line)
        parcels = []
        for parcel in owned.parcels:
            tax = sum(rates[kind] * aud for kind, aud in parcel.results.items()) / parcel.net_aud
            if parcel.ticker not in owned.unsold:
                parcels.append((tax, parcel.units * parcel.net_aud))
        total, missing = given, amount
        for tax, worth in sorted(parcels):
            sold = worth if tax < 0 else min(worth, max(missing, 0.0))
            total, missing = total + tax * sold, missing - sold
        best = max(best, total - line[2] - so_far)
    return best


def _line(owned: Owned, line: tuple[float, float, float]) -> tuple[dict[str, float], float]:
    """Return the least tax per dollar of result on a line, and that of the results that are there in any case."""
    payer, (early, late, _) = owned.payer, line
    before = {kind: payer.so_far.get(kind, 0.0) for kind in ("loss", "undiscounted", "discountable", "indexed")}
    rates = {kind: (late if kind == "indexed" else early) * payer.part_taxed(kind) for kind in before}
    rates["loss"] = -max(early, late) * (payer.part_taxed("undiscounted"))
    fixed = float(owned.terms["brokerage_aud"]) * len(set(np.flatnonzero(owned.units)))
    return rates, sum(rates[kind] * aud for kind, aud in before.items()) + rates["loss"] * (payer.carried_aud + fixed)


def _rule(told: Event, before: Broken, after: Broken, limits: tuple[float, float], *, further: bool) -> Iterator[str]:
    least, unit = limits
    was, now = (sum(distance for *_, distance in parts.values()) for parts in (before, after))
    if not same(told["today"], was) or not same(told["suggested"], now):
        yield f"the distance goes from {was} to {now}, not as told"
    if now > told["held"] + RULE * (1 + len(after)) or (told["held"] > was + RULE and not further):
        yield f"the distance is {now}, today {was}, and it is held at {told['held']}"
    # Whole units may leave the price of one as money that the portfolio in fractions must invest.
    if told["bound"] > now + unit + _BOUND or 0 < told["bound"] < least - _BOUND or least > now + unit + _BOUND:
        yield f"no portfolio is said to be nearer than {told['bound']}, which is not between {least} and {now}"
    nearer = was - now
    if told["steps"] != (1 + ceil(now / nearer - RULE) if nearer > RULE else None):
        yield f"{told['steps']} such steps are not those that it takes"
    parts = {part["about"]: part for part in told["parts"]}
    if list(parts) != list(before) or len(parts) != len(told["parts"]):
        yield f"what breaks it is {list(before)}, not {list(parts)}"
        return
    for about, (limit, value, _) in before.items():
        then = after[about][1] if about in after else None
        part = parts[about]
        if not (same(part["limit"], limit) and same(part["today"], value) and same(part["suggested"], then)):
            yield f"{about or 'it'} goes from {value} to {then} of {limit}, not as told"


def _allowed(rules: Event, rooms: Mapping[str, float], capital: float) -> dict[str, float | None]:
    """Return the budgets with what a payment takes of them beyond: AUD of tax, and a share of turnover."""
    size = {"max_tax_aud": capital, "max_turnover": 1.0}
    return {
        name: None if rules[name] is None else rules[name] + rooms.get(name, 0.0) * whole
        for name, whole in size.items()
    }


def _least(owned: Owned, broken: Broken, budgets: Mapping[str, float | None]) -> float:
    """Bound from below how far sales leave weights above their limits, from the budgets alone, as a share."""
    above = {owned.index[ticker]: distance * owned.capital for ticker, (*_, distance) in broken.items()}
    stuck = sum(aud for j, aud in above.items() if owned.market.etfs[j].ticker in owned.unsold)
    free = {j: aud for j, aud in above.items() if owned.market.etfs[j].ticker not in owned.unsold}
    bounds = [stuck]
    tax, turnover = budgets["max_tax_aud"], budgets["max_turnover"]
    if tax is not None:
        bounds.append(stuck + _by_tax(owned, free, tax + RULE * owned.capital))
    if turnover is not None:
        # Half of purchases and sales: at most twice the limit is sold.
        bounds.append(stuck + sum(free.values()) - 2 * (turnover + RULE) * owned.capital)
    return max(bounds) / owned.capital


def _by_tax(owned: Owned, above: Mapping[int, float], budget: float) -> float:
    """Bound the amount left above the limits, AUD, where the tax of the sales is at most a budget.

    Of each line of the tax: a dollar of a parcel sold adds at least the line's rates on its gains, and takes off at
    most the line's highest rate on its losses and on all other losses. A price for the tax then gives a bound per ETF.
    """
    payer, best = owned.payer, 0.0
    so_far = assess(payer, [], []).so_far_aud
    for line in payer.lines():
        rates, given = _line(owned, line)
        room = budget + so_far + line[2] - given
        parcels = []
        for parcel in owned.parcels:
            tax = sum(rates[kind] * aud for kind, aud in parcel.results.items())
            worth = float(owned.prices[parcel.j])
            if parcel.ticker not in owned.unsold:
                parcels.append((parcel.j, tax / worth, parcel.units * worth))
        prices = {1 / tax for j, tax, _ in parcels if j in above and tax > 0}
        best = max([best, *(_at_price(parcels, above, price) - price * room for price in prices)])
    return best


def _at_price(parcels: list[tuple[int, float, float]], above: Mapping[int, float], price: float) -> float:
    """Minimise the amount left above the limits plus the price of the tax, each ETF and parcel by itself."""
    total, left = 0.0, dict(above)
    for j, tax, worth in sorted(parcels, key=lambda parcel: parcel[1]):
        sold = worth if tax < 0 else min(worth, left.get(j, 0.0)) if price * tax < 1 else 0.0
        total += price * tax * sold
        if j in left:
            left[j] = max(left[j] - sold, 0.0)
    return total + sum(left.values())
