"""How sure a suggestion is, on a page, on slides and on the dashboard: from the challenge of a real event."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from support.builders import final_event, request
from support.requests_made import ROOT
from support.unspaced import unspaced

from bus.language import subjects
from bus.language.messages import (
    MasterPortfolioOptimized,
    PortfolioChallenged,
    PortfolioNotChallenged,
    encode,
    parse_challenge,
)
from bus.port import Message
from bus.transports.memory import MemoryBus
from dashboard.board import Board
from dashboard.opened import opened
from portfolio.published.robustness import Range
from report.page.html import page as page_made
from report.story import sure
from report.story.compose import tell

if TYPE_CHECKING:
    from bus.language.messages import Challenge

MESSAGES = ROOT / "examples" / "messages"
THEN = datetime(2025, 11, 7, 9, tzinfo=UTC)


@pytest.fixture(scope="module")
def challenge() -> PortfolioChallenged:
    found = parse_challenge((MESSAGES / "PortfolioChallenged.json").read_bytes())
    assert isinstance(found, PortfolioChallenged)
    return found


@pytest.fixture(scope="module")
def nothing() -> Challenge:
    return parse_challenge((MESSAGES / "PortfolioNotChallenged.json").read_bytes())


@pytest.fixture(scope="module")
def event() -> MasterPortfolioOptimized:
    found = final_event(request())
    assert isinstance(found, MasterPortfolioOptimized)
    return found


def test_weights_stand_as_ranges(challenge: PortfolioChallenged) -> None:
    """The largest first, and those that are not suggested last; three quarters of 20 portfolios are 15."""
    told = challenge.robustness
    assert len(told.portfolios) == 20
    etfs = [
        replace(told.etfs[0], ticker=ticker, weight=weight, held=held, range=Range(*range_))
        for ticker, weight, held, range_ in (
            ("NDQ", 0.0, 0.25, (0.0, 0.0, 0.061)),
            ("BILL", 0.09, 1.0, (0.09, 0.09, 0.09)),
            ("VTS", 0.123, 0.75, (0.045, 0.1, 0.2)),
        )
    ]

    (table,) = sure.section(challenge.model_copy(update={"robustness": replace(told, etfs=tuple(etfs))})).tables

    assert table.rows == (
        ("VTS", "12.3%", "4.5% to 20.0%", "15 of 20"),
        ("BILL", "9.0%", "9.0%", "20 of 20"),
        ("NDQ", "not held", "0.0% to 6.1%", "5 of 20"),
    )


@pytest.mark.parametrize(
    ("gain", "cost", "said"),
    [
        (
            (948.0, 1.0, 2174.0),
            10.0,
            "948 to 2,174 AUD more per year after tax than the separate pods",
        ),
        (
            (-20.0, 1.0, 30.0),
            -72.0,
            "from 20 AUD less to 30 AUD more per year after tax than",
        ),
        (
            (-30.4, -25.0, -20.0),
            -72.0,
            "20 to 30 AUD less per year after tax than the separate pods; it costs 72 AUD less than",
        ),
    ],
)
def test_less_is_no_negative_more(
    challenge: PortfolioChallenged, gain: tuple[float, float, float], cost: float, said: str
) -> None:
    assert challenge.robustness.worth is not None
    worth = replace(challenge.robustness.worth, gain_aud_per_year=Range(*gain), cost_aud=cost)
    told = replace(challenge.robustness, worth=worth)

    assert said in sure.section(challenge.model_copy(update={"robustness": told})).points[0]


def test_the_summary_says_in_one_line_how_sure(
    event: MasterPortfolioOptimized, challenge: PortfolioChallenged, nothing: Challenge
) -> None:
    assert ("How sure", challenge.robustness.words) in tell(event, challenge=challenge).about
    assert isinstance(nothing, PortfolioNotChallenged)
    assert ("How sure", nothing.message) in tell(event, challenge=nothing).about
    assert "How sure" not in dict(tell(event).about)


def test_the_page_has_the_section_and_its_numbers(
    event: MasterPortfolioOptimized, challenge: PortfolioChallenged
) -> None:
    text = unspaced(page_made(event, challenge=challenge))

    assert sure.TITLE in text
    assert challenge.robustness.etfs[0].ticker in text
    assert sure.TITLE not in page_made(event)


def _message(subject: str, data: bytes, sequence: int) -> Message:
    return Message(subject, data, sequence=sequence, stored_at=THEN + timedelta(seconds=sequence))


def test_the_board_has_the_challenge_in_the_row_of_its_request_and_begins_none(
    event: MasterPortfolioOptimized, challenge: PortfolioChallenged
) -> None:
    board = Board()
    for message in (
        _message(subjects.challenge("before"), encode(challenge), 1),
        _message(subjects.final("r1"), encode(event), 2),
        _message(subjects.challenge("r1"), encode(challenge), 3),
        _message(subjects.challenge("unreadable"), b"{}", 4),
    ):
        board.apply(message)

    (row,) = board.changed_since(0)
    assert row.id == "r1"
    assert row.challenge is not None
    assert row.challenge.said.startswith(challenge.robustness.words[:100])
    assert board.working == 0


async def test_a_request_that_is_opened_shows_how_sure_it_is(
    event: MasterPortfolioOptimized, challenge: PortfolioChallenged
) -> None:
    bus = MemoryBus()
    for subject, data in (
        (subjects.final("r1"), encode(event)),
        (subjects.challenge("r1"), encode(challenge)),
        (subjects.challenge("r2"), b"{}"),
        (subjects.final("r2"), encode(event)),
    ):
        await bus.publish_once(subject, data, message_id=subject, headers={})

    told, broken = await opened(bus, "r1"), await opened(bus, "r2")

    assert {"of": "challenge", "name": "r1.challenge.json"} in told["files"]
    assert sure.TITLE in [section["title"] for section in told["sections"]]
    assert sure.TITLE not in [section["title"] for section in broken["sections"]]
