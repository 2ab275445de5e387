"""Rules that contradict each other: sets that cannot spare a member, repairs that work and are the smallest."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from support.builders import mandate, market, random_market, random_sleeves, request, terms
from support.depth import some_of
from support.goal_oracle import Lexicographic
from support.oracles import Facts

from agents.answer import answer
from agents.mandate_files import load as load_mandate
from bus.language.messages import MasterPortfolioFailed, PodFailed, Reason, encode, parse_final, parse_request
from bus.language.subjects import pod_result
from bus.language.subjects import request as request_subject
from bus.port import Message
from coordinator.decisions import Fail, decide, read_record
from portfolio.case.case import Case
from portfolio.market.snapshot import Market
from portfolio.master.conflict import ConflictError
from portfolio.master.coordinated_portfolio import optimise_all_pods
from portfolio.pod.optimise import UnreachableMandateError, optimise_sleeve
from portfolio.pod.sleeve import Sleeve
from portfolio.terms.mandate import Objective
from portfolio.terms.rules import Duplicates, Terms

# What people would set: a hundredth of a percent.
STEP = 1e-4

Instance = tuple[Market, list[Sleeve], Terms]


@cache
def contradictory(seed: int) -> Instance:
    """Two or three pods over six ETFs, with rules so strict that most of them cannot be kept together."""
    rng = np.random.default_rng(3000 + seed)
    prices = random_market(rng, 6)
    sleeves = random_sleeves(rng, prices, int(rng.integers(2, 4)), universe=3, slack=0.9)
    return (
        prices,
        sleeves,
        terms(
            max_etfs=int(rng.integers(2, 6)),
            min_weight=float(rng.choice([0.02, 0.08, 0.15, 0.2])),
            max_weight=float(rng.choice([0.25, 0.4, 1.0])),
            duplicates=list(Duplicates)[int(rng.integers(2))],
            min_correlation_distance=float(rng.choice([0.0, 0.3, 0.5])),
        ),
    )


def eased(instance: Instance, rule: str, value: float | str) -> Instance:
    """Change one rule, by its name in words."""
    prices, sleeves, asked = instance
    pod, _, cap = rule.rpartition(".")
    if cap == "max_position":
        changed = [
            replace(s, mandate=replace(s.mandate, max_position=value)) if s.mandate.pod == pod else s for s in sleeves
        ]
        return prices, changed, asked
    typed = Duplicates(value) if rule == "duplicates" else int(value) if rule == "max_etfs" else value
    return prices, sleeves, replace(asked, rules=replace(asked.rules, **{rule: typed}))


def off(instance: Instance, rules: set[str]) -> Instance:
    """Leave rules out, by setting each to what forbids nothing."""
    nothing = {
        "max_etfs": 100,
        "min_weight": 1e-12,
        "max_weight": 1.0,
        "duplicates": "penalise",
        "min_correlation_distance": 0.0,
    }
    for rule in rules:
        instance = eased(instance, rule, nothing.get(rule, 1.0))
    return instance


def possible(instance: Instance) -> bool:
    """Ask the second statement, support by support, whether any portfolio keeps the hard rules."""
    programs = Lexicographic(Facts(*instance))
    programs.supports.sort(key=lambda support: support.sum())
    return programs.any()


def rules_of(instance: Instance) -> set[str]:
    _, sleeves, asked = instance
    rules = {"max_etfs", "min_weight", "max_weight"}
    rules |= {"duplicates"} if asked.rules.duplicates is Duplicates.FORBID else set()
    rules |= {"min_correlation_distance"} if asked.rules.min_correlation_distance > 0 else set()
    return rules | {f"{s.mandate.pod}.max_position" for s in sleeves if s.mandate.max_position < 1}


@cache
def found(seed: int) -> ConflictError | None:
    try:
        optimise_all_pods(Case(*contradictory(seed)))
    except ConflictError as error:
        return error
    return None


SEEDS = range(24)


@pytest.mark.oracle
@pytest.mark.parametrize("seed", some_of(SEEDS, every=4))
def test_rules_contradict_each_other_exactly_where_a_second_statement_finds_no_portfolio(seed: int) -> None:
    assert (found(seed) is None) == possible(contradictory(seed))


@pytest.mark.oracle
@pytest.mark.parametrize("seed", some_of(SEEDS, every=4))
def test_a_set_of_contradicting_rules_is_enough_and_cannot_spare_a_member(seed: int) -> None:
    error, instance = found(seed), contradictory(seed)
    if error is None:
        return
    names, everything = {conflict.requirement for conflict in error.conflicts}, rules_of(instance)
    assert names
    assert names <= everything
    assert not possible(off(instance, everything - names))
    for name in names:
        assert possible(off(instance, everything - names | {name})), name


def stricter(instance: Instance, rule: str, to: float | str) -> float | str | None:
    """The next value of a rule that eases it less; None where that is no change at all."""
    _, _, asked = instance
    if rule == "duplicates":
        return None
    if rule == "max_etfs":
        return int(to) - 1
    if rule == "min_correlation_distance":
        # Told rounded down to a step, below the distance of two ETFs.
        return min(float(to) + STEP, asked.rules.min_correlation_distance)
    if rule == "min_weight":
        return float(to) + STEP
    return float(to) - STEP


@pytest.mark.oracle
@pytest.mark.parametrize("seed", some_of(SEEDS, every=4))
def test_every_repair_works_on_its_own_and_nothing_smaller_does(seed: int) -> None:
    error, instance = found(seed), contradictory(seed)
    if error is None:
        return
    assert {repair.rule for repair in error.repairs} <= {conflict.requirement for conflict in error.conflicts}
    for repair in error.repairs:
        assert possible(eased(instance, repair.rule, repair.to)), repair
        less = stricter(instance, repair.rule, repair.to)
        if less is not None:
            assert not possible(eased(instance, repair.rule, less)), repair
        assert repair.words in str(error)
        assert repair.now == getattr(instance[2].rules, repair.rule, repair.now)


@pytest.mark.oracle
@pytest.mark.parametrize("seed", some_of(SEEDS, every=4))
def test_a_rule_that_has_no_repair_cannot_be_eased_enough(seed: int) -> None:
    error, instance = found(seed), contradictory(seed)
    if error is None:
        return
    for name in {conflict.requirement for conflict in error.conflicts} - {repair.rule for repair in error.repairs}:
        # The most lenient that a request can say, which is less than to have no such rule.
        lenient = off(instance, {name}) if name != "min_weight" else eased(instance, name, STEP)
        assert not possible(lenient), name


def test_the_random_instances_have_conflicts_and_repairs_of_every_kind() -> None:
    errors = [error for seed in SEEDS if (error := found(seed)) is not None]
    kinds = {repair.rule.rpartition(".")[2] for error in errors for repair in error.repairs}
    assert len(errors) >= 10
    assert any(not error.repairs for error in errors)
    assert kinds >= {"max_etfs", "min_weight", "max_weight", "duplicates", "min_correlation_distance"}


@pytest.mark.parametrize("seed", [seed for seed in SEEDS if seed % 3 == 0])
def test_a_portfolio_is_found_after_any_repair(seed: int) -> None:
    error = found(seed)
    if error is None:
        return
    for repair in error.repairs:
        prices, sleeves, asked = eased(contradictory(seed), repair.rule, repair.to)
        assert optimise_all_pods(Case(prices, sleeves, asked)).X.sum() == pytest.approx(1.0, abs=1e-9)


def test_a_cap_of_a_pod_is_repaired_to_what_its_etfs_need() -> None:
    # Half of the capital in two ETFs of at most 40 % of the pod, since A must not be held beside its twin B.
    rho = np.array([[1, 0.999, 0.2, 0.2], [0.999, 1, 0.2, 0.2], [0.2, 0.2, 1, 0.2], [0.2, 0.2, 0.2, 1]])
    prices = market([0.1, 0.1, 0.1, 0.2], [0.05, 0.05, 0.06, 0.08], correlation=rho)
    sleeves = [
        optimise_sleeve(prices, mandate("ABC", pod="one", max_position=0.4), 0.5),
        optimise_sleeve(prices, mandate("D", pod="two", objective=Objective.MAX_RETURN), 0.5),
    ]
    with pytest.raises(ConflictError) as caught:
        optimise_all_pods(Case(prices, sleeves, terms(min_correlation_distance=0.1)))
    assert {c.requirement for c in caught.value.conflicts} == {"min_correlation_distance", "one.max_position"}
    told = {repair.rule: repair for repair in caught.value.repairs}
    assert told["one.max_position"].words == "one's max_position 40.00% to 50.00%"
    assert (told["one.max_position"].now, told["one.max_position"].to) == (0.4, 0.5)
    # sqrt((1 - 0.999) / 2) = 0.02236: just as near as the twins are, to the step below.
    assert told["min_correlation_distance"].to == pytest.approx(0.0223)


def test_conflicts_and_repairs_go_over_the_wire_as_they_are() -> None:
    error = next(error for seed in SEEDS if (error := found(seed)) is not None and error.repairs)
    event = MasterPortfolioFailed(
        request_id="r1",
        reason=Reason.RULES_CONFLICT,
        message=str(error),
        conflicts=error.conflicts,
        repairs=error.repairs,
    )
    assert parse_final(encode(event)) == event


# Stage 1: a pod that may not buy enough.


@pytest.mark.parametrize("never_buy", [["VAF", "VGB", "VAS"], ["VAF", "VGB", "VAS", "BILL"]])
def test_a_pod_that_may_buy_too_little_for_both_its_rules_has_no_single_repair(never_buy: list[str]) -> None:
    # At most one of four is left: two effective holdings need two, whatever the largest position.
    failed = answer(load_mandate("alpha"), "test", request(rules={"never_buy": never_buy}))
    assert isinstance(failed, PodFailed)
    assert failed.reason is Reason.RULES_CONFLICT
    assert [conflict.requirement for conflict in failed.conflicts] == ["alpha.max_position", "alpha.universe"]
    assert failed.repairs == ()


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("cap", [0.15, 0.22, 0.3, 0.4, 0.6, 1.0])
@pytest.mark.parametrize("least", [1.0, 2.5, 3.0, 4.2])
def test_a_pod_alone_names_what_conflicts_and_a_repair_that_works(count: int, cap: float, least: float) -> None:
    prices = random_market(np.random.default_rng(8), 6)
    asked = mandate("ABCDEF", max_position=cap, min_effective_holdings=least)
    never_buy = frozenset("ABCDEF"[count:])
    # Capped weights that sum to one exist if and only if count * cap >= 1; the most effective holdings are count.
    enough, spread = count * cap >= 1 - 1e-9, count >= least
    if enough and spread:
        assert optimise_sleeve(prices, asked, 1.0, never_buy=never_buy).weights.sum() == pytest.approx(1.0)
        return
    with pytest.raises(UnreachableMandateError) as caught:
        optimise_sleeve(prices, asked, 1.0, never_buy=never_buy)
    rule = "max_position" if not enough else "min_effective_holdings"
    assert [c.requirement for c in caught.value.conflicts] == [f"pod.{rule}", "pod.universe"]
    assert len(caught.value.repairs) == (enough or spread)
    for repair in caught.value.repairs:
        fixed = replace(asked, **{rule: repair.to})
        assert optimise_sleeve(prices, fixed, 1.0, never_buy=never_buy).weights.sum() == pytest.approx(1.0)
        less = repair.to + (STEP if rule == "min_effective_holdings" else -STEP)
        with pytest.raises(UnreachableMandateError):
            optimise_sleeve(prices, replace(asked, **{rule: less}), 1.0, never_buy=never_buy)


def test_what_a_pod_cannot_keep_reaches_the_final_event_with_its_repair() -> None:
    body = {**json.loads(request(rules={"never_buy": ["TECH", "ROBO", "SEMI"]})), "request_id": "r1"}
    sent = json.dumps(body).encode()
    asked = parse_request(sent, "r1")
    messages = [Message(request_subject("r1"), sent, sequence=1, stored_at=np.datetime64(0, "s").item())]
    for sequence, pod in enumerate(asked.pod_weights or {}, start=2):
        told = answer(load_mandate(pod), "r1", sent)
        assert told is not None
        messages.append(Message(pod_result("r1", pod), encode(told), sequence=sequence))
    action = decide(read_record(messages), due=False)
    assert isinstance(action, Fail)
    assert action.event.reason is Reason.RULES_CONFLICT
    assert [conflict.requirement for conflict in action.event.conflicts] == ["delta.max_position", "delta.universe"]
    # Two are left: half each, but four effective holdings stay out of reach, so that no single change is enough.
    assert action.event.repairs == ()
    assert "only 2 of its 5 ETFs" in action.event.message
