"""The metrics of a process, by Prometheus's conventions; ``docs/operations.md`` has the table.

Labels are our own names (queues, pods, reasons), so the number of series stays small for any number of requests; an id,
an amount or another word from a customer never becomes a label.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import REGISTRY, Counter, Gauge, Histogram, Info, disable_created_metrics, generate_latest

if TYPE_CHECKING:
    from collections.abc import Iterable

# The created-time metrics would add half as many series again, without a use.
disable_created_metrics()  # type: ignore[no-untyped-call]

# From the duration of a cached answer to the longest deadline in use.
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
# From the tolerance of a proof to the gap of a search that was cut short.
_GAPS = (1e-9, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1)

_WORK = ("queue", "kind")

SERVICE = Info("podfolio_service", "Which service this process is a replica of, and its version")

DELIVERIES = Counter(
    "podfolio_deliveries_total", "Messages taken from a work queue to be handled, repeated ones included", _WORK
)
REDELIVERIES = Counter("podfolio_redeliveries_total", "Of these, messages that had been handed out before", _WORK)
IN_HAND = Gauge("podfolio_in_hand", "Messages being handled", _WORK)
QUEUE_AGE = Histogram(
    "podfolio_queue_age_seconds", "From a message's storage to its first delivery", _WORK, buckets=_SECONDS
)
HANDLING = Histogram(
    "podfolio_handling_seconds", "Handling a message, until it can be settled", _WORK, buckets=_SECONDS
)
FAILURES = Counter("podfolio_failures_total", "Deliveries whose handling raised, by kind of error", (*_WORK, "error"))
PUBLISHING = Histogram(
    "podfolio_publish_seconds",
    "From sending a message to hearing that it is stored",
    ("kind",),
    buckets=_SECONDS,
)

POD_RESULTS = Counter(
    "podfolio_pod_results_total",
    "Answers of an agent: optimised, or the reason why not; stored: new, or same or taken if there was one already",
    ("pod", "outcome", "stored"),
)
POD_SOLVING = Histogram(
    "podfolio_pod_solve_seconds", "Optimising one pod, with the wait for its turn", ("pod",), buckets=_SECONDS
)

PUT_ASIDE = Counter(
    "podfolio_put_aside_total",
    "Messages put aside, since their subject names nobody who could be answered",
    ("kind",),
)

FINALS = Counter(
    "podfolio_finals_total",
    "Final events of a coordinator: optimised, or the reason why not; stored as for a pod's results",
    ("outcome", "stored"),
)
MASTER_SOLVING = Histogram(
    "podfolio_master_solve_seconds", "Optimising all pods together, without that wait", buckets=_SECONDS
)
PORTFOLIOS = Counter(
    "podfolio_portfolios_total", "Portfolios published first by this process, by whether proven optimal", ("certified",)
)
GAP = Histogram("podfolio_gap_ratio", "Relative gap between those portfolios and the bound", buckets=_GAPS)

CHALLENGES = Counter(
    "podfolio_challenges_total",
    "Challenges of final events: challenged, or the reason why not; stored as for a pod's results",
    ("outcome", "stored"),
)
CHALLENGING = Histogram(
    "podfolio_challenge_seconds", "Challenging one final event, with the wait for its turn", buckets=_SECONDS
)

REVIEWS = Counter(
    "podfolio_reviews_total",
    "Customers that a reviewer looked at: asked, not_due, or the reason why there is no request; again each day",
    ("outcome",),
)
REVIEW_STOPPED = Gauge("podfolio_review_stopped", "Whether a stop of advice holds the reviewer: 1 or 0")

CLOCK_JUMPS = Counter(
    "podfolio_clock_jumps_total",
    "Times that the server's clock was found to have been set, or another server's to lead",
)
DEADLINES_RESET = Counter(
    "podfolio_deadlines_set_again_total", "Deadlines set again for requests that were without an answer after theirs"
)

_last_failures: dict[tuple[str, str], str] = {}


def exposition() -> bytes:
    """Return all metrics in Prometheus's text format, with the client library's metrics of the process."""
    return generate_latest(REGISTRY)


def total(metric: Counter | Histogram, suffix: str, **labels: str) -> float:
    """Sum the samples of *metric* whose names end in *suffix* and whose labels include *labels*."""
    (family,) = metric.collect()
    name = family.name + suffix
    return sum(s.value for s in family.samples if s.name == name and labels.items() <= s.labels.items())


def expect(queue: str, kind: str) -> None:
    """Create the series of a work queue at 0 at the start, so that the first message shows as an increase."""
    for metric in (DELIVERIES, REDELIVERIES, IN_HAND, QUEUE_AGE, HANDLING):
        metric.labels(queue, kind)


def expect_finals(outcomes: Iterable[str]) -> None:
    """Create the series of a coordinator's final events at 0: alarms watch for the first event of a kind."""
    for kind in ("request", "pod", "due"):
        PUT_ASIDE.labels(kind)
    for outcome in outcomes:
        FINALS.labels(outcome, "new")
    for certified in ("yes", "no"):
        PORTFOLIOS.labels(certified)


def expect_challenges(outcomes: Iterable[str]) -> None:
    """Create the series of a challenger's messages at 0."""
    for outcome in outcomes:
        CHALLENGES.labels(outcome, "new")


def expect_reviews(outcomes: Iterable[str]) -> None:
    """Create the series of a reviewer's customers at 0."""
    for outcome in outcomes:
        REVIEWS.labels(outcome)


def failed(queue: str, kind: str, error: Exception) -> None:
    """Count a delivery whose handler raised.

    Record only the error's type, since the error's text may hold a customer's words.
    """
    name = type(error).__name__
    FAILURES.labels(queue, kind, name).inc()
    _last_failures[queue, kind] = name


def last_failure(queue: str, kind: str) -> str:
    """Name the type of the last error of this queue and kind; empty if there was none."""
    return _last_failures.get((queue, kind), "")
