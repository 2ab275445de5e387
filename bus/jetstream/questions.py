"""What was asked over the wire and is not answered yet. Sends nothing."""

from __future__ import annotations

import asyncio
import itertools
from contextlib import contextmanager
from typing import TYPE_CHECKING

from bus.jetstream.errors import NobodyListensError
from bus.jetstream.frames import status
from bus.port import BusError, UnreachableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bus.jetstream.frames import Frame

_NO_RESPONDERS = "503"


class Question:
    """One that waits for its answers.

    Attributes:
        subject: Where it was asked.
        token: How its answers say that they are for it.
    """

    def __init__(self, subject: str, token: str, is_last: Callable[[Frame], bool]) -> None:
        self.subject = subject
        self.token = token
        self._is_last = is_last
        self._ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._frames: list[Frame] = []
        self._error: BusError | None = None

    async def answers(self) -> list[Frame]:
        """Wait for all answers.

        Raises:
            NobodyListensError: If nobody was there to take the question.
            BusError: If it failed.
        """
        await self._ended
        if self._error is not None:
            raise self._error
        if status(self._frames[0]) == _NO_RESPONDERS:
            message = f"nobody listens on {self.subject}"
            raise NobodyListensError(message)
        return self._frames

    def hear(self, frame: Frame) -> None:
        """Note an answer."""
        if self._ended.done():
            return
        self._frames.append(frame)
        if self._is_last(frame) or status(frame) == _NO_RESPONDERS:
            self._ended.set_result(None)

    def fail(self, error: BusError) -> None:
        """Expect no more answers."""
        if not self._ended.done():
            self._error = error
            self._ended.set_result(None)


class Questions:
    """All that wait for answers on one connection."""

    def __init__(self) -> None:
        self._open: dict[str, Question] = {}
        self._tokens = itertools.count()

    @contextmanager
    def asked(self, subject: str, is_last: Callable[[Frame], bool]) -> Iterator[Question]:
        """Have a question open while the block lasts; its answers end with the one that *is_last*."""
        question = Question(subject, str(next(self._tokens)), is_last)
        self._open[question.token] = question
        try:
            yield question
        finally:
            del self._open[question.token]

    def hear(self, token: str, frame: Frame) -> None:
        """Bring an answer to its question, if that is still open."""
        if question := self._open.get(token):
            question.hear(frame)

    def fail_all(self, why: str) -> None:
        """Expect no more answers to any: what became of them is unknown."""
        for question in list(self._open.values()):
            question.fail(UnreachableError(f"{question.subject}: {why}"))

    def fail_some(self, concerned: Callable[[str], bool], why: str, kind: type[BusError]) -> None:
        """Expect no more answers where the subject is *concerned*."""
        for question in list(self._open.values()):
            if concerned(question.subject):
                question.fail(kind(f"{question.subject}: {why}"))
