"""Draw the packages of the product and their rooms, from the imports: ``docs/rooms.svg`` and a table."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from functools import cached_property
from html import escape
from importlib.util import find_spec
from pathlib import Path
from textwrap import wrap

import grimp
from support.requests_made import ROOT

PICTURE, ARCHITECTURE = ROOT / "docs" / "rooms.svg", ROOT / "docs" / "architecture.md"
PACKAGES = (
    "cli",
    "reviewer",
    "book",
    "dashboard",
    "report",
    "agents",
    "challenger",
    "coordinator",
    "backtest",
    "bus",
    "portfolio",
)

_WIDTH, _MARGIN, _TITLE, _GAP = 900, 10, 110, 14
_BOX, _ROW, _LINE, _LETTER, _PADDING = 26, 46, 18, 7.9, 18
_LISTED = 95  # characters per line
_TABLE = re.compile(r"\| room \| purpose \|\n(\|.*\n)+")
_STYLE = """
  svg { font: 13px ui-monospace, "DejaVu Sans Mono", monospace; background: #fff }
  text { fill: #1a2430 } .package { font-weight: bold } .loose { fill: #51606f; font-size: 12px }
  .band { fill: #eef2f6 } .room { fill: #fff; stroke: #14406c } line { stroke: #9fb0c0 }
  @media (prefers-color-scheme: dark) {
    svg { background: #0d1117 } text { fill: #e6edf3 } .loose { fill: #9aa7b4 }
    .band { fill: #161b22 } .room { fill: #0d1117; stroke: #6cb0f5 } line { stroke: #4a5866 }
  }
"""


class CircleError(Exception):
    """Rooms of one package import each other in a circle, so there is no order to draw them in."""


@dataclass(frozen=True)
class Package:
    """A package of the product, with its rooms: its subpackages, and the modules beside them.

    Attributes:
        name: The package's name.
        rooms: The names of all direct children, without the package's name.
        uses: By room: the rooms of the same package that the room imports, directly or through others.
        folders: The rooms that are packages themselves.
    """

    name: str
    rooms: frozenset[str]
    uses: dict[str, frozenset[str]]
    folders: frozenset[str]

    @cached_property
    def rows(self) -> list[list[str]]:
        """The rooms from the top row to the bottom row; each room imports rooms of lower rows only.

        Raises:
            CircleError: If rooms import each other in a circle.
        """
        if circle := sorted(room for room in self.rooms if room in self.uses[room]):
            message = f"{self.name} has a circle of rooms: {', '.join(circle)}"
            raise CircleError(message)
        heights: dict[str, int] = {}
        for room in sorted(self.rooms, key=lambda room: len(self.uses[room])):
            heights[room] = 1 + max((heights[used] for used in self.uses[room]), default=-1)
        top = max(heights.values(), default=-1)
        return [sorted(room for room in heights if heights[room] == height) for height in range(top, -1, -1)]

    def arrows(self) -> list[tuple[str, str]]:
        """The imports between rooms, without those that follow from others."""
        return sorted(
            (room, used)
            for room in self.rooms
            for used in self.uses[room]
            if not any(used in self.uses[between] for between in self.uses[room])
        )


def packages() -> list[Package]:
    """Read the rooms of all packages from their imports, annotations included."""
    graph = grimp.build_graph(*PACKAGES, cache_dir=None)
    return [_package(graph, name) for name in PACKAGES]


def _package(graph: grimp.ImportGraph, name: str) -> Package:
    children = {child for child in graph.find_children(name) if not child.endswith(".__main__")}
    below = {child: {child, *graph.find_descendants(child)} for child in children}
    direct = {
        child: {
            other
            for other in children - {child}
            if any(graph.find_modules_directly_imported_by(module) & below[other] for module in below[child])
        }
        for child in children
    }
    short = {child: child.rpartition(".")[2] for child in children}
    uses = {short[child]: frozenset(short[other] for other in _reached(child, direct)) for child in children}
    folders = frozenset(short[child] for child in children if _is_package(child))
    return Package(name, frozenset(short.values()), uses, folders)


def _reached(start: str, direct: dict[str, set[str]]) -> set[str]:
    reached: set[str] = set()
    waiting = [start]
    while waiting:
        new = direct[waiting.pop()] - reached
        reached |= new
        waiting += new
    return reached


def _is_package(name: str) -> bool:
    spec = find_spec(name)
    return spec is not None and spec.submodule_search_locations is not None


def purpose(name: str) -> str:
    """Return the first sentence of a package's or module's docstring."""
    spec = find_spec(name)
    assert spec is not None
    assert spec.origin is not None
    said = ast.get_docstring(ast.parse(Path(spec.origin).read_text(encoding="utf-8"))) or ""
    return " ".join(said.split("\n\n")[0].split()).replace("``", "`")


def table() -> str:
    """The rooms as a Markdown table: each room that is a folder, and each package without folders, with its purpose."""
    lines = ["| room | purpose |", "|---|---|"]
    for package in packages():
        names = [f"{package.name}/{room}" for row in package.rows for room in row if room in package.folders]
        lines += [f"| `{name}/` | {purpose(name.replace('/', '.'))} |" for name in names or [package.name]]
    return "\n".join(lines)


def with_table(page: str) -> str:
    """Put the present table into the architecture page, in place of the one that stands there."""
    return _TABLE.sub(lambda _: f"{table()}\n", page, count=1)


def picture() -> str:
    """The rooms as an SVG: a band per package, and lines from each room down to the rooms that it imports."""
    parts: list[str] = []
    y = float(_MARGIN)
    for package in packages():
        drawn, height = _band(package, y)
        parts += drawn
        y += height + _GAP
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {y:.0f}" role="img" aria-labelledby="title">'
    title = '<title id="title">The packages and their rooms, each of which imports only rooms below it</title>'
    return "\n".join([head, title, f"<style>{_STYLE}</style>", *parts, "</svg>\n"])


def _band(package: Package, top: float) -> tuple[list[str], float]:
    """Draw one package; return its elements and its height. A package without folders is a list of its modules."""
    places = _places(package, top + _GAP) if package.folders else {}
    listed = [] if places else wrap(", ".join(room for row in package.rows for room in row), _LISTED)
    bottom = max((y for _, y, _ in places.values()), default=top + _GAP + _LINE * (len(listed) - 1)) + _BOX
    height = bottom + _GAP - top
    return [
        f'<rect class="band" x="{_MARGIN}" y="{top:.0f}" width="{_WIDTH - 2 * _MARGIN}" height="{height:.0f}" rx="6"/>',
        _text("package", _MARGIN + 12, top + _GAP, package.name),
        *(_text("loose", _MARGIN + _TITLE, top + _GAP + number * _LINE, said) for number, said in enumerate(listed)),
        *(_line(places[room], places[used]) for room, used in package.arrows() if places),
        *(part for room, place in places.items() for part in _box(room, *place)),
    ], height


def _places(package: Package, top: float) -> dict[str, tuple[float, float, float]]:
    """Place each room in its row, below the rooms that import it; return left, top and width of each."""
    places: dict[str, tuple[float, float, float]] = {}
    arrows = package.arrows()

    def above(room: str) -> float:
        users = [places[user][0] for user, used in arrows if used == room]
        return sum(users) / len(users) if users else _WIDTH / 2

    for number, row in enumerate(package.rows):
        widths = {room: len(room) * _LETTER + _PADDING for room in sorted(row, key=above)}
        space = (_WIDTH - 2 * _MARGIN - _TITLE - sum(widths.values())) / (len(row) + 1)
        x = _MARGIN + _TITLE
        for room, width in widths.items():
            places[room] = (x + space, top + number * _ROW, width)
            x += space + width
    return places


def _box(room: str, x: float, y: float, width: float) -> tuple[str, str]:
    box = f'<rect class="room" x="{x:.0f}" y="{y:.0f}" width="{width:.0f}" height="{_BOX}" rx="4"/>'
    return box, _text("name", x + _PADDING / 2, y, room)


def _line(upper: tuple[float, float, float], lower: tuple[float, float, float]) -> str:
    x1, y1, x2, y2 = upper[0] + upper[2] / 2, upper[1] + _BOX, lower[0] + lower[2] / 2, lower[1]
    return f'<line x1="{x1:.0f}" y1="{y1:.0f}" x2="{x2:.0f}" y2="{y2:.0f}"/>'


def _text(kind: str, x: float, top: float, said: str) -> str:
    return f'<text class="{kind}" x="{x:.0f}" y="{top + _BOX * 0.66:.0f}">{escape(said)}</text>'
