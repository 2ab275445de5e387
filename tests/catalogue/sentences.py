"""Find the sentences that reach people in the code that says them.

Every text of three words or more is taken for one, so that a new one cannot be forgotten; what is none is left out by
what it is given to.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from support.packages import PACKAGES

from catalogue.placeholders import literals, template

ROOT = Path(__file__).parent.parent.parent

# What they have to say to people is said by others, or is no sentence: the server's configuration, the names of
# metrics, spans and services, headers, reasons (which ``page`` lists), HTTP's own words, the bus for tests, what
# `podfolio schema` writes into documents, the help of the command, patterns of dates, and the solver, whose callers
# translate it.
_WITHOUT = (
    "bus/topology/channels.py",
    "bus/process/http.py::_",
    "bus/process/http.py::#",
    "bus/topology/accounts.py",
    "bus/transports/jetstream/connection/frames.py",
    "bus/topology/roles.py",
    "bus/topology/streams.py",
    "bus/transports/memory.py",
    "bus/language/messages/events.py::#",
    "bus/observability/metrics.py",
    "bus/observability/service.py",
    "bus/observability/tracing.py",
    "cli/__main__.py::#",
    "cli/wire_documents/asyncapi.py",
    "cli/wire_documents/page.py",
    "dashboard/headers.py::#",
    "portfolio/market/history/layout.py::#",
    "portfolio/conic/",
)
# What texts are given to that are none either: logs, and descriptions of fields, options, columns and rows.
_CALLS = re.compile(r"(_?log\..*|.*\b(Field|option|argument|add_column|add_row|Service|_?table|Row|tuple))")
_KEYWORDS = {"help", "description", "param_hint", "examples"}
_LEAST_WORDS = 3
_PAGES = ("cli/", "dashboard/", "report/")


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence, or a part of one, as the code has it.

    Attributes:
        place: Its file from the repository's root, and the innermost function: ``cli/trust/keys.py::make_keys``; ``#``
            for what stands in none.
        template: Its text, gaps named in braces.
        is_error: Whether it is what an exception or a failure event says.
    """

    place: str
    template: str
    is_error: bool


@cache
def sentences() -> tuple[Sentence, ...]:
    """Find all of them, once each, in the order of the files."""
    found: dict[Sentence, None] = {}
    for package in PACKAGES:
        for file in sorted((ROOT / package).rglob("*.py")):
            reader = _Reader(file.relative_to(ROOT).as_posix())
            reader.visit(ast.parse(file.read_text(encoding="utf-8")))
            found |= dict.fromkeys(reader.found)
    return tuple(sentence for sentence in found if not sentence.place.startswith(_WITHOUT))


class _Reader(ast.NodeVisitor):
    """Walks one file; knows in what function it is."""

    def __init__(self, file: str) -> None:
        self.found: list[Sentence] = []
        self._file = file
        self._function = "#"
        self._is_error = False

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        around, self._function = self._function, node.name
        for part in node.body:  # not its decorators: they describe options
            self.visit(part)
        self._function = around

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815 - the name is ast's

    def visit_Assign(self, node: ast.Assign) -> None:
        self._visit_error(node, is_error=ast.unparse(node.targets[0]) in ("message", "text", "late", "taken"))

    def visit_Raise(self, node: ast.Raise) -> None:
        self._visit_error(node, is_error=True)

    def _visit_error(self, node: ast.AST, *, is_error: bool) -> None:
        around, self._is_error = self._is_error, is_error or self._is_error
        self.generic_visit(node)
        self._is_error = around

    def visit_Expr(self, node: ast.Expr) -> None:
        if not isinstance(node.value, ast.Constant):  # a docstring
            self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        if not _CALLS.fullmatch(ast.unparse(node.func).split("(")[0]):
            self.generic_visit(node)

    def visit_keyword(self, node: ast.keyword) -> None:
        if node.arg not in _KEYWORDS:
            self._visit_error(node, is_error=node.arg == "message")

    def visit_Compare(self, node: ast.Compare) -> None:
        """Pass over what somebody else says."""

    def visit_JoinedStr(self, node: ast.JoinedStr) -> None:
        self._take(node)

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, str):
            self._take(node)

    def _take(self, node: ast.JoinedStr | ast.Constant) -> None:
        said = template(node)
        text = literals(said)
        is_layout = ("\n" in text.strip() and "\n{" not in text) or self._is_heading(said)
        if " " in text.strip() and len(re.findall(r"[A-Za-z][A-Za-z']*", text)) >= _LEAST_WORDS and not is_layout:
            whole = " ".join(said.split()).strip(";,")
            self.found.append(Sentence(f"{self._file}::{self._function}", whole.strip(), self._is_error))

    def _is_heading(self, said: str) -> bool:
        """Tell a heading of a page from a sentence, which ends or begins small."""
        return (
            self._file.startswith(_PAGES) and said.strip()[:1].isupper() and not said.rstrip().endswith((".", ":", "}"))
        )
