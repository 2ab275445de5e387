"""What the pictures of the dashboard show, as a digest: it is stored beside the pictures, so that none gets stale.

The digest covers the page, the code that draws charts, and the content of the requests that the pictures open. It
leaves out the proof, whose last digits differ from machine to machine, and the times.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from hashlib import sha256
from typing import TYPE_CHECKING

from support.reported import optimised
from support.requests_made import ROOT

from dashboard.portfolio import series
from report.story.screen import sections

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

DOCS = ROOT / "docs"
STREAM, OPENED, RESULT = (DOCS / name for name in ("dashboard.png", "dashboard-request.png", "result.png"))
RECORD = DOCS / "pictures.json"
# The examples that the pictures open.
REFERENCE, INVESTOR = "reference-customer", "existing-investor"


def record() -> dict[str, str]:
    """Return the digest of what pictures taken now would show, and of each picture as it is."""
    pictures = {file.name: sha256(file.read_bytes()).hexdigest() for file in (STREAM, OPENED, RESULT)}
    return {"shown": digest(), **pictures}


def digest() -> str:
    """Return the digest of what pictures taken now would show."""
    code = sorted([*(ROOT / "dashboard" / "static").iterdir(), *(ROOT / "report" / "charts").glob("*.py")])
    return sha256("\n".join([*_files(code), _content(REFERENCE), _content(INVESTOR)]).encode()).hexdigest()


def _files(files: Iterable[Path]) -> list[str]:
    return [f"{file.name} {sha256(file.read_bytes()).hexdigest()}" for file in files]


def _content(example: str) -> str:
    event = optimised(example)
    told = [asdict(section) for section in sections(event) if section.name != "proof"]
    drawn = {name: (chart.title, chart.alt) for name, chart in series(event).items()}
    return json.dumps([told, drawn], default=sorted)
