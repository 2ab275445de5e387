"""Choose the units of each parcel to sell for the least tax, given the number of units to sell per ETF.

A seller of units bought at different times may choose the units sold, if records identify them (TD 33;
ATO, "Identifying when shares or units were acquired").
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from portfolio.errors import DataError, SolverError
from portfolio.integer_program import IntegerProgram, stacked
from portfolio.tax.brackets import pieces
from portfolio.tax.gains import Assessment, assess, so_far
from portfolio.tax.kinds import GAINS, Kind, effective_rate, inclusion
from portfolio.tax.parcels import gain_per_unit, refuse_future

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import numpy.typing as npt

    from portfolio import Matrix, Vector
    from portfolio.tax.kinds import Amounts
    from portfolio.tax.parcels import Parcel, Quotes
    from portfolio.tax.regime import Regime
    from portfolio.tax.taxpayer import Taxpayer

# Units to sell may exceed the units held by the rounding error of sums of fractional units.
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Sale:
    """Units to sell, and the tax.

    Attributes:
        units: Units per parcel, in the order of the parcels given.
        realised_aud: Totals of the gains and losses, by kind.
        assessment: The tax that this sale adds to that of the year so far.
    """

    units: tuple[float, ...]
    realised_aud: Amounts
    assessment: Assessment


def realise(
    parcels: Sequence[Parcel], units: Iterable[float], quotes: Quotes, taxpayer: Taxpayer, regime: Regime
) -> dict[Kind, float]:
    """Sum the gains and losses of selling *units* of *parcels*, by kind, in AUD.

    Raises:
        DataError: If *units* and *parcels* differ in length, or as in ``gain_per_unit``.
    """
    counts = list(units)
    if len(counts) != len(parcels):
        message = f"there are {len(parcels)} parcels, and units of {len(counts)}"
        raise DataError(message)
    totals = dict.fromkeys(Kind, 0.0)
    for parcel, count in zip(parcels, counts, strict=True):
        if count:
            for kind, amount in gain_per_unit(parcel, quotes, taxpayer, regime).items():
                totals[kind] += amount * count
    return totals


def cheapest_sale(
    parcels: Sequence[Parcel], units_to_sell: Mapping[str, float], quotes: Quotes, taxpayer: Taxpayer, regime: Regime
) -> Sale:
    """Choose the units to sell with the least tax, proven; ties are broken arbitrarily.

    If the parcels of an ETF and the number to sell are whole, only whole units are sold. Losses of one ETF reduce
    gains of another, so the units of all ETFs are chosen together.

    Args:
        parcels: All parcels held, in any order.
        units_to_sell: Units to sell, by ticker; ETFs not named are kept.
        quotes: Prices, costs and day of the sale.
        taxpayer: The seller, with carried losses and the year so far.
        regime: The law.

    Raises:
        DataError: If more units are to be sold than are held, or as in ``gain_per_unit``.
        SolverError: If no choice could be proven to be the cheapest.
    """
    refuse_future(parcels, quotes.on)
    _refuse_short(parcels, units_to_sell)
    sales = []
    for units in _Program(parcels, units_to_sell, quotes, taxpayer, regime).solve():
        realised = realise(parcels, units, quotes, taxpayer, regime)
        sales.append(Sale(units, realised, assess(taxpayer, realised)))
    return min(sales, key=lambda sale: sale.assessment.net_cost_aud)


def _refuse_short(parcels: Sequence[Parcel], units_to_sell: Mapping[str, float]) -> None:
    for ticker, units in units_to_sell.items():
        owned_units = math.fsum(parcel.units for parcel in parcels if parcel.ticker == ticker)
        if not (math.isfinite(units) and 0 <= units <= owned_units * (1 + _ROUNDING)):
            message = f"asked to sell {units} {ticker}; the parcels hold {owned_units}"
            raise DataError(message)


class _Program:
    """The choice as a mixed-integer linear program; variables ``(units of each parcel, losses of each kind, tax)``.

    With ``G = so_far + gains @ units``, minimises ``sum_k r[k] (G[k] - l[k])``; see ``assess`` for the limits on the
    losses. By brackets, minimises a tax that is at least each of its ``pieces``.
    """

    def __init__(
        self,
        parcels: Sequence[Parcel],
        units_to_sell: Mapping[str, float],
        quotes: Quotes,
        taxpayer: Taxpayer,
        regime: Regime,
    ) -> None:
        self._tickers = [parcel.ticker for parcel in parcels]
        self._held = np.array([parcel.units for parcel in parcels])
        self._units_to_sell = {ticker: units for ticker, units in units_to_sell.items() if units > 0}
        self._upper = self._held * np.isin(self._tickers, list(self._units_to_sell))
        self._whole = self._find_whole([parcel.is_whole for parcel in parcels])
        parts = [
            gain_per_unit(parcel, quotes, taxpayer, regime) if parcel.ticker in self._units_to_sell else {}
            for parcel in parcels
        ]
        self._gains = np.array([[part.get(kind, 0.0) for part in parts] for kind in GAINS])
        self._losses = np.array([part.get(Kind.LOSS, 0.0) for part in parts])
        self._rates = np.array([effective_rate(kind, taxpayer) for kind in GAINS])
        before = so_far(taxpayer)
        self._so_far = np.array([before[kind] for kind in GAINS])
        self._carried = taxpayer.carried_losses_aud + before[Kind.LOSS]
        self._loss_value = taxpayer.loss_value
        self._parts = pieces(taxpayer)
        self._early = np.array([inclusion(kind, taxpayer.entity) * (kind is not Kind.INDEXED) for kind in GAINS])
        self._indexed = np.array([float(kind is Kind.INDEXED) for kind in GAINS])

    def _find_whole(self, parcel_is_whole: list[bool]) -> npt.NDArray[np.bool_]:
        fractional = {ticker for ticker, is_whole in zip(self._tickers, parcel_is_whole, strict=True) if not is_whole}
        fractional |= {ticker for ticker, units in self._units_to_sell.items() if not float(units).is_integer()}
        return np.array([ticker not in fractional for ticker in self._tickers])

    def solve(self) -> list[tuple[float, ...]]:
        """Find the units with the least tax, in each of the law's two cases.

        Losses reduce other gains before indexed gains. So either no losses reduce indexed gains, or losses cover all
        other gains. The two cases are two programs, not one with a binary variable: with a big-M constant, the
        integrality tolerance would let losses break this order.
        """
        indexed = GAINS.index(Kind.INDEXED)
        losses_most, left_most = np.full(len(GAINS), np.inf), np.full(len(GAINS), np.inf)
        losses_most[indexed] = 0.0
        candidates = [self._solve(losses_most, np.full(len(GAINS), np.inf))]
        if self._gains[indexed].any() or self._so_far[indexed]:
            left_most[:indexed] = 0.0
            candidates.append(self._solve(np.full(len(GAINS), np.inf), left_most))
        possible = [units for units in candidates if units is not None]
        if not possible:
            message = f"no parcels were found to sell {self._units_to_sell} from"
            raise SolverError(message)
        return possible

    def _solve(self, losses_most: Vector, left_most: Vector) -> tuple[float, ...] | None:
        """Find the units with the least tax, given limits by kind on the losses used and on the gains after losses.

        Return None if the program has no solution.
        """
        n, k = len(self._tickers), len(GAINS)
        left = np.hstack([self._gains, -np.eye(k), np.zeros((k, 1))])
        rows: list[tuple[Matrix, Vector | float, Vector | float]] = [
            *self._sold(),
            (left, -self._so_far, left_most - self._so_far),
            (np.concatenate([-self._losses, np.ones(k), [0.0]]), -np.inf, self._carried),
        ]
        cost, tax = self._rates @ left, np.zeros(n + k + 1)
        if len(self._parts) > 1:
            cost = tax
            tax[-1] = 1.0
            for part in self._parts:
                rate = part.early * self._early + part.indexed * self._indexed
                rows.append((rate @ left - tax, -np.inf, part.less - float(rate @ self._so_far)))
        A, least, most = stacked(rows)
        # Less tax and more unused losses never exclude each other: losses are unused only where no gain is left.
        unused = np.concatenate([self._losses, -np.ones(k), [0.0]])
        program = IntegerProgram(
            cost=cost - self._loss_value * unused,
            whole=np.concatenate([self._whole, np.zeros(k + 1, dtype=bool)]),
            lower=np.zeros(n + k + 1),
            upper=np.concatenate([self._upper, losses_most, [np.inf if len(self._parts) > 1 else 0.0]]),
            A=A,
            least=least,
            most=most,
        )
        x = program.solve()
        return None if x is None else tuple(np.clip(x[:n], 0.0, self._upper).tolist())

    def _sold(self) -> list[tuple[Vector, float, float]]:
        rows = []
        for ticker, units_asked in self._units_to_sell.items():
            mine = np.array([float(ticker == other) for other in self._tickers])
            units = float(min(units_asked, mine @ self._held))
            rows.append((np.concatenate([mine, np.zeros(len(GAINS) + 1)]), units, units))
        return rows
