"""One request in full: when who answered, and what came of it; read from the stream when somebody opens it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from bus import subjects
from bus.subjects import ID_PATTERN
from dashboard.row import Answer, Row, with_message

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bus.port import Bus, Message


class NotSeenError(LookupError):
    """The stream holds nothing of that name."""


async def opened(bus: Bus, name: str) -> dict[str, Any]:
    """Tell everything of a request.

    Raises:
        NotSeenError: If the stream holds nothing of it.
        BusError: If it cannot be read now.
    """
    messages = await _messages(bus, name)
    row: Row | None = None
    for message in messages:
        row = with_message(row, message)
    if row is None:
        text = f"The stream holds no request {name!r} (any more): it keeps a week."
        raise NotSeenError(text)
    return {"id": name, "sections": [_way(row)]}


async def _messages(bus: Bus, name: str) -> tuple[Message, ...]:
    if re.fullmatch(ID_PATTERN, name):
        return await bus.record([subjects.request(name), subjects.pod_result(name, "*"), subjects.final(name)])
    if rejected := re.fullmatch(r"rejected\.([0-9]{1,18})", name):
        return await bus.record([subjects.rejected(int(rejected[1]))])
    return ()


def _way(row: Row) -> dict[str, Any]:
    """Tell its way through the pods and the coordinator."""
    said = [text for text in (row.customer and f"Customer {row.customer}", row.what) if text]
    columns = [{"name": name, "right": right} for name, right in (("Who", False), ("After", True), ("Says", False))]
    rows = [{"cells": list(cells), "strong": False} for cells in _answers(row)]
    table = {"caption": "Who answered, and how long after the request", "columns": columns, "rows": rows}
    return {"title": "On its way", "sentences": said, "tables": [table] if rows else [], "charts": []}


def _answers(row: Row) -> Iterator[tuple[str, str, str]]:
    for pod, answer in row.pods.items():
        yield _answer(pod, answer)
    for pod in row.asked:
        if pod not in row.pods:
            yield pod, "", "no answer" if row.final else "works on it"
    if row.final:
        yield _answer("coordinator", row.final)


def _answer(who: str, answer: Answer) -> tuple[str, str, str]:
    after = "" if answer.after_ms is None else f"{answer.after_ms:,.0f} ms"
    said = f"{answer.reason.replace('_', ' ')}: {answer.said}" if answer.reason else answer.said
    return who, after, said
