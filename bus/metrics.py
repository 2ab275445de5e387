"""What a process counts and measures, by Prometheus's conventions; ``docs/operations.md`` has the table.

Labels are names of ours (queues, pods, reasons), so that there are few series however many requests come; an
id, an amount or any other word of a customer's never becomes one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import REGISTRY, Counter, Gauge, Histogram, Info, disable_created_metrics, generate_latest

if TYPE_CHECKING:
    from collections.abc import Iterable

# Half as many series again, of times that nobody asks for.
disable_created_metrics()  # type: ignore[no-untyped-call]

# From what an answer out of a cache takes to the longest deadline that anybody asks for.
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
# From the tolerance of a proof to a search that was cut short.
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

CLOCK_JUMPS = Counter(
    "podfolio_clock_jumps_total",
    "Times that the server's clock was found to have been set, or another server's to lead",
)
DEADLINES_RESET = Counter(
    "podfolio_deadlines_set_again_total", "Deadlines set again for requests that were without an answer after theirs"
)

_last_failures: dict[tuple[str, str], str] = {}


def exposition() -> bytes:
    """Write all of it as Prometheus reads it, with what its client tells of the process itself."""
    return generate_latest(REGISTRY)


def total(metric: Counter | Histogram, suffix: str, **labels: str) -> float:
    """Add up the samples of *metric* whose names end in *suffix* and that have these *labels*, whatever others."""
    (family,) = metric.collect()
    wanted = family.name + suffix
    return sum(s.value for s in family.samples if s.name == wanted and labels.items() <= s.labels.items())


def expect(queue: str, kind: str) -> None:
    """Have the series of a work queue from the start, at 0, so that the first message is seen as an increase."""
    for metric in (DELIVERIES, REDELIVERIES, IN_HAND, QUEUE_AGE, HANDLING):
        metric.labels(queue, kind)


def expect_finals(outcomes: Iterable[str]) -> None:
    """Have the series of what coordinators end from the start, at 0: the first of its kind is what alarms are for."""
    for kind in ("request", "pod", "due"):
        PUT_ASIDE.labels(kind)
    for outcome in outcomes:
        FINALS.labels(outcome, "new")
    for certified in ("yes", "no"):
        PORTFOLIOS.labels(certified)


def failed(queue: str, kind: str, error: Exception) -> None:
    """Count a delivery whose handling raised; only the error's type, since its words may be a customer's."""
    name = type(error).__name__
    FAILURES.labels(queue, kind, name).inc()
    _last_failures[queue, kind] = name


def last_failure(queue: str, kind: str) -> str:
    """Name the type of the last error there; empty if there was none."""
    return _last_failures.get((queue, kind), "")
