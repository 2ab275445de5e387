"""Real server, real processes: each customer who is due is asked for once, whatever is killed; a stop holds reviews."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import signal
from collections import Counter
from datetime import date, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

from support.advised import advised, asked, order
from support.commands import beside
from support.processes import ANSWER_S, said

from bus.language import subjects
from bus.language.messages import MasterPortfolioFailed, OrderFilled, Reason, encode, parse_request
from bus.transports.snapshots import fetching
from portfolio.market import snapshot as markets
from portfolio.market.folders import bundled
from portfolio.published.order import Side
from reviewer.review import Reviewer

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from support.processes import Site

    from bus.port import Message

OLD, NEW, NEWEST = "asx-outlook-2025-12", "asx-outlook-2026-03", "asx-outlook-2026-06"


async def publish_market(site: Site, folder: Path, market_id: str, factor: float) -> str:
    """Publish the bundled market with other returns; return its hash."""
    shutil.copytree(bundled()[OLD], folder / market_id)
    moments = folder / market_id / "moments.csv"
    head, first, *rest = moments.read_text(encoding="utf-8").splitlines()
    cells = first.split(",")
    place = head.split(",").index("expected_return")
    cells[place] = str(round(float(cells[place]) * factor, 6))
    moments.write_text("\n".join([head, ",".join(cells), *rest]) + "\n", encoding="utf-8")
    status, out, errors = await beside("market", "publish", market_id, "--markets", str(folder), "--server", site.url)
    assert status == 0, out + errors
    return markets.read(folder / market_id).sha256


async def suggested(site: Site, *customers: str, with_orders: bool = False, stale_prices: str = "allow") -> None:
    """Store a request and its final event for each customer."""
    for customer in customers:
        # The bundled market has prices of 2025.
        request = {**asked(customer), "stale_prices": stale_prices}
        event = advised(request, *([order("buy", "VAS", 5, 100.0)] if with_orders else []))
        body = json.dumps({**request, "request_id": event.request_id}).encode()
        await site.publish(body, event.request_id)
        await store(site, subjects.final(event.request_id), encode(event))


async def store(site: Site, subject: str, data: bytes) -> None:
    await site.bus.publish_once(subject, data, message_id=subject, headers={})


async def reviews(site: Site, count: int = 0) -> Sequence[Message]:
    """Wait until there are *count* requests of reviewers, and read them."""
    async with asyncio.timeout(ANSWER_S):
        while True:
            stored = [one async for one in site.bus.stored(subjects.ALL_REQUESTS)]
            found = [one for one in stored if "request.review-" in one.subject]
            if len(found) >= count:
                return found
            await asyncio.sleep(0.05)


async def archived(site: Site, count: int) -> None:
    async with asyncio.timeout(ANSWER_S):
        while (await site.bus.archive_state()).messages < count:  # noqa: ASYNC110 - the server tells nobody of it
            await asyncio.sleep(0.02)


async def test_reviewers_that_are_killed_ask_once_for_each_customer_who_is_due(site: Site, tmp_path: Path) -> None:
    due = [f"c-{number}" for number in range(8)]
    await suggested(site, *due)
    await suggested(site, "not-told", with_orders=True)
    await suggested(site, "refused")
    await suggested(site, "stale", stale_prices="refuse")
    told = MasterPortfolioFailed(request_id="r", customer_id="refused", reason=Reason.RULES_CONFLICT, message="no")
    await store(site, subjects.final("r"), encode(told))
    await archived(site, 2 * 11 + 1)
    sha256 = await publish_market(site, tmp_path, NEW, 0.9)

    pace = {"PODFOLIO_REVIEWS_PER_HOUR": "6000"}
    first, second = [await site.start("reviewer", **pace) for _ in range(2)]
    await reviews(site, 2)
    await site.end(first, signal.SIGKILL)
    await reviews(site, 4)
    await site.end(second, signal.SIGKILL)
    third = await site.start("reviewer", **pace)
    found = await reviews(site, len(due))
    async with asyncio.timeout(ANSWER_S):
        while not said(tmp_path / "2-reviewer.log", "review.ends"):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    _, page = await site.page(third, "/metrics")
    assert await site.end(third) == 0

    assert [one.subject for one in found] == [
        subjects.request(f"review-{sha256[:12]}_1_{customer}") for customer in due
    ], "once each, the oldest suggestion first"
    assert len(await reviews(site)) == len(due)
    for one in found:
        request = parse_request(one.data, subjects.parse(one.subject).request_id)
        assert (request.market, one.headers["ce-source"]) == (NEW, "/podfolio/reviewer")
    # The pace is that of all reviewers together, and outlives each of them; a tenth for the clock between them.
    times = [one.stored_at for one in found if one.stored_at]
    assert min(b - a for a, b in pairwise(times)) > timedelta(hours=1) / 6_000 * 0.9
    counts = Counter(dict(re.findall(r'^podfolio_reviews_total{outcome="(\w+)"} (\S+)$', page, re.MULTILINE)))
    assert [float(counts[why]) for why in ("fills_unknown", "refused", "stale")] == [1.0, 1.0, 1.0]


async def test_a_stop_holds_reviews_and_a_newer_market_takes_the_place(site: Site, tmp_path: Path) -> None:
    await suggested(site, "c-1", "c-2")
    await archived(site, 4)
    old = await publish_market(site, tmp_path, NEW, 0.9)
    await store(site, subjects.stop("1"), b"{}")
    asking, stop = 0, asyncio.Event()

    class Counted:
        """The bus, and how often the stops were asked for."""

        def __getattr__(self, name: str) -> object:
            return getattr(site.bus, name)

        async def stops(self) -> tuple[Message, ...]:
            nonlocal asking
            asking += 1
            return await site.bus.stops()

    with fetching(site.bus) as provide:
        made = Reviewer(Counted(), provide, 36_000, every_s=0.02)  # type: ignore[arg-type]
        running = asyncio.create_task(made.run(stop, asyncio.Event()))
        async with asyncio.timeout(ANSWER_S):
            while asking < 3:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        held = await reviews(site)
        new = await publish_market(site, tmp_path, NEWEST, 0.8)
        await store(site, subjects.resume("1"), b"{}")
        found = await reviews(site, 2)
        stop.set()
        await running

    assert held == []
    assert old != new
    assert [one.subject for one in found] == [
        subjects.request(f"review-{new[:12]}_1_{customer}") for customer in ("c-1", "c-2")
    ]


async def test_a_contract_that_was_removed_does_not_count(site: Site, tmp_path: Path) -> None:
    await suggested(site, "c-1", with_orders=True)
    for fill_id, units in (("wrong", 3), ("right", 5)):
        told = OrderFilled(
            request_id="night_1_c-1",
            fill_id=fill_id,
            order_id="night_1_c-1.B.VAS",
            customer_id="c-1",
            side=Side.BUY,
            ticker="VAS",
            ordered_units=5,
            day=date(2025, 11, 11),
            units=units,
            price_aud=100.0,
            brokerage_aud=10.0,
        )
        await store(site, subjects.fill("night_1_c-1", fill_id), encode(told))
    # As podfolio remove would, which waits for coordinators.
    record = {"subject": subjects.fill("night_1_c-1", "wrong")}
    await store(site, subjects.removed(3), json.dumps(record).encode())
    await archived(site, 5)
    await publish_market(site, tmp_path, NEW, 0.9)

    stop = asyncio.Event()
    with fetching(site.bus) as provide:
        running = asyncio.create_task(Reviewer(site.bus, provide, every_s=0.02).run(stop, asyncio.Event()))
        (found,) = await reviews(site, 1)
        stop.set()
        await running

    account = json.loads(found.data)["account"]
    assert (account["cash_aud"], account["holdings"][0]["units"]) == (1_000.0 - 500.0 - 10.0, 5)
