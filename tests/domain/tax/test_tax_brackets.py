"""The year so far and an individual's brackets: each figure derived by hand from the rates that it names.

Residents in 2024-25 and 2025-26: nil to 18,200, 16 % to 45,000, 30 % to 135,000, 37 % to 190,000, 45 % above
(Income Tax Rates Act 1986, Sch 7); the first rate is 15 % in 2026-27 and 14 % from 2027-28. The Medicare levy is 2 %
of every dollar.
"""

from __future__ import annotations

from datetime import date
from itertools import product

import numpy as np
import pytest
from support.depth import some_of
from support.payers import payer_of

from portfolio.check.least_tax import least_tax
from portfolio.check.tax import Payer, may_exceed
from portfolio.check.tax import assess as assess_again
from portfolio.errors import DataError
from portfolio.tax.brackets import most_above, pieces, rate_at
from portfolio.tax.gains import assess
from portfolio.tax.kinds import Kind
from portfolio.tax.parcels import Parcel, Quotes
from portfolio.tax.regime import Reform, Regime, income_year
from portfolio.tax.sale import cheapest_sale, realise
from portfolio.tax.taxpayer import Entity, Realised, Taxpayer

LOSS, FULL, HALF, INDEXED = Kind.LOSS, Kind.UNDISCOUNTED, Kind.DISCOUNTABLE, Kind.INDEXED
CENT = 0.005
DAY = date(2025, 11, 10)


def earner(income: float, year: int = 2026, **more: object) -> Taxpayer:
    """A resident with other income."""
    return Taxpayer(Entity.INDIVIDUAL, rate_at(income, year), taxable_income_aud=income, income_year=year, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("income", "gain", "tax"),
    [
        # Half of 125,665 is 62,832.50, from 40,000 on: 5,000 at 18 % is 900, 57,832.50 at 32 % is 18,506.40.
        (40_000, 125_665, 19_406.40),
        # Half of 20,000, all below 18,200: the levy of 2 % alone.
        (5_000, 20_000, 200.00),
        # 100,000 of net gain on 130,000: 5,000 at 32 %, 55,000 at 39 %, 40,000 at 47 %: 1,600 + 21,450 + 18,800.
        (130_000, 200_000, 41_850.00),
        # At a bracket's end, the next dollar is in the next bracket: 1,000 at 32 %.
        (45_000, 2_000, 320.00),
        # In the last bracket: 50,000 at 47 %.
        (250_000, 100_000, 23_500.00),
        # From nothing: 18,200 at 2 %, 26,800 at 18 %, 5,000 at 32 %: 364 + 4,824 + 1,600.
        (0, 100_000, 6_788.00),
    ],
)
def test_a_discounted_gain_is_taxed_by_the_brackets_that_it_reaches(income: float, gain: float, tax: float) -> None:
    assert assess(earner(income), {HALF: gain}).tax_aud == pytest.approx(tax, abs=CENT)
    assert assess_again(payer_of(earner(income)), [{"discountable": 1.0}], [gain]).tax_aud == pytest.approx(tax)


@pytest.mark.parametrize(
    ("year", "tax"),
    # Half of 20,000 on 30,000: 10,000 at the first rate and 2 %.
    [(2025, 1_800.0), (2026, 1_800.0), (2027, 1_700.0), (2028, 1_600.0), (2031, 1_600.0)],
)
def test_the_first_rate_falls_by_year(year: int, tax: float) -> None:
    assert assess(earner(30_000, year), {HALF: 20_000.0}).tax_aud == pytest.approx(tax, abs=CENT)
    assert assess_again(payer_of(earner(30_000, year)), [{"discountable": 1.0}], [20_000]).tax_aud == pytest.approx(tax)


def test_a_financial_year_ends_on_30_june() -> None:
    assert [income_year(day) for day in (date(2026, 6, 30), date(2026, 7, 1))] == [2026, 2027]


def test_brackets_of_before_2024_25_are_not_known() -> None:
    with pytest.raises(DataError, match="give marginal_tax_rate instead"):
        rate_at(50_000, 2024)


def test_an_indexed_gain_is_the_top_of_the_income_and_bears_at_least_30_per_cent() -> None:
    # 30,000 of income and 10,000 of other net gain, then 20,000 of indexed gain, in 2027-28 (14 % to 45,000).
    # Other: 10,000 at 16 % = 1,600. Indexed: 5,000 at 32 % instead of 16 %, 15,000 at 32 %: 20,000 at 32 % = 6,400.
    assert assess(earner(30_000, 2028), {HALF: 20_000.0, INDEXED: 20_000.0}).tax_aud == pytest.approx(8_000.0)
    # On 180,000: other 10,000 at 39 % = 3,900; indexed 20,000 at 47 % = 9,400, which is more than 32 %.
    assert assess(earner(180_000, 2028), {HALF: 20_000.0, INDEXED: 20_000.0}).tax_aud == pytest.approx(13_300.0)


def test_losses_pay_for_gains_of_the_year_so_far() -> None:
    # 6,000 undiscounted and 4,500 discountable so far, 1,500 of losses; at 32 %. So far: 4,500 + 2,250 = 6,750 are
    # taxed: 2,160. A harvest of 4,500 leaves 2,250: 720. The sale saves 1,440.
    who = Taxpayer(Entity.INDIVIDUAL, 0.32, realised=Realised(6_000.0, 4_500.0, 0.0, 1_500.0))
    found = assess(who, {LOSS: 4_500.0})

    assert (found.tax_aud, found.tax_so_far_aud) == (pytest.approx(-1_440.0), pytest.approx(2_160.0))
    assert found.net_capital_gain_aud == pytest.approx(2_250.0)
    assert found.gains_aud == {FULL: 6_000.0, HALF: 4_500.0, INDEXED: 0.0}
    assert (found.losses_used_aud[FULL], found.losses_carried_aud) == (6_000.0, 0.0)


def test_losses_so_far_shelter_a_sale() -> None:
    # 3,000 of losses so far and 2,000 carried in: 5,000 of a gain of 9,000 are free, half of 4,000 at 32 % is 640.
    who = Taxpayer(Entity.INDIVIDUAL, 0.32, 2_000.0, realised=Realised(losses_aud=3_000.0))
    assert assess(who, {HALF: 9_000.0}).tax_aud == pytest.approx(640.0)


@pytest.mark.parametrize(
    ("rate", "net", "more"),
    [
        # 18 %: income up to 45,000. 62,832.50 above it at 32 % instead of 18 %: 14 % of that.
        (0.18, 62_832.50, 8_796.55),
        # 32 %: income up to 135,000. 55,000 at 7 % and 5,000 at 15 % more: 3,850 + 750.
        (0.32, 60_000, 4_600.0),
        # 34 %, of no bracket: that of 32 %. 10,000 at 39 % instead of 34 %.
        (0.34, 10_000, 500.0),
        # Nothing: income up to 18,200. 26,800 at 18 % and 3,200 at 32 %: 4,824 + 1,024.
        (0.0, 30_000, 5_848.0),
        (0.47, 1e6, 0.0),
    ],
)
def test_with_one_rate_it_is_told_by_how_much_brackets_can_exceed_it(rate: float, net: float, more: float) -> None:
    who = Taxpayer(Entity.INDIVIDUAL, rate)
    assert most_above(who, net, DAY) == pytest.approx(more)
    assert may_exceed(payer_of(who), net, DAY) == pytest.approx(more)


def test_where_there_are_no_brackets_nothing_is_told_of_them() -> None:
    for who, day in (
        (Taxpayer(Entity.COMPANY), DAY),
        (earner(40_000), DAY),
        (Taxpayer(Entity.INDIVIDUAL, 0.32), date(2024, 6, 30)),
    ):
        assert most_above(who, 1_000.0, day) is None
        assert may_exceed(payer_of(who), 1_000.0, day) is None


def test_the_pieces_are_the_schedule() -> None:
    for income in (0.0, 10_000.0, 45_000.0, 134_999.0, 500_000.0):
        who = earner(income)
        for gain in (0.0, 1.0, 8_200.0, 35_000.0, 260_000.0):
            by_piece = max(part.early * gain - part.less for part in pieces(who))
            by_line = max(a * gain - less for a, _, less in payer_of(who).lines())
            assert by_piece == pytest.approx(_schedule(income + gain) - _schedule(income))
            assert by_line == pytest.approx(by_piece)


def _schedule(income: float) -> float:
    """Income tax of 2025-26 and the levy, by adding up brackets."""
    steps = ((18_200, 45_000, 0.16), (45_000, 135_000, 0.30), (135_000, 190_000, 0.37), (190_000, np.inf, 0.45))
    return 0.02 * income + sum(max(min(income, end) - start, 0.0) * rate for start, end, rate in steps)


@pytest.mark.parametrize("seed", some_of(range(12), every=5))
def test_the_cheapest_parcels_are_those_of_all_choices_and_the_check_proves_it(seed: int) -> None:
    rng = np.random.default_rng(seed)
    later = seed % 3 == 0
    day = date(2028, 2, 1) if later else DAY
    tickers = [str(t) for t in rng.choice(["A", "B"], size=5)]
    parcels = [
        Parcel(
            ticker,
            float(rng.integers(1, 5)),
            date(int(rng.integers(2022, 2025)) + 2 * later + (rng.random() < 0.4), 9, 3),
            float(rng.integers(1_000, 60_000)),
        )
        for ticker in tickers
    ]
    who = earner(
        float(rng.choice([0, 17_000, 44_000, 120_000])),
        income_year(day),
        carried_losses_aud=float(rng.choice([0, 3_000])),
        realised=Realised(*(float(rng.choice([0, 0, 2_500])) for _ in range(2)), 0.0, float(rng.choice([0, 900]))),
    )
    law = Regime(Reform({date(2027, 7, 1): 100.0, date(2028, 1, 1): 101.5}, {"A": 9_000.0, "B": 7_000.0}))
    quotes = Quotes(day, {"A": 11_000.0, "B": 8_000.0})
    held = {t: sum(p.units for p in parcels if p.ticker == t) for t in set(tickers)}
    asked = {t: float(rng.integers(0, n + 1)) for t, n in held.items()}

    sale = cheapest_sale(parcels, asked, quotes, who, law)

    choices = product(*(range(int(parcel.units) + 1) for parcel in parcels))
    fits = [
        units
        for units in choices
        if all(sum(n for n, p in zip(units, parcels, strict=True) if p.ticker == t) == asked[t] for t in asked)
    ]
    taxes = [assess(who, realise(parcels, units, quotes, who, law)).tax_aud for units in fits]
    assert sale.assessment.tax_aud == pytest.approx(min(taxes), abs=0.01)
    # The bound of the check is below every choice, and not far below the best: a unit is worth thousands here.
    payer, whole = payer_of(who), sale.assessment.tax_aud + sale.assessment.tax_so_far_aud
    results = [{k.value: x for k, x in realise([p], [1], quotes, who, law).items() if x} for p in parcels]
    of = [[(k, p.units) for k, p in enumerate(parcels) if p.ticker == t] for t in asked]
    assert least_tax(payer, results, of, list(asked.values())) <= whole + 1e-6
    again = assess_again(payer, results, sale.units)
    assert again.tax_aud == pytest.approx(sale.assessment.tax_aud)
    assert again.carried_aud == pytest.approx(sale.assessment.losses_carried_aud)


def test_who_gets_income_support_pays_no_minimum_tax() -> None:
    # 10,000 of indexed gain in 2027-28: at 16 % and 2 % by one rate; by brackets on 30,000, at 14 % and 2 %.
    exempt = Taxpayer(Entity.INDIVIDUAL, 0.18, minimum_tax_exempt=True)
    assert assess(exempt, {INDEXED: 10_000.0}).tax_aud == pytest.approx(1_800.0)
    assert assess(earner(30_000, 2028, minimum_tax_exempt=True), {INDEXED: 10_000.0}).tax_aud == pytest.approx(1_600.0)
    assert assess(earner(30_000, 2028), {INDEXED: 10_000.0}).tax_aud == pytest.approx(3_200.0)
    again = Payer("individual", 0.16, 0.0, {}, 30_000.0, 2028, exempt=True)
    assert assess_again(again, [{"indexed": 1.0}], [10_000]).tax_aud == pytest.approx(1_600.0)


def test_unused_losses_are_worth_what_is_told_and_those_used_up_cost_it() -> None:
    # 1,000 of carried losses are used up by the gain, and 500 of it taxed: 0.16 x 500 = 80; the losses were worth 80.
    who = Taxpayer(Entity.INDIVIDUAL, 0.32, 1_000.0, loss_value=0.08)
    found = assess(who, {HALF: 1_500.0})
    assert (found.tax_aud, found.losses_value_aud) == (pytest.approx(80.0), pytest.approx(-80.0))
    # A loss of 700 is carried on with the others.
    assert assess(who, {LOSS: 700.0}).losses_value_aud == pytest.approx(56.0)
    again = Payer("individual", 0.32, 1_000.0, loss_value=0.08)
    assert assess_again(again, [{"loss": 1.0}], [700]).value_aud == pytest.approx(56.0)


def test_a_parcel_at_a_loss_is_sold_first_where_losses_are_worth_something() -> None:
    # One unit of two: a gain of 300 taxed at 0.16 = 48, or a loss of 100. Without value both are compared by tax alone;
    # of two losses, the larger one is worth more.
    old, day = date(2020, 1, 2), DAY
    parcels = [Parcel("A", 1.0, old, 1_100.0), Parcel("A", 1.0, old, 1_400.0)]
    who = Taxpayer(Entity.INDIVIDUAL, 0.32, loss_value=0.08)
    sale = cheapest_sale(parcels, {"A": 1.0}, Quotes(day, {"A": 1_000.0}), who, Regime())
    assert sale.units == (0.0, 1.0)
    # Two parcels alike but for 20 AUD of brokerage per unit: a loss of 400 and 20 is worth 33.60.
    dear = Quotes(day, {"A": 1_000.0}).with_brokerage(20.0, {"A": 1.0})
    assert cheapest_sale(parcels, {"A": 1.0}, dear, who, Regime()).assessment.losses_value_aud == pytest.approx(33.6)
