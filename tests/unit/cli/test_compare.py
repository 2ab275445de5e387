"""Two requests, or two final events, side by side."""

from __future__ import annotations

import io
import json
import re
from typing import TYPE_CHECKING

import pytest
from support.requests_made import ROOT, data, holding, owning
from support.standing_made import with_standings
from support.unspaced import unspaced

from bus.language.messages import encode, parse_final, parse_request
from cli.pages.final_event import make_console
from cli.what_if.differences import differences
from cli.what_if.side_by_side import show_side_by_side

if TYPE_CHECKING:
    from bus.language.messages import FinalEvent, MasterPortfolioOptimized, OptimizationRequest

MESSAGES = ROOT / "tests" / "contract" / "v1" / "messages"


def request(sent: bytes) -> OptimizationRequest:
    return parse_request(sent, json.loads(sent)["request_id"])


def event(name: str) -> FinalEvent:
    return parse_final((MESSAGES / f"{name}.json").read_bytes())


def portfolio(name: str) -> MasterPortfolioOptimized:
    found = event(f"{name}.MasterPortfolioOptimized")
    assert found.type == "MasterPortfolioOptimized"
    return with_standings(found)


def page(a: FinalEvent, b: FinalEvent) -> str:
    console = make_console(file=io.StringIO())
    show_side_by_side(console, a, b)
    assert isinstance(console.file, io.StringIO)
    return unspaced(console.file.getvalue())


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        (data("r1"), data("r2"), ["request_id is r2 instead of r1"]),
        (data("r1"), data("r1", rules={"max_etfs": 12}), []),  # the default, spelled out
        (data("r1"), data("r1", rules={"max_etfs": 10}), ["rules.max_etfs is 10 instead of 12 (2 less)"]),
        (
            data("r1", rules={"never_buy": ["VAS", "VGS"]}),
            data("r1", rules={"never_buy": ["NDQ", "VGS"]}),
            ["rules.never_buy has VAS only in the first", "rules.never_buy has NDQ only in the second"],
        ),
        (
            data("r1"),
            data("r1", pod_weights={"alpha": 0.25, "beta": 0.25, "gamma": 0.50}),
            ["pod_weights.alpha is 0.25 instead of 0.15 (0.1 more)", "pod_weights.delta is only in the first: 0.1"],
        ),
        (data("r1"), data("r1", rules={"max_turnover": 0.5}), ["rules.max_turnover is 0.5 instead of not given"]),
        # The order of holdings says nothing.
        (owning(holding(), holding("VGS")), owning(holding("VGS"), holding()), []),
        (
            owning(holding(), holding("VGS")),
            owning(holding("VGS", cost_base_aud=9_000.0), holding()),
            ["account.holdings.VGS.parcels.2020-02-03.cost_base_aud is 9000.0 instead of 8800.0 (200 more)"],
        ),
    ],
)
def test_requests_differ_in_what_is_said_and_nothing_else(first: bytes, second: bytes, said: list[str]) -> None:
    assert differences(request(first), request(second)) == said


def test_two_parcels_of_one_day_are_two() -> None:
    parcel = {"acquired": "2020-02-03", "units": 50, "cost_base_aud": 4_400.0}
    twice = {"ticker": "VAS", "units": 100, "parcels": [parcel, {**parcel, "cost_base_aud": 4_500.0}]}
    changed = {**twice, "parcels": [parcel, {**parcel, "cost_base_aud": 4_600.0}]}

    (said,) = differences(request(owning(twice)), request(owning(changed)))

    assert said == "account.holdings.VAS.parcels.2020-02-03 (2).cost_base_aud is 4600.0 instead of 4500.0 (100 more)"


def test_every_weight_and_figure_of_two_events_is_shown_to_the_digit() -> None:
    a, b = portfolio("reference"), portfolio("account")

    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in page(a, b).splitlines()]
    rows = {cells[0]: cells[1:] for cells in lines if len(cells) > 1}

    for ticker in {**a.weights, **b.weights}:
        one, two = a.weights.get(ticker), b.weights.get(ticker)
        shown = next(cells[1:3] for cells in lines if len(cells) == 6 and cells[0] == ticker)
        assert shown == ["-" if weight is None else f"{weight:.2%}" for weight in (one, two)]
        change = f"{100 * ((two or 0.0) - (one or 0.0)):+.2f} points"
        assert next(cells[3] for cells in lines if len(cells) == 6 and cells[0] == ticker) in {change, ""}
    assert not [cell for cells in lines for cell in cells if re.fullmatch(r"[+-][\d.]+%", cell)]
    assert rows["Return a year, after tax on income, AUD"] == [
        *(f"{each.suggested.return_after_tax_aud:,.2f}" for each in (a, b)),
        "0.00",
    ]
    assert rows["Objective"] == [f"{each.certificate.objective:.8f}" for each in (a, b)]


def test_goals_that_only_one_event_has_are_shown_as_such() -> None:
    a, b = portfolio("reference"), portfolio("goals")

    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in page(a, b).splitlines()]

    missing = {goal.name for goal in a.goals} - {goal.name for goal in b.goals}
    assert missing
    for cells in lines:
        if cells and cells[0] in missing:
            assert (cells[2], cells[4], cells[6]) == ("-", "-", "yes, -")


def test_equal_events_have_no_difference() -> None:
    a = portfolio("account")

    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in page(a, a).splitlines()]

    assert {cells[3] for cells in lines if len(cells) == 6} == {"", "Difference"}
    assert "0.00% of the capital is held otherwise." in page(a, a)


def test_an_event_without_a_portfolio_says_why_and_ends_the_page() -> None:
    failed = event("unreachable.MasterPortfolioFailed")

    said = page(portfolio("reference"), failed)

    assert failed.type == "MasterPortfolioFailed"
    assert failed.reason.words in " ".join(said.replace("|", " ").split())
    assert "Portfolio " not in said


def test_different_markets_are_said_to_differ() -> None:
    a = portfolio("reference")
    b = a.model_copy(update={"market": a.market.model_copy(update={"sha256": "0" * 64})})

    assert "The markets differ" in " ".join(page(a, b).split())
    assert "The markets differ" not in page(a, a)
    assert encode(a) != encode(b)
