"""One request in full: every figure that is shown is the event's, and each chart is the table's."""

from __future__ import annotations

import json
from typing import Any

import pytest
from support.in_process import PODS
from support.requests_made import ROOT
from support.standing_made import with_standings
from support.stream_made import BAD, GOOD, conversation, send
from support.unspaced import unspaced

from bus.language import subjects
from bus.language.messages import (
    MasterPortfolioOptimized,
    PortfolioNotChallenged,
    Unchallenged,
    encode,
    parse_final,
)
from bus.transports.memory import MemoryBus
from dashboard.opened import NotSeenError, opened, portfolio, stored
from dashboard.pictures import Pictures
from dashboard.portfolio import series
from report.story.refusal import what_happened
from report.story.sure import TITLE

MESSAGES = ROOT / "examples" / "messages"


@pytest.fixture
def bus() -> MemoryBus:
    return MemoryBus(PODS)


async def tell(bus: MemoryBus, name: str) -> tuple[dict[str, Any], Any]:
    """Open a request that was answered; also gives its final event."""
    *sent, (subject, data) = conversation(name, "r1")
    event = parse_final(data)
    if isinstance(event, MasterPortfolioOptimized):
        event = with_standings(event)
    await send(bus, [*sent, (subject, encode(event))])
    told = await opened(bus, "r1")
    return json.loads(unspaced(json.dumps(told, ensure_ascii=False))), event


def table(told: dict[str, Any], caption: str, *, of: str = "") -> list[list[str]]:
    tables = [
        one
        for section in told["sections"]
        for one in section["tables"]
        if one["caption"].startswith(caption) and section["title"].startswith(of)
    ]
    assert len(tables) == 1, caption
    return [row["cells"] for row in tables[0]["rows"]]


def alone(event: MasterPortfolioOptimized) -> dict[str, dict[str, float]]:
    return {
        pod: {ticker: account.capital_share * share for ticker, share in account.naive_weights.items()}
        for pod, account in event.pods.items()
    }


def ordered(event: MasterPortfolioOptimized) -> dict[str, dict[str, float]]:
    if event.trading is None:
        return {pod: dict(account.weights) for pod, account in event.pods.items()}
    capital = event.terms.total_capital_aud
    return {pod: {ticker: aud / capital for ticker, aud in own.items()} for pod, own in event.trading.pods.items()}


@pytest.mark.parametrize("name", GOOD)
async def test_separate_pods_stand_beside_what_is_suggested_by_asset_class_and_by_pod(
    bus: MemoryBus, name: str
) -> None:
    told, event = await tell(bus, name)

    classes = table(told, "Asset classes", of="Separate pods")
    for asset_class, before, after, *_ in classes[:-1]:
        for shown, side in ((before, event.separate), (after, event.suggested)):
            share = side.asset_classes.get(asset_class.lower(), 0.0)
            if asset_class.startswith("Cash"):
                money = side.cash_aud / event.terms.total_capital_aud
                share = money if asset_class == "Cash in the account" else share - money
            assert float(shown.rstrip("%")) == pytest.approx(100 * share, abs=0.01)
    for pod, share, *both in table(told, "Pods, shares"):
        assert share == f"{event.pods[pod].capital_share:.2%}"
        told_of = [cell for cell in both if "%" in cell]
        for cell, weights in zip(told_of, (alone(event)[pod], ordered(event).get(pod, {})), strict=True):
            held = dict(part.split() for part in cell.split(", "))
            assert {ticker: float(part.rstrip("%")) for ticker, part in held.items()} == pytest.approx(
                {ticker: 100 * weight for ticker, weight in weights.items()}, abs=0.01
            )


async def test_targets_correlations_proof_and_costs_are_the_event_s(bus: MemoryBus) -> None:
    told, event = await tell(bus, "reference")

    targets = table(told, "Targets")
    sharpe = next(goal for goal in event.goals if goal.name == "gamma.sharpe_ratio")
    shown = next(row for row in targets if row[0] == "gamma" and row[1] == "Sharpe ratio")
    assert len(targets) == len(event.goals)
    assert shown[2:7] == [f">= {sharpe.asked:.2f}", *(f"{v:.2f}" for v in best(sharpe)), "yes"]
    correlations = table(told, "Correlations between pods")
    assert [row[1] for row in correlations] == [f"{row.correlation:.2f}" for row in event.correlations]
    proof = event.certificate
    assert table(told, "The proof")[0][:4] == [
        f"{proof.objective:.8f}",
        f"{proof.bound:.8f}",
        f"{proof.gap:.1e}",
        f"{proof.nodes:,}",
    ]
    costs = {row.metric: row for row in event.comparison}["trading_cost_aud"]
    *_, total = table(told, "Cost of getting there")
    assert total[1:3] == [f"{costs.naive:,.2f}", f"{costs.master:,.2f}"]


async def test_one_cost_of_getting_there_is_told_everywhere(bus: MemoryBus) -> None:
    told, event = await tell(bus, "account")

    # The sum of the parts as they are shown: a reader adds up the table.
    parts = (event.trading.brokerage_aud, event.trading.spread_aud, event.trading.gains.tax_aud)
    cost = f"{sum(round(part, 2) for part in parts):,.2f}"
    once = table(told, "Cost of getting there", of="Cost of the switch")
    beside = table(told, "Cost of getting there", of="Separate pods")
    assert (once[-1][1], beside[-1][2]) == (cost, cost)
    (orders,) = table(told, "Orders, one per")
    assert orders[2] == str(len(event.trading.orders)) == str(len(table(told, f"{orders[2]} orders of")))


def best(goal: Any) -> tuple[float, float, float]:  # noqa: ANN401 - of the event
    return goal.best_alone, goal.best_together, goal.delivered


async def test_orders_are_shown_where_there_are_any(bus: MemoryBus) -> None:
    told, event = await tell(bus, "account")

    shown = table(told, f"{len(event.trading.orders)} orders of")
    assert [(row[0], row[1], row[2], row[4]) for row in shown] == [
        (order.side.value, order.ticker, f"{order.units:,.0f}", f"{order.value_aud:,.2f}")
        for order in event.trading.orders
    ]


@pytest.mark.parametrize("name", BAD)
async def test_a_failure_tells_once_why_and_what_would_do(bus: MemoryBus, name: str) -> None:
    told, event = await tell(bus, name)

    words = json.dumps(told, ensure_ascii=False)
    for sentence in what_happened(event):
        assert words.count(json.dumps(unspaced(sentence), ensure_ascii=False)[1:-1]) == 1
    assert [section["charts"] for section in told["sections"] if section["charts"]] == []
    assert event.message not in words
    for requirement in event.conflicts:
        assert words.count(json.dumps(requirement.words)) == 1
    answers = {who: says for who, _, says in table(told, "Who answered")}
    assert answers["coordinator"] == event.reason.words


async def test_a_failure_says_nothing_of_how_sure_it_is(bus: MemoryBus) -> None:
    challenge = PortfolioNotChallenged(
        request_id="r1", final_sha256="0" * 64, reason=Unchallenged.NO_PORTFOLIO, message="nothing to challenge"
    )
    await send(bus, [*conversation(BAD[0], "r1"), (subjects.challenge("r1"), encode(challenge))])

    told = await opened(bus, "r1")

    assert TITLE not in [section["title"] for section in told["sections"]]
    assert told["files"][-1]["name"] == "r1.challenge.json"


async def test_what_people_add_to_a_request_is_told(bus: MemoryBus) -> None:
    approval = (MESSAGES / "PortfolioDeclined.json").read_bytes()
    fill = (MESSAGES / "OrderFilled.json").read_bytes()
    key = json.loads(approval)["signature"]["key"]
    added = [
        (subjects.approval("r1"), approval),
        (subjects.fill("r1", "S-VGB-1"), fill),
        (subjects.fill("r1", "S-VGB-2"), fill),
    ]
    await send(bus, [*conversation("account", "r1"), *added])

    told = await opened(bus, "r1")

    answers = {who: says for who, _, says in table(told, "Who answered")}
    assert answers["adviser"] == f"declined by {key}: the customer needs the cash in March"
    assert answers["desk"] == "2 contracts of a broker"
    assert [file["name"] for file in told["files"][-3:]] == [
        "r1.approval.json",
        "r1.fill-S-VGB-1.json",
        "r1.fill-S-VGB-2.json",
    ]
    assert await stored(bus, "r1", "r1.fill-S-VGB-1.json") == fill


async def test_what_people_added_to_a_request_that_is_gone_is_no_row(bus: MemoryBus) -> None:
    await send(bus, [(subjects.fill("r1", "f1"), b"{}"), (subjects.approval("r1"), b"{}")])

    with pytest.raises(NotSeenError):
        await opened(bus, "r1")


async def test_each_message_can_be_opened_and_saved_byte_for_byte(bus: MemoryBus) -> None:
    sent = conversation("account", "r1")
    await send(bus, sent)

    files = (await opened(bus, "r1"))["files"]

    assert [file["name"] for file in files] == [
        "r1.request.json",
        *(f"r1.pod-{pod}.json" for pod in ("alpha", "beta", "delta", "gamma")),
        "r1.final.json",
    ]
    assert [await stored(bus, "r1", file["name"]) for file in files] == [data for _, data in sent]
    for wrong in ("r1.json", "r2.final.json", "../x", ""):
        with pytest.raises(NotSeenError):
            await stored(bus, "r1", wrong)


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

    assert {"today-classes", "separate-classes", "separate-owners", "goals", "correlations"} <= set(names)
    assert len(set(drawn)) == len(names)
    assert all(svg is not None and svg.startswith("<svg") for svg in drawn)
    assert await pictures.svg(event, sequence, "nothing", theme) is None


async def test_the_charts_show_the_event_s_figures(bus: MemoryBus) -> None:
    told, event = await tell(bus, "account")

    for name, title in (("today-classes", "Today"), ("separate-classes", "Separate pods")):
        bars = series(event)[name]
        svg = await Pictures().svg(event, 1, name, "light")
        assert svg is not None
        for asset_class, before, after, *_ in table(told, "Asset classes", of=title)[:-1]:
            assert f"{asset_class.lower()}: {before}, then {after}" in unspaced(bars.alt)
            assert asset_class in svg


async def test_the_cash_in_the_account_is_not_mixed_with_the_etfs_of_cash(bus: MemoryBus) -> None:
    _, event = await tell(bus, "account")
    capital = event.terms.total_capital_aud
    bars = series(event)["today-classes"]

    for label, money, cash in (("Today", 8_000.004, 0.08335), ("Suggested", 6_002.166, 0.28)):
        shown = dict(zip(bars.categories, bars.series[label], strict=True))
        # Rounded to a hundredth of a per cent, so that all add up.
        assert shown["Cash in the account"] == pytest.approx(money / capital, abs=1.01e-4)
        assert shown["Cash"] == pytest.approx(cash - money / capital, abs=1.01e-4)
