"""The tax office's published examples, as ``docs/tax-examples.md`` lists them."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest
from support.requests_made import ROOT

from portfolio.check.tax import Payer
from portfolio.check.tax import assess as assess_again
from portfolio.tax.adjustments import Adjustment, adjust
from portfolio.tax.gains import assess
from portfolio.tax.kinds import GAINS, Kind
from portfolio.tax.low_income import levy_aud
from portfolio.tax.parcels import Parcel, Quotes
from portfolio.tax.regime import Reform, Regime, distributed_before_discount
from portfolio.tax.sale import realise
from portfolio.tax.taxpayer import Entity, Realised, Taxpayer

if TYPE_CHECKING:
    from collections.abc import Callable

    from portfolio.tax.gains import Assessment

LOSS, FULL, HALF = Kind.LOSS, Kind.UNDISCOUNTED, Kind.DISCOUNTABLE
# No figure of these pages depends on the rate.
RATE = 0.30


def assessed(realised: dict[Kind, float], carried: float = 0.0, year: Realised | None = None) -> Assessment:
    """Assess gains and losses of an individual; the check computes the same net gain."""
    year = year or Realised()
    found = assess(Taxpayer(Entity.INDIVIDUAL, RATE, carried, realised=year), realised)
    so_far = {"loss": year.losses_aud, "undiscounted": year.undiscounted_aud, "discountable": year.discountable_aud}
    again = assess_again(
        Payer("individual", RATE, carried, so_far),
        [{kind.value: 1.0} for kind in realised],
        list(realised.values()),
    )
    assert again.net_aud == pytest.approx(found.net_capital_gain_aud)
    assert again.used == pytest.approx({kind.value: found.losses_used_aud[kind] for kind in GAINS})
    return found


def sold(units: float, unit_cost: float, acquired: date, price: float, day: date, brokerage: float = 0.0) -> Assessment:
    """Assess the sale of a whole parcel."""
    parcels = [Parcel("A", units, acquired, units * unit_cost)]
    quotes = Quotes(day, {"A": price}).with_brokerage(brokerage, {"A": units})
    return assessed(realise(parcels, [units], quotes, Taxpayer(Entity.INDIVIDUAL, RATE), Regime()))


def gain_of(found: Assessment) -> float:
    """The capital gain before losses and discount."""
    return sum(found.gains_aud.values())


BOB = Realised(75.0 + 28.0, distributed_before_discount(100.0))
ILENA = Realised(90.0, distributed_before_discount(65.0), losses_aud=100.0)
EXAMPLES: dict[str, Callable[[], float]] = {
    "Sonya": lambda: gain_of(sold(1_000, 1.5, date(2003, 8, 15), 2.35, date(2004, 7, 15), 50.0)),
    # The pages do not say when the shares were received: within 12 months for one, not for the other.
    "Christine": lambda: gain_of(sold(500, 1.65, date(2001, 11, 1), 2.10, date(2002, 6, 1))),
    "Jack": lambda: sold(1_400, 1.65, date(2001, 11, 1), 2.06, date(2005, 3, 30), 50.0).net_capital_gain_aud,
    "Kathleen": lambda: assessed({FULL: 520.0, HALF: 3_000.0, LOSS: 600.0}, carried=400.0).net_capital_gain_aud,
    "Bob": lambda: assessed({}, year=BOB).net_capital_gain_aud,
    "Bob's units": lambda: (
        adjust([Parcel("A", 1.0, date(2020, 1, 2), 1_200.0)], [Adjustment("A", 2021, -105.0)])[0][0].cost_base_aud
    ),
    "Ilena": lambda: assessed({}, year=ILENA).losses_used_aud[HALF],
    "Andrew": lambda: Reform({date(2027, 7, 1): 68.1, date(2029, 7, 1): 68.7}).index_factor(
        date(2027, 7, 1), date(2029, 7, 1)
    ),
    "Angie": lambda: levy_aud(29_000.0),
}


def table() -> dict[str, str]:
    """The published figure of each example on the page."""
    lines = (ROOT / "docs" / "tax-examples.md").read_text(encoding="utf-8").splitlines()
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if line.startswith("|")]
    return {row[0]: row[3] for row in rows[2:]}


def test_the_page_lists_the_examples_that_are_computed() -> None:
    assert set(table()) == set(EXAMPLES)


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_of_the_tax_office_comes_out_to_the_last_digit_that_is_published(name: str) -> None:
    published = table()[name]
    digits = len(published.partition(".")[2])
    assert f"{EXAMPLES[name]():,.{digits}f}" == published
