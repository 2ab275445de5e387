"""Write the table of the reference customer with the pods' floor on effective holdings and without it.

A page marks it by a comment before the table. The floor binds separate pods alone, so that a claim about
coordination is one only where it holds in both halves of the table.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

from support.requests_made import ROOT

from agents.answer import answer
from agents.mandates import load
from bus.language.messages import MasterPortfolioOptimized, PodResult, parse_request
from coordinator.consolidation import consolidate
from report.facts.labels import METRICS

if TYPE_CHECKING:
    from portfolio.published.account import ComparisonRow

DEMO = ROOT / "docs" / "demo.md"

_MARKED = re.compile(r"(?P<mark><!-- the reference customer with the floor and without it -->\n)(?P<table>(\|.*\n)*)")
_HEAD = "| reference customer | separate pods, with the floor | coordinated | separate pods, without it | coordinated |"


def with_table(page: str) -> str:
    """Put the present table behind its mark."""
    return _MARKED.sub(lambda found: found["mark"] + table(), page)


@cache
def table() -> str:
    """Write the table, as Markdown."""
    halves = [{row.metric: row for row in compared(floor=floor)} for floor in (True, False)]
    lines = [_HEAD, "|---" * 5 + "|"]
    for metric, (label, _) in METRICS.items():
        cells = [cell for half in halves for cell in _cells(half[metric])]
        lines.append(f"| {label.strip()} | {' | '.join(cells)} |")
    return "".join(f"{line}\n" for line in lines)


@cache
def compared(*, floor: bool) -> tuple[ComparisonRow, ...]:
    """Answer the reference customer's request, with the mandates as they are or without their floor."""
    sent = (ROOT / "examples" / "reference-customer.json").read_bytes()
    asked = parse_request(sent, "reference-customer")
    results = {}
    for pod in asked.asked():
        mandate = load(pod) if floor else replace(load(pod), min_effective_holdings=1.0)
        found = answer(mandate, asked.request_id, sent)
        assert isinstance(found, PodResult), found
        results[pod] = found
    event = consolidate(asked, results)
    assert isinstance(event, MasterPortfolioOptimized), event
    return event.comparison


def _cells(row: ComparisonRow) -> tuple[str, str]:
    pattern = METRICS[row.metric][1]
    naive, master = ("none" if v is None else pattern.format(v).replace("%", " %") for v in (row.naive, row.master))
    if not row.naive or row.master is None or naive == master or not isinstance(row.naive, float):
        return naive, master
    return naive, f"{master} ({(row.master - row.naive) / abs(row.naive):+.1%})".replace("%)", " %)")
