"""One system for the tests that leave it as it is, and a site of its own for each that does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.processes import Site, site_of_its_own

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    """A server with nothing running on it."""
    async with site_of_its_own(tmp_path) as made:
        yield made
