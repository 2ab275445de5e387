"""What a command says of a file that holds no request."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click
import pytest
from support.requests_made import OUTLOOK, body, data

from bus.language.messages import BadMessageError, parse_request
from cli.arguments import read_event, read_request
from portfolio.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"[1, 2]", "the body is a list of 2: give an object"),
        (b"not json", "the body is not JSON"),
        (b"[" * 50_000, "the body is not JSON"),
        (b"9" * 5_000, "the body is not JSON"),
        (b"{}", "request_id is missing: give it"),
        (data("r1", max_eft=9), "max_eft is not known: write max_etfs"),
        (data("r1")[:-1] + b',"deadline_s":5,"deadline_s":500}', "deadline_s is given twice"),
    ],
)
def test_what_is_no_request_is_told_in_a_sentence(tmp_path: Path, text: bytes, said: str) -> None:
    file = tmp_path / "request.json"
    file.write_bytes(text)

    with pytest.raises(click.ClickException) as refused:
        read_request(file)

    assert refused.value.message.startswith(f"{file} is not a valid request: ")
    assert said in refused.value.message


def test_another_market_and_id_take_the_place_of_the_file_s(tmp_path: Path) -> None:
    file = tmp_path / "request.json"
    file.write_text(json.dumps(body("r1")), encoding="utf-8")

    request = read_request(file, market=OUTLOOK, request_id="r2")

    assert (request.request_id, request.market) == ("r2", OUTLOOK)
    assert read_request(file).request_id == "r1"


@pytest.mark.parametrize("changes", [{}, {"market": OUTLOOK}, {"request_id": "r2"}])
@pytest.mark.parametrize(
    ("doubled", "field"),
    [
        (b'"market":"asx-outlook-2025-12","market":"asx-trailing-104w-2025-11-07"', "market"),
        (b'"brokerage_aud":5,"brokerage_aud":50', "brokerage_aud"),
        (b'"rules":{"max_etfs":9,"max_etfs":12}', "max_etfs"),
    ],
)
def test_a_field_given_twice_is_refused_whatever_the_command_line_changes(
    tmp_path: Path, doubled: bytes, field: str, changes: dict[str, str]
) -> None:
    file = tmp_path / "request.json"
    name = doubled[1:].partition(b'"')[0].decode()
    rest = {key: value for key, value in body("r1").items() if key != name}
    file.write_bytes(json.dumps(rest).encode()[:-1] + b"," + doubled + b"}")

    with pytest.raises(click.ClickException, match=f"{field} is given twice: give each field once"):
        read_request(file, **changes)


def test_a_byte_order_mark_is_skipped_and_utf_16_is_named(tmp_path: Path) -> None:
    file = tmp_path / "request.json"
    file.write_bytes(b"\xef\xbb\xbf" + data("r1"))
    assert read_request(file).request_id == "r1"
    assert read_request(file, market=OUTLOOK).market == OUTLOOK
    assert parse_request(file.read_bytes(), "r1").request_id == "r1"

    for encoding in ("utf-16-le", "utf-16-be"):
        file.write_bytes(("\ufeff" + data("r1").decode()).encode(encoding))
        with pytest.raises(click.ClickException, match="is UTF-16, as Windows programs write: save it as UTF-8"):
            read_request(file)
        with pytest.raises(BadMessageError, match="the body is UTF-16"):
            parse_request(file.read_bytes(), "r1")


def test_an_event_is_read_past_a_byte_order_mark(tmp_path: Path) -> None:
    file = tmp_path / "event.json"
    file.write_bytes(b"\xef\xbb\xbf{}")
    assert read_event(file) == b"{}"

    file.write_bytes("\ufeff{}".encode("utf-16-le"))
    with pytest.raises(DataError, match=r"event\.json is UTF-16"):
        read_event(file)
