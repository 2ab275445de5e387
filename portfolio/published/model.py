"""The part of a final event for a portfolio without an account: a model, and no orders."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TooSmall:
    """A position of a model portfolio that is too small for a first purchase.

    Attributes:
        ticker: The ETF.
        amount_aud: Value of the position, AUD.
        needs_aud: Least value of a first purchase, AUD: the larger of 500 AUD (ASX) and the price of a unit, where the
            price is known.
    """

    ticker: str
    amount_aud: float
    needs_aud: float


@dataclass(frozen=True, slots=True)
class ModelPortfolio:
    """A portfolio without an account: shares of the capital, and no orders.

    Attributes:
        cost_aud: Brokerage and half the spread of buying the portfolio, AUD, on top of the capital.
        too_small: Positions that are smaller than the least first purchase.
    """

    cost_aud: float
    too_small: tuple[TooSmall, ...]
