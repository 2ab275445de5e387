"""HTTP with timeouts for the dashboard: uvicorn itself has no timeout for a connection's first request."""

from __future__ import annotations

from typing import TYPE_CHECKING

from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    import asyncio

# Requests have no body here, so a browser sends a request in one go.
REQUEST_S = 10.0
# A client that reads no part of a response for this long is gone.
ANSWER_S = 30.0
# Three times the number of pages allowed: a page loads other files besides the stream.
MOST_CONNECTIONS = 192


class Patience(H11Protocol):
    """A connection that is aborted if the request does not arrive, or the response is not read, in time."""

    _request: asyncio.TimerHandle | None = None
    _answer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the timeout for a request; abort the connection if there are too many."""
        super().connection_made(transport)
        if len(self.connections) > MOST_CONNECTIONS:
            transport.abort()
        else:
            self._wait()

    def data_received(self, data: bytes) -> None:
        """Receive a part of a request; the last part stops the timeout."""
        super().data_received(data)
        self._wait()

    def on_response_complete(self) -> None:
        """Start the timeout for the next request."""
        super().on_response_complete()
        self._wait()

    def pause_writing(self) -> None:
        """Start the timeout for the client to read the data already written."""
        super().pause_writing()
        self._answer = self.loop.call_later(ANSWER_S, self.transport.abort)

    def resume_writing(self) -> None:
        """Stop that timeout: the client has read the data, or the connection is lost."""
        if self._answer is not None:
            self._answer.cancel()
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the timeout for a request."""
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
