"""HTTP for the dashboard that waits for nobody for ever: uvicorn itself gives a first request all the time there is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    import asyncio

# A browser sends a request, which has no body here, in one go.
REQUEST_S = 10.0
# Whoever takes nothing of an answer for so long is gone.
ANSWER_S = 30.0
# Three times the pages that may be open, each with what it loads besides the stream.
MOST_CONNECTIONS = 192


class Patience(H11Protocol):
    """A connection that is cut where a request is not sent, or its answer not taken, in time."""

    _request: asyncio.TimerHandle | None = None
    _answer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request; beyond the most, for none."""
        super().connection_made(transport)
        if len(self.connections) > MOST_CONNECTIONS:
            transport.abort()
        else:
            self._wait()

    def data_received(self, data: bytes) -> None:
        """Take a part of a request; the last part ends the waiting."""
        super().data_received(data)
        self._wait()

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        super().on_response_complete()
        self._wait()

    def pause_writing(self) -> None:
        """Begin to wait for somebody to take what there is."""
        super().pause_writing()
        self._answer = self.loop.call_later(ANSWER_S, self.transport.abort)

    def resume_writing(self) -> None:
        """Go on: it was taken, or the connection is lost."""
        if self._answer is not None:
            self._answer.cancel()
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing any more."""
        super().connection_lost(exc)
        if self._request is not None:
            self._request.cancel()

    def _wait(self) -> None:
        whole = self.cycle is not None and not self.cycle.response_complete and not self.cycle.more_body
        if whole and self._request is not None:
            self._request.cancel()
            self._request = None
        elif not whole and self._request is None and not self.transport.is_closing():
            self._request = self.loop.call_later(REQUEST_S, self.transport.abort)
