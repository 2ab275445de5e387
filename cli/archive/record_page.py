"""The page of a record: the file that a licensee keeps of one piece of advice, and where a lawyer must look. Pure.

The headings follow the record-keeping instrument of ASIC for personal advice (2024/508) and section 947D of the
Corporations Act 2001. The page states what Podfolio knows, and names what it does not know.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bus.language import subjects
from bus.language.messages import MasterPortfolioFailed, MasterPortfolioOptimized
from bus.language.since import write_time
from bus.language.subjects import MessageKind
from cli.trust.check import Verdict
from portfolio.counted import counted
from report.facts.given import not_considered, provided_by, taken_as_given
from report.page.html import write
from report.story import costs, outcome, proof, refusal, standings, sure, switch
from report.story.document import Section, Story, Table
from report.story.questions.wrong import warnings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bus.language.archived import Archived
    from bus.language.messages import Challenge, FinalEvent, Provider
    from cli.trust.check import Check

_OUTCOMES = {Verdict.HOLDS: "holds", Verdict.OPEN: "open", Verdict.FAILS: "FAILS"}
# The kinds of messages of a record, in words; a kind of a later version stands with its own name.
_KINDS = {
    MessageKind.REQUEST: "The request, as relied on",
    MessageKind.POD: "The answer of a pod",
    MessageKind.FINAL: "The final event: the advice",
    MessageKind.CHALLENGE: "The challenge: how sure the advice is",
    MessageKind.APPROVAL: "The adviser's decision",
    MessageKind.FILL: "A contract of a broker",
}


@dataclass(frozen=True, slots=True)
class Filed:
    """A file of the record.

    Attributes:
        name: The file's name in the record.
        size: The size, in bytes.
        sha256: The hash of the content, in hex.
    """

    name: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Facts:
    """The facts of a record.

    Attributes:
        event: The final event.
        messages: The archived messages of the request, in order.
        others: Messages under the same id that are of an earlier or later request.
        challenge: The challenge of the event; None if there is none.
        checks: The checks of the event, its challenge and approval, and the seals.
        files: The other files of the record.
    """

    event: FinalEvent
    messages: tuple[Archived, ...]
    others: int
    challenge: Challenge | None
    checks: tuple[Check, ...]
    files: tuple[Filed, ...]


def page(facts: Facts) -> str:
    """Write the page."""
    event = facts.event
    return write(
        Story(
            title="Record of advice by a program",
            about=(("Customer", event.customer_id or "not told"), ("Request", event.request_id)),
            notice=(provided_by(event),),
            figures=(),
            answers=tuple(_sections(facts)),
            more=(),
            appendix=(),
        )
    )


def _sections(facts: Facts) -> Iterator[Section]:
    event = facts.event
    yield _messages(facts)
    if isinstance(event, MasterPortfolioFailed):
        yield Section("advice", "There was no advice", refusal.what_happened(event))
        yield from refusal.sections(event)
    else:
        yield from _advice(event)
    yield _interests(event.provider)
    if facts.challenge is not None:
        yield sure.section(facts.challenge)
    yield _algorithm(event)
    yield _checks(facts)
    yield _lawyer(event)
    yield _files(facts)


def _messages(facts: Facts) -> Section:
    rows = tuple(
        (_kind(archived), archived.message.subject, str(archived.message.sequence), _when(archived))
        for archived in facts.messages
    )
    table = Table(
        "messages",
        "Messages, in the order of the archive",
        ("Message", "Subject", "Place in the archive", "Archived"),
        frozenset({2}),
        rows,
        note="Each is a file of this record, byte for byte as it was published.",
    )
    found = {subjects.parse(archived.message.subject).kind for archived in facts.messages}
    absent = [words for kind, words in _KINDS.items() if kind not in found]
    points = [f"Not in the archive: {words[0].lower()}{words[1:]}." for words in absent]
    if facts.others:
        points.append(
            f"{counted(facts.others, 'further message')} under this id: of another time, since the id was used more"
            " than once."
        )
    return Section("messages", "What was said, and when", (), tables=(table,), points=tuple(points))


def _kind(archived: Archived) -> str:
    address = subjects.parse(archived.message.subject)
    name = _KINDS.get(address.kind, archived.message.subject.split(".")[2].capitalize())
    return f"{name}, {address.pod}" if address.pod else name


def _when(archived: Archived) -> str:
    assert archived.message.stored_at is not None  # noqa: S101 - a message of a stream was stored
    return write_time(archived.message.stored_at)


def _advice(event: MasterPortfolioOptimized) -> Iterator[Section]:
    market = f"The market is {event.market.id}, SHA-256 {event.market.sha256}."
    yield Section("relied-on", "What was relied on, and not checked", (market,), points=taken_as_given(event))
    yield Section(
        "not-considered",
        "What was not considered",
        ("Advice that rests on incomplete information must warn of that (section 961H, Corporations Act 2001).",),
        points=not_considered(event),
    )
    yield switch.orders(event) or Section(
        "orders", "The advice", ("A model portfolio without orders: the request states no account.",)
    )
    yield outcome.goals(event)
    yield proof.section(event)
    yield switch.held(event)
    yield standings.section(event)
    yield switch.cost(event) or costs.costs(event)
    yield _replacement(event)
    yield Section("warnings", "Warnings to the customer", points=tuple(warnings(event)))


def _replacement(event: MasterPortfolioOptimized) -> Section:
    """State the facts that section 947D asks for where one product replaces another, as far as they are known."""
    title = "Replacing one product by another (section 947D, Corporations Act 2001)"
    cost = switch.cost(event)
    if cost is None or event.today is None or event.suggested is None:
        return Section(
            "replacement", title, ("The advice replaces no product: nothing is held, or nothing is ordered.",)
        )
    once, yearly = cost.tables
    fees = (
        ("Management fees of the funds a year, today", f"{event.today.fees_aud:,.2f}"),
        ("Management fees of the funds a year, as advised", f"{event.suggested.fees_aud:,.2f}"),
    )
    # Return and income, in the figures of the section above.
    rows = (*((f"Once: {label}", aud) for label, aud in once.rows), *fees, *yearly.rows[:2])
    note = "Estimates in dollars, as regulation 7.7.13 of the Corporations Regulations 2001 asks."
    table = Table("replacement", "In dollars", ("", "AUD"), frozenset({1}), rows, note=note)
    points = (
        (
            "Benefits that end with a product (bonuses, insurance, voting or access rights): Podfolio does not know"
            " them. A person must add them, or state that there are none."
        ),
        "Charges of the platform, the custodian and the adviser: Podfolio does not know them.",
    )
    return Section("replacement", title, (), tables=(table,), points=points)


def _interests(provider: Provider | None) -> Section:
    stated = (
        ("Remuneration", provider.remuneration if provider else None),
        ("Conflicts of interests", provider.conflicts if provider else None),
    )
    nothing = "nothing is stated in the final event. A person must add it."
    points = tuple(f"{name}: {text or nothing}" for name, text in stated)
    lead = "As the provider stated them in the final event."
    return Section("interests", "Remuneration and conflicts", (lead,), points=points)


def _algorithm(event: FinalEvent) -> Section:
    points = (
        (
            f"Messages of version {event.version}. The final event does not name the version of Podfolio: keep which"
            " version ran from when to when, and an archive of that version."
        ),
        (
            "Purpose, scope, design, limits, tests, monitoring and changes of the algorithm: docs/algorithm.md of that"
            " version."
        ),
        (
            "Tests of that version: make test and make test-deep in its archive. Any version that reads this final"
            " event computes its rules, figures and proof again: podfolio verify final.json."
        ),
    )
    return Section("algorithm", "The algorithm", points=points)


def _checks(facts: Facts) -> Section:
    rows = tuple((check.what, _OUTCOMES[check.verdict], " ".join(check.words)) for check in facts.checks)
    table = Table("checks", "Checked when this record was written", ("Check", "Result", "Words"), frozenset(), rows)
    lead = (
        "The signatures say who wrote a message. The portfolio line says that separate code computed every rule and"
        " figure again. The archive line says that the messages are as they were sealed."
    )
    return Section("checks", "Signatures and checks", (lead,), tables=(table,))


def _lawyer(event: FinalEvent) -> Section:
    points = [
        (
            "Whether this is a Statement of Advice, or a part of one: Podfolio writes figures and reasons, and knows"
            " neither the form nor the words that the law asks for (sections 947A to 947E)."
        ),
        "Whether the questions that led to the request satisfy the best interests duty (section 961B).",
        "Whether the market's expected returns have reasonable grounds (section 769C, statements about the future).",
        "Whether the target market of each ETF includes this customer (Part 7.8A).",
        (
            "What else must be kept with this record: the customer's own statements, identification, consent, the day"
            " on which the advice was given, and what the customer then did."
        ),
    ]
    if event.provider is None:
        points.insert(0, "No licensee stands behind this result: the final event names no provider.")
    lead = "No lawyer wrote or reviewed this page."
    return Section("lawyer", "Where a lawyer must look", (lead,), points=tuple(points))


def _files(facts: Facts) -> Section:
    rows = tuple((one.name, f"{one.size:,}", one.sha256) for one in facts.files)
    table = Table("files", "Files", ("File", "Bytes", "SHA-256"), frozenset({1}), rows)
    note = "manifest.json lists these files and this page."
    return Section("files", "Files of this record", (note,), tables=(table,))
