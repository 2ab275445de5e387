"""The tax on a year's gains against arithmetic by hand, and against a linear program."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portfolio.errors import DataError
from portfolio.tax.gains import Assessment, assess
from portfolio.tax.kinds import GAINS, Kind, effective_rate
from portfolio.tax.taxpayer import Entity, Taxpayer

# Sums of a few products: differences of order are a few units in the last place.
EXACT = pytest.approx
PROFILE = settings(derandomize=True, deadline=None, max_examples=200)
# The same for amounts below 1e6 AUD, of which nearly nothing may be left.
SOLVED = {"rel": 1e-9, "abs": 1e-9}

LOSS, FULL, HALF, INDEXED = Kind.LOSS, Kind.UNDISCOUNTED, Kind.DISCOUNTABLE, Kind.INDEXED
AMOUNTS = st.floats(0.0, 1e6)
TOTALS = st.fixed_dictionaries(dict.fromkeys(Kind, AMOUNTS))
ENTITIES = {
    Entity.INDIVIDUAL: st.floats(0.0, 0.5),
    Entity.SUPER_ACCUMULATION: st.none(),
    Entity.SUPER_PENSION: st.none(),
    Entity.COMPANY: st.sampled_from([None, 0.25]),
}
TAXPAYERS = st.sampled_from(Entity).flatmap(
    lambda entity: st.builds(Taxpayer, st.just(entity), ENTITIES[entity], st.just(0.0) | AMOUNTS)
)


def person(rate: float = 0.39, *, carried: float = 0.0) -> Taxpayer:
    return Taxpayer(Entity.INDIVIDUAL, rate, carried)


def used(assessment: Assessment) -> list[float]:
    return [assessment.losses_used_aud[kind] for kind in GAINS]


def test_an_individual_is_taxed_on_half_of_a_discounted_gain() -> None:
    # 10,000 / 2 = 5,000; 39 % of it.
    found = assess(person(), {HALF: 10_000.0})
    assert (found.net_capital_gain_aud, found.tax_aud) == EXACT((5_000.0, 1_950.0))


def test_an_accumulating_fund_is_taxed_on_two_thirds() -> None:
    # 9,000 * 2/3 = 6,000; 15 % of it.
    found = assess(Taxpayer(Entity.SUPER_ACCUMULATION), {HALF: 9_000.0})
    assert (found.net_capital_gain_aud, found.tax_aud) == EXACT((6_000.0, 900.0))


def test_a_fund_in_the_pension_phase_pays_nothing_and_keeps_what_it_carried() -> None:
    found = assess(Taxpayer(Entity.SUPER_PENSION, carried_losses_aud=700.0), {FULL: 9_000.0, LOSS: 400.0})
    assert (found.net_capital_gain_aud, found.tax_aud, found.losses_carried_aud) == (0.0, 0.0, 700.0)
    assert sum(found.gains_aud.values()) == sum(used(found)) == 0.0


@pytest.mark.parametrize(("rate", "tax"), [(None, 3_000.0), (0.25, 2_500.0)])
def test_a_company_is_taxed_on_the_whole_gain(rate: float | None, tax: float) -> None:
    found = assess(Taxpayer(Entity.COMPANY, rate), {FULL: 10_000.0})
    assert (found.net_capital_gain_aud, found.tax_aud) == EXACT((10_000.0, tax))


def test_losses_reduce_the_undiscounted_gain_first_and_the_other_before_its_discount() -> None:
    # 5,000 of losses: 3,000 against the undiscounted gain, 2,000 against 8,000. (8,000 - 2,000) / 2 = 3,000;
    # 39 % of it is 1,170. The other way round it would be 39 % of (3,000 + 3,000 / 2) = 1,755.
    found = assess(person(), {FULL: 3_000.0, HALF: 8_000.0, LOSS: 5_000.0})
    assert used(found) == [3_000.0, 2_000.0, 0.0]
    assert (found.net_capital_gain_aud, found.tax_aud) == EXACT((3_000.0, 1_170.0))
    assert found.losses_carried_aud == 0.0


def test_losses_carried_in_count_as_this_years_do() -> None:
    # 1,000 of this year and 4,000 carried in: the case above.
    found = assess(person(carried=4_000.0), {FULL: 3_000.0, HALF: 8_000.0, LOSS: 1_000.0})
    assert used(found) == [3_000.0, 2_000.0, 0.0]
    assert found.tax_aud == EXACT(1_170.0)


def test_losses_beyond_the_gains_are_carried_on_and_shelter_no_income() -> None:
    # 9,000 + 2,000 - 1,000 - 3,000 = 7,000 left; no tax, and none back.
    found = assess(person(carried=2_000.0), {FULL: 1_000.0, HALF: 3_000.0, LOSS: 9_000.0})
    assert (found.net_capital_gain_aud, found.tax_aud, found.losses_carried_aud) == (0.0, 0.0, 7_000.0)


def test_an_indexed_gain_bears_thirty_percent_and_the_levy() -> None:
    # 15 % of income tax and 2 % of levy on other income: 30 % and 2 % of 10,000 here; 39 % where that is more.
    assert assess(person(0.17), {INDEXED: 10_000.0}).tax_aud == EXACT(3_200.0)
    assert assess(person(0.39), {INDEXED: 10_000.0}).tax_aud == EXACT(3_900.0)


def test_the_law_lets_losses_reduce_the_discounted_gain_before_the_indexed_one() -> None:
    # 2,500 of losses: 2,000 against the discounted gain, 500 against 1,000. 39 % of 500 = 195. The taxpayer would have
    # liked 1,000 against the indexed gain and 1,500 against the other: 39 % of 250 = 97.50.
    found = assess(person(), {HALF: 2_000.0, INDEXED: 1_000.0, LOSS: 2_500.0})
    assert used(found) == [0.0, 2_000.0, 500.0]
    assert (found.net_capital_gain_aud, found.tax_aud) == EXACT((500.0, 195.0))


def test_nothing_realised_leaves_everything_as_it_was() -> None:
    found = assess(person(carried=5.0), {})
    assert (found.net_capital_gain_aud, found.tax_aud, found.losses_carried_aud) == (0.0, 0.0, 5.0)


@pytest.mark.parametrize("wrong", [{FULL: -1.0}, {LOSS: -1.0}, {HALF: float("nan")}, {INDEXED: float("inf")}])
def test_a_total_that_is_none_is_refused(wrong: dict[Kind, float]) -> None:
    with pytest.raises(DataError, match=next(iter(wrong)).value):
        assess(person(), wrong)


def least_tax(taxpayer: Taxpayer, totals: dict[Kind, float]) -> float:
    """Tax if losses may reduce any gain: min r.(G - l), 0 <= l <= G, sum l <= L; or 0 where gains are disregarded.

    Losses go to the gains of the highest rate first, which solves that program exactly (Dantzig 1957); a solver takes
    rates below 1e-7 for none.
    """
    left, tax = totals[LOSS] + taxpayer.carried_losses_aud, 0.0
    for rate, gain in sorted(((effective_rate(kind, taxpayer), totals[kind]) for kind in GAINS), reverse=True):
        used = min(gain, left)
        left, tax = left - used, tax + rate * (gain - used)
    return tax


@PROFILE
@given(TAXPAYERS, TOTALS)
def test_without_indexed_gains_the_tax_is_the_least_that_losses_can_leave(
    taxpayer: Taxpayer, totals: dict[Kind, float]
) -> None:
    totals |= {INDEXED: 0.0}
    assert assess(taxpayer, totals).tax_aud == EXACT(least_tax(taxpayer, totals), **SOLVED)


@PROFILE
@given(TAXPAYERS, TOTALS)
def test_with_indexed_gains_that_program_is_a_lower_bound(taxpayer: Taxpayer, totals: dict[Kind, float]) -> None:
    assert assess(taxpayer, totals).tax_aud >= least_tax(taxpayer, totals) - SOLVED["abs"]


@PROFILE
@given(TAXPAYERS, TOTALS)
def test_tax_is_never_negative_and_losses_are_neither_lost_nor_made(
    taxpayer: Taxpayer, totals: dict[Kind, float]
) -> None:
    found = assess(taxpayer, totals)
    assert found.tax_aud >= 0
    assert found.net_capital_gain_aud >= 0
    assert all(0 <= found.losses_used_aud[kind] <= found.gains_aud[kind] for kind in GAINS)
    losses = 0.0 if taxpayer.entity is Entity.SUPER_PENSION else totals[LOSS]
    assert sum(used(found)) + found.losses_carried_aud == EXACT(losses + taxpayer.carried_losses_aud)


@PROFILE
@given(TAXPAYERS, TOTALS, AMOUNTS)
def test_one_more_loss_never_costs_tax(taxpayer: Taxpayer, totals: dict[Kind, float], more: float) -> None:
    with_more = totals | {LOSS: totals[LOSS] + more}
    # A unit in the last place of amounts of 1e6 AUD, thrice.
    assert assess(taxpayer, with_more).tax_aud <= assess(taxpayer, totals).tax_aud + 1e-9


@PROFILE
@given(TAXPAYERS, TOTALS, st.floats(1e-3, 1e3))
def test_tax_knows_no_currency(taxpayer: Taxpayer, totals: dict[Kind, float], factor: float) -> None:
    scaled = Taxpayer(taxpayer.entity, taxpayer.marginal_rate, taxpayer.carried_losses_aud * factor)
    found = assess(scaled, {kind: amount * factor for kind, amount in totals.items()})
    # Where losses and gains nearly cancel, what is left is exact to the last places of the amounts themselves.
    assert found.tax_aud == EXACT(factor * assess(taxpayer, totals).tax_aud, abs=1e-9 * factor)
