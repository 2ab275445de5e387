"""Goals that give way: against the definition, and what must hold whatever is asked."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.builders import (
    OUTLOOK,
    final_event,
    mandate,
    market,
    pod_results,
    random_market,
    random_sleeves,
    request,
    terms,
    wire_event,
)
from support.depth import examples, some_of
from support.goal_oracle import ROWS, Lexicographic, asked_in_order, lower, served
from support.oracles import Facts
from support.pod_oracle import best as best_alone

from bus.language.messages import BadMessageError, MasterPortfolioOptimized, encode, parse_request
from portfolio.case.case import Case
from portfolio.check import findings
from portfolio.errors import DataError
from portfolio.market.measure import Measure
from portfolio.market.snapshot import load
from portfolio.master.conflict import ConflictError
from portfolio.master.coordinated_portfolio import optimise_all_pods
from portfolio.pod.optimise import UnreachableMandateError, optimise_sleeve
from portfolio.terms.goals import LEAST_TOLERANCE
from portfolio.terms.mandate import Objective
from portfolio.terms.rules import TARGET_TOLERANCE, Duplicates, Explain, OnUnreachable

if TYPE_CHECKING:
    from collections.abc import Callable

    from portfolio.market.snapshot import Market
    from portfolio.master.coordinated_portfolio import CoordinatedPortfolio
    from portfolio.pod.sleeve import Sleeve
    from portfolio.terms.mandate import Mandate
    from portfolio.terms.rules import Terms

pytestmark = pytest.mark.slow

# The best of a goal is proven to a millionth of an order-one quantity.
BEST = 5e-6
# Beside levels that the solver eases by its room, half a millionth, what is best is good to this.
BESIDE = 2e-5
# The search stops at a relative gap of 1e-4; two searches may differ by both of theirs.
GAPS = 2e-4
# A goal counts as met within this much of its own size.
MET = 1e-6

Instance = tuple["Market", list["Sleeve"], "Terms"]


def after(nodes: int) -> Callable[[], bool]:
    """Stop a search, and all that follow it, after some nodes in total."""
    left = iter(range(nodes))
    return lambda: next(left, None) is None


@cache
def small(seed: int) -> Instance:
    """Two pods over five ETFs, goals out of reach more often than not, and priorities at random."""
    rng = np.random.default_rng(9000 + seed)
    duplicates = list(Duplicates)[seed % 2]
    prices = random_market(rng, 5)
    universe, slack = 3 if duplicates is Duplicates.PENALISE else 4, float(rng.choice([1.02, 1.1, 1.3]))
    sleeves = random_sleeves(rng, prices, 2, universe=universe, slack=slack, relax=True)
    names = [f"{s.mandate.pod}.{m.value}" for s in sleeves for m in s.mandate.goals]
    names += [f"never_worse.{row}" for row in ROWS]
    asked = terms(
        duplicates=duplicates,
        max_weight=float(rng.choice([0.5, 0.7])),
        max_etfs=int(rng.integers(3, 6)),
        min_weight=0.03,
        priorities={name: int(rng.integers(1, 10)) for name in names if rng.random() < 0.6},
    )
    return prices, sleeves, asked


@cache
def relaxed(seed: int) -> CoordinatedPortfolio | None:
    try:
        return optimise_all_pods(Case(*small(seed)))
    except ConflictError:
        return None


# Of the first forty, those where a goal gives way and two where none does; at 5, six levels leave the second
# statement no room to be solved in.
SERVED = (0, 1, 3, 6, 7, 8, 9, 11, 12, 15, 18, 22, 23, 24, 26, 27, 31, 35, 37, 39)
RULED_OUT = (2, 4, 10)


@pytest.mark.oracle
@pytest.mark.parametrize("seed", some_of(SERVED, every=4))
def test_goals_are_served_one_after_the_other_as_a_second_statement_serves_them(seed: int) -> None:
    instance, master = small(seed), relaxed(seed)
    assert master is not None
    facts = Facts(*instance)
    order = asked_in_order(facts)
    assert [goal.name for goal in master.goals] == list(order)
    best, held, objective = served(facts)
    assert master.held == pytest.approx(held, rel=BESIDE, abs=BESIDE)
    for name, asked in order.items():
        sign = 1 if lower(name) else -1
        if name in master.best_together:
            assert master.best_together[name] == pytest.approx(best[name], rel=BESIDE, abs=BESIDE)
            assert sign * (master.best_together[name] - asked) > 0
        elif name in held:
            assert sign * (best[name] - asked) <= BEST * max(1.0, abs(asked))
    assert master.certificate.certified
    assert objective is not None
    assert master.certificate.objective == pytest.approx(objective, rel=GAPS)
    assert master.certificate.bound >= objective - BESIDE


@pytest.mark.oracle
@pytest.mark.parametrize("seed", RULED_OUT)
def test_what_the_rules_alone_forbid_is_no_matter_of_goals(seed: int) -> None:
    assert relaxed(seed) is None
    assert Lexicographic(Facts(*small(seed))).best("never_worse.etfs") is None


def test_the_random_instances_have_goals_of_every_kind_that_give_way() -> None:
    masters = [relaxed(seed) for seed in SERVED]
    kinds = {name.split(".")[1] for master in masters if master for name in master.best_together}
    assert {measure.value for measure in Measure} <= kinds
    given_up = {goal.name for master in masters if master for goal in master.goals if goal.name not in master.held}
    assert len(given_up) >= 4
    assert all(name.startswith("never_worse.") for name in given_up)


@pytest.mark.parametrize("seed", SERVED)
def test_every_event_with_goals_that_gave_way_passes_the_check(seed: int) -> None:
    master = relaxed(seed)
    assert master is not None
    prices, sleeves, asked = small(seed)
    assert findings(wire_event(prices, sleeves, asked, master), prices) == []


@pytest.mark.parametrize("seed", SERVED)
def test_what_gave_way_is_delivered_to_within_the_tolerance_of_the_best(seed: int) -> None:
    master = relaxed(seed)
    assert master is not None
    prices, sleeves, asked = small(seed)
    told = {goal["name"]: goal for goal in wire_event(prices, sleeves, asked, master)["goals"]}
    given_up = {name for name in told if name not in master.held}
    assert {name for name, goal in told.items() if not goal["met"]} == set(master.best_together) | given_up
    for name, best in master.best_together.items():
        tolerance = max(TARGET_TOLERANCE * abs(best), LEAST_TOLERANCE)
        worse = (told[name]["delivered"] - best) * (1 if lower(name) else -1)
        assert -BEST * max(1.0, abs(best)) <= worse <= tolerance + MET
        assert told[name]["held"] == pytest.approx(best + (1 if lower(name) else -1) * tolerance, abs=1e-9)


@pytest.mark.parametrize("seed", [*RULED_OUT, *SERVED[:12]])
def test_to_fail_is_to_fail_exactly_where_a_goal_would_give_way(seed: int) -> None:
    prices, sleeves, asked = small(seed)
    master = relaxed(seed)
    strict = replace(asked, on_unreachable=OnUnreachable.FAIL)
    if master is not None and len(master.held) == len(master.goals) and not master.best_together:
        found = optimise_all_pods(Case(prices, sleeves, strict))
        assert found.certificate.objective == pytest.approx(master.certificate.objective, rel=GAPS)
        return
    with pytest.raises(ConflictError) as caught:
        optimise_all_pods(Case(prices, sleeves, strict))
    goals = {goal.name for goal in master.goals} if master else set()
    named = {conflict.requirement for conflict in caught.value.conflicts}
    assert (named & goals != set()) == (master is not None)
    assert caught.value.repairs == () or master is None


@pytest.mark.parametrize("seed", SERVED[:12])
def test_the_order_of_the_pods_does_not_matter(seed: int) -> None:
    master = relaxed(seed)
    assert master is not None
    prices, sleeves, asked = small(seed)
    other = optimise_all_pods(Case(prices, sleeves[::-1], asked))
    assert [goal.name for goal in other.goals] == [goal.name for goal in master.goals]
    assert set(other.held) == set(master.held)
    assert set(other.best_together) == set(master.best_together)
    for name, best in master.best_together.items():
        assert other.best_together[name] == pytest.approx(best, rel=BEST, abs=BEST)
    assert other.certificate.objective == pytest.approx(master.certificate.objective, rel=GAPS)


@examples(25, quick=8)
@given(seed=st.sampled_from(SERVED), pick=st.integers(0, 20), priority=st.integers(1, 9))
def test_a_goal_that_is_raised_is_never_worse_for_it(seed: int, pick: int, priority: int) -> None:
    prices, sleeves, asked = small(seed)
    master = relaxed(seed)
    assert master is not None
    goal = master.goals[pick % len(master.goals)]
    raised = replace(asked, priorities={**asked.priorities, goal.name: min(priority, goal.priority)})
    higher = optimise_all_pods(Case(prices, sleeves, raised))

    def shortfall(found: CoordinatedPortfolio) -> float:
        if goal.name not in found.held:
            return math.inf
        return goal.shortfall(found.best_together.get(goal.name, goal.asked))

    assert shortfall(higher) <= shortfall(master) + BESIDE * max(1.0, abs(goal.asked))


@pytest.mark.parametrize("seed", range(10))
def test_where_all_goals_can_be_met_none_gives_way_and_priorities_are_no_matter(seed: int) -> None:
    rng = np.random.default_rng(400 + seed)
    prices = random_market(rng, 6)
    sleeves = random_sleeves(rng, prices, 2, universe=4, slack=0.7)
    asked = terms(duplicates=Duplicates.PENALISE, max_weight=0.8, min_weight=0.005)
    master = optimise_all_pods(Case(prices, sleeves, asked))
    assert (dict(master.best_together), master.certificate.certified) == ({}, True)
    names = [goal.name for goal in master.goals]
    mixed = replace(asked, priorities={name: int(rng.integers(1, 10)) for name in names})
    other = optimise_all_pods(Case(prices, sleeves, mixed))
    assert not other.best_together
    assert other.certificate.objective == pytest.approx(master.certificate.objective, rel=GAPS)
    event = wire_event(prices, sleeves, asked, master)
    assert all(goal["met"] and goal["shortfall"] <= MET * max(1, goal["asked"]) for goal in event["goals"])


@pytest.mark.oracle
@pytest.mark.parametrize("seed", [1, 9, 12])
def test_the_best_of_a_goal_that_is_met_is_told_if_everything_is_to_be_explained(seed: int) -> None:
    prices, sleeves, asked = small(seed)
    master = optimise_all_pods(Case(prices, sleeves, replace(asked, explain=Explain.ALL)))
    best, held, _ = served(Facts(prices, sleeves, asked))
    assert set(master.best_together) == set(held)
    for name, found in best.items():
        if name not in held:
            continue
        # Of what is met, the best is proven to a ten-thousandth.
        assert master.best_together[name] == pytest.approx(found, rel=GAPS, abs=GAPS)


# The rank of a pod, and its share, decide between goals of one priority.


def rivals(first: float, *, ranks: dict[str, int] | None = None) -> tuple[list[str], list[str]]:
    """Two pods that both need the only ETF with any yield; returns the order of their goals, and who gives way."""
    prices = market([0.1, 0.1, 0.1], [0.05, 0.06, 0.07], yields=[0.05, 0.01, 0.01])
    pods = {"one": ("AB", first), "two": ("AC", 1 - first)}
    sleeves = [
        optimise_sleeve(prices, mandate(universe, pod=pod, goals={Measure.YIELD: 0.04}), share)
        for pod, (universe, share) in pods.items()
    ]
    asked = replace(terms(brokerage=0.0), pod_ranks=ranks or {})
    master = optimise_all_pods(Case(prices, sleeves, asked))
    return [g.name for g in master.goals if g.pods], list(master.best_together)


def test_of_two_pods_the_larger_is_served_first_unless_the_customer_ranks_them() -> None:
    one_first = (["one.grossed_up_yield", "two.grossed_up_yield"], ["two.grossed_up_yield"])
    two_first = (["two.grossed_up_yield", "one.grossed_up_yield"], ["one.grossed_up_yield"])
    assert rivals(0.6) == one_first
    assert rivals(0.4) == two_first
    assert rivals(0.4, ranks={"one": 1}) == one_first
    assert rivals(0.6, ranks={"one": 2, "two": 1}) == two_first


@pytest.mark.parametrize("name", ["gama.sharpe_ratio", "pod0.yield", "never_worse.volatility", "correlation.pod0-pod1"])
def test_a_priority_of_a_goal_that_there_is_not_is_refused_with_those_there_are(name: str) -> None:
    prices, sleeves, asked = small(1)
    with pytest.raises(DataError, match=f"priorities names {name}.*; the goals of this request are .*never_worse.etfs"):
        optimise_all_pods(Case(prices, sleeves, replace(asked, priorities={name: 1})))


# Stage 1, a pod alone.


def greedy_pod(seed: int) -> tuple[Market, Mandate, dict[str, int]]:
    """A pod that asks three figures around and beyond the best there is, with priorities at random."""
    rng = np.random.default_rng(7000 + seed)
    prices = random_market(rng, 6)
    chosen = sorted(rng.choice(prices.tickers, size=int(rng.integers(3, 7)), replace=False).tolist())
    bare = mandate(
        chosen,
        objective=list(Objective)[seed % 4],
        max_position=float(rng.uniform(0.45, 1.0)),
        min_effective_holdings=float(rng.uniform(1.0, len(chosen) - 0.7)),
    )
    goals = {}
    for name in rng.choice(list(Measure), size=3, replace=False):
        measure = Measure(name)
        top = best_alone(prices, bare, measure, goals=False)
        goals[measure] = float(top * rng.uniform(*((0.9, 1.3) if measure.lower_is_better else (0.8, 1.05))))
    priorities = {f"pod.{m.value}": int(rng.integers(1, 10)) for m in goals if rng.random() < 0.7}
    return prices, replace(bare, goals=goals), priorities


# At 12 the second statement finds no room to be solved in.
@pytest.mark.oracle
@pytest.mark.parametrize("seed", [seed for seed in range(34) if seed != 12])
def test_a_pod_alone_serves_its_goals_as_a_second_statement_does(seed: int) -> None:
    prices, asked, priorities = greedy_pod(seed)
    found = optimise_sleeve(prices, asked, 1.0, priorities=priorities)
    documented = {Measure.VOLATILITY: 1, Measure.LIQUIDITY: 2}
    order = sorted(
        asked.goals,
        key=lambda m: (priorities.get(f"pod.{m.value}", documented.get(m, 3)), list(Measure).index(m)),
    )
    kept: dict[Measure, float] = {}
    for measure in order:
        sign = 1 if measure.lower_is_better else -1
        goal, top = asked.goals[measure], best_alone(prices, replace(asked, goals=kept), measure)
        out_of_reach = sign * (top - goal) > 0
        tolerance = max(TARGET_TOLERANCE * abs(top), LEAST_TOLERANCE)
        kept[measure] = top + sign * tolerance if out_of_reach else goal
        assert sign * (found.figures.of(measure) - kept[measure]) <= BESIDE
    target = asked.objective.measure
    best = best_alone(prices, replace(asked, goals=kept), target)
    if np.isnan(best):
        pytest.skip("with this processor's BLAS kernel the oracle finds no point where so little room is left")
    assert found.figures.of(target) == pytest.approx(best, abs=BESIDE)


@pytest.mark.parametrize("seed", [57, 194, 257, 288])
def test_a_pod_with_three_goals_out_of_reach_still_gets_a_portfolio(seed: int) -> None:
    prices, asked, priorities = greedy_pod(seed)
    optimise_sleeve(prices, asked, 1.0, priorities=priorities)


@pytest.mark.parametrize("seed", range(24))
def test_a_pod_alone_fails_exactly_where_it_would_miss_a_goal(seed: int) -> None:
    prices, asked, priorities = greedy_pod(seed)
    relaxing = optimise_sleeve(prices, asked, 1.0, priorities=priorities)
    missed = [m for m, goal in asked.goals.items() if not m.met(goal, relaxing.figures.of(m))]
    if not missed:
        strict = optimise_sleeve(prices, asked, 1.0, priorities=priorities, relax=False)
        assert np.array_equal(strict.weights, relaxing.weights)
        return
    with pytest.raises(UnreachableMandateError) as caught:
        optimise_sleeve(prices, asked, 1.0, priorities=priorities, relax=False)
    assert caught.value.shortfalls
    assert caught.value.conflicts == ()


# The outlook market, in which the customer of the example wants what there is not.


@pytest.fixture(scope="module")
def outlook() -> MasterPortfolioOptimized:
    event = final_event(request(market_id=OUTLOOK), nodes=100_000)
    assert isinstance(event, MasterPortfolioOptimized)
    return event


def test_in_the_outlook_there_is_a_portfolio_that_passes_the_check(outlook: MasterPortfolioOptimized) -> None:
    assert findings(json.loads(encode(outlook)), load(OUTLOOK)) == []
    assert outlook.certificate.certified
    assert outlook.certificate.levels_proven
    assert outlook.certificate.gap <= outlook.certificate.target_gap


def test_in_the_outlook_every_hard_rule_is_kept(outlook: MasterPortfolioOptimized) -> None:
    assert len(outlook.weights) <= 12
    assert sum(outlook.weights.values()) == pytest.approx(1.0, abs=MET)
    assert min(outlook.weights.values()) >= 0.02 - MET
    assert max(outlook.weights.values()) <= 0.30 + MET
    assert all(len(holding.owners) == 1 for holding in outlook.holdings)
    for pod, account in outlook.pods.items():
        assert sum(account.weights.values()) == pytest.approx(account.capital_share, abs=MET)
        assert max(account.weights.values()) <= account.mandate.max_position * account.capital_share + MET
        assert set(account.weights) <= set(account.mandate.universe), pod


def test_in_the_outlook_the_goals_that_give_way_are_those_that_no_one_could_meet(
    outlook: MasterPortfolioOptimized,
) -> None:
    missed = [goal.name for goal in outlook.goals if not goal.met]
    assert missed == ["gamma.sharpe_ratio", "delta.expected_return", "never_worse.tax_efficiency"]
    ratio, gain, efficiency = (goal for goal in outlook.goals if not goal.met)
    assert efficiency.held is None, "a row of the comparison is kept or given up"
    prices = load(OUTLOOK)
    for goal, measure in ((ratio, Measure.SHARPE), (gain, Measure.RETURN)):
        pod = outlook.pods[goal.pods[0]].mandate
        on_offer = {etf.ticker for etf in prices.etfs if not etf.is_closed}
        priced = replace(pod, universe=tuple(t for t in pod.universe if t in on_offer))
        alone = best_alone(prices, priced, measure, goals=False)
        assert goal.best_alone == pytest.approx(alone, abs=BEST)
        assert goal.best_together is not None
        assert goal.best_together <= alone + BEST
        assert 0.99 * goal.best_together - BEST <= (goal.delivered or 0.0) <= goal.best_together + BEST
        assert goal.held == pytest.approx(0.99 * goal.best_together)
        assert goal.asked > alone
    assert (ratio.asked, gain.asked) == (1.5, 0.15)


def test_in_the_outlook_a_row_that_was_given_up_is_not_said_to_be_held() -> None:
    # Held to a hundredth of a percentage point, the goals before it leave the tax efficiency nothing.
    event = final_event_with(target_tolerance=0.0)
    held = {row.metric for row in event.comparison if row.never_worse}
    assert held == {"etfs", "duplicated_etfs", "largest_position", "trading_cost_aud", "sharpe_ratio"}
    (tax,) = (goal for goal in event.goals if not goal.met and not goal.pods)
    assert (tax.name, tax.held, tax.best_together) == ("never_worse.tax_efficiency", None, None)


def test_in_the_outlook_what_no_goal_asked_for_is_not_worse_for_a_row_that_may_come_first() -> None:
    first = final_event_with(priorities={"never_worse.tax_efficiency": 1})
    (tax,) = (goal for goal in first.goals if goal.name == "never_worse.tax_efficiency")
    assert tax.met
    assert first.goals[0].priority == 1


def final_event_with(nodes: int = 100_000, **changes: object) -> MasterPortfolioOptimized:
    body = {**json.loads(request(market_id=OUTLOOK)), **changes}
    event = final_event(json.dumps(body).encode(), nodes=nodes)
    assert isinstance(event, MasterPortfolioOptimized), event
    return event


@pytest.mark.parametrize("nodes", some_of([0, 1, 3, 6, 10, 20, 40, 80, 160], every=3))
def test_in_the_outlook_a_search_that_is_stopped_says_what_it_has_not_proven(
    nodes: int, outlook: MasterPortfolioOptimized
) -> None:
    event = final_event(request(market_id=OUTLOOK), nodes=nodes)
    if not isinstance(event, MasterPortfolioOptimized):
        assert event.reason.value == "solver_failed"
        assert "stopped" in event.message
        return
    assert findings(json.loads(encode(event)), load(OUTLOOK)) == []
    full = {goal.name: goal for goal in outlook.goals}
    if not event.certificate.levels_proven:
        assert not event.certificate.certified
    for goal in event.goals:
        best = full[goal.name].best_together
        # What is told is what is true: proven by the whole search, too, where the goals before it are held alike.
        if goal.best_together is not None and event.certificate.levels_proven:
            assert goal.best_together == pytest.approx(best, rel=GAPS, abs=GAPS)
    if event.certificate.certified:
        assert event.certificate.objective == pytest.approx(outlook.certificate.objective, rel=GAPS)


def test_a_goal_that_cannot_be_met_costs_nothing_to_those_before_it(outlook: MasterPortfolioOptimized) -> None:
    plain = final_event_with(explain="unmet")
    served_before = [goal for goal in plain.goals if goal.priority < 3]
    assert all(goal.met for goal in served_before)
    gave_way = {g.name for g in plain.goals if not g.met and g.pods}
    assert {g.name for g in plain.goals if g.best_together is not None} == gave_way
    assert plain.weights == pytest.approx(outlook.weights, abs=1e-4)


def test_a_customer_who_would_rather_have_nothing_gets_nothing() -> None:
    body = {**json.loads(request(market_id=OUTLOOK)), "on_unreachable": "fail"}
    results = pod_results(json.dumps(body).encode())
    assert sorted(results) == ["alpha", "beta"]


def test_a_figure_that_is_not_defined_meets_no_goal() -> None:
    master = relaxed(1)
    assert master is not None
    for goal in master.goals:
        assert goal.met(goal.asked)
        assert not goal.met(None)


def test_a_cost_row_that_cannot_be_kept_does_not_decide_how_much_is_risked() -> None:
    # At most 30 % in an ETF forces Preservation into its shares, and a fourth order cannot cost less than three. The
    # least of them is 10 %; to save a spread on bonds, the row once took 30 %.
    body = json.loads(request({"alpha": 1.0}, market_id=OUTLOOK))
    event = final_event(json.dumps(body).encode())
    assert isinstance(event, MasterPortfolioOptimized)
    cost = next(goal for goal in event.goals if goal.name == "never_worse.trading_cost_aud")
    assert (cost.met, cost.held, cost.best_together) == (False, None, None)
    assert event.weights == pytest.approx({"BILL": 0.3, "VAF": 0.3, "VGB": 0.3, "VAS": 0.1}, abs=1e-6)
    assert event.certificate.certified


# Requests that fit mandates to one customer.


def test_targets_of_a_request_are_served_in_place_of_the_mandates() -> None:
    cash = load(OUTLOOK).risk_free
    event = final_event_with(pod_targets={"gamma.sharpe_ratio": 0.2, "delta.expected_return_over_cash": 0.01})
    asked = {goal.name: goal.asked for goal in event.goals}
    assert (asked["gamma.sharpe_ratio"], asked["delta.expected_return"]) == (0.2, cash + 0.01)
    assert asked["gamma.volatility"] == 0.25
    assert all(goal.met for goal in event.goals if goal.pods)
    assert event.pods["gamma"].mandate.goals[Measure.SHARPE] == 0.2
    assert event.terms.pod_targets == {"gamma.sharpe_ratio": 0.2, "delta.expected_return_over_cash": 0.01}


@pytest.mark.parametrize(
    ("targets", "words"),
    [
        ({"omega.volatility": 0.1}, "names the pod omega; the pods of this request are alpha, beta, delta, gamma"),
        ({"alpha.happiness": 0.1}, "names happiness; the figures are volatility, expected_return, "),
        ({"alpha.volatility": 0}, "pod_targets.alpha.volatility is 0; it must be above 0"),
        ({"alpha.liquidity": -0.1}, "is -0.1; it must be at least 0"),
        ({"alpha.grossed_up_yield": 4}, "is 4, which is 400%; write 4 % as 0.04"),
        ({"alpha.volatility_over_cash": 0.1}, "names volatility_over_cash"),
        (
            {"beta.expected_return": 0.05, "beta.expected_return_over_cash": 0.01},
            "has beta.expected_return and expected_return_over_cash: leave one of them out",
        ),
    ],
)
def test_a_target_that_cannot_be_meant_is_refused_with_what_can(targets: dict[str, float], words: str) -> None:
    body = {**json.loads(request()), "pod_targets": targets}
    with pytest.raises(BadMessageError) as caught:
        parse_request(json.dumps(body).encode(), "test")
    assert words in str(caught.value)
