"""The facts of each ETF that a snapshot needs besides the price history, and the source of each fact."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from portfolio.errors import DataError
from portfolio.market.folders import bundled
from portfolio.market.history.distributions import trailing
from portfolio.market.history.table import Faults, listed, read_table
from portfolio.market.months import read_months
from portfolio.market.snapshot import ReturnIs
from portfolio.plain_text import shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import date
    from pathlib import Path

    from portfolio.market.history.distributions import Payment
    from portfolio.market.history.table import Cell

# The columns of a snapshot's etfs.csv, except the ticker; and the largest value of each numeric column (from 0).
COLUMNS = (
    "name",
    "asset_class",
    "management_fee",
    "return_is",
    "distribution_yield",
    "franked_share",
    "liquidity",
    "half_spread_bps",
    "price_aud",
    "since",
    "until",
    "priced_on",
    "paid_in",
)
_MOST = {
    "management_fee": 1.0,
    "distribution_yield": 1.0,
    "franked_share": 1.0,
    "liquidity": 1.0,
    "half_spread_bps": 10_000.0,
}
# These facts have no honest default: they decide the ETFs that a pod may hold, and the pod's return, income and cost.
_NEEDED = (
    "asset_class",
    "management_fee",
    "return_is",
    "distribution_yield",
    "franked_share",
    "liquidity",
    "half_spread_bps",
)
# Beside the facts of an ETF: the line that states them.
LINE = "line"
# Never copied from a bundled market: its last prices are old, an ETF with prices is not closed, and whose returns the
# prices tell is a fact of these prices.
_NOT_COPIED = ("price_aud", "priced_on", "until", "return_is")


@dataclass(frozen=True, slots=True)
class Facts:
    """The known facts of one ETF.

    Attributes:
        values: Fact by column; blank if unknown.
        sources: Source by column, for each fact that is not blank.
    """

    values: Mapping[str, str]
    sources: Mapping[str, str]

    @property
    def source(self) -> str:
        """The sources of all facts, as the text of one cell."""
        by_source: dict[str, list[str]] = {}
        for column, source in self.sources.items():
            by_source.setdefault(source, []).append(column)
        return "; ".join(f"{', '.join(columns)}: {source}" for source, columns in by_source.items())


def read_facts(file: Path, told: list[str] | None = None) -> dict[str, dict[str, str]]:
    """Read the facts that a user states: a column ``ticker`` and any of ``COLUMNS``, blank if unknown.

    Args:
        file: The file.
        told: Gets the reading of the file where it is not written as this project writes, in sentences.

    Raises:
        DataError: If the file cannot be read; the message gives the line of each fault.
    """
    table = read_table(file, needs=("ticker",), may=("source", *COLUMNS), days="since", numbers=(*_MOST, "price_aud"))
    if told is not None:
        told.extend(f"{file.name}: {each}" for each in table.assumed)
    faults = Faults(file.name)
    if strange := sorted(set(table.header) - {"ticker", "source", *COLUMNS}):
        faults.add(1, f"unknown column {listed(strange)}; there are ticker, {', '.join(COLUMNS)}")
    found: dict[str, dict[str, str]] = {}
    for row in table.rows:
        ticker = faults.ticker(row["ticker"].line, row["ticker"].text)
        if ticker in found:
            faults.add(row["ticker"].line, f"{ticker} stands twice; leave one of them out")
        given = {name: cell for name, cell in row.items() if name in COLUMNS and cell.text}
        for cell in given.values():
            _check(cell, faults)
        found[ticker] = {name: cell.text for name, cell in given.items()} | {LINE: str(row["ticker"].line)}
    faults.refuse()
    return found


def _check(cell: Cell, faults: Faults) -> None:
    if cell.column in _MOST:
        faults.number(cell, least=0.0, most=_MOST[cell.column])
    elif cell.column == "price_aud":
        faults.price(cell)
    elif cell.column in {"since", "until", "priced_on"}:
        faults.day(cell)
    elif cell.column == "return_is" and cell.text not in list(ReturnIs):
        faults.add(cell.line, f"return_is is {shown(cell.text)}; give {' or '.join(ReturnIs)}")
    elif cell.column == "paid_in":
        try:
            read_months(cell.text)
        except ValueError as error:
            faults.add(cell.line, str(error))
    else:
        faults.text(cell)


@dataclass(frozen=True, slots=True)
class Knowledge:
    """The known facts of all ETFs, in order of precedence: an earlier source overrides a later one.

    Attributes:
        stated: Facts that a user states, by ticker and column; and the name of that file.
        payments: Distributions by ticker; and the name of that file.
        prices: Last prices by ticker, if the history has prices of units; and the name of that file.
        return_is: Whose returns the prices tell, where no fact is stated for an ETF: a ``ReturnIs``; empty if unknown.
        priced_on: Day of all prices of units, where the user states it; else the facts or the history tell it.
        inflation: The market's assumption per year, as a fraction; None for none.
        like: The id of a bundled market that supplies missing facts; empty for no market.
        assumed: The reading of these files where they are not written as this project writes, in sentences.
    """

    stated: tuple[Mapping[str, Mapping[str, str]], str] = ({}, "")
    payments: tuple[Mapping[str, list[Payment]], str] = ({}, "")
    prices: tuple[Mapping[str, float], str] = ({}, "")
    return_is: str = ""
    priced_on: date | None = None
    inflation: float | None = None
    like: str = ""
    assumed: tuple[str, ...] = ()

    def of(self, tickers: Iterable[str], *, until: date) -> dict[str, Facts]:
        """Collect the facts of each ETF, with the distributions of the year up to *until*.

        Raises:
            DataError: If a needed fact is missing; the message lists all missing facts.
        """
        known = _bundled_facts(self.like) if self.like else {}
        found = {ticker: self._of(ticker, known.get(ticker, {}), until) for ticker in tickers}
        lacking = {
            ticker: missing
            for ticker, facts in found.items()
            if (missing := [name for name in _NEEDED if not facts.values[name]])
        }
        if lacking:
            told = "; ".join(f"{ticker} lacks {', '.join(missing)}" for ticker, missing in lacking.items())
            message = (
                f"{told}: state them in a CSV file with the columns ticker, {', '.join(_NEEDED)}, and give --facts"
            )
            if any("return_is" in missing for missing in lacking.values()):
                message += (
                    "; return_is also by --return-is fund, if the prices are the ETFs' own, or --return-is index, if"
                    " they are an index's, from which the fees are still to come off"
                )
            raise DataError(message)
        return found

    def _of(self, ticker: str, known: Mapping[str, str], until: date) -> Facts:
        stated, stated_in = self.stated
        payments, paid_in = self.payments
        prices, priced_in = self.prices
        layers = [(stated.get(ticker, {}), stated_in)]
        if ticker in prices:
            layers.append(({"price_aud": _digits(prices[ticker])}, priced_in))
            # A price that a user states is of a day that only the user knows.
            if not layers[0][0].get("price_aud"):
                layers.append(({"priced_on": str(until)}, priced_in))
        if ticker in payments:
            price = next((layer["price_aud"] for layer, _ in layers if layer.get("price_aud")), None)
            if price is None:
                message = (
                    f"the yield of {ticker} cannot be told from {paid_in} without the price of a unit: state price_aud"
                    " in --facts, or give --unit-prices if the last prices of the history are those of units"
                )
                raise DataError(message)
            layers.append((trailing(ticker, payments[ticker], float(price), until=until), paid_in))
        layers += [
            ({"return_is": self.return_is}, "--return-is"),
            ({k: v for k, v in known.items() if k not in _NOT_COPIED}, f"market {self.like}"),
            ({"name": ticker}, "ticker"),
        ]
        values, sources = dict.fromkeys(COLUMNS, ""), {}
        for layer, source in reversed(layers):
            for column in COLUMNS:
                if layer.get(column):
                    values[column], sources[column] = layer[column], source
        return Facts(values, {column: sources[column] for column in COLUMNS if column in sources})


def _digits(price: float) -> str:
    """Write a price with twelve significant digits and no exponent."""
    return np.format_float_positional(price, precision=12, fractional=False, trim="-")


def _bundled_facts(market_id: str) -> dict[str, dict[str, str]]:
    folders = bundled()
    if market_id not in folders:
        message = f"unknown market {market_id}: name one of {', '.join(folders)} (--like)"
        raise DataError(message)
    lines = (folders[market_id] / "etfs.csv").read_text(encoding="utf-8").splitlines()
    return {row["ticker"]: row for row in csv.DictReader(lines)}
