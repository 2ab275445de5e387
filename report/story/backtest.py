"""The story of a backtest: which differences are larger than their intervals, the figures, the courses. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from report.facts.backtest import MEASURES, judged, show, show_difference, show_interval
from report.story.document import Section, Story, Table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from backtest.result import Difference, Result

_NOTICE = (
    "A walk through one past: another past of the same markets would have had other figures, and the intervals say how"
    " different. No rule of this page promises that the next years are like these."
)


def tell(result: Result) -> Story:
    """Tell a backtest: the honest sentence first."""
    first = result.strategies[0]
    about = (
        ("Strategies", ", ".join(each.strategy for each in result.strategies)),
        ("From", result.begins),
        ("To", result.ends),
        ("Dates of orders", str(result.decisions)),
        ("Hash of the inputs", result.inputs),
    )
    figures = tuple(
        (f"{MEASURES[name].label}, {first.strategy}", show(name, getattr(first, name)))
        for name in ("wealth_aud", "growth", "volatility", "deepest_loss")
    )
    answers = (
        Section("larger", "Which differences are larger than chance?", tuple(sentences(result))),
        Section("figures", "Each strategy in figures", tables=(_figures(result),)),
        Section("courses", "Over time", charts=("wealth", "falls", "weights")),
    )
    appendix = (
        Section("differences", "Every difference with its interval", tables=tuple(_differences(result))),
        Section("method", "How it is computed", points=tuple(_method(result))),
    )
    return Story("Backtest", about, (_NOTICE,), figures, answers, (), appendix)


def sentences(result: Result) -> Iterator[str]:
    """Say per rival which differences are larger than their intervals, and how many would be by chance."""
    first = result.strategies[0].strategy
    tested = [each for each in result.differences if each.low is not None]
    for rival in dict.fromkeys(each.rival for each in result.differences):
        own = [each for each in result.differences if each.rival == rival]
        larger = [each for each in own if each.beyond]
        within = [each for each in own if judged(each) == "within"]
        found = _listed([_said(each) for each in larger])
        told = f"larger than their intervals: {found}" if larger else "no difference is larger than its interval"
        rest = f" Not larger: {_listed([_name(each) for each in within])}." if within else ""
        yield f"{_upper(first)} against {rival}, {told}.{rest}"
    if tested:
        chance = (1 - result.level) * len(tested)
        yield (
            f"Of {len(tested)} intervals of {result.level:.0%}, about {chance:.0f} would leave out a true difference of"
            " zero by chance alone."
        )
    else:
        yield "There are too few weeks and decisions for any interval."


def _said(each: Difference) -> str:
    return f"{_name(each)} {show_difference(each.measure, each.difference)} ({judged(each)})"


def _name(each: Difference) -> str:
    label = MEASURES[each.measure].label.removesuffix(", AUD")
    return label if label.startswith(("ETF", "Sharpe")) else f"{label[:1].lower()}{label[1:]}"


def _listed(texts: Sequence[str]) -> str:
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} and {texts[-1]}" if texts else "none"


def _upper(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}"


def _figures(result: Result) -> Table:
    rows = [
        (told.label, *(show(name, getattr(each, name)) for each in result.strategies))
        for name, told in MEASURES.items()
    ]
    if any(each.refused for each in result.strategies):
        rows.append(("Dates without an answer", *(str(each.refused) for each in result.strategies)))
    if any(each.in_cash for each in result.strategies):
        rows.append(("Dates with a pod in cash", *(str(each.in_cash) for each in result.strategies)))
    columns = ("", *(each.strategy for each in result.strategies))
    note = (
        "Wealth is after brokerage, half the spread and the tax owed on income and on gains realised; tax on gains not"
        " yet realised is not taken off. Volatility, deepest loss and returns are of this wealth, payments left out."
    )
    return Table("figures", "Figures", columns, frozenset(range(1, len(columns))), tuple(rows), note=note)


def _differences(result: Result) -> Iterator[Table]:
    first = result.strategies[0].strategy
    columns = ("Figure", "Difference", "Interval", "Is", "Block")
    for place, rival in enumerate(dict.fromkeys(each.rival for each in result.differences)):
        rows = tuple(
            (
                MEASURES[each.measure].label,
                show_difference(each.measure, each.difference),
                show_interval(each),
                judged(each),
                "" if each.block is None else str(each.block),
            )
            for each in result.differences
            if each.rival == rival
        )
        caption = f"{_upper(first)} less {rival}"
        yield Table(f"against-{place + 1}", caption, columns, frozenset({1, 2, 4}), rows)


def _method(result: Result) -> Iterator[str]:
    yield (
        f"Intervals: {result.level:.0%}, by a studentised circular block bootstrap of {result.resamples:,} resamples"
        f" (Ledoit and Wolf 2008), seed {result.seed}. The standard error is estimated from the blocks."
    )
    yield (
        "Blocks are of weeks for returns, volatility, Sharpe ratios and losses, and of dates of orders for costs, tax,"
        " orders and ETFs. Their length is by the rule of Politis and White (2004), but half a year for volatility and"
        " the deepest loss, since large moves come in clusters of months."
    )
    yield (
        "The interval of the deepest loss has the percentiles over resampled histories; it is the weakest of all: a"
        " loss that lasts longer than half a year is cut."
    )
    yield (
        "Where large moves come in clusters, the interval of the volatility holds the truth in 87 % of simulated"
        " series of seven years instead of 95 %; those of return and Sharpe ratio in 94 %."
    )
    yield f"Sharpe ratios are of weekly returns above cash, which returned {result.cash_rate:.2%} per year."
