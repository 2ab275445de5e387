"""A sender's own ``Nats-Msg-Id``: the server drops a second message under it, and the documents say so."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import nats
import pytest
from support.requests_made import ROOT, data

from bus.language import subjects
from bus.language.messages import parse_request
from bus.transports.envelope import publish

if TYPE_CHECKING:
    from support.site import Site

# The library waits half a second unless told; a busy machine takes longer.
PATIENCE_S = 240.0


@pytest.mark.parametrize("header", ["Nats-Msg-Id", "nats-msg-id"])
async def test_a_second_request_under_one_message_id_is_dropped_and_acknowledged_as_the_first(
    jetstream_site: Site, server_url: str, header: str
) -> None:
    client = await nats.connect(server_url)
    try:
        told = []
        for name in ("first", "second"):
            answer = await client.request(
                subjects.request(name), data(name), headers={header: "of-the-customer"}, timeout=PATIENCE_S
            )
            told.append(json.loads(answer.data))
        stored = await jetstream_site.bus.record([subjects.request("*")])
    finally:
        await client.close()

    if header == "Nats-Msg-Id":
        assert told[1] == {"stream": "PODFOLIO", "seq": told[0]["seq"], "duplicate": True}
        assert [message.subject for message in stored] == [subjects.request("first")]
    else:  # the server's headers are read as they are written
        assert len(stored) == 2


async def test_our_own_requests_are_stored_whoever_used_their_ids(jetstream_site: Site, server_url: str) -> None:
    client = await nats.connect(server_url)
    try:
        await client.request(
            subjects.request("first"), data("first"), headers={"Nats-Msg-Id": "second"}, timeout=PATIENCE_S
        )
    finally:
        await client.close()
    request = parse_request(data("second"), "second")
    await publish(jetstream_site.bus, subjects.request("second"), request, source="/test", now=datetime.now(UTC))

    assert len(await jetstream_site.bus.record([subjects.request("*")])) == 2


def test_the_documents_say_what_becomes_of_it() -> None:
    text = " ".join((ROOT / "docs" / "clients.md").read_text(encoding="utf-8").split())

    assert "Give no `Nats-Msg-Id`, or one per request, such as the `request_id`" in text
    assert '`"duplicate": true`' in text
