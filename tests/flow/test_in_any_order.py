"""The same request has the same answer, whatever the processes answered before."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest
from support.requests_made import ROOT


@pytest.mark.parametrize("count", [30, pytest.param(1_000, marks=pytest.mark.deep)])
def test_requests_in_any_order_are_answered_as_each_alone(count: int) -> None:
    told = subprocess.run(  # noqa: S603 - our own Python
        [sys.executable, "-m", "support.in_any_order", str(count), "1"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}", "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    found = re.fullmatch(r"(\d+) answered, (\d+) with a portfolio, differ: (.*)\n", told)
    assert found is not None, told
    assert (int(found[1]), found[3]) == (count, "[]")
    assert int(found[2]) > count / 2
