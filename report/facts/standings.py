"""Two portfolios side by side in the same figures: today, the separate pods or the suggestion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from report.facts.amounts import AUD, COUNT, EFFECTIVE, RATIO, SHARE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from portfolio.published.standing import Standing
    from report.facts.amounts import Unit

Better = Literal["lower", "higher"] | None
Row = tuple[str, str, str, str, str]


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure of a portfolio.

    Attributes:
        better: Which change is in the person's interest; None where neither is by itself.
    """

    label: str
    read: Callable[[Standing], float | None]
    unit: Unit
    better: Better


FIGURES = (
    Figure("Expected return a year, before tax", lambda one: one.expected_return, SHARE, "higher"),
    Figure("Expected return a year, before tax, AUD", lambda one: one.expected_return_aud, AUD, "higher"),
    Figure("Expected return a year, after tax on income", lambda one: one.return_after_tax, SHARE, "higher"),
    Figure("Expected return a year, after tax on income, AUD", lambda one: one.return_after_tax_aud, AUD, "higher"),
    Figure("Volatility a year", lambda one: one.volatility, SHARE, "lower"),
    Figure("Sharpe ratio", lambda one: one.sharpe_ratio, RATIO, "higher"),
    Figure("Management fees a year, AUD", lambda one: one.fees_aud, AUD, "lower"),
    Figure("Tax efficiency, of 10", lambda one: one.tax_efficiency, RATIO, "higher"),
    Figure("ETFs", lambda one: one.etfs, COUNT, "lower"),
    Figure("ETFs of several pods", lambda one: one.duplicated_etfs, COUNT, "lower"),
    Figure("Pairs of ETFs that move alike", lambda one: one.economic_duplicates, COUNT, "lower"),
    Figure("Effective holdings", lambda one: one.effective_holdings, EFFECTIVE, "higher"),
    Figure("Largest position", lambda one: one.largest_position, SHARE, "lower"),
)


def figures(before: Standing, after: Standing) -> Iterator[Row]:
    """Compare two portfolios, figure by figure: label, both figures, change and verdict."""
    for one in FIGURES:
        yield row(one.label, one.read(before), one.read(after), one.unit, one.better)


def value(before: Standing, after: Standing) -> tuple[Row, ...]:
    """Add up the values of two portfolios, AUD; the last row is the sum."""
    parts = (
        ("ETFs", before.etfs_aud, after.etfs_aud),
        ("Money in the account", before.cash_aud, after.cash_aud),
        ("Kept outside the pods", before.kept_aud, after.kept_aud),
        ("Tax due on the sales", -before.tax_due_aud, -after.tax_due_aud),
    )
    return added_up("Value", [part for part in parts if part[1] or part[2]])


def income(before: Standing, after: Standing) -> tuple[Row, ...]:
    """State a year's income, AUD; the last row is distributions less the tax that is left after credits."""
    one, other = before.income, after.income
    paid, tax, left = added_up(
        "Income after tax",
        [
            ("Distributions and interest", one.distributions_aud, other.distributions_aud),
            ("Tax after credits (a refund is positive)", -one.net_tax_aud, -other.net_tax_aud),
        ],
        better="higher",
    )
    with_credits = row("  (franking credits with them)", one.franking_credits_aud, other.franking_credits_aud, AUD)
    return paid, with_credits, tax, left


def classes(before: Standing, after: Standing) -> tuple[Row, ...]:
    """Compare the asset classes of two portfolios, as shares of the capital; the last row is the sum."""
    names = list(dict.fromkeys([*after.asset_classes, *before.asset_classes]))
    one, other = (SHARE.spread([each.asset_classes.get(name, 0.0) for name in names]) for each in (before, after))
    rows = [row(name.capitalize(), *pair, SHARE) for name, *pair in zip(names, one, other, strict=True) if any(pair)]
    return (*rows, row("Total", sum(one), sum(other), SHARE))


def added_up(label: str, parts: Sequence[tuple[str, float, float]], *, better: Better = None) -> tuple[Row, ...]:
    """Make a row per amount, and one of the sum of the amounts as shown, AUD; what is taken off is negative."""
    rows = (row(name, before, after, AUD) for name, before, after in parts)
    sums = (AUD.total([part[i] for part in parts]) for i in (1, 2))
    return (*rows, row(label, *sums, AUD, better))


def row(label: str, before: float | None, after: float | None, unit: Unit, better: Better = None) -> Row:
    """Compare a figure of two portfolios by the digits shown."""
    shown = (unit.show(value) or "none" for value in (before, after))
    return (label, *shown, unit.change(before, after), _verdict(before, after, unit, better))


def _verdict(before: float | None, after: float | None, unit: Unit, better: Better) -> str:
    if better is None or before is None or after is None:
        return ""
    change = unit.rounded(after) - unit.rounded(before)
    if not change:
        return "equal"
    return "better" if (change < 0) == (better == "lower") else "worse"
