"""The part of a final event that says what a portfolio without an account is: a model, and no orders."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TooSmall:
    """A position of a model portfolio that nobody can buy at first.

    Attributes:
        ticker: The ETF.
        amount_aud: The position.
        needs_aud: The least that a first purchase takes: 500 AUD on ASX, and the price of a unit where it is known.
    """

    ticker: str
    amount_aud: float
    needs_aud: float


@dataclass(frozen=True, slots=True)
class ModelPortfolio:
    """A portfolio without an account: shares of the capital, and no orders.

    Attributes:
        cost_aud: Brokerage and half the spread of buying it, on top of the capital.
        too_small: Positions that are below what can be bought.
    """

    cost_aud: float
    too_small: tuple[TooSmall, ...]
