"""``podfolio market``."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from bus.process.options import connection_options
from bus.topology.roles import ADMIN, OBSERVER
from cli.arguments import TABLE
from cli.help import Group
from portfolio.counted import counted
from portfolio.names import doubted

if TYPE_CHECKING:
    from datetime import date

    from bus.transports.jetstream import Connection
    from portfolio.market.history.facts import Knowledge
    from portfolio.market.history.prices import Prices
    from portfolio.market.snapshot import Market

LIKE = "asx-outlook-2025-12"

folder_option = click.option(
    "--markets",
    "folder",
    envvar="PODFOLIO_MARKETS",
    show_envvar=True,
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("markets"),
    show_default=True,
    help="Folder of your own markets.",
)


@click.group(cls=Group)
def market() -> None:
    """Make, show and publish markets: ETFs with returns and risks."""


@market.command(
    examples=(
        "podfolio market build prices.csv --id house-2025-11 --return-is fund",
        "podfolio market build prices.csv --return-is index --facts facts.csv",
    )
)
@click.argument("prices", type=TABLE)
@click.option("--id", "market_id", help="Name of the market in requests; by default, that of the file.")
@folder_option
@click.option("--facts", type=TABLE, help="CSV of facts: ticker, asset_class, liquidity, ...")
@click.option("--distributions", type=TABLE, help="CSV of distributions: ticker, date, amount_aud, franked_share.")
@click.option("--like", default=LIKE, show_default=True, help="Bundled market that fills in facts; '' for none.")
@click.option("--unit-prices", is_flag=True, help="The last prices are prices of units.")
@click.option(
    "--return-is",
    type=click.Choice(["fund", "index"]),
    help="Owner of the returns: the ETFs, after fees (fund), or an index, before the fees of the ETFs (index). "
    "No default; --facts may state it per ETF.",
)
@click.option(
    "--returns",
    type=click.Choice(["day", "week", "month"]),
    help="Period of one return; by default a week, or a month where prices are further apart.",
)
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), help="First date to use.")
@click.option(
    "--coverage",
    type=click.FloatRange(0, 1, min_open=True),
    default=0.95,
    show_default=True,
    help="Least share of the dates on which an ETF has a price; others are left out.",
)
@click.option(
    "--priced-on",
    type=click.DateTime(["%Y-%m-%d"]),
    help="Day of the prices; by default, the last of those that --unit-prices or --facts (priced_on) state, or else of "
    "the history.",
)
@click.option(
    "--inflation", type=click.FloatRange(-0.05, 0.25), help="Assumed inflation a year, such as 0.025; none by default."
)
@click.option("--trust", multiple=True, metavar="TICKER", help="Take this ETF's prices as they are, however unlikely.")
def build(  # noqa: PLR0913, PLR0917 - one argument an option
    prices: Path,
    market_id: str | None,
    folder: Path,
    facts: Path | None,
    distributions: Path | None,
    like: str,
    return_is: str | None,
    returns: str | None,
    since: datetime | None,
    coverage: float,
    trust: tuple[str, ...],
    priced_on: datetime | None,
    inflation: float | None,
    *,
    unit_prices: bool,
) -> None:
    """Make a market from a CSV file of total-return prices.

    PRICES has a column date, and one column per ETF. Returns, risk and correlations follow from the prices;
    correlations are shrunk (Ledoit and Wolf). ETFs that are delisted or have too few prices are left out, and reported.
    """
    from cli.pages.final_event import make_console
    from cli.pages.market import show_built
    from portfolio.errors import DataError
    from portfolio.market.history.build import build as build_market
    from portfolio.market.history.prices import read_prices
    from portfolio.market.history.sample import Period
    from portfolio.market.history.snapshot import keep

    try:
        name = _own_id(market_id if market_id is not None else prices.stem.lower())
        read = read_prices(prices)
        _refuse_future(read, datetime.now(UTC).date())
        knowledge = replace(
            _knowledge(read, facts, distributions, like, unit_prices=unit_prices),
            return_is=return_is or "",
            priced_on=priced_on.date() if priced_on else None,
            inflation=inflation,
        )
        first = since.date() if since else None
        period = Period(returns) if returns else None
        built = build_market(read, knowledge, period, since=first, coverage=coverage, trusted=trust)
        made = keep(folder / name, built.files)
    except DataError as error:
        raise click.ClickException(str(error)) from None
    console = make_console()
    show_built(console, made, built)
    for line in _never_bought(made):
        console.print(f"* {line}.")
    console.print(
        f"It is in {folder / name}; look at it: podfolio market show {made.id} --markets {folder}", soft_wrap=True
    )


def _never_bought(market: Market) -> list[str]:
    """Say which ETFs no bundled pod may hold, and which of these pods may hold too few to take part."""
    from agents.mandate_files import bundled, load
    from report.facts.market import held_by_none

    mandates = [load(pod) for pod in bundled()]
    pods = ", ".join(mandate.pod for mandate in mandates)
    universes = {ticker for mandate in mandates for ticker in mandate.universe}
    unheld = [ticker for ticker in market.tickers if ticker not in universes]
    told = [f"{held_by_none(market, unheld, f'none of {pods}')}; a pod of your own may"] if unheld else []
    for mandate in mandates:
        there = [ticker for ticker in mandate.universe if ticker in market.tickers]
        if len(there) * mandate.max_position < 1:
            held = ", ".join(there) or "none of its ETFs"
            told.append(
                f"{mandate.pod} cannot take part: this market has {held}, and {mandate.pod} may put at most"
                f" {mandate.max_position:.0%} into one ETF"
            )
    return told


def _refuse_future(prices: Prices, today: date) -> None:
    """Refuse prices of days to come; the day after *today* has begun in some zones.

    Raises:
        DataError: If there is one.
    """
    from portfolio.errors import DataError

    day, line = prices.dates[-1], prices.lines[-1]
    if day > today + timedelta(days=1):
        message = f"{prices.file}: line {line}: date is {day}, and today is {today}: correct the dates"
        raise DataError(message)


def _own_id(name: str) -> str:
    from portfolio.market.folders import ID_PATTERN, bundled

    if not re.fullmatch(ID_PATTERN, name):
        message = f"a market's id is of a-z 0-9 and -, not {name!r}: give another (--id)"
        raise click.ClickException(message)
    if name in bundled():
        message = f"{name} is bundled and cannot be replaced: give another id (--id)"
        raise click.ClickException(message)
    return name


def _knowledge(
    prices: Prices, facts: Path | None, distributions: Path | None, like: str, *, unit_prices: bool
) -> Knowledge:
    from portfolio.market.history.distributions import read_distributions
    from portfolio.market.history.facts import Knowledge, read_facts

    told: list[str] = []
    return Knowledge(
        stated=(read_facts(facts, told), facts.name) if facts else ({}, ""),
        payments=(read_distributions(distributions, told), distributions.name) if distributions else ({}, ""),
        prices=(prices.last(), prices.file) if unit_prices else ({}, ""),
        like=like,
        assumed=tuple(told),
    )


@market.command(
    "list",
    examples=(
        "podfolio market list",
        "podfolio market list --server nats://127.0.0.1:4222",
    ),
)
@folder_option
@connection_options("podfolio-market-list", role=OBSERVER)
def list_markets(folder: Path, settings: Connection) -> None:
    """List the bundled, your own and (with --server) published markets."""
    from cli.pages.final_event import make_console
    from cli.pages.market import show_list
    from cli.running import run
    from portfolio.market import folders

    show_list(make_console(), {"bundled": folders.bundled(), str(folder): folders.own([folder])})
    if click.get_current_context().get_parameter_source("server") is not ParameterSource.DEFAULT:
        sys.exit(run(_list_published(settings)))


async def _list_published(settings: Connection) -> int:
    from bus.transports.jetstream import connect
    from cli.pages.final_event import make_console
    from cli.pages.market import show_published

    async with connect(settings) as bus:
        show_published(make_console(), await bus.published_markets(), str(settings))
    return 0


@market.command(examples=("podfolio market publish house-2025-11",))
@click.argument("market_id", metavar="ID")
@folder_option
@connection_options("podfolio-market-publish", role=ADMIN)
def publish(market_id: str, folder: Path, settings: Connection) -> None:
    """Publish the market ID of your folder on a server, once.

    From then on, requests on that server may name the market.
    """
    from bus.transports.snapshots import pack
    from cli.running import run
    from portfolio.errors import DataError
    from portfolio.market import folders
    from portfolio.market import snapshot as markets

    _own_id(market_id)
    found = folders.own([folder])
    if market_id not in found:
        there = f"name one of {', '.join(found)}" if found else "podfolio market build makes one"
        message = f"there is no market {market_id} in {folder}: {there}, or give another folder (--markets)"
        raise click.ClickException(message)
    try:
        made = markets.read(found[market_id])
        packed = pack({name: (found[market_id] / name).read_bytes() for name in folders.FILES})
    except DataError as error:
        raise click.ClickException(str(error)) from None
    for line in _never_bought(made):
        click.echo(f"{line}.")
    sys.exit(run(_publish(settings, made, packed)))


async def _publish(settings: Connection, made: Market, packed: bytes) -> int:
    from bus.port import Stored
    from bus.transports.jetstream import connect

    async with connect(settings) as bus:
        stored = await bus.publish_market(made.id, made.sha256, packed)
    if stored is Stored.TAKEN:
        click.echo(
            f"podfolio: another market is published as {made.id}, and stays: an id is published once; build this one"
            " under a new --id",
            err=True,
        )
        return 1
    said = "published" if stored is Stored.NEW else "was published before"
    click.echo(
        f"{made.id} ({made.sha256[:12]}) {said} on {settings}: {len(packed)} bytes, {counted(len(made.etfs), 'ETF')}"
    )
    return 0


@market.command(examples=("podfolio market fetch house-2025-11",))
@click.argument("market_id", metavar="ID")
@folder_option
@connection_options("podfolio-market-fetch", role=OBSERVER)
def fetch(market_id: str, folder: Path, settings: Connection) -> None:
    """Fetch the published market ID into your folder."""
    from cli.running import run

    _own_id(market_id)
    sys.exit(run(_fetch(settings, market_id, folder)))


async def _fetch(settings: Connection, market_id: str, folder: Path) -> int:
    from bus.transports.jetstream import connect
    from bus.transports.snapshots import unpack
    from portfolio.errors import DataError
    from portfolio.market.history.snapshot import keep

    async with connect(settings) as bus:
        found = await bus.published_market(market_id)
    if found is None:
        click.echo(
            f"podfolio: no market {market_id} is published on {settings}: name one that podfolio market list shows"
            " with --server",
            err=True,
        )
        return 1
    try:
        made = keep(folder / market_id, unpack(found[1], found[0]))
    except DataError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"{made.id} ({made.sha256[:12]}) is in {folder / market_id}")
    return 0


@market.command(examples=("podfolio market show asx-outlook-2025-12",))
@click.argument("market_id", metavar="ID")
@folder_option
def show(market_id: str, folder: Path) -> None:
    """Show the market ID: a table of ETFs, and their correlations."""
    from cli.pages.final_event import make_console
    from cli.pages.market import show_market
    from portfolio.errors import DataError
    from portfolio.market import folders
    from portfolio.market import snapshot as markets

    found = {**folders.own([folder]), **folders.bundled()}
    if market_id not in found:
        known = ", ".join(sorted(found))
        message = (
            f"unknown market {doubted([market_id], found)}: name one of {known}, or give another folder (--markets)"
        )
        raise click.ClickException(message)
    try:
        show_market(make_console(), markets.read(found[market_id]))
    except DataError as error:
        raise click.ClickException(str(error)) from None
