"""Today, the separate pods and the suggestion, figure by figure: the rows of the tables that compare them. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from math import fsum
from typing import TYPE_CHECKING

from report.facts.labels import sharpe
from report.facts.payments import paid_in_or_out
from report.facts.positions import COMES_IN, PAID_OUT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from portfolio.market.basis import Basis
    from portfolio.published.standing import Standing

_NOT_DEFINED = "not defined"
TODAY, SEPARATE, SUGGESTED = "Today", "Separate pods", "Suggested"


@dataclass(frozen=True, slots=True)
class Unit:
    """The way to show a figure and a change of the figure.

    Attributes:
        scale: The number shown is the figure times this.
    """

    figure: str
    change: str
    digits: int
    scale: float = 1.0

    def rounded(self, value: float) -> float:
        """Return the number that is shown."""
        return round(value * self.scale, self.digits)


AUD = Unit("{:z,.2f}", "{:+z,.2f}", 2)
SHARE = Unit("{:z.2f}%", "{:+z.2f} points", 2, 100.0)
COUNT = Unit("{:.0f}", "{:+.0f}", 0)
TENTHS = Unit("{:z.1f}", "{:+z.1f}", 1)
RATIO = Unit("{:z.2f}", "{:+z.2f}", 2)


@dataclass(frozen=True, slots=True)
class Row:
    """One figure of several portfolios.

    Attributes:
        values: The figure of each portfolio; None where it is not defined.
        better: Whether a person wants it higher (1) or lower (-1); 0 if neither.
        is_total: Whether it is the sum of the rows before.
        told: The figures as text, where the unit alone does not say how to write them.
    """

    label: str
    values: tuple[float | None, ...]
    unit: Unit
    better: int = 0
    is_total: bool = False
    told: tuple[str, ...] = ()

    @property
    def cells(self) -> tuple[str, ...]:
        """Format the figures."""
        return self.told or tuple(
            _NOT_DEFINED if value is None else self.unit.figure.format(self.unit.rounded(value))
            for value in self.values
        )

    @property
    def change(self) -> str:
        """Format the last figure less the first, as a reader of both would work it out."""
        by = self._change()
        if by is None:
            return ""
        return self.unit.change.format(by) if by else self.unit.figure.format(0.0).removesuffix("%")

    @property
    def verdict(self) -> str:
        """Call the change better or worse by the person's interest."""
        by = self._change()
        if not by or not self.better:
            return ""
        return "better" if by * self.better > 0 else "worse"

    def _change(self) -> float | None:
        first, *_, last = self.values
        if first is None or last is None:
            return None
        return round(self.unit.rounded(last) - self.unit.rounded(first), self.unit.digits)


def value_rows(standings: Sequence[Standing]) -> Iterator[Row]:
    """Add up the value of each portfolio, to the cent."""
    labels = (
        "ETFs, AUD",
        "Cash, AUD",
        "Kept as it is, AUD",
        f"{COMES_IN}, AUD",
        f"{PAID_OUT}, AUD",
        "Tax due on gains, AUD",
    )
    parts = [
        [
            round(part, 2)
            for part in (
                one.etfs_aud,
                one.cash_aud,
                one.kept_aud,
                one.contribution_aud,
                one.withdrawal_aud,
                -one.tax_due_aud,
            )
        ]
        for one in standings
    ]
    for label, values in zip(labels, zip(*parts, strict=True), strict=True):
        if any(values) or label == labels[0]:
            yield Row(label, values, AUD)
    yield Row("Value, AUD", tuple(round(fsum(each), 2) for each in parts), AUD, is_total=True)


def return_rows(standings: Sequence[Standing], basis: Basis) -> Iterator[Row]:
    """Compare returns and risk per year."""
    label, more = basis.label, _more(standings)
    for name, of, unit, better in (
        (f"{label}, before tax", lambda s: s.expected_return, SHARE, 1),
        (f"{label}, after tax on income", lambda s: s.return_after_tax, SHARE, 1),
        (f"{label}, after tax on income, AUD", lambda s: s.return_after_tax_aud, AUD, more),
        ("Volatility a year", lambda s: s.volatility, SHARE, -1),
    ):
        yield _row(name, of, standings, unit, better)


def income_rows(standings: Sequence[Standing]) -> Iterator[Row]:
    """Compare a year's income: distributions less the tax after credits are the income after tax, to the cent."""
    paid = tuple(round(one.income.distributions_aud, 2) for one in standings)
    tax = tuple(round(one.income.net_tax_aud, 2) for one in standings)
    left = tuple(each - taken for each, taken in zip(paid, tax, strict=True))
    yield Row("Distributions a year, AUD", paid, AUD)
    yield Row("Franking credits a year, AUD", tuple(one.income.franking_credits_aud for one in standings), AUD)
    yield Row("Tax after credits a year, AUD", tax, AUD)
    yield Row("Income after tax a year, AUD", left, AUD, _more(standings))


def cost_rows(standings: Sequence[Standing]) -> Iterator[Row]:
    """Compare the fees."""
    yield _row("Fees of the ETFs a year, AUD", lambda s: s.fees_aud, standings, AUD, -_more(standings))


def _more(standings: Sequence[Standing]) -> int:
    """Return 1 where more is better: an amount per year is neither of less money nor of more."""
    return 0 if paid_in_or_out(standings) else 1


def spread_rows(standings: Sequence[Standing]) -> Iterator[Row]:
    """Compare how the money is spread."""
    yield _row("ETFs", lambda s: s.etfs, standings, COUNT, 0)
    yield _row("Largest position, share of the capital", lambda s: s.largest_position, standings, SHARE, -1)


def further_rows(standings: Sequence[Standing], basis: Basis) -> Iterator[Row]:
    """Compare the figures that only the appendix has."""
    yield _row("Effective holdings", lambda s: s.effective_holdings, standings, TENTHS, 1)
    yield _row("ETFs of more than one pod", lambda s: s.duplicated_etfs, standings, COUNT, -1)
    yield _row("Pairs of ETFs that behave alike", lambda s: s.economic_duplicates, standings, COUNT, -1)
    yield _sharpe(standings, basis)
    yield _row("Tax efficiency, of 10", lambda s: s.tax_efficiency, standings, RATIO, 1)
    for label, of in (
        ("Distribution yield", lambda s: s.income.distribution_yield),
        ("Grossed-up yield", lambda s: s.income.grossed_up_yield),
        ("After-tax yield", lambda s: s.income.after_tax_yield),
    ):
        yield _row(label, of, standings, SHARE, 0)


def _sharpe(standings: Sequence[Standing], basis: Basis) -> Row:
    """Compare the Sharpe ratios, each with the standard error that the history leaves."""
    ratios = tuple(one.sharpe_ratio for one in standings)
    told = tuple(
        _NOT_DEFINED if ratio is None else sharpe(ratio, basis.sharpe_standard_error(ratio)) for ratio in ratios
    )
    return Row("Sharpe ratio", ratios, RATIO, 1, told=told)


def _row(
    label: str, of: Callable[[Standing], float | None], standings: Sequence[Standing], unit: Unit, better: int
) -> Row:
    return Row(label, tuple(of(one) for one in standings), unit, better)
