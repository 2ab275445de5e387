"""The command ``podfolio``."""

from __future__ import annotations

import errno
import os

import click

from bus.language.plain_text import printable
from cli.commands.approve import approvals, approve
from cli.commands.archive import archive
from cli.commands.backtest import backtest
from cli.commands.book import book
from cli.commands.compare import compare
from cli.commands.dashboard import dashboard
from cli.commands.demo import demo
from cli.commands.fake import fake
from cli.commands.fills import fills
from cli.commands.frontier import frontier
from cli.commands.keys import keys
from cli.commands.list import list_command
from cli.commands.market import market
from cli.commands.orders import orders
from cli.commands.plan import plan
from cli.commands.record import record
from cli.commands.remove import remove
from cli.commands.report import report
from cli.commands.request import request
from cli.commands.schema import schema
from cli.commands.setup import setup
from cli.commands.show import show
from cli.commands.stop import resume, stop
from cli.commands.up import up
from cli.commands.validate import validate
from cli.commands.verify import verify
from cli.commands.watch import watch
from cli.help import Group
from portfolio.errors import DataError
from portfolio.market.folders import VARIABLE

# From an example to a report, each step in its place; README.md has the same steps.
STEPS = (
    "podfolio up                                          # in another terminal",
    "podfolio validate examples/existing-investor.json    # before it is sent",
    "podfolio request examples/existing-investor.json --json EVENT.json",
    "podfolio verify EVENT.json                           # rules and figures",
    "podfolio report EVENT.json -o report.html            # a page for the customer",
)
_HEADINGS = {
    "Requests and answers": ("validate", "request", "list", "show", "verify", "report"),
    "All accounts": ("book", "approve", "approvals", "orders", "fills"),
    "Questions of your own": ("plan", "frontier", "compare", "backtest", "market"),
    "The system": ("demo", "up", "watch", "dashboard", "stop", "resume", "setup", "keys", "remove"),
    "A record that lasts": ("archive", "record"),
    "For programs that use it": ("fake", "schema"),
}
_BLOCKS = {
    "From an example to a report": STEPS,
    "Processes, each with --help": (
        "python -m agents alpha    # the agent of one pod: its name, or a .toml file",
        "python -m coordinator     # podfolio up runs it, and an agent per bundled pod",
        "python -m challenger      # says how sure each answer is; podfolio up runs it",
        "python -m reviewer        # asks for customers that a new market makes due",
    ),
    "Completion of the shell, for this session": (
        'eval "$(_PODFOLIO_COMPLETE=bash_source podfolio)"    # zsh: zsh_source',
        "_PODFOLIO_COMPLETE=fish_source podfolio | source     # fish",
    ),
}


class _Commands(Group):
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
    from report.facts.percentages import spaced  # noqa: PLC0415 - the help of a command loads no page

    return spaced("\n".join(map(printable, message.split("\n"))), " ")


@click.group(
    cls=_Commands, headings=_HEADINGS, blocks=_BLOCKS, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(package_name="podfolio", message="podfolio %(version)s")
def podfolio() -> None:
    """One proven portfolio for all pods of a customer: requests, answers, reports, and the system behind them."""


for command in (
    approvals,
    approve,
    archive,
    book,
    compare,
    dashboard,
    demo,
    fake,
    fills,
    frontier,
    keys,
    list_command,
    market,
    orders,
    plan,
    backtest,
    record,
    remove,
    report,
    request,
    resume,
    schema,
    setup,
    show,
    stop,
    up,
    validate,
    verify,
    watch,
):
    podfolio.add_command(command)


def main() -> None:
    """Run the command."""
    # The user's own markets, for this process and its children.
    os.environ.setdefault(VARIABLE, "markets")
    podfolio(prog_name="podfolio")


if __name__ == "__main__":
    main()
