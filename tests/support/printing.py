"""Show a page in a real browser, and print it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from playwright.sync_api import sync_playwright

from support.programs import CHROMIUM

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

_QUIET = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    " --disable-component-update --disable-sync"
)
PATIENCE_MS = 120_000


@contextmanager
def browser() -> Iterator[Browser]:
    """Run a browser while the block lasts."""
    path = CHROMIUM.path()
    with sync_playwright() as play:
        running = play.chromium.launch(executable_path=path, args=_QUIET.split(), timeout=PATIENCE_MS)
        try:
            yield running
        finally:
            running.close()
