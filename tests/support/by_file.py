"""How pytest-xdist spreads the tests: file by file, in the order in which they are collected."""

from __future__ import annotations

from xdist.scheduler import LoadGroupScheduling


class ByFile(LoadGroupScheduling):
    """A worker gets the tests of a file together, or those of a group (``pytest.mark.xdist_group``)."""

    def _split_scope(self, nodeid: str) -> str:
        group: str = super()._split_scope(nodeid)
        return nodeid.partition("::")[0] if group == nodeid else group
