"""One request in full: the time of each answer, and the outcome; read from the stream when a user opens the request."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from bus.language import subjects
from bus.language.messages import (
    BadMessageError,
    MasterPortfolioFailed,
    MasterPortfolioOptimized,
    parse_challenge,
    parse_final,
)
from bus.language.plain_text import printable
from bus.language.since import write_time
from bus.language.subjects import ID_PATTERN, MessageKind
from dashboard.board import AFTERWARDS
from dashboard.portfolio import series
from dashboard.row import LONGEST_LINE, Answer, Row, with_message
from portfolio.counted import counted
from report.facts.percentages import spaced
from report.story import sure
from report.story.chart_tables import as_table
from report.story.document import Section, Table
from report.story.screen import sections

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Mapping

    from bus.language.messages import Challenge, FinalEvent
    from bus.port import Bus, Message
    from report.facts.series import Shown

# Text is cut at this length, which is enough for any sentence of an event.
_LONGEST = 10_000


class NotSeenError(LookupError):
    """The stream holds no message for this name."""


async def opened(bus: Bus, name: str) -> dict[str, Any]:
    """Return everything known about a request.

    Raises:
        NotSeenError: If the stream holds no message of the request.
        BusError: If the stream is unreadable at present.
    """
    row: Row | None = None
    event: FinalEvent | None = None
    challenge: Challenge | None = None
    messages = await _messages(bus, name)
    for message in messages:
        if row is None and subjects.parse(message.subject).kind in AFTERWARDS:
            continue  # all that it is about has left the stream
        row = with_message(row, message)
        event = _final(message) or event
        challenge = _challenge(message) or challenge
    if row is None:
        text = (
            f"The stream holds no request {name[:LONGEST_LINE]!r} (any more; it keeps a week): check the id, or ask"
            " again under another."
        )
        raise NotSeenError(text)
    story = sections(event) if event else ()
    # Without a portfolio, the challenge could only repeat that there is none.
    doubts = (sure.section(challenge),) if challenge and not isinstance(event, MasterPortfolioFailed) else ()
    told = (*story, *doubts, _way(row, is_told=event is not None))
    drawn = series(event) if isinstance(event, MasterPortfolioOptimized) else {}
    return {
        "id": name,
        "changed": row.changed,
        "files": [{"of": of, "name": file} for of, file in (_file(name, message) for message in messages)],
        "sections": [_section(section, drawn) for section in told],
    }


async def stored(bus: Bus, name: str, file: str) -> bytes:
    """Return the body of a message of a request, byte for byte, so that a signature still fits.

    Args:
        bus: The bus.
        name: The request.
        file: One of the names of ``files``.

    Raises:
        NotSeenError: If the stream holds no such message.
        BusError: If the stream is unreadable at present.
    """
    for message in await _messages(bus, name):
        if _file(name, message)[1] == file:
            return message.data
    text = f"The stream holds no message for {file[:LONGEST_LINE]!r}: open the request to see which it has."
    raise NotSeenError(text)


def _file(name: str, message: Message) -> tuple[str, str]:
    """Name a message of a request, and the file to save it in."""
    address = subjects.parse(message.subject)
    words, file = {
        MessageKind.REQUEST: ("request", "request"),
        MessageKind.POD: (f"result of {address.pod}", f"pod-{address.pod}"),
        MessageKind.FINAL: ("final event", "final"),
        MessageKind.CHALLENGE: ("challenge", "challenge"),
        MessageKind.APPROVAL: ("approval", "approval"),
        MessageKind.FILL: ("fill", f"fill-{message.subject.rpartition('.')[2]}"),
    }.get(address.kind, ("rejection", "rejection"))
    return words, f"{name}.{file}.json"


async def portfolio(bus: Bus, name: str) -> tuple[MasterPortfolioOptimized, Hashable]:
    """Return the portfolio of a request, and the identity of the final event's message.

    Raises:
        NotSeenError: If there is no portfolio.
        BusError: If the stream is unreadable at present.
    """
    for message in await _messages(bus, name):
        if isinstance(event := _final(message), MasterPortfolioOptimized):
            return event, message.identity
    text = f"The stream holds no portfolio of {name[:LONGEST_LINE]!r}: open the request to see why."
    raise NotSeenError(text)


async def _messages(bus: Bus, name: str) -> tuple[Message, ...]:
    if re.fullmatch(ID_PATTERN, name):
        return await bus.record(
            [
                subjects.request(name),
                subjects.pod_result(name, "*"),
                subjects.final(name),
                subjects.challenge(name),
                subjects.approval(name),
                subjects.fill(name, "*"),
            ]
        )
    if rejected := re.fullmatch(r"rejected\.([0-9]{1,18})", name):
        return await bus.record([subjects.rejected(int(rejected[1]))])
    return ()


def _final(message: Message) -> FinalEvent | None:
    """Parse a final event; None for any other message, and for an unreadable final event."""
    if subjects.parse(message.subject).kind is not MessageKind.FINAL:
        return None
    try:
        return parse_final(message.data)
    except BadMessageError:
        return None


def _challenge(message: Message) -> Challenge | None:
    """Parse a challenge; None for any other message, and for an unreadable challenge."""
    if subjects.parse(message.subject).kind is not MessageKind.CHALLENGE:
        return None
    try:
        return parse_challenge(message.data)
    except BadMessageError:
        return None


def _way(row: Row, *, is_told: bool) -> Section:
    """Describe the request's way through the pods and the coordinator.

    Args:
        row: The request.
        is_told: Whether further sections tell the outcome, so that only reasons stand here.
    """
    asked = write_time(row.asked_at, milliseconds=True) if row.asked_at else ""
    said = [text for text in (row.customer and f"Customer {row.customer}", row.what, asked) if text]
    caption, columns = "Who answered, and how long after the request", ("Who", "After", "Says")
    table = Table("way", caption, columns, frozenset({1}), tuple(_answers(row, is_told=is_told)))
    return Section("way", "On its way", (", ".join(said),) if said else (), tables=(table,))


def _answers(row: Row, *, is_told: bool) -> Iterator[tuple[str, ...]]:
    for pod, answer in row.pods.items():
        yield _answer(pod, answer, is_told=is_told)
    for pod in row.asked:
        if pod not in row.pods:
            yield pod, "", "no answer" if row.final else "works on it"
    if row.final:
        yield _answer("coordinator", row.final, is_told=is_told)
    if row.challenge:
        yield _answer("challenger", row.challenge, is_told=is_told)
    if row.approval:
        yield _answer("adviser", row.approval, is_told=is_told)
    if row.fills:
        yield "desk", "", f"{counted(row.fills, 'contract')} of a broker"


def _answer(who: str, answer: Answer, *, is_told: bool) -> tuple[str, ...]:
    after = "" if answer.after_ms is None else f"{answer.after_ms:,.0f} ms"
    if answer.reason:
        return who, after, answer.reason if is_told else f"{answer.reason}: {answer.said}"
    return who, after, answer.said


def _section(section: Section, drawn: Mapping[str, Shown]) -> dict[str, Any]:
    return {
        "title": _text(section.title),
        "lead": [_text(sentence) for sentence in section.lead],
        "charts": [
            {
                "name": name,
                "title": _text(drawn[name].title),
                "alt": _text(drawn[name].alt),
                "table": _table(instead) if (instead := as_table(drawn[name])) else None,
            }
            for name in section.charts
            if name in drawn
        ],
        "tables": [_table(table) for table in section.tables],
        "points": [_text(sentence) for sentence in section.points],
    }


def _table(table: Table) -> dict[str, Any]:
    return {
        "caption": _text(table.caption),
        "columns": [{"name": _text(name), "right": i in table.numbers} for i, name in enumerate(table.columns)],
        "rows": [
            {"cells": [_text(cell) for cell in row], "strong": i in table.strong} for i, row in enumerate(table.rows)
        ],
        "note": _text(table.note),
    }


def _text(text: str) -> str:
    return spaced(printable(text, longest=_LONGEST))
