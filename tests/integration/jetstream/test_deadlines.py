"""The deadline of a request from a clock that was ahead: a coordinator that starts keeps the deadline of the first."""

from __future__ import annotations

import asyncio
import base64
import re
from contextlib import aclosing
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from support.in_process import inline
from support.requests_made import data

from bus.language import subjects
from bus.port import COORDINATORS
from bus.topology.streams import TIMERS
from bus.transports.jetstream import JetStreamBus
from coordinator.server_time import ServerTime
from coordinator.shell import Coordinator
from coordinator.sweep import DeadlineSweep

if TYPE_CHECKING:
    from support.site import Site

AHEAD = timedelta(minutes=30)


def told(now: datetime) -> ServerTime:
    """Know the server's time, by a clock of one's own that stands still."""
    made = ServerTime(lambda: 0.0)
    made.update(now, asked_at=0.0)
    return made


async def deadline(bus: JetStreamBus) -> datetime:
    """Read when the deadline of the request falls due."""
    query = {"last_by_subj": subjects.timer_since_seen("r1")}
    stored = (await bus.ask_api(f"STREAM.MSG.GET.{TIMERS}", query))["message"]
    found = re.search(r"@at (\S+)", base64.b64decode(stored["hdrs"]).decode())
    assert found
    return datetime.fromisoformat(found[1])


async def test_coordinators_that_start_one_after_the_other_postpone_no_deadline(jetstream_site: Site) -> None:
    bus = jetstream_site.bus
    assert isinstance(bus, JetStreamBus)
    asked = data(deadline_s=3600.0, pod_weights={"alpha": 0.5, "beta": 0.5})
    await bus.publish_once(subjects.request("r1"), asked, message_id="r1", headers={})
    async with aclosing(bus.work(COORDINATORS, stop=asyncio.Event(), at_once=1)) as deliveries:
        delivery = await anext(deliveries)
    assert delivery.message.stored_at is not None
    first = delivery.message.stored_at - AHEAD  # the true time, as the server tells once its clock is right
    await DeadlineSweep(bus, told(first)).sweep_once()
    # 3600 s, less the second in which an answer is published; to the millisecond, as the server is told.
    due = first + timedelta(seconds=3599)
    assert abs(await deadline(bus) - due) < timedelta(milliseconds=2)

    for minutes in (1, 2):
        later = told(first + timedelta(minutes=minutes))
        await DeadlineSweep(bus, later).sweep_once()
        await Coordinator(bus, inline, time=later).handle(delivery)  # the message again, which nobody has settled

    assert abs(await deadline(bus) - due) < timedelta(milliseconds=2)
