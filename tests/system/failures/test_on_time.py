"""Long requests beside short ones, and deadlines that are too short, on real processes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
from datetime import date, timedelta
from typing import TYPE_CHECKING

import pytest
from support.depth import some_of
from support.processes import NOT_THOSE, START_S, TWO, children
from support.requests_made import ROOT, data

from bus.language import subjects
from bus.language.messages import MasterPortfolioFailed, MasterPortfolioOptimized, Reason

if TYPE_CHECKING:
    from support.processes import Site

# Makes ``poison/sitecustomize.py`` part of every process: there is a request whose search never ends. Nothing ends it
# before the test does: how fast the machine is does not matter.
ENDLESS = {
    "PYTHONPATH": os.pathsep.join((str(ROOT / "tests" / "system" / "failures" / "poison"), str(ROOT / "tests"))),
    "PODFOLIO_SOLVER_SECONDS": "3600",
}
# A coordinator handles one message, and it is the answer of a pod.
IN_HAND = re.compile(r'podfolio_in_hand\{[^}]*"pod"[^}]*\} 1\.0')
# What a busy machine takes to have a final stored; a search that nobody stops takes minutes.
LATE_S = 30.0


async def test_easy_requests_are_answered_beside_one_whose_search_does_not_end(site: Site) -> None:
    coordinator = (await site.start_all(but=NOT_THOSE, **ENDLESS))["coordinator"]
    easy = [f"easy{i}" for i in range(8)]

    await site.publish(data("loop-in-coordinator", deadline_s=3_600, pod_weights=TWO), "loop-in-coordinator")
    async with asyncio.timeout(START_S):
        while len(await site.bus.record([subjects.pod_result("loop-in-coordinator", "*")])) < len(TWO):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        while not IN_HAND.search((await site.page(coordinator, "/metrics"))[1]):  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.05)
    for request_id in easy:
        await site.publish(data(request_id, deadline_s=3_600, pod_weights=TWO), request_id)
    events = [await site.final(request_id) for request_id in easy]

    assert [type(event) for event in events] == [MasterPortfolioOptimized] * len(easy)
    assert not await site.bus.record([subjects.final("loop-in-coordinator")])
    solvers = children(coordinator)
    await site.end(coordinator, signal.SIGKILL)
    for solver in solvers:
        with contextlib.suppress(ProcessLookupError):  # those at rest end by themselves
            os.kill(solver, signal.SIGKILL)


def many_parcels(number: int) -> dict[str, object]:
    """Own three ETFs, bought a parcel a week."""
    first = date(2018, 1, 5)
    parcels = [
        {"acquired": str(first + timedelta(weeks=week)), "units": 3, "cost_base_aud": 150.0 + week / 7}
        for week in range(number)
    ]
    holdings = [{"ticker": ticker, "units": 3 * number, "parcels": parcels} for ticker in ("VAS", "VGS", "VAF")]
    return {"as_of": "2025-11-10", "cash_aud": 5_000, "holdings": holdings}


@pytest.mark.parametrize("deadline_s", some_of([2.0, 8.0], every=2))
async def test_by_the_deadline_there_is_a_portfolio_or_a_reason(shared: Site, deadline_s: float) -> None:
    site, name = shared, f"hard-{deadline_s:g}"
    owner = {"customer_id": "owner", "marginal_tax_rate": 0.39}

    sent = data(name, deadline_s=deadline_s, account=many_parcels(300), customer=owner)
    await site.publish(sent, name)
    event = await site.final(name)
    asked, answered = await site.bus.record([subjects.request(name), subjects.final(name)])

    assert asked.stored_at is not None
    assert answered.stored_at is not None
    assert (answered.stored_at - asked.stored_at).total_seconds() < deadline_s + LATE_S
    if isinstance(event, MasterPortfolioFailed):
        assert event.reason in {Reason.SOLVER_FAILED, Reason.DEADLINE_EXCEEDED, Reason.OVERLOADED}
        assert "deadline_s" in event.message


async def test_more_parcels_than_can_be_planned_for_are_refused_at_once(shared: Site) -> None:
    account = many_parcels(400)

    await shared.publish(data("many", account=account, customer={"customer_id": "owner"}), "many")
    event = await shared.final("many")

    assert isinstance(event, MasterPortfolioFailed)
    assert (event.reason, "1,200 parcels, at most 1,000" in event.message) == (Reason.INVALID_REQUEST, True)
