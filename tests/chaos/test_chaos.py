"""A short run of the real thing: `make chaos` is the same for longer."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from support.depth import much

from bus.language.messages import Reason
from chaos.fleet import OFF_CLOCK, Member
from chaos.history import read
from chaos.links import Link, opened
from chaos.off_clock import off_by
from chaos.schedule import ALL_KINDS, Kind
from chaos.storm import Storm, rage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

PATIENCE_S = 30.0
# Longer than the loopback needs, shorter than anybody waits for.
MOMENT_S = 0.2
# A long request takes longer than the run.
NEMESES = ALL_KINDS - {Kind.LONG_REQUEST}


@pytest.mark.more_examples
@pytest.mark.slow
async def test_under_faults_every_acknowledged_request_ends_in_one_final_event(tmp_path: Path) -> None:
    seconds = much(45, quick=15)
    storm = Storm(seconds * 10 // 3, seconds, faults=seconds * 2 // 3, seed=4, in_flight=30, nemeses=NEMESES)

    outcome = await rage(storm, tmp_path, say=print)

    assert outcome.wrong == ()
    load = outcome.load
    assert len(load.acknowledged) + len(load.abandoned) == load.published
    assert len(load.acknowledged) <= outcome.verdict.finals <= load.published
    assert read((tmp_path / "history.jsonl").read_text(encoding="utf-8").splitlines()) == load.history.events
    assert outcome.verdict.outcomes.keys() <= {"optimised", Reason.DEADLINE_EXCEEDED.value}
    assert outcome.verdict.outcomes["optimised"] > 0
    assert outcome.faults.total() >= storm.faults / 2
    assert outcome.starts > 0, "nothing was killed"


async def test_the_last_words_of_who_ended_by_himself_are_kept_by_life(tmp_path: Path) -> None:
    member = Member("nobody-0", ("no_such_module",), tmp_path, "")
    member.log.write_text("of an earlier life\n", encoding="utf-8")
    life = asyncio.create_task(member.live())
    try:
        async with asyncio.timeout(PATIENCE_S):
            while len(member.ended) < 2:  # noqa: ASYNC110 - no event
                await asyncio.sleep(0.05)
    finally:
        life.cancel()
        await member.end()

    for end in member.ended[:2]:
        assert (end.name, end.status, end.is_own) == ("nobody-0", 1, True)
        assert end.words.count("No module named no_such_module") == 1
        assert "earlier life" not in end.words


class TestLinks:
    @pytest.fixture
    async def link(self) -> AsyncIterator[Link]:
        """A link to somebody who repeats what he is told."""

        async def repeat(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(ConnectionError, asyncio.CancelledError):
                while data := await reader.read(100):
                    writer.write(data)
            writer.close()

        server = await asyncio.start_server(repeat, "127.0.0.1", 0)
        async with AsyncExitStack() as stack:
            stack.callback(server.close)
            yield await stack.enter_async_context(opened(Link("a", "b", server.sockets[0].getsockname()[1])))

    async def test_let_everything_pass(self, link: Link) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", link.port)
        writer.write(b"one")

        assert await _hear(reader) == b"one"
        writer.close()

    @pytest.mark.parametrize(("forwards", "returns"), [(False, False), (False, True), (True, False)])
    async def test_keep_what_is_on_its_way_until_they_are_mended(
        self, link: Link, *, forwards: bool, returns: bool
    ) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", link.port)
        writer.write(b"one")
        assert await _hear(reader) == b"one"

        link.adjust(forwards=forwards, returns=returns)
        writer.write(b"two")
        hearing = asyncio.create_task(_hear(reader))
        done, _ = await asyncio.wait({hearing}, timeout=MOMENT_S)
        assert not done

        link.adjust(forwards=True, returns=True)
        assert await hearing == b"two"
        writer.close()

    async def test_thin_ones_carry_everything_in_order_in_their_time(self, link: Link) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", link.port)
        link.spoil(bytes_per_s=100_000, delay_s=0.005)
        said = b"".join(b"%06d" % number for number in range(5_000))
        began = time.monotonic()
        writer.write(said)
        async with asyncio.timeout(PATIENCE_S):
            heard = await reader.readexactly(len(said) // 2)
            link.spoil()  # what is on its way is not overtaken
            heard += await reader.readexactly(len(said) - len(heard))

        assert heard == said
        # Half of it through the thin line, of which some was spent on the way back.
        assert time.monotonic() - began > len(said) / 2 / 100_000
        writer.close()

    async def test_lossy_ones_end_a_connection(self, link: Link) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", link.port)
        writer.write(b"one")
        assert await _hear(reader) == b"one"

        link.spoil(loss=1)
        writer.write(b"two")

        assert await _ended(reader)
        writer.close()

    async def test_take_nobody_new_while_they_are_cut(self, link: Link) -> None:
        link.adjust(forwards=False, returns=False)
        reader, writer = await asyncio.open_connection("127.0.0.1", link.port)

        assert await _ended(reader)
        writer.close()

    async def test_end_what_there_is_when_reset(self, link: Link) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", link.port)
        writer.write(b"one")
        assert await _hear(reader) == b"one"

        link.adjust(forwards=False, returns=False, reset=True)

        assert await _ended(reader)
        writer.close()


async def _hear(reader: asyncio.StreamReader) -> bytes:
    async with asyncio.timeout(PATIENCE_S):
        return await reader.read(100)


async def _ended(reader: asyncio.StreamReader) -> bool:
    try:
        return await _hear(reader) == b""
    except ConnectionError:
        return True


@pytest.mark.parametrize("module", ["agents", "coordinator"])
async def test_a_clock_that_is_off_is_off_where_our_processes_read_it(module: str, tmp_path: Path) -> None:
    """It starts such a process at no server: that it says so and waits shows that it found what reads the clock."""
    (tmp_path / "clock").write_text("+3600\n", encoding="ascii")
    command = [str(OFF_CLOCK), str(tmp_path / "clock"), module, *(["alpha"] if module == "agents" else [])]
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, "--server", "nats://127.0.0.1:1", stderr=asyncio.subprocess.PIPE
    )
    assert process.stderr is not None
    try:
        async with asyncio.timeout(4 * PATIENCE_S):
            while b"no NATS server answers" not in (line := await process.stderr.readline()):
                assert line, f"it ended with {await process.wait()}"
    finally:
        process.terminate()
        await process.wait()


def test_a_clock_that_is_off_follows_its_file(tmp_path: Path) -> None:
    file = tmp_path / "clock"
    clock = off_by(file)
    for seconds in (0, 3_600, -20):
        file.write_text(f"{seconds:+d}\n", encoding="ascii")

        assert abs((clock.now(UTC) - datetime.now(UTC)).total_seconds() - seconds) < MOMENT_S
