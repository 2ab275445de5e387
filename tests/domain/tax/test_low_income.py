"""The low-income tax offset and the threshold of the Medicare levy: each figure derived by hand.

Offset (s 61-115): 700 AUD up to 37,500 of taxable income, 5 cents less for each dollar to 45,000, from 325 AUD on 1.5
cents less for each dollar to 66,667. Levy (Medicare Levy Act 1986, s 7; 2024-25): nothing up to 27,222, 10 % of the
excess up to 34,027, then 2 % of all. Residents in 2025-26: nil to 18,200, 16 % to 45,000, 30 % to 135,000.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.depth import examples
from support.payers import payer_of

from portfolio.check.low_income import low_income as low_income_again
from portfolio.tax.brackets import rate_at
from portfolio.tax.gains import assess
from portfolio.tax.kinds import Kind
from portfolio.tax.low_income import levy_aud, low_income, offset_aud, relief_aud
from portfolio.tax.taxpayer import Entity, Owner, Realised, Taxpayer

CENT = 0.005
KINDS = {
    Kind.LOSS: "loss",
    Kind.UNDISCOUNTED: "undiscounted",
    Kind.DISCOUNTABLE: "discountable",
    Kind.INDEXED: "indexed",
}


def earner(income: float, year: int = 2026, **more: object) -> Taxpayer:
    return Taxpayer(Entity.INDIVIDUAL, rate_at(income, year), taxable_income_aud=income, income_year=year, **more)  # type: ignore[arg-type]


def effect(who: Taxpayer, sold: dict[Kind, float]) -> tuple[float, float]:
    """Both figures; the check computes the same."""
    found = low_income(who, sold)
    assert found is not None
    again = low_income_again(payer_of(who), [{KINDS[kind]: 1.0} for kind in sold], list(sold.values()))
    assert again == pytest.approx((found.change_aud, found.most_better_aud), abs=1e-6)
    return found.change_aud, found.most_better_aud


@pytest.mark.parametrize(
    ("income", "offset"),
    # 700 - 5 % of 2,500; 700 - 5 % of 7,500; 325 - 1.5 % of 5,000; 325 - 1.5 % of 21,667 is below nothing.
    [(0, 700), (37_500, 700), (40_000, 575), (45_000, 325), (50_000, 250), (66_666, 0.01), (66_667, 0), (1e6, 0)],
)
def test_the_offset_is_that_of_the_section(income: float, offset: float) -> None:
    assert offset_aud(income) == pytest.approx(offset, abs=CENT)


@pytest.mark.parametrize(
    ("income", "levy"),
    # Angie of the tax office's page has 29,000: 10 % of 1,778. From 34,027 on, 2 %.
    [(27_222, 0), (29_000, 177.80), (34_027, 680.50), (40_000, 800)],
)
def test_the_levy_is_that_of_the_section(income: float, levy: float) -> None:
    assert levy_aud(income) == pytest.approx(levy, abs=CENT)


@pytest.mark.parametrize(
    ("income", "gain", "tax", "better"),
    [
        # Half of 125,665 on 40,000 reaches 102,832.50: the offset of 575 is lost. 19,406.40 by brackets. Nothing that
        # sells saves more than the 575 AUD that the customer has without sales.
        (40_000, 125_665, 19_981.40, 575.0),
        # On nothing, 20,000 of net gain: no levy, and 16 % of 1,800 is 288, which the offset pays.
        (0, 40_000, 0.0, None),
        # On 22,575, where the offset of 700 pays 16 % of 4,375: 10,000 of net gain are 32,575. By brackets 1,600;
        # levy 535.30 instead of 0.
        (22_575, 20_000, 1_600 + 535.30, None),
        # On 20,000, 2,000 of net gain: 16 % of 3,800 is 608, less than the offset; no levy at 22,000.
        (20_000, 4_000, 0.0, None),
        # On 60,000, 3,000 of net gain: 900 and 60 by brackets, and 1.5 % of 3,000 of the offset.
        (60_000, 6_000, 960 + 45.0, 45.0),
        # Above 66,667 there is no relief to lose.
        (66_667, 50_000, 8_000.0, 0.0),
    ],
)
def test_a_single_person_s_tax_is_that_by_brackets_and_the_change(
    income: float, gain: float, tax: float, better: float | None
) -> None:
    who = earner(income)
    change, most_better = effect(who, {Kind.DISCOUNTABLE: gain})
    assert assess(who, {Kind.DISCOUNTABLE: gain}).tax_aud + change == pytest.approx(tax, abs=CENT)
    if better is not None:
        assert most_better == pytest.approx(better, abs=CENT)


def test_losses_of_the_sales_give_back_the_offset_that_the_year_has_cost() -> None:
    # On 40,000, gains of 4,000 so far: 44,000, an offset of 375 instead of 575. A loss of 4,000 gives 200 back, beside
    # 4,000 at 18 %.
    who = earner(40_000, realised=Realised(4_000.0))
    change, _ = effect(who, {Kind.LOSS: 4_000.0})
    assert assess(who, {Kind.LOSS: 4_000.0}).tax_aud == pytest.approx(-720.0)
    assert change == pytest.approx(-200.0)


def test_each_owner_has_an_offset_of_the_own() -> None:
    # 12,000 of discountable gain in halves, half of each taxed: 3,000 for each. On 60,000 that costs 45 of the offset,
    # on 38,000 150; an owner with one rate is not asked.
    owners = (Owner("a", 0.5, 0.32, taxable_income_aud=60_000.0), Owner("b", 0.5, 0.18, taxable_income_aud=38_000.0))
    change, _ = effect(Taxpayer.jointly(owners, income_year=2026), {Kind.DISCOUNTABLE: 12_000.0})
    assert change == pytest.approx(195.0)
    (first, _), one_rate = owners, Owner("b", 0.5, 0.18)
    change, _ = effect(Taxpayer.jointly((first, one_rate), income_year=2026), {Kind.DISCOUNTABLE: 12_000.0})
    assert change == pytest.approx(45.0)


def test_without_brackets_nothing_is_said_of_them() -> None:
    for who in (Taxpayer(Entity.INDIVIDUAL, 0.32), Taxpayer(Entity.COMPANY), Taxpayer(Entity.SUPER_ACCUMULATION)):
        assert low_income(who, {Kind.DISCOUNTABLE: 100.0}) is None
        assert low_income_again(payer_of(who), [{"discountable": 1.0}], [100.0]) is None


@pytest.mark.parametrize("year", [2025, 2026, 2027, 2028])
@pytest.mark.parametrize("income", [0, 5_000, 18_200, 22_575, 24_000, 27_222, 30_000, 34_027, 40_000, 60_000, 70_000])
def test_no_gain_at_all_has_more_relief_than_the_bound(income: float, year: int) -> None:
    _, most_better = effect(earner(income, year), {})
    reliefs = [relief_aud(float(x), year) for x in np.linspace(income, income + 80_000, 8_001)]
    assert min(reliefs) >= -CENT
    assert max(reliefs) <= most_better + relief_aud(income, year) + 1e-9
    # And the bound is reached, to what a step of ten dollars can miss at ten and sixteen cents a dollar.
    assert max(reliefs) >= most_better + relief_aud(income, year) - 2.6


@examples(500, quick=50)
@given(
    st.floats(0, 250_000),
    st.sampled_from([2025, 2026, 2027, 2028, 2031]),
    st.tuples(*[st.floats(0, 150_000)] * 4),
    st.tuples(*[st.floats(0, 50_000)] * 4),
)
def test_the_check_computes_both_figures_of_any_year(
    income: float, year: int, sold: tuple[float, ...], before: tuple[float, ...]
) -> None:
    full, half, indexed, losses = before
    who = earner(income, year, realised=Realised(full, half, indexed if year > 2027 else 0.0, losses))
    kinds = (Kind.LOSS, Kind.UNDISCOUNTED, Kind.DISCOUNTABLE, Kind.INDEXED)
    change, most_better = effect(
        who, {k: aud for k, aud in zip(kinds, sold, strict=True) if year > 2027 or k is not Kind.INDEXED}
    )
    assert most_better >= -1e-9
    # The whole offset and the levy up to the threshold: 700 + 544.44.
    assert abs(change) <= 1_244.45
