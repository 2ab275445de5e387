"""The result of a backtest as files: JSON with everything, CSV with one row per figure. Pure."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from backtest.result import Result

_COLUMNS = ("strategy", "less", "measure", "value", "low", "high", "block", "beyond")


def as_json(result: Result) -> bytes:
    """Write a result; the same result gives the same bytes."""
    return f"{result.model_dump_json(indent=1)}\n".encode()


def as_csv(result: Result) -> bytes:
    """Write one row per figure of a strategy, then one per difference from a rival (the column ``less``)."""
    first = result.strategies[0]
    measures = [name for name in type(first).model_fields if name != "strategy"]
    rows: list[tuple[object, ...]] = [
        (each.strategy, "", name, getattr(each, name), "", "", "", "")
        for each in result.strategies
        for name in measures
    ]
    rows += [
        (
            first.strategy,
            each.rival,
            each.measure,
            each.difference,
            *("" if end is None else end for end in (each.low, each.high, each.block)),
            "" if each.low is None else str(each.beyond).lower(),
        )
        for each in result.differences
    ]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([_COLUMNS, *rows])
    return text.getvalue().encode()
