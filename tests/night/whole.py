"""The whole night: every step with the system up, the records without it, and the audit of all files."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from night import audit
from night.day import AFTER, FIRST
from night.system import system

if TYPE_CHECKING:
    from night.audit import Again
    from night.day import Night

# Records to show: the first accounts of each kind of outcome.
_RECORDS = 3


async def whole_night(night: Night, port: int) -> tuple[list[str], Again]:
    """Run a night, its day and the night after; returns the faults, and the measure of the second night."""
    night.make_book()
    async with system(night.folder / "system", port) as running:
        night.say(f"the system runs at {running.url}; the book has {night.number:,} customers")
        await night.run(running, night.book, FIRST, night.number)
        await night.orders_and_fills()
        await night.import_fills(running.url)
        await night.look()
        only = ("--only", "due", "--events", str(night.events(FIRST))) if night.only_due else ()
        asked = len(list(audit.lines(night.due))) if night.only_due else night.number
        await night.run(running, night.next_book, AFTER, asked, *only)
        await night.archive(running.url)
    night.say("the system has ended; the records come from the copy of the archive alone")
    chosen = _chosen(night)
    await night.records(chosen)
    # 3: without users no seal is signed.
    proof = await night.done("archive", "verify", str(night.copy), allowed=(0, 3))
    (night.folder / "archive.txt").write_text(proof, encoding="utf-8")
    return _faults(night, chosen)


def _chosen(night: Night) -> list[str]:
    """Choose requests to show: some of each outcome."""
    taken: Counter[str] = Counter()
    chosen = []
    for row in audit.rows(night.folder / FIRST / "accounts.csv"):
        if row["request_id"] and taken[row["outcome"]] < _RECORDS:
            taken[row["outcome"]] += 1
            chosen.append(row["request_id"])
    return chosen


def _faults(night: Night, chosen: list[str]) -> tuple[list[str], Again]:
    first, second = night.folder / FIRST, night.folder / AFTER
    again = audit.again(first, second, night.folder / "unfilled.txt")
    tables = night.placed("csv")
    due = {one["customer_id"] for one in audit.lines(night.due)} if night.only_due else None
    faults = [
        *audit.accounted(night.book, first),
        *audit.archived(night.copy, first),
        *audit.placed(night.events(FIRST), tables, night.placed("fix")),
        *audit.conserved(night.book, night.next_book, night.filled, tables),
        *audit.accounted(night.next_book, second, due),
        *audit.archived(night.copy, second),
        *audit.shown(night.folder / "records", chosen),
        *audit.killed(night.folder / "deaths.jsonl", night.kills),
        *again.faults(),
    ]
    return faults, again


def page(night: Night, again: Again, faults: list[str]) -> str:
    """Tell a night in a table, and its faults."""
    asked = sum(1 for _ in audit.lines(night.events(AFTER)))
    told = [
        ("customers", f"{night.number:,}"),
        ("traded on the first night", f"{again.first_aud:,.0f} AUD, {again.accounts:,} accounts"),
        ("asked on the second night", f"{asked:,}"),
        ("traded on the second night", f"{again.second_aud:,.0f} AUD, {again.second_aud / again.first_aud:.1%}"),
        ("accounts that were filled", f"{again.filled:,}"),
        ("of these, told to trade again", f"{again.told:,}, {again.share:.1%}"),
        (
            "  half of their purchases and sales",
            f"{again.turnover:.3%} of the filled accounts, {again.largest:.2%} at most",
        ),
        ("  cost", f"{again.cost_aud:,.0f} AUD"),
        ("of the others, told to trade again", f"{again.told_unfilled:,} of {again.accounts - again.filled:,}"),
    ]
    lines = [f"{name:<38} {value}" for name, value in told]
    if not faults:
        return "\n".join([*lines, "every customer is accounted for exactly once, and no unit and no cent is lost"])
    return "\n".join([*lines, f"{len(faults)} faults:", *(f"  {fault}" for fault in faults[:50])])
