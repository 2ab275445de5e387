"""The tables of a run in a spreadsheet: no text of others becomes a formula."""

from __future__ import annotations

import csv
import io

import pytest

from book.files import Texts
from book.outcome import not_asked
from book.requests import Account
from portfolio.plain_text import as_cell


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\uff1d1"])
def test_a_text_that_would_be_a_formula_gets_an_apostrophe(name: str) -> None:
    accounts = io.StringIO(newline="")
    row_of = not_asked(Account(1, name, name, name, name), name)
    Texts(io.StringIO(), accounts, io.StringIO()).add(row_of, None, b"")
    (row,) = csv.DictReader(io.StringIO(accounts.getvalue()))

    texts = [row[column] for column in ("place", "customer_id", "field", "why", "person")]
    assert all(text.startswith(("'", "?")) for text in texts), "a control character is shown as a question mark"
    assert as_cell(name) == f"'{name}"
    assert as_cell("c-1 = 1") == "c-1 = 1"
