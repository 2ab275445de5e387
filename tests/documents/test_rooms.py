"""The architecture page shows the rooms as the imports make them, and names files that are there."""

from __future__ import annotations

import re

import pytest
from support.requests_made import ROOT

from documents import rooms
from documents.rooms import CircleError, Package

PAGE = rooms.ARCHITECTURE.read_text(encoding="utf-8")


def test_the_picture_and_the_table_are_those_of_the_imports() -> None:
    assert rooms.PICTURE.read_text(encoding="utf-8") == rooms.picture(), "run make pages"
    assert rooms.table() in PAGE, "run make pages"


def test_a_room_stands_below_all_that_import_it_and_arrows_that_follow_from_others_are_left_out() -> None:
    uses = {"roof": frozenset({"floor", "ground"}), "floor": frozenset({"ground"}), "ground": frozenset[str]()}
    package = Package("house", frozenset(uses), uses, frozenset(uses))

    assert package.rows == [["roof"], ["floor"], ["ground"]]
    assert package.arrows() == [("floor", "ground"), ("roof", "floor")]


def test_a_circle_is_not_drawn() -> None:
    uses = {room: frozenset({"hall", "stairs"}) for room in ("hall", "stairs")}

    with pytest.raises(CircleError, match="hall, stairs"):
        _ = Package("house", frozenset(uses), uses, frozenset(uses)).rows


def test_every_file_that_the_page_names_is_there() -> None:
    named = set(re.findall(r"`(\w[\w.-]*/[\w/.-]*)`", PAGE))

    assert len(named) > 50
    assert {name for name in named if not (ROOT / name).exists()} == set()


def test_the_page_is_short() -> None:
    assert len(PAGE.splitlines()) <= 150
