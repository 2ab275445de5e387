"""Two owners: each is taxed on the share, with the own losses, rate or income (ITAA 1997, s 108-7).

Brackets of 2025-26 with the Medicare levy: 2 % to 18,200, 18 % to 45,000, 32 % to 135,000, 39 % to 190,000, 47 % above.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from itertools import product

import numpy as np
import pytest
from support.depth import some_of
from support.payers import payer_of

from portfolio.check.joint_tax import least_joint_tax
from portfolio.check.tax import assess as assess_again
from portfolio.errors import DataError
from portfolio.tax.brackets import rate_at, saved_by_loss
from portfolio.tax.gains import assess
from portfolio.tax.kinds import Kind, effective_rate
from portfolio.tax.parcels import Parcel, Quotes
from portfolio.tax.regime import Reform, Regime, income_year
from portfolio.tax.sale import cheapest_sale, realise
from portfolio.tax.taxpayer import Entity, Owner, Realised, Taxpayer

LOSS, FULL, HALF, INDEXED = Kind.LOSS, Kind.UNDISCOUNTED, Kind.DISCOUNTABLE, Kind.INDEXED


def earner(name: str, share: float, income: float, year: int = 2026, **more: object) -> Owner:
    return Owner(name, share, rate_at(income, year), taxable_income_aud=income, **more)  # type: ignore[arg-type]


def test_each_owner_is_taxed_on_the_share_with_the_own_losses_and_rate() -> None:
    # 10,000 of long-held gain, half each. The first has losses of 1,000: 4,000 x 1/2 x 39 % = 780. The second has none:
    # 5,000 x 1/2 x 18 % = 450. One owner at the mean rate of 28.5 % with these losses would pay 9,000 / 2 x 28.5 % =
    # 1,282.50: the losses are worth more to the first.
    who = Taxpayer.jointly((Owner("a", 0.5, 0.39, 1_000.0), Owner("b", 0.5, 0.18)))
    found = assess(who, {HALF: 10_000.0})
    assert (found.tax_aud, found.net_capital_gain_aud) == (pytest.approx(1_230.0), pytest.approx(4_500.0))
    assert assess_again(payer_of(who), [{"discountable": 1.0}], [10_000]).tax_aud == pytest.approx(1_230.0)
    assert effective_rate(HALF, who) == pytest.approx(0.1425)


def test_owners_of_unequal_shares_reach_brackets_of_their_own() -> None:
    # 40,000 discountable over incomes of 130,000 and 40,000, shared 3 to 1: nets of 15,000 and 5,000.
    # The first: 5,000 at 32 % and 10,000 at 39 % = 5,500; the second: 5,000 at 18 % = 900.
    owners = (earner("a", 0.75, 130_000), earner("b", 0.25, 40_000))
    who = Taxpayer.jointly(owners, income_year=2026)
    assert assess(who, {HALF: 40_000.0}).tax_aud == pytest.approx(6_400.0)
    assert assess_again(payer_of(who), [{"discountable": 1.0}], [40_000]).tax_aud == pytest.approx(6_400.0)
    # A dollar of losses saves the second least: half of 18 %; that bounds the value of losses for both.
    assert saved_by_loss(who) == pytest.approx(0.09)


def test_what_one_owner_realised_elsewhere_reduces_that_owners_tax_alone() -> None:
    # A loss of 2,000, half each. The first has 3,000 of undiscounted gains this year: 1,000 less at 39 %. The second
    # has none, and carries 1,000 on.
    who = Taxpayer.jointly((Owner("a", 0.5, 0.39, realised=Realised(3_000.0)), Owner("b", 0.5, 0.18)))
    found = assess(who, {LOSS: 2_000.0})
    assert (found.tax_aud, found.losses_carried_aud) == (pytest.approx(-390.0), pytest.approx(1_000.0))
    again = assess_again(payer_of(who), [{"loss": 1.0}], [2_000])
    assert (again.tax_aud, again.carried_aud) == (pytest.approx(-390.0), pytest.approx(1_000.0))


def test_the_parcels_are_chosen_for_both_owners_together() -> None:
    # One unit of two: a gain of 3,000 held for long, or of 2,000 held for less than 12 months. To a payer at 39 % with
    # losses of 1,500 the second is nearly free. Half each: the first owner (39 %, losses 1,500) pays nothing of either
    # half (1,500 and 1,000 of gains); the second (18 %) pays 1,500 / 2 x 18 % = 135, or 1,000 x 18 % = 180.
    day, old, new = date(2025, 11, 10), date(2020, 1, 2), date(2025, 9, 1)
    parcels = [Parcel("A", 1.0, old, 7_000.0), Parcel("A", 1.0, new, 8_000.0)]
    who = Taxpayer.jointly((Owner("a", 0.5, 0.39, 1_500.0), Owner("b", 0.5, 0.18)))
    sale = cheapest_sale(parcels, {"A": 1.0}, Quotes(day, {"A": 10_000.0}), who, Regime())
    assert sale.units == (1.0, 0.0)
    assert sale.assessment.tax_aud == pytest.approx(135.0)


@pytest.mark.parametrize("seed", some_of(range(60), every=3))
def test_no_other_choice_of_parcels_costs_both_owners_less(seed: int) -> None:
    rng = np.random.default_rng(seed)
    reform = bool(seed % 2)
    day = date(2028, 2, 10) if reform else date(2025, 11, 10)
    tickers = ["A"] * int(rng.integers(1, 4)) + ["B"] * int(rng.integers(1, 3))
    parcels = [
        Parcel(
            ticker,
            float(rng.integers(1, 4)),
            date(int(rng.integers(2015, day.year)), int(rng.integers(1, 13)), 5),
            float(rng.integers(1_000, 60_000)),
        )
        for ticker in tickers
    ]
    share, year = float(rng.choice([0.5, 0.3])), income_year(day)
    owners = []
    for name, part in (("a", share), ("b", 1 - share)):
        more = {
            "carried_losses_aud": float(rng.choice([0, 3_000])),
            "realised": Realised(
                *(float(rng.choice([0, 0, 2_500])) for _ in range(2)), 0.0, float(rng.choice([0, 900]))
            ),
        }
        if rng.random() < 0.5:
            owners.append(earner(name, part, float(rng.choice([0, 17_000, 44_000, 120_000])), year, **more))
        else:
            owners.append(Owner(name, part, float(rng.choice([0.0, 0.18, 0.39])), **more))  # type: ignore[arg-type]
    who = Taxpayer.jointly(tuple(owners), income_year=year)
    law = Regime(Reform({date(2027, 7, 1): 100.0, date(2028, 1, 1): 101.5}, {"A": 9_000.0, "B": 7_000.0}))
    quotes = Quotes(day, {"A": 11_000.0, "B": 8_000.0})
    held = {t: sum(p.units for p in parcels if p.ticker == t) for t in set(tickers)}
    asked = {t: float(rng.integers(0, n + 1)) for t, n in held.items()}

    sale = cheapest_sale(parcels, asked, quotes, who, law)

    fits = [
        units
        for units in product(*(range(int(parcel.units) + 1) for parcel in parcels))
        if all(sum(n for n, p in zip(units, parcels, strict=True) if p.ticker == t) == asked[t] for t in asked)
    ]
    taxes = [assess(who, realise(parcels, units, quotes, who, law)).tax_aud for units in fits]
    assert sale.assessment.tax_aud == pytest.approx(min(taxes), abs=0.01)

    # The check computes the same, and its bound is the least tax itself where units may be parted.
    payer = payer_of(who)
    results = [{k.value: x for k, x in realise([p], [1], quotes, who, law).items() if x} for p in parcels]
    assert assess_again(payer, results, sale.units).tax_aud == pytest.approx(sale.assessment.tax_aud)
    part = {t: n * 0.61 for t, n in held.items()}
    parted = cheapest_sale(parcels, part, quotes, who, law)
    of = [[(k, p.units) for k, p in enumerate(parcels) if p.ticker == t] for t in part]
    tax = parted.assessment.tax_aud + parted.assessment.tax_so_far_aud
    bound = least_joint_tax(payer.owners, results, of, list(part.values()), sold=parted.units, enough=tax - 1e-4)
    assert tax - 1e-4 <= bound <= tax + 1e-6 * (1 + abs(tax))


@pytest.mark.parametrize("seed", [9, 13, 29, 31, 33])
def test_the_bound_is_the_least_tax_where_a_bracket_ends_or_losses_end_with_a_kind_of_gain(seed: int) -> None:
    # The best sale of these cases stands where two linear parts of an owner's tax meet: no part alone bounds it.
    rng = np.random.default_rng(seed)
    parcels = []
    for _ in range(int(rng.integers(3, 9))):
        ticker, units = str(rng.choice(["A", "B"])), float(rng.integers(1, 40))
        parcels.append(Parcel(ticker, units, date(2020, 1, 5) if rng.random() < 0.5 else date(2025, 8, 1), 1.0))
    parcels = [replace(p, cost_base_aud=p.units * float(rng.integers(40, 160))) for p in parcels]
    owners = []
    for name in ("a", "b"):
        losses = float(rng.choice([0, 200, 500, 900]))
        if rng.random() < 0.6:
            owners.append(earner(name, 0.5, float(rng.choice([44_600, 134_700, 18_000])), carried_losses_aud=losses))
        else:
            owners.append(Owner(name, 0.5, float(rng.choice([0.18, 0.39])), losses))
    who, quotes = (
        Taxpayer.jointly(tuple(owners), income_year=2026),
        Quotes(date(2025, 11, 10), {"A": 120.0, "B": 100.0}),
    )
    tickers = sorted({p.ticker for p in parcels})
    part = {t: sum(p.units for p in parcels if p.ticker == t) * float(rng.choice([0.31, 0.61])) for t in tickers}
    sale = cheapest_sale(parcels, part, quotes, who, Regime())
    results = [{k.value: x for k, x in realise([p], [1], quotes, who, Regime()).items() if x} for p in parcels]
    of = [[(k, p.units) for k, p in enumerate(parcels) if p.ticker == t] for t in part]
    tax = sale.assessment.tax_aud
    bound = least_joint_tax(payer_of(who).owners, results, of, list(part.values()), sold=sale.units, enough=tax - 1e-4)
    assert tax - 1e-4 <= bound <= tax + 1e-6


def test_owners_that_cannot_be_are_refused() -> None:
    one, other = Owner("a", 0.5, 0.3), Owner("b", 0.4, 0.3)
    with pytest.raises(DataError, match="with the sum 1"):
        Taxpayer.jointly((one, other))
    with pytest.raises(DataError, match="a name each"):
        Taxpayer.jointly((one, one))
    with pytest.raises(DataError, match="only individuals own together"):
        Taxpayer(Entity.COMPANY, owners=(one, Owner("b", 0.5, 0.3)))
    with pytest.raises(DataError, match="a financial year"):
        Taxpayer.jointly((earner("a", 0.5, 40_000), Owner("b", 0.5, 0.3)))
