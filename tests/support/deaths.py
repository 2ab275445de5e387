"""Processes that are killed with something in hand."""

from __future__ import annotations

import os
import signal
from contextlib import ExitStack
from pathlib import Path
from tempfile import gettempdir
from typing import TYPE_CHECKING

from bus.process.in_hand import InHand

if TYPE_CHECKING:
    from bus.port import Message


def die_with(queue: str, *messages: Message, folder: Path | None = None) -> None:
    """Have a process of its own take *messages* in hand and be killed."""
    child = os.fork()
    if not child:
        try:
            notes = InHand(folder or Path(gettempdir(), f"podfolio-in-hand-{os.getuid()}"))
            with ExitStack() as held:
                for message in messages:
                    held.enter_context(notes.holding(queue, message))
                os.kill(os.getpid(), signal.SIGKILL)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert status == signal.SIGKILL
