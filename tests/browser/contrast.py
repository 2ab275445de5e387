"""How far text stands out from what is behind it, of all text that a page shows (WCAG 2.2, 1.4.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.async_api import Page

LEAST = 4.5

# Text of elements that are disabled needs no contrast; text for screen readers alone has no colour to see.
_MEASURE = """
(least) => {
  const read = (colour) => {
    const [r, g, b, a = 1] = colour.match(/[\\d.]+/g).map(Number);
    return { r, g, b, a };
  };
  const over = (top, below) => Object.fromEntries(
    ["r", "g", "b"].map((c) => [c, top[c] * top.a + below[c] * (1 - top.a)]).concat([["a", 1]]));
  const behind = (node) => {
    const layers = [];
    for (let at = node; at; at = at.parentElement) {
      const colour = read(getComputedStyle(at).backgroundColor);
      if (colour.a > 0) layers.push(colour);
      if (colour.a === 1) break;
    }
    return layers.reverse().reduce((below, top) => over(top, below), { r: 255, g: 255, b: 255, a: 1 });
  };
  const light = ({ r, g, b }) => {
    const [x, y, z] = [r, g, b].map((c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const faint = [];
  let seen = 0;
  const root = document.querySelector("dialog[open]") ?? document.body;
  for (const node of root.querySelectorAll("*")) {
    const texts = [...node.childNodes].filter((child) => child.nodeType === 3);
    const text = texts.map((child) => child.data.trim()).join("");
    if (!text || node.disabled || node.closest(".unseen, .skip, noscript") || !node.checkVisibility()) continue;
    const below = behind(node);
    const ink = over(read(getComputedStyle(node).color), below);
    const [high, low] = [light(ink), light(below)].sort((a, b) => b - a);
    const ratio = (high + 0.05) / (low + 0.05);
    seen += 1;
    if (ratio < least) faint.push(`${text.slice(0, 40)}: ${ratio.toFixed(2)}`);
  }
  return { seen, faint };
}
"""


async def faint(page: Page) -> tuple[int, list[str]]:
    """Count the texts on the page, or in the open dialog, and list those that stand out too little."""
    told = await page.evaluate(_MEASURE, LEAST)
    return told["seen"], told["faint"]
