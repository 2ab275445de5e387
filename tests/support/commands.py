"""A command in the process of the test, where nothing depends on a process of its own: to start one takes a second."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shlex
from typing import TYPE_CHECKING
from unittest import mock

from click.testing import CliRunner

from cli import running
from cli.__main__ import podfolio
from portfolio.market.folders import VARIABLE
from support.requests_made import ROOT

if TYPE_CHECKING:
    from collections.abc import Coroutine


def here(*arguments: str) -> tuple[int, str, str]:
    """Run ``podfolio`` in the project's folder; returns exit status, output and errors. A traceback fails the test."""
    environment = {"NO_COLOR": "", "TERM": "dumb", VARIABLE: os.environ.get(VARIABLE, "markets")}
    with contextlib.chdir(ROOT):
        result = CliRunner(env=environment).invoke(podfolio, arguments, prog_name="podfolio")
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


def hinted(text: str) -> tuple[str, ...]:
    """Read the command between backticks in a message, as its words after ``podfolio``."""
    (command,) = re.findall(r"`podfolio (.*?)`", " ".join(text.split()))
    return tuple(shlex.split(command))


async def beside(*arguments: str) -> tuple[int, str, str]:
    """Run ``podfolio`` beside the test's event loop, in a thread: to start a process takes a second."""
    # Only a main thread can be interrupted.
    with mock.patch.object(running, "_interruptible", _uninterrupted):
        return await asyncio.to_thread(here, *arguments)


async def _uninterrupted(work: Coroutine[None, None, int], _: int) -> int:
    return await work
