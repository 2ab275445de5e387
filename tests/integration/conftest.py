"""The cluster of deploy/nats, for the tests that need one."""

from __future__ import annotations

import signal
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from support.deployed import NAMES, PODS, Cluster
from support.requests_made import ROOT

from cli.trust.keys import make_keys

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path


@pytest.fixture
async def cluster(tmp_path: Path, unused_tcp_port_factory: Callable[[], int]) -> AsyncIterator[Cluster]:
    """The cluster, with nothing running yet."""
    made = Cluster(tmp_path, *({name: unused_tcp_port_factory() for name in NAMES} for _ in range(2)))
    make_keys(made.keys.folder, PODS, routes=("127.0.0.1",), now=datetime.now(UTC))
    (tmp_path / "routes").symlink_to(made.keys.folder)
    routes = {name: unused_tcp_port_factory() for name in NAMES}
    deployed = (ROOT / "deploy" / "nats" / "cluster.conf").read_text(encoding="utf-8")
    for name in NAMES:
        deployed = deployed.replace(f"nats-route://{name}.nats:6222", f"nats-route://127.0.0.1:{routes[name]}")
    deployed = deployed.replace("/etc/nats", str(tmp_path))
    for name in NAMES:
        text = deployed.replace('"/data"', f'"{tmp_path / name}"')
        text = text.replace("0.0.0.0:4222", f"127.0.0.1:{made.clients[name]}")
        text = text.replace("0.0.0.0:6222", f"127.0.0.1:{routes[name]}")
        (tmp_path / f"{name}.conf").write_text(text, encoding="utf-8")
    yield made
    for name in list(made.running):
        await made.end(name, signal.SIGKILL)
