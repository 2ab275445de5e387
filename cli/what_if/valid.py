"""Check a request as a system would, without one: fields, names, the account, and each pod alone.

Optimises no pods together: rules that contradict each other only there are found by the coordinator.
"""

from __future__ import annotations

import re
from contextlib import nullcontext
from enum import Enum
from typing import TYPE_CHECKING

from agents.answer import answer
from agents.mandate_files import bundled, load
from bus.language.forms import MARKET
from bus.language.messages import BadMessageError, PodFailed, change_request, glance, parse_request
from bus.language.plain_text import printable
from bus.language.subjects import POD_PATTERN
from coordinator.decisions import can_go_on, refusals
from portfolio.market import folders
from portfolio.names import doubted
from portfolio.terms.goals import pod_goals, strange_names
from report.facts.percentages import spaced

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from bus.language.messages import OptimizationRequest, PodAnswer
    from portfolio.terms.mandate import Mandate

_MOST = 100


class Kind(Enum):
    """The kind of a finding."""

    ERROR = "error"
    UNKNOWN = "not on this machine"


class Verdict(Enum):
    """The result of all checks together."""

    VALID = "valid"
    ERRORS = "errors"
    OPEN = "open"


# Status 2 is click's own, for a command called wrongly.
EXIT_STATUS = {Verdict.VALID: 0, Verdict.ERRORS: 1, Verdict.OPEN: 3}

Findings = list[tuple[Kind, str]]


def examine(data: bytes, folder: Path | None, files: Sequence[Path]) -> Findings:
    """Find every error of a request, and every name that this machine does not know.

    Args:
        data: The request as JSON.
        folder: The folder of a market beside the bundled ones and one's own.
        files: Mandates of pods beside the bundled ones.

    Raises:
        DataError: If a mandate is not valid.
    """
    with nullcontext() if folder is None else folders.beside(folder.resolve().parent):
        return _examine(data, files)


def _examine(data: bytes, files: Sequence[Path]) -> Findings:
    mandates = {mandate.pod: mandate for mandate in map(load, (*bundled(), *map(str, files)))}
    try:
        request = parse_request(data, str(glance(data).get("request_id", "")), most=_MOST)
    except BadMessageError as error:
        mistakes = dict.fromkeys([*error.mistakes, *_doubled(data)])
        return [*((Kind.ERROR, each) for each in mistakes), *_unknown(*_names(glance(data)), mandates)]
    unknown = list(_unknown(request.market, request.asked(), mandates))
    if request.market not in folders.known():
        return unknown
    errors = [refused.event.message for refused in refusals(request)]
    asked = {pod: mandates[pod] for pod in request.asked() if pod in mandates}
    if not errors:
        found = {pod: answer(mandate, request.request_id, data) for pod, mandate in asked.items()}
        answers = {pod: each for pod, each in found.items() if each is not None}
        failures = () if can_go_on(request, answers) else _failures(answers.values())
        errors = [*failures, *_strange(request, asked, answers.values())]
    return [*((Kind.ERROR, error) for error in errors), *unknown]


def conclude(findings: Findings) -> Verdict:
    """Combine the findings: an error counts more than an unknown name."""
    kinds = {kind for kind, _ in findings}
    if Kind.ERROR in kinds:
        return Verdict.ERRORS
    return Verdict.OPEN if kinds else Verdict.VALID


def describe(findings: Findings) -> str:
    """Format the findings for people, one per line, after the verdict."""
    verdicts = {
        Verdict.VALID: "valid",
        Verdict.ERRORS: f"not valid, errors: {sum(kind is Kind.ERROR for kind, _ in findings)}",
        Verdict.OPEN: "no error found, but not all could be checked",
    }
    return "\n".join([verdicts[conclude(findings)], *(spaced(f"* {printable(text)}", " ") for _, text in findings)])


def _doubled(data: bytes) -> tuple[str, ...]:
    """Name a field that is given twice; a body with another mistake may have one as well."""
    try:
        change_request(data, {})
    except BadMessageError as error:
        return error.mistakes
    return ()


def _names(body: Mapping[str, object]) -> tuple[str, list[str]]:
    """Read the market and the pods of a body that is no valid request; blank where they are no names."""
    market, weights, pods = (body.get(name) for name in ("market", "pod_weights", "pods"))
    named = [*(weights if isinstance(weights, dict) else ()), *(pods if isinstance(pods, list) else ())]
    fits = [pod for pod in named if isinstance(pod, str) and re.fullmatch(POD_PATTERN, pod)]
    return market if isinstance(market, str) and re.fullmatch(MARKET, market) else "", fits


def _unknown(market: str, pods: Sequence[str], mandates: Mapping[str, Mandate]) -> Iterator[tuple[Kind, str]]:
    """Yield what a server may know and this machine does not."""
    if market and market not in (known := folders.known()):
        text = (
            f"market {doubted([market], known)} is not on this machine: give its folder (--market), or name one"
            f" of {', '.join(sorted(known))}"
        )
        yield Kind.UNKNOWN, text
    if strange := sorted(set(pods) - set(mandates)):
        text = (
            f"pod {doubted(strange, mandates)} is not on this machine: give its mandate (--mandate), or name one of"
            f" {', '.join(sorted(mandates))}"
        )
        yield Kind.UNKNOWN, text


def _failures(answers: Iterable[PodAnswer]) -> Iterator[str]:
    for each in answers:
        if isinstance(each, PodFailed):
            yield each.message


def _strange(request: OptimizationRequest, asked: Mapping[str, Mandate], answers: Iterable[PodAnswer]) -> Iterator[str]:
    """Yield names of goals and pairs that the request does not have, if all its pods are known."""
    parts = (each.no_better_than_cash if isinstance(each, PodFailed) else each for each in answers)
    found = [part.mandate for part in parts if part is not None]
    if len(found) == len(request.asked()):
        goals = [goal.name for mandate in found for goal in pod_goals(mandate, {})]
        yield from strange_names(request.priorities, request.correlation_limits, goals=goals, pods=[*asked])
