"""The ETF descriptions from an event's market snapshot, if this machine has that exact snapshot."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from typing import TYPE_CHECKING

from portfolio.errors import DataError
from portfolio.market import snapshot as markets

if TYPE_CHECKING:
    from bus.language.messages import MarketRef


@dataclass(frozen=True, slots=True)
class Described:
    """An ETF and the assumptions about the ETF.

    Attributes:
        expected_return: Per year, before tax.
        volatility: Per year.
        distribution_yield: Cash per year, as a share of the price.
        half_spread: As a share of the price.
        source: The source of expected return and volatility.
    """

    name: str
    asset_class: str
    expected_return: float
    volatility: float
    distribution_yield: float
    half_spread: float
    source: str


def described(reference: MarketRef) -> dict[str, Described]:
    """Describe the ETFs of the snapshot *reference*, by ticker; empty if this machine lacks that exact snapshot."""
    try:
        market = markets.load(reference.id)
    except DataError:
        return {}
    if market.sha256 != reference.sha256:
        return {}
    text = (markets.bundled()[reference.id] / "moments.csv").read_text(encoding="utf-8")
    sources = {row["ticker"]: row["source"] for row in csv.DictReader(text.splitlines())}
    return {
        etf.ticker: Described(
            name=etf.name,
            asset_class=etf.asset_class,
            expected_return=float(market.expected_returns[j]),
            volatility=float(market.Sigma[j, j]) ** 0.5,
            distribution_yield=etf.distribution_yield,
            half_spread=etf.half_spread,
            source=sources[etf.ticker],
        )
        for j, etf in enumerate(market.etfs)
    }
