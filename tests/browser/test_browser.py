"""The dashboard in a real browser: what people see and do."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from contrast import faint
from playwright.async_api import expect
from stage import PATIENCE_MS, visiting
from support.depth import much
from support.requests_made import data
from support.stream_made import conversation, send

from bus.language import subjects
from bus.language.messages import (
    AdviceStopped,
    MasterPortfolioOptimized,
    PortfolioNotChallenged,
    Reason,
    Unchallenged,
    parse_final,
)
from bus.language.since import write_time

if TYPE_CHECKING:
    from playwright.async_api import Browser, Locator, Page
    from stage import Stage, Working

expect.set_options(timeout=PATIENCE_MS)
PODS = ("alpha", "beta", "delta", "gamma")
PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}


def row(page: Page, name: str) -> Locator:
    return page.get_by_role("row").filter(has=page.get_by_role("button", name=name, exact=True))


def counted(page: Page, name: str) -> Locator:
    return page.locator(f"#counts [data-name='{name}'] dd")


async def test_a_request_moves_as_its_messages_come(browser: Browser, stage: Stage) -> None:
    request, *pods, final = conversation("reference", "r1")
    async with visiting(browser, stage.url) as page:
        await expect(page.get_by_text("No request yet.")).to_be_visible()
        await send(stage.bus, [request])
        await expect(row(page, "r1").get_by_role("cell", name="waits for 4 pods")).to_be_visible()
        for i, answer in enumerate(pods, 1):
            await send(stage.bus, [answer])
            await expect(row(page, "r1").locator(".pod[data-state=good]")).to_have_count(i)
        await expect(row(page, "r1").get_by_role("cell", name="optimises")).to_be_visible()
        await expect(counted(page, "In progress")).to_have_text("1")
        await send(stage.bus, [final])
        await expect(row(page, "r1").locator(".coordinator")).to_contain_text("11 ETFs, 13 of 13 targets met")
        await expect(counted(page, "Portfolios")).to_have_text("1")
        messages = await stage.bus.record([subjects.request("r1"), subjects.final("r1")])
        took = (messages[1].stored_at - messages[0].stored_at).total_seconds() * 1e3
        await expect(row(page, "r1").locator(".took")).to_have_text(
            f"{took:,.0f} ms" if took < 1e4 else f"{took / 1e3:.1f} s"
        )


async def test_a_failure_says_its_reason(browser: Browser, stage: Stage) -> None:
    told = {"subject": "podfolio.v1.request.a.b", "sequence": 1, "message": "it names no request"}
    await send(stage.bus, [*conversation("unreachable", "r1"), *conversation("conflict", "r2")])
    await send(stage.bus, [(subjects.rejected(1), json.dumps(told).encode())])
    async with visiting(browser, stage.url) as page:
        await expect(row(page, "r1").locator(".pod[data-state=bad]")).to_have_text(
            [f"✕failed: {Reason.GOAL_UNREACHABLE.words}"] * 2
        )
        await expect(row(page, "r2").locator(".coordinator")).to_contain_text(Reason.RULES_CONFLICT.words)
        await expect(row(page, "rejected.1").locator(".coordinator")).to_contain_text("it names no request")
        reasons = page.get_by_role("region", name="Without a portfolio, by reason").get_by_role("listitem")
        told = [Reason.GOAL_UNREACHABLE, Reason.RULES_CONFLICT, Reason.INVALID_REQUEST]
        await expect(reasons).to_have_text([f"{reason.words}: 1" for reason in told])
        await page.get_by_label("Show").select_option("failed")
        await expect(page.locator("#requests tbody tr")).to_have_count(3)
        await page.get_by_label("Find").fill("r2")
        await expect(page.locator("#requests tbody tr")).to_have_count(1)


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_all_text_stands_out_from_what_is_behind_it(browser: Browser, stage: Stage, scheme: str) -> None:
    await send(stage.bus, [*conversation("reference", "r1"), *conversation("conflict", "r2")])
    await send(stage.bus, conversation("account", "r3")[:2])
    async with visiting(browser, stage.url, color_scheme=scheme) as page:
        await expect(page.locator("#requests tbody tr")).to_have_count(3)
        looked = [await faint(page)]
        # After the click, the pointer is still there.
        await page.get_by_role("button", name="Pause").click()
        await expect(page.get_by_role("button", name="Pause", pressed=True)).to_be_visible()
        looked.append(await faint(page))
        await page.mouse.move(0, 0)
        looked.append(await faint(page))
        for name in ("r1", "r2"):
            await page.get_by_role("button", name=name, exact=True).click()
            await expect(page.get_by_role("dialog").get_by_role("heading", level=3).nth(1)).to_be_visible()
            looked.append(await faint(page))
            await page.keyboard.press("Escape")

    assert all(seen > 20 for seen, _ in looked)
    assert [texts for _, texts in looked] == [[]] * 5


async def test_times_have_their_date_and_zone_wherever_the_reader_is(browser: Browser, stage: Stage) -> None:
    await send(stage.bus, conversation("reference", "r1"))
    (asked,) = await stage.bus.record([subjects.request("r1")])
    assert asked.stored_at is not None
    async with visiting(browser, stage.url, timezone_id="Australia/Sydney") as page:
        await expect(row(page, "r1").locator(".at")).to_have_text(f"{asked.stored_at:%Y-%m-%d %H:%M:%S} UTC")
        await page.get_by_role("button", name="r1", exact=True).click()
        await expect(page.get_by_role("dialog")).to_contain_text(write_time(asked.stored_at, milliseconds=True))
    async with visiting(browser, f"{stage.url}?since=2025-11-07T09:00", timezone_id="Australia/Sydney") as page:
        await expect(page.get_by_label("Time, UTC")).to_have_value("2025-11-07T09:00")
        await page.get_by_label("Time, UTC").fill("2025-11-07T10:30:00")
        await page.get_by_role("button", name="Show", exact=True).click()
        await page.wait_for_url("**/?since=2025-11-07T10%3A30%3A00.000Z")
        await expect(page.get_by_role("region", name="Since 2025-11-07 10:30:00 UTC")).to_be_visible()


async def test_the_processes_that_run_are_counted(browser: Browser, stage: Stage, working: Working) -> None:
    async with visiting(browser, working.page) as page:
        for name in (*PODS, "coordinator"):
            await expect(page.locator(f"#queues [data-name={name}] dd").first).to_have_text("1 running")
    async with visiting(browser, stage.url) as page:
        for name in (*PODS, "coordinator"):
            await expect(page.locator(f"#queues [data-name={name}] dd").first).to_have_text("none running")


async def test_messages_are_opened_and_saved_as_json(browser: Browser, stage: Stage) -> None:
    sent = conversation("account", "r1")
    await send(stage.bus, sent)
    async with visiting(browser, stage.url) as page:
        await page.get_by_role("button", name="r1", exact=True).click()
        files = page.get_by_role("list", name="Messages as JSON")
        await expect(files.get_by_role("listitem")).to_have_count(len(sent))
        for words, name, (_, data) in (
            ("request", "r1.request.json", sent[0]),
            ("final event", "r1.final.json", sent[-1]),
        ):
            async with page.expect_download() as saving:
                await files.get_by_role("link", name=f"Save the {words} as {name}").click()
            saved = await saving.value
            assert saved.suggested_filename == name
            assert (await saved.path()).read_bytes() == data
            async with page.context.expect_page() as opening:
                await files.get_by_role("link", name=f"Open the {words} as JSON").click()
            opened = await opening.value
            assert opened.url.endswith(f"/requests/r1/messages/{name}")
            assert json.loads(await opened.locator("pre").inner_text()) == json.loads(data)
            await opened.close()


async def test_what_is_open_is_drawn_again_only_when_more_is_known(browser: Browser, stage: Stage) -> None:
    *before, last = conversation("reference", "r1")
    await send(stage.bus, before)
    async with visiting(browser, stage.url) as page:
        await page.get_by_role("button", name="r1", exact=True).click()
        sections = page.get_by_role("dialog").locator("section")
        await expect(sections).to_have_count(1)
        await sections.first.evaluate("node => { node.id = 'drawn-once' }")
        await send(stage.bus, conversation("reference", "r2"))
        await expect(page.locator("#requests tbody tr")).to_have_count(2)
        await expect(page.locator("#drawn-once")).to_have_count(1)
        await send(stage.bus, [last])
        await expect(page.get_by_role("dialog").get_by_role("heading", name="Proof")).to_be_visible()
        await expect(page.locator("#drawn-once")).to_have_count(0)


async def test_a_stop_of_advice_is_shown_until_it_is_lifted(browser: Browser, stage: Stage) -> None:
    async with visiting(browser, stage.url) as page:
        await expect(page.locator("#link")).to_have_text("Live")
        await expect(page.locator("#stops")).to_be_hidden()
        stop = AdviceStopped(number="1", why="<b>wrong prices</b>", by="UADVISER", stopped_at=datetime.now(UTC))
        await send(stage.bus, [(subjects.stop("1"), stop.model_dump_json().encode())])
        await expect(page.locator("#stops")).to_contain_text("(stop 1, by UADVISER): <b>wrong prices</b>")
        await send(stage.bus, [(subjects.resume("1"), b"{}")])
        await expect(page.locator("#stops")).to_be_hidden()


async def test_what_says_the_same_stays_when_more_is_known(browser: Browser, stage: Stage) -> None:
    await send(stage.bus, conversation("reference", "r1"))
    async with visiting(browser, stage.url) as page:
        await page.get_by_role("button", name="r1", exact=True).click()
        dialog = page.get_by_role("dialog")
        await expect(dialog.get_by_role("heading", name="Proof")).to_be_visible()
        before = [await node.element_handle() for node in await dialog.locator("section").all()]
        titles = [await node.evaluate("node => node.querySelector('h3').textContent") for node in before]
        late = PortfolioNotChallenged(
            request_id="r1", final_sha256="0" * 64, reason=Unchallenged.NOT_ASKED, message="The request asks for none."
        )
        await send(stage.bus, [(subjects.challenge("r1"), late.model_dump_json().encode())])
        heard = dialog.get_by_role("heading", name="How sure")
        await expect(heard).to_be_visible()
        stayed = [
            title for title, node in zip(titles, before, strict=True) if await node.evaluate("node => node.isConnected")
        ]
        # What tells the messages tells one more; every other section is the same element.
        assert stayed == [title for title in titles if title != "On its way"]
        assert await dialog.locator("h3").all_text_contents() == [*titles[:-1], await heard.inner_text(), titles[-1]]


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_a_real_request_opens_into_its_portfolio(browser: Browser, working: Working, scheme: str) -> None:
    name = f"real-{scheme}"
    async with visiting(browser, working.page, color_scheme=scheme) as page:
        await expect(page.locator("#link")).to_have_text("Live")
        await send(working.bus, [(subjects.request(name), data(name))])
        await expect(row(page, name).locator(".coordinator[data-state=good]")).to_contain_text("proven optimal")
        await page.get_by_role("button", name=name, exact=True).click()
        dialog = page.get_by_role("dialog", name=name)
        for title in ("On its way", "Model portfolio", "Separate pods and suggested", "Targets", "Proof"):
            await expect(dialog.get_by_role("heading", name=title)).to_be_visible()
        (final,) = await working.bus.record([subjects.final(name)])
        event = parse_final(final.data)
        assert isinstance(event, MasterPortfolioOptimized)
        await expect(dialog.get_by_role("cell", name=f"{event.certificate.objective:.8f}").first).to_be_visible()
        for row_ in event.correlations:
            await expect(dialog.get_by_role("cell", name=f"{row_.correlation:.2f}", exact=True).first).to_be_visible()
        pictures = dialog.get_by_role("img")
        assert await pictures.count() >= 4
        for picture in await pictures.all():
            await picture.scroll_into_view_if_needed()
            await expect(picture).not_to_have_js_property("naturalWidth", 0)
            assert (await picture.evaluate("node => node.currentSrc")).endswith(f"?theme={scheme}")
            assert await picture.get_attribute("alt")


async def test_what_customers_write_is_text(browser: Browser, stage: Stage) -> None:
    nasty = "<img src=x onerror=alert(1)>"
    body = json.loads(conversation("reference", "r1")[0][1])
    body["customer"]["customer_id"] = nasty
    await send(stage.bus, [(subjects.request("r1"), json.dumps(body).encode())])
    async with visiting(browser, stage.url) as page:
        await expect(row(page, "r1")).to_contain_text(nasty)
        await page.get_by_role("button", name="r1", exact=True).click()
        await expect(page.get_by_role("dialog")).to_contain_text(nasty)
        assert await page.locator("img").count() == 0


async def test_the_stream_can_be_replayed_from_a_time(browser: Browser, stage: Stage) -> None:
    await send(stage.bus, conversation("reference", "r1"))
    (later, *_) = await stage.bus.record([subjects.final("r1")])
    await send(stage.bus, conversation("conflict", "r2"))
    assert later.stored_at is not None
    async with visiting(browser, f"{stage.url}?since={later.stored_at.isoformat()[:-6]}Z") as page:
        await expect(counted(page, "Requests")).to_have_text("1")
        await expect(page.locator("#link")).to_contain_text("Replay, at ")
        await page.get_by_label("From").select_option("all")
        await page.get_by_label("Speed").select_option("10")
        await page.get_by_role("button", name="Show", exact=True).click()
        await page.wait_for_url("**/?since=all&speed=10")
        await expect(counted(page, "Requests")).to_have_text("2")
        await expect(page.get_by_label("From")).to_have_value("all")


async def test_a_time_that_cannot_be_read_is_said(browser: Browser, stage: Stage) -> None:
    async with visiting(browser, f"{stage.url}?since=tomorrow") as page:
        await expect(page.get_by_role("alert")).to_contain_text("give a time in UTC such as 2025-11-07T09:00")


async def test_a_paused_page_stays_as_it_is(browser: Browser, stage: Stage) -> None:
    await send(stage.bus, conversation("reference", "r1"))
    async with visiting(browser, stage.url) as page:
        await expect(row(page, "r1").locator(".coordinator[data-state=good]")).to_be_visible()
        await page.get_by_role("button", name="Pause").click()
        await send(stage.bus, conversation("reference", "r2"))
        await expect(page.locator("#link")).to_have_text("Paused, 1 request changed since")
        await expect(page.locator("#requests tbody tr")).to_have_count(1)
        await page.get_by_role("button", name="Pause").click()
        await expect(page.locator("#requests tbody tr")).to_have_count(2)


@pytest.mark.more_examples
async def test_many_requests_pass_and_the_page_goes_on(browser: Browser, stage: Stage) -> None:
    half = much(500, quick=150)
    async with visiting(browser, stage.url) as page:
        await page.evaluate(
            """() => {
              window.frames_ = 0; window.most_ = 0;
              const look = () => {
                window.frames_ += 1;
                window.most_ = Math.max(window.most_, document.querySelectorAll("*").length);
                requestAnimationFrame(look);
              };
              look();
            }"""
        )
        for i in range(half):
            await send(stage.bus, conversation("reference" if i % 4 else "conflict", f"r{i}"))
        # In the middle of it, somebody looks for one of them.
        await page.get_by_label("Find").press_sequentially("r77")
        await expect(page.locator("#requests tbody tr")).to_have_count(1)
        before = await page.evaluate("window.frames_")
        for i in range(half, 2 * half):
            await send(stage.bus, conversation("reference" if i % 4 else "conflict", f"r{i}"))
        await page.get_by_label("Find").fill("")
        await expect(counted(page, "Requests")).to_have_text(f"{2 * half:,}")
        await expect(counted(page, "Portfolios")).to_have_text(f"{half * 3 // 2:,}")
        await expect(counted(page, "No portfolio")).to_have_text(f"{half // 2:,}")
        await expect(page.locator("#place")).to_have_text(f"1 to 50 of {2 * half:,}")
        await expect(page.locator("#requests tbody tr")).to_have_count(50)
        await page.get_by_role("button", name="Older").click()
        await expect(page.locator("#place")).to_have_text(f"51 to 100 of {2 * half:,}")
        frames, most = await page.evaluate("[window.frames_, window.most_]")

    assert frames > before, "it went on drawing"
    assert most < 2_000, "elements, however many requests pass"


async def test_it_goes_on_when_the_dashboard_was_away(browser: Browser, stage: Stage) -> None:
    await send(stage.bus, conversation("reference", "r1"))
    async with visiting(browser, stage.url, forgiven="net::ERR_") as page:
        await expect(counted(page, "Portfolios")).to_have_text("1")
        await stage.stop_dashboard()
        await expect(page.locator("#link")).to_have_text("Reconnecting to the dashboard")
        await send(stage.bus, conversation("reference", "r2"))
        await stage.start_dashboard()
        await expect(page.locator("#link")).to_have_text("Live")
        await expect(counted(page, "Portfolios")).to_have_text("2")
        await expect(page.locator("#requests tbody tr")).to_have_count(2)


async def test_it_goes_on_when_the_server_was_killed(browser: Browser, stage: Stage) -> None:
    await send(stage.bus, conversation("reference", "r1"))
    async with visiting(browser, stage.url) as page:
        await expect(counted(page, "Portfolios")).to_have_text("1")
        await stage.server.kill()
        await expect(page.locator("#link")).to_have_text("Reconnecting to the event stream")
        await expect(row(page, "r1")).to_be_visible()
        await stage.start_server()
        await expect(page.locator("#link")).to_have_text("Live")
        await send(stage.bus, conversation("conflict", "r2"))
        await expect(counted(page, "No portfolio")).to_have_text("1")
        await expect(counted(page, "Requests")).to_have_text("2")
        await expect(counted(page, "Portfolios")).to_have_text("1")
        await expect(page.locator("#queues [data-name=alpha] dd").nth(1)).to_have_text("2 waiting")


async def test_all_of_it_works_with_the_keyboard(browser: Browser, stage: Stage) -> None:
    await send(stage.bus, conversation("reference", "r1"))
    async with visiting(browser, stage.url) as page:
        await expect(row(page, "r1")).to_be_visible()
        await page.keyboard.press("Tab")
        await expect(page.get_by_role("link", name="Skip to the requests")).to_be_focused()
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", name="Requests", exact=True)).to_be_focused()
        for name in ("Show", "Find"):
            await page.keyboard.press("Tab")
            await expect(page.get_by_label(name)).to_be_focused()
        await page.keyboard.press("Tab")
        opener = page.get_by_role("button", name="r1", exact=True)
        await expect(opener).to_be_focused()
        outline = await opener.evaluate("node => getComputedStyle(node).outlineStyle")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("dialog", name="r1")).to_be_visible()
        await expect(page.get_by_role("heading", name="r1")).to_be_focused()
        assert page.url.endswith("#request-r1")
        await page.keyboard.press("Escape")
        await expect(page.get_by_role("dialog")).to_be_hidden()
        await expect(opener).to_be_focused()

    assert outline == "solid"


async def test_who_is_at_a_row_stays_there_while_others_come(browser: Browser, stage: Stage) -> None:
    await send(stage.bus, conversation("reference", "first"))
    async with visiting(browser, stage.url) as page:
        opener = page.get_by_role("button", name="first", exact=True)
        await opener.focus()
        for i in range(60):
            await send(stage.bus, conversation("reference", f"r{i}")[:1])
        await expect(page.locator("#place")).to_have_text("1 to 50 of 61")
        await expect(opener).to_be_focused()


async def test_the_page_has_landmarks_and_says_what_happens(browser: Browser, stage: Stage) -> None:
    await send(stage.bus, conversation("reference", "r1"))
    async with visiting(browser, stage.url) as page:
        for role in ("banner", "main", "navigation"):
            await expect(page.get_by_role(role)).to_have_count(1)
        await expect(page.get_by_role("table", name="Requests")).to_be_visible()
        await expect(page.get_by_role("region", name="Since the start of the stream")).to_be_visible()
        await expect(page.get_by_role("columnheader")).to_have_text(
            ["Asked at", "Request", *PODS, "Coordinator", "Took"]
        )
        levels = await page.locator("h1, h2").evaluate_all("all => all.map(one => one.tagName)")
        await expect(page.locator("#said")).to_have_text(
            "1 request, 0 in progress, 1 with a portfolio, 0 without, 0 rejected"
        )
        assert await page.locator("#requests").evaluate("node => node.closest('[aria-live], [role=status]')") is None

    assert levels[0] == "H1"
    assert levels.count("H1") == 1


async def assert_says_that_it_goes_on(frame: Locator) -> None:
    """See that a frame says so exactly as long as there is more to the right, and that nothing in it is cut."""
    box, hint = frame.locator(".scroll"), frame.locator(".goes-on")
    is_wide = await box.evaluate("node => node.scrollWidth > node.clientWidth + 1")
    await expect(hint).to_be_visible(visible=is_wide)
    assert await box.evaluate(
        "node => [...node.querySelectorAll('td, th')].every((cell) => cell.scrollWidth <= cell.clientWidth + 1)"
    )
    await box.evaluate("node => node.scrollTo(node.scrollWidth, 0)")
    await expect(hint).to_be_hidden()


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_a_phone_shows_all_without_scrolling_sideways(browser: Browser, stage: Stage, scheme: str) -> None:
    await send(stage.bus, [*conversation("reference", "r1"), *conversation("unreachable", "r" * 64)])
    async with visiting(browser, stage.url, color_scheme=scheme, **PHONE) as page:
        await expect(page.locator("#requests tbody tr")).to_have_count(2)
        assert await page.evaluate("document.documentElement.scrollWidth") <= 360
        cells = page.locator("#requests td")
        assert await cells.evaluate_all("all => all.filter(one => one.scrollWidth > one.clientWidth).length") == 0
        await page.get_by_role("button", name="r1", exact=True).tap()
        await expect(page.get_by_role("dialog").get_by_role("heading", level=3).first).to_be_visible()
        assert await page.locator("#opened").evaluate("node => node.scrollWidth <= node.clientWidth")
        # A wide chart is a table of its figures.
        assert await page.locator("#opened img").count() > 0
        for image in await page.locator("#opened img").all():
            await expect(image).to_be_hidden()
            await expect(image.locator("xpath=ancestor::figure").locator(".instead table")).to_be_visible()
        # A table of many columns is a list of cards: nothing goes on to the right.
        for wide in await page.locator("#opened .scroll:has(th:nth-child(4))").all():
            assert await wide.evaluate("node => node.scrollWidth <= node.clientWidth")
            assert (
                await wide.locator("td:nth-child(2)").first.evaluate(
                    "cell => getComputedStyle(cell, '::before').content"
                )
                != "none"
            )
        for frame in await page.locator("#opened .wide").all():
            assert await frame.locator(".scroll").evaluate("node => node.scrollWidth <= node.clientWidth + 1")
            await assert_says_that_it_goes_on(frame)
        paper = await page.evaluate("getComputedStyle(document.body).backgroundColor")

    assert paper == {"light": "rgb(243, 245, 248)", "dark": "rgb(12, 20, 28)"}[scheme]


async def test_nothing_moves_where_people_want_it_still(browser: Browser, stage: Stage) -> None:
    await send(stage.bus, conversation("reference", "r1")[:1])
    moving = {}
    for wish in ("reduce", "no-preference"):
        async with visiting(browser, stage.url, reduced_motion=wish) as page:
            sign = row(page, "r1").locator(".coordinator .sign")
            await expect(sign).to_be_visible()
            moving[wish] = await sign.evaluate("node => node.getAnimations().length")

    assert moving == {"reduce": 0, "no-preference": 1}
