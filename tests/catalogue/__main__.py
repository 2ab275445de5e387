"""Write the catalogue of all sentences: ``make messages``, or ``python -m catalogue`` with tests/ on the path."""

from __future__ import annotations

import sys
from pathlib import Path

from catalogue.page import page

if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(), encoding="utf-8")
