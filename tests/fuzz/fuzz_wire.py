"""Throw nasty frames at a whole system for as long as one likes: ``make fuzz``, or ``fuzz_wire.py FRAMES [SEED]``.

A server, an agent of every pod, a coordinator, and an observer; after every thousand frames a good request must be
answered, every process alive and every queue empty. It ends with status 1 and a sentence when one is not. No test of
pytest's.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from contextlib import aclosing
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from fuzz.frames import nasty_frames, throw
from support.processes import log_lines, site_of_its_own
from support.requests_made import data

from agents import mandate_files
from bus.language.messages import MasterPortfolioOptimized
from bus.port import COORDINATORS, DEADLINES, pod_queue

if TYPE_CHECKING:
    from support.processes import Site

AT_A_TIME = 1_000
# The messages of a forged deadline are looked for ten times, a second apart.
EMPTY_S = 300


async def observe(site: Site, seen: list[int]) -> None:
    """Note the sequence of everything that is stored."""
    async with aclosing(site.bus.follow(everything=True)) as messages:
        async for message in messages:
            seen[0] = message.sequence


async def well(site: Site, number: int) -> str:
    """Say what is not as it should be; empty if all is."""
    await site.publish(data(f"good-{number}", deadline_s=120), f"good-{number}")
    event = await site.final(f"good-{number}", patience_s=130)
    if not isinstance(event, MasterPortfolioOptimized):
        return f"a good request was answered with {event.reason}: {event.message}"
    async with asyncio.timeout(EMPTY_S):
        for queue in (COORDINATORS, DEADLINES, *map(pod_queue, mandate_files.bundled())):
            while (length := await site.bus.backlog(queue)).waiting or length.in_hand:  # noqa: ASYNC110
                await asyncio.sleep(0.2)
    lines = [*log_lines(site.folder, "agents"), *log_lines(site.folder, "coordinator")]
    crashed = [line for line in lines if line["event"] in {"delivery.crashed", "bus.useless", "bus.reconnected"}]
    return f"a delivery crashed: {crashed[0]}" if crashed else ""


async def main(frames: int, seed: int) -> int:
    """Run it; returns the exit status."""
    chance, seen, stored = Random(seed), [0], 0  # noqa: S311 - the same each time
    with tempfile.TemporaryDirectory() as folder:
        async with site_of_its_own(Path(folder)) as site:
            running = await site.start_all()
            observing = asyncio.create_task(observe(site, seen))
            for done in range(0, frames, AT_A_TIME):
                port = int(site.url.rpartition(":")[2])
                stored += await throw(port, nasty_frames(chance, count=min(AT_A_TIME, frames - done)))
                problem = await well(site, done)
                ended = [name for name, process in running.items() if process.returncode is not None]
                if problem or ended or observing.done():
                    print(f"after {done} frames of seed {seed}: {problem or f'{ended or observing} ended'}")  # noqa: T201
                    return 1
                last = (await site.bus.ask_api("STREAM.INFO.PODFOLIO"))["state"]["last_seq"]
                print(f"{done + AT_A_TIME} frames, {stored} stored, observer {last - seen[0]} behind", flush=True)  # noqa: T201
            observing.cancel()
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1)))
