"""The coordinator's option --provider: read at the start of the process, a wrong file refused."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from support.requests_made import data

from bus.language import subjects
from bus.language.messages import Provider, parse_final

if TYPE_CHECKING:
    from pathlib import Path

    from support.processes import Site


async def test_a_coordinator_reads_the_file_at_its_start_and_refuses_a_wrong_one(site: Site, tmp_path: Path) -> None:
    right, wrong = tmp_path / "right.toml", tmp_path / "wrong.toml"
    right.write_text('name = "Example Advice Pty Ltd"\n', encoding="utf-8")
    wrong.write_text("licence = 1\n", encoding="utf-8")

    refused, name = await site.launch("coordinator", "--provider", str(wrong))
    await refused.wait()
    await site.start("coordinator", PODFOLIO_PROVIDER=str(right))
    await site.bus.publish_once(subjects.request("r1"), data(market="nowhere"), message_id="r1", headers={})
    async with asyncio.timeout(30):
        while not (found := await site.bus.record([subjects.final("r1")])):  # noqa: ASYNC110 - bounded
            await asyncio.sleep(0.05)

    assert refused.returncode == 2
    assert "'licence' is not known: give one of name" in " ".join(
        (site.folder / f"{name}.log").read_text(encoding="utf-8").split()
    )
    assert parse_final(found[0].data).provider == Provider(name="Example Advice Pty Ltd")
