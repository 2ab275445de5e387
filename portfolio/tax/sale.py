"""Choose the units of each parcel to sell for the least tax, given the number of units to sell per ETF.

A seller of units bought at different times may choose the units sold, if records identify them (TD 33;
ATO, "Identifying when shares or units were acquired").
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from portfolio.errors import DataError, SolverError
from portfolio.integer_program import IntegerProgram, stacked
from portfolio.tax.brackets import pieces
from portfolio.tax.gains import Assessment, assess, so_far
from portfolio.tax.kinds import GAINS, Kind, effective_rate, inclusion
from portfolio.tax.parcels import gain_per_unit, refuse_future

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    import numpy.typing as npt

    from portfolio import Matrix, Vector
    from portfolio.tax.kinds import Amounts
    from portfolio.tax.parcels import Parcel, Quotes
    from portfolio.tax.regime import Regime
    from portfolio.tax.taxpayer import Taxpayer

# Columns of each owner: the losses used against each kind of gain, and the tax.
_COLUMNS = len(GAINS) + 1

# Units to sell may exceed the units held by the rounding error of sums of fractional units.
_ROUNDING = 1e-9

# A cost that differs from a bound by less than this share of its terms is equal to the bound.
_SAME = 1e-12


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
    """The choice, in order of cost where that is proven the best, else by a mixed-integer linear program.

    Variables ``(units of each parcel, columns of each owner)``.

    An owner's columns are ``(losses of each kind, tax)``. With ``G = so_far + share * gains @ units``, minimises
    ``sum_k r[k] (G[k] - l[k])`` over all owners; see ``assess`` for the limits on the losses. By brackets, minimises a
    tax that is at least each of its ``pieces``.
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
        gains = np.array([[part.get(kind, 0.0) for part in parts] for kind in GAINS])
        losses = np.array([part.get(Kind.LOSS, 0.0) for part in parts])
        self._owners = [_Owner(alone, share * gains, share * losses) for share, alone in taxpayer.each]

    def _find_whole(self, parcel_is_whole: list[bool]) -> npt.NDArray[np.bool_]:
        fractional = {ticker for ticker, is_whole in zip(self._tickers, parcel_is_whole, strict=True) if not is_whole}
        fractional |= {ticker for ticker, units in self._units_to_sell.items() if not float(units).is_integer()}
        return np.array([ticker not in fractional for ticker in self._tickers], dtype=bool)

    def solve(self) -> list[tuple[float, ...]]:
        """Find the units with the least tax, in each of the law's two cases, of each owner.

        Losses reduce other gains before indexed gains. So either no losses reduce indexed gains, or losses cover all
        other gains. The two cases are two programs, not one with a binary variable: with a big-M constant, the
        integrality tolerance would let losses break this order.
        """
        if (units := self._in_order()) is not None:
            return [units]
        candidates = [self._solve(case) for case in product(*(owner.cases for owner in self._owners))]
        possible = [units for units in candidates if units is not None]
        if not possible:
            message = f"no parcels were found to sell {self._units_to_sell} from"
            raise SolverError(message)
        return possible

    def _in_order(self) -> tuple[float, ...] | None:
        """Sell the cheapest units of each ETF, at some worth of a dollar of losses; None if none proves it best.

        At a given worth the tax is linear in the units, and a bound on the tax of any units (``_Owner.worths``). Where
        the units that are cheapest then cost no more than the bound, they are the best. Of equals, those that gain
        least are sold, which leaves most losses for later years; then the first.
        """
        if len(self._owners) > 1:
            return None
        (owner,) = self._owners
        tickers = np.array(self._tickers)
        mine = {ticker: np.flatnonzero(tickers == ticker) for ticker in self._units_to_sell}
        for cost, constant in owner.worths():
            units = np.zeros(len(tickers))
            for ticker, asked in self._units_to_sell.items():
                order = mine[ticker][np.lexsort((owner.net[mine[ticker]], cost[mine[ticker]]))]
                before = np.cumsum(self._upper[order]) - self._upper[order]
                units[order] = np.clip(asked - before, 0.0, self._upper[order])
            size = float(abs(cost) @ units) + abs(constant)
            if owner.least(units) <= float(cost @ units) + constant + _SAME * size:
                return tuple(units.tolist())
        return None

    def _solve(self, case: Sequence[bool]) -> tuple[float, ...] | None:
        """Find the units with the least tax, given for each owner whether losses cover all but indexed gains.

        Return None if the program has no solution.
        """
        n, owners = len(self._tickers), len(self._owners)
        blocks = [owner.block(covered=covered) for owner, covered in zip(self._owners, case, strict=True)]
        rows = [*self._sold(owners * _COLUMNS)]
        for number, block in enumerate(blocks):
            before, after = (np.zeros(_COLUMNS * k) for k in (number, owners - number - 1))
            for A, least, most in block.rows:
                wide = np.atleast_2d(A)
                pad = [np.broadcast_to(zeros, (len(wide), len(zeros))) for zeros in (before, after)]
                rows.append((np.hstack([wide[:, :n], pad[0], wide[:, n:], pad[1]]), least, most))
        A, least, most = stacked(rows)
        program = IntegerProgram(
            cost=np.concatenate([sum(block.cost[:n] for block in blocks), *(block.cost[n:] for block in blocks)]),
            whole=np.concatenate([self._whole, np.zeros(owners * _COLUMNS, dtype=bool)]),
            lower=np.zeros(n + owners * _COLUMNS),
            upper=np.concatenate([self._upper, *(block.upper for block in blocks)]),
            A=A,
            least=least,
            most=most,
        )
        x = program.solve()
        return None if x is None else tuple(np.clip(x[:n], 0.0, self._upper).tolist())

    def _sold(self, more: int) -> list[tuple[Matrix, Vector | float, Vector | float]]:
        rows: list[tuple[Matrix, Vector | float, Vector | float]] = []
        for ticker, units_asked in self._units_to_sell.items():
            mine = np.array([float(ticker == other) for other in self._tickers])
            units = float(min(units_asked, mine @ self._held))
            rows.append((np.concatenate([mine, np.zeros(more)]), units, units))
        return rows


class _Block(NamedTuple):
    """One owner's part of the program, on the units of each parcel and the owner's columns.

    Attributes:
        rows: Rows with their limits.
        cost: Tax less the value of unused losses, shape (parcels + columns,).
        upper: Upper limits of the owner's columns.
    """

    rows: list[tuple[Matrix, Vector | float, Vector | float]]
    cost: Vector
    upper: Vector


class _Owner:
    """One owner's tax as rows.

    Args:
        taxpayer: The owner alone.
        gains: The owner's gains per unit sold, shape (kinds, parcels).
        losses: The owner's losses per unit sold, shape (parcels,).
    """

    def __init__(self, taxpayer: Taxpayer, gains: Matrix, losses: Vector) -> None:
        before = so_far(taxpayer)
        self._gains, self._losses, self._loss_value = gains, losses, taxpayer.loss_value
        self._rates = np.array([effective_rate(kind, taxpayer) for kind in GAINS])
        self._so_far = np.array([before[kind] for kind in GAINS])
        self._carried = taxpayer.carried_losses_aud + before[Kind.LOSS]
        self._parts = pieces(taxpayer)
        self._early = np.array([inclusion(kind, taxpayer.entity) * (kind is not Kind.INDEXED) for kind in GAINS])
        self._indexed = np.array([float(kind is Kind.INDEXED) for kind in GAINS])

    @property
    def cases(self) -> tuple[bool, ...]:
        """Whether losses cover all other gains: both cases where there are indexed gains."""
        indexed = GAINS.index(Kind.INDEXED)
        return (False, True) if self._gains[indexed].any() or self._so_far[indexed] else (False,)

    @property
    def net(self) -> Vector:
        """The gain less the loss per unit of each parcel."""
        net: Vector = self._gains.sum(axis=0) - self._losses
        return net

    def worths(self) -> Iterator[tuple[Vector, float]]:
        """Yield bounds on the tax less the value of unused losses: a cost per unit of each parcel, and a constant.

        Each is the Lagrangian's minimum at a worth of a dollar of losses: a gain costs at most this. None by brackets,
        or where there are indexed gains, which losses reduce last.
        """
        if len(self._parts) == 1 and self.cases == (False,):
            for worth in sorted({rate for rate in (*self._rates, self._loss_value) if rate >= self._loss_value}):
                rates = np.minimum(self._rates, worth)
                yield rates @ self._gains - worth * self._losses, float(rates @ self._so_far) - worth * self._carried

    def least(self, units: Vector) -> float:
        """Compute the least tax less the value of unused losses that the bounds allow; see ``worths``."""
        gains, left = self._so_far + self._gains @ units, self._carried + float(self._losses @ units)
        tax = float(self._rates @ gains)
        for rate, gain in sorted(zip(self._rates.tolist(), gains.tolist(), strict=True), reverse=True):
            used = min(left, gain) if rate > self._loss_value else 0.0
            tax, left = tax - rate * used, left - used
        return tax - self._loss_value * left

    def block(self, *, covered: bool) -> _Block:
        """Write the tax in one case as rows."""
        k, indexed = len(GAINS), GAINS.index(Kind.INDEXED)
        n = len(self._losses) + k + 1
        losses_most, left_most = np.full(k, np.inf), np.full(k, np.inf)
        if covered:
            left_most[:indexed] = 0.0
        else:
            losses_most[indexed] = 0.0
        left = np.hstack([self._gains, -np.eye(k), np.zeros((k, 1))])
        rows: list[tuple[Matrix, Vector | float, Vector | float]] = [
            (left, -self._so_far, left_most - self._so_far),
            (np.concatenate([-self._losses, np.ones(k), [0.0]]), -np.inf, self._carried),
        ]
        cost, tax = self._rates @ left, np.zeros(n)
        if len(self._parts) > 1:
            cost = tax
            tax[-1] = 1.0
            for part in self._parts:
                rate = part.early * self._early + part.indexed * self._indexed
                rows.append((rate @ left - tax, -np.inf, part.less - float(rate @ self._so_far)))
        # Less tax and more unused losses never exclude each other: losses are unused only where no gain is left.
        unused = np.concatenate([self._losses, -np.ones(k), [0.0]])
        upper = np.concatenate([losses_most, [np.inf if len(self._parts) > 1 else 0.0]])
        return _Block(rows, cost - self._loss_value * unused, upper)
