"""A page of HTML as a PDF on A4, printed by a browser that is installed: Chromium, Chrome or Edge.

The browser prints as a reader of the page would print. It runs without a window, with a profile of its own that is
deleted afterwards, and loads nothing: the page has all that it shows.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

# All of one family, with the same options.
BROWSERS = (
    "chromium",
    "chromium-browser",
    "google-chrome-stable",
    "google-chrome",
    "chrome",
    "microsoft-edge-stable",
    "microsoft-edge",
    "msedge",
)
# A page takes some two seconds; a machine that does a lot else may need a while.
_PATIENCE_S = 120
_OPTIONS = (
    "--headless",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-pdf-header-footer",
)
# The last lines of a browser that failed say why; those before are about the desktop.
_TOLD = 300


class PdfError(Exception):
    """There is no PDF; the message says why, and the mend."""


def pdf(page: str) -> bytes:
    """Print *page*, a self-contained document of HTML.

    Raises:
        PdfError: If no browser is installed, or the browser writes no PDF.
    """
    browser = _browser()
    with tempfile.TemporaryDirectory(prefix="podfolio-", ignore_cleanup_errors=True) as folder:
        source, made = Path(folder) / "report.html", Path(folder) / "report.pdf"
        source.write_text(page, encoding="utf-8")
        said = _print(browser, source, made, Path(folder) / "profile")
        if not made.is_file():
            message = f"{browser} wrote no PDF: {said or 'it said nothing'}; write a page (.html), and print that"
            raise PdfError(message)
        return made.read_bytes()


def _browser() -> str:
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        message = (
            "a PDF needs a browser, and neither Chromium, Chrome nor Edge is on the PATH: install one (on Debian,"
            " apt-get install chromium), or write a page (.html) and print that from any browser"
        )
        raise PdfError(message)
    return found


def _print(browser: str, source: Path, made: Path, profile: Path) -> str:
    """Run the browser; return the end of its messages."""
    options = [*_OPTIONS, f"--user-data-dir={profile}", f"--print-to-pdf={made}"]
    # Chromium refuses to run as root with its sandbox; the page has no script that the sandbox would hold.
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        options.append("--no-sandbox")
    try:
        run = subprocess.run(  # noqa: S603 - a browser found by name, with options of ours
            [browser, *options, source.as_uri()],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PATIENCE_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"it did not end within {_PATIENCE_S} s"
    except OSError as error:
        return str(error)
    return run.stderr.decode(errors="replace").strip()[-_TOLD:]
