"""``podfolio validate``: every error that is known without a server, in one go."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest
from support.commands import here
from support.requests_made import OUTLOOK, ROOT, body
from support.unspaced import unspaced

if TYPE_CHECKING:
    from pathlib import Path

EXAMPLES = sorted((ROOT / "examples").glob("*.json"))
EPSILON = ROOT / "examples" / "fifth-pod" / "epsilon.toml"


def validate(folder: Path, *options: str, **changes: object) -> tuple[int, list[str]]:
    file = folder / "request.json"
    file.write_text(json.dumps(body("r1", **changes)), encoding="utf-8")
    status, out, errors = here("validate", str(file), *options)
    assert errors == ""
    return status, unspaced(out).splitlines()


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_every_example_is_valid(file: Path) -> None:
    assert here("validate", str(file)) == (0, f"{file}: valid\n", "")


def test_more_mistakes_are_said_than_a_refusal_has_room_for(tmp_path: Path) -> None:
    fields = {f"field_{i}": i for i in range(30)}
    status, lines = validate(tmp_path, deadline_s="30", **fields)

    assert status == 1
    assert "not valid, errors: 31" in lines[0]
    assert len(lines) == 32


def test_what_two_checks_find_is_said_in_one_go(tmp_path: Path) -> None:
    status, lines = validate(
        tmp_path, rules={"never_buy": ["VFA"], "never_sell": ["ZZZ"]}, pod_weights={"alpha": 0.5, "omega": 0.5}
    )

    assert status == 1
    assert any("rules.never_buy names VFA (VAF?)" in line for line in lines)
    assert any("rules.never_sell names ZZZ" in line for line in lines)
    assert any("pod omega is not on this machine" in line for line in lines)


def test_names_are_checked_beside_other_mistakes(tmp_path: Path) -> None:
    status, lines = validate(
        tmp_path, market="asx-outlok-2025-12", pod_weights={"alpha": 50, "gama": 0.5}, rules={"max_weight": 30}
    )

    assert status == 1
    assert any("write 50% as 0.5" in line for line in lines)
    assert any("market asx-outlok-2025-12 (asx-outlook-2025-12?)" in line for line in lines)
    assert any("pod gama (gamma?)" in line for line in lines)


def test_a_field_given_twice_is_said_beside_other_mistakes(tmp_path: Path) -> None:
    file = tmp_path / "request.json"
    file.write_text(json.dumps(body("r1", deadline_s="soon"))[:-1] + ',"market":"a"}', encoding="utf-8")

    status, out, _ = here("validate", str(file))

    assert status == 1
    assert "market is given twice" in out
    assert 'deadline_s is "soon"' in out


def test_a_pod_that_cannot_take_part_is_said(tmp_path: Path) -> None:
    status, lines = validate(tmp_path, rules={"never_buy": ["BILL", "VAF", "VGB"]})

    assert status == 1
    assert any(
        "alpha may put at most 60% into one ETF, but only 1 of its 4 ETFs can be bought" in line for line in lines
    )


def test_a_target_out_of_reach_is_said_only_where_none_may_give_way(tmp_path: Path) -> None:
    unreachable = {"market": OUTLOOK, "pod_weights": {"delta": 1.0}}

    assert validate(tmp_path, **unreachable)[0] == 0
    status, lines = validate(tmp_path, **unreachable, on_unreachable="fail")
    assert status == 1
    assert "at least 15.00% was asked" in lines[1]


def test_names_of_goals_and_pairs_are_checked(tmp_path: Path) -> None:
    status, lines = validate(tmp_path, priorities={"gamma.sharp_ratio": 1}, correlation_limits={"alpha-gama": 0.5})

    assert status == 1
    assert "priorities names gamma.sharp_ratio (gamma.sharpe_ratio?)" in lines[1]
    assert "correlation_limits names alpha-gama (alpha-gamma?)" in lines[2]


def test_an_account_that_cannot_be_is_said(tmp_path: Path) -> None:
    parcel = {"acquired": "2005-01-02", "units": 10, "cost_base_aud": 900.0}
    account = {
        "as_of": "2025-11-10",
        "cash_aud": 50_000.0,
        "holdings": [{"ticker": ticker, "units": 10, "parcels": [parcel]} for ticker in ("VAS", "VGS")],
    }
    status, lines = validate(tmp_path, customer={"customer_id": "c"}, account=account)

    assert status == 1
    # The first day of each: etfs.csv of the market.
    assert "a parcel of VAS was acquired on 2005-01-02, before there was any: since 2009-05-04" in lines[1]
    assert "; one of VGS on 2005-01-02, since 2014-11-18; correct acquired" in lines[1]


def test_a_market_that_only_a_server_may_have_leaves_the_verdict_open(tmp_path: Path) -> None:
    status, lines = validate(tmp_path, market="house-2025-11")

    assert status == 3
    assert "market house-2025-11 is not on this machine: give its folder (--market)" in lines[1]


def test_a_market_that_is_given_is_used(tmp_path: Path) -> None:
    folder = tmp_path / "elsewhere" / "house-2025-11"
    shutil.copytree(ROOT / "portfolio" / "markets" / OUTLOOK, folder)

    assert validate(tmp_path, "--market", str(folder), market="house-2025-11")[0] == 0
    status, lines = validate(tmp_path, "--market", str(folder), market="house-2025-11", rules={"never_buy": ["VFA"]})
    assert status == 1
    assert "VFA (VAF?), unknown in market house-2025-11" in lines[1]


def test_a_pod_of_one_s_own_is_given_by_its_mandate() -> None:
    file = ROOT / "examples" / "fifth-pod" / "five-pods.json"

    assert here("validate", str(file))[0] == 3
    assert here("validate", str(file), "--mandate", str(EPSILON))[0] == 0


def test_a_file_that_is_not_there_is_a_wrong_argument(tmp_path: Path) -> None:
    assert here("validate", str(tmp_path / "none.json"))[0] == 2


@pytest.mark.parametrize("text", [b"not json", b"[]", b"\xff\xfe{\x00}\x00", b"[" * 50_000])
def test_a_file_that_is_no_request_is_not_valid(tmp_path: Path, text: bytes) -> None:
    file = tmp_path / "request.json"
    file.write_bytes(text)

    assert here("validate", str(file))[0] == 1
