"""Tables for people: ruled in a terminal, plain text in a pipe."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich import box
from rich.table import Table

if TYPE_CHECKING:
    from rich.console import Console


def make_table(
    console: Console, title: str, *columns: str, right: tuple[int, ...] = (), wrap: tuple[str, ...] = ("Name",)
) -> Table:
    """Make an empty table; *right* are columns of numbers, *wrap* the columns that may wrap on a narrow page."""
    table = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD if console.is_terminal else box.ASCII2,
        header_style="bold",
        caption_justify="left",
    )
    for i, column in enumerate(columns):
        # Names may wrap on a narrow page, numbers never.
        table.add_column(column, justify="right" if i in right else "left", no_wrap=column not in wrap)
    return table
