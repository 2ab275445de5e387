"""Colours of the charts, in a light and a dark theme: distinguishable for colour-blind people and in grey print.

Before and after differ in lightness, not only in hue. The contrast with the background is at least 4.5 to 1 for text
and 3 to 1 for marks (WCAG 2.2, 1.4.3 and 1.4.11); a test computes the contrasts.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Palette:
    """The colours of one theme.

    Attributes:
        paper: The background.
        ink: Text.
        quiet: Axes and secondary text.
        line: Guide lines.
        before: Marks of the present portfolio, or of the separate pods.
        after: Marks of the suggestion.
        on_after: Text inside such a mark.
        missed: Marks of goals that are not met.
        negative: The cell of a correlation of -1; colours between the three are interpolated.
        zero: The cell of a correlation of 0.
        positive: The cell of a correlation of 1.
        on_cell: Text in a cell.
    """

    paper: str
    ink: str
    quiet: str
    line: str
    before: str
    after: str
    on_after: str
    missed: str
    negative: str
    zero: str
    positive: str
    on_cell: str


LIGHT = Palette(
    paper="#ffffff",
    ink="#1b2733",
    quiet="#4a5866",
    line="#c9d1d9",
    before="#8290a0",
    after="#123f6b",
    on_after="#ffffff",
    missed="#b3500f",
    negative="#8fbce6",
    zero="#ffffff",
    positive="#f2b37a",
    on_cell="#1b2733",
)
DARK = Palette(
    paper="#14202b",
    ink="#e8edf2",
    quiet="#aebac6",
    line="#3a4a59",
    before="#71808f",
    after="#9fd0ff",
    on_after="#14202b",
    missed="#ffa45c",
    negative="#8fbce6",
    zero="#ffffff",
    positive="#f2b37a",
    on_cell="#1b2733",
)
THEMES = {"light": LIGHT, "dark": DARK}
