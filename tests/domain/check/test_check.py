"""The independent check: silent on a true event, and not on a false one."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from support.builders import TRAILING, final_event, request
from support.depth import some_of
from support.forgery import at, changed, changing, leaves, one_of_each, pattern, places

from bus.language.messages import MasterPortfolioOptimized, encode
from portfolio.check import findings
from portfolio.market.snapshot import load

if TYPE_CHECKING:
    from collections.abc import Callable

Event = dict[str, Any]

# What the check cannot know, or what no mistake could hide behind, and why.
JUSTIFIED = {
    "type",  # read before the check, when the body is parsed
    "version",  # the same
    "request_id",  # names: nothing in the event follows from them
    "customer_id",
    "pods.*.mandate.purpose",  # prose
    "elapsed_s",  # a clock's reading
    "signature",  # of the event as a whole; ``podfolio verify`` looks at it
    "stopped_by",  # the clock's end of the search
    "certificate.nodes",  # the search's work, not its result
    "certificate.leaves",
    "certificate.target_gap",  # asked, not found: only a gap above it is a contradiction
    # Rules are asked, not found. One that is changed and still kept contradicts nothing in the event.
    "terms.rules.max_etfs",
    "terms.rules.min_weight",
    "terms.rules.max_weight",
    "terms.rules.min_correlation_distance",
    # These are about trades, and here there are none.
    "terms.rules.capital_tolerance",
    "terms.rules.position_tolerance",
    "terms.rules.min_order_aud",
    "terms.rules.max_turnover",
    "terms.rules.max_tax_aud",
    "terms.rules.buy_only",
    "pods.*.mandate.max_position",
    "pods.*.mandate.min_effective_holdings",
    "pods.*.mandate.universe.*",  # those not held
    "pods.*.left_out.*",
    "terms.preferences.duplication",  # its term is zero where nothing is owned twice
    # Claims that take a solver to check: of a figure, only an impossible one is noticed; of a price, the sign.
    "goals.*.best_alone",
    "goals.*.best_together",
    "goals.*.price",
    "goals.*.gain_of_one_percent",
    # How it was asked: here no goal gave way, and no limit on correlations was a goal.
    "terms.explain",
    "terms.target_tolerance",
    "terms.on_unreachable",
    "terms.correlations",
    "terms.pod_ranks",  # the order within one priority
    "terms.total_super_balance_aud",  # decides a sentence, and no figure
}


def noticed(event: Event) -> bool:
    """Whether the check finds something, or cannot even read the event."""
    try:
        return bool(findings(event, load(TRAILING)))
    except (AttributeError, KeyError, ValueError, TypeError, IndexError, ZeroDivisionError):
        return True


@pytest.fixture(scope="module")
def true_event() -> Event:
    event = final_event(request())
    assert isinstance(event, MasterPortfolioOptimized)
    body: Event = json.loads(encode(event))
    return body


@pytest.fixture
def event(true_event: Event) -> Event:
    return copy.deepcopy(true_event)


def test_an_untouched_event_has_no_findings(event: Event) -> None:
    assert findings(event, load(TRAILING)) == []


def test_in_another_order_of_its_members_it_has_none_either(event: Event) -> None:
    # JSON's objects have no order: any tool may write them anew.
    assert list(event["pods"]) != sorted(event["pods"])
    assert findings(json.loads(json.dumps(event, sort_keys=True)), load(TRAILING)) == []


@pytest.mark.parametrize("each", some_of([False, True], every=2))
def test_every_number_and_name_that_follows_from_the_weights_is_protected(event: Event, *, each: bool) -> None:
    unprotected = set()
    known = list(leaves(event))
    for path in known if each else one_of_each(known):
        for factor in (1.01, 0.99):
            with changing(event, path) as place:
                place[path[-1]] = changed(place[path[-1]], factor)
                if not noticed(event):
                    unprotected.add(pattern(path))
    justified = JUSTIFIED - {"terms.pod_ranks"}  # which is empty here
    assert unprotected <= justified
    assert unprotected == justified or not each


def test_every_weight_is_protected_to_a_millionth(true_event: Event) -> None:
    for path in leaves(true_event):
        if "weights" not in path and "naive_weights" not in path:
            continue
        event = copy.deepcopy(true_event)
        at(event, path[:-1])[path[-1]] += 1e-6
        assert noticed(event), path


@pytest.mark.parametrize("each", some_of([False, True], every=2))
def test_nothing_can_be_taken_away_but_what_is_not_protected_anyway(event: Event, *, each: bool) -> None:
    missed = set()
    known = list(places(event))
    for path in known if each else one_of_each(known):
        with changing(event, path) as place:
            del place[path[-1]]
            if not noticed(event):
                missed.add(pattern(path))
    # A request may have no money goals and no pods in cash; events of older versions have no payments, one
    # owner and one phase, and no part of the distributions that is not taxed.
    incomes = {"income.naive", "income.master", "separate.income", "suggested.income"}
    older = {"terms.exempt_share", *(f"{which}.{name}" for which in incomes for name in ("owners", "untaxed_aud"))}
    payments = {f"{which}.{name}_aud" for which in ("separate", "suggested") for name in ("contribution", "withdrawal")}
    later = {"money_goals", "funding", "in_cash", "terms.share_excess", *payments, *older}
    assert missed - JUSTIFIED <= later
    assert missed - JUSTIFIED == later or not each


@pytest.mark.parametrize("part", ["holdings", "goals", "comparison", "correlations"])
def test_a_false_line_before_the_true_one_is_noticed(event: Event, part: str) -> None:
    line = {k: v * 2 + 1 if isinstance(v, float) else v for k, v in event[part][0].items()}
    event[part].insert(0, line)
    assert noticed(event)


def swap_owners(event: Event) -> None:
    alpha, beta = event["pods"]["alpha"], event["pods"]["beta"]
    alpha["weights"], beta["weights"] = beta["weights"], alpha["weights"]


def swap_owners_of_a_line(event: Event) -> None:
    first, last = event["holdings"][0], event["holdings"][-1]
    first["owners"], last["owners"] = last["owners"], first["owners"]


def add_an_etf(event: Event) -> None:
    assert "ROBO" not in event["weights"]
    event["pods"]["delta"]["weights"]["ROBO"] = 0.0
    for pod in ("delta",):
        for ticker in event["pods"][pod]["weights"]:
            moved = 0.02 if ticker == "ROBO" else -0.02 / 3
            event["pods"][pod]["weights"][ticker] += moved
            event["weights"][ticker] = event["weights"].get(ticker, 0.0) + moved


def add_an_unknown_etf(event: Event) -> None:
    event["weights"]["XYZ"] = 0.02


def give_an_etf_a_second_owner(event: Event) -> None:
    # VAS is beta's; gamma may hold it too, but not while duplicates are forbidden.
    gamma, beta = event["pods"]["gamma"]["weights"], event["pods"]["beta"]["weights"]
    assert "VAS" in beta
    gamma["VAS"] = 0.02
    gamma["VGS"] -= 0.02
    event["weights"]["VAS"] += 0.02
    event["weights"]["VGS"] -= 0.02


def remove_a_goal(event: Event) -> None:
    event["goals"].pop()


def remove_a_goal_from_the_mandate(event: Event) -> None:
    event["pods"]["gamma"]["mandate"]["goals"].pop("sharpe_ratio")


def raise_a_goal_everywhere(event: Event) -> None:
    event["pods"]["gamma"]["mandate"]["goals"]["sharpe_ratio"] = 9.0
    (line,) = (g for g in event["goals"] if g["name"] == "gamma.sharpe_ratio")
    line["asked"] = 9.0


def deny_that_a_goal_is_met(event: Event) -> None:
    event["goals"][0]["met"] = False


def worsen_the_naive_portfolio(event: Event) -> None:
    weights = event["pods"]["alpha"]["naive_weights"]
    weights["BILL"], weights["VGB"] = weights["VGB"], weights["BILL"]


def claim_a_smaller_gap(event: Event) -> None:
    event["certificate"]["bound"] += 1e-5


def claim_a_better_objective(event: Event) -> None:
    event["certificate"]["objective"] += 1e-3


def claim_a_bound_far_away_and_certified(event: Event) -> None:
    certificate = event["certificate"]
    certificate["bound"] = certificate["objective"] * 1.5
    certificate["gap"] = 0.5


def deny_the_certificate(event: Event) -> None:
    event["certificate"]["certified"] = False


def claim_a_restriction(event: Event) -> None:
    event["certificate"]["restricted"] = ["never_worse.sharpe_ratio"]


def claim_a_restriction_and_deny_the_certificate(event: Event) -> None:
    # A portfolio that is proven best is not to be passed off as a doubtful one either.
    claim_a_restriction(event)
    deny_the_certificate(event)


def name_another_market(event: Event) -> None:
    event["market"]["id"] = "asx-outlook-2025-12"


def name_another_hash(event: Event) -> None:
    event["market"]["sha256"] = event["market"]["sha256"][::-1]


def hold_what_must_not_be_bought(event: Event) -> None:
    event["terms"]["rules"]["never_buy"] = ["GOLD"]


def ask_for_fewer_etfs(event: Event) -> None:
    event["terms"]["rules"]["max_etfs"] = 10


def ask_for_larger_holdings(event: Event) -> None:
    event["terms"]["rules"]["min_weight"] = 0.021


def ask_for_smaller_holdings(event: Event) -> None:
    event["terms"]["rules"]["max_weight"] = 0.15


def ask_for_more_distance(event: Event) -> None:
    event["terms"]["rules"]["min_correlation_distance"] = 0.5


def narrow_a_universe(event: Event) -> None:
    event["pods"]["gamma"]["mandate"]["universe"].remove("GOLD")


def lower_a_position_limit(event: Event) -> None:
    event["pods"]["alpha"]["mandate"]["max_position"] = 0.55


def raise_the_effective_holdings(event: Event) -> None:
    event["pods"]["gamma"]["mandate"]["min_effective_holdings"] = 4.5


def leave_out_what_is_held(event: Event) -> None:
    event["pods"]["gamma"]["left_out"] = ["GOLD"]


def shift_capital(event: Event) -> None:
    event["pods"]["alpha"]["capital_share"] += 0.01
    event["pods"]["beta"]["capital_share"] -= 0.01


def scale_all_weights(event: Event) -> None:
    for weights in (event["weights"], *(pod["weights"] for pod in event["pods"].values())):
        for ticker in weights:
            weights[ticker] *= 1.001


def go_short(event: Event) -> None:
    gamma = event["pods"]["gamma"]["weights"]
    for ticker, moved in (("VGS", 0.2), ("VTS", -0.2)):
        gamma[ticker] += moved
        event["weights"][ticker] += moved


TAMPERINGS: list[Callable[[Event], None]] = [
    swap_owners,
    swap_owners_of_a_line,
    add_an_etf,
    add_an_unknown_etf,
    give_an_etf_a_second_owner,
    remove_a_goal,
    remove_a_goal_from_the_mandate,
    raise_a_goal_everywhere,
    deny_that_a_goal_is_met,
    worsen_the_naive_portfolio,
    claim_a_smaller_gap,
    claim_a_better_objective,
    claim_a_bound_far_away_and_certified,
    deny_the_certificate,
    claim_a_restriction,
    claim_a_restriction_and_deny_the_certificate,
    name_another_market,
    name_another_hash,
    hold_what_must_not_be_bought,
    ask_for_fewer_etfs,
    ask_for_larger_holdings,
    ask_for_smaller_holdings,
    ask_for_more_distance,
    narrow_a_universe,
    lower_a_position_limit,
    raise_the_effective_holdings,
    leave_out_what_is_held,
    shift_capital,
    scale_all_weights,
    go_short,
]


@pytest.mark.parametrize("tamper", TAMPERINGS, ids=lambda f: f.__name__)
def test_a_tampered_event_is_found_out(event: Event, tamper: Callable[[Event], None]) -> None:
    tamper(event)
    assert noticed(event)


def test_another_market_than_the_one_named_is_refused_at_once(event: Event) -> None:
    found = findings(event, load("asx-outlook-2025-12"))
    assert len(found) == 1
    assert "the event is about market" in found[0]


def test_the_check_imports_nothing_of_what_made_the_event() -> None:
    code = (
        "import sys, portfolio.check; print(*sorted(m for m in sys.modules if m.startswith(('portfolio', 'clarabel',"
        " 'scipy'))))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    loaded = done.stdout.split()
    assert loaded[:2] == ["portfolio", "portfolio.check"]
    assert [module for module in loaded[2:] if not module.startswith("portfolio.check.")] == []
