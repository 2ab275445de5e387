"""What a command says of a file that holds no request."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click
import pytest
from support.requests_made import OUTLOOK, body, data

from cli.arguments import read_request

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
