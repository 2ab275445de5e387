"""The command ``podfolio``."""

from __future__ import annotations

import errno
import logging
import os

import click
import structlog

from bus.plain_text import printable
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
from portfolio.errors import DataError
from portfolio.market.snapshot import VARIABLE


class _Commands(click.Group):
    """The commands; an error of what people gave ends any of them in words, without a traceback."""

    def invoke(self, ctx: click.Context) -> object:
        """Run one."""
        try:
            return super().invoke(ctx)
        except click.UsageError:  # it quotes what was typed
            raise
        except click.ClickException as error:
            raise click.ClickException(_harmless(error.message)) from None
        except DataError as error:
            raise click.ClickException(_harmless(str(error))) from None
        except OSError as error:
            if error.errno == errno.EPIPE:  # click's own way for who reads no further
                raise
            where = f"{error.filename}: " if error.filename else ""
            raise click.ClickException(_harmless(f"{where}{error.strerror or error}")) from None


def _harmless(message: str) -> str:
    """Take out of an error what a terminal would obey: it may quote what somebody else wrote."""
    return "\n".join(map(printable, message.split("\n")))


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
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
