"""The folder of a backtest: the market and the answers of each date, so that a run that was stopped goes on.

An answer is found again by all that it follows from: the request, the market's content, the mandates, the steps of the
search and the version of this program. A folder of other inputs is therefore harmless.
"""

from __future__ import annotations

import hashlib
import os
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import TypeAdapter, ValidationError

from backtest.strategies import Answer
from bus.language.messages import encode
from portfolio.errors import DataError
from portfolio.market import snapshot as markets
from portfolio.market.folders import VARIABLE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from backtest.strategies import Solve
    from bus.language.messages import OptimizationRequest
    from portfolio.terms.mandate import Mandate

_ANSWER: TypeAdapter[Answer] = TypeAdapter(Answer)


def digest(*parts: bytes) -> str:
    """Return the SHA-256 of the parts, in hexadecimal."""
    sha256 = hashlib.sha256()
    for part in parts:
        sha256.update(f"{len(part)}:".encode() + part)
    return sha256.hexdigest()


def write(file: Path, data: bytes) -> None:
    """Write a file at once, so that a run that is stopped leaves no part of a file.

    Raises:
        DataError: If the file cannot be written.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        part = file.with_name(f".{file.name}.part")
        part.write_bytes(data)
        part.replace(file)
    except OSError as error:
        message = f"{file} cannot be written ({error.strerror}): give another folder (--output)"
        raise DataError(message) from error


@contextmanager
def own_markets(folder: Path) -> Iterator[None]:
    """Let requests name the markets in *folder*, beside those that they could name before."""
    before = os.environ.get(VARIABLE)
    os.environ[VARIABLE] = os.pathsep.join([str(folder), *([before] if before else [])])
    try:
        yield
    finally:
        if before is None:
            del os.environ[VARIABLE]
        else:
            os.environ[VARIABLE] = before


@dataclass(frozen=True, slots=True)
class Kept:
    """The engine, with its answers kept in a folder.

    Attributes:
        folder: The folder of the answers.
        solve: The engine.
        program: The version of the program and the steps of its search, in words.
    """

    folder: Path
    solve: Solve
    program: str

    def __call__(self, name: str, request: OptimizationRequest, mandates: Mapping[str, Mandate]) -> Answer:
        """Return the kept answer, or ask the engine and keep its answer."""
        assert request.account is not None  # noqa: S101 - the requests of a backtest have an account
        told = repr([mandates[pod] for pod in sorted(mandates)])
        market = markets.load(request.market).sha256
        key = digest(encode(request), market.encode(), told.encode(), self.program.encode())
        file = self.folder / str(request.account.as_of) / f"{name.replace(' ', '-')}.json"
        if (kept := _read(file, key)) is not None:
            return kept
        answer = self.solve(name, request, mandates)
        write(file, key.encode() + b"\n" + _ANSWER.dump_json(answer, indent=1) + b"\n")
        return answer


def _read(file: Path, key: str) -> Answer | None:
    """Read a kept answer; None if there is none of this key."""
    try:
        first, _, rest = file.read_bytes().partition(b"\n")
        return _ANSWER.validate_json(rest) if first == key.encode() else None
    except (OSError, ValidationError):
        return None
