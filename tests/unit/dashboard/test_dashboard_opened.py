"""One request in full: every figure that is shown is the event's, and each chart is the table's."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import pytest
from support.in_process import PODS
from support.stream_made import BAD, GOOD, conversation, send

from bus.language import subjects
from bus.language.messages import parse_final
from bus.transports.memory import MemoryBus
from dashboard.opened import NotSeenError, opened, portfolio
from dashboard.pictures import Pictures
from dashboard.portfolio import series
from portfolio.market import snapshot as markets
from report.story.refusal import what_happened

if TYPE_CHECKING:
    from bus.language.messages import MasterPortfolioOptimized


@pytest.fixture
def bus() -> MemoryBus:
    return MemoryBus(PODS)


async def tell(bus: MemoryBus, name: str) -> tuple[dict[str, Any], Any]:
    """Open a request that was answered; also gives its final event."""
    sent = conversation(name, "r1")
    await send(bus, sent)
    return await opened(bus, "r1"), parse_final(sent[-1][1])


def table(told: dict[str, Any], caption: str) -> list[list[str]]:
    tables = [one for section in told["sections"] for one in section["tables"] if one["caption"].startswith(caption)]
    assert len(tables) == 1, caption
    return [row["cells"] for row in tables[0]["rows"]]


def naive(event: MasterPortfolioOptimized) -> dict[str, dict[str, float]]:
    return {
        pod: {ticker: account.capital_share * share for ticker, share in account.naive_weights.items()}
        for pod, account in event.pods.items()
    }


@pytest.mark.parametrize("name", GOOD)
async def test_naive_stands_against_master_by_asset_class_and_by_owner(bus: MemoryBus, name: str) -> None:
    told, event = await tell(bus, name)

    classes = {etf.ticker: etf.asset_class for etf in markets.load(event.market.id).etfs}
    sums: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for i, side in enumerate((naive(event), {pod: account.weights for pod, account in event.pods.items()})):
        for own in side.values():
            for ticker, weight in own.items():
                sums[classes[ticker]][i] += weight
    shown = table(told, "By asset class")
    assert {row[0]: row[1:] for row in shown} == {
        kind.capitalize(): [f"{before:.2%}", f"{after:.2%}"] for kind, (before, after) in sums.items()
    }
    for pod, *cells in table(told, "By owner"):
        expected = []
        for weights in (naive(event)[pod], event.pods[pod].weights):
            held = ", ".join(f"{ticker} {weight:.2%}" for ticker, weight in weights.items())
            expected += [f"{sum(weights.values()):.2%}", held]
        assert cells == expected


async def test_goals_correlations_proof_and_comparison_are_the_event_s(bus: MemoryBus) -> None:
    told, event = await tell(bus, "reference")

    goals = table(told, "Goals, the most important first")
    sharpe = next(goal for goal in event.goals if goal.name == "gamma.sharpe_ratio")
    shown = next(row for row in goals if "gamma" in row[0] and row[1] == "Sharpe ratio")
    assert len(goals) == len(event.goals)
    assert shown[2:] == [f"at least {sharpe.asked:.3f}", *(f"{v:.3f}" for v in best(sharpe)), "yes"]
    correlations = table(told, "Correlations between the parts")
    assert [row[1] for row in correlations] == [f"{row.correlation:.2f}" for row in event.correlations]
    proof = event.certificate
    assert table(told, "The proof")[0][:4] == [
        f"{proof.objective:.8f}",
        f"{proof.bound:.8f}",
        f"{proof.gap:.1e}",
        f"{proof.nodes:,}",
    ]
    costs = {row.metric: row for row in event.comparison}["trading_cost_aud"]
    row = next(row for row in table(told, "Each part alone") if row[0].startswith("Cost of getting there"))
    assert row[1:3] == [f"{costs.naive:,.2f}", f"{costs.master:,.2f}"]


def best(goal: Any) -> tuple[float, float, float]:  # noqa: ANN401 - of the event
    return goal.best_alone, goal.best_together, goal.delivered


async def test_orders_are_shown_where_there_are_any(bus: MemoryBus) -> None:
    told, event = await tell(bus, "account")

    shown = table(told, "Orders of")
    assert [(row[0], row[1], row[2], row[4]) for row in shown] == [
        (order.side.value, order.ticker, f"{order.units:,.0f}", f"{order.value_aud:,.2f}")
        for order in event.trading.orders
    ]


@pytest.mark.parametrize("name", BAD)
async def test_a_failure_tells_why_and_what_would_do(bus: MemoryBus, name: str) -> None:
    told, event = await tell(bus, name)

    words = json.dumps(told, ensure_ascii=False)
    assert event.message in words
    assert all(sentence in words for sentence in what_happened(event))
    assert [section["charts"] for section in told["sections"] if section["charts"]] == []


async def test_a_request_on_its_way_tells_who_is_awaited(bus: MemoryBus) -> None:
    await send(bus, conversation("reference", "r1")[:3])

    told = await opened(bus, "r1")

    assert len(told["sections"]) == 1
    assert told["changed"] > 0
    assert [(who, says) for who, _, says in table(told, "Who answered")][2:] == [
        ("gamma", "works on it"),
        ("delta", "works on it"),
    ]


async def test_what_is_not_there_is_said(bus: MemoryBus) -> None:
    await send(bus, conversation("conflict", "r1"))
    for name in ("r2", "podfolio.v1.>", "*", "r1.x", "rejected.1", "x" * 65, "\x1b"):
        with pytest.raises(NotSeenError):
            await opened(bus, name)
    with pytest.raises(NotSeenError, match="no portfolio"):
        await portfolio(bus, "r1")


async def test_a_body_that_cannot_be_read_opens_all_the_same(bus: MemoryBus) -> None:
    await send(bus, [(subjects.request("r1"), b"{"), (subjects.final("r1"), b"[]")])

    told = await opened(bus, "r1")

    assert told["sections"][0]["lead"][0].startswith("not a valid request")
    ((who, _, said),) = table(told, "Who answered")
    assert (who, said) == ("coordinator", "cannot be read: the body is a list of 0: give an object, {...}")


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_every_chart_that_is_named_can_be_drawn(bus: MemoryBus, theme: str) -> None:
    told, _ = await tell(bus, "account")
    event, sequence = await portfolio(bus, "r1")
    pictures = Pictures()

    names = [chart["name"] for section in told["sections"] for chart in section["charts"]]
    drawn = [await pictures.svg(event, sequence, name, theme) for name in names]

    assert {"naive-classes", "naive-owners", "goals", "correlations"} <= set(names)
    assert len(set(drawn)) == len(names)
    assert all(svg is not None and svg.startswith("<svg") for svg in drawn)
    assert await pictures.svg(event, sequence, "nothing", theme) is None


async def test_the_charts_show_the_table_s_figures(bus: MemoryBus) -> None:
    told, event = await tell(bus, "reference")

    bars = series(event)["naive-classes"]
    svg = await Pictures().svg(event, 1, "naive-classes", "light")
    assert svg is not None
    for row in table(told, "By asset class"):
        assert f"{row[0].lower()}: {row[1]}, then {row[2]}" in bars.alt
        assert row[0] in svg
        assert row[1] in svg
