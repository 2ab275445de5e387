"""Parcels in stage 2: the gain of an amount sold is that of the best parcels for it, and as good in part."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import pytest

from portfolio.case.inventory import Lot
from portfolio.conic.bound import ON
from portfolio.conic.limits import Limits
from portfolio.conic.program import Builder
from portfolio.conic.search import minimise
from portfolio.master.statement.order_rows import declare
from portfolio.master.statement.parcel_rows import sell_parcels
from portfolio.tax.kinds import Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

PRICE, CAPITAL = 10.0, 1_000.0
LONG, SHORT, LOSS = Kind.DISCOUNTABLE, Kind.UNDISCOUNTED, Kind.LOSS
# The solver's accuracy, in shares of the capital.
SOLVED = 1e-6


def lots(*parcels: tuple[float, Mapping[Kind, float]]) -> list[Lot]:
    """Make parcels of units and gains per unit, AUD."""
    return [Lot(number, 0, units, gains, PRICE, None) for number, (units, gains) in enumerate(parcels)]


def least(parcels: list[Lot], amount: float, costs: Mapping[Kind, float]) -> float:
    """Sell *amount*, a share of the capital, at the least cost, given the cost of a dollar of each kind."""
    build = Builder()
    sale = declare(build, 0.0, sum(lot.units for lot in parcels) * PRICE / CAPITAL)
    gains: dict[Kind, dict[int, float]] = defaultdict(dict)
    sell_parcels(build, sale, parcels, price_aud=PRICE, capital_aud=CAPITAL, gains=gains)
    build.equal({sale.amount: 1.0}, amount)
    for kind, cost in costs.items():
        build.cost({x: cost * a for x, a in gains[kind].items()})
    found = minimise(build.build(), Limits(gap=1e-9))
    assert found.states is not None
    assert (found.states == ON).all()
    return found.value


@pytest.mark.parametrize(
    ("units", "gained_aud"),
    [
        # 10 units that gain 1 AUD each, then 20 of 2 AUD, then 5 of 4 AUD.
        (6, 6 * 1),
        (10, 10 * 1),
        (13, 10 * 1 + 3 * 2),
        (32, 10 * 1 + 20 * 2 + 2 * 4),
        (35, 10 * 1 + 20 * 2 + 5 * 4),
    ],
)
def test_the_units_that_gain_least_are_sold_first(units: int, gained_aud: float) -> None:
    parcels = lots((5, {LONG: 4.0}), (10, {LONG: 1.0}), (20, {LONG: 2.0}))

    assert least(parcels, units * PRICE / CAPITAL, {LONG: 1.0}) == pytest.approx(gained_aud / CAPITAL, abs=SOLVED)


@pytest.mark.parametrize(
    ("units", "lost_aud"),
    # 4 units that lose 3 AUD each, then 10 of 1 AUD; what loses nothing comes last.
    [(3, 3 * 3), (9, 4 * 3 + 5 * 1), (18, 4 * 3 + 10 * 1)],
)
def test_the_units_that_lose_most_are_sold_first(units: int, lost_aud: float) -> None:
    parcels = lots((10, {LOSS: 1.0}), (6, {}), (4, {LOSS: 3.0}))

    assert least(parcels, units * PRICE / CAPITAL, {LOSS: -1.0}) == pytest.approx(-lost_aud / CAPITAL, abs=SOLVED)


def test_between_kinds_the_cost_decides() -> None:
    # A dollar of a short gain costs 0.4, of a long one 0.2. Per unit: 0.4 * 1, 0.4 * 3; 0.2 * 1.5, 0.2 * 5. So 12 units
    # are 6 at 0.3, 4 at 0.4, and 2 of those at 1.0.
    parcels = lots((4, {SHORT: 1.0}), (4, {SHORT: 3.0}), (6, {LONG: 1.5}), (9, {LONG: 5.0}))

    cost = least(parcels, 12 * PRICE / CAPITAL, {SHORT: 0.4, LONG: 0.2})

    assert cost == pytest.approx((6 * 0.3 + 4 * 0.4 + 2 * 1.0) / CAPITAL, abs=SOLVED)


def test_a_parcel_of_two_kinds_is_chosen_by_itself() -> None:
    # At 0.2 and 0.5 per dollar the units cost 0.2 * 2 - 0 = 0.4, 0.2 * 1 + 0.5 * 1 = 0.7, and 0.5 * 1 = 0.5.
    parcels = lots((3, {LONG: 2.0}), (3, {LONG: 1.0, Kind.INDEXED: 1.0}), (3, {Kind.INDEXED: 1.0}))

    cost = least(parcels, 7 * PRICE / CAPITAL, {LONG: 0.2, Kind.INDEXED: 0.5})

    assert cost == pytest.approx((3 * 0.4 + 3 * 0.5 + 1 * 0.7) / CAPITAL, abs=SOLVED)


def test_a_sale_that_is_half_on_gains_half_of_what_a_whole_one_gains() -> None:
    # Half of the sale of 15 units: half of 10 * 1 + 5 * 2, and not the 7.5 * 1 of the units that gain least.
    build = Builder()
    sale = declare(build, 0.0, 0.3)
    gains: dict[Kind, dict[int, float]] = defaultdict(dict)
    parcels = lots((10, {LONG: 1.0}), (20, {LONG: 2.0}))
    sell_parcels(build, sale, parcels, price_aud=PRICE, capital_aud=CAPITAL, gains=gains)
    program = build.build()
    (gain,) = gains[LONG]
    x = {sale.amount: 7.5 * PRICE / CAPITAL, sale.on: 0.5}
    rows = slice(program.equalities, program.equalities + program.inequalities)
    left = program.b[rows] - sum(program.A[rows, j] * value for j, value in x.items())
    (amount,) = [j for j in range(len(program.q)) if j not in {gain, *x}]
    left -= program.A[rows, amount] * x[sale.amount]
    at_least = max(-slack for slack, weight in zip(left, program.A[rows, gain], strict=True) if weight < 0)

    assert at_least == pytest.approx(10.0 / CAPITAL)


def test_more_parcels_of_a_kind_are_more_rows_and_no_more_variables() -> None:
    def variables(parcels: int) -> int:
        build = Builder()
        sale = declare(build, 0.0, 1.0)
        made = lots(*((1.0, {LONG: 1.0 + number}) for number in range(parcels)))
        sell_parcels(build, sale, made, price_aud=PRICE, capital_aud=CAPITAL, gains=defaultdict(dict))
        return len(build.build().q)

    assert variables(100) == variables(2)
