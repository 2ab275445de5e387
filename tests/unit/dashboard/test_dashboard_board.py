"""The picture that the dashboard keeps of the stream, made of messages alone."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import asdict, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.stream_made import BAD, GOOD, THEN, conversation, stored

import dashboard
from bus.language import subjects
from bus.language.messages import Reason
from bus.language.plain_text import printable
from bus.language.subjects import MessageKind
from bus.port import Message
from bus.transports.memory import MemoryBus
from dashboard.board import Board
from dashboard.pace import LONGEST_GAP_S, Pace
from dashboard.row import LONGEST_LINE, State
from dashboard.view import Start, View

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

# As many as show a fault of its kind; each makes and reads real events.
PROFILE = settings(derandomize=True, deadline=None, max_examples=60)
PALETTE = (Path(dashboard.__file__).parent / "static" / "page.css").read_text(encoding="utf-8")


def board_of(messages: list[Message], *, limit: int = 100) -> Board:
    board = Board(limit=limit)
    for message in messages:
        board.apply(message)
    return board


def test_a_request_moves_through_the_pods_to_its_portfolio() -> None:
    messages = stored(conversation("reference", "r1"))
    board = Board()
    seen = []
    for message in messages:
        board.apply(message)
        (row,) = board.changed_since(message.sequence - 1)
        seen.append((row.state, len(row.pods), board.working))

    event = json.loads(messages[-1].data)
    assert seen == [(State.WORKING, pods, 1) for pods in range(5)] + [(State.OPTIMISED, 4, 0)]
    assert row.asked == ("alpha", "beta", "gamma", "delta")
    assert [(pod, answer.after_ms) for pod, answer in row.pods.items()] == [
        ("alpha", 10.0),
        ("beta", 20.0),
        ("delta", 30.0),
        ("gamma", 40.0),
    ]
    assert row.final is not None
    assert row.final.after_ms == 50.0
    assert row.final.spent_ms == event["elapsed_s"] * 1e3
    assert row.final.said.startswith(f"{len(event['weights'])} ETFs, 13 of 13 targets met")


def test_a_failure_has_its_reason_and_is_counted_by_it() -> None:
    board = board_of(stored([*conversation("conflict", "r1"), *conversation("unreachable", "r2")]))

    first, second = board.changed_since(0)
    assert (board.optimised, board.failed, board.working) == (0, 2, 0)
    assert board.reasons == {Reason.RULES_CONFLICT.words: 1, Reason.GOAL_UNREACHABLE.words: 1}
    assert first.final is not None
    assert "at most" in first.final.said
    assert [(pod, answer.reason) for pod, answer in second.pods.items() if not answer.good] == [
        ("delta", Reason.GOAL_UNREACHABLE.words),
        ("gamma", Reason.GOAL_UNREACHABLE.words),
    ]


def test_a_rejected_message_is_a_row_of_its_own() -> None:
    told = {"subject": "podfolio.v1.request.a.b", "sequence": 1, "message": "no id"}
    board = board_of(stored([("podfolio.v1.request.a.b", b"{}"), (subjects.rejected(1), json.dumps(told).encode())]))

    (row,) = board.changed_since(0)
    assert (row.id, row.state) == ("rejected.1", State.REJECTED)
    assert row.final is not None
    assert row.final.said == "podfolio.v1.request.a.b: no id"
    assert board.seen[MessageKind.REJECTED] == 1


def test_removals_and_what_a_later_version_says_are_no_rows_and_are_of_no_request() -> None:
    asked = conversation("reference", "5")[:1]
    board = board_of(stored([*asked, (subjects.removed(5), b"{}"), ("podfolio.v1.postponed.5", b"\xff")]))

    (row,) = board.changed_since(0)
    assert (row.id, row.changed) == ("5", 1)
    assert (board.seen[MessageKind.REMOVED], board.seen[MessageKind.OTHER]) == (1, 1)


def test_who_comes_in_the_middle_sees_what_is_left() -> None:
    board = board_of(stored(conversation("reference", "r1"))[3:])

    (row,) = board.changed_since(0)
    assert (row.asked_at, row.state, board.optimised, board.working) == (None, State.OPTIMISED, 1, 0)
    assert row.final is not None
    assert row.final.after_ms is None
    assert board.times() is None


def test_a_board_keeps_so_many_rows_and_counts_all() -> None:
    waiting = stored([conversation("reference", "waits")[0]])
    finished = [sent for i in range(50) for sent in conversation("reference", f"r{i}")]
    board = board_of([*waiting, *stored(finished, after=1)], limit=10)

    kept = [row.id for row in board.changed_since(0)]
    assert kept == ["waits", *(f"r{i}" for i in range(41, 50))], "what is in progress stays longest"
    assert (board.seen[MessageKind.REQUEST], board.optimised, board.working) == (51, 50, 1)

    board = board_of(stored([conversation("reference", f"r{i}")[0] for i in range(50)]), limit=10)
    assert [row.id for row in board.changed_since(0)] == [f"r{i}" for i in range(40, 50)]


def test_the_times_are_those_of_the_requests_answered_last() -> None:
    sent = []
    for i in range(21):
        first, *_, last = stored(conversation("reference", f"r{i}"), after=10 * i)
        sent += [first, Message(last.subject, last.data, {}, last.sequence, THEN + timedelta(seconds=0.1 * i + i))]
        sent[-2] = Message(first.subject, first.data, {}, first.sequence, THEN + timedelta(seconds=0.1 * i))

    times = board_of(sent).times()

    assert times is not None
    assert (times.of, times.median_ms, times.p95_ms, times.longest_ms) == pytest.approx((21, 10e3, 19e3, 20e3))


@PROFILE
@given(st.data())
def test_who_is_told_the_changes_knows_what_who_is_told_all_knows(data: st.DataObject) -> None:
    sent = [conversation(name, f"{name}-{i}") for i, name in enumerate((*GOOD, *BAD, *GOOD))]
    order = data.draw(st.permutations([i for i, one in enumerate(sent) for _ in one]))
    messages = stored([sent[i].pop(0) for i in order])
    board, known, told = Board(), {}, 0
    for message in messages:
        board.apply(message)
        if data.draw(st.booleans()):
            known |= {row.id: row for row in board.changed_since(told)}
            told = message.sequence
    known |= {row.id: row for row in board.changed_since(told)}

    assert known == {row.id: row for row in board.changed_since(0)}
    assert Counter(row.state for row in known.values()) == {State.OPTIMISED: 4, State.FAILED: 2}


ANY_SUBJECT = st.sampled_from(
    [
        subjects.request("r"),
        subjects.request("a.b"),
        subjects.pod_result("r", "alpha"),
        subjects.pod_result("r", "Not a pod"),
        subjects.final("r"),
        subjects.rejected(1),
        "podfolio.v1.rejected.x.y",
    ]
)
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text() | st.sampled_from(["type", "goals"]), inner),
    max_leaves=8,
)


@PROFILE
@given(st.lists(st.tuples(ANY_SUBJECT, st.binary() | ANY_JSON.map(lambda body: json.dumps(body).encode()))))
def test_no_body_breaks_the_board(sent: list[tuple[str, bytes]]) -> None:
    view = View(Start(None))
    for message in stored(sent):
        view.board.apply(message)

    told = view.told(after=None)

    assert view.board.sequence == len(sent)
    assert json.loads(json.dumps(told, allow_nan=False))["reset"] is True


def test_what_somebody_sent_is_cut_and_cannot_command() -> None:
    nasty = "x\x1b[2J\u202egnp.exe\u0000\n" + "y" * 500

    shown = printable(nasty, longest=LONGEST_LINE)

    assert shown.startswith("x?[2J?gnp.exe??y")
    assert len(shown) < 300
    request = json.loads(conversation("reference", "r1")[0][1])
    request["customer"]["customer_id"] = nasty[:30]
    (row,) = board_of(stored([(subjects.request("r1"), json.dumps(request).encode())])).changed_since(0)
    assert row.customer.isprintable()


def test_a_view_tells_all_at_first_and_then_what_has_changed() -> None:
    view = View(Start(None))
    for message in stored([*conversation("reference", "r1"), *conversation("conflict", "r2")]):
        view.board.apply(message)

    first, later = view.told(after=None), view.told(after=6)

    assert (first["reset"], [row["id"] for row in first["rows"]]) == (True, ["r1", "r2"])
    assert (later["reset"], [row["id"] for row in later["rows"]]) == (False, ["r2"])
    assert first["summary"] == later["summary"]
    assert first["summary"]["times"] == asdict(view.board.times())  # type: ignore[arg-type]


def waits(speed: float | None, gaps: list[float], *, from_sequence: int = 0) -> list[float]:
    """Say when messages so far apart would be shown, seconds from the replay's begin on."""
    pace = Pace(speed, now=100.0, live=THEN + timedelta(days=1), from_sequence=from_sequence)
    now, at, shown = 100.0, THEN, []
    for sequence, gap in enumerate(gaps, 1):
        at += timedelta(seconds=gap)
        now += pace.wait_s(sequence, at, now=now)
        shown.append(round(now - 100, 6))
    return shown


def test_a_replay_keeps_the_pace_and_passes_over_what_is_empty() -> None:
    gaps = [0, 1, 0.5, 3600, 1]

    assert waits(1.0, gaps) == [0, 1, 1.5, 1.5 + LONGEST_GAP_S, 2.5 + LONGEST_GAP_S]
    assert waits(10.0, gaps) == [0, 0.1, 0.15, 0.15 + LONGEST_GAP_S, 0.25 + LONGEST_GAP_S]
    assert waits(None, gaps) == [0] * 5
    assert waits(1.0, gaps, from_sequence=3) == [0, 0, 0, 0, 1], "what was seen before is not waited for"


def test_what_is_new_is_shown_at_once() -> None:
    pace = Pace(1.0, now=0.0, live=THEN, from_sequence=0)

    assert pace.wait_s(1, THEN - timedelta(seconds=1), now=0.0) == 0
    assert pace.wait_s(2, THEN + timedelta(hours=1), now=0.0) == 0


def test_a_replay_that_was_slow_to_show_one_catches_up() -> None:
    pace = Pace(1.0, now=0.0, live=THEN + timedelta(days=1))
    pace.wait_s(1, THEN, now=0.0)

    assert pace.wait_s(2, THEN + timedelta(seconds=2), now=1.5) == 0.5


# Text and what is behind it; what only bounds a control needs less (WCAG 2.2, 1.4.3 and 1.4.11).
TEXTS = [
    *((ink, paper) for ink in ("ink", "quiet", "accent", "good", "bad", "wait") for paper in ("page", "paper")),
    *((ink, "wait-paper") for ink in ("ink", "quiet", "accent", "good", "bad", "wait")),
    ("good", "good-paper"),
    ("bad", "bad-paper"),
    ("on-accent", "accent"),
]
EDGES = [("edge", "page"), ("edge", "paper"), ("accent", "page"), ("accent", "paper")]


def colours(theme: str) -> dict[str, str]:
    light, dark = re.findall(r":root \{(.*?)\}", PALETTE, re.DOTALL)
    return dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", light if theme == "light" else dark))


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_stands_out_from_what_is_behind_it(theme: str) -> None:
    known = colours(theme)

    for pairs, least in ((TEXTS, 4.5), (EDGES, 3.0)):
        for front, back in pairs:
            lighter, darker = sorted((luminance(known[front]), luminance(known[back])), reverse=True)
            assert (lighter + 0.05) / (darker + 0.05) >= least, (front, back)


def test_no_rule_has_a_colour_that_is_not_one_of_these() -> None:
    static = Path(dashboard.__file__).parent / "static"
    rules = "".join(file.read_text(encoding="utf-8") for file in sorted(static.glob("*.css")))

    assert set(colours("light")) == set(colours("dark"))
    assert set(re.findall(r"var\(--([a-z-]+)\)", rules)) <= set(colours("light"))
    assert re.findall(r"#[0-9a-f]{3,8}\b(?=[^{]*;)", re.sub(r":root \{.*?\}", "", rules, flags=re.DOTALL)) == []


def test_an_id_that_is_used_again_is_another_request() -> None:
    first = stored(conversation("reference", "r1"))
    board = board_of(first)
    later = [replace(message, sequence=message.sequence + len(first)) for message in first]
    board.apply(later[0])
    (row,) = board.changed_since(len(first))
    assert (row.state, row.pods, row.final, board.working) == (State.WORKING, {}, None, 1)
    for message in later[1:]:
        board.apply(message)

    assert (board.optimised, board.working) == (2, 0)


async def test_a_stream_that_was_set_up_again_is_shown_anew() -> None:
    bus = MemoryBus()
    view = View(Start(None))
    old, new = stored(conversation("reference", "r1")), stored(conversation("reference", "r2"))

    async def both() -> AsyncGenerator[Message, None]:
        for message in (*old, *new):
            yield message
            if message is old[-1]:
                tokens.append(view.token)

    tokens: list[str] = []
    bus.follow = lambda **_: both()  # type: ignore[method-assign]
    await view.follow(bus)

    assert [row.id for row in view.board.changed_since(0)] == ["r2"]
    assert view.token not in tokens
