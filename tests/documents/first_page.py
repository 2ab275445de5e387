"""Write the first page of the existing investor's report, as the report itself has it, into the adviser's page."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import TYPE_CHECKING

from support.builders import final_event
from support.requests_made import ROOT

from report.story.compose import tell

if TYPE_CHECKING:
    from collections.abc import Iterator

    from report.story.document import Section, Table

ADVISERS = ROOT / "docs" / "advisers.md"

_MARKED = re.compile(r"(?P<mark><!-- the first page of existing-investor -->\n)(?P<page>(>.*\n)*)")


def with_page(document: str) -> str:
    """Put the present first page behind its mark."""
    return _MARKED.sub(lambda found: found["mark"] + page(), document)


@cache
def page() -> str:
    """Write the customer's questions and answers, as a quotation in Markdown."""
    sent = json.loads((ROOT / "examples" / "existing-investor.json").read_text(encoding="utf-8"))
    story = tell(final_event(json.dumps(sent | {"request_id": "test"}).encode()))
    blocks = [block for section in story.answers for block in _blocks(section)]
    return "".join(f"{f'> {line}'.rstrip()}\n" for line in "\n\n".join(blocks).splitlines())


def _blocks(section: Section) -> Iterator[str]:
    yield f"**{section.title}**"
    yield from section.lead
    for table in section.tables:
        yield _table(table)
        if table.note:
            yield table.note
    if section.points:
        yield "\n".join(f"- {point}" for point in section.points)


def _table(table: Table) -> str:
    rule = ["---:" if i in table.numbers else "---" for i in range(len(table.columns))]
    return "\n".join(f"| {' | '.join(row)} |" for row in (table.columns, rule, *table.rows))
