"""One system for the tests that leave it as it is, and a site of its own for each that does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.ports import free_ports
from support.processes import SecureSystem, Site, connected, kept_open, secure_system, site_of_its_own, site_with_all
from support.secrets import leaks, secrets

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

SHARED = ("everything_runs", "secure")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Have the tests that share a system run in one worker, so that it is started once."""
    for item in items:
        for fixture in SHARED:
            if isinstance(item, pytest.Function) and fixture in item.fixturenames:
                item.add_marker(pytest.mark.xdist_group(fixture))


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    """A server with nothing running on it."""
    async with site_of_its_own(tmp_path) as made:
        yield made


@pytest.fixture(scope="session")
def everything_runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A server with an agent of every pod and a coordinator, started once."""
    with kept_open(site_with_all(tmp_path_factory.mktemp("everything"))) as made:
        yield made


@pytest.fixture
async def shared(everything_runs: Site) -> AsyncIterator[Site]:
    """A site where everything runs, which other tests have too: whoever asks, asks under ids of the test's own."""
    async with connected(everything_runs) as made:
        yield made


@pytest.fixture(scope="session")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecureSystem]:
    """What ``podfolio up --secure`` runs, started once: whoever asks, asks under ids of the test's own."""
    with kept_open(secure_system(tmp_path_factory.mktemp("secure"), free_ports(1)[0])) as made:
        yield made
    # Whatever the tests did, and the processes at their end.
    assert leaks({"log": made.log.read_bytes()}, secrets(made.keys.folder)) == set(), "a secret is in the log"
