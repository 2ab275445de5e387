"""The document of the evidence: differences over simulated histories, and over one public history, with intervals."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

from backtest.bootstrap import LEVEL
from report.facts.backtest import MEASURES, judged, show, show_difference, show_interval, verdict
from report.story.backtest import sentences

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from backtest.result import Result


_INTRO = """# Evidence

Written by `make evidence`. What the coordinated portfolio saves and what it costs, beside rivals that walk the same
paths with the same brokerage, spread and tax: the separate pods, one portfolio without pods, equal weights, a single
ETF, and the first purchase held. *Better* and *worse* are said only of a difference that is larger than its 95 %
interval.
"""

_MEANING = """## What this means, and what it does not

- Coordination can place one order where several pods place one each; whether that saved more than chance would stands
  above. A better return does not follow from it: coordination has no forecast of its own. All strategies that optimise
  take the mean of the last 104 weekly returns for the return to come, and the mean of two years at a volatility of 12 %
  has a standard error of 8 points.
- Where a rival that trades once or never has the lower tax and the lower cost, the cause is the turnover that new
  estimates cause. A rule of the request holds it down: `max_turnover`, `max_tax_aud`, or a market of an outlook in
  place of a history.
- A pod that wants the best Sharpe ratio takes no part where no mix of its ETFs returned more than cash in two years:
  its money stays as it is. Such dates, where there are any, are told below; a return target or a market of an outlook
  in its place invests.
- Wealth is after the tax on gains that were realised. A strategy that sells less carries gains on which tax is still to
  come; the figures do not take that tax off.
- The figures are of this customer, these ETFs and these pods; others have other figures.
"""

_SIMULATED = """## Simulated histories

{paths} histories, seeds 1 to {paths}. The truth has the returns and volatilities of the bundled outlook for the eleven
ETFs of alpha, beta and gamma, and the three largest principal factors of its correlations (0.07 from them in root mean
square), with fat tails: Student's t, five degrees of freedom, one common scale per week (`benchmarks/simulated.py`).
Distributions come each quarter, at the outlook's yields and franking. The customer has 100,000 AUD in cash, pays 10 AUD
per order and 39 % of tax, and asks for alpha 20 %, beta 30 % and gamma 50 %. Each market is made from the 104 weekly
returns before the date of orders; {dates} dates of orders per history, one per quarter. The interval is Student's, over
the histories: they are independent.
"""

_PUBLIC = """## A public history

MTUM, QUAL, SIZE, USMV and VLUE, five ETFs of factors of shares in the United States, and the one-month treasury bill
as cash, from {begins} to {ends}, {dates} dates of orders after 104 weeks. The prices come with the package skfolio
1.12.2 (`load_factors_dataset`; the package is under BSD-3-Clause and gives no terms of the prices' own), the bill
with arch 8.0.0 (Kenneth French's data library; the package is under the NCSA licence). A month whose bill is
published as 0.00 % counts as 0.0025 %, since a price that stands still counts as missing. No price is copied here:
the command reads the packages where they are installed. The prices are adjusted, so distributions are in them, and no
tax on income is reckoned; dollars count as AUD. All but the bill are shares of one country: this history says little
of a customer with many asset classes. The three pods are in `benchmarks/evidence_pods`. Intervals are by the block
bootstrap of [ADR 59](adr/0059-intervals-by-a-block-bootstrap.md).
"""

_REPEAT = """## Repeat it

    pip install --no-deps --target packages skfolio==1.12.2 arch==8.0.0
    make evidence PATHS=50 PUBLIC=packages

The walks are kept in `evidence/`, so that a run that was stopped goes on, and more histories can be added later. The
figures above are of {paths} simulated histories, no more: the fewer there are, the wider are the intervals. They took
{told}
"""


@dataclass(frozen=True, slots=True)
class Over:
    """A difference over independent histories.

    Attributes:
        mean: Mean difference, coordinated less rival.
        low: Lower end of Student's interval of the mean.
        high: Upper end.
        higher: Share of the histories in which the difference is positive.
    """

    rival: str
    measure: str
    mean: float
    low: float
    high: float
    higher: float

    @property
    def verdict(self) -> str:
        """Whether the mean difference is better or worse for the customer, or within its interval."""
        if self.low <= 0 <= self.high:
            return "within"
        return verdict(self.measure, self.mean)


def over(results: Sequence[Result]) -> list[Over]:
    """Compute the mean of each difference over *results*, with Student's interval; no interval of one history."""
    found = []
    for place, each in enumerate(results[0].differences):
        values = np.array([result.differences[place].difference for result in results])
        mean, reach = float(values.mean()), math.inf
        if len(values) > 1:
            error = float(values.std(ddof=1)) / math.sqrt(len(values))
            reach = float(stats.t.ppf((1 + LEVEL) / 2, len(values) - 1)) * error
        found.append(Over(each.rival, each.measure, mean, mean - reach, mean + reach, float(np.mean(values > 0))))
    return found


def larger(rows: Sequence[Over]) -> Iterator[str]:
    """Say first which differences are larger than their intervals, and how many would be by chance."""
    told = {
        "for coordination": [row for row in rows if row.verdict == "better"],
        "against it": [row for row in rows if row.verdict == "worse"],
        "neither better nor worse": [row for row in rows if row.verdict in {"higher", "lower"}],
    }
    beyond = sum(len(some) for some in told.values())
    yield (
        f"**{beyond} of {len(rows)} differences are larger than their intervals**; about"
        f" {len(rows) * (1 - LEVEL):.0f} would be by chance alone."
    )
    for way, some in told.items():
        by_rival = {rival: [_name(row) for row in some if row.rival == rival] for rival in dict.fromkeys(_rivals(rows))}
        parts = [f"**{rival}**: {', '.join(names)}" for rival, names in by_rival.items() if names]
        yield f"- {way[:1].upper()}{way[1:]}, by rival: {'; '.join(parts) or 'none'}."


def _rivals(rows: Sequence[Over]) -> list[str]:
    return [row.rival for row in rows]


def findings(rows: Sequence[Over]) -> Iterator[str]:
    """Say per rival what is better, what is worse and what is within its interval."""
    for rival in dict.fromkeys(row.rival for row in rows):
        own = [row for row in rows if row.rival == rival]
        parts = []
        for word in ("better", "worse", "higher", "lower"):
            said = [f"{_name(row)} {show_difference(row.measure, row.mean)}" for row in own if row.verdict == word]
            if said:
                parts.append(f"{word}: {', '.join(said)}")
        within = [_name(row) for row in own if row.verdict == "within"]
        if within:
            parts.append(f"within its interval: {', '.join(within)}")
        yield f"- Against **{rival}**: {'; '.join(parts)}."


def _name(row: Over) -> str:
    label = MEASURES[row.measure].label.removesuffix(", AUD")
    return label if label.startswith(("ETF", "Sharpe")) else f"{label[:1].lower()}{label[1:]}"


def simulated_tables(results: Sequence[Result]) -> Iterator[str]:
    """Write the means of all strategies, and the differences from each rival."""
    names = [each.strategy for each in results[0].strategies]
    yield _table(
        ("mean of a history", *names),
        [
            (
                told.label,
                *(
                    show(measure, float(np.mean([getattr(r.strategies[i], measure) for r in results])))
                    for i in range(len(names))
                ),
            )
            for measure, told in MEASURES.items()
        ],
    )
    refused = [sum(result.strategies[i].refused for result in results) for i in range(len(names))]
    dates = sum(result.decisions for result in results)
    told = ", ".join(f"{name} {count}" for name, count in zip(names, refused, strict=True) if count)
    if told:
        yield f"Dates of orders without an answer, of {dates} (what is held then stays): {told}.\n"
    in_cash = [sum(result.strategies[i].in_cash for result in results) for i in range(len(names))]
    told = ", ".join(f"{name} {count}" for name, count in zip(names, in_cash, strict=True) if count)
    if told:
        yield (
            f"Dates on which a pod took no part, since no mix of its ETFs had returned more than cash, of {dates}:"
            f" {told}. Its money then stays as it is, with the coordinated and the separate pods alike, and the other"
            " pods are invested.\n"
        )
    if idle := sum(result.strategies[0].orders == 0 for result in results):
        yield (
            f"In {idle} of {len(results)} histories the coordinated portfolio had no orders on any date and stayed in"
            " cash. Such a history is in the means; its Sharpe ratio, of cash alone, says little and widens that"
            " interval.\n"
        )
    rows = over(results)
    for rival in dict.fromkeys(row.rival for row in rows):
        yield f"### Coordinated less {rival}\n"
        yield _table(
            ("figure", "mean difference", "95 % interval", "higher in", "is"),
            [
                (
                    MEASURES[row.measure].label,
                    show_difference(row.measure, row.mean),
                    _ends(row),
                    f"{row.higher:.0%} of histories",
                    row.verdict,
                )
                for row in rows
                if row.rival == rival
            ],
        )


def _ends(row: Over) -> str:
    told = MEASURES[row.measure]
    scale, form = (100 if told.points else 1), told.apart.split(" ", 1)[0]
    return f"{form.format(scale * row.low + 0.0)} to {form.format(scale * row.high + 0.0)}"


def public_tables(result: Result) -> Iterator[str]:
    """Write the figures of one history, and its differences."""
    yield _table(
        ("figure", *(each.strategy for each in result.strategies)),
        [
            (told.label, *(show(measure, getattr(each, measure)) for each in result.strategies))
            for measure, told in MEASURES.items()
        ],
    )
    yield _table(
        ("coordinated less", "figure", "difference", "95 % interval", "is"),
        [
            (
                each.rival,
                MEASURES[each.measure].label,
                show_difference(each.measure, each.difference),
                show_interval(each),
                judged(each),
            )
            for each in result.differences
        ],
    )


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(row)} |" for row in (header, ["---"] * len(header), *rows)]
    return "\n".join(lines) + "\n"


def document(results: Sequence[Result], public: Result | None, told: str) -> str:
    """Write the document: the findings first, then the figures, then how to repeat them."""
    parts = [_INTRO]
    if len(results) > 1:
        first = results[0]
        span = f"{len(results)} simulated histories of {first.weeks} weeks and {first.decisions} dates of orders"
        rows = over(results)
        first, *ways = larger(rows)
        parts += [f"## What was found\n\nOver {span}, {first[:1].lower()}{first[1:]}\n", "\n".join(ways) + "\n"]
        parts += ["Rival by rival, with the mean differences:\n", "\n".join(findings(rows)) + "\n"]
    if public is not None:
        parts += ["In one public history, which is one sample:\n"] if len(results) > 1 else ["## What was found\n"]
        parts += ["\n".join(f"- {sentence}" for sentence in sentences(public)) + "\n"]
    parts.append(_MEANING)
    if len(results) > 1:
        parts += [_SIMULATED.format(paths=len(results), dates=results[0].decisions), *simulated_tables(results)]
    if public is not None:
        parts += [_PUBLIC.format(begins=public.begins, ends=public.ends, dates=public.decisions)]
        parts += list(public_tables(public))
    parts.append(_REPEAT.format(paths=len(results), told=told))
    return "\n".join(parts)
