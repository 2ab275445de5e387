"""Ask the same of many values of one rule, and see what each costs."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import asdict, dataclass
from time import monotonic
from typing import TYPE_CHECKING

from bus.messages import MasterPortfolioFailed, encode, parse_request
from cli.locally import solve

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from bus.messages import FinalEvent, OptimizationRequest
    from portfolio.terms.mandate import Mandate

MAX_ETFS = "max_etfs"
# What a point tells of its portfolio, from the comparison of its event.
METRICS = (
    "sharpe_ratio",
    "expected_return",
    "volatility",
    "trading_cost_aud",
    "tax_efficiency",
    "etfs",
    "largest_position",
)


@dataclass(frozen=True, slots=True)
class Point:
    """What one value comes to.

    Attributes:
        rule: ``max_etfs``, or ``share.<pod>``.
        value: Of the rule.
        as_asked: Whether the request itself has this value.
        outcome: ``optimised``, or the reason why there is no portfolio.
        message: That reason in words; empty with a portfolio.
        certified: Whether the portfolio is proven to be the best.
        gap: How far it may be from the best, relative.
        objective: What is made as large as possible.
        figures: Of the portfolio, by ``METRICS``.
        goals_met: How many goals are met,
        goals: Of how many.
        weights: What is held.
    """

    rule: str
    value: float
    as_asked: bool
    outcome: str
    message: str = ""
    certified: bool | None = None
    gap: float | None = None
    objective: float | None = None
    figures: Mapping[str, float | None] | None = None
    goals_met: int | None = None
    goals: int | None = None
    weights: Mapping[str, float] | None = None


@dataclass(frozen=True, slots=True)
class Sweep:
    """One rule of a request, and the values it is to have.

    Attributes:
        request: What is asked else.
        rule: ``max_etfs``, or ``share.<pod>``.
        now: What the request says.
        values: In the order in which they are asked.
    """

    request: OptimizationRequest
    rule: str
    now: float
    values: Sequence[float]

    def points(self, mandates: Mapping[str, Mandate]) -> Iterator[Point]:
        """Solve one after the other, each within the request's deadline."""
        for value in self.values:
            ends = monotonic() + self.request.deadline_s
            event = solve(self.asking(value), mandates, stop=lambda ends=ends: monotonic() > ends)  # type: ignore[misc]
            yield _point(self.rule, value, event, as_asked=abs(value - self.now) <= _SAME)

    def asking(self, value: float) -> OptimizationRequest:
        """Make the request that has this value."""
        body = json.loads(encode(self.request))
        if self.rule == MAX_ETFS:
            body["rules"][MAX_ETFS] = int(value)
        else:
            body["pod_weights"] = _shared(body["pod_weights"], self.rule.removeprefix("share."), value)
        # What was possible for goals that are met takes ten times as long, and is not told here.
        body["explain"] = "unmet"
        return parse_request(json.dumps(body).encode(), self.request.request_id)


# Steps of a sweep are written without the dust of doubles.
_DECIMALS = 10
_SAME = 1e-9


def sweep_etfs(request: OptimizationRequest, first: int, last: int) -> Sweep:
    """Ask for portfolios of at most *first* to *last* ETFs."""
    return Sweep(request, MAX_ETFS, request.rules.max_etfs, [float(n) for n in range(first, last + 1)])


def sweep_share(request: OptimizationRequest, pod: str, bounds: tuple[float, float], steps: int, rate: float) -> Sweep:
    """Give *pod* shares of the capital within *bounds*, and the others what is left, in proportion.

    Args:
        request: What is asked else.
        pod: The pod.
        bounds: The least and the largest share.
        steps: How many shares there are, both bounds included.
        rate: The risk-free rate, at which goals of a request without ``pod_weights`` are discounted.
    """
    shares = request.shares(rate)
    body = {**json.loads(encode(request)), "pod_weights": {pod: 0.0, **shares}}
    first, last = bounds
    values = [round(first + (last - first) * i / (steps - 1), _DECIMALS) for i in range(steps)]
    return Sweep(
        parse_request(json.dumps(body).encode(), request.request_id), f"share.{pod}", shares.get(pod, 0.0), values
    )


def _shared(shares: Mapping[str, float], pod: str, share: float) -> dict[str, float]:
    others = {name: value for name, value in shares.items() if name != pod}
    total = sum(others.values())
    scaled = {name: value / total * (1 - share) for name, value in others.items()} if total else {}
    return {name: share if name == pod else scaled.get(name, 0.0) for name in shares}


def _point(rule: str, value: float, event: FinalEvent, *, as_asked: bool) -> Point:
    if isinstance(event, MasterPortfolioFailed):
        return Point(rule, value, as_asked, event.reason.value, event.message)
    rows = {row.metric: row.master for row in event.comparison}
    return Point(
        rule,
        value,
        as_asked,
        "optimised",
        certified=event.certificate.certified,
        gap=event.certificate.gap,
        objective=event.certificate.objective,
        figures={metric: rows[metric] for metric in METRICS},
        goals_met=sum(goal.met for goal in event.goals),
        goals=len(event.goals),
        weights=dict(event.weights),
    )


def as_json(points: Sequence[Point]) -> str:
    """Write the points as they are."""
    return json.dumps([asdict(point) for point in points], indent=2) + "\n"


def as_csv(points: Sequence[Point]) -> str:
    """Write a row a point, without the weights; blank where there is no portfolio."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    plain = ("rule", "value", "as_asked", "outcome", "certified", "gap", "objective")
    writer.writerow([*plain, *METRICS, "goals_met", "goals", "message"])
    for point in points:
        figures = point.figures or dict.fromkeys(METRICS)
        row = [getattr(point, name) for name in plain] + [figures[metric] for metric in METRICS]
        writer.writerow(["" if v is None else v for v in [*row, point.goals_met, point.goals, point.message]])
    return text.getvalue()
