"""Get a page over HTTP, as an orchestrator does."""

from __future__ import annotations

import urllib.error
import urllib.request

PATIENCE_S = 60


def get(url: str) -> tuple[int, str]:
    """Get a page; returns the status, 0 if nobody answers, and the text."""
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE_S) as answer:  # noqa: S310 - it is ours, on this machine
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()
    except OSError:
        return 0, ""
