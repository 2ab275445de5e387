"""Start a process quickly: a process whose command is `python -m` imports this module before all others.

A start is imports of thousands of lasting objects, a fifth of it spent for nothing: the garbage collector looks through
objects that stay, and structlog imports rich, with which it would colour tracebacks that no process of Podfolio shows.
"""

from __future__ import annotations

import gc
import sys

gc.disable()

_rich = sys.modules.get("rich")
sys.modules["rich"] = None  # type: ignore[assignment]  # so says the documentation: not to be imported
try:
    import structlog  # noqa: F401 - without rich, for all that import it later
finally:
    del sys.modules["rich"]
    if _rich:
        sys.modules["rich"] = _rich


def started() -> None:
    """Collect garbage from now on, among the objects that are made from now on."""
    gc.freeze()
    gc.enable()
