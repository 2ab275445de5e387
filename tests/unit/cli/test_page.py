"""Pages and lines, whatever people put into their requests."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from support.requests_made import BAD, OUTLOOK, body, data
from support.unspaced import unspaced

from agents import mandate_files
from agents.answer import answer
from bus.language import subjects
from bus.language.messages import MasterPortfolioFailed, MasterPortfolioOptimized, PodResult, Reason, parse_request
from bus.port import Message
from cli.pages.final_event import make_console, show
from cli.pages.stream import line
from coordinator.consolidation import consolidate

if TYPE_CHECKING:
    from rich.console import Console


def page(event: object, console: Console | None = None) -> str:
    console = console or make_console(file=io.StringIO())
    show(console, event)  # type: ignore[arg-type]
    assert isinstance(console.file, io.StringIO)
    return unspaced(console.file.getvalue())


def optimised(**changes: object) -> object:
    sent = data("r1", **changes)
    found = {pod: answer(mandate_files.load(pod), "r1", sent) for pod in ("alpha", "beta", "gamma", "delta")}
    return consolidate(parse_request(sent, "r1"), {p: r for p, r in found.items() if isinstance(r, PodResult)})


def test_a_terminal_obeys_nothing_that_people_sent() -> None:
    event = optimised()
    assert isinstance(event, MasterPortfolioOptimized)
    nasty = "bob\x1b]0;owned\x07\u202eevil"

    shown = page(event.model_copy(update={"customer_id": nasty}))

    assert "Model portfolio of bob?]0;owned" in shown
    assert all(letter.isprintable() for letter in shown.replace("\n", ""))


def test_nobody_adds_a_line_to_the_stream_by_what_he_sends() -> None:
    sent = data(market="here\n12:00:00.000  optimised\x1b[2J")

    shown = line(Message(subjects.request("r1"), sent, sequence=1))

    assert "in here?12:00:00.000  optimised?[2J" in shown.plain
    assert shown.plain.isprintable()


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


def sentences(shown: str) -> str:
    """The page on one line, so that it does not matter where it was broken."""
    return " ".join(shown.split())


def test_a_goal_that_gave_way_is_read_aloud() -> None:
    event = optimised(market=OUTLOOK, target_tolerance=0.0)
    assert isinstance(event, MasterPortfolioOptimized)
    (ratio,) = (goal for goal in event.goals if goal.name == "gamma.sharpe_ratio")
    assert ratio.best_alone is not None
    assert ratio.best_together is not None
    assert ratio.delivered is not None

    shown = sentences(page(event))

    assert (
        "* gamma: Sharpe ratio of at least 1.50 was asked. Alone, with no other target,"
        f" {ratio.best_alone:.2f} would be the best there is. With all rules and the targets before it,"
        f" {ratio.best_together:.2f} is proven to be the best there is."
        f" In this portfolio it is {ratio.delivered:.2f}."
    ) in shown
    assert "* delta: return a year of at least 15.00% was asked." in shown
    assert "* The whole portfolio: tax efficiency of at least" in shown
    assert "was asked. It cannot be kept with the rules and the targets before it, and was given up. In this" in shown


def test_of_a_goal_that_is_missed_by_less_than_is_shown_that_is_said() -> None:
    event = optimised(market=OUTLOOK)
    assert isinstance(event, MasterPortfolioOptimized)
    nearly = [replace(g, delivered=g.asked - 1e-6) if g.name == "gamma.sharpe_ratio" else g for g in event.goals]

    shown = sentences(page(event.model_copy(update={"goals": tuple(nearly)})))

    assert "it is 1.50; what is missing is less than the digits that are shown." in shown
    assert shown.count("was asked") == sum(not goal.met for goal in event.goals)
    assert "All targets are met" not in shown


def test_a_best_that_was_not_proven_is_not_said_to_be() -> None:
    event = optimised(market=OUTLOOK)
    assert isinstance(event, MasterPortfolioOptimized)
    goals = tuple(replace(goal, best_together=None) for goal in event.goals)

    shown = sentences(page(event.model_copy(update={"goals": goals})))

    assert "is proven to be the best" not in shown
    assert "* gamma: Sharpe ratio of at least 1.50 was asked." in shown


def test_where_all_goals_are_met_that_is_all_there_is_to_say() -> None:
    shown = sentences(page(optimised()))

    assert "All targets are met." in shown
    assert "was asked" not in shown


def test_every_goal_has_a_line_with_what_it_asks_and_gets() -> None:
    event = optimised(market=OUTLOOK, target_tolerance=0.0)
    assert isinstance(event, MasterPortfolioOptimized)

    shown = page(event)

    lines = [line for line in shown.splitlines() if "| yes" in line or "| no" in line]
    assert len(lines) == len(event.goals)
    assert sum("| no" in line for line in lines) == 3
    assert ">= 1.50" in shown
    assert "<= 25.00%" in shown


def test_a_figure_that_got_worse_is_said_to_be_worse() -> None:
    shown = page(optimised(market=OUTLOOK, target_tolerance=0.0))

    (tax,) = (line for line in shown.splitlines() if "Tax efficiency, of 10" in line)

    assert "worse" in tax
    assert "lower" not in tax


def test_less_tax_on_income_is_not_said_to_be_better() -> None:
    event = optimised()
    assert isinstance(event, MasterPortfolioOptimized)
    assert event.separate is not None
    assert event.suggested is not None
    assert event.suggested.income.net_tax_aud < event.separate.income.net_tax_aud

    (tax,) = (line for line in page(event).splitlines() if "Tax after credits" in line)

    assert not re.search("better|worse|lower", tax)


def test_etfs_that_do_nearly_the_same_are_shown_under_the_correlations() -> None:
    event = optimised(market=OUTLOOK)
    assert isinstance(event, MasterPortfolioOptimized)
    assert event.economic_duplicates

    shown = sentences(page(event))

    for near in event.economic_duplicates:
        both = f"{near.tickers[0]} and {near.tickers[1]} are both held, though they do nearly the same"
        assert f"{both} (correlation {near.correlation:.2f})" in shown
    assert "nearly the same" not in page(event.model_copy(update={"economic_duplicates": ()}))


def test_limits_on_correlations_are_shown_with_their_room() -> None:
    reported, limited = optimised(), optimised(correlations="limit", explain="unmet")
    assert isinstance(reported, MasterPortfolioOptimized)
    assert isinstance(limited, MasterPortfolioOptimized)

    assert "reported, not enforced" in page(reported)
    shown = page(limited)
    assert "limited, as far as possible" in shown
    assert "NOT proven optimal within 0.01%" in shown
    for row in limited.correlations:
        assert row.room is not None
        assert f"{row.room:+.2f}" in shown


def test_rules_that_conflict_are_shown_with_every_repair() -> None:
    event = optimised(rules={"max_etfs": 9})
    assert isinstance(event, MasterPortfolioFailed)
    assert event.repairs

    shown = page(event)

    assert "Any one of these changes is enough, and nothing smaller is" in sentences(shown)
    table = shown[shown.index("| Rule") :].splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table if line.startswith("|")]
    assert [row for row in rows if row[0] in {repair.rule for repair in event.repairs}] == [
        ["beta.max_position", "40.00%", "100.00%"],
        ["delta.max_position", "40.00%", "100.00%"],
        ["duplicates", "forbid", "penalise"],
        ["max_etfs", "9", "11"],
    ]
    for conflict in event.conflicts:
        assert conflict.words in shown
