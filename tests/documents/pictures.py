"""Take the pictures of the dashboard that the documents show, of a real system: ``make pictures``, with Chromium."""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import click
from playwright.async_api import Browser, Page, async_playwright, expect

from bus.topology.roles import OBSERVER
from bus.transports.jetstream import Connection, connect
from cli.client.traffic import publish_examples
from cli.system.whole import whole_system
from dashboard.serve import Place, serving
from documents.shown import INVESTOR, OPENED, RECORD, REFERENCE, RESULT, STREAM, record

# Both stand in pages: as wide as a page, and as high as one screen.
_STREAM_SIZE, _OPENED_SIZE = {"width": 1280, "height": 800}, {"width": 1280, "height": 1000}
# The result is a part of a screen that shows all of it: its charts, without the tables below.
_RESULT_SIZE, _RESULT_HEIGHT = {"width": 1280, "height": 2400}, 430
_LAST = "too-few-etfs-1"  # the last example of the first round
_PATIENCE_MS = 120_000


async def take() -> None:
    """Run the whole system with the examples, and take all pictures."""
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
            await _take_all(browser, page)
            examples.cancel()


async def _take_all(browser: Browser, url: str) -> None:
    context = await browser.new_context(viewport=_STREAM_SIZE, color_scheme="light")
    context.set_default_timeout(_PATIENCE_MS)
    page = await context.new_page()
    await page.goto(url)
    last = page.get_by_role("row").filter(has=page.get_by_role("button", name=_LAST, exact=True))
    await expect(last.locator(".coordinator[data-state=bad]")).to_be_visible(timeout=_PATIENCE_MS)
    await page.screenshot(path=STREAM)
    for name, picture, size in ((f"{REFERENCE}-1", RESULT, _RESULT_SIZE), (f"{INVESTOR}-1", OPENED, _OPENED_SIZE)):
        await page.set_viewport_size(size)
        await page.get_by_role("button", name=name, exact=True).click()
        await _wait_for_charts(page)
        await page.screenshot(path=picture, **(await _charts(page) if picture == RESULT else {}))
        await page.keyboard.press("Escape")


async def _wait_for_charts(page: Page) -> None:
    charts = page.get_by_role("dialog").get_by_role("img")
    await expect(charts.first).to_be_visible(timeout=_PATIENCE_MS)
    for chart in await charts.all():
        await chart.scroll_into_view_if_needed()
        await expect(chart).not_to_have_js_property("naturalWidth", 0, timeout=_PATIENCE_MS)
    await charts.first.evaluate("chart => chart.closest('dialog').scrollTo(0, 0)")


async def _charts(page: Page) -> dict[str, Any]:
    """Find the part of the screen that shows the portfolio's charts."""
    section = page.get_by_role("dialog").locator("section", has=page.get_by_role("img")).first
    box = await section.bounding_box()
    assert box is not None
    return {"clip": {**box, "height": _RESULT_HEIGHT}}


if __name__ == "__main__":
    asyncio.run(take())
    RECORD.write_text(json.dumps(record(), indent=2) + "\n", encoding="utf-8")
