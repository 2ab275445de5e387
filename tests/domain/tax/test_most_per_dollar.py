"""The most tax that a dollar of gain can add: never less than the tax that the law makes of any sales."""

from __future__ import annotations

import random

import pytest
from pydantic import TypeAdapter

from portfolio.check.owned import _payer as as_checked
from portfolio.tax.gains import assess, most_per_dollar
from portfolio.tax.kinds import GAINS, Kind
from portfolio.tax.taxpayer import Entity, Realised, Taxpayer


def payer(rng: random.Random) -> Taxpayer:
    """Make an individual with a year so far, taxed by brackets or at one rate."""
    by_brackets = rng.random() < 0.7
    realised = Realised(*(rng.choice([0.0, rng.uniform(0, 60_000)]) for _ in range(4)))
    return Taxpayer(
        Entity.INDIVIDUAL,
        marginal_rate=0.32,
        carried_losses_aud=rng.choice([0.0, rng.uniform(0, 40_000)]),
        realised=realised,
        taxable_income_aud=rng.uniform(0, 250_000) if by_brackets else None,
        income_year=2029 if by_brackets else None,
        minimum_tax_exempt=rng.random() < 0.3,
    )


@pytest.mark.parametrize("seed", range(40))
def test_no_sales_add_more_tax_than_that_and_the_check_finds_the_same(seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311
    who = payer(rng)
    owned = {kind: rng.uniform(0, 150_000) for kind in GAINS}
    most = most_per_dollar(who, owned)
    for _ in range(20):
        sold = {kind: rng.choice([0.0, rng.uniform(0, owned[kind]), owned[kind]]) for kind in GAINS}
        sold[Kind.LOSS] = rng.choice([0.0, rng.uniform(0, 50_000)])
        assert assess(who, sold).tax_aud <= sum(most[kind] * sold[kind] for kind in GAINS) + 1e-6
    checked = as_checked(TypeAdapter(Taxpayer).dump_python(who, mode="json"))
    names = {kind.value: aud for kind, aud in owned.items()}
    assert {kind: checked.most_tax_of(kind.value, names) for kind in GAINS} == pytest.approx(most)


def test_a_gain_that_takes_losses_from_indexed_ones_costs_their_rate() -> None:
    # At 18 %, 100 AUD of indexed gains so far are covered by 100 AUD of losses. Another 100 AUD of undiscounted gains
    # take the losses away, so that the indexed gains bear 30 % and 2 % of levy.
    who = Taxpayer(Entity.INDIVIDUAL, marginal_rate=0.18, realised=Realised(indexed_aud=100.0, losses_aud=100.0))
    sold = {Kind.UNDISCOUNTED: 100.0, Kind.DISCOUNTABLE: 0.0, Kind.INDEXED: 0.0, Kind.LOSS: 0.0}
    assert assess(who, sold).tax_aud == pytest.approx(32.0)
    assert most_per_dollar(who, sold)[Kind.UNDISCOUNTED] == pytest.approx(0.32)
