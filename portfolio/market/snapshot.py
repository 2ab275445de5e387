"""A market snapshot: the expected return, risk, distributions and cost of each ETF.

A snapshot is a directory of four CSV files, identified by an id and a hash of the contents, so that a result can be
reproduced. Reading a snapshot is the only input and output of the domain.
"""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from portfolio.errors import DataError
from portfolio.files import decode, read_bytes
from portfolio.market import stated
from portfolio.market.folders import FILES, digest, known
from portfolio.market.months import read_months
from portfolio.names import doubted
from portfolio.plain_text import WORDS, is_plain, shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from importlib.resources.abc import Traversable

    from portfolio import Matrix, Vector
    from portfolio.market.basis import Basis

CASH = "cash"
# Column of moments.csv: half the width of the range that an outlook states around an expected return.
HALF_RANGE = "return_half_range"

# A higher return per year is a typing error: 10 means a thousand percent.
_MOST_RETURN = 10.0
# No ETF has a yearly volatility outside this range, or a yield above this limit.
_VOLATILITIES = 1e-6, 10.0
_MOST_YIELD = 10.0
_PRICES_AUD = 1e-9, 1e9
_LONGEST_TEXT = 200
# Shares that add up to one, as far as decimals go.
_ROUNDING = 1e-9
_TICKER = re.compile(r"[A-Z0-9]{1,12}")
# Smallest eigenvalue at which a correlation matrix can still be factored in double precision.
_DEFINITE = 1e-12


class ReturnIs(StrEnum):
    """Whose return a market states for an ETF: the fund's own, after its fees, or that of an index or an outlook."""

    FUND = "fund"
    INDEX = "index"


@dataclass(frozen=True, slots=True)
class Etf:
    """Facts of one ETF.

    Attributes:
        distribution_yield: Cash distributions per year, as a fraction of the price.
        franked_share: Franked fraction of the distributions, 0 to 1.
        liquidity: 0 to 1, the fraction of a holding that can be sold within a day at the spread.
        half_spread: Half the bid-ask spread, as a fraction of the price.
        price_aud: Last price per unit; None if unknown: the ETF cannot be traded then.
        since: First day on which units could be owned; None if unknown.
        until: Last day on which units could be bought, of an ETF that closed or has no prices any more; else None.
            Nobody is offered such an ETF; units that are owned may be kept or sold.
        management_fee: The fund's fee per year, as a fraction of the price.
        return_is: Whose return the market's files state; the returns in ``Market`` are after the fee either way.
        paid_in: Shares of a year's distributions in January to December, by ex-date; empty if unknown.
        discounted_gain_share: Share of the cash distributions that is capital gains to which the discount applies,
            before the discount; 0 if unknown.
        tax_deferred_share: Share of the cash distributions that is not taxed when it is paid and lowers the cost base;
            0 if unknown.
    """

    ticker: str
    name: str
    asset_class: str
    distribution_yield: float
    franked_share: float
    liquidity: float
    half_spread: float
    price_aud: float | None = None
    since: date | None = None
    until: date | None = None
    management_fee: float = 0.0
    return_is: ReturnIs = ReturnIs.FUND
    paid_in: tuple[float, ...] = ()
    discounted_gain_share: float = 0.0
    tax_deferred_share: float = 0.0

    @property
    def is_closed(self) -> bool:
        """Whether nobody can buy units any more."""
        return self.until is not None


@dataclass(frozen=True, slots=True, eq=False)
class Market:
    """A snapshot of *n* ETFs; every vector has shape (n,), in the order of ``etfs``.

    Attributes:
        id: The market's name in requests.
        sha256: Hash of the contents of the files.
        etfs: The ETFs that this market prices.
        unpriced: Tickers that the market describes without return and risk.
        expected_returns: Annual, total, after the funds' fees, before tax and without franking credits.
        Sigma: Annual covariance of returns, shape (n, n), positive definite.
        risk_free: Annual return of cash, the least volatile ETF of the class ``cash``.
        basis: What the returns are: a history, or an outlook.
        priced_on: Day of the prices.
        inflation: Per year, as a fraction; None if the market assumes none.
        half_ranges: Half the width of the range that an outlook states around each return, per year; zero for an ETF
            without a range; None where the market states no ranges.
    """

    id: str
    sha256: str
    etfs: tuple[Etf, ...]
    unpriced: tuple[str, ...]
    expected_returns: Vector
    Sigma: Matrix
    risk_free: float
    basis: Basis
    priced_on: date
    inflation: float | None = None
    half_ranges: Vector | None = None
    _columns: dict[str, Vector] = field(default_factory=dict, init=False, repr=False)

    @property
    def tickers(self) -> tuple[str, ...]:
        """Tickers of the ETFs, in order."""
        return tuple(etf.ticker for etf in self.etfs)

    def positions(self, tickers: Iterable[str]) -> list[int]:
        """Return the indices of *tickers* in the vectors.

        Raises:
            DataError: If this market does not price a ticker.
        """
        where = {ticker: i for i, ticker in enumerate(self.tickers)}
        wanted = list(tickers)
        if missing := [ticker for ticker in wanted if ticker not in where]:
            message = f"market {self.id} does not price {', '.join(missing)}; it has {', '.join(self.tickers)}"
            raise DataError(message)
        return [where[ticker] for ticker in wanted]

    def column(self, attribute: str) -> Vector:
        """Return one numeric attribute of every ETF as a read-only vector, cached."""
        if attribute not in self._columns:
            self._columns[attribute] = _read_only(np.array([getattr(etf, attribute) for etf in self.etfs], dtype=float))
        return self._columns[attribute]


@cache
def load(market_id: str) -> Market:
    """Load the snapshot *market_id*, bundled or user-made.

    Raises:
        DataError: If the id is unknown, or the snapshot's files contradict each other.
    """
    folders = known()
    if market_id not in folders:
        message = f"unknown market {doubted([market_id], folders)}: name one of {', '.join(sorted(folders))}"
        raise DataError(message)
    return read(folders[market_id])


def read(folder: Traversable) -> Market:
    """Read a snapshot from the directory *folder*.

    Raises:
        DataError: If a file is missing or unreadable, or a figure is impossible.
    """
    try:
        market = _read(folder)
    except (KeyError, ValueError, csv.Error) as error:
        what = f"there is no column {error}: add it" if isinstance(error, KeyError) else error
        message = f"market {folder.name} cannot be read: {what}"
        raise DataError(message) from error
    _refuse_nonsense(market)
    return market


def _read(folder: Traversable) -> Market:
    if not (folder / stated.FILE).is_file():
        message = (
            f"there is no {stated.FILE}, so that nobody can say what its returns are: build it again under a new id, or"
            f" add the file, one line with the columns {', '.join(stated.COLUMNS)}"
        )
        raise ValueError(message)
    texts = {name: read_bytes(folder / name) for name in FILES}
    rows = {name: _rows(name, text) for name, text in texts.items()}
    moments = _by_ticker(folder.name, "moments.csv", rows["moments.csv"])
    described = _by_ticker(folder.name, "etfs.csv", rows["etfs.csv"])
    if strange := [ticker for ticker in moments if ticker not in described]:
        message = (
            f"moments.csv of market {folder.name} has {', '.join(strange)}, which etfs.csv does not describe: add them"
            " there, or leave them out here"
        )
        raise DataError(message)
    etfs = tuple(_etf(row) for ticker, row in described.items() if ticker in moments)
    tickers = [etf.ticker for etf in etfs]
    volatilities = np.array([_number(moments[ticker], "volatility") for ticker in tickers])
    expected_returns = np.array([_after_fee(etf, _number(moments[etf.ticker], "expected_return")) for etf in etfs])
    least, most = _VOLATILITIES
    if wild := [t for t, volatility in zip(tickers, volatilities, strict=True) if not least <= volatility <= most]:
        message = (
            f"volatility of {', '.join(wild)} in market {folder.name} must be from {least:g} to {most:g}, as a fraction"
            " a year: mend moments.csv"
        )
        raise DataError(message)
    possible = (expected_returns > -1) & (expected_returns <= _MOST_RETURN)
    if strange := [ticker for ticker, is_possible in zip(tickers, possible, strict=True) if not is_possible]:
        message = (
            f"expected_return of {', '.join(strange)} in market {folder.name} must be above -1 and at most"
            f" {_MOST_RETURN:g} after the fee, as a fraction a year: mend moments.csv"
        )
        raise DataError(message)
    cash = [i for i, etf in enumerate(etfs) if etf.asset_class == CASH]
    if not cash:
        message = (
            f"market {folder.name} has no ETF of the asset class {CASH!r}, so no risk-free rate: add one, such as BILL"
        )
        raise DataError(message)
    correlations = _by_ticker(folder.name, "correlations.csv", rows["correlations.csv"])
    about = stated.read_stated(rows[stated.FILE])
    _refuse_later_prices(described.values(), about.priced_on)
    return Market(
        id=folder.name,
        sha256=digest(texts),
        etfs=etfs,
        unpriced=tuple(ticker for ticker in described if ticker not in moments),
        expected_returns=_read_only(expected_returns),
        Sigma=_read_only(_covariance(folder.name, tickers, volatilities, correlations)),
        risk_free=float(expected_returns[min(cash, key=lambda i: volatilities[i])]),
        basis=about.basis,
        priced_on=about.priced_on,
        inflation=about.inflation,
        half_ranges=_half_ranges(folder.name, about.basis, [moments[ticker] for ticker in tickers]),
    )


def _half_ranges(market_id: str, basis: Basis, rows: Sequence[Mapping[str, str]]) -> Vector | None:
    """Read half the width of the range around each return of an outlook, where the outlook states ranges.

    Raises:
        ValueError: If a text is no number.
        DataError: If a width is impossible, or the market is a history, whose error follows from its length.
    """
    stated = [_number(row, HALF_RANGE) if row.get(HALF_RANGE) else 0.0 for row in rows]
    if not any(row.get(HALF_RANGE) for row in rows):
        return None
    if basis.kind == "history":
        message = (
            f"moments.csv of market {market_id} states {HALF_RANGE}, and its returns are a history, whose error follows"
            " from its length: leave the column out"
        )
        raise DataError(message)
    if wide := [_named(row) for row, half in zip(rows, stated, strict=True) if not 0 <= half <= 1]:
        message = f"{HALF_RANGE} of {', '.join(wide)} in market {market_id} must be from 0 to 1: mend moments.csv"
        raise DataError(message)
    return _read_only(np.array(stated))


def _refuse_later_prices(rows: Iterable[Mapping[str, str]], priced_on: date) -> None:
    """Refuse a price of a unit that is later than the day of the market's prices.

    Raises:
        ValueError: If there is one; the message names the ETFs.
    """
    later = [_named(row) for row in rows if row.get("priced_on") and _day(row, "priced_on") > priced_on]
    if later:
        message = (
            f"priced_on of {', '.join(later)} in etfs.csv is after {priced_on}, the priced_on of {stated.FILE}: give"
            " there the last day of all prices"
        )
        raise ValueError(message)


def _rows(name: str, data: bytes) -> list[dict[str, str]]:
    """Read a table's rows; fill a short row with blanks, and drop fields beyond the header."""
    rows = csv.DictReader(io.StringIO(decode(data, name), newline=""), restval="")
    return [{column: text for column, text in row.items() if column is not None} for row in rows]


def _by_ticker(market_id: str, file: str, rows: list[dict[str, str]]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for row in rows:
        if row["ticker"] in found:
            message = f"{file} of market {market_id} names {row['ticker']} twice: leave out one of its lines"
            raise DataError(message)
        found[row["ticker"]] = row
    return found


def _named(row: Mapping[str, str]) -> str:
    """Return a row's ticker for messages; escape a text that is not a valid ticker."""
    return row["ticker"] if _TICKER.fullmatch(row["ticker"]) else shown(row["ticker"])


def _number(row: Mapping[str, str], column: str) -> float:
    """Read a finite number.

    Raises:
        ValueError: If the text is not a finite number; the message names row and column.
    """
    text = row[column] or ""
    try:
        value = float(text)
    except ValueError:
        value = np.nan
    if not np.isfinite(value):
        message = f"{column} of {_named(row)} must be a number, not {shown(text)}: mend it"
        raise ValueError(message)
    return value


def _refuse_nonsense(market: Market) -> None:
    """Refuse an attribute or a price of an ETF outside the possible range."""
    for attribute, most in (
        ("management_fee", 1.0),
        ("distribution_yield", _MOST_YIELD),
        ("franked_share", 1.0),
        ("liquidity", 1.0),
        ("half_spread", 1.0),
        ("discounted_gain_share", 1.0),
        ("tax_deferred_share", 1.0),
    ):
        column = market.column(attribute)
        wrong = [t for t, value in zip(market.tickers, column, strict=True) if not 0 <= value <= most]
        if wrong:
            message = (
                f"{attribute} of {', '.join(wrong)} in market {market.id} must be from 0 to {most:g}: mend etfs.csv"
            )
            raise DataError(message)

    parts = ("franked_share", "discounted_gain_share", "tax_deferred_share")
    shares = np.sum([market.column(part) for part in parts], axis=0)
    if beyond := [t for t, share in zip(market.tickers, shares, strict=True) if share > 1 + _ROUNDING]:
        message = (
            f"{', '.join(parts)} of {', '.join(beyond)} in market {market.id} add up to more than 1: they are parts of"
            " the same distributions; mend etfs.csv"
        )
        raise DataError(message)

    least_aud, most_aud = _PRICES_AUD
    prices = {etf.ticker: etf.price_aud for etf in market.etfs if etf.price_aud is not None}
    if wild := [ticker for ticker, price in prices.items() if not least_aud <= price <= most_aud]:
        message = (
            f"price_aud of {', '.join(wild)} in market {market.id} must be from {least_aud:g} to {most_aud:g}: leave it"
            " out where it is not known"
        )
        raise DataError(message)


def _etf(row: dict[str, str]) -> Etf:
    return Etf(
        ticker=_ticker(row),
        name=_text(row, "name"),
        asset_class=_text(row, "asset_class"),
        distribution_yield=_number(row, "distribution_yield"),
        franked_share=_number(row, "franked_share"),
        liquidity=_number(row, "liquidity"),
        half_spread=_number(row, "half_spread_bps") / 10_000,
        price_aud=_number(row, "price_aud") if row.get("price_aud") else None,
        since=_day(row, "since") if row.get("since") else None,
        until=_day(row, "until") if row.get("until") else None,
        management_fee=_number(row, "management_fee"),
        return_is=_return_is(row),
        paid_in=_paid_in(row),
        discounted_gain_share=_component(row, "discounted_gain_share"),
        tax_deferred_share=_component(row, "tax_deferred_share"),
    )


def _component(row: dict[str, str], column: str) -> float:
    """Read a share of the distributions that a market may leave out; then all of them count as ordinary income."""
    return _number(row, column) if row.get(column) else 0.0


def _return_is(row: Mapping[str, str]) -> ReturnIs:
    """Read whose return the market states for an ETF; there is no default, since a wrong one would miscount the fee.

    Raises:
        ValueError: If the text is neither ``fund`` nor ``index``, or the market has no such column.
    """
    text = row.get("return_is", "")
    if text in list(ReturnIs):
        return ReturnIs(text)
    told = f"is {shown(text)}" if text else "is missing"
    message = (
        f"return_is of {_named(row)} {told}: write in etfs.csv fund, if the fees are already out of its"
        " expected_return, or index, if it is that of an index or an outlook and management_fee is still to come off"
    )
    raise ValueError(message)


def _paid_in(row: Mapping[str, str]) -> tuple[float, ...]:
    """Read the months of distributions.

    Raises:
        ValueError: If the text is not such months; the message names the row.
    """
    if not (text := row.get("paid_in", "")):
        return ()
    try:
        return read_months(text)
    except ValueError as error:
        message = f"{_named(row)} in etfs.csv: {error}"
        raise ValueError(message) from error


def _after_fee(etf: Etf, stated: float) -> float:
    """Take the fund's fee off a return that is stated before it."""
    return stated - etf.management_fee if etf.return_is is ReturnIs.INDEX else stated


def _ticker(row: Mapping[str, str]) -> str:
    """Read a ticker.

    Raises:
        ValueError: If the text is not a valid ticker.
    """
    if not _TICKER.fullmatch(row["ticker"]):
        message = f"ticker is {shown(row['ticker'])}: give 1 to 12 of A-Z and 0-9"
        raise ValueError(message)
    return row["ticker"]


def _text(row: Mapping[str, str], column: str) -> str:
    """Read a text for display.

    Raises:
        ValueError: If the text is not safe to show, or too long; the message names row and column.
    """
    if not is_plain(row[column]) or len(row[column]) > _LONGEST_TEXT:
        message = f"{column} of {_named(row)} is {shown(row[column])}: give {WORDS}, {_LONGEST_TEXT} at most"
        raise ValueError(message)
    return row[column]


def _day(row: Mapping[str, str], column: str) -> date:
    """Read a date.

    Raises:
        ValueError: If the text is not a date; the message names row and column.
    """
    try:
        return date.fromisoformat(row[column])
    except ValueError:
        message = f"{column} of {_named(row)} must be a date such as 2025-11-07, not {shown(row[column])}: mend it"
        raise ValueError(message) from None


def _covariance(
    market_id: str, tickers: Sequence[str], volatilities: Vector, rows: Mapping[str, Mapping[str, str]]
) -> Matrix:
    if missing := [ticker for ticker in tickers if ticker not in rows]:
        message = (
            f"market {market_id} has no correlations for {', '.join(missing)}: add a row for each to correlations.csv"
        )
        raise DataError(message)
    rho = np.array([[_number(rows[a], b) for b in tickers] for a in tickers])
    sound = np.array_equal(rho, rho.T) and (np.diag(rho) == 1).all()
    if not sound or np.linalg.eigvalsh(rho)[0] <= _DEFINITE:
        message = (
            f"the correlations of market {market_id} must be symmetric and positive definite, with ones on the"
            " diagonal: mend correlations.csv"
        )
        raise DataError(message)
    return rho * np.outer(volatilities, volatilities)


def _read_only(array: Matrix) -> Matrix:
    array.setflags(write=False)
    return array


def named(market: Market, weights: Vector) -> dict[str, float]:
    """Return the positive weights by ticker."""
    return {t: float(v) for t, v in zip(market.tickers, weights, strict=True) if v > 0}
