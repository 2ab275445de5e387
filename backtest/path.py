"""The records of a walk-forward backtest: data only, so that to read a walk loads no solver.

A *walk* has one *path* per strategy, over the same trading weeks; a path has one *decision* per date of orders.
"""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from portfolio.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path as File

# The line of uninvested money among the weights of a decision.
CASH = "CASH"

Every = Literal["month", "quarter", "half-year", "year"]
Finite = Annotated[float, Field(allow_inf_nan=False)]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Decision(_Record):
    """One date of orders.

    Attributes:
        date: The day of the decision and of the orders' contracts.
        weights: Share of each ETF, and of ``CASH``, in the account's value after the orders; they add up to one.
        orders: Number of orders; each pays brokerage once.
        traded_aud: Value of the units bought plus the value of the units sold, at mid prices.
        brokerage_aud: Brokerage paid.
        spread_aud: Half-spreads paid.
        tax_aud: Tax assessed and paid out of cash since the previous decision; negative for a refund.
        etfs: Number of ETFs held after the orders.
        refused: The reason for no orders, where the strategy had no answer; None if it had one.
        in_cash: The pods that took no part, since no mix of their ETFs had returned more than cash.
    """

    date: date
    weights: dict[str, Finite]
    orders: int
    traded_aud: Finite
    brokerage_aud: Finite
    spread_aud: Finite
    tax_aud: Finite
    etfs: int
    refused: str | None = None
    in_cash: Annotated[tuple[str, ...], Field(exclude_if=lambda pods: not pods)] = ()


class Path(_Record):
    """The course of one strategy.

    Attributes:
        strategy: Name of the strategy.
        dates: The first date of orders and each trading week after it.
        wealth_aud: Per date, at the close, after orders: market value plus cash, minus the tax owed on income received
            and gains realised so far. Tax on gains not yet realised is not owed.
        flows_aud: Per date: money paid in (positive) or out. The first is the account's value before the first orders,
            so that the return of date i is ``(wealth[i] - flows[i]) / wealth[i - 1] - 1``, and of the first date
            ``wealth[0] / flows[0] - 1``.
        decisions: The dates of orders, in ascending order; each is one of ``dates``.
    """

    strategy: str
    dates: tuple[date, ...]
    wealth_aud: tuple[Finite, ...]
    flows_aud: tuple[Finite, ...]
    decisions: tuple[Decision, ...]

    @model_validator(mode="after")
    def _refuse_contradictions(self) -> Self:
        if not len(self.dates) == len(self.wealth_aud) == len(self.flows_aud):
            message = f"path {self.strategy}: dates, wealth_aud and flows_aud must have the same length"
            raise ValueError(message)
        if list(self.dates) != sorted(set(self.dates)):
            message = f"path {self.strategy}: dates must ascend"
            raise ValueError(message)
        if not {decision.date for decision in self.decisions} <= set(self.dates):
            message = f"path {self.strategy}: the date of each decision must be one of dates"
            raise ValueError(message)
        return self


class Walk(_Record):
    """A walk-forward backtest.

    Attributes:
        inputs: SHA-256 of all inputs, in hexadecimal.
        markets: Name of the market of each decision, in the order of the decisions.
        train: Number of weekly returns from which each market is estimated.
        every: Time between two decisions.
        paths: One per strategy; the first is the coordinated portfolio, the others are its rivals.
    """

    inputs: str
    markets: tuple[str, ...]
    train: int
    every: Every
    paths: tuple[Path, ...]

    @model_validator(mode="after")
    def _refuse_different_dates(self) -> Self:
        if len({path.dates for path in self.paths}) > 1:
            message = "all paths must have the same dates"
            raise ValueError(message)
        return self


def write_walk(walk: Walk) -> bytes:
    """Write a walk as JSON; the same walk gives the same bytes."""
    return f"{walk.model_dump_json(indent=1)}\n".encode()


def read_walk(file: File) -> Walk:
    """Read a walk.

    Raises:
        DataError: If the file cannot be read, or is not a walk.
    """
    try:
        return Walk.model_validate_json(file.read_bytes())
    except OSError as error:
        message = f"{file} cannot be read ({error.strerror}): give the walk.json of podfolio backtest"
        raise DataError(message) from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the file"
        message = f"{file} is not a walk ({place}: {first['msg']}): give the walk.json of podfolio backtest"
        raise DataError(message) from error
