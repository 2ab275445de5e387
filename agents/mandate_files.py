"""Read the pods' mandates, one TOML file per pod."""

from __future__ import annotations

import re
from dataclasses import fields
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import TypeAdapter, ValidationError

from bus.language.mistakes import explain
from bus.language.subjects import POD_PATTERN
from bus.process.given import Kind, expect
from portfolio.errors import DataError
from portfolio.files import decode, read_bytes
from portfolio.names import doubted
from portfolio.plain_text import WORDS, is_plain, shown
from portfolio.terms.mandate import OVER_CASH, TARGETS, Mandate, fault_of
from portfolio.toml import parse_toml

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from importlib.resources.abc import Traversable

# The purpose is part of every result and final event.
_LONGEST_PURPOSE = 1_000

_MANDATE: TypeAdapter[Mandate] = TypeAdapter(Mandate)


def bundled() -> dict[str, Traversable]:
    """Find the mandates bundled with the product, by pod."""
    files = (file for file in resources.files("agents").iterdir() if file.name.endswith(".toml"))
    return {file.name.removesuffix(".toml"): file for file in sorted(files, key=lambda file: file.name)}


def load(pod: str) -> Mandate:
    """Load a pod's bundled mandate, or a mandate from another TOML file.

    Raises:
        DataError: If there is no such mandate, or the file holds no valid mandate.
    """
    files = bundled()
    if pod.endswith(".toml") or (pod not in files and Path(pod).is_file()):
        expect(read_bytes(Path(pod)), pod, Kind.MANDATE)
        return _read(Path(pod))
    if pod not in files:
        known = ", ".join(files)
        raise DataError(f"unknown pod {doubted([pod], files)}: name one of {known}, or give the path of a .toml file")
    return _read(files[pod])


def _read(file: Traversable) -> Mandate:
    try:
        stated = parse_toml(decode(read_bytes(file), file.name))
    except DataError as error:
        message = f"cannot read the mandate {file.name} ({error}): give the path of a .toml file that states one"
        raise DataError(message) from error
    try:
        mandate = _MANDATE.validate_python(_with_over_cash(stated))
    except ValidationError as error:
        raise DataError(f"the mandate {file.name} is not valid: {explain(error)}") from error
    except DataError as error:
        raise DataError(f"the mandate {file.name} is not valid: {error}") from error
    if faults := [*_unknown(stated), *_faults(mandate)]:
        raise DataError(f"the mandate {file.name} is not valid: {'; '.join(faults)}")
    return mandate


def _with_over_cash(stated: Mapping[str, object]) -> Mapping[str, object]:
    """Move the goals that are stated over cash to their own field."""
    goals = stated.get("goals")
    if not isinstance(goals, dict):
        return stated
    above = {name: asked for name, asked in goals.items() if TARGETS.get(name, (None, False))[1]}
    others = {name: asked for name, asked in goals.items() if name not in above}
    over_cash = {name.removesuffix(OVER_CASH): asked for name, asked in above.items()}
    return {**stated, "goals": others, "over_cash": over_cash}


def _unknown(stated: Mapping[str, object]) -> Iterator[str]:
    """Report unknown names in a mandate: a typing error must not silently remove a limit."""
    known = [field.name for field in fields(Mandate) if field.name != "over_cash"]
    if unknown := [name for name in stated if name not in known]:
        yield f"unknown {doubted(unknown, known)}; there are {', '.join(known)}"


def _faults(mandate: Mandate) -> Iterator[str]:
    """Report values that no fund manager can intend, even if a computation would accept them."""
    if not re.fullmatch(POD_PATTERN, mandate.pod):
        yield f"pod is {mandate.pod!r}; it must begin with a-z and have at most 32 of a-z 0-9 and -"
    if mandate.purpose and not (is_plain(mandate.purpose) and len(mandate.purpose) <= _LONGEST_PURPOSE):
        yield f"purpose is {shown(mandate.purpose)}; give {WORDS}, {_LONGEST_PURPOSE:,} characters at most"
    if strange := [ticker for ticker in mandate.universe if not re.fullmatch(r"[A-Z0-9]{1,12}", ticker)]:
        yield f"universe has {', '.join(map(repr, strange))}; a ticker has 1 to 12 of A-Z and 0-9"
    yield from _wrong_figures(mandate)


def _wrong_figures(mandate: Mandate) -> Iterator[str]:
    goals = {measure.value: asked for measure, asked in mandate.goals.items()}
    goals |= {measure.value + OVER_CASH: asked for measure, asked in mandate.over_cash.items()}
    for name, value in goals.items():
        if fault := fault_of(name, value):
            yield f"goals.{name} is {fault}"
    if twice := [measure for measure in mandate.over_cash if measure in mandate.goals]:
        yield f"goals has {', '.join(f'{m} and {m}{OVER_CASH}' for m in twice)}: leave one of them out"
    for pod, limit in mandate.correlation_targets.items():
        if not -1 <= limit <= 1:
            yield f"correlation_targets.{pod} is {limit:g}; it must be from -1 to 1"
        elif pod == mandate.pod:
            yield f"correlation_targets names {pod} itself; name other pods"
