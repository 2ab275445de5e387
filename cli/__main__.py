"""The command ``podfolio``."""

from __future__ import annotations

import logging
import os

import click
import structlog

from cli.commands.compare import compare
from cli.commands.dashboard import dashboard
from cli.commands.demo import demo
from cli.commands.frontier import frontier
from cli.commands.keys import keys
from cli.commands.market import market
from cli.commands.remove import remove
from cli.commands.report import report
from cli.commands.request import request
from cli.commands.schema import schema
from cli.commands.setup import setup
from cli.commands.up import up
from cli.commands.verify import verify
from cli.commands.watch import watch
from portfolio.market.snapshot import VARIABLE


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def podfolio() -> None:
    """Coordinated portfolio optimisation: goal pods as agents on NATS, one proven master portfolio."""


for command in (
    compare,
    dashboard,
    demo,
    frontier,
    keys,
    market,
    remove,
    report,
    request,
    schema,
    setup,
    up,
    verify,
    watch,
):
    podfolio.add_command(command)


def main() -> None:
    """Run the command."""
    # People read pages here; what the bus has to say of its connections goes into the processes' logs.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    # One's own markets, here and in the processes that are started from here.
    os.environ.setdefault(VARIABLE, "markets")
    podfolio(prog_name="podfolio")


if __name__ == "__main__":
    main()
