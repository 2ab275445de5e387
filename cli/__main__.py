"""The command ``podfolio``."""

from __future__ import annotations

import errno
import logging
import os

import click
import structlog

from bus.language.plain_text import printable
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
    """The commands; an error in the user's input ends any command with a message, without a traceback."""

    def invoke(self, ctx: click.Context) -> object:
        """Run one command."""
        try:
            return super().invoke(ctx)
        except click.UsageError:  # quotes only the user's own typing
            raise
        except click.ClickException as error:
            raise click.ClickException(_harmless(error.message)) from None
        except DataError as error:
            raise click.ClickException(_harmless(str(error))) from None
        except OSError as error:
            if error.errno == errno.EPIPE:  # click handles a reader that closes the pipe
                raise
            where = f"{error.filename}: " if error.filename else ""
            raise click.ClickException(_harmless(f"{where}{error.strerror or error}")) from None


def _harmless(message: str) -> str:
    """Replace characters of an error message that a terminal would obey: the message may quote other people's text."""
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
    # People read the output here; the bus logs its connections in the logs of the processes.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    # The user's own markets, for this process and its children.
    os.environ.setdefault(VARIABLE, "markets")
    podfolio(prog_name="podfolio")


if __name__ == "__main__":
    main()
