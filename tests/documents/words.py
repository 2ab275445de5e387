"""Count the words that make a text hard to read, and fail above the range of the code that this project looks up to.

``make check`` runs ``python -m documents.words``. A sentence with "what", "it" or "nobody" in place of a noun is hard
for a reader whose first language is another one. The limits are the highest counts per 1,000 words in the docstrings
and comments of cosmicpython, import-linter, httpcore, h11, svcs, cvxmarkowitz, skfolio, FastStream and nats.py.
"""

from __future__ import annotations

import ast
import io
import re
import subprocess
import sys
import tokenize
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ROOT = Path(__file__).parent.parent.parent
# The most per 1,000 words, by name of the count.
LIMITS = {"what": 1.7, "it/its": 12.0, "nothing/nobody/somebody": 0.8}
# The catalogue and the wire's page quote the code; docstrings and help are counted where they are written.
GENERATED = ("docs/messages.md", "docs/wire.md")

_WORST = 10
_COUNTED = {
    "what": re.compile(r"\bwhat\b"),
    "it/its": re.compile(r"\bits?\b"),
    "nothing/nobody/somebody": re.compile(r"\b(nothing|nobody|somebody|anybody)\b"),
}
_WORD = re.compile(r"[A-Za-z']+")
_NOT_PRODUCT = ("tests/", "benchmarks/", "clients/", "examples/", "docs/")
_CODE = re.compile(r"[\w/-]+\.md\b|^```.*?^```|^ {4,}.*?$|`[^`\n]+`|<!--.*?-->|\]\([^)]*\)", re.MULTILINE | re.DOTALL)
_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True)
class Text:
    """A text to count in.

    Attributes:
        name: Where the text is.
        words: The text, in lower case.
    """

    name: str
    words: str

    @property
    def size(self) -> int:
        """The number of words."""
        return len(_WORD.findall(self.words))

    def counts(self) -> dict[str, int]:
        """Count each kind of word."""
        return {kind: len(pattern.findall(self.words)) for kind, pattern in _COUNTED.items()}

    def per_thousand(self) -> dict[str, float]:
        """Return the counts per 1,000 words."""
        return {kind: 1_000 * count / max(self.size, 1) for kind, count in self.counts().items()}

    def excess(self) -> dict[str, float]:
        """Return the counts per 1,000 words that are above their limits."""
        return {kind: count for kind, count in self.per_thousand().items() if count > LIMITS[kind]}


def joined(name: str, texts: Iterable[Text]) -> Text:
    """Make one text of several."""
    return Text(name, " ".join(text.words for text in texts))


def docstrings_and_comments(name: str, source: str) -> Text:
    """Read the docstrings, the comments and the descriptions of fields (``description="..."``) of a Python file."""
    nodes = list(ast.walk(ast.parse(source)))
    found = [said for node in nodes if isinstance(node, _DOCUMENTED) and (said := ast.get_docstring(node))]
    found += [
        part.value
        for node in nodes
        if isinstance(node, ast.keyword) and node.arg == "description"
        for part in ast.walk(node.value)
        if isinstance(part, ast.Constant) and isinstance(part.value, str)
    ]
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    found += [
        token.string.lstrip("# ") for token in tokens if token.type == tokenize.COMMENT and "noqa" not in token.string
    ]
    return Text(name, " ".join(found).lower())


def prose(name: str, page: str) -> Text:
    """Read the sentences of a Markdown page, without code, commands and addresses."""
    return Text(name, _CODE.sub(" ", page).lower())


def help_texts(command: click.Command, path: str = "podfolio") -> Iterator[Text]:
    """Read the help of a command, of its options and of its subcommands."""
    options = [option.help or "" for option in command.params if isinstance(option, click.Option)]
    yield Text(path, " ".join([command.help or "", *options]).lower())
    if isinstance(command, click.Group):
        for name, sub in command.commands.items():
            yield from help_texts(sub, f"{path} {name}")


def code() -> list[Text]:
    """Read all Python files of the product."""
    names = [name for name in _tracked("*.py") if not name.startswith(_NOT_PRODUCT)]
    return [docstrings_and_comments(name, (ROOT / name).read_text(encoding="utf-8")) for name in names]


def pages() -> list[Text]:
    """Read all pages that people write."""
    names = [name for name in _tracked("*.md") if name not in GENERATED]
    return [prose(name, (ROOT / name).read_text(encoding="utf-8")) for name in names]


def _tracked(pattern: str) -> list[str]:
    listed = subprocess.run(  # noqa: S603 - git, on this repository
        ["git", "-C", str(ROOT), "ls-files", "--", pattern],  # noqa: S607
        capture_output=True,
        text=True,
        check=True,
    )
    return [name for name in listed.stdout.split() if (ROOT / name).exists()]


def report(name: str, texts: list[Text]) -> tuple[list[str], bool]:
    """Say the counts of several texts together, and the worst texts for each count above its limit.

    Args:
        name: What the texts are together.
        texts: The texts.

    Returns:
        The lines to print, and whether a count is above its limit.
    """
    whole = joined(name, texts)
    shown = ", ".join(f"{kind} {count:.1f}" for kind, count in whole.per_thousand().items())
    lines = [f"{name}: {whole.size:,} words; per 1,000: {shown}"]
    excess = whole.excess()
    worst = sorted(texts, key=lambda text: -sum(text.counts()[kind] for kind in excess))[:_WORST]
    if excess:
        lines += [f"  {text.name}: {', '.join(f'{text.counts()[kind]} x {kind}' for kind in excess)}" for text in worst]
    return lines, bool(excess)


def main() -> int:
    """Print the counts; return 1 if one is above its limit."""
    from cli.__main__ import podfolio  # noqa: PLC0415 - the counts of code and pages need no command line

    parts = (
        report("code", code()),
        report("documents", pages()),
        report("help", list(help_texts(podfolio))),
    )
    for lines, _ in parts:
        click.echo("\n".join(lines))
    if above := any(excess for _, excess in parts):
        limits = ", ".join(f"{kind} {limit}" for kind, limit in LIMITS.items())
        click.echo(f"above the limits ({limits}): put a noun in place of the word")
    return int(above)


if __name__ == "__main__":
    sys.exit(main())
