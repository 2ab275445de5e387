"""A mistake in a request is told with what to write instead: percentages, days, names near others."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from support.requests_made import data

from agents import mandate_files
from bus.language import mends
from bus.language.messages import BadMessageError, OptimizationRequest, parse_request
from bus.language.subjects import request as subject_of
from bus.port import Message
from coordinator.decisions import Fail, admit
from portfolio.errors import DataError
from portfolio.names import doubted

if TYPE_CHECKING:
    from collections.abc import Iterator

# Fields whose bounds are those of a fraction, and that nobody states in per cent.
NO_PERCENTAGES = {"rules.min_correlation_distance"}


def refused(sent: bytes, request_id: str = "r1") -> str:
    with pytest.raises(BadMessageError) as error:
        parse_request(sent, request_id)
    return str(error.value)


def account(**changes: object) -> dict[str, Any]:
    parcel = {"acquired": "2020-01-02", "units": 10, "cost_base_aud": 900.0}
    holding = {"ticker": "VAS", "units": 10, "parcels": [parcel]}
    return {"as_of": "2025-11-10", "cash_aud": 50_000.0, "holdings": [holding], **changes}


def owning(**changes: object) -> bytes:
    return data("r1", customer={"customer_id": "c"}, account=account(**changes))


def test_a_field_that_belongs_elsewhere_is_not_told_to_be_written_as_it_is() -> None:
    # goals have a name, customers have none.
    assert (
        refused(data("r1", customer={"customer_id": "c", "name": "Jo"})) == "customer.name is not known: leave it out"
    )


def test_less_than_zero_is_no_percentage() -> None:
    parcel = {"acquired": "2020-01-02", "units": -5, "cost_base_aud": 900.0}

    told = refused(owning(holdings=[{"ticker": "VAS", "units": -5, "parcels": [parcel]}]))

    assert "units is -5: give at least 1;" in f"{told};"
    assert "%" not in told
    # On the same side of zero as the bound it is one.
    assert mends.fraction(-30, -1.0) == "write -30 % as -0.3"


def bounded(schema: dict[str, Any], part: dict[str, Any], path: str = "") -> Iterator[tuple[str, float]]:
    """Find every number of a request that is at most one, by its path, and its bound."""
    if "$ref" in part:
        part = schema["$defs"][part["$ref"].rpartition("/")[2]]
    for each in (part, *part.get("anyOf", ())):
        if each.get("type") == "number" and 0 < each.get("maximum", 9) <= 1:
            yield path, each["maximum"]
        for name, inner in each.get("properties", {}).items():
            yield from bounded(schema, inner, f"{path}.{name}".strip("."))
        for inner in (each.get("additionalProperties"), *each.get("patternProperties", {}).values()):
            if isinstance(inner, dict):
                yield from bounded(schema, inner, f"{path}.*")
        if each is not part and "$ref" in each:
            yield from bounded(schema, each, path)
        if isinstance(each.get("items"), dict):
            yield from bounded(schema, each["items"], f"{path}.0")


SCHEMA = OptimizationRequest.model_json_schema()
FRACTIONS = dict(bounded(SCHEMA, SCHEMA))


def test_the_fractions_of_a_request_are_found() -> None:
    assert {"pod_weights.*", "rules.max_weight", "customer.marginal_tax_rate", "account.cash_rate"} <= set(FRACTIONS)
    assert {"goals.0.wanted_probability", "inflation", "target_tolerance"} <= set(FRACTIONS)


@pytest.mark.parametrize("path", sorted(set(FRACTIONS) - NO_PERCENTAGES))
def test_every_percentage_is_told_as_a_fraction(path: str) -> None:
    # As a percentage, this is within every bound: a tenth of it.
    percent = FRACTIONS[path] * 10 if FRACTIONS[path] * 10 > 1 else FRACTIONS[path] * 90
    said = refused(_with(path, percent))

    assert f"write {percent:.15g} % as {percent / 100:.12g}" in said, said


def _with(path: str, value: float) -> bytes:
    """Make a request that has *value* at *path*, within objects that lack all else."""
    first, *rest = path.replace("*", "alpha-beta" if path.startswith("correlation") else "alpha").split(".")
    inner: Any = value
    for name in reversed(rest):
        inner = [inner] if name.isdigit() else {name: inner}
    return data("r1", **{first: inner})


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("15%", "write 15 % as 0.15"),
        ("2.5 %", "write 2.5 % as 0.025"),
        ("0.3", "write 0.3, without quotation marks"),
    ],
)
def test_a_share_as_text_is_told_as_a_number(written: str, said: str) -> None:
    assert f'rules.max_weight is "{written}": give a number ({said})' in refused(
        data("r1", rules={"max_weight": written})
    )


def test_an_amount_as_text_is_told_without_its_thousands() -> None:
    for written in ("100,000", "$100,000", "100 000", "AUD 100000"):
        said = refused(data("r1", customer={"customer_id": "c", "total_capital_aud": written}))
        assert "write 100000, without quotation marks" in said, written


def test_a_target_of_a_pod_is_told_as_a_fraction() -> None:
    assert "write 15 % as 0.15" in refused(data("r1", pod_targets={"gamma.expected_return": 15}))


def test_a_position_of_a_mandate_is_told_as_a_fraction() -> None:
    mandate = mandate_files.load("alpha")

    with pytest.raises(DataError, match=r"max_position of alpha is 60; .* write 60 % as 0\.6"):
        replace(mandate, max_position=60)


@pytest.mark.parametrize("value", [True, 1.0, 0.5, "soon", None, 1e9])
def test_what_is_no_percentage_is_told_as_none(value: object) -> None:
    assert mends.fraction(value, 1.0) is None


@pytest.mark.parametrize(
    "written",
    [
        "10/11/2025",
        "10.11.2025",
        "10-11-2025",
        "10/11/25",
        "2025/11/10",
        "20251110",
        20251110,
        "2025-11-10T09:30:00Z",
        "10 Nov 2025",
        "10 November 2025",
        "10-Nov-2025",
        "Nov 10, 2025",
        "10th November 2025",
    ],
)
def test_a_day_in_another_form_is_told_as_it_is_to_be_written(written: object) -> None:
    said = refused(owning(as_of=written))

    assert "write 2025-11-10 for 10 November 2025" in said, said


def test_every_day_of_a_request_is_mended() -> None:
    late = {"acquired": "1/2/2020", "units": 10, "cost_base_aud": 9.0}
    assert "write 2020-02-01" in refused(owning(holdings=[{"ticker": "VAS", "units": 10, "parcels": [late]}]))
    assert "write 2027-07-01" in refused(owning(reform={"cpi": {"1/7/2027": 102.4}}))
    assert "write 2025-11-25" in refused(owning(as_of="11/25/2025")), "only the other order is a day"


@pytest.mark.parametrize("written", ["31/11/2025", "2025-13-01", "yesterday", "", "9" * 100_000])
def test_what_is_no_day_is_mended_to_none(written: str) -> None:
    assert mends.day(written) is None


@pytest.mark.parametrize(
    ("written", "meant"),
    [("vas", "VAS"), ("VAS.AX", "VAS"), ("ASX:VAS", "VAS"), (" VAS ", "VAS"), ("VAS AU Equity", "VAS")],
)
def test_a_ticker_in_the_form_of_another_program_is_told_as_it_is_here(written: str, meant: str) -> None:
    assert f"(write {meant})" in refused(data("r1", rules={"never_buy": [written]}))


def test_an_entry_of_a_list_is_told_by_its_ticker_or_id() -> None:
    parcel = {"acquired": "2020-01-02", "units": -1, "cost_base_aud": 9.0}
    assert "for VGS, account.holdings.1.parcels.0.units is -1" in refused(
        owning(holdings=[account()["holdings"][0], {"ticker": "VGS", "units": 1, "parcels": [parcel]}])
    )
    goal = {"goal_id": "house", "name": "n", "target_amount_aud": 1e5, "years": -1}
    assert "for house, goals.0.years is -1" in refused(data("r1", pod_weights=None, goals=[goal]))


def test_a_ticker_that_would_control_a_terminal_is_told_without_that() -> None:
    said = refused(owning(holdings=[{"ticker": "\x1b[31mVAS" + "S" * 1_000, "units": 0, "parcels": []}]))

    assert said.isprintable()
    assert len(said) < 600


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"rules": {"never_buy": ["VFA"]}}, "rules.never_buy names VFA (VAF?)"),
        ({"rules": {"never_sell": ["GOLDD", "ZZZ"]}}, "GOLDD (GOLD?), ZZZ,"),
        ({"pod_weights": {"alpha": 0.5, "gama": 0.5}}, "unknown pod gama (gamma?)"),
        ({"market": "asx-outlok-2025-12"}, "unknown market asx-outlok-2025-12 (asx-outlook-2025-12?)"),
    ],
)
def test_an_unknown_name_is_told_with_the_one_that_was_meant(changes: dict[str, object], said: str) -> None:
    decided = admit(Message(subject_of("r1"), data("r1", **changes)), tuple(mandate_files.bundled()))

    assert isinstance(decided, Fail)
    assert said in decided.event.message


def test_a_name_like_none_is_told_alone() -> None:
    assert doubted(["ZZZ", "vaf"], ["VAF", "VAS"]) == "ZZZ, vaf (VAF?)"


def test_a_long_text_is_not_searched() -> None:
    began = time.process_time()
    for text in ("1" * 200_000 + "x", " " * 200_000 + "x", "1," * 100_000 + "x"):
        refused(data("r1", deadline_s=text))
        refused(owning(as_of=text))
        refused(data("r1", rules={"never_buy": [text]}))

    assert time.process_time() - began < 5
