"""Measure the whole answer of a coordinator, step by step: from the pods' results to the checked bytes.

CPU time of this process: other work on the machine changes it less than the time that passes.
"""

from __future__ import annotations

import json
import os
import time
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, TypeVar

# As a coordinator's child process has it: further threads of such small products only wait for each other.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from measurements import spread

from agents import answer as agent
from agents import mandate_files
from bus.language.messages import MasterPortfolioOptimized, PodResult, parse_request
from coordinator import consolidation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bus.language.messages import OptimizationRequest

P = ParamSpec("P")
T = TypeVar("T")

Row = tuple[str, str, str]
HEADER = ("CPU time", "measured", "aim, median")
_EXAMPLES = Path(__file__).parent.parent / "examples"
_RUNS = 20

# The steps that take a millisecond or more.
_STEPS = {
    "optimise_all_pods": "the portfolio and its proof",
    "plan": "orders in whole units",
    "forced_sales": "what forces the dearest sales",
    "findings": "the check",
}
# The reference customer's request asks to explain all targets; its portfolio alone is that of ``unmet``.
_CASES = (
    ("reference-customer", {"explain": "unmet"}, "20 ms"),
    ("reference-customer", {}, ""),
    ("existing-investor", {}, "150 ms"),
)


def measure() -> list[Row]:
    """Measure each customer's answer."""
    return [row for name, changes, aim in _CASES for row in _rows(name, changes, aim)]


def _rows(name: str, changes: dict[str, str], aim: str) -> Iterator[Row]:
    data = json.dumps(json.loads((_EXAMPLES / f"{name}.json").read_bytes()) | changes).encode()
    request, taken = parse_request(data, name), {step: list[float]() for step in ("finish", *_STEPS)}
    results = {pod: _result(pod, name, data) for pod in request.asked()}
    unwrapped = {step: getattr(consolidation, step) for step in taken}
    _finish(request, results)
    for step, work in unwrapped.items():
        setattr(consolidation, step, _timed(work, taken[step]))
    try:
        for _ in range(_RUNS):
            _finish(request, results)
    finally:
        for step, work in unwrapped.items():
            setattr(consolidation, step, work)
    said = f"{name}{''.join(f', {key}: {value}' for key, value in changes.items())}"
    yield f"{said}: the whole answer", spread(taken["finish"]), aim
    yield from ((f"{said}: {words}", spread(taken[step]), "") for step, words in _STEPS.items() if taken[step])


def _result(pod: str, name: str, data: bytes) -> PodResult:
    result = agent.answer(mandate_files.load(pod), name, data)
    if not isinstance(result, PodResult):
        raise TypeError(result)
    return result


def _finish(request: OptimizationRequest, results: dict[str, PodResult]) -> None:
    event, _ = consolidation.finish(request, results)
    if not isinstance(event, MasterPortfolioOptimized):
        raise TypeError(event)


def _timed(work: Callable[P, T], taken: list[float]) -> Callable[P, T]:
    @wraps(work)
    def timed(*args: P.args, **kwargs: P.kwargs) -> T:
        began = time.process_time()
        try:
            return work(*args, **kwargs)
        finally:
            taken.append(time.process_time() - began)

    return timed
