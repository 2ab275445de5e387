"""Verify an archive: no message is missing, changed or out of order since it was sealed.

Pure: reads the messages once, in order, from a server or from an exported copy. Three proofs go together. The seals are
a chain of hashes, each signed. The seals hold the hash of each message. The server's notes of the places in the event
stream have no gap. A message that an administrator removed has a record, and is no fault.
"""

from __future__ import annotations

import hashlib
from collections import deque
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from bus.language import subjects
from bus.language.exact import read_exactly
from bus.language.messages import ArchiveSealed, BadMessageError, MessageRemoved, parse_seal
from bus.language.plain_text import printable
from bus.language.signing import SEAL, NotGenuineError, signer_of
from bus.language.since import write_time
from bus.language.subjects import MessageKind
from cli.archive.sealing import is_seal
from cli.trust.check import Check, Verdict
from portfolio.counted import counted

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Callable, Iterator
    from datetime import datetime

    from bus.language.archived import Archived, Place

CONCLUSIONS = {
    Verdict.HOLDS: "No message is missing or changed.",
    Verdict.FAILS: "Do not rely on this archive.",
    Verdict.OPEN: "No fault was found, but not everything is proven: the lines marked open say what.",
}
# A day longer than the event stream keeps a message.
_HELD = timedelta(days=8)
# A check names this many faults, and the number of all.
_MOST = 10


@dataclass
class _Gap:
    """Messages of the event stream, from *first* to *last*, that were not met in the archive.

    Attributes:
        unknown: Messages met there that may be among them: the server's note cannot be read, or a removal is recorded.
    """

    first: int
    last: int
    unknown: int


@dataclass
class Verification:
    """The state of a verification.

    Args:
        now: The present time: messages that are older than *kept* may have aged away.
        kept: How long the archive keeps a message.
        key: The public key that should have signed the seals; None if unknown.
        witness: The hash of a seal that must be there; None for none.
    """

    now: datetime
    kept: timedelta
    key: str | None = None
    witness: str | None = None
    messages: int = 0
    first: Archived | None = None
    last: Archived | None = None
    seals: list[tuple[int, str]] = field(default_factory=list)
    removals: list[MessageRemoved] = field(default_factory=list)
    _newest: tuple[ArchiveSealed, str] | None = None
    _waiting: dict[int, str] = field(default_factory=dict)
    _of_seals: set[int] = field(default_factory=set)
    _missing: list[int] = field(default_factory=list)
    _gaps: list[_Gap] = field(default_factory=list)
    # By the name of the stream: the last place, and the number of unknown messages up to there.
    _places: dict[str, Place] = field(default_factory=dict)
    _counted: dict[str, int] = field(default_factory=dict)
    _unknown: int = 0
    # The messages that a restored stream may still hold, by name and sequence.
    _recent: dict[tuple[str, int], bytes] = field(default_factory=dict)
    _ageing: deque[tuple[datetime, tuple[str, int]]] = field(default_factory=deque)
    _restored: dict[str, str] = field(default_factory=dict)
    _twice: int = 0
    _broken: list[str] = field(default_factory=list)
    _changed: list[str] = field(default_factory=list)
    _disordered: list[str] = field(default_factory=list)
    _anew: list[str] = field(default_factory=list)
    _forged: list[str] = field(default_factory=list)
    _signers: set[str] = field(default_factory=set)
    _unsigned: int = 0
    _aged: int = 0

    def add(self, archived: Archived) -> None:
        """Take the next message, in the order of the archive."""
        sequence = archived.message.sequence
        if self.last is not None and sequence <= self.last.message.sequence:
            self._disordered.append(f"message {sequence} stands after message {self.last.message.sequence}")
            return
        absent = 0 if self.last is None else sequence - self.last.message.sequence - 1
        self.first, self.last, self.messages = self.first or archived, archived, self.messages + 1
        self._waiting[sequence] = archived.sha256
        if is_seal(archived):
            self._of_seals.add(sequence)
            self._unknown += absent
            self._seal(archived)
        else:
            self._follow(archived, absent)
            if subjects.parse(archived.message.subject).kind is MessageKind.REMOVED:
                self._remember(archived)

    def _follow(self, archived: Archived, absent: int) -> None:
        """Compare a message's place in the event stream with that of the message before."""
        place = archived.place
        self._unknown += absent + (place is None)
        if place is None:
            return
        before, unknown = self._places.get(place.name), self._unknown - self._counted.get(place.name, 0)
        if before is not None and self._recent.get((place.name, place.sequence)) == archived.content:
            self._restored[place.name], self._twice = place.stream, self._twice + 1
            return
        is_restored = before is not None and self._restored.get(place.name) == place.stream
        if before is not None and is_restored and place.sequence > before.sequence:
            # It held the same messages up to there, and goes on.
            before = replace(before, stream=place.stream)
        if before is not None and before.stream != place.stream:
            self._anew.append(
                f"before message {archived.message.sequence} of"
                f" {_when(archived)}, the event stream was set up anew: what it held after its message"
                f" {before.sequence} is not proven to be here"
            )
        elif before is not None and place.sequence <= before.sequence:
            self._disordered.append(
                f"message {archived.message.sequence} was message {place.sequence} of the event stream, and the message"
                f" before was {before.sequence}"
            )
        elif before is not None and place.sequence > before.sequence + 1:
            self._gaps.append(_Gap(before.sequence + 1, place.sequence - 1, unknown))
        self._places[place.name], self._counted[place.name] = place, self._unknown
        self._note(place, archived)

    def _note(self, place: Place, archived: Archived) -> None:
        """Note a message for as long as a stream may hold it."""
        assert archived.message.stored_at is not None  # noqa: S101 - a message of a stream was stored
        self._recent[place.name, place.sequence] = archived.content
        self._ageing.append((archived.message.stored_at, (place.name, place.sequence)))
        while archived.message.stored_at - self._ageing[0][0] > _HELD:
            self._recent.pop(self._ageing.popleft()[1], None)

    def _remember(self, archived: Archived) -> None:
        try:
            self.removals.append(MessageRemoved.model_validate_json(archived.message.data))
        except ValueError:
            self._broken.append(f"message {archived.message.sequence} is no record of a removal that can be read")

    def _seal(self, archived: Archived) -> None:
        """Compare a seal with the seal before, and the messages before the seal with its hashes."""
        told, data = f"seal {archived.message.subject.rpartition('.')[2]}", archived.message.data
        try:
            body = parse_seal(data)
        except BadMessageError as error:
            self._broken.append(f"{told} cannot be read: {error}")
            return
        told, digest = f"seal {body.number}", hashlib.sha256(data).hexdigest()
        self._check_author(told, data)
        self._broken += [f"{told} {fault}" for fault in self._faults(body, archived)]
        self.seals.append((body.number, digest))
        self._newest = body, digest
        self._compare(body)

    def _check_author(self, told: str, data: bytes) -> None:
        try:
            body = read_exactly(data)
            if body.get("signature") is None:
                self._unsigned += 1
                return
            self._signers.add(signer := signer_of(body, SEAL))
        except (NotGenuineError, ValueError) as error:
            self._forged.append(f"{told}: {error}")
            return
        if self.key is not None and signer != self.key:
            self._forged.append(f"{told} was signed by {signer}, not by the key given")

    def _faults(self, body: ArchiveSealed, archived: Archived) -> Iterator[str]:
        if archived.message.subject != subjects.seal(body.number):
            yield f"stands on the subject {printable(archived.message.subject)}"
        if len(body.entries) != body.last_sequence - body.first_sequence + 1:
            hashes = counted(len(body.entries), "hash", "hashes")
            yield f"has {hashes} for messages {body.first_sequence} to {body.last_sequence}"
        if self._newest is None:
            if body.number != 1 and body.first_at + self.kept > self.now:
                yield "is the first here, and the seals before it are too young to have aged away"
            return
        before, digest = self._newest
        if body.number != before.number + 1:
            yield f"follows seal {before.number}"
        if body.previous_sha256 != digest:
            yield f"names another hash than that of seal {before.number} here"
        if body.first_sequence != before.last_sequence + 1:
            yield f"begins at message {body.first_sequence}, and seal {before.number} ends at {before.last_sequence}"

    def _compare(self, body: ArchiveSealed) -> None:
        """Compare each message that *body* covers with its hash."""
        assert self.first is not None  # noqa: S101 - the seal itself was taken before
        start = self.first.message.sequence
        for sequence, told in enumerate(body.entries, body.first_sequence):
            here = self._waiting.pop(sequence, None)
            if here is None and sequence < start and (told is None or body.first_at + self.kept <= self.now):
                self._aged += told is not None
            elif here is None:
                self._missing.append(sequence)
            elif here != told:
                wrong = "is not as it was sealed" if told else "was not there when it was sealed"
                self._changed.append(f"message {sequence} {wrong}")
        for sequence in [one for one in self._waiting if one < body.first_sequence]:
            self._changed.append(f"message {sequence} is in the range of no seal")
            del self._waiting[sequence]

    def checks(self, *, waiting: int | None = None) -> list[Check]:
        """Conclude, after the last message.

        Args:
            waiting: Messages of the event stream that the archive has not taken over; None if unknown.
        """
        return [
            self._check_seals(),
            self._check_signatures(),
            *([] if self.witness is None else [self._check_witness(self.witness)]),
            self._check_messages(),
            self._check_order(),
            self._check_removals(),
            self._check_rest(waiting),
        ]

    def _check_seals(self) -> Check:
        if self._broken:
            return _failed("seals", self._broken)
        if self._newest is None:
            return Check("seals", Verdict.OPEN, ("there is no seal: podfolio archive seal makes one",))
        newest, digest = self._newest
        first = self.seals[0][0]
        covered = (
            f"{counted(len(self.seals), 'seal')}, {first} to {newest.number}, of messages up to {newest.last_sequence};"
        )
        return Check("seals", Verdict.HOLDS, (f"{covered} the newest is of {write_time(newest.sealed_at)},", digest))

    def _check_signatures(self) -> Check:
        if self._forged:
            return _failed("signatures", self._forged)
        if self._unsigned:
            verdict = Verdict.OPEN if self.key is None else Verdict.FAILS
            return Check(
                "signatures",
                verdict,
                (f"{counted(self._unsigned, 'seal is', 'seals are')} unsigned: the author is not known",),
            )
        if self._newest is None:
            return Check("signatures", Verdict.OPEN, ("without a seal there is no signature",))
        if self.key is None:
            told = f"the seals are unchanged since the owners of {', '.join(sorted(self._signers))} signed them;"
            return Check("signatures", Verdict.OPEN, (told, "confirm that it is the archivist's, then give --key"))
        return Check("signatures", Verdict.HOLDS, (f"Ed25519, by the key given, {self.key}",))

    def _check_witness(self, witness: str) -> Check:
        if number := next((number for number, digest in self.seals if digest == witness), None):
            return Check("witness", Verdict.HOLDS, (f"the hash given is that of seal {number}",))
        told = "no seal here has the hash given: seals that were made once are gone, or were made again"
        return Check("witness", Verdict.FAILS, (told,))

    def _check_messages(self) -> Check:
        recorded = {told.sequence for told in self.removals if told.stream is not None}
        lost = [
            f"message {sequence} is missing, and no record tells of its removal"
            for sequence in self._missing
            if sequence not in recorded
        ]
        if faults := [*self._changed, *lost]:
            return _failed("messages", faults)
        if self.first is None or self.last is None:
            return Check("messages", Verdict.HOLDS, ("the archive is empty",))
        span = f"{self.first.message.sequence} to {self.last.message.sequence}"
        gone = counted(self._aged, "sealed message before them has", "sealed messages before them have")
        aged = (f"{gone} aged away",) if self._aged else ()
        times = f"from {_when(self.first)} to {_when(self.last)}"
        return Check("messages", Verdict.HOLDS, (f"{counted(self.messages, 'message')}, {span}, {times}", *aged))

    def _check_order(self) -> Check:
        recorded = {told.sequence for told in self.removals if told.stream is None}
        lost = []
        for gap in self._gaps:
            missing = gap.last - gap.first + 1 - sum(gap.first <= sequence <= gap.last for sequence in recorded)
            if missing > gap.unknown:
                which = f"{gap.first} to {gap.last}" if gap.last > gap.first else f"{gap.first}"
                lost.append(f"{missing} of the messages {which} of the event stream never came here")
        if faults := [*self._disordered, *lost]:
            return _failed("order", faults)
        if self._anew:
            return Check("order", Verdict.OPEN, _told(self._anew))
        told = ["taken over from the event stream in its order, without a gap"]
        if self._twice:
            told.append(f"{counted(self._twice, 'message')} came a second time, the same, after a restore")
        return Check("order", Verdict.HOLDS, tuple(told))

    def _check_removals(self) -> Check:
        told = [
            f"message {each.sequence} of {each.stream or 'the event stream'} ({printable(each.subject)}), on"
            f" {write_time(each.removed_at)}, by {printable(each.by)}: {printable(each.reason)}"
            for each in self.removals
        ]
        return Check("removals", Verdict.HOLDS, _told(told) if told else ("no removal is recorded",))

    def _check_rest(self, waiting: int | None) -> Check:
        """Tell which messages no seal covers yet; that is no fault."""
        rest = [sequence for sequence in self._waiting if sequence not in self._of_seals]
        told = [
            f"{len(rest)} from message {min(rest)} on: podfolio archive seal" if rest else "every message is sealed"
        ]
        if waiting:
            told.append(f"{counted(waiting, 'message')} of the event stream still to come")
        return Check("unsealed", Verdict.HOLDS, tuple(told))


async def verify(
    messages: AsyncIterable[Archived], verification: Verification, *, told: Callable[[], None] = lambda: None
) -> Verification:
    """Verify all *messages*; *told* is called for each."""
    async for archived in messages:
        verification.add(archived)
        told()
    return verification


def _failed(what: str, faults: list[str]) -> Check:
    return Check(what, Verdict.FAILS, _told(faults))


def _told(lines: list[str]) -> tuple[str, ...]:
    more = [f"and {len(lines) - _MOST} more"] if len(lines) > _MOST else []
    return (*lines[:_MOST], *more)


def _when(archived: Archived) -> str:
    assert archived.message.stored_at is not None  # noqa: S101 - a message of a stream was stored
    return write_time(archived.message.stored_at)
