"""Real server, real processes: a stop while two coordinators work, one is killed, and another starts."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest
from support.commands import beside
from support.processes import NOT_THOSE, TWO
from support.requests_made import data

from bus.language import subjects
from bus.language.messages import FinalEvent, MasterPortfolioFailed, MasterPortfolioOptimized, Reason

if TYPE_CHECKING:
    from support.processes import Site

# Coordinators, and the requests that each computes at a time: as many portfolios may be on their way to the server when
# the stop gets there.
AT_WORK = 2 * 3


async def ask(site: Site, *names: str) -> None:
    for name in names:
        await site.publish(data(name, deadline_s=300, explain="unmet", pod_weights=TWO), name)


async def command(site: Site, *arguments: str) -> None:
    status, out, errors = await beside(*arguments, "--server", site.url)
    assert status == 0, out + errors


def is_stopped(event: FinalEvent) -> bool:
    return isinstance(event, MasterPortfolioFailed) and event.reason is Reason.STOPPED and "a fault" in event.message


@pytest.mark.deep
async def test_a_stop_outlives_the_coordinators_and_every_request_gets_one_final_event(site: Site) -> None:
    running = await site.start_all(but=NOT_THOSE)
    await site.start("coordinator")
    before = [f"before-{number}" for number in range(20)]
    await ask(site, *before)
    await site.final("before-0")

    await command(site, "stop", "--why", "a fault")
    await site.end(running["coordinator"], signal.SIGKILL)
    after = [f"after-{number}" for number in range(10)]
    await ask(site, *after)
    stopped = [await site.final(name) for name in after]
    in_hand = [await site.final(name) for name in before]
    (stop,) = await site.bus.stops()

    # All coordinators are new from here on: none of them heard the stop when it was set.
    for process in [one for one in site.processes if one.returncode is None]:
        await site.end(process, signal.SIGKILL)
    await site.start_all(but=NOT_THOSE)
    await ask(site, "later")
    later = await site.final("later")
    await command(site, "resume", "--why", "mended")
    await ask(site, "resumed")
    resumed = await site.final("resumed")

    assert all(map(is_stopped, stopped))
    assert is_stopped(later)
    assert isinstance(resumed, MasterPortfolioOptimized)
    assert all(is_stopped(event) or isinstance(event, MasterPortfolioOptimized) for event in in_hand)
    finals = await site.bus.record([subjects.ALL_FINALS])
    assert len(finals) == len(before) + len(after) + 2
    assert stop.stored_at is not None
    late = [message for message in finals if b"MasterPortfolioOptimized" in message.data]
    late = [one for one in late if one.stored_at and one.stored_at > stop.stored_at and "resumed" not in one.subject]
    assert len(late) <= AT_WORK
