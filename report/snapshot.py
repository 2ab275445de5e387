"""What the snapshot of an event says of its ETFs, where this machine has that very snapshot."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from typing import TYPE_CHECKING

from portfolio.errors import DataError
from portfolio.market import snapshot as markets

if TYPE_CHECKING:
    from bus.messages import MarketRef


@dataclass(frozen=True, slots=True)
class Described:
    """An ETF and its assumptions.

    Attributes:
        expected_return: A year, before tax.
        volatility: A year.
        distribution_yield: Cash a year, as a share of the price.
        half_spread: As a share of the price.
        source: Where expected return and volatility come from.
    """

    name: str
    asset_class: str
    expected_return: float
    volatility: float
    distribution_yield: float
    half_spread: float
    source: str


def described(reference: MarketRef) -> dict[str, Described]:
    """Describe the ETFs of the snapshot *reference*, by ticker; nothing if this machine has none or another one."""
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
