"""Who gets how much of the capital: by hand, and what holds whatever the goals are."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from portfolio.funding.allotment import LEAST_SHARE, Allotment, Claim, allot, divide, misplaced, moved
from portfolio.terms.targets import Target

EXACT = partial(pytest.approx, rel=1e-12)
# Pods that can hold any share.
PODS = dict.fromkeys("abc", 0.0)


def claim(pod: str, needed_aud: float, priority: int = 1, years: float = 5.0) -> Claim:
    return Claim(Target("g", "A goal", pod, 1.0, years, priority), pod, needed_aud)


def test_the_first_priority_is_funded_before_the_last_gets_what_is_left() -> None:
    found = allot(100.0, [claim("a", 70.0, 9), claim("b", 60.0, 1)], PODS, None)
    assert found.goals_aud == EXACT((40.0, 60.0))
    assert found.shares == EXACT({"a": 0.4, "b": 0.6})
    assert found.surplus_aud == {}


def test_goals_of_one_priority_share_in_proportion_to_what_they_need() -> None:
    found = allot(100.0, [claim("a", 40.0, 1), claim("b", 90.0, 2), claim("c", 30.0, 2)], PODS, None)
    # 60 are left for 120.
    assert found.goals_aud == EXACT((40.0, 45.0, 15.0))


def test_what_is_needed_now_is_there() -> None:
    # The auditor's case: 100,000 AUD needed now of 219,322 owned got 66,433.
    found = allot(219_322.0, [claim("a", 100_000.0, 1, 0.0), claim("b", 250_000.0, 1, 20.0)], PODS, None)
    assert found.goals_aud[0] < 100_000
    found = allot(219_322.0, [claim("a", 100_000.0, 1, 0.0), claim("b", 250_000.0, 2, 20.0)], PODS, None)
    assert found.goals_aud == EXACT((100_000.0, 119_322.0))


@pytest.mark.parametrize(("surplus_pod", "gets"), [(None, "b"), ("a", "a"), ("c", "c")])
def test_what_no_goal_needs_goes_to_the_longest_goal_s_pod_or_the_one_named(surplus_pod: str | None, gets: str) -> None:
    found = allot(100.0, [claim("a", 20.0), claim("b", 30.0, 2, 9.0), claim("a", 10.0, 3, 9.0)], PODS, surplus_pod)
    assert found.surplus_aud == EXACT({gets: 40.0})
    expected = {"a": 0.3, "b": 0.3, "c": 0.0}
    expected[gets] += 0.4
    assert found.shares == EXACT({pod: share for pod, share in expected.items() if share})


def test_where_goals_need_nothing_all_is_surplus() -> None:
    found = allot(100.0, [claim("a", 0.0), claim("b", 0.0, 1, 9.0)], PODS, None)
    assert (found.goals_aud, found.shares) == ((0.0, 0.0), {"b": 1.0})
    assert allot(100.0, [claim("a", 0.0)], PODS, "c").shares == {"c": 1.0}


def test_a_pod_of_next_to_nothing_takes_no_part_and_the_others_are_funded_again() -> None:
    tiny = LEAST_SHARE * 100.0 / 2
    found = allot(100.0, [claim("a", tiny, 1), claim("b", 150.0, 2)], PODS, None)
    assert found.goals_aud == (0.0, 100.0)
    assert found.shares == {"b": 1.0}


def test_what_is_left_and_too_little_for_a_pod_s_rules_goes_to_the_others() -> None:
    claims = [claim("a", 70.0, 1, 3.0), claim("b", 27.0, 2), claim("c", 50.0, 3)]
    # c would get 3 of 100, and can hold no less than 4.
    found = allot(100.0, claims, {"a": 0.04, "b": 0.04, "c": 0.04}, None)
    assert found.goals_aud == EXACT((70.0, 27.0, 0.0))
    assert found.surplus_aud == EXACT({"b": 3.0})
    # With just 4, it can.
    found = allot(100.0, [claims[0], claim("b", 26.0, 2), claims[2]], dict.fromkeys("abc", 0.04), None)
    assert found.goals_aud == EXACT((70.0, 26.0, 4.0))


def test_a_goal_that_has_all_it_needs_is_not_given_up_for_a_rule() -> None:
    claims = [claim("a", 1.0, 1), claim("b", 500.0, 2), claim("a", 9.0, 3)]
    found = allot(100.0, claims, {"a": 0.04, "b": 0.04}, None)
    assert found.goals_aud == EXACT((1.0, 99.0, 0.0))


def test_of_pods_with_too_little_the_smallest_goes_first() -> None:
    claims = [claim(pod, need) for pod, need in (("a", 30.0), ("b", 20.0), ("c", 90.0))]
    # 100 for 140: both a with 21.4 % and b with 14.3 % have too few of 24 %; without b, a has 25 %.
    found = allot(100.0, claims, dict.fromkeys("abc", 0.24), None)
    assert found.goals_aud == EXACT((25.0, 0.0, 75.0))
    # And somebody takes part, whatever the rules.
    assert allot(100.0, claims, dict.fromkeys("abc", 1.2), None).shares == EXACT({"c": 1.0})


def test_with_shares_given_each_pod_funds_its_own_goals_in_the_same_order() -> None:
    claims = [claim("a", 30.0, 2), claim("a", 40.0, 1), claim("b", 10.0), claim("c", 5.0)]
    found = divide(100.0, claims, {"a": 0.5, "b": 0.5})
    assert found.goals_aud == EXACT((10.0, 40.0, 10.0, 0.0))
    assert found.surplus_aud == EXACT({"b": 40.0})
    assert found.shares == {"a": 0.5, "b": 0.5}


AMOUNTS = st.floats(1.0, 1e6)
CLAIMS = st.lists(
    st.builds(
        claim, st.sampled_from(sorted(PODS)), st.one_of(st.just(0.0), AMOUNTS), st.integers(1, 4), st.floats(0, 50)
    ),
    min_size=1,
    max_size=8,
)
every = settings(derandomize=True, deadline=None, max_examples=200)


@every
@given(first=st.floats(100, 1e4), second=st.floats(100, 1e4), part=st.floats(0.05, 0.95))
def test_turning_two_priorities_round_turns_their_funding_round(first: float, second: float, part: float) -> None:
    capital = part * (first + second)

    def left(needed: float, taken: float) -> float:
        """What a later goal gets: a pod that would have less than a basis point takes no part."""
        rest = min(needed, max(capital - taken, 0.0))
        return rest if rest >= LEAST_SHARE * capital else 0.0

    ahead = allot(capital, [claim("a", first, 1), claim("b", second, 2)], PODS, None).goals_aud
    behind = allot(capital, [claim("a", first, 2), claim("b", second, 1)], PODS, None).goals_aud
    assert ahead == pytest.approx((min(first, capital), left(second, first)), rel=1e-9)
    assert behind == pytest.approx((left(first, second), min(second, capital)), rel=1e-9)


@every
@given(claims=CLAIMS, capital=AMOUNTS, factor=st.floats(1e-3, 1e3), spare=st.sampled_from((None, *PODS)))
def test_scaling_all_amounts_scales_all_amounts(
    claims: list[Claim], capital: float, factor: float, spare: str | None
) -> None:
    found = allot(capital, claims, PODS, spare)
    scaled = allot(factor * capital, [replace(c, needed_aud=factor * c.needed_aud) for c in claims], PODS, spare)
    close: Any = partial(pytest.approx, rel=1e-9, abs=1e-9 * capital)
    assert [aud / factor for aud in scaled.goals_aud] == close(list(found.goals_aud))
    assert dict(scaled.shares) == pytest.approx(dict(found.shares), abs=1e-9)


@every
@given(claims=CLAIMS, capital=AMOUNTS, spare=st.sampled_from((None, *PODS)))
def test_all_capital_is_given_once_and_nobody_gets_more_than_he_needs(
    claims: list[Claim], capital: float, spare: str | None
) -> None:
    found = allot(capital, claims, PODS, spare)
    assert sum(found.goals_aud) + sum(found.surplus_aud.values()) == EXACT(capital)
    assert sum(found.shares.values()) == EXACT(1.0)
    assert all(share >= LEAST_SHARE for share in found.shares.values())
    for each, aud in zip(claims, found.goals_aud, strict=True):
        assert 0 <= aud <= each.needed_aud * (1 + 1e-12)
        later = [
            got for c, got in zip(claims, found.goals_aud, strict=True) if c.target.priority > each.target.priority
        ]
        # Whoever is not fully funded, though its pod takes part, leaves nothing for a later priority.
        assert aud >= each.needed_aud * (1 - 1e-9) or each.pod not in found.shares or sum(later) <= 1e-6 * capital


def test_money_is_misplaced_where_a_goal_lacks_it_and_another_pod_holds_it_for_less() -> None:
    claims = [claim("a", 40.0, 1), claim("b", 50.0, 2), claim("a", 20.0, 2), claim("c", 30.0, 3), claim("d", 9.0, 1)]
    found = Allotment((33.0, 45.0, 20.0, 2.0, 0.0), {}, {"a": 0.53, "b": 0.45, "c": 0.02})
    # The first goal lacks 7, and b and c hold 47 for later ones. The second lacks 5, of which c holds 2. Those of the
    # last priority have none after them, and the pod d takes no part.
    assert misplaced(claims, found) == EXACT({1: 7.0, 2: 2.0, 3: 0.0})
    # Money for no goal comes last of all, but for goals of its own pod.
    spare = Allotment((40.0, 50.0, 20.0, 26.0, 0.0), {"c": 1.0, "b": 3.0}, {"a": 0.5, "b": 0.3, "c": 0.2})
    assert misplaced(claims, spare) == EXACT({1: 0.0, 2: 0.0, 3: 3.0})


def test_what_changes_pods_is_counted_once() -> None:
    # 0.2 go from a to b, and 0.1 from a to d, which took no part.
    assert moved({"a": 0.6, "b": 0.2, "c": 0.2}, {"a": 0.3, "b": 0.4, "c": 0.2, "d": 0.1}) == EXACT(0.3)
    assert moved({"a": 1.0}, {"a": 1.0}) == 0
