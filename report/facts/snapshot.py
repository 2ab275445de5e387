"""The ETF descriptions from an event's market snapshot, if this machine has that exact snapshot."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from typing import TYPE_CHECKING

from portfolio.errors import DataError
from portfolio.files import decode, read_bytes
from portfolio.market import folders
from portfolio.market import snapshot as markets

if TYPE_CHECKING:
    from bus.language.messages import MarketRef
    from portfolio.market.snapshot import Market

# People may edit the figures of a market of their own.
_NO_SOURCE = "not told"


@dataclass(frozen=True, slots=True)
class Described:
    """An ETF and the assumptions about the ETF.

    Attributes:
        expected_return: Per year, after the fee, before tax.
        volatility: Per year.
        distribution_yield: Cash per year, as a share of the price.
        management_fee: Per year, as a share of the price.
        half_spread: As a share of the price.
        paid_in: Shares of a year's distributions in January to December, by ex-date; empty if unknown.
        source: The source of expected return and volatility.
    """

    name: str
    asset_class: str
    expected_return: float
    volatility: float
    distribution_yield: float
    management_fee: float
    half_spread: float
    paid_in: tuple[float, ...]
    source: str


def snapshot(reference: MarketRef) -> Market | None:
    """Load the exact snapshot *reference*, bundled or of one's own; None if this machine lacks it."""
    try:
        market = markets.load(reference.id)
    except DataError:
        return None
    return market if market.sha256 == reference.sha256 else None


def why_not_considered(reference: MarketRef, ticker: str) -> str:
    """Say why no pod could consider an ETF: each of the causes, if this machine lacks the exact snapshot."""
    if (market := snapshot(reference)) is None:
        return "the market has no return and risk, or no price, or nobody can buy it any more"
    etf = next((etf for etf in market.etfs if etf.ticker == ticker), None)
    if etf is None:
        return "the market has no return and risk of it" if ticker in market.unpriced else "the market does not have it"
    return "nobody can buy it any more" if etf.is_closed else "the market has no price of a unit"


def described(reference: MarketRef) -> dict[str, Described]:
    """Describe the ETFs of the snapshot *reference*, by ticker; empty if this machine lacks that exact snapshot."""
    if (market := snapshot(reference)) is None:
        return {}
    text = decode(read_bytes(folders.known()[reference.id] / "moments.csv"), "moments.csv")
    sources = {row["ticker"]: row.get("source") or _NO_SOURCE for row in csv.DictReader(text.splitlines())}
    return {
        etf.ticker: Described(
            name=etf.name,
            asset_class=etf.asset_class,
            expected_return=float(market.expected_returns[j]),
            volatility=float(market.Sigma[j, j]) ** 0.5,
            distribution_yield=etf.distribution_yield,
            management_fee=etf.management_fee,
            half_spread=etf.half_spread,
            paid_in=etf.paid_in,
            source=sources[etf.ticker],
        )
        for j, etf in enumerate(market.etfs)
    }
