"""What-if: one rule swept, each value answered as the system would."""

from __future__ import annotations

import csv
import io
import json
import os
import sys
from dataclasses import replace
from functools import cache

import pytest
from support.builders import TRAILING
from support.requests_made import body, data

from agents import mandate_files
from bus.language.messages import MasterPortfolioFailed, MasterPortfolioOptimized, Reason, encode, parse_request
from cli.pages.final_event import make_console
from cli.what_if.frontier import METRICS, Point, as_csv, as_json, shares_now, sweep_etfs, sweep_share
from cli.what_if.frontier_page import show_frontier
from cli.what_if.locally import solve
from portfolio.check import findings
from portfolio.errors import DataError
from portfolio.market import snapshot as markets

MANDATES = {pod: mandate_files.load(pod) for pod in mandate_files.bundled()}
REQUEST = parse_request(data("r1"), "r1")


@cache
def etfs() -> tuple[Point, ...]:
    return tuple(sweep_etfs(REQUEST, 10, 13).points(MANDATES))


@cache
def shares() -> tuple[Point, ...]:
    return tuple(sweep_share(REQUEST, "delta", (0.0, 0.2), 5, shares_now(REQUEST, MANDATES)).points(MANDATES))


def page(points: tuple[Point, ...]) -> str:
    console = make_console(file=io.StringIO())
    show_frontier(console, points)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_request_solved_here_is_what_the_check_accepts() -> None:
    event = solve(REQUEST, MANDATES)

    assert isinstance(event, MasterPortfolioOptimized)
    assert findings(json.loads(encode(event)), markets.load(TRAILING)) == []


def test_a_librarys_lines_do_not_mix_with_the_output(capfd: pytest.CaptureFixture[str]) -> None:
    def prints() -> bool:
        """Write as HiGHS does: to the descriptor, past Python's stream."""
        os.write(1, b"HighsMipSolverData::x\n")
        return False

    sys.stdout.write("before\n")
    assert isinstance(solve(REQUEST, MANDATES, stop=prints), MasterPortfolioOptimized)
    sys.stdout.write("after\n")

    assert capfd.readouterr().out == "before\nafter\n"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"market": "nowhere"}, Reason.UNKNOWN_MARKET),
        ({"pod_weights": {"omega": 1.0}}, Reason.UNKNOWN_POD),
        ({"rules": {"never_buy": ["XYZ"]}}, Reason.UNKNOWN_ETF),
        ({"rules": {"max_etfs": 3}}, Reason.RULES_CONFLICT),
        (
            {"market": "asx-outlook-2025-12", "on_unreachable": "fail"},
            Reason.GOAL_UNREACHABLE,
        ),
    ],
)
def test_what_cannot_be_had_fails_here_as_in_the_system(changes: dict[str, object], reason: Reason) -> None:
    event = solve(parse_request(data("r1", **changes), "r1"), MANDATES)

    assert isinstance(event, MasterPortfolioFailed)
    assert event.reason is reason


def test_each_point_is_what_the_same_request_gives_by_itself() -> None:
    for point in etfs():
        event = solve(parse_request(data("r1", rules={"max_etfs": int(point.value)}), "r1"), MANDATES)
        if isinstance(event, MasterPortfolioFailed):
            assert (point.outcome, point.message) == (event.reason.value, event.message)
            assert (point.objective, point.figures, point.weights) == (None, None, None)
            continue
        master = {row.metric: row.master for row in event.comparison}
        assert point.objective == pytest.approx(event.certificate.objective, rel=1e-9)
        assert point.figures == pytest.approx({metric: master[metric] for metric in METRICS}, rel=1e-6)
        assert (point.goals_met, point.goals) == (sum(goal.met for goal in event.goals), len(event.goals))


def test_the_reference_customer_needs_eleven_etfs_and_one_more_gains_nothing() -> None:
    assert [point.outcome for point in etfs()] == ["rules_conflict", "optimised", "optimised", "optimised"]
    assert [point.as_asked for point in etfs()] == [False, False, True, False]
    said = page(etfs())
    assert "* 10: No portfolio keeps all of these together" in said
    assert "* No other value has a higher objective than what was asked" in said
    assert f"| {etfs()[2].objective:.5f} |" in said.replace("   ", " ")


def test_the_asked_value_is_compared_even_if_another_has_the_same_objective() -> None:
    first = etfs()[2]
    same = replace(first, value=13.0, as_asked=False)

    assert "* No other value has a higher objective than what was asked" in page((first, same))


def test_what_the_asked_rule_costs_is_told() -> None:
    tight = parse_request(data("r1", rules={"max_etfs": 11, "max_weight": 0.18}), "r1")
    points = tuple(sweep_etfs(tight, 11, 12).points(MANDATES))

    first, second = (point.objective for point in points)
    assert first is not None
    assert second is not None
    assert f"* 12 has the highest objective, {second - first:.5f} above what was asked." in page(points)


def test_a_pod_s_share_is_swept_and_the_others_share_the_rest_as_before() -> None:
    sweep = sweep_share(REQUEST, "delta", (0.0, 0.4), 5, shares_now(REQUEST, MANDATES))

    assert sweep.values == [0.0, 0.1, 0.2, 0.3, 0.4]
    for value in sweep.values:
        split = sweep.asking(value).shares()
        assert split is not None
        assert split.get("delta", 0.0) == pytest.approx(value)
        assert split["gamma"] / split["alpha"] == pytest.approx(0.50 / 0.15)
        assert sum(split.values()) == pytest.approx(1.0)


def test_shares_that_follow_from_goals_are_swept_too() -> None:
    goals = [
        {"goal_id": "house", "name": "House", "pod": "alpha", "target_amount_aud": 50_000, "years": 2},
        {"goal_id": "later", "name": "Later", "pod": "gamma", "target_amount_aud": 90_000, "years": 20},
    ]
    request = parse_request(json.dumps({**body("r1", goals=goals), "pod_weights": None}).encode(), "r1")

    event = solve(request, MANDATES)
    assert isinstance(event, MasterPortfolioOptimized)

    sweep = sweep_share(request, "alpha", (0.1, 0.9), 3, shares_now(request, MANDATES))

    assert sweep.now == event.pods["alpha"].capital_share
    assert sweep.asking(0.9).shares() == pytest.approx({"alpha": 0.9, "gamma": 0.1})


def test_without_a_portfolio_there_are_no_shares_to_sweep() -> None:
    goals = [{"goal_id": "g", "name": "n", "pod": "alpha", "target_amount_aud": 50_000, "years": 2}]
    asked = {**body("r1", goals=goals, rules={"max_etfs": 2}), "pod_weights": None}
    request = parse_request(json.dumps(asked).encode(), "r1")

    with pytest.raises(DataError, match="at most 2 ETFs"):
        shares_now(request, MANDATES)


def test_objectives_of_different_shares_are_not_compared() -> None:
    said = page(shares())

    assert [point.outcome for point in shares()] == ["optimised", "rules_conflict", *["optimised"] * 3]
    assert "Objectives of different shares cannot be compared" in said
    assert "highest objective" not in said
    assert "Bars: the Sharpe ratio" in said
    # The bars are as long as the Sharpe ratios are high.
    bars = [line.count("#") for line in said.splitlines() if "#" in line]
    ratios = [point.figures["sharpe_ratio"] or 0.0 for point in shares() if point.figures]
    assert sorted(range(4), key=bars.__getitem__) == sorted(range(4), key=ratios.__getitem__)


def test_a_sweep_without_any_portfolio_says_so() -> None:
    points = tuple(sweep_etfs(REQUEST, 4, 5).points(MANDATES))

    assert "* No value allows a portfolio: change one of the rules above, and sweep again." in page(points)


def test_files_hold_what_the_page_shows() -> None:
    told = json.loads(as_json(etfs()))
    rows = list(csv.DictReader(io.StringIO(as_csv(etfs()))))

    assert [point["value"] for point in told] == [float(row["value"]) for row in rows] == [10, 11, 12, 13]
    for point, row, written in zip(etfs(), rows, told, strict=True):
        assert row["objective"] == ("" if point.objective is None else repr(point.objective))
        assert written["objective"] == point.objective
        assert written["weights"] == point.weights
        assert row["sharpe_ratio"] == ("" if point.figures is None else repr(point.figures["sharpe_ratio"]))
