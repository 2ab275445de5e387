"""Tests that share what they start are run by one worker."""

from __future__ import annotations

import pytest


@pytest.mark.xdist_group("alone")
def test_a_worker_is_told_the_group_of_a_test_by_its_id(request: pytest.FixtureRequest) -> None:
    in_a_worker = getattr(request.config.option, "loadgroup", False)
    assert request.node.nodeid.endswith("@alone") == in_a_worker
