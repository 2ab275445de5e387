"""Stage 1, one pod alone, against closed forms, grids and a second statement of each program."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy.optimize import linprog
from support.builders import OUTLOOK, TRAILING, mandate, market, random_market
from support.pod_oracle import best

from agents.mandate_files import bundled
from agents.mandate_files import load as load_mandate
from portfolio.errors import SolverError
from portfolio.market.figures import figures, grossed_up_yields
from portfolio.market.measure import Figures, Measure
from portfolio.market.snapshot import load
from portfolio.pod.optimise import UnreachableMandateError, optimise_sleeve
from portfolio.published.conflicts import Shortfall
from portfolio.terms.mandate import Mandate, Objective

if TYPE_CHECKING:
    from portfolio import Vector
    from portfolio.market.snapshot import Market
    from portfolio.pod.sleeve import Sleeve

# Figures of order one, both solvers at 1e-8 or better.
SOLVERS_AGREE = 2e-6
# An optimum is flat: weights are as good as the square root of their figure.
FLAT = 1e-4
# A rule may be off by this much, as in ``portfolio.check``.
RULE = 1e-7

TWO = market([0.10, 0.20], [0.06, 0.12], correlation=0.2, risk_free=0.04)


def keeps_its_terms(prices: Market, found: Sleeve) -> bool:
    """Whether a sleeve keeps every limit of its mandate."""
    terms, u = found.mandate, found.weights
    outside = [t for t in prices.tickers if t not in terms.universe]
    delivered = figures(prices, u)
    return bool(
        abs(u.sum() - 1) < RULE
        and u.min() > -RULE
        and u.max() <= terms.max_position + RULE
        and not u[prices.positions(outside)].any()
        and 1 / (u @ u) >= terms.min_effective_holdings - 1e-6
        and all(
            (delivered.of(m) - asked) * (1 if m.lower_is_better else -1) <= RULE for m, asked in terms.goals.items()
        )
    )


def test_least_volatility_of_two_etfs_has_a_closed_form() -> None:
    # w = (s2^2 - rho s1 s2) / (s1^2 + s2^2 - 2 rho s1 s2) = (.04 - .004) / (.05 - .008)
    found = optimise_sleeve(TWO, mandate("AB"), 1.0)
    assert found.weights == pytest.approx([0.036 / 0.042, 0.006 / 0.042], abs=FLAT)


def test_largest_sharpe_ratio_of_two_etfs_is_that_of_a_fine_grid() -> None:
    found = optimise_sleeve(TWO, mandate("AB", objective=Objective.MAX_SHARPE), 1.0)
    ratios = [figures(TWO, np.array([a, 1 - a])).sharpe_ratio for a in np.linspace(0, 1, 10_001)]
    assert found.figures.sharpe_ratio >= max(ratios) - 1e-9
    assert found.figures.sharpe_ratio == pytest.approx(max(ratios), abs=1e-6)


def test_largest_sharpe_ratio_of_two_etfs_has_a_closed_form() -> None:
    # Proportional to Sigma^-1 (mu - rf).
    direction = np.linalg.solve(TWO.Sigma, np.array([0.02, 0.08]))
    found = optimise_sleeve(TWO, mandate("AB", objective=Objective.MAX_SHARPE), 1.0)
    assert found.weights == pytest.approx(direction / direction.sum(), abs=FLAT)


def test_largest_sharpe_ratio_with_cash_beside_one_etf_is_that_of_the_etf() -> None:
    # Any mix of both has it but for cash's own volatility: the ratio pushes out of cash.
    prices = market([0.003, 0.2], [0.04, 0.10], risk_free=0.04)
    found = optimise_sleeve(prices, mandate("AB", objective=Objective.MAX_SHARPE), 1.0)
    assert found.figures.sharpe_ratio == pytest.approx(0.3, abs=1e-6)


@pytest.mark.oracle
@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("objective", [Objective.MAX_INCOME, Objective.MAX_RETURN])
def test_the_largest_income_or_return_is_that_of_a_linear_program(seed: int, objective: Objective) -> None:
    prices = random_market(np.random.default_rng(seed), 6)
    found = optimise_sleeve(prices, mandate("ABCDEF", objective=objective, max_position=0.35), 1.0)
    gain = grossed_up_yields(prices) if objective is Objective.MAX_INCOME else prices.expected_returns
    oracle = linprog(-gain, A_eq=np.ones((1, 6)), b_eq=[1.0], bounds=(0, 0.35))
    assert found.figures.of(objective.measure) == pytest.approx(-oracle.fun, abs=SOLVERS_AGREE)
    # Vertices hold 35, 35 and 30 %: an interior point that leaves dust elsewhere is not cleaned.
    assert (found.weights > 0).sum() == 3


def random_pod(seed: int) -> tuple[Market, Mandate]:
    rng = np.random.default_rng(seed)
    prices = random_market(rng, 6)
    chosen = sorted(rng.choice(prices.tickers, size=int(rng.integers(3, 7)), replace=False).tolist())
    terms = mandate(
        chosen,
        objective=list(Objective)[seed % 4],
        max_position=float(rng.uniform(0.45, 1.0)),
        min_effective_holdings=float(rng.uniform(1.0, len(chosen) - 0.7)),
    )
    # Somewhere between the best there is and what a mix of equal parts does, for two measures.
    equal = np.zeros(6)
    equal[prices.positions(chosen)] = 1 / len(chosen)
    goals = {}
    for measure in rng.choice(list(Measure), size=2, replace=False):
        top = best(prices, terms, Measure(measure), goals=False)
        goals[Measure(measure)] = float(0.4 * top + 0.6 * figures(prices, equal).of(Measure(measure)))
    return prices, replace(terms, goals=goals)


@pytest.mark.oracle
@pytest.mark.parametrize("seed", range(48))
def test_a_pod_alone_does_as_well_as_a_second_statement_of_its_program(seed: int) -> None:
    prices, terms = random_pod(seed)
    oracle = best(prices, terms, terms.objective.measure)
    try:
        found = optimise_sleeve(prices, terms, 1.0, relax=False)
    except UnreachableMandateError:
        assert np.isnan(oracle)
        return
    assert found.figures.of(terms.objective.measure) == pytest.approx(oracle, abs=SOLVERS_AGREE)
    assert keeps_its_terms(prices, found)
    for measure, alone in found.best_alone.items():
        assert alone == pytest.approx(best(prices, terms, measure, goals=False), abs=SOLVERS_AGREE)


def test_an_effective_number_of_holdings_is_kept_where_it_binds() -> None:
    prices = market([0.1] * 4, [0.05, 0.06, 0.07, 0.20])
    found = optimise_sleeve(prices, mandate("ABCD", objective=Objective.MAX_RETURN, min_effective_holdings=3.0), 1.0)
    assert 1 / float(found.weights @ found.weights) == pytest.approx(3.0, abs=1e-6)


def test_a_position_limit_is_kept_where_it_binds() -> None:
    prices = market([0.1] * 4, [0.05, 0.06, 0.07, 0.20])
    found = optimise_sleeve(prices, mandate("ABCD", objective=Objective.MAX_RETURN, max_position=0.4), 1.0)
    assert found.weights == pytest.approx([0.0, 0.2, 0.4, 0.4], abs=SOLVERS_AGREE)
    assert found.weights[0] == 0.0


def test_what_is_not_held_is_exactly_nothing() -> None:
    found = optimise_sleeve(TWO, mandate("AB", objective=Objective.MAX_RETURN), 1.0)
    assert found.weights.tolist() == [0.0, 1.0]


def test_an_unpriced_and_a_refused_etf_are_left_out_and_named() -> None:
    found = optimise_sleeve(TWO, mandate("AZB"), 1.0, never_buy=frozenset("A"))
    assert found.left_out == ("A", "Z")
    assert found.weights.tolist() == [0.0, 1.0]


def test_a_universe_too_small_for_its_position_limit_is_refused_in_words() -> None:
    with pytest.raises(UnreachableMandateError, match=r"at most 40% into one ETF, but only 2 of its 3 .*\(not Z\)"):
        optimise_sleeve(TWO, mandate("ABZ", max_position=0.4), 1.0)


def test_etfs_without_a_price_of_a_unit_are_told_apart_from_those_that_the_customer_refuses() -> None:
    priced = replace(TWO, etfs=(TWO.etfs[0], replace(TWO.etfs[1], price_aud=50.0)))
    unpriced = (
        "market made has no price of a unit of A, so that an account cannot buy them: build it with --unit-prices"
    )

    with pytest.raises(UnreachableMandateError, match=unpriced) as refused:
        optimise_sleeve(priced, mandate("AB", max_position=0.9), 1.0, never_buy=frozenset("A"))
    assert "ease that limit" not in str(refused.value)

    with pytest.raises(UnreachableMandateError, match="ease that limit") as refused:
        optimise_sleeve(priced, mandate("AB", max_position=0.9), 1.0, never_buy=frozenset("B"))
    assert "price of a unit" not in str(refused.value)


def test_a_universe_of_which_nothing_is_left_is_refused() -> None:
    priced = replace(TWO, etfs=tuple(replace(etf, price_aud=50.0) for etf in TWO.etfs))

    # No limit is so high that an empty choice would do.
    with pytest.raises(
        UnreachableMandateError, match=r"only 0 of its 2 ETFs can be bought \(not A, B\): let it buy others$"
    ):
        optimise_sleeve(priced, mandate("AB"), 1.0, never_buy=frozenset("AB"))


@pytest.mark.parametrize("objective", list(Objective))
def test_a_single_etf_is_all_there_is(objective: Objective) -> None:
    prices = market([0.1, 0.2], [0.06, 0.12], yields=[0.03, 0.02])
    found = optimise_sleeve(prices, mandate("B", objective=objective), 1.0)
    assert found.weights.tolist() == [0.0, 1.0]


@pytest.mark.parametrize("objective", list(Objective))
def test_limits_that_leave_one_point_leave_that_point(objective: Objective) -> None:
    # Four ETFs of at most a quarter each.
    prices = random_market(np.random.default_rng(2), 4)
    found = optimise_sleeve(prices, mandate("ABCD", objective=objective, max_position=0.25), 1.0)
    assert found.weights == pytest.approx([0.25] * 4, abs=SOLVERS_AGREE)


@pytest.mark.parametrize("objective", list(Objective))
def test_as_many_effective_holdings_as_etfs_are_equal_parts(objective: Objective) -> None:
    # The mandate allows it, and 1 / sum(u^2) = 4 leaves one point.
    prices = random_market(np.random.default_rng(2), 4)
    found = optimise_sleeve(prices, mandate("ABCD", objective=objective, min_effective_holdings=4.0), 1.0)
    assert found.weights == pytest.approx([0.25] * 4, abs=SOLVERS_AGREE)


def test_a_goal_out_of_reach_is_named_with_what_was_asked_and_the_best_there_is() -> None:
    goals = {Measure.RETURN: 0.15, Measure.VOLATILITY: 0.5}
    with pytest.raises(UnreachableMandateError, match=r"return.a.year") as caught:
        optimise_sleeve(TWO, mandate("AB", objective=Objective.MAX_RETURN, goals=goals), 1.0, relax=False)
    (short,) = caught.value.shortfalls
    assert (short.pod, short.measure, short.asked) == ("pod", Measure.RETURN, 0.15)
    assert short.best_alone == pytest.approx(0.12, abs=SOLVERS_AGREE)
    assert not short.reachable


def test_goals_that_contradict_each_other_are_all_named_with_the_best_of_each_beside_the_others() -> None:
    goals = {Measure.RETURN: 0.119, Measure.VOLATILITY: 0.11}
    with pytest.raises(UnreachableMandateError) as caught:
        optimise_sleeve(TWO, mandate("AB", goals=goals), 1.0, relax=False)
    # Along the line of mixes a A + (1 - a) B: a return of 11.9 % has a = 1/60; of a volatility of 11 % the lower a.
    mixes = np.linspace(0, 1, 100_001)
    kept = [a for a in mixes if 0.01 * a**2 + 0.04 * (1 - a) ** 2 + 0.008 * a * (1 - a) <= 0.11**2]
    together = {
        Measure.RETURN: 0.12 - 0.06 * min(kept),
        Measure.VOLATILITY: figures(TWO, np.array([1 / 60, 59 / 60])).volatility,
    }
    assert {s.measure: s.best_together for s in caught.value.shortfalls} == pytest.approx(together, abs=2e-6)
    assert all(s.reachable for s in caught.value.shortfalls)
    assert str(caught.value) == (
        "pod can meet each of its goals, but not all together with at least 1 effective holdings:"
        f" return a year at least 11.90% ({together[Measure.RETURN]:.2%} with the others kept);"
        f" volatility at most 11.00% ({together[Measure.VOLATILITY]:.2%} with the others kept)."
        " Let goals give way (on_unreachable: relax), leave the pod out, or name another market"
    )


def test_a_goal_that_only_few_holdings_reach_is_told_with_the_number_of_holdings_and_the_best_with_it() -> None:
    # 12 % takes all in B; with two effective holdings it is half and half.
    terms = mandate("AB", goals={Measure.RETURN: 0.1}, min_effective_holdings=2.0)
    with pytest.raises(UnreachableMandateError, match="at least 2 effective holdings") as caught:
        optimise_sleeve(TWO, terms, 1.0, relax=False)
    (short,) = caught.value.shortfalls
    assert short.best_alone == pytest.approx(0.12, abs=SOLVERS_AGREE)
    assert short.best_together == pytest.approx(0.09, abs=SOLVERS_AGREE)


def test_of_goals_that_have_no_best_beside_the_others_none_is_told() -> None:
    # Return and income want all of A, all of B; volatility wants both: any two of them leave no room.
    prices = market([0.2, 0.2], [0.12, 0.06], yields=[0.01, 0.05])
    goals = {Measure.RETURN: 0.115, Measure.YIELD: 0.045, Measure.VOLATILITY: 0.15}
    with pytest.raises(UnreachableMandateError) as caught:
        optimise_sleeve(prices, mandate("AB", goals=goals), 1.0, relax=False)
    assert [s.best_together for s in caught.value.shortfalls] == [None, None, None]
    assert "others kept" not in str(caught.value)


@pytest.mark.parametrize("goals", [{}, {Measure.SHARPE: 0.5}])
def test_where_nothing_beats_cash_the_reason_is_said(goals: dict[Measure, float]) -> None:
    prices = market([0.1, 0.2], [0.01, 0.02], risk_free=0.04)
    objective = Objective.MIN_VOLATILITY if goals else Objective.MAX_SHARPE
    with pytest.raises(
        UnreachableMandateError, match="No mix of pod's ETFs is expected to return more than cash"
    ) as caught:
        optimise_sleeve(prices, mandate("AB", objective=objective, goals=goals), 1.0)
    # The best ratio is a local one here, which a cone program does not find: no figure is better than a false one.
    assert caught.value.shortfalls == ()


@pytest.mark.parametrize("goals", [{}, {Measure.SHARPE: 0.1}])
def test_where_an_etf_beats_cash_but_no_mix_that_is_allowed_does_the_reason_is_said(
    goals: dict[Measure, float],
) -> None:
    # Half of each is the only mix: half of +1 % and half of -9 %.
    prices = market([0.1, 0.2], [0.05, -0.05], risk_free=0.04)
    objective = Objective.MIN_VOLATILITY if goals else Objective.MAX_SHARPE
    with pytest.raises(UnreachableMandateError, match="cash"):
        optimise_sleeve(prices, mandate("AB", objective=objective, goals=goals, max_position=0.5), 1.0)


@pytest.mark.parametrize(
    ("objective", "figure", "label"),
    [
        (Objective.MAX_INCOME, 0.0, "grossed-up yield"),
        (Objective.MAX_INCOME, 1e-7, "grossed-up yield"),
        (Objective.MAX_RETURN, 0.0, "return a year"),
        (Objective.MAX_RETURN, -1e-7, "return a year"),
    ],
)
def test_a_pod_with_nothing_to_maximise_gets_a_reason(objective: Objective, figure: float, label: str) -> None:
    prices = market([0.1, 0.2], [figure, figure], yields=[abs(figure)] * 2)
    with pytest.raises(UnreachableMandateError, match=f"No mix of pod's ETFs has any {label} to speak of"):
        optimise_sleeve(prices, mandate("AB", objective=objective), 1.0)


def test_the_smallest_loss_is_the_best_return_of_a_universe_that_loses() -> None:
    prices = market([0.1, 0.2], [-0.01, -0.02])
    found = optimise_sleeve(prices, mandate("AB", objective=Objective.MAX_RETURN), 1.0)
    assert found.weights.tolist() == [1.0, 0.0]


def test_a_goal_of_exactly_what_all_etfs_have_is_reachable() -> None:
    prices = market([0.1, 0.2, 0.15], [0.06, 0.12, 0.08], liquidity=[0.95] * 3)
    found = optimise_sleeve(prices, mandate("ABC", goals={Measure.LIQUIDITY: 0.95}), 1.0)
    assert found.figures.liquidity == pytest.approx(0.95)


def test_a_goal_of_exactly_the_best_there_is_is_reachable() -> None:
    plain = mandate("AB", objective=Objective.MAX_RETURN, max_position=0.6)
    top = optimise_sleeve(TWO, plain, 1.0).figures.expected_return
    found = optimise_sleeve(TWO, replace(plain, goals={Measure.RETURN: 0.6 * 0.12 + 0.4 * 0.06}), 1.0)
    assert found.figures.expected_return == pytest.approx(top, abs=SOLVERS_AGREE)


@pytest.mark.parametrize("beyond", [3e-8, 9e-8, 2e-7])
@pytest.mark.parametrize("measure", [Measure.RETURN, Measure.VOLATILITY])
def test_a_goal_that_is_beyond_the_best_by_less_than_the_solver_s_room_is_reached(
    measure: Measure, beyond: float
) -> None:
    plain = mandate("AB", objective=Objective.MAX_RETURN, max_position=0.9)
    top = 0.1 * 0.06 + 0.9 * 0.12 if measure is Measure.RETURN else math.sqrt(0.01 * 0.04 * 0.96 / 0.042)
    asked = top - beyond if measure.lower_is_better else top + beyond
    found = optimise_sleeve(TWO, replace(plain, goals={measure: asked}), 1.0)
    assert measure.met(asked, found.figures.of(measure))


@pytest.mark.parametrize("measure", list(Measure))
@pytest.mark.parametrize("asked", [-0.3, 0.0, 0.1, 0.9, 5.0])
def test_a_figure_meets_a_goal_within_a_millionth(measure: Measure, asked: float) -> None:
    worse = 1 if measure.lower_is_better else -1
    size = max(1.0, abs(asked))
    assert measure.met(asked, asked)
    assert measure.met(asked, asked - 0.1 * worse)
    assert measure.met(asked, asked + 0.9e-6 * size * worse)
    assert not measure.met(asked, asked + 1.1e-6 * size * worse)
    assert not measure.met(asked, math.nan)
    assert Shortfall("pod", measure, asked, asked + 2.4e-7 * size * worse).reachable
    assert not Shortfall("pod", measure, asked, asked + 2.6e-7 * size * worse).reachable


@pytest.mark.parametrize(("alone", "held"), [(5e-4, False), (2e-3, True)])
def test_a_position_of_next_to_nothing_is_dropped_where_nobody_would_miss_it(alone: float, held: bool) -> None:  # noqa: FBT001 - a case
    # With volatilities s and 2 s the least volatile mix has (1 - 2 rho) / (5 - 4 rho) of the second.
    rho = (1 - 5 * alone) / (2 - 4 * alone)
    found = optimise_sleeve(market([0.1, 0.2], [0.05, 0.05], correlation=rho), mandate("AB"), 1.0)
    assert found.weights == pytest.approx([1 - alone, alone] if held else [1.0, 0.0], abs=FLAT)
    assert (found.weights[1] > 0) == held


def test_a_position_of_next_to_nothing_is_kept_where_the_objective_would_miss_it() -> None:
    # 1 / 3126 of the second takes a part in 6250 off the volatility: more than a millionth.
    found = optimise_sleeve(market([0.0089443, 0.5], [0.05, 0.05]), mandate("AB"), 1.0)
    assert found.weights == pytest.approx([3125 / 3126, 1 / 3126], abs=1e-5)
    assert found.weights[1] > 0


def test_a_position_of_next_to_nothing_is_kept_where_a_goal_needs_it() -> None:
    prices = market([0.1] * 2, [0.05, 0.20], liquidity=[1, 0.5])
    terms = mandate("AB", objective=Objective.MAX_RETURN, goals={Measure.LIQUIDITY: 0.5 + 0.5 * 5e-4})
    assert optimise_sleeve(prices, terms, 1.0).weights == pytest.approx([5e-4, 1 - 5e-4], abs=1e-6)


def test_dust_is_dropped_beside_a_small_position_that_matters() -> None:
    # Liquidity asks for five ten-thousandths of A, which nothing can replace; B, C and D are worth nothing here.
    prices = market([0.1] * 5, [0.05, 0.06, 0.07, 0.08, 0.20], liquidity=[1, 0.5, 0.5, 0.5, 0.5])
    terms = mandate("ABCDE", objective=Objective.MAX_RETURN, goals={Measure.LIQUIDITY: 0.5 + 0.5 * 5e-4})
    found = optimise_sleeve(prices, terms, 1.0)
    assert found.weights == pytest.approx([5e-4, 0, 0, 0, 1 - 5e-4], abs=SOLVERS_AGREE)
    assert (found.weights != 0).tolist() == [True, False, False, False, True]


def test_a_floor_below_zero_on_the_sharpe_ratio_is_kept() -> None:
    prices = market([0.1, 0.2], [0.01, 0.02], risk_free=0.04)
    # The least volatile mix has 80 % in A: -0.028 / 0.089 = -0.31.
    try:
        found = optimise_sleeve(prices, mandate("AB", goals={Measure.SHARPE: -0.2}), 1.0)
    except UnreachableMandateError:
        return
    assert found.figures.sharpe_ratio >= -0.2 - RULE


def test_nearly_identical_etfs_are_no_trouble() -> None:
    rho = np.array([[1, 1 - 1e-9, 0.3], [1 - 1e-9, 1, 0.3], [0.3, 0.3, 1]])
    prices = market([0.1, 0.1, 0.2], [0.06, 0.06, 0.1], correlation=rho)
    for objective in (Objective.MIN_VOLATILITY, Objective.MAX_SHARPE, Objective.MAX_RETURN):
        found = optimise_sleeve(prices, mandate("ABC", objective=objective, max_position=0.6), 1.0)
        assert keeps_its_terms(prices, found)


@pytest.mark.oracle
@pytest.mark.parametrize("cap", [0.5, 0.75, 1.0, 1.5])
@pytest.mark.parametrize("pod", sorted(bundled()))
@pytest.mark.parametrize("market_id", [TRAILING, OUTLOOK])
def test_the_bundled_pods_do_as_well_as_a_second_statement_of_their_programs(
    market_id: str, pod: str, cap: float
) -> None:
    prices, terms = load(market_id), load_mandate(pod)
    terms = replace(terms, goals={**terms.goals, Measure.VOLATILITY: cap * terms.goals[Measure.VOLATILITY]})
    on_offer = {etf.ticker for etf in prices.etfs if not etf.is_closed}
    priced = replace(terms, universe=tuple(t for t in terms.universe if t in on_offer))
    oracle = best(prices, priced, terms.objective.measure)
    if len(priced.universe) == terms.min_effective_holdings:
        # Equal parts are the only mix: the oracle's solver has no interior to work in.
        parts = np.zeros(len(prices.etfs))
        parts[prices.positions(priced.universe)] = 1 / len(priced.universe)
        mix = figures(prices, parts)
        is_kept = all(measure.met(asked, mix.of(measure)) for measure, asked in terms.goals.items())
        oracle = mix.of(terms.objective.measure) if is_kept else math.nan
    try:
        found = optimise_sleeve(prices, terms, 0.25, relax=False)
    except UnreachableMandateError:
        assert np.isnan(oracle)
        return
    assert found.figures.of(terms.objective.measure) == pytest.approx(oracle, abs=SOLVERS_AGREE)
    assert keeps_its_terms(prices, found)
    assert found.left_out == tuple(t for t in terms.universe if t not in on_offer)
    assert isinstance(found.figures, Figures)


@pytest.mark.parametrize(("pod", "goal"), [("gamma", Measure.SHARPE), ("delta", Measure.RETURN)])
def test_in_the_outlook_gamma_and_delta_say_which_goal_is_out_of_reach(pod: str, goal: Measure) -> None:
    with pytest.raises(UnreachableMandateError) as caught:
        optimise_sleeve(load(OUTLOOK), load_mandate(pod), 1.0, relax=False)
    assert [s.measure for s in caught.value.shortfalls] == [goal]
    assert caught.value.shortfalls[0].best_alone < caught.value.shortfalls[0].asked


@pytest.mark.parametrize("pod", ["alpha", "beta"])
def test_in_the_outlook_alpha_and_beta_reach_their_goals(pod: str) -> None:
    assert keeps_its_terms(load(OUTLOOK), optimise_sleeve(load(OUTLOOK), load_mandate(pod), 1.0, relax=False))


def test_the_answer_is_the_same_every_time() -> None:
    def weights() -> Vector:
        return optimise_sleeve(load(TRAILING), load_mandate("gamma"), 0.5).weights

    assert weights().tobytes() == weights().tobytes()


def test_the_solver_always_decides() -> None:
    undecided = []
    for seed in range(300):
        rng = np.random.default_rng(seed)
        prices = random_market(rng, 6)
        terms = mandate(
            "ABCDEF",
            objective=list(Objective)[seed % 4],
            max_position=float(rng.choice([0.4, 0.6, 0.8])),
            min_effective_holdings=float(rng.choice([1.0, 2.0, 3.0])),
        )
        try:
            optimise_sleeve(prices, terms, 1.0)
        except SolverError:
            undecided.append(seed)
    assert undecided == []


@pytest.mark.parametrize("beyond", [2.4e-7, 2.6e-7, 4.9e-7, 5.1e-7, 9e-7, 1.1e-6])
@pytest.mark.parametrize("measure", [Measure.RETURN, Measure.VOLATILITY])
def test_a_goal_beyond_the_best_by_any_little_is_no_trouble(measure: Measure, beyond: float) -> None:
    plain = mandate("AB", objective=Objective.MAX_RETURN, max_position=0.9)
    top = 0.1 * 0.06 + 0.9 * 0.12 if measure is Measure.RETURN else math.sqrt(0.01 * 0.04 * 0.96 / 0.042)
    asked = top - beyond if measure.lower_is_better else top + beyond
    found = optimise_sleeve(TWO, replace(plain, goals={measure: asked}), 1.0)
    assert found.figures.of(measure) == pytest.approx(top, rel=1.1e-2)
