"""The night and the day of a book: run, orders out, fills back, the second night, the archive; each step once.

A step whose result is in the folder is not done again, so that a night that was interrupted goes on.
"""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from examples.customers import customers
from examples.fills import COLUMNS, fills
from night.client import STOP, Client, Death, deaths, run_with_deaths
from night.system import SECOND

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from night.system import System

FIRST, AFTER = "night-1", "night-2"
# The waves of the orders, each with the day on which they are placed; a second day has the rest of the first.
WAVES = (("2025-11-10", 1), ("2025-11-11", 1), ("2025-11-12", 2), ("2025-11-13", 2))
AGENTS = ("alpha", "beta", "gamma", "delta")
SESSION = ("--sender", "HOUSE", "--target", "BROKER", "--time", "2025-11-10T00:00:00")


@dataclass
class Night:
    """A night, its day, and the night after.

    Attributes:
        folder: The folder of all files.
        number: The number of customers.
        seed: The seed of customers, deaths and fills.
        kills: The processes that are killed in each night.
        challenge: How much is computed about how sure each portfolio is.
        only_due: Whether the second night asks only for accounts that are due.
        in_flight: Most requests in flight.
        podfolio: Runs a command to its end; returns exit status, output and errors.
        say: Receives a sentence.
        tell: Receives the name of a run and the number of its answers.
    """

    folder: Path
    number: int
    seed: int
    kills: int
    challenge: str
    only_due: bool
    in_flight: int
    podfolio: Callable[..., Awaitable[tuple[int, str, str]]]
    say: Callable[[str], None]
    tell: Callable[[str, int], None]

    @property
    def book(self) -> Path:
        """The book of the first night."""
        return self.folder / "book.jsonl"

    @property
    def next_book(self) -> Path:
        """The book of the second night, after all fills."""
        return self.folder / "next.jsonl"

    @property
    def due(self) -> Path:
        """The accounts that are due after all fills, one per line."""
        return self.folder / "due.jsonl"

    @property
    def copy(self) -> Path:
        """The exported archive."""
        return self.folder / "archive"

    def events(self, run: str) -> Path:
        """Name the final events of a run."""
        return self.folder / run / "events.jsonl"

    def placed(self, form: str) -> list[Path]:
        """Name the tables of orders (``csv`` or ``fix``), one per day."""
        return [self.folder / f"orders-{number}.{form}" for number in range(1, 1 + len(WAVES))]

    @property
    def filled(self) -> list[Path]:
        """Name the tables of fills, one per day."""
        return [self.folder / f"fills-{number}.csv" for number in range(1, 1 + len(WAVES))]

    def make_book(self) -> None:
        """Write the book, unless it is there."""
        if not self.book.exists():
            made = customers(self.number, self.seed)
            text = "".join(json.dumps(one | {"challenge": self.challenge}) + "\n" for one in made)
            _write(self.book, text)

    async def run(self, system: System, book: Path, run: str, answers: int, *options: str) -> None:
        """Ask for the accounts of a book, which have so many *answers*, while processes are killed."""
        out = self.folder / run
        if (out / "report.html").exists():
            return
        command = ("book", "run", str(book), "--run", run, "-o", str(out), "--server", system.url, *options)
        command += ("--in-flight", str(self.in_flight))
        client = Client(command, self.folder / f"{run}.log")
        names = (SECOND, AGENTS[self.seed % len(AGENTS)], "coordinator", "nats-server", *AGENTS)
        planned = deaths(answers, min(self.kills, answers), names, self.seed + (run == AFTER))
        if run == FIRST:
            planned = sorted([*planned, Death(1 + answers // 2, STOP)], key=lambda one: one.after)
        planned = planned[self._deaths().count(run) :]
        told, note = partial(self.tell, run), partial(self._note, run)
        await run_with_deaths(system, client, run, planned, told, self.done, note)
        self.say(f"{run}: the client was started {client.starts} times, and ended with {client.ended}")

    def _note(self, run: str, death: Death) -> None:
        """Note a death, so that a night that goes on does not repeat it."""
        self.say(f"{run}: {death.name} after {death.after:,} answers")
        with (self.folder / "deaths.jsonl").open("a", encoding="utf-8") as opened:
            opened.write(json.dumps({"run": run, "name": death.name}) + "\n")

    def _deaths(self) -> list[str]:
        """Return the run of each death so far."""
        file = self.folder / "deaths.jsonl"
        lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
        return [json.loads(line)["run"] for line in lines]

    async def orders_and_fills(self) -> None:
        """Place the orders of each day, as CSV and FIX, and fill them."""
        events = str(self.events(FIRST))
        for at, (day, wave) in enumerate(WAVES):
            table, message, filled = self.placed("csv")[at], self.placed("fix")[at], self.filled[at]
            if filled.exists():
                continue
            before = [word for file in self.filled[:at] for word in ("--fills", str(file))]
            before += [word for file in self.placed("csv")[:at] for word in ("--orders", str(file))]
            common = ("orders", "export", events, "--blocks", "--wave", str(wave), "--day", day, *before)
            await self.done(*common, "-o", str(table))
            await self.done(*common, "--format", "fix", "--lines", *SESSION, "-o", str(message))
            with table.open(encoding="utf-8", newline="") as opened:
                made = list(fills(csv.DictReader(opened), self.seed))
            self.say(f"{day}, wave {wave}: {len(made):,} fills of the orders in {table.name}")
            part = filled.with_suffix(".part")
            with part.open("w", encoding="utf-8", newline="") as opened:
                written = csv.DictWriter(opened, COLUMNS)
                written.writeheader()
                written.writerows(made)
            part.replace(filled)

    async def import_fills(self, server: str) -> None:
        """Make the next book from all fills, and store each contract in the event stream."""
        if self.next_book.exists():
            return
        part = self.folder / ".next.jsonl.part"
        tables = [word for file in self.placed("csv") for word in ("--orders", str(file))]
        asked = ("--book", str(self.book), "--events", str(self.events(FIRST)), *tables)
        files = map(str, self.filled)
        out = await self.done("fills", "import", *files, *asked, "-o", str(part), "--publish", "--server", server)
        _write(self.folder / "unfilled.txt", out)
        part.replace(self.next_book)

    async def look(self) -> None:
        """List the accounts of the next book that are due."""
        if not self.due.exists():
            found = await self.done("book", "due", str(self.next_book), "--events", str(self.events(FIRST)), "--json")
            _write(self.due, found)

    async def archive(self, server: str) -> None:
        """Seal the archive, and copy it."""
        await self.done("archive", "seal", "--server", server)
        await self.done("archive", "export", str(self.copy), "--server", server)

    async def records(self, request_ids: Sequence[str]) -> None:
        """Write the record of requests from the copy of the archive alone."""
        for request_id in request_ids:
            out = str(self.folder / "records" / request_id)
            if Path(out, "manifest.json").exists():
                continue
            # 3: without users nothing is signed, so that no author is confirmed.
            await self.done("record", request_id, "-o", out, "--from", str(self.copy), allowed=(0, 3))

    async def done(self, *command: str, allowed: tuple[int, ...] = (0,)) -> str:
        """Run a command; returns its output.

        Raises:
            RuntimeError: If it ends with a status that is not *allowed*.
        """
        status, out, errors = await self.podfolio(*command)
        if status not in allowed:
            message = f"podfolio {' '.join(command[:2])} ended with {status}: {errors[-2_000:]}{out[-2_000:]}"
            raise RuntimeError(message)
        return out


def _write(file: Path, text: str) -> None:
    part = file.with_name(f".{file.name}.part")
    part.write_text(text, encoding="utf-8")
    part.replace(file)
