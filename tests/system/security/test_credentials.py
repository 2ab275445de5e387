"""A server that asks who you are: the same commands, with a key."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import nkeys
from support.commands import beside, here
from support.processes import NOT_THOSE, TWO, Site, podfolio
from support.requests_made import REFERENCE, data

from bus.administration import server
from bus.transports.jetstream import Connection, connect

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_a_file_without_a_secret_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "requester.pub").write_text(
        "UAEYUHYJMRWE4ILAASUV3JUZVMPUDJ62TYGS2QGKUTYZMXVXGXFV3NHJ\n", encoding="ascii"
    )
    for option in ("--nkey-seed", "--credentials"):
        status, _, errors = here("request", str(REFERENCE), option, str(tmp_path / "requester.pub"))

        assert status == 1
        assert "holds no secret" in errors
        assert "Traceback" not in errors


async def test_processes_and_commands_work_with_an_nkey_and_not_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed = nkeys.encode_seed(os.urandom(32), nkeys.PREFIX_BYTE_USER)
    public = nkeys.from_seed(bytearray(seed)).public_key.decode()
    key = tmp_path / "user.nk"
    key.write_bytes(seed)
    template = vars(server)["_CONFIGURATION"] + f'authorization {{{{ users: [{{{{nkey: "{public}"}}}}] }}}}\n'
    monkeypatch.setattr(server, "_CONFIGURATION", template)
    asked = tmp_path / "request.json"
    asked.write_bytes(data(pod_weights=TWO))

    async with server.embedded_server(tmp_path / "store", log=tmp_path / "log") as url:
        refused, _, errors = await beside("setup", "--server", url)
        done, told, _ = await beside("setup", "--server", url, "--nkey-seed", str(key))
        _, told_again, _ = await beside("setup", "--server", url, "--nkey-seed", str(key))
        monkeypatch.setenv("PODFOLIO_NATS_NKEY_SEED", str(key))
        async with connect(Connection(servers=url, nkey_seed=key)) as bus:
            site = Site(url, bus, tmp_path)
            try:
                await site.start_all(but=NOT_THOSE)
                answered, page, _ = await podfolio("request", str(asked), "--server", url)
            finally:
                await site.end_all()

    assert (refused, done, answered) == (1, 0, 0)
    assert "refuses these credentials" in errors
    # Whoever has streams elsewhere on this server must not take the new ones for those.
    assert "The streams are new and empty" in told
    assert "new and empty" not in told_again
    assert "Model portfolio" in page
