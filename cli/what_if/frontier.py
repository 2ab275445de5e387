"""Solve one request for many values of one rule, to see the cost of each value."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import asdict, dataclass
from time import monotonic
from typing import TYPE_CHECKING

from bus.language.messages import MasterPortfolioFailed, encode, parse_request
from cli.what_if.locally import solve

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from bus.language.messages import FinalEvent, OptimizationRequest
    from portfolio.terms.mandate import Mandate

MAX_ETFS = "max_etfs"
# The figures of a point, from the comparison in the final event.
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
    """The result for one value of the rule.

    Attributes:
        rule: ``max_etfs``, or ``share.<pod>``.
        value: The value of the rule.
        as_asked: Whether the request itself has this value.
        outcome: ``optimised``, or the reason for having no portfolio.
        message: That reason in words; empty with a portfolio.
        certified: Whether the portfolio is proven optimal within the target gap.
        gap: Relative optimality gap.
        objective: The maximised objective.
        figures: Figures of the portfolio, by ``METRICS``.
        goals_met: The number of goals met.
        goals: The number of goals.
        weights: Portfolio weights by ticker.
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
    """One request with a series of values for one of the rules.

    Attributes:
        request: The request, whose other terms stay the same.
        rule: ``max_etfs``, or ``share.<pod>``.
        now: The value in the request.
        values: The values, in the order of solving.
    """

    request: OptimizationRequest
    rule: str
    now: float
    values: Sequence[float]

    def points(self, mandates: Mapping[str, Mandate]) -> Iterator[Point]:
        """Solve for the values one after another, each within the request's deadline."""
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
        # Explaining goals that are met takes ten times as long, and a sweep shows no explanations.
        body["explain"] = "unmet"
        return parse_request(json.dumps(body).encode(), self.request.request_id)


# Rounding hides floating-point noise in the steps of a sweep.
_DECIMALS = 10
_SAME = 1e-9


def sweep_etfs(request: OptimizationRequest, first: int, last: int) -> Sweep:
    """Sweep the maximum number of ETFs from *first* to *last*."""
    return Sweep(request, MAX_ETFS, request.rules.max_etfs, [float(n) for n in range(first, last + 1)])


def sweep_share(request: OptimizationRequest, pod: str, bounds: tuple[float, float], steps: int, rate: float) -> Sweep:
    """Sweep the capital share of *pod* within *bounds*; the other pods share the remaining capital in proportion.

    Args:
        request: The request, whose other terms stay the same.
        pod: The pod.
        bounds: The smallest and the largest share.
        steps: The number of shares, both bounds included.
        rate: The risk-free rate, which discounts the goals of a request without ``pod_weights``.
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
    """Format the points as JSON, with all fields."""
    return json.dumps([asdict(point) for point in points], indent=2) + "\n"


def as_csv(points: Sequence[Point]) -> str:
    """Format the points as CSV, one row per point, without the weights; cells without a value are blank."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    plain = ("rule", "value", "as_asked", "outcome", "certified", "gap", "objective")
    writer.writerow([*plain, *METRICS, "goals_met", "goals", "message"])
    for point in points:
        figures = point.figures or dict.fromkeys(METRICS)
        row = [getattr(point, name) for name in plain] + [figures[metric] for metric in METRICS]
        writer.writerow(["" if v is None else v for v in [*row, point.goals_met, point.goals, point.message]])
    return text.getvalue()
