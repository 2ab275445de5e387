"""Trades in stage 2: from the customer's holdings to the portfolio, with the trading cost and the tax on gains.

All amounts are shares of the capital. An ETF that the customer owns is sold, by parcels, or bought, or not traded. For
any other ETF, the position equals the purchase. ``tax_on_gains`` has the tax.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

from portfolio.case.distance import CASH_FLOOR, MAX_TAX, MAX_TURNOVER
from portfolio.conic.bound import ON
from portfolio.master.statement.order_rows import OrderVariables, buy_for_owners, declare, sell_for_owners
from portfolio.master.statement.parcel_rows import sell_parcels
from portfolio.master.statement.tax_on_gains import tax_gains

if TYPE_CHECKING:
    from collections.abc import Mapping

    from portfolio.case.inventory import Inventory
    from portfolio.conic.solution import Solution
    from portfolio.master.statement.holdings import Holdings
    from portfolio.tax.kinds import Kind


# Rounding tolerance: the sale of a single unit is still an order.
_HAIR = 1e-12


class Trades:
    """The variables and rows of the trades.

    Args:
        form: The holdings, with all variables declared.
        stock: The holdings of today.

    Attributes:
        volume: Value of all orders, as a row.
        costs: Brokerage and spread, as a row.
        tax: Tax on capital gains that the sales add, as a row with a constant.
        orders: For every ETF that the customer owns: the sale and the purchase, each None where no order is possible.
        sold: For every ETF that can be sold: the variables of the amounts that add up to the sale.
        money: Numbers of the rows that limit amounts of money: cash, turnover, tax.
        reinvested: Number of the row that lets nothing be sold to hold cash; None where that rule is left out.
    """

    def __init__(self, form: Holdings, stock: Inventory) -> None:
        self.form, self.stock = form, stock
        self.volume: dict[int, float] = defaultdict(float)
        self.costs: dict[int, float] = defaultdict(float)
        self.orders: dict[int, tuple[OrderVariables | None, OrderVariables | None]] = {}
        self.sold: dict[int, list[int]] = {}
        self._gains: dict[Kind, dict[int, float]] = defaultdict(dict)
        self.money: list[int] = []
        self.reinvested: int | None = None
        for j in np.flatnonzero(stock.units).tolist():
            self._trade_owned_etf(j)
        self._buy_new_etfs()
        self.tax = tax_gains(form.build, stock, self._gains)
        self._limits()

    def untouched(self, solution: Solution) -> list[int]:
        """List the owned ETFs that are not traded."""
        assert solution.states is not None  # noqa: S101 - the caller checks this
        return [j for j in self.orders if not any(solution.states[z] == ON for z in self._switches(j))]

    def _switches(self, j: int) -> list[int]:
        return [order.z for order in self.orders[j] if order is not None]

    def _trade_owned_etf(self, j: int) -> None:
        """Let an ETF be sold, bought or not traded; never both, so that no loss is realised and bought back."""
        today = float(self.stock.weights[j])
        sale, purchase = self._sell(j, today), self._buy(j, today)
        self.orders[j] = sale, purchase
        row = defaultdict(float, self.form.position(j))
        for order, sign in ((sale, 1.0), (purchase, -1.0)):
            if order is not None:
                row[order.amount] = sign
                self._trade(order.amount, j)
        self.form.build.equal(row, today)
        if sale and purchase:
            self.form.build.at_most({}, 1.0, switches=dict.fromkeys(self._switches(j), 1.0))
        owners, alone = self.form.owners(j), self.form.one_owner
        if sale:
            sell_for_owners(self.form.build, sale, owners, today, least=self.form.least_held, alone=alone)
        buy_for_owners(self.form.build, purchase, owners, today, alone=alone)

    def _sell(self, j: int, today: float) -> OrderVariables | None:
        """Declare the sale of an ETF from its parcels."""
        build, stock = self.form.build, self.stock
        least = self._least_order(j)
        if j in self.form.stays or today < least * (1 - _HAIR):
            return None
        mine = [lot for lot in stock.lots if lot.j == j and lot.parcel not in stock.unsold]
        most = today
        if len(mine) < sum(lot.j == j for lot in stock.lots):
            most = sum(lot.units for lot in mine) * float(stock.prices[j]) / stock.capital_aud
            if most < least * (1 - _HAIR):
                return None
        sale = declare(build, min(least, today), most)
        price, capital = float(stock.prices[j]), stock.capital_aud
        self.sold[j] = sell_parcels(build, sale, mine, price_aud=price, capital_aud=capital, gains=self._gains)
        return sale

    def _buy(self, j: int, today: float) -> OrderVariables | None:
        """Declare the purchase of an ETF; switch the purchase off where the limits leave no room for an order."""
        etf = self.form.market.etfs[j]
        if j not in self.form.by_etf or etf.is_closed or etf.ticker in self.form.terms.rules.never_buy:
            return None
        if j in self.form.outside:
            return None
        least, most = self._least_order(j), self._largest(j) - today
        purchase = declare(self.form.build, least, max(least, most))
        if most < least:
            # Declared anyway: a program with an eased limit must have the same switches.
            self.form.build.at_most({}, 0.0, switches={purchase.z: 1.0})
        for drift, _ in (d for d in self.form.drifts if d[1] == j):
            # What is bought has no allowance for drift.
            above = self.form.build.upper_of(drift)
            self.form.build.at_most({drift: 1.0, purchase.on: above}, above)
        return purchase

    def _least_order(self, j: int) -> float:
        """Return the smallest order, as a share of the capital: the rule's minimum, and at least one unit."""
        return max(self.form.least_order_aud, float(self.stock.prices[j])) / self.stock.capital_aud

    def _largest(self, j: int) -> float:
        """Return the largest position possible in an ETF, from the limits of the pods and of the portfolio."""
        owners = [share * self.form.build.upper_of(u) for u, share in self.form.position(j).items()]
        return min(self.form.largest_of(j), max(owners) if self.form.one_owner else sum(owners))

    def _buy_new_etfs(self) -> None:
        """Declare the purchases of ETFs that are not owned, and count all orders. Each new ETF is one order."""
        orders = self.form.build.variable(upper=float(len(self.orders) + len(self.form.by_etf)))
        counted, switches = {orders: -1.0}, {z: 1.0 for j in self.orders for z in self._switches(j)}
        for j in self.form.by_etf:
            if j not in self.orders:
                is_held = self.form.is_held(j)
                counted |= is_held.row
                switches |= is_held.switches
                for x, share in self.form.position(j).items():
                    self._trade(x, j, share)
        self.form.build.at_most(counted, 0.0, switches=switches)
        self.costs[orders] += self.form.terms.brokerage_aud / self.stock.capital_aud
        self._number = orders

    def _no_more_orders(self, orders: int) -> None:
        """Bound the number of orders from above, too: money that is paid for no order must not count as spent.

        An ETF that is not owned is held from a smallest position on, so that the bound is exact where it counts.
        """
        build, row = self.form.build, {orders: 1.0}
        for pair in self.orders.values():
            row |= {order.on: -1.0 for order in pair if order is not None}
        for j in (j for j in self.form.by_etf if j not in self.orders):
            purchase = build.variable(upper=1.0)
            row[purchase] = -1.0
            least = self.form.least_position(j)
            if least > 0:
                build.at_most({purchase: least} | {u: -share for u, share in self.form.position(j).items()}, 0.0)
        build.at_most(row, 0.0)

    def _trade(self, x: int, j: int, share: float = 1.0) -> None:
        self.volume[x] += share
        self.costs[x] += share * float(self.stock.costs[j])

    def _limits(self) -> None:
        """Add the rows that limit money: cash for the orders, turnover, and tax."""
        form, rules, capital = self.form, self.form.terms.rules, self.stock.capital_aud
        # The capital pays for the orders; the tax is due later, and is paid from other money.
        spending = defaultdict(float, form.whole(np.ones(len(form.market.etfs))))
        for x, cost in self.costs.items():
            spending[x] += cost
        aside, most_aside = self._set_aside()
        spent = self._short_of_cash(spending)
        self.money.append(form.build.at_most(spent, 1.0 - self.stock.cash_floor))
        if aside:
            most = 1.0 - self.stock.cash_floor - self.tax.constant
            self.money.append(form.build.at_most(_sum(spent, aside), most))
        if form.rule("reinvest", "nothing is sold to hold cash") and 1.0 - self.stock.idle > form.least_invested:
            with form.build.about("reinvest"):
                self.reinvested = form.build.at_least(_sum(spending, most_aside), 1.0 - self.stock.idle)
                self._no_more_orders(self._number)
        turnover = rules.max_turnover
        if turnover is not None and form.rule("max_turnover", f"at most {turnover:.1%} of the capital is turned over"):
            turned = self._above({x: part / 2 for x, part in self.volume.items()}, MAX_TURNOVER)
            self.money.append(form.build.at_most(turned, turnover))
        tax = rules.max_tax_aud
        if tax is not None and form.rule("max_tax_aud", f"at most {tax:,.2f} AUD of tax on capital gains"):
            taxed = self._above(self.tax.row, MAX_TAX)
            self.money.append(form.build.at_most(taxed, tax / capital - self.tax.constant))

    def _above(self, used: dict[int, float], budget: str) -> dict[int, float]:
        """Let a budget be exceeded where it gives way: by no more than a payment forces."""
        if not (allowed := self.form.allows(budget)):
            return used
        above = self.form.build.variable(upper=allowed)
        self.form.distances[budget][above] = 1.0
        return {**used, above: -1.0}

    def _short_of_cash(self, spent: dict[int, float]) -> dict[int, float]:
        """Let money be below its floor where that is a target: by no more than today."""
        if not self.form.allows(CASH_FLOOR):
            return spent
        short = self.form.build.variable(upper=max(self.stock.cash_floor - self.stock.cash, 0.0))
        self.form.build.at_most({short: 1.0}, self.form.allows(CASH_FLOOR))
        self.form.distances[CASH_FLOOR][short] = 1.0
        return {**spent, short: -1.0}

    def _set_aside(self) -> tuple[dict[int, float], dict[int, float]]:
        """Write the tax that stays as cash, and the most that it can be, as rows; empty where none is set aside.

        The tax is convex in the sales: only as an upper limit is it a row of the program. Money may be left as if each
        dollar sold of an ETF caused the most tax that any parcel of this ETF can cause.
        """
        owned = self.form.terms.owned
        if owned is None or not owned.payments.keep_tax_aside:
            return {}, {}
        if not self.form.rule("keep_tax_aside", "the tax on the gains of the sales stays as cash"):
            return {}, {}
        dearest = self.stock.most_tax
        sales = {sale.amount: float(dearest[j]) for j, (sale, _) in self.orders.items() if sale is not None}
        return self.tax.row, sales


def _sum(row: Mapping[int, float], other: Mapping[int, float]) -> dict[int, float]:
    return {x: row.get(x, 0.0) + other.get(x, 0.0) for x in {**row, **other}}
