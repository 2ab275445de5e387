"""A book's lines as requests: ids that no two share, and faults that name the line, the field and the mend."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from support.requests_made import body

from book import lines, requests
from book.lines import Line
from book.outcome import not_asked
from book.requests import Run
from bus.language.messages import parse_request
from portfolio.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

RUN = Run("night")


def line(customer_id: str, number: int = 1, **changes: object) -> Line:
    made = body(**changes)
    made["customer"] = {**made["customer"], "customer_id": customer_id}
    del made["request_id"]
    return Line(number, f"line {number}", json.dumps(made).encode())


def test_a_request_is_the_line_under_an_id_of_run_try_and_customer() -> None:
    request_id = Run("night", "asx-outlook-2025-12").request_id("c-17", 2)
    sent = Run("night", "asx-outlook-2025-12").body(line("c-17"), request_id)

    assert request_id == "night_2_c-17"
    assert parse_request(sent, request_id).market == "asx-outlook-2025-12"
    assert parse_request(RUN.body(line("c-17"), "x"), "x").market == body()["market"], "the line's own"


def test_a_key_that_is_no_part_of_an_id_is_hashed_and_no_two_share_an_id() -> None:
    long, umlaut = "c" * 64, "Zoë 1/2"
    # The run's name has no underscore, so that the two first ones end the name and the try.
    all_of_them = [RUN.request_id(key) for key in ("c", "1_c", "2_c", long, umlaut)] + [RUN.request_id("c", 2)]

    assert len(set(all_of_them)) == 6
    assert all(parse_request(RUN.body(line("c"), made), made) for made in all_of_them), "each is a valid id"


def test_a_fault_names_the_line_the_field_and_the_mend() -> None:
    wrong = line("c-2", 2, rules={"max_eft": 9})
    broken = Line(3, "line 3", b"{bad")

    good, of_field, of_body = requests.accounts([line("c-1"), wrong, broken], RUN)

    assert (good.customer_id, good.fault) == ("c-1", "")
    assert (of_field.place, of_field.customer_id, of_field.field) == ("line 2", "c-2", "rules.max_eft")
    assert of_field.fault == "rules.max_eft is not known: write max_etfs"
    assert (of_body.place, of_body.customer_id, of_body.field) == ("line 3", "", "")
    assert "not JSON" in of_body.fault


@pytest.mark.parametrize(
    ("key", "told"),
    [("c-1", "c-1"), ("=cmd|'/c calc'!A0", "\"=cmd|'/c calc'!A0\""), ("+1", "'+1'"), ("a\x1b[2J", "a?[2J"), ("", "")],
)
def test_a_key_that_a_spreadsheet_would_obey_is_quoted_in_the_report(key: str, told: str) -> None:
    (account,) = requests.accounts([line(key, 1, deadline_s=-1)], RUN)

    assert not_asked(account, account.fault).customer_id == told


def test_a_customer_on_two_lines_is_a_fault_of_both() -> None:
    first, other, second = requests.accounts([line("c-1", 1), line("c-2", 2), line("c-1", 3)], RUN)

    assert other.fault == ""
    assert "customer_id c-1 also stands on line 3" in first.fault
    assert "customer_id c-1 also stands on line 1" in second.fault


def test_the_same_book_in_the_same_market_has_the_same_name_and_a_change_has_another() -> None:
    book = [line("c-1", 1), line("c-2", 2)]

    assert requests.name_of(book, None) == requests.name_of(list(book), None)
    others = [
        requests.name_of(book, "asx-outlook-2025-12"),
        requests.name_of(book[:1], None),
        requests.name_of([line("c-1", 1), line("c-3", 2)], None),
    ]
    assert len({requests.name_of(book, None), *others}) == 4


def test_a_book_is_a_file_of_lines_or_a_folder_of_files(tmp_path: Path) -> None:
    file, folder = tmp_path / "book.jsonl", tmp_path / "book"
    file.write_bytes(b"\xef\xbb\xbf{1}\n\n  \n{2}\n" + b"x" * 600_000 + b"\n{3}")
    folder.mkdir()
    for name in ("b.json", "a.json", "notes.txt", "=1\x1b[2J.json"):
        (folder / name).write_bytes(name.encode())

    of_file, of_folder = list(lines.read(file)), list(lines.read(folder))

    assert [(one.number, one.body.strip()) for one in of_file if len(one.body) < 9] == [
        (1, b"{1}"),
        (4, b"{2}"),
        (6, b"{3}"),
    ]
    assert [one.place for one in of_folder] == ["'=1\\x1b[2J.json'", "a.json", "b.json"]
    assert "more than a message may have" in requests.accounts(of_file, RUN)[2].fault


def test_an_empty_book_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").write_text("\n")
    with pytest.raises(DataError, match=r"has no line: give one request or event per line"):
        list(lines.read(tmp_path / "empty.jsonl"))
    with pytest.raises(DataError, match=r"no file that ends in \.json"):
        list(lines.read(tmp_path))
