"""The chance of reaching an amount: by hand, against simulated months, and what is solved for put back."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from math import erf, exp, log, sqrt

import numpy as np
import pytest

from portfolio.funding.chance import (
    Aim,
    aim_of,
    chance,
    missing_months,
    missing_per_month_aud,
    needed_aud,
    quantile_aud,
)
from portfolio.funding.growth import Growth
from portfolio.terms.targets import Target

EXACT = partial(pytest.approx, rel=1e-12)
SIMULATED = 400_000
# What docs/model.md promises; the simulation's own standard deviation is at most 0.0008.
PROMISED = 0.005


def test_a_year_s_logarithm_has_the_moments_of_a_lognormal_variable() -> None:
    # exp(d + v / 2) is the mean, and exp(2 d + v) (exp(v) - 1) the variance.
    growth = Growth(0.06, 0.15)
    v, d = growth.variance, growth.drift
    assert exp(d + v / 2) == EXACT(1.06)
    assert exp(2 * d + v) * (exp(v) - 1) == EXACT(0.15**2)


def test_without_contributions_the_chance_is_the_textbook_s() -> None:
    growth, aim = Growth(0.06, 0.15), Aim(150_000, 8.0, 0.0, 0.0)
    # 100,000 AUD must grow by ln(1.5); in 8 years the logarithm is normal.
    z = (8 * growth.drift - log(1.5)) / sqrt(8 * growth.variance)
    assert chance(aim, 100_000, growth) == EXACT((1 + erf(z / sqrt(2))) / 2)


def test_the_capital_needed_is_the_textbook_s() -> None:
    growth, aim = Growth(0.06, 0.15), Aim(150_000, 8.0, 0.0, 0.0)
    # Phi(0.6744897501960817) = 0.75.
    by_hand = 150_000 * exp(0.6744897501960817 * sqrt(8 * growth.variance) - 8 * growth.drift)
    assert needed_aud(aim, growth, 0.75) == EXACT(by_hand)


def test_what_is_needed_now_is_the_amount() -> None:
    aim = Aim(100_000, 0.0, 500.0, 0.025)
    assert needed_aud(aim, Growth(0.06, 0.15), 0.9) == 100_000
    assert chance(aim, 100_000, Growth(0.06, 0.15)) == 1.0
    assert chance(aim, 99_999, Growth(0.06, 0.15)) == 0.0


def test_an_amount_in_today_s_money_is_the_larger_amount_of_its_day() -> None:
    growth = Growth(0.06, 0.15)
    today = aim_of(Target("g", "g", "a", 100_000, 10.0), 0.025)
    then = aim_of(Target("g", "g", "a", 100_000 * 1.025**10, 10.0, in_todays_money=False), 0.025)
    assert chance(today, 90_000, growth) == EXACT(chance(then, 90_000, growth))
    assert needed_aud(today, growth, 0.8) == EXACT(needed_aud(then, growth, 0.8))


@pytest.mark.parametrize(
    ("growth", "capital", "aim"),
    [
        (Growth(0.06, 0.12), 50_000, Aim(280_000, 22.0, 500.0, 0.025)),
        (Growth(0.05, 0.08), 20_000, Aim(50_000, 3.0, 800.0, 0.025)),
        (Growth(0.08, 0.25), 0, Aim(100_000, 12.5, 400.0, 0.03)),
        (Growth(0.04, 0.02), 1_000, Aim(2_500, 0.29, 500.0, 0.0)),
    ],
)
def test_with_contributions_the_chance_is_what_simulated_months_come_to(
    growth: Growth, capital: float, aim: Aim
) -> None:
    draw = np.random.default_rng(7)
    # numpy's lognormal takes the moments of the logarithm: found here from those of a year by its own definition.
    spread = sqrt(np.log(1 + growth.volatility**2 / (1 + growth.mean) ** 2))
    drift = np.log(1 + growth.mean) - spread**2 / 2 - np.log(1 + aim.inflation)
    months = int(12 * aim.years)
    rest = aim.years - months / 12
    amounts = np.full(SIMULATED, float(capital))
    for _ in range(months):
        amounts *= draw.lognormal(drift / 12, spread / sqrt(12), SIMULATED)
        amounts += aim.monthly_aud
    amounts *= draw.lognormal(drift * rest, spread * sqrt(rest), SIMULATED)
    told = chance(aim, capital, growth)
    assert 0.1 < told < 0.9
    assert (amounts >= aim.amount_aud).mean() == pytest.approx(told, abs=PROMISED)
    assert np.median(amounts) == pytest.approx(quantile_aud(aim, capital, growth, 0.5), rel=PROMISED)


AIMS = [
    (Growth(0.06, 0.12), 50_000.0, Aim(280_000, 22.0, 500.0, 0.025), 0.75),
    (Growth(0.02, 0.05), 1_000.0, Aim(50_000, 1.04, 800.0, 0.025), 0.99),
    (Growth(0.08, 0.25), 10_000.0, Aim(300_000, 20.0, 0.0, 0.0), 0.6),
    (Growth(0.08, 1e-6), 10_000.0, Aim(300_000, 20.0, 200.0, 0.0), 0.6),
    (Growth(0.07, 0.20), 0.0, Aim(9_000_000, 60.5, 500.0, 0.03), 0.3),
    (Growth(0.07, 0.20), 1e9, Aim(1e10, 30.0, 1e6, 0.03), 0.9),
]


@pytest.mark.parametrize(("growth", "capital", "aim", "wanted"), AIMS)
def test_what_would_bring_the_wanted_chance_does(growth: Growth, capital: float, aim: Aim, wanted: float) -> None:
    needed = needed_aud(aim, growth, wanted)
    assert chance(aim, needed, growth) == pytest.approx(wanted, abs=1e-9)
    monthly = missing_per_month_aud(aim, capital, growth, wanted)
    assert monthly is not None
    more = replace(aim, monthly_aud=aim.monthly_aud + monthly)
    assert chance(more, capital, growth) == pytest.approx(wanted, abs=1e-9)


@pytest.mark.parametrize(
    ("growth", "capital", "aim", "wanted"), [*AIMS, (Growth(0, 0.1), 90.0, Aim(100, 1, 0, 0.02), 0.9)]
)
def test_the_first_month_with_the_wanted_chance_is_the_first(
    growth: Growth, capital: float, aim: Aim, wanted: float
) -> None:
    last = int(12 * (100 - aim.years) + 1e-9)
    reached = [chance(replace(aim, years=aim.years + k / 12), capital, growth) >= wanted for k in range(last + 1)]
    assert missing_months(aim, capital, growth, wanted) == (reached.index(True) if True in reached else None)


def test_where_contributions_are_enough_nothing_is_needed() -> None:
    aim, growth = Aim(50_000, 10.0, 1_000.0, 0.025), Growth(0.05, 0.08)
    assert needed_aud(aim, growth, 0.9) == 0.0
    assert chance(aim, 0.0, growth) > 0.9
    assert missing_per_month_aud(aim, 0.0, growth, 0.9) == 0.0
    assert missing_months(aim, 0.0, growth, 0.9) == 0


def test_without_a_full_month_there_is_no_contribution() -> None:
    assert missing_per_month_aud(Aim(50_000, 0.08, 100.0, 0.0), 10.0, Growth(0.05, 0.08), 0.9) is None
    # A twelfth of a year is short of a month by rounding.
    assert Aim(1, 1 / 12, 1, 0).months == 1


@pytest.mark.parametrize("years", [0.0, 5e-324])
def test_what_cannot_move_is_certain(years: float) -> None:
    aim = Aim(100.0, years, 0.0, 0.025)
    assert [chance(aim, aud, Growth(0.05, 0.2)) for aud in (99.0, 100.0)] == [0.0, 1.0]


def test_where_risk_is_none_the_amount_is_reached_or_is_not() -> None:
    still = Growth(0.05, 0.0)
    assert chance(Aim(105.0, 1.0, 0.0, 0.0), 100.0, still) == 1.0
    assert chance(Aim(105.1, 1.0, 0.0, 0.0), 100.0, still) == 0.0
    # 100 * 1.05 + sum of 10 * 1.05 ** (k / 12) for k = 0..11.
    saved = 105 + sum(10 * 1.05 ** (k / 12) for k in range(12))
    assert chance(Aim(saved, 1.0, 10.0, 0.0), 100.0, still) == 1.0
    assert chance(Aim(saved * 1.001, 1.0, 10.0, 0.0), 100.0, still) == 0.0


def test_a_loss_of_everything_is_not_beyond_the_formula() -> None:
    assert chance(Aim(100.0, 5.0, 0.0, 0.0), 100.0, Growth(-0.995, 0.2).shifted(-0.01)) == pytest.approx(0.0, abs=1e-6)
