"""Show a final event in the terminal: the sections of the story, with tables that fit the page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.panel import Panel
from rich.text import Text

from bus.language.messages import MasterPortfolioFailed
from bus.language.plain_text import printable
from cli.pages.tables import GLUE, glued, make_table
from report.story import screen

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import ConsoleOptions, RenderableType
    from rich.segment import Segment

    from bus.language.messages import FinalEvent
    from report.story.document import Section, Table

_PIPE_WIDTH = 120


class SafeConsole(Console):
    """A console that replaces control characters in messages, so that message authors cannot control the terminal.

    Percentages are spaced before lines are broken, by a glue at which no line breaks, and which is shown as a space.
    """

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Render one object, without control characters."""
        if isinstance(renderable, Text):
            renderable = glued(renderable)
        for segment in super().render(renderable, options):
            text = "\n".join(map(printable, segment.text.replace(GLUE, " ").split("\n")))
            yield segment if segment.control else segment._replace(text=text)


def make_console(**settings: object) -> Console:
    """Make a console: rich in a terminal, plain text of a fixed width into a pipe."""
    console = SafeConsole(highlight=False, markup=False, emoji=False, **settings)  # type: ignore[arg-type]
    if not console.is_terminal:
        console.width = _PIPE_WIDTH
    return console


def show(console: Console, event: FinalEvent) -> None:
    """Print the page of *event*."""
    failed = isinstance(event, MasterPortfolioFailed)
    console.print(
        Panel(
            # Spaced before the frame is fitted to it.
            glued(Text("\n".join(screen.heading(event)))),
            box=box.ROUNDED if console.is_terminal else box.ASCII2,
            border_style="red" if failed else "none",
            expand=False,
        )
    )
    for section in screen.sections(event):
        _show_section(console, section)


def _show_section(console: Console, section: Section) -> None:
    console.print()
    console.print(Text(section.title, style="bold cyan"))
    for sentence in section.lead:
        console.print(Text(sentence))
    for table in section.tables:
        console.print()
        console.print(_drawn(console, table, title="" if table.caption == section.title else table.caption))
    for sentence in section.points:
        console.print(Text(f"* {sentence}"))


def _drawn(console: Console, table: Table, *, title: str) -> RenderableType:
    drawn = make_table(console, title, *table.columns, right=table.numbers)
    for i, row in enumerate(table.rows):
        drawn.add_row(*row, strong=i in table.strong)
    drawn.caption = table.note
    return drawn
