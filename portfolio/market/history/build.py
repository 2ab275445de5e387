"""Make a market from a history of prices."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from portfolio.errors import DataError
from portfolio.market.basis import History
from portfolio.market.history.compare import compare, compare_tickers, refuse_unlikely
from portfolio.market.history.moments import estimate
from portfolio.market.history.sample import COVERAGE, align
from portfolio.market.history.snapshot import render
from portfolio.market.snapshot import CASH
from portfolio.market.stated import Stated

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from portfolio.market.history.facts import Facts, Knowledge
    from portfolio.market.history.moments import Moments
    from portfolio.market.history.prices import Prices
    from portfolio.market.history.sample import Period, Sample


@dataclass(frozen=True, slots=True)
class Built:
    """A market that is not yet written, with the data used to make the market.

    Attributes:
        files: The snapshot's files, by name.
        sample: The returns that were used.
        moments: The estimates from these returns.
        facts: The facts of each ETF.
        notes: The reading of the files, and data that is suspicious beside other data, in sentences.
    """

    files: Mapping[str, bytes]
    sample: Sample
    moments: Moments
    facts: Mapping[str, Facts]
    notes: tuple[str, ...]


def build(
    prices: Prices,
    knowledge: Knowledge,
    period: Period | None = None,
    *,
    since: date | None = None,
    coverage: float = COVERAGE,
    trusted: Collection[str] = (),
) -> Built:
    """Align the prices, estimate the moments and collect the facts.

    Args:
        prices: The history.
        knowledge: The known facts of the ETFs, by source.
        period: The period of one return; if None, a week, or a month where the dates are further apart.
        since: The first date to use; the first date of the history if None.
        coverage: Minimum fraction of the dates on which an ETF must have a price.
        trusted: ETFs whose prices are taken as they are, however unlikely.

    Raises:
        DataError: If too few prices can be used, a fact is missing, two files contradict each other, or no ETF is cash.
    """
    strangers = compare_tickers(prices, knowledge)
    sample = align(prices, period, since=since, coverage=coverage, trusted=trusted)
    try:
        facts = knowledge.of(sample.tickers, until=prices.dates[-1])
    except DataError as error:
        # What is suspicious in the prices is told too, so that one run tells all.
        raise DataError("; ".join([str(error), *sample.notes])) from None
    if not any(each.values["asset_class"] == CASH for each in facts.values()):
        left = f" (left out: {', '.join(sample.left_out)})" if sample.left_out else ""
        message = (
            f"no ETF of this market is of the asset class {CASH!r}{left}, so there is no risk-free rate: add the prices"
            " of one, such as BILL, or state it in --facts"
        )
        raise DataError(message)
    differences = [*strangers, *compare(prices, knowledge, facts)]
    moments = estimate(sample)
    refuse_unlikely(prices, sample, moments, facts, trusted)
    basis = History(sample.begins, sample.ends, len(sample.returns), sample.a_year)
    stated = Stated(basis, _priced_on(facts, knowledge.priced_on, prices.dates[-1]), knowledge.inflation)
    notes = (*(f"{prices.file}: {each}" for each in prices.assumed), *knowledge.assumed, *differences)
    return Built(render(sample, moments, facts, stated), sample, moments, facts, notes)


def _priced_on(facts: Mapping[str, Facts], told: date | None, last: date) -> date:
    """Find the day of the prices.

    Args:
        facts: The facts of each ETF.
        told: The day that the user states for all; None if the user states none.
        last: The last day of the history.

    Raises:
        DataError: If a price of a unit has no day.
    """
    if told is not None:
        return told
    undated = [ticker for ticker, each in facts.items() if each.values["price_aud"] and not each.values["priced_on"]]
    if undated:
        message = (
            f"price_aud of {', '.join(undated)} is stated without its day: state priced_on beside it in --facts, or"
            " give --priced-on, the last day of all prices"
        )
        raise DataError(message)
    return max((date.fromisoformat(day) for each in facts.values() if (day := each.values["priced_on"])), default=last)
