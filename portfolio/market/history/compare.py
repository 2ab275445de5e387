"""Compare the files of a market with each other: what one says of an ETF against what another says."""

from __future__ import annotations

from collections import Counter
from datetime import date
from typing import TYPE_CHECKING

import numpy as np

from portfolio.errors import DataError
from portfolio.market.history.distributions import in_a_year, last_year
from portfolio.market.history.facts import LINE
from portfolio.market.snapshot import CASH

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from portfolio.market.history.facts import Facts, Knowledge
    from portfolio.market.history.moments import Moments
    from portfolio.market.history.prices import Prices
    from portfolio.market.history.sample import Sample

# What a snapshot takes; see portfolio.market.snapshot.
_RETURNS = -1.0, 10.0
_VOLATILITIES = 1e-6, 10.0
# Cash hardly ever falls; without its distributions it falls by as much as it rose.
_FALLS = 0.6


def compare(prices: Prices, knowledge: Knowledge, facts: Mapping[str, Facts]) -> list[str]:
    """Compare facts and distributions with the prices; return a sentence for each difference."""
    return [*_too_early(prices, facts), *_left_out_payments(prices, knowledge, facts)]


def compare_tickers(prices: Prices, knowledge: Knowledge) -> list[str]:
    """Compare the tickers of facts and distributions with those of the prices; return a sentence for each difference.

    Raises:
        DataError: If a ticker is so near to one of the prices, of which its file says nothing, that it must be that.
    """
    return [*_unknown(prices, *_stated(knowledge)), *_unknown(prices, *_paid(knowledge))]


def _stated(knowledge: Knowledge) -> tuple[str, dict[str, tuple[int, str]]]:
    stated, file = knowledge.stated
    return file, {
        ticker: (
            int(row.get(LINE, 0)),
            ", ".join(f"{name} {value}" for name, value in row.items() if name != LINE) or "no fact",
        )
        for ticker, row in stated.items()
    }


def _paid(knowledge: Knowledge) -> tuple[str, dict[str, tuple[int, str]]]:
    payments, file = knowledge.payments
    return file, {
        ticker: (paid[0].line, f"{sum(each.amount_aud for each in paid):g} AUD a unit in all")
        for ticker, paid in payments.items()
    }


def _unknown(prices: Prices, file: str, rows: Mapping[str, tuple[int, str]]) -> Iterator[str]:
    """Tell the tickers that the prices do not have, and refuse those that must be another one.

    Raises:
        DataError: If there are such.
    """
    unsaid = [ticker for ticker in prices.tickers if ticker not in rows]
    mistakes = []
    for ticker, (line, what) in rows.items():
        if ticker in prices.tickers:
            continue
        where = f"{file}: line {line}: {ticker} ({what}) is no ETF of {prices.file}"
        if meant := [other for other in unsaid if _same_letters(ticker, other)]:
            mistakes.append(f"{where}; {' or '.join(meant)}, of which {file} says nothing, is likely meant: mend it")
        else:
            yield f"{where}, and is not used"
    if mistakes:
        raise DataError("; ".join(mistakes))


def _same_letters(one: str, other: str) -> bool:
    """Whether two tickers differ by the order of their letters, or by a letter too many: VSA or VASX for VAS."""
    few, many = sorted((one, other), key=len)
    if len(few) == len(many):
        return Counter(few) == Counter(many)
    return len(many) - len(few) == 1 and any(many[:i] + many[i + 1 :] == few for i in range(len(many)))


def _too_early(prices: Prices, facts: Mapping[str, Facts]) -> Iterator[str]:
    """Tell the prices of a time in which nobody could own a unit: a fund filled back with its index."""
    for ticker, known in facts.items():
        column = prices.values[:, prices.tickers.index(ticker)]
        first = prices.dates[int(np.flatnonzero(np.isfinite(column))[0])]
        if known.values["since"] and (since := date.fromisoformat(known.values["since"])) > first:
            yield (
                f"{ticker} has prices from {first}, and units could be owned from {since} ({known.sources['since']}):"
                " the earlier ones are of something else, such as its index"
            )


def _left_out_payments(prices: Prices, knowledge: Knowledge, facts: Mapping[str, Facts]) -> Iterator[str]:
    payments, file = knowledge.payments
    until = prices.dates[-1]
    for ticker in (ticker for ticker in facts if ticker in payments):
        used = in_a_year(payments[ticker], until=until)
        for other in (each for each in last_year(payments[ticker], until=until) if each not in used):
            yield (
                f"{file}: the payment of {ticker} on {other.date} (line {other.line}, {other.amount_aud:g} AUD) is no"
                f" part of its yield: with it, the year would have {len(used) + 1} payments, one more than a year has"
            )


def refuse_unlikely(
    prices: Prices, sample: Sample, moments: Moments, facts: Mapping[str, Facts], trusted: Collection[str]
) -> None:
    """Refuse returns that no market can have, in words of the file of prices.

    Raises:
        DataError: If a figure is out of range, or the prices of cash leave out what it pays.
    """
    for j, ticker in enumerate(sample.tickers):
        mean, sigma = float(moments.expected_returns[j]), float(moments.volatilities[j])
        if not (_RETURNS[0] < mean <= _RETURNS[1] and _VOLATILITIES[0] <= sigma <= _VOLATILITIES[1]):
            message = (
                f"{prices.file}: {ticker} returns {mean:.2%} a year with a volatility of {sigma:.4%}, which no ETF has:"
                " mend its prices, or take the column out"
            )
            raise DataError(message)
        if facts[ticker].values["asset_class"] == CASH and ticker not in trusted:
            _refuse_without_distributions(prices, sample, j)


def _refuse_without_distributions(prices: Prices, sample: Sample, j: int) -> None:
    column, ticker = sample.returns[:, j], sample.tickers[j]
    falls = -column[column < 0]
    if falls.sum() <= _FALLS * column[column > 0].sum():
        return
    day = sample.days[int(np.argmin(column))]
    line = f" (line {prices.lines[prices.dates.index(day)]})" if prices.lines else ""
    message = (
        f"{prices.file}: {ticker}, which is cash, falls in {len(falls)} of {len(column)} {sample.period.adjective}"
        f" returns, most by {falls.max():.2%} in the {sample.period} to {day}{line}, and so loses what it gains: its"
        " prices leave its distributions out. Give total-return prices (adjusted close), or"
        f" --trust {ticker} if it is so"
    )
    raise DataError(message)
