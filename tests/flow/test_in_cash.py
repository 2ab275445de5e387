"""A pod that finds no mix better than cash takes no part: its money stays as it is, and the others are coordinated."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime
from importlib import resources
from typing import TYPE_CHECKING, Any

import pytest
from support.builders import request

from agents.answer import answer
from agents.mandate_files import load
from bus.language import subjects
from bus.language.messages import (
    MasterPortfolioOptimized,
    PodFailed,
    Reason,
    encode,
    parse_request,
)
from bus.port import Message
from cli.trust.pod_answers import contradictions
from cli.what_if import valid
from cli.what_if.locally import solve
from coordinator.decisions import Fail, Record, decide
from portfolio.check import findings
from portfolio.market import folders, snapshot
from report.facts.in_cash import said_of_pods_in_cash

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bus.language.messages import PodAnswer

MARKET = "no-growth"
STORED = datetime(2025, 11, 10, tzinfo=UTC)
SHARES = {"alpha": 0.2, "beta": 0.3, "gamma": 0.5}
# Net of the fee of each, all ETFs of gamma return 2 %, so that each mix of them does; BILL returns 3.5 % less 0.07 %.
GAMMAS, RETURN, CASH_RETURN = ("VGS", "VTS", "VAS", "NDQ", "VAF", "GOLD"), 0.02, 0.035 - 0.0007


@pytest.fixture(scope="module", autouse=True)
def market(tmp_path_factory: pytest.TempPathFactory) -> snapshot.Market:
    """Write the outlook with other returns of gamma's ETFs."""
    folder = tmp_path_factory.mktemp("markets") / MARKET
    folder.mkdir()
    source = resources.files("portfolio") / "markets" / "asx-outlook-2025-12"
    texts = {name: (source / name).read_text() for name in folders.FILES}
    rows = [line.split(",") for line in texts["etfs.csv"].splitlines()]
    fees = {row[0]: float(row[3]) for row in rows[1:]}
    told = []
    for line in texts["moments.csv"].splitlines():
        ticker, _, rest = line.partition(",")
        _, _, after = rest.partition(",")
        told.append(f"{ticker},{RETURN + fees[ticker]:.6f},{after}" if ticker in GAMMAS else line)
    texts["moments.csv"] = "\n".join(told) + "\n"
    for name, text in texts.items():
        (folder / name).write_text(text)
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv(folders.VARIABLE, str(folder.parent))
        yield snapshot.load(MARKET)


def ask(shares: Mapping[str, float] = SHARES, *, account: dict[str, Any] | None = None, **more: object) -> bytes:
    sent = json.loads(request(shares, market_id=MARKET, account=account))
    return json.dumps(sent | more).encode()


def account(cash: float, units: Mapping[str, int] | None = None, **more: object) -> dict[str, Any]:
    bought = {"acquired": "2020-01-10", "cost_base_aud": 1_000.0}
    holdings = [
        {"ticker": ticker, "units": number, "parcels": [{**bought, "units": number}]}
        for ticker, number in (units or {}).items()
    ]
    return {"as_of": "2025-11-10", "cash_aud": cash, "holdings": holdings, **more}


def answers_to(sent: bytes) -> dict[str, PodAnswer]:
    found = {pod: answer(load(pod), "test", sent) for pod in parse_request(sent, "test").asked()}
    return {pod: each for pod, each in found.items() if each is not None}


def record(sent: bytes, answers: Mapping[str, PodAnswer]) -> Record:
    told = {
        pod: Message(subjects.pod_result("test", pod), encode(each), sequence=2, stored_at=STORED)
        for pod, each in answers.items()
    }
    return Record(Message(subjects.request("test"), sent, sequence=1, stored_at=STORED), told, None)


def optimised(sent: bytes) -> MasterPortfolioOptimized:
    event = solve(parse_request(sent, "test"), {pod: load(pod) for pod in ("alpha", "beta", "gamma")})
    assert isinstance(event, MasterPortfolioOptimized), event
    return event


@pytest.fixture(scope="module")
def model() -> MasterPortfolioOptimized:
    return optimised(ask())


@pytest.fixture(scope="module")
def from_cash() -> MasterPortfolioOptimized:
    return optimised(ask(account=account(100_000.0)))


def test_the_agent_states_the_finding_for_programs() -> None:
    gamma = answers_to(ask())["gamma"]

    assert isinstance(gamma, PodFailed)
    found = gamma.no_better_than_cash
    assert found is not None
    assert (found.mandate.pod, found.left_out) == ("gamma", ())
    assert found.greatest_return == pytest.approx(RETURN)


def test_half_of_the_capital_stays_where_the_pod_with_half_takes_no_part(model: MasterPortfolioOptimized) -> None:
    assert sum(model.weights.values()) == pytest.approx(0.5)
    assert set(model.pods) == {"alpha", "beta"}
    assert {pod: part.capital_share for pod, part in model.pods.items()} == pytest.approx({"alpha": 0.2, "beta": 0.3})
    gamma = model.in_cash["gamma"]
    assert (gamma.cash_aud, gamma.kept_aud, gamma.capital_share) == pytest.approx((50_000.0, 0.0, 0.5))
    assert (gamma.greatest_return, gamma.cash_return) == pytest.approx((RETURN, CASH_RETURN))
    # Both sides have the same money in cash: like with like.
    assert model.separate is not None
    assert model.suggested is not None
    assert (model.separate.cash_aud, model.suggested.cash_aud) == pytest.approx((50_000.0, 50_000.0))


def test_the_answer_is_certified_though_the_money_makes_the_sharpe_ratio_negative(
    model: MasterPortfolioOptimized, from_cash: MasterPortfolioOptimized
) -> None:
    for event in (model, from_cash):
        assert event.separate is not None
        assert event.separate.sharpe_ratio is not None
        assert event.separate.sharpe_ratio < 0
        assert (event.certificate.restricted, event.certificate.certified) == ((), True)
        assert event.at_most_better_by is not None


def test_where_the_ratio_decides_the_gap_is_told_and_is_of_all_portfolios() -> None:
    event = optimised(ask(account=account(30_000.0, {"VGS": 200, "GOLD": 400})))

    # The weaker row that bounds all portfolios is not tight here.
    assert (event.certificate.restricted, event.certificate.certified) == ((), False)
    assert 1e-4 < event.certificate.gap < 0.02
    assert event.at_most_better_by is not None


def test_the_others_are_coordinated_as_if_so_much_cash_had_been_asked_for(from_cash: MasterPortfolioOptimized) -> None:
    # Of what gamma leaves, alpha has 0.2 / 0.5 and beta 0.3 / 0.5.
    asked = optimised(ask({"alpha": 0.4, "beta": 0.6}, account=account(100_000.0, min_cash_share=0.5)))

    assert from_cash.weights == pytest.approx(asked.weights, abs=1e-6)
    assert from_cash.trading is not None
    assert asked.trading is not None
    assert from_cash.trading.units == asked.trading.units
    assert from_cash.trading.cash_left_aud >= 50_000.0


def test_what_only_that_pod_may_hold_is_kept_and_counts_for_its_share() -> None:
    # 200 VGS at 154.12 are 30,824: only gamma may hold them. 400 GOLD at 56.61 are 22,644, which beta may hold too.
    # Gamma has half of 30,000 + 22,644 + 30,824 = 83,468, which is 41,734: 30,824 in VGS and the other 10,910 in cash.
    event = optimised(ask(account=account(30_000.0, {"VGS": 200, "GOLD": 400})))

    gamma = event.in_cash["gamma"]
    assert (gamma.cash_aud, gamma.kept_aud) == pytest.approx((10_910.0, 30_824.0))
    assert event.terms.owned is not None
    assert [kept.ticker for kept in event.terms.owned.kept] == ["VGS"]
    assert event.trading is not None
    assert all(order.ticker != "VGS" for order in event.trading.orders)
    assert event.trading.cash_left_aud >= 10_910.0
    (said,) = said_of_pods_in_cash(event)
    assert "10,910.00 AUD stay in cash for it" in said
    assert "30,824.00 AUD" in said


@pytest.mark.deep
def test_nothing_is_sold_so_that_a_pod_is_in_cash() -> None:
    # 1000 GOLD are 56,610, which beta may hold. Half of 57,610 is 28,805, and there are 1,000 AUD of cash.
    event = optimised(ask(account=account(1_000.0, {"GOLD": 1_000})))

    assert event.in_cash["gamma"].cash_aud == pytest.approx(1_000.0)
    assert sum(part.capital_share for part in event.pods.values()) == pytest.approx(1 - 1_000 / 57_610)
    (said,) = said_of_pods_in_cash(event)
    assert "The other 27,805.00 AUD of its share are with the other pods" in said


def test_a_pod_that_failed_otherwise_is_not_left_out() -> None:
    answers = answers_to(ask())
    crashed = PodFailed(request_id="test", pod="beta", reason=Reason.INTERNAL_ERROR, message="crashed")

    action = decide(record(ask(), {**answers, "beta": crashed}), due=False)

    assert isinstance(action, Fail)
    assert "crashed" in action.event.message


@pytest.mark.parametrize("asked", ["fail", "goal", "surplus", "alone"])
def test_the_request_is_refused_where_it_cannot_do_without_the_pod(asked: str) -> None:
    goal = {"goal_id": "g", "name": "G", "pod": "gamma", "target_amount_aud": 9_000, "years": 9, "priority": 1}
    sent = {
        "fail": ask(on_unreachable="fail"),
        "goal": ask(goals=[goal]),
        "surplus": ask(goals=[goal | {"pod": "alpha"}], pod_weights=None, pods=["alpha"], surplus_pod="gamma"),
        "alone": ask({"gamma": 1.0}),
    }[asked]

    action = decide(record(sent, answers_to(sent)), due=False)

    assert isinstance(action, Fail)
    assert "No mix of gamma's ETFs is expected to return more than cash" in action.event.message


def test_shares_from_money_goals_leave_the_pod_nothing() -> None:
    goal = {"goal_id": "g", "name": "G", "target_amount_aud": 9_000, "years": 9, "priority": 1}

    event = optimised(ask(goals=[goal], pod_weights=None, pods=["alpha", "beta", "gamma"]))

    assert event.in_cash["gamma"].capital_share == 0
    assert sum(event.weights.values()) == pytest.approx(1)
    assert event.cash is None


def test_a_dry_run_finds_no_fault() -> None:
    assert valid.examine(ask(priorities={"gamma.sharpe_ratio": 1}), None, ()) == []


def test_the_event_agrees_with_what_the_pods_signed(model: MasterPortfolioOptimized) -> None:
    answers = answers_to(ask())
    told = tuple(json.loads(encode(each)) for each in answers.values())
    whole = model.model_copy(update={"pod_answers": told})

    assert list(contradictions(whole)) == []
    forged = copy.deepcopy(told)
    forged[2]["no_better_than_cash"]["greatest_return"] = 0.01
    (found,) = contradictions(model.model_copy(update={"pod_answers": forged}))
    assert "the reason why gamma is in cash" in found
    assert list(contradictions(model.model_copy(update={"pod_answers": told[:2]})))


FORGERIES = {
    "another figure": (("in_cash", "gamma", "greatest_return"), 0.019, "a mix of gamma returns at most 0.02"),
    "another rate": (("in_cash", "gamma", "cash_return"), 0.05, "cash returns"),
    "more money": (("in_cash", "gamma", "cash_aud"), 60_000.0, "50000.0"),
    "kept": (("in_cash", "gamma", "kept_aud"), 5.0, "are kept for gamma"),
    "no reason": (("in_cash", "gamma", "left_out"), ["VGS"], "gamma left out VGS, not nothing"),
    "no choice": (("terms", "on_unreachable"), "fail", "no goal was to give way"),
    "another pod": (("terms", "in_cash"), {"gamma": 0.5, "delta": 0.1}, "delta, which is no pod in cash"),
    "a better pod": (("in_cash", "gamma", "mandate", "universe"), ["BILL"], "gamma"),
    "no need": (("in_cash", "gamma", "mandate", "goals"), {}, ""),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_the_check_finds_what_is_said_falsely(
    model: MasterPortfolioOptimized, market: snapshot.Market, name: str
) -> None:
    body = json.loads(encode(model))
    assert findings(body, market) == []
    (*path, last), value, said = FORGERIES[name]
    place = body
    for step in path:
        place = place[step]
    place[last] = value
    if name == "no need":
        body["in_cash"]["gamma"]["mandate"]["objective"] = "max_income"
        said = "neither its objective nor a goal needs a return above that of cash"

    assert any(said in found for found in findings(body, market))
