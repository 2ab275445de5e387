"""Pages and lines, whatever people put into their requests."""

from __future__ import annotations

import io

import pytest
from requests_made import BAD, body, data
from rich.console import Console

from agents import mandates
from agents.answer import answer
from bus import subjects
from bus.messages import MasterPortfolioFailed, PodResult, Reason, parse_request
from bus.port import Message
from cli.page import make_console, show
from cli.stream import line
from coordinator.consolidation import consolidate


def page(event: object, console: Console | None = None) -> str:
    console = console or make_console(file=io.StringIO())
    show(console, event)  # type: ignore[arg-type]
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def optimised(**changes: object) -> object:
    sent = data("r1", **changes)
    found = {pod: answer(mandates.load(pod), "r1", sent) for pod in ("alpha", "beta", "gamma", "delta")}
    return consolidate(parse_request(sent, "r1"), {p: r for p, r in found.items() if isinstance(r, PodResult)})


@pytest.mark.parametrize("name", sorted(BAD))
def test_every_bad_request_has_a_line(name: str) -> None:
    shown = line(Message(subjects.request("bad"), BAD[name][0], sequence=1))

    assert "podfolio.v1.request.bad" in shown.plain


def test_a_number_that_no_computer_can_hold_has_a_line_too() -> None:
    sent = data().replace(b"100000", b"9" * 400)

    assert "cannot be read" in line(Message(subjects.request("r1"), sent, sequence=1)).plain


def test_words_of_customers_are_shown_as_they_are() -> None:
    name = "[/bold] :smile: [red]x"

    assert name in page(optimised(customer={**body()["customer"], "customer_id": name}))
    assert name in page(MasterPortfolioFailed(request_id="r1", reason=Reason.INVALID_REQUEST, message=name))


def test_names_of_files_are_shown_as_they_are() -> None:
    console = make_console(file=io.StringIO())
    console.print("the final event is in [red]/:smile:.json")

    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue() == "the final event is in [red]/:smile:.json\n"


@pytest.mark.parametrize("width", [80, 100, 160])
def test_no_number_is_cut_in_a_terminal(width: int) -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=width, markup=False, color_system=None)
    event = optimised()

    shown = page(event, console)

    for holding in event.holdings:  # type: ignore[attr-defined]
        assert f"{holding.weight:.2%}" in shown
        assert f"{holding.amount_aud:,.2f}" in shown
    assert "100.00%" not in shown
