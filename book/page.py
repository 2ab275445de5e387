"""The report of a run as a page, in the style of the reports to customers. Pure."""

from __future__ import annotations

from collections import Counter
from math import fsum
from typing import TYPE_CHECKING

from book.files import ACCOUNTS, ORDERS
from book.outcome import Outcome
from bus.language.messages import Reason
from portfolio.counted import counted
from report.facts.labels import target_words
from report.page.html import write
from report.story.document import Section, Story, Table, without_empty

if TYPE_CHECKING:
    from collections.abc import Sequence

    from book.outcome import Row
    from book.requests import Run

# A page with more rows is slow in a browser; the file of accounts has all of them.
_MOST = 500


def page(run: Run, rows: Sequence[Row]) -> str:
    """Write the report of a run."""
    return write(_story(run, rows))


def _story(run: Run, rows: Sequence[Row]) -> Story:
    ordered = [row for row in rows if row.outcome is Outcome.ORDERED]
    figures = [(outcome.words, f"{count:,}") for outcome, count in _outcomes(rows)]
    figures.append(("in need of a person", f"{sum(bool(row.person) for row in rows):,}"))
    market = run.market or ", ".join(sorted({row.market for row in rows if row.market})) or "none"
    return Story(
        title="Run of a book",
        about=(("Run", run.name), ("Market", market), ("Accounts", f"{len(rows):,}")),
        notice=(),
        figures=tuple(figures),
        answers=(
            _person(rows),
            _orders(ordered),
            _gave_way(rows),
            _refused(rows),
            _list("model", "Model portfolios", Outcome.MODEL, rows),
            _list("does-not-pay", "Does not pay", Outcome.DOES_NOT_PAY, rows),
            _list("nothing-to-do", "Nothing to do", Outcome.NOTHING_TO_DO, rows),
        ),
        more=(),
        appendix=(),
    )


def _outcomes(rows: Sequence[Row]) -> list[tuple[Outcome, int]]:
    counts = Counter(row.outcome for row in rows)
    return [(outcome, counts[outcome]) for outcome in Outcome if counts[outcome] or outcome is not Outcome.MODEL]


def _person(rows: Sequence[Row]) -> Section:
    chosen = [row for row in rows if row.person]
    cells = [(row.customer_id, row.place, row.field, row.request_id, row.person) for row in chosen]
    return _section(
        "person", "Needs a person", cells, ("Customer", "Place in the book", "Field", "Request", "Why, and the mend")
    )


def _orders(rows: Sequence[Row]) -> Section:
    cells = [
        (
            row.customer_id,
            f"{row.orders}",
            f"{row.sold_aud:,.2f}",
            f"{row.bought_aud:,.2f}",
            f"{row.cost_aud:,.2f}",
            f"{row.tax_aud:,.2f}",
            row.request_id,
        )
        for row in rows
    ]
    amounts = ([getattr(row, name) for row in rows] for name in ("sold_aud", "bought_aud", "cost_aud", "tax_aud"))
    total = ("Total", f"{sum(row.orders for row in rows)}", *(f"{fsum(each):,.2f}" for each in amounts), "")
    columns = ("Customer", "Orders", "Sold, AUD", "Bought, AUD", "Cost, AUD", "of it tax, AUD", "Request")
    note = f"Cost: brokerage, half the spread and tax on gains. {ORDERS} has each order."
    return _section("ordered", "Ordered", cells, columns, numbers=frozenset(range(1, 6)), note=note, total=total)


def _gave_way(rows: Sequence[Row]) -> Section:
    cells = [
        (row.customer_id, ", ".join(map(target_words, row.gave_way)), row.request_id) for row in rows if row.gave_way
    ]
    return _section("gave-way", "Targets gave way", cells, ("Customer", "Targets", "Request"))


def _refused(rows: Sequence[Row]) -> Section:
    refused = sorted((row for row in rows if row.outcome is Outcome.REFUSED), key=lambda row: row.reason)
    cells = [(_reason(row), row.customer_id, row.request_id, row.why) for row in refused]
    counts = Counter(map(_reason, refused))
    lead = tuple(
        f"{reason[:1].upper()}{reason[1:]}: {counted(count, 'account')}." for reason, count in sorted(counts.items())
    )
    return _section("refused", "Refused, by reason", cells, ("Reason", "Customer", "Request", "Why"), lead=lead)


def _reason(row: Row) -> str:
    return Reason(row.reason).words if row.reason in set(Reason) else row.reason


def _list(name: str, title: str, outcome: Outcome, rows: Sequence[Row]) -> Section:
    cells = [(row.customer_id, row.why, row.request_id) for row in rows if row.outcome is outcome]
    return _section(name, title, cells, ("Customer", "Why", "Request"))


def _section(  # noqa: PLR0913 - the parts of one table
    name: str,
    title: str,
    cells: Sequence[tuple[str, ...]],
    columns: tuple[str, ...],
    *,
    numbers: frozenset[int] = frozenset(),
    lead: tuple[str, ...] = (),
    note: str = "",
    total: tuple[str, ...] = (),
) -> Section:
    if not cells:
        return Section(name, title, ("No account.",))
    shown = tuple(cells[:_MOST])
    if len(shown) < len(cells):
        note = f"The first {_MOST} of {len(cells):,}; {ACCOUNTS} has all of them. {note}".strip()
        total = ("All accounts", *total[1:]) if total else ()
    strong = frozenset({len(shown)}) if total else frozenset()
    table = Table(
        name, counted(len(cells), "account"), columns, numbers, (*shown, total) if total else shown, strong, note
    )
    return Section(name, title, lead, tables=(without_empty(table),))
