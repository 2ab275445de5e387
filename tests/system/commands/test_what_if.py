"""What-if by the command."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING

from support.commands import here
from support.requests_made import REFERENCE, ROOT

if TYPE_CHECKING:
    from pathlib import Path

EVENT = ROOT / "tests" / "contract" / "v1" / "messages" / "reference.MasterPortfolioOptimized.json"


def test_a_frontier_is_shown_and_written(tmp_path: Path) -> None:
    file = tmp_path / "points.json"

    status, rows, shown = here("frontier", str(REFERENCE), "--max-etfs", "10..12", "--csv", "-", "--json", str(file))

    points = json.loads(file.read_bytes())
    assert status == 0
    assert [row["outcome"] for row in csv.DictReader(io.StringIO(rows))] == [point["outcome"] for point in points]
    assert [point["outcome"] for point in points] == ["rules_conflict", "optimised", "optimised"]
    assert f"{points[2]['objective']:.5f}" in shown
    assert "What the most ETFs that may be held costs" in shown


def test_a_fifth_pod_s_share_is_swept_with_its_mandate(tmp_path: Path) -> None:
    request = json.loads(REFERENCE.read_bytes())
    file = tmp_path / "request.json"
    file.write_text(json.dumps({**request, "pod_weights": {"alpha": 0.5, "epsilon": 0.5}}), encoding="utf-8")

    status, shown, _ = here(
        "frontier", str(file), "--share", "epsilon=0.4..0.6", "--steps", "2",
        "--mandate", str(ROOT / "examples" / "fifth-pod" / "epsilon.toml"),
    )  # fmt: skip

    assert status == 0
    assert "What the share of epsilon costs" in shown


def test_what_is_not_possible_is_said(tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    other.write_text("[]", encoding="utf-8")

    for arguments, expected, said in (
        (("frontier", str(REFERENCE), "--max-etfs", "4..5"), 1, "No value allows a portfolio"),
        (("frontier", str(REFERENCE), "--max-etfs", "many"), 2, "'many' is no range; write it as 4..15"),
        (("frontier", str(REFERENCE), "--share", "alpha=0.4..0.1"), 2, "give shares from 0 to 1"),
        (("frontier", str(REFERENCE), "--share", "alpha=0..1", "--max-etfs", "4..5"), 2, "one rule is swept at a time"),
        (("frontier", str(REFERENCE), "--market", "nowhere", "--share", "alpha=0..1"), 1, "unknown market nowhere"),
        (("frontier", str(REFERENCE), "--share", "omega=0..0.5", "--steps", "2"), 2, "omega"),
        (("compare", str(REFERENCE), str(EVENT)), 1, "is a final event and"),
        (("compare", str(REFERENCE), str(other)), 1, "is neither a request nor a final event"),
    ):
        status, shown, errors = here(*arguments)
        assert said in " ".join((shown + errors).split()), arguments
        assert status == expected, arguments
        assert "Traceback" not in errors


def test_two_files_are_compared() -> None:
    status, same, _ = here("compare", str(REFERENCE), str(REFERENCE))
    _, shown, _ = here("compare", str(EVENT), str(EVENT))

    assert (status, same) == (0, "They ask the same.\n")
    assert "0.00 % of the capital is held otherwise." in shown
    assert shown.isascii()
