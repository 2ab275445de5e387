"""The pictures of the dashboard in the documents show the dashboard as it is."""

from __future__ import annotations

import json

from documents import shown


def test_the_pictures_were_taken_of_what_the_dashboard_shows_now() -> None:
    kept = json.loads(shown.RECORD.read_text(encoding="utf-8"))

    assert shown.record() == kept, "the pictures are stale: run make pictures"
