"""Find the commands that the documents tell people to type."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from cli.__main__ import podfolio

if TYPE_CHECKING:
    from pathlib import Path

_FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_INDENTED = re.compile(r"^ {4,}(?P<command>(podfolio|make) (.*\\\n)*.*)$", re.MULTILINE)
_TARGET = re.compile(r"^([a-z-]+):", re.MULTILINE)
_MORE = {";", "&&", "|", ">"}


@dataclass(frozen=True)
class Typed:
    """A command of a document, as words without what a shell adds.

    Attributes:
        document: The document's file name.
        words: The command and its arguments.
    """

    document: str
    words: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.document}: {' '.join(self.words)}"


def commands(page: Path) -> list[Typed]:
    """Find the commands ``podfolio`` and ``make`` in the indented blocks of a page."""
    text = _FENCED.sub("", page.read_text(encoding="utf-8"))
    return [Typed(page.name, words) for found in _INDENTED.finditer(text) for words in _split(found["command"])]


def _split(line: str) -> list[tuple[str, ...]]:
    """Split a line into its commands; a command that another one completes (``$(...)``) is cut there."""
    words = shlex.split(line.partition("$(")[0].replace("\\\n", " "), comments=True)
    ends = [at for at, word in enumerate(words) if word in _MORE]
    starts = [0, *(at + 1 for at in ends)]
    parts = [tuple(words[start:end]) for start, end in zip(starts, [*ends, len(words)], strict=True)]
    return [part for part in parts if part[0] in {"podfolio", "make"}]


def understood(words: tuple[str, ...]) -> str:
    """Have click read the arguments of ``podfolio``, without running the command; return the command's name.

    Raises:
        click.UsageError: If the command line would refuse the arguments.
    """
    command: click.Command = podfolio
    arguments = list(words[1:])
    context = click.Context(podfolio, info_name="podfolio")
    while isinstance(command, click.Group):
        name, found, arguments = command.resolve_command(context, arguments)
        assert found is not None
        command = found
        context = click.Context(command, info_name=name, parent=context)
    assert context.info_name is not None
    command.make_context(context.info_name, [word.removesuffix("...") or "ID" for word in arguments])
    return context.info_name


def targets(makefile: str) -> set[str]:
    """The targets of a Makefile."""
    return set(_TARGET.findall(makefile))
