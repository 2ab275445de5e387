"""A sweep that cannot be is refused before anything is solved."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from support.commands import here
from support.requests_made import REFERENCE, body

from cli.what_if.frontier import Sweep

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _solves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def points(*_: object) -> None:
        pytest.fail("it was solved")

    monkeypatch.setattr(Sweep, "points", points)


@pytest.mark.parametrize(
    ("share", "said"),
    [
        ("omega=0..0.4", "unknown pod omega: name one of alpha, beta, delta, gamma"),
        ("gama=0..0.4", "unknown pod gama (gamma?)"),
        ("=0..0.4", "unknown pod : name one of"),
        ("alpha", "is no range"),
        ("alpha=10..40", "write 40 % as 0.4"),
    ],
)
def test_a_pod_that_is_not_known_is_a_wrong_option(share: str, said: str) -> None:
    status, _, errors = here("frontier", str(REFERENCE), "--share", share)

    assert status == 2
    assert said in " ".join(errors.split())


def test_a_pod_that_has_all_the_capital_has_no_other_to_share_with(tmp_path: Path) -> None:
    file = tmp_path / "one.json"
    file.write_text(json.dumps(body("one", pod_weights={"gamma": 1.0})), encoding="utf-8")

    status, _, errors = here("frontier", str(file), "--share", "gamma=0.2..0.8")

    assert status == 2
    assert "gamma has all the capital" in " ".join(errors.split())


@pytest.mark.parametrize("sweep", [(), ("--share", "alpha=0..0.4")])
@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"market": "asx-outlok-2025-12"}, "unknown market asx-outlok-2025-12"),
        ({"rules": {"never_buy": ["VFA"]}}, "VFA (VAF?)"),
        ({"pod_weights": {"alpha": 0.5, "omega": 0.5}}, "unknown pod omega"),
    ],
)
def test_a_request_that_no_system_would_work_on_is_refused_once(
    tmp_path: Path, sweep: tuple[str, ...], changes: dict[str, object], said: str
) -> None:
    file = tmp_path / "request.json"
    file.write_text(json.dumps(body("refused", **changes)), encoding="utf-8")

    status, out, errors = here("frontier", str(file), *sweep)

    assert (status, out) == (1, "")
    assert " ".join(errors.split()).count(said) == 1
