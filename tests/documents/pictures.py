"""Take the pictures of the dashboard that the documents show, of a real system: ``make pictures``, with Chromium."""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
from pathlib import Path

import click
from playwright.async_api import Browser, async_playwright, expect
from support.requests_made import ROOT

from bus.jetstream import Connection, connect
from bus.jetstream.roles import OBSERVER
from cli.system import whole_system
from cli.traffic import publish_examples
from dashboard.serve import Place, serving

STREAM, OPENED = ROOT / "docs" / "dashboard.png", ROOT / "docs" / "dashboard-request.png"
# Both stand in pages: as wide as a page, and as high as one screen.
_STREAM_SIZE, _OPENED_SIZE = {"width": 1280, "height": 800}, {"width": 1280, "height": 1000}
_LAST = "too-few-etfs-1"  # the last example of the first round
_PATIENCE_MS = 120_000


async def take() -> None:
    """Run the whole system with the examples, and take both pictures."""
    with tempfile.TemporaryDirectory(prefix="podfolio-") as folder, (Path(folder) / "processes.log").open("wb") as logs:
        async with (
            whole_system(Path(folder), port=None, logs=logs, say=click.echo) as url,
            serving(Connection(servers=url, role=OBSERVER), Place(0), since=None) as page,
            connect(Connection(servers=url, name="pictures")) as bus,
            async_playwright() as playwright,
            await playwright.chromium.launch(
                executable_path=shutil.which("chromium"), args=["--no-sandbox"]
            ) as browser,
        ):
            examples = asyncio.create_task(publish_examples(bus))
            await _take_both(browser, page)
            examples.cancel()


async def _take_both(browser: Browser, url: str) -> None:
    context = await browser.new_context(viewport=_STREAM_SIZE, color_scheme="light")
    context.set_default_timeout(_PATIENCE_MS)
    page = await context.new_page()
    await page.goto(url)
    last = page.get_by_role("row").filter(has=page.get_by_role("button", name=_LAST, exact=True))
    await expect(last.locator(".coordinator[data-state=bad]")).to_be_visible(timeout=_PATIENCE_MS)
    await page.screenshot(path=STREAM)
    await page.set_viewport_size(_OPENED_SIZE)
    await page.get_by_role("button", name="existing-investor-1", exact=True).click()
    pictures = page.get_by_role("dialog").get_by_role("img")
    for picture in await pictures.all():
        await expect(picture).not_to_have_js_property("naturalWidth", 0, timeout=_PATIENCE_MS)
    await page.screenshot(path=OPENED)


if __name__ == "__main__":
    sys.exit(asyncio.run(take()))
