"""Make a market of a history of prices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from portfolio.errors import DataError
from portfolio.market.history.moments import estimate
from portfolio.market.history.sample import COVERAGE, align
from portfolio.market.history.snapshot import render
from portfolio.market.snapshot import CASH

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from portfolio.market.history.facts import Facts, Knowledge
    from portfolio.market.history.moments import Moments
    from portfolio.market.history.prices import Prices
    from portfolio.market.history.sample import Period, Sample


@dataclass(frozen=True, slots=True)
class Built:
    """A market, not yet written, and what became of the history.

    Attributes:
        files: The snapshot's files, by name.
        sample: The returns that were used.
        moments: What they say.
        facts: What is known of each ETF.
    """

    files: Mapping[str, bytes]
    sample: Sample
    moments: Moments
    facts: Mapping[str, Facts]


def build(
    prices: Prices, knowledge: Knowledge, period: Period, *, since: date | None = None, coverage: float = COVERAGE
) -> Built:
    """Align, estimate, collect the facts.

    Args:
        prices: The history.
        knowledge: What is known of the ETFs.
        period: What a return is over.
        since: The first date to use; the history's if None.
        coverage: Least share of the dates on which an ETF has a price.

    Raises:
        DataError: If too little is left of the history, a fact is missing, or no ETF is cash.
    """
    sample = align(prices, period, since=since, coverage=coverage)
    facts = knowledge.of(sample.tickers, until=prices.dates[-1])
    if not any(each.values["asset_class"] == CASH for each in facts.values()):
        left = f" (left out: {', '.join(sample.left_out)})" if sample.left_out else ""
        message = (
            f"no ETF of this market is of the asset class {CASH!r}{left}, so there is no risk-free rate: add the prices"
            " of one, such as BILL, or state it in --facts"
        )
        raise DataError(message)
    moments = estimate(sample)
    return Built(render(sample, moments, facts), sample, moments, facts)
