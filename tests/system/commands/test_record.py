"""The record of one request, from a secure system's archive and from an exported copy alone."""

from __future__ import annotations

import asyncio
import hashlib
import json
from typing import TYPE_CHECKING

import pytest
from lxml import html
from support.commands import beside
from support.programs import CHROMIUM
from support.requests_made import ROOT

from bus.language import subjects
from bus.language.messages import OrderFilled
from bus.topology.roles import ADVISER, ARCHIVIST, DESK, OBSERVER, REQUESTER, inbox_of
from bus.transports.jetstream import connect
from cli.client.fills import publish_fills

if TYPE_CHECKING:
    from pathlib import Path

    from support.processes import SecureSystem

PATIENCE_S = 240.0
NAME = "recorded"
SECTIONS = (
    "What was said, and when",
    "What was relied on, and not checked",
    "What was not considered",
    "What each target gets",
    "Holdings today and suggested",
    "Cost of the switch",
    "section 947D",
    "Warnings to the customer",
    "Remuneration and conflicts",
    "How sure is this?",
    "docs/algorithm.md",
    "Signatures and checks",
    "Where a lawyer must look",
)


FILLED = OrderFilled.model_validate_json((ROOT / "examples" / "messages" / "OrderFilled.json").read_bytes())


async def challenged(secure: SecureSystem, request_id: str) -> None:
    """Wait until the challenge of a request is archived."""
    async with asyncio.timeout(PATIENCE_S), connect(secure.connection(ARCHIVIST)) as bus:
        while not [one async for one in bus.archived(subjects.challenge(request_id))]:  # noqa: ASYNC110
            await asyncio.sleep(0.1)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


async def test_the_record_is_complete_and_the_same_from_the_copy_alone(secure: SecureSystem, tmp_path: Path) -> None:
    request = ROOT / "examples" / "existing-investor.json"
    await secure.request(NAME, *secure.as_role(REQUESTER), file=request)
    await challenged(secure, NAME)
    approved = await beside("approve", NAME, "--server", secure.url, *secure.as_role(ADVISER))
    fills = [FILLED.model_copy(update={"request_id": NAME, "fill_id": one}) for one in ("S-1", "S-2")]
    async with connect(secure.connection(DESK)) as desk:
        await publish_fills(desk, fills)
    server = ("--server", secure.url, *secure.as_role(ARCHIVIST))
    copy, keys = tmp_path / "copy", ("--keys", str(secure.keys.folder))

    sealed, seals, _ = await beside("archive", "seal", *server)
    exported, told, errors = await beside("archive", "export", str(copy), *server)
    verified, proof, _ = await beside("archive", "verify", str(copy), "--key", str(secure.keys.public(ARCHIVIST)))
    status, checks, problems = await beside("record", NAME, "-o", str(tmp_path / "one"), *server, *keys)
    again, _, _ = await beside("record", NAME, "-o", str(tmp_path / "two"), "--from", str(copy), *keys)
    customer = json.loads(request.read_bytes())["customer"]["customer_id"]
    found, shown, _ = await beside("archive", "show", "--customer", customer, "--from", str(copy))
    stranger = (*secure.as_role(OBSERVER), "--inbox-prefix", inbox_of(OBSERVER))
    refused, _, why = await beside("archive", "show", "--request", NAME, "--server", secure.url, *stranger)

    assert (sealed, exported, verified, errors) == (0, 0, 0, ""), (seals, told, proof)
    assert (approved[0], status, again) == (0, 0, 0), (approved, checks, problems)
    assert "the adviser approved this event" in checks
    files = contents(tmp_path / "one")
    assert files == contents(tmp_path / "two")
    pods = ("alpha", "beta", "delta", "gamma")
    assert set(files) >= {
        "request.json",
        *(f"pod-{pod}.json" for pod in pods),
        "final.json",
        "challenge.json",
        "approval.json",
        "fill-S-1.json",
        "fill-S-2.json",
        "messages.jsonl",
        "market/etfs.csv",
        "report.html",
        "record.html",
        "manifest.json",
    }
    async with connect(secure.connection(OBSERVER)) as bus:
        stored = {one.subject: one.data for one in await bus.record(subjects.of_request(NAME))}
    assert files["final.json"] == stored[subjects.final(NAME)]
    assert files["request.json"] == stored[subjects.request(NAME)]
    listed = json.loads(files["manifest.json"])["files"]
    assert {name: one["sha256"] for name, one in listed.items()} == {
        name: hashlib.sha256(content).hexdigest() for name, content in files.items() if name != "manifest.json"
    }
    assert f"podfolio.v1.final.{NAME}" in shown
    page = " ".join(html.fromstring(files["record.html"]).text_content().split())
    for section in SECTIONS:
        assert section in page
    # The cost of the switch in the event, in cents, and the fees before and after.
    event = json.loads(files["final.json"])
    for amount in (event["switch"]["tax_aud"], event["today"]["fees_aud"], event["suggested"]["fees_aud"]):
        assert f"{amount:,.2f}" in page
    assert (found, refused) == (0, 1)
    assert "ermission" in why


@pytest.mark.deep
async def test_the_pages_are_printed_too_and_a_second_record_must_be_the_same(
    secure: SecureSystem, tmp_path: Path
) -> None:
    CHROMIUM.path()
    await secure.request("printed", *secure.as_role(REQUESTER))
    await challenged(secure, "printed")
    server = ("--server", secure.url, *secure.as_role(ARCHIVIST))
    out = tmp_path / "record"

    # Not sealed yet, and no keys are given: open.
    status, _, _ = await beside("record", "printed", "-o", str(out), *server, "--pdf")
    unknown, _, why = await beside("record", "never-asked", "-o", str(tmp_path / "none"), *server)
    (out / "final.json").write_bytes(b"{}")
    differs, _, stays = await beside("record", "printed", "-o", str(out), *server)

    assert (status, unknown, differs) == (3, 1, 1)
    assert (out / "record.pdf").read_bytes().startswith(b"%PDF")
    assert (out / "report.pdf").read_bytes().startswith(b"%PDF")
    assert "no final event of never-asked" in why
    assert "is there with another content, and stays" in stays
