"""A command in the process of the test, where nothing depends on a process of its own: to start one takes a second."""

from __future__ import annotations

import contextlib
import os

from click.testing import CliRunner

from cli.__main__ import podfolio
from portfolio.market.snapshot import VARIABLE
from support.requests_made import ROOT


def here(*arguments: str) -> tuple[int, str, str]:
    """Run ``podfolio`` in the project's folder; returns exit status, output and errors. A traceback fails the test."""
    environment = {"NO_COLOR": "", "TERM": "dumb", VARIABLE: os.environ.get(VARIABLE, "markets")}
    with contextlib.chdir(ROOT):
        result = CliRunner(env=environment).invoke(podfolio, arguments, prog_name="podfolio")
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr
