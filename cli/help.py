"""Help that cuts no description, groups the commands, and ends with examples to copy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# Longer than any description: ``click`` then cuts none, and wraps it.
_UNCUT = 10_000


class Command(click.Command):
    """A command whose help ends with examples.

    Args:
        name: The command's name.
        examples: Lines to type, each as it stands.
        further: Attributes of ``click.Command``.
    """

    def __init__(self, name: str | None, examples: Sequence[str] = (), **further: object) -> None:
        super().__init__(name, **further)  # type: ignore[arg-type]
        self.examples = tuple(examples)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples, no line of which is broken."""
        super().format_epilog(ctx, formatter)
        write_lines(formatter, "Examples", self.examples)


class Group(click.Group):
    """A group of commands whose descriptions stand in full, under headings if there are some.

    Args:
        name: The group's name.
        headings: The commands' names, by heading, in the order of the help; all must have one.
        blocks: Further lines of the help, by heading, each as it stands.
        further: Attributes of ``click.Group``.
    """

    command_class = Command

    def __init__(
        self,
        name: str | None = None,
        headings: Mapping[str, Sequence[str]] | None = None,
        blocks: Mapping[str, Sequence[str]] | None = None,
        **further: object,
    ) -> None:
        super().__init__(name, **further)  # type: ignore[arg-type]
        self.headings, self.blocks = headings or {}, blocks or {}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the commands in the order of the help."""
        return [name for names in self.headings.values() for name in names] or super().list_commands(ctx)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write each command with its whole description."""
        for heading, names in (self.headings or {"Commands": self.list_commands(ctx)}).items():
            rows = [(name, self.commands[name].get_short_help_str(_UNCUT)) for name in names]
            with formatter.section(heading):
                formatter.write_dl(rows)
        for heading, lines in self.blocks.items():
            write_lines(formatter, heading, lines)


def write_lines(formatter: click.HelpFormatter, heading: str, lines: Sequence[str]) -> None:
    """Write lines under a heading, each as it stands."""
    if lines:
        with formatter.section(heading):
            for line in lines:
                formatter.write(f"{'':>{formatter.current_indent}}{line}\n")
