"""Publish one message to a subject that never holds another message."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bus.port import MAX_MESSAGE_BYTES, BusError, FullError, Stored, TooLargeError, UnreachableError
from bus.topology.streams import EVENTS
from bus.transports.jetstream.connection.asking import ask_replica
from bus.transports.jetstream.connection.frames import decode, message_bytes, status
from bus.transports.jetstream.connection.server_errors import SUBJECT_TAKEN, translate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bus.transports.jetstream.connection.wire import Wire

# The subject is taken, or may be taken: a third place where the server checks.
_STORE_FAILED = 10077
_PERHAPS_TAKEN = SUBJECT_TAKEN | {_STORE_FAILED}
_TOO_LARGE = 10054

_MESSAGE_ID = "Nats-Msg-Id"
_DUPLICATE: Mapping[str, Any] = {"description": "repeated message id"}


class Publication:
    """A message that has a subject of its own, to be published once."""

    def __init__(
        self,
        wire: Wire,
        subject: str,
        data: bytes,
        message_id: str,
        headers: Mapping[str, str],
        *,
        stream: str = EVENTS,
    ) -> None:
        self._wire = wire
        self._stream = stream
        self._subject = subject
        self._data = data
        self._id = message_id
        self._headers = {
            **headers,
            "ce-id": message_id,
            _MESSAGE_ID: message_id,
            "Nats-Expected-Last-Subject-Sequence": "0",
        }

    async def attempt(self, timeout_s: float) -> Stored:
        """Publish the message once; if the subject is taken, compare the ids of the stored message and this one.

        Raises:
            RefusedError: If the server will never accept the message.
            FullError: If the stream has no room for the message now.
            UnreachableError: If the outcome is unknown; try again.
        """
        frame = await self._wire.ask(self._subject, self._data, headers=self._headers, timeout_s=timeout_s)
        answer = decode(frame)
        if error := answer.get("error"):
            if error.get("err_code") in _PERHAPS_TAKEN:
                return await self._compare(error, timeout_s)
            raise self._translate(error)
        if answer.get("duplicate"):
            return await self._compare(_DUPLICATE, timeout_s)
        return Stored.NEW

    async def _compare(self, error: Mapping[str, Any], timeout_s: float) -> Stored:
        """Read the message on the subject: ``SAME`` if the ids are equal, ``TAKEN`` if not; raise if none is there."""
        subject = f"$JS.API.DIRECT.GET.{self._stream}.{self._subject}"
        frame = await ask_replica(self._wire, subject, timeout_s=timeout_s)
        if not status(frame):
            return Stored.SAME if (frame.headers or {}).get("ce-id") == self._id else Stored.TAKEN
        if error is _DUPLICATE:
            # Another publisher used this id for another subject, so the server took this message for a duplicate.
            # The id only saves work; the subject alone ensures that a message is stored once.
            self._headers.pop(_MESSAGE_ID, None)
        elif error["err_code"] == _STORE_FAILED and "per subject" not in error["description"]:
            message = (
                f"the stream {self._stream} is full ({error['description']}): raise its limits, or wait till it ages"
            )
            raise FullError(message)
        message = f"the server says that {self._subject} is taken, and shows no message there ({error['description']})"
        raise UnreachableError(message)

    def _translate(self, error: Mapping[str, Any]) -> BusError:
        if error.get("err_code") == _TOO_LARGE:
            return TooLargeError(self._subject, message_bytes(self._data, self._headers), MAX_MESSAGE_BYTES)
        return translate(error, f"publishing {self._subject}", self._wire.command)
