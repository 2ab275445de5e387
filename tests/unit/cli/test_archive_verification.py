"""What a verification of an archive finds, message by message, without a server."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from bus.language import subjects
from bus.language.archived import Archived
from bus.language.messages import encode
from bus.language.signing import SEAL, Signer
from bus.port import Message
from cli.archive.finding import once
from cli.archive.sealing import Draft
from cli.archive.verification import Verification
from cli.trust.check import Check, Verdict
from cli.trust.keys import make_keys

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

START = datetime(2026, 11, 30, tzinfo=UTC)
DAY = timedelta(days=1)
KEPT = 10 * DAY
A, B = "PODFOLIO", "another"


def archived(sequence: int, place: int | None, *, stream: str = A, day: int = 0) -> Archived:
    origin = "" if place is None else f"PODFOLIO {place} > > podfolio.v1.request.r{sequence} {stream}"
    message = Message(subjects.request(f"r{sequence}"), b"{}", {"a": "b"}, sequence, START + day * DAY)
    return Archived(message, origin)


def sealed(
    messages: Sequence[Archived],
    *,
    at: int,
    day: int = 0,
    previous: Archived | None = None,
    signer: Signer | None = None,
) -> Archived:
    """Make the seal of *messages*, archived as *at*."""
    draft = Draft(messages[0].message.sequence)
    for one in messages:
        draft.add(one)
    before = None if previous is None else previous.message.data
    body = draft.seal(before, last=messages[-1].message.sequence, now=START + day * DAY)
    data = encode(body) if signer is None else signer.sign(encode(body))
    return Archived(Message(subjects.seal(body.number), data, {}, at, START + day * DAY), "")


def verified(messages: Sequence[Archived], *, day: int = 0, key: str | None = None) -> dict[str, Check]:
    verification = Verification(START + day * DAY, KEPT, key)
    for one in messages:
        verification.add(one)
    return {check.what: check for check in verification.checks()}


def faults(found: dict[str, Check]) -> dict[str, tuple[str, ...]]:
    return {name: check.words for name, check in found.items() if check.verdict is Verdict.FAILS}


def test_the_hash_of_a_message_is_that_of_the_documented_text() -> None:
    # The members of docs/archive.md, in the order of RFC 8785, without spaces.
    data = hashlib.sha256(b"{}").hexdigest()
    text = (
        f'{{"data_sha256":"{data}","headers":{{"a":"b"}},"origin":"PODFOLIO 7 > > podfolio.v1.request.r3 PODFOLIO",'
        '"sequence":3,"subject":"podfolio.v1.request.r3","time":"2026-11-30T00:00:00.000000+00:00"}'
    )
    one = archived(3, 7)

    assert one.sha256 == hashlib.sha256(text.encode()).hexdigest()
    assert Archived.read(one.line) == one
    assert one.place is not None
    assert (one.place.sequence, archived(3, None).place) == (7, None)


def test_a_line_holds_any_bytes_and_another_text_is_refused() -> None:
    one = archived(1, 1)
    odd = replace(one, message=replace(one.message, data=b"\xff\x00"))

    assert Archived.read(odd.line) == odd
    for text in (b"{}", b"[]", b'"x"', json.dumps({"data": 1}).encode()):
        with pytest.raises(ValueError, match="no archived message"):
            Archived.read(text)


def test_the_signature_must_be_the_archivist_s(tmp_path: Path) -> None:
    make_keys(tmp_path / "keys", ("alpha",), now=START)
    signer, thief = (Signer(tmp_path / "keys" / f"{role}.nk", SEAL) for role in ("archivist", "coordinator"))
    first = [archived(1, 1)]
    genuine, stolen = (sealed(first, at=2, signer=each) for each in (signer, thief))
    changed = replace(genuine.message, data=genuine.message.data.replace(b'"number":1', b'"number":2'))

    assert verified([*first, genuine], key=signer.key)["signatures"].verdict is Verdict.HOLDS
    assert verified([*first, genuine])["signatures"].verdict is Verdict.OPEN
    assert list(faults(verified([*first, stolen], key=signer.key))) == ["signatures"]
    assert "signatures" in faults(verified([*first, replace(genuine, message=changed)]))
    assert list(faults(verified([*first, sealed(first, at=2)], key=signer.key))) == ["signatures"]


def test_seals_make_a_chain() -> None:
    # Messages 1 and 3, sealed by 2 and 4: the second seal covers the first.
    one, two = archived(1, 1), archived(3, 2)
    first = sealed([one], at=2)
    second = sealed([first, two], at=4, previous=first)
    other = sealed([replace(one, origin="")], at=2)

    assert faults(verified([one, first, two, second])) == {}
    # Another first seal, made of another message: the chain and the message tell.
    assert set(faults(verified([one, other, two, second]))) == {"seals", "messages"}
    # Without the first seal, the second begins at a message that it cannot follow.
    without = faults(verified([one, two, second]))
    assert without["seals"] == ("seal 2 is the first here, and the seals before it are too young to have aged away",)


def test_what_is_older_than_the_archive_keeps_has_aged_away_and_nothing_younger() -> None:
    # Two messages of day 0, sealed on day 1; one of day 9, sealed on day 9 by a seal that covers the first.
    old = [archived(1, 1), archived(2, 2)]
    first = sealed(old, at=3, day=1)
    new = archived(4, 3, day=9)
    second = sealed([first, new], at=5, day=9, previous=first)

    # Kept for ten days: on day 10, messages of day 0 may go, and the seal of day 1 may not.
    assert faults(verified([first, new, second], day=10)) == {}
    assert "2 sealed messages before them have aged away" in verified([first, new, second], day=10)["messages"].words
    assert faults(verified([first, new, second], day=9))["messages"] == (
        "message 1 is missing, and no record tells of its removal",
        "message 2 is missing, and no record tells of its removal",
    )
    assert "seals" in faults(verified([new, second], day=10))
    # On day 11 the first seal, archived on day 1, may go too.
    assert faults(verified([new, second], day=11)) == {}


def test_the_places_in_the_event_stream_have_no_gap() -> None:
    def order(*places: int | None) -> Verdict:
        messages = [archived(sequence, place) for sequence, place in enumerate(places, 1)]
        return verified(messages)["order"].verdict

    assert order(4, 5, 6) is Verdict.HOLDS
    # Two places between 4 and 7, and one message there whose place cannot be read.
    assert order(4, None, 7) is Verdict.FAILS
    assert order(4, None, None, 7) is Verdict.HOLDS
    # Taken over twice, since the note about the first could not be read: no message is missing.
    assert order(4, None, None, 6) is Verdict.HOLDS
    assert order(4, 4) is Verdict.FAILS
    assert order(5, 4) is Verdict.FAILS


def test_an_event_stream_that_was_set_up_anew_is_told_and_open() -> None:
    messages = [archived(1, 8), archived(2, 1, stream=B), archived(3, 2, stream=B)]

    check = verified(messages)["order"]

    assert check.verdict is Verdict.OPEN
    assert "what it held after its message 8 is not proven to be here" in check.words[0]


def test_messages_out_of_order_are_a_fault() -> None:
    assert "order" in faults(verified([archived(2, 2), archived(1, 1)]))


def again(one: Archived, sequence: int, *, data: bytes = b"{}") -> Archived:
    """Archive a message a second time, from the stream as it was restored."""
    assert one.place is not None
    message = replace(one.message, sequence=sequence, data=data)
    return Archived(message, f"PODFOLIO {one.place.sequence} > > {one.message.subject} {B}")


def test_messages_that_come_again_from_a_restored_stream_are_told_and_leave_the_order_proven() -> None:
    first = [archived(1, 1), archived(2, 2), archived(3, 3)]
    second = [again(first[1], 4), again(first[2], 5)]

    found = verified([*first, *second, archived(6, 4, stream=B)])
    assert found["order"].verdict is Verdict.HOLDS
    assert "2 messages came a second time, the same, after a restore" in found["order"].words
    # Another message under an old number, a gap, and messages that left the stream long ago prove nothing.
    assert verified([*first, again(first[1], 4, data=b"[]")])["order"].verdict is Verdict.OPEN
    assert "order" in faults(verified([*first, *second, archived(6, 5, stream=B)]))
    late = replace(second[0], message=replace(second[0].message, stored_at=START + 20 * DAY))
    assert (
        verified([*first, archived(4, 4, day=20), replace(late, message=replace(late.message, sequence=5))])[
            "order"
        ].verdict
        is Verdict.OPEN
    )
    assert once([*first, *second]) == first


def test_stops_have_an_order_of_their_own() -> None:
    stops = [replace(archived(n, place), origin=f"PODFOLIO_STOPS {place} > > x S") for n, place in ((2, 1), (4, 2))]
    assert verified([archived(1, 1), stops[0], archived(3, 2), stops[1]])["order"].verdict is Verdict.HOLDS
    gone = replace(stops[1], origin="PODFOLIO_STOPS 3 > > x S")
    assert "order" in faults(verified([archived(1, 1), stops[0], archived(3, 2), gone]))
