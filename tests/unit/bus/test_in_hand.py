"""What a process died with is known to those that live, and nothing is taken for a death that is none."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from support.deaths import die_with

from bus.port import Message
from bus.process.in_hand import InHand, Unnoted, noting

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BAD = Message("podfolio.v1.request.bad", b"", sequence=1)
GOOD = Message("podfolio.v1.request.good", b"", sequence=2)


@pytest.fixture
def mine(tmp_path: Path) -> Iterator[InHand]:
    notes = InHand(tmp_path / "in-hand")
    yield notes
    notes.close()


def test_every_process_that_was_killed_with_a_message_counts(mine: InHand, tmp_path: Path) -> None:
    for count in (1, 2, 3):
        die_with("q", BAD, folder=tmp_path / "in-hand")
        assert mine.deaths("q", BAD) == count
    assert (mine.deaths("q", GOOD), mine.deaths("another", BAD)) == (0, 0)


def test_a_process_that_lives_counts_for_nothing_however_long_it_takes(mine: InHand, tmp_path: Path) -> None:
    other = InHand(tmp_path / "in-hand")
    with other.holding("q", BAD), mine.holding("q", BAD):
        assert mine.deaths("q", BAD) == other.deaths("q", BAD) == 0
    other.close()


def test_what_is_settled_killed_nobody(mine: InHand, tmp_path: Path) -> None:
    die_with("q", BAD, folder=tmp_path / "in-hand")
    with mine.holding("q", GOOD):
        pass

    assert (mine.deaths("q", BAD), mine.deaths("q", GOOD)) == (1, 0)


def test_a_process_that_ends_leaves_nothing(tmp_path: Path) -> None:
    notes = InHand(tmp_path / "in-hand")
    with notes.holding("q", BAD):
        pass
    notes.close()

    assert list((tmp_path / "in-hand").iterdir()) == []


def test_notes_of_long_ago_are_removed(mine: InHand, tmp_path: Path) -> None:
    die_with("q", BAD, folder=tmp_path / "in-hand")
    for path in (tmp_path / "in-hand").iterdir():
        os.utime(path, (0, 0))

    assert mine.deaths("q", BAD) == 0
    assert len(list((tmp_path / "in-hand").iterdir())) == 1


def test_a_process_that_can_keep_no_notes_works_without(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nothing"))
    with noting() as notes:
        assert isinstance(notes, Unnoted)
        with notes.holding("q", BAD):
            assert notes.deaths("q", BAD) == 0


def test_a_folder_that_others_may_write_is_not_believed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / f"podfolio-in-hand-{os.getuid()}").mkdir()
    (tmp_path / f"podfolio-in-hand-{os.getuid()}").chmod(0o777)
    with noting() as notes:
        assert isinstance(notes, Unnoted)
