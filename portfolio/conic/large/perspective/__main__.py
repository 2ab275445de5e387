"""``python -m portfolio.conic.large.perspective``: compile the kernels, at set-up and when an image is built."""

from __future__ import annotations

import sys
import time
from pathlib import Path


def main() -> None:
    """Compile the kernels; print the time and the cache location."""
    started = time.monotonic()
    from portfolio.conic.large.perspective.compiled import place  # noqa: PLC0415 - the timer includes loading numba
    from portfolio.conic.large.perspective.kernels import compile_kernels  # noqa: PLC0415

    compile_kernels()
    cache = place(Path(__file__).parent)
    sys.stdout.write(f"compiled the solver's loops in {time.monotonic() - started:.0f} s, {cache}\n")


if __name__ == "__main__":
    main()
