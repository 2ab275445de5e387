"""Show the progress of a run of a book, and its end."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.progress import BarColumn, MofNCompleteColumn, Task, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars
from rich.text import Text

from book.files import PAGE
from book.outcome import Outcome
from portfolio.counted import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from rich.console import Console
    from rich.progress import TaskID

    from book.outcome import Row
    from book.requests import Account, Run


class _Rate(TextColumn):
    """Accounts per second."""

    def render(self, task: Task) -> Text:
        return Text("" if task.speed is None else f"{task.speed:.1f} per second")


@dataclass(frozen=True, slots=True)
class Shown:
    """The progress of a run.

    Attributes:
        bars: The bar.
        task: The accounts in the bar.
        console: Where sentences are printed.
    """

    bars: Bars
    task: TaskID
    console: Console

    def done(self, _: Account) -> None:
        """Count an account."""
        self.bars.advance(self.task)

    def say(self, sentence: str) -> None:
        """Print a sentence above the bar."""
        self.console.print(sentence, soft_wrap=True)


@contextmanager
def progress(console: Console, accounts: int | None) -> Iterator[Shown]:
    """Show a bar with rate and time left while the block lasts, if *console* is a terminal."""
    columns = (BarColumn(), MofNCompleteColumn(), _Rate(""), TimeRemainingColumn())
    with Bars(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
        yield Shown(bars, bars.add_task("", total=accounts), console)


def told(run: Run, rows: Sequence[Row], folder: Path) -> str:
    """Say what became of a run."""
    counts = Counter(row.outcome for row in rows)
    lines = [
        f"run {run.name}: {counted(len(rows), 'account')}",
        *(f"{counts[outcome]:>9,}  {outcome.words}" for outcome in Outcome if counts[outcome]),
        f"{sum(bool(row.gave_way) for row in rows):>9,}  of them with targets that gave way",
        f"{sum(bool(row.person) for row in rows):>9,}  of all need a person",
        f"the report is {folder / PAGE}",
    ]
    return "\n".join(lines)
