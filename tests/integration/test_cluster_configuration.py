"""The example of a cluster in deploy/ is one that the server takes, and as careful as it says."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path

from requests_made import ROOT

from cli.keys import make_keys

PATIENCE_S = 90


async def test_the_cluster_s_configuration_is_valid(tmp_path: Path) -> None:
    make_keys(tmp_path / "keys", ("alpha",), hosts=("nats-1",), now=datetime.now(UTC))
    # Routes have certificates of their own; any will do for reading the configuration.
    shutil.copytree(tmp_path / "keys", tmp_path / "routes")
    deployed = (ROOT / "deploy" / "nats" / "cluster.conf").read_text(encoding="utf-8")
    here = tmp_path / "cluster.conf"
    here.write_text(deployed.replace("/etc/nats", str(tmp_path)).replace("/data", str(tmp_path)), encoding="utf-8")

    check = await asyncio.create_subprocess_exec(
        Path(sys.executable).parent / "nats-server",
        "-t",
        "-c",
        here,
        env={**os.environ, "NATS_NAME": "nats-1"},
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(PATIENCE_S):
        _, told = await check.communicate()

    assert check.returncode == 0, told.decode()
    assert "sync_interval: always" in deployed
