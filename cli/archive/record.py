"""The record of one request: everything that was said about it, as files with their hashes, from the archive alone.

The same archive, request and keys give the same bytes: nothing in a record is of the day on which it is written.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bus.language import subjects
from bus.language.messages import MasterPortfolioOptimized, parse_challenge, parse_final, parse_seal
from bus.language.subjects import MessageKind
from bus.port import RefusedError
from cli.archive.finding import of_request
from cli.archive.record_page import Facts, Filed, page
from cli.trust.approval import examine_approval
from cli.trust.check import Check, Verdict
from cli.trust.verify import examine, examine_both
from portfolio.counted import counted
from portfolio.market.folders import FILES, digest, known
from report.page.html import page as report_page

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from bus.language.archived import Archived
    from bus.language.messages import FinalEvent
    from cli.archive.source import Source
    from cli.trust.pod_answers import Keys

RECORD = "record.html"
REPORT = "report.html"
MANIFEST = "manifest.json"
_MARKET = "market"


@dataclass(frozen=True, slots=True)
class Trust:
    """The public keys that a record is checked with; None where a key is not known.

    Attributes:
        coordinator: The key that should have signed the final event.
        pods: The keys that should have signed the pods' answers, by pod.
        challenger: The key that should have signed the challenge.
        advisers: The keys of which one should have signed the approval.
    """

    coordinator: str | None = None
    pods: Keys | None = None
    challenger: str | None = None
    advisers: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """A record.

    Attributes:
        files: The content of each file, by its name in the record.
        checks: The checks of the final event, its challenge and approval, and the seals.
    """

    files: Mapping[str, bytes]
    checks: tuple[Check, ...]


async def compile_record(source: Source, request_id: str, trust: Trust) -> Record:
    """Compile the record of a request.

    Where an id was used again after the event stream had forgotten it, the record is of the newest final event.

    Raises:
        RefusedError: If the archive has no final event of the request.
        DataError: If the folder is no exported archive.
        BusError: If the server's archive cannot be read.
    """
    messages = await of_request(source, request_id)
    final = _newest(messages, MessageKind.FINAL)
    if final is None:
        message = f"the archive has no final event of {request_id}: name one that podfolio archive show lists"
        raise RefusedError(message)
    chosen = _of_one_life(messages, final)
    event = parse_final(final.message.data)
    files = {name: archived.message.data for name, archived in _named(chosen)}
    if isinstance(event, MasterPortfolioOptimized):
        await source.provide(event.market.id)
        files |= _market(event)
    seals = await _seals(source, chosen)
    files["messages.jsonl"] = b"".join(archived.line for archived in chosen)
    files |= {f"seals/{_number(seal)}.json": seal.message.data for seal in seals}
    challenge = _newest(chosen, MessageKind.CHALLENGE)
    decision = _newest(chosen, MessageKind.APPROVAL)
    checks = [*_examined(final, challenge, trust), *_decided(final, decision, trust), _sealed(chosen, seals)]
    files |= _report(event, challenge, checks)
    facts = Facts(
        event=event,
        messages=tuple(chosen),
        others=len(messages) - len(chosen),
        challenge=None if challenge is None else parse_challenge(challenge.message.data),
        checks=tuple(checks),
        files=tuple(_filed(files)),
    )
    files[RECORD] = page(facts).encode()
    listed = {one.name: {"bytes": one.size, "sha256": one.sha256} for one in _filed(files)}
    files[MANIFEST] = (json.dumps({"record": 1, "request_id": request_id, "files": listed}, indent=2) + "\n").encode()
    return Record(files, tuple(checks))


def _newest(messages: Sequence[Archived], kind: MessageKind) -> Archived | None:
    found = [archived for archived in messages if subjects.parse(archived.message.subject).kind is kind]
    return found[-1] if found else None


def _of_one_life(messages: Sequence[Archived], final: Archived) -> list[Archived]:
    """Choose the messages that belong to *final*: from the last request before it, to the next request."""
    requests = [
        archived.message.sequence
        for archived in messages
        if subjects.parse(archived.message.subject).kind is MessageKind.REQUEST
    ]
    start = max((one for one in requests if one < final.message.sequence), default=0)
    end = min((one for one in requests if one > final.message.sequence), default=None)
    return [
        archived
        for archived in messages
        if start <= archived.message.sequence and (end is None or archived.message.sequence < end)
    ]


def _named(messages: Sequence[Archived]) -> Iterator[tuple[str, Archived]]:
    """Name a file for each message, by the subject: its kind, and the pod or the contract."""
    for archived in messages:
        _, _, kind, _, *more = archived.message.subject.split(".")
        yield f"{'-'.join([kind, *more])}.json", archived


def _market(event: MasterPortfolioOptimized) -> dict[str, bytes]:
    """Read the files of the event's market, if this machine has the same snapshot."""
    if (folder := known().get(event.market.id)) is None:
        return {}
    files = {name: (folder / name).read_bytes() for name in FILES if (folder / name).is_file()}
    if digest(files) != event.market.sha256:
        return {}
    return {f"{_MARKET}/{name}": content for name, content in files.items()}


async def _seals(source: Source, messages: Sequence[Archived]) -> list[Archived]:
    """Read the seals that cover *messages*."""
    sequences = [archived.message.sequence for archived in messages]
    return [
        archived
        async for archived in source.read(subjects.ALL_SEALS)
        if any(one in _span(archived) for one in sequences)
    ]


def _span(seal: Archived) -> range:
    try:
        body = parse_seal(seal.message.data)
    except ValueError:
        return range(0)
    return range(body.first_sequence, body.last_sequence + 1)


def _number(seal: Archived) -> str:
    return seal.message.subject.rpartition(".")[2]


def _sealed(messages: Sequence[Archived], seals: Sequence[Archived]) -> Check:
    """Compare the messages with the seals that cover them."""
    told: dict[int, str | None] = {}
    for seal in seals:
        body = parse_seal(seal.message.data)
        told |= dict(zip(range(body.first_sequence, body.last_sequence + 1), body.entries, strict=False))
    wrong = [
        f"message {archived.message.sequence} is not as it was sealed"
        for archived in messages
        if told.get(archived.message.sequence, archived.sha256) != archived.sha256
    ]
    if wrong:
        return Check("archive", Verdict.FAILS, tuple(wrong))
    if left := [archived for archived in messages if archived.message.sequence not in told]:
        words = (
            f"not sealed yet: {len(left)} of {counted(len(messages), 'message')}; run podfolio archive seal, and this"
            " again"
        )
        return Check("archive", Verdict.OPEN, (words,))
    hashes = (f"seal {_number(seal)}: {hashlib.sha256(seal.message.data).hexdigest()}" for seal in seals)
    return Check("archive", Verdict.HOLDS, ("every message is as it was sealed", *hashes))


def _examined(final: Archived, challenge: Archived | None, trust: Trust) -> list[Check]:
    data = final.message.data
    if challenge is None:
        return examine(data, trust.coordinator, pod_keys=trust.pods)
    told = challenge.message.data
    return examine_both(data, trust.coordinator, None, pod_keys=trust.pods, challenge=told, challenger=trust.challenger)


def _decided(final: Archived, decision: Archived | None, trust: Trust) -> list[Check]:
    if decision is None:
        return []
    # A record keeps that an adviser declined, which is no fault of the record.
    return examine_approval(decision.message.data, final.message.data, trust.advisers, declined=Verdict.HOLDS)


def _report(event: FinalEvent, challenge: Archived | None, checks: Sequence[Check]) -> dict[str, bytes]:
    """Write the customer's report; none of an event that does not hold."""
    if any(check.verdict is Verdict.FAILS for check in checks):
        return {}
    told = None if challenge is None else parse_challenge(challenge.message.data)
    said = tuple(f"{check.what}: {' '.join(check.words)}" for check in checks)
    return {REPORT: report_page(event, checked=said, challenge=told).encode()}


def _filed(files: Mapping[str, bytes]) -> Iterator[Filed]:
    for name in sorted(files):
        yield Filed(name, len(files[name]), hashlib.sha256(files[name]).hexdigest())
