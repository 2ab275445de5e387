"""Open requests on a connection, which still wait for answers. This module sends no messages."""

from __future__ import annotations

import asyncio
import itertools
from contextlib import contextmanager
from typing import TYPE_CHECKING

from bus.port import BusError, UnreachableError
from bus.transports.jetstream.connection.frames import status
from bus.transports.jetstream.connection.server_errors import NobodyListensError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bus.transports.jetstream.connection.frames import Frame

_NO_RESPONDERS = "503"


class Question:
    """A request that waits for answers.

    Attributes:
        subject: Subject of the request.
        token: Last token of the reply subject, which assigns answers to this request.
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
            NobodyListensError: If the subject has no subscriber.
            BusError: If the request failed.
        """
        await self._ended
        if self._error is not None:
            raise self._error
        if status(self._frames[0]) == _NO_RESPONDERS:
            message = f"no process listens on {self.subject}"
            raise NobodyListensError(message)
        return self._frames

    def receive(self, frame: Frame) -> None:
        """Add an answer; end the request after the last one."""
        if self._ended.done():
            return
        self._frames.append(frame)
        if self._is_last(frame) or status(frame) == _NO_RESPONDERS:
            self._ended.set_result(None)

    def fail(self, error: BusError) -> None:
        """End the request with *error*, unless the request has already ended."""
        if not self._ended.done():
            self._error = error
            self._ended.set_result(None)


class Questions:
    """All open requests on one connection."""

    def __init__(self) -> None:
        self._open: dict[str, Question] = {}
        self._tokens = itertools.count()

    @contextmanager
    def question(self, subject: str, is_last: Callable[[Frame], bool]) -> Iterator[Question]:
        """Keep a request open while the block lasts; the answers end with the first for which *is_last* is true."""
        question = Question(subject, str(next(self._tokens)), is_last)
        self._open[question.token] = question
        try:
            yield question
        finally:
            del self._open[question.token]

    def receive(self, token: str, frame: Frame) -> None:
        """Pass an answer to the request with this *token*, if that request is still open."""
        if question := self._open.get(token):
            question.receive(frame)

    def fail_all(self, why: str) -> None:
        """Fail all open requests with ``UnreachableError``, because the outcome of each is unknown."""
        for question in list(self._open.values()):
            question.fail(UnreachableError(f"{question.subject}: {why}"))

    def fail_some(self, concerned: Callable[[str], bool], why: str, kind: type[BusError]) -> None:
        """Fail each open request for which *concerned* is true of the subject."""
        for question in list(self._open.values()):
            if concerned(question.subject):
                question.fail(kind(f"{question.subject}: {why}"))
