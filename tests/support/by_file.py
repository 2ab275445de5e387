"""How pytest-xdist spreads the tests: file by file, in the order in which they are collected."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xdist.scheduler import LoadGroupScheduling

if TYPE_CHECKING:
    import pytest

# These wait a minute and more for servers, deadlines and deaths: whoever began one last would keep all others waiting.
_FIRST = (
    "tests/system/failures/test_poison.py",
    "tests/chaos/test_nemeses.py",
    "tests/chaos/test_chaos.py",
    "tests/system/failures/test_stopping.py",
)


def longest_first(items: list[pytest.Item]) -> None:
    """Bring the tests that wait longest to the beginning; all others stay in their order."""
    items.sort(
        key=lambda item: _FIRST.index(file) if (file := item.nodeid.partition("::")[0]) in _FIRST else len(_FIRST)
    )


def name_groups(items: list[pytest.Item]) -> None:
    """Put the group of a test at the end of its id, where the scheduler reads it.

    pytest-xdist 3.8 means to do so, and sets an attribute that pytest 9.2 no longer reads.
    """
    for item in items:
        if (mark := item.get_closest_marker("xdist_group")) and not item.nodeid.endswith(f"@{mark.args[0]}"):
            item._id = type(item._id).parse(f"{item.nodeid}@{mark.args[0]}")  # noqa: SLF001 - there is no other way


class ByFile(LoadGroupScheduling):
    """A worker gets the tests of a file together, or those of a group (``pytest.mark.xdist_group``)."""

    def _split_scope(self, nodeid: str) -> str:
        group: str = super()._split_scope(nodeid)
        return nodeid.partition("::")[0] if group == nodeid else group
