"""One connection to NATS: ask, tell, listen. The only module that imports ``nats``.

This module does not use the requests of nats-py. One inbox and a dictionary also handle answers of several messages,
and end a request at once when the connection drops or the server denies a permission; nats-py lets such a request
run into the timeout. The cost is no higher: 52 us of CPU time per publish, against 60 us with nats-py. This module
translates the errors of nats-py, and raises only ``BusError``. The module knows no subjects and streams of this
project, and does not interpret JetStream's answers.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import ssl
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import nats.errors
import structlog
from nats.aio.client import Client

from bus.language.plain_text import escaped
from bus.language.seeds import read_seed
from bus.port import RefusedError, TooLargeError, UnreachableError
from bus.transports.jetstream.connection.frames import message_bytes
from bus.transports.jetstream.connection.protocol import Hears, Reader, read_headers
from bus.transports.jetstream.connection.questions import Questions
from bus.transports.jetstream.connection.server_errors import NobodyListensError
from bus.transports.jetstream.connection.window import Window
from portfolio.errors import DataError
from portfolio.files import read_bytes

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
    from pathlib import Path

    from nats.aio.client import Server
    from nats.aio.msg import Msg

    from bus.transports.address import Connection
    from bus.transports.jetstream.connection.frames import Frame

_log = structlog.get_logger()

# A server that is starting answers within this time; a wrong address should not need longer to fail.
_CONNECT_S = 5.0
_CLOSE_S = 2.0
# So often are the attempts to reconnect asked to end.
_CANCELLATIONS = 20
_ABANDON_S = 0.2
# A frozen server is detected after interval * (outstanding + 1) = 6 s; the defaults of nats-py take 360 s.
_PING_INTERVAL_S = 2
_PINGS_OUTSTANDING = 2
_RECONNECT_WAIT_S = 0.25
# Attempts to connect: on a busy machine, a client may begin TLS later than the server waits for the handshake.
_TRIES = 3
# The tests run with this server version (constraints.txt); the harm that a message can do to older ones is unknown.
TESTED_SERVER = (2, 15, 1)
PROBE = "$JS.API.INFO"
_PROBE_S = 2.0


class _SpokeFirstError(RefusedError):
    """The server sent clear text before the TLS handshake."""


class _Client(Client):
    """The client of nats-py with another parser for incoming messages: see ``protocol``.

    The class replaces ``Parser`` (protocol/parser.py), ``Client._process_headers`` and ``Client._build_message``
    (aio/client.py) of nats-py 2.16.0; a test fails when these or their callers change.
    """

    def __init__(self) -> None:
        super().__init__()
        hears = Hears(self._process_msg, self._process_err, self._process_info, self._process_ping, self._process_pong)
        self._ps = Reader(hears)  # type: ignore[assignment]

    async def _process_headers(self, headers: bytes) -> dict[str, str] | None:
        return read_headers(headers) if headers else None

    def _build_message(
        self, sid: int, subject: bytes, reply: bytes, data: bytes, headers: dict[str, str] | None
    ) -> Msg:
        return self.msg_class(
            subject=escaped(subject), reply=escaped(reply), data=data, headers=headers, _client=self, _sid=sid
        )


class Wire:
    """A connection that reconnects for ever."""

    def __init__(self, settings: Connection) -> None:
        self._settings = settings
        self._client = _Client()
        self._questions = Questions()
        self._inbox = ""
        self._unheard: RefusedError | None = None
        self._spoke_first: RefusedError | None = None
        self._last_chosen: dict[str, float] = {}
        self.reads = Window()
        self._started = False
        self._closing = False
        self._when_reconnected: set[Callable[[], None]] = set()
        self._older: set[str] = set()  # older server versions that a warning has named

    def __str__(self) -> str:
        return str(self._settings)

    @property
    def largest_message_bytes(self) -> int:
        """Largest message that the server accepts, headers included; a larger one makes the server disconnect."""
        return self._client.max_payload

    async def ask(
        self, subject: str, data: bytes = b"", *, headers: Mapping[str, str] | None = None, timeout_s: float
    ) -> Frame:
        """Send a message and return the answer.

        Raises:
            UnreachableError: If no answer came in time, or the connection dropped; the outcome is unknown.
            NobodyListensError: If the subject has no subscriber; the message had no effect.
            RefusedError: If this user may not publish there or receive the answer, or the message is too large.
        """
        frames = await self.ask_all(subject, data, headers=headers, timeout_s=timeout_s, is_last=lambda _: True)
        return frames[0]

    async def ask_all(
        self,
        subject: str,
        data: bytes = b"",
        *,
        headers: Mapping[str, str] | None = None,
        timeout_s: float,
        is_last: Callable[[Frame], bool],
    ) -> list[Frame]:
        """Send a message and return all answers up to the first for which *is_last* is true; raise as ``ask``.

        *timeout_s* holds for each answer, since many answers together take longer on a slow line.
        """
        if self._unheard is not None:
            raise self._unheard
        now = asyncio.get_running_loop().time
        limit = asyncio.timeout(timeout_s)

        def hears(frame: Frame) -> bool:
            if is_last(frame):
                return True
            limit.reschedule(now() + timeout_s)
            return False

        with self._questions.question(subject, hears) as question:
            try:
                async with limit:
                    await self.send(subject, data, reply=self._inbox + question.token, headers=headers)
                    return await question.answers()
            except TimeoutError:
                message = f"no answer on {subject} within {timeout_s:.3g} s"
                raise UnreachableError(message) from None

    async def send(
        self, subject: str, data: bytes = b"", *, reply: str = "", headers: Mapping[str, str] | None = None
    ) -> None:
        """Send a message without waiting for an answer; the message may not arrive.

        Raises:
            UnreachableError: If there is no connection now; the message was not sent.
            RefusedError: If the server would cut the connection for this message.
        """
        self._check_size(subject, data, headers)
        try:
            await self._client.publish(subject, data, reply, dict(headers) if headers else None)
        except (nats.errors.OutboundBufferLimitError, nats.errors.ConnectionDrainingError) as error:
            message = f"not connected to {self._settings}"
            raise UnreachableError(message) from error
        except nats.errors.ConnectionClosedError as error:
            message = f"the connection to {self._settings} is closed"
            raise UnreachableError(message) from error
        except (nats.errors.BadSubjectError, nats.errors.BadHeaderError) as error:
            message = f"NATS cannot carry this message ({error}; subject {subject!r}): change its subject or headers"
            raise RefusedError(message) from error

    @asynccontextmanager
    async def listen(
        self, handle: Callable[[Frame], Awaitable[None]], *, reconnected: Callable[[], None]
    ) -> AsyncIterator[str]:
        """Pass to *handle* each message to a new inbox; yield the prefix of the inbox.

        Messages in flight when a connection breaks are lost; the wire calls *reconnected* after each reconnection.

        Raises:
            UnreachableError: If there is no connection now.
        """
        inbox = self._client.new_inbox()
        try:
            subscription = await self._client.subscribe(f"{inbox}.*", cb=handle)
        except nats.errors.Error as error:
            message = f"cannot listen at {self._settings} ({error}): try again"
            raise UnreachableError(message) from error
        self._when_reconnected.add(reconnected)
        try:
            yield f"{inbox}."
        finally:
            self._when_reconnected.discard(reconnected)
            with contextlib.suppress(nats.errors.Error):
                await subscription.unsubscribe()

    @asynccontextmanager
    async def subscribe(self, subject: str, handle: Callable[[Frame], Awaitable[None]]) -> AsyncIterator[None]:
        """Pass to *handle* each message published on *subject*; some messages may be missed.

        Raises:
            UnreachableError: If there is no connection now.
        """
        try:
            subscription = await self._client.subscribe(subject, cb=handle)
        except nats.errors.Error as error:
            message = f"cannot listen at {self._settings} ({error}): try again"
            raise UnreachableError(message) from error
        try:
            yield
        finally:
            with contextlib.suppress(nats.errors.Error):
                await subscription.unsubscribe()

    @property
    def is_closed(self) -> bool:
        """Whether the connection is closed for good."""
        return self._client.is_closed

    @property
    def is_reconnecting(self) -> bool:
        """Whether the client is looking for a server."""
        return self._client.is_reconnecting

    @property
    def is_deaf(self) -> bool:
        """Whether the client reports a connection although its read loop has ended."""
        reading = self._client._reading_task  # noqa: SLF001 - nats-py has no other sign of a dead read loop
        return self._client.is_connected and reading is not None and reading.done()

    @property
    def messages_received(self) -> int:
        """Number of messages received from the server; while the number grows, the server is alive."""
        return int(self._client.stats["in_msgs"])

    @property
    def has_others(self) -> bool:
        """Whether the client knows other servers besides the connected one."""
        return len(self._client.server_pool) > 1

    async def move(self) -> None:
        """Move from this server to another; all open requests fail."""
        if self._client.connected_url is not None:
            self._last_chosen[self._client.connected_url.netloc] = time.monotonic()
        await self._client.force_reconnect()

    def _choose(self, servers: list[Server], info: Mapping[str, object]) -> tuple[Server, float]:
        """Choose the least recently chosen server, at random among new ones.

        Otherwise nats-py would return to the server just left as often as not.
        """
        del info
        choice = min(servers, key=lambda server: (self._last_chosen.get(server.uri.netloc, 0.0), random.random()))  # noqa: S311 - no secret
        self._last_chosen[choice.uri.netloc] = time.monotonic()
        return choice, _RECONNECT_WAIT_S if choice.reconnects else 0.0

    async def _answers(self) -> bool:
        try:
            await self.ask(PROBE, timeout_s=_PROBE_S)
        except (NobodyListensError, RefusedError):
            return True  # a refusal is an answer
        except UnreachableError:
            return False
        return True

    def _check_size(self, subject: str, data: bytes, headers: Mapping[str, str] | None) -> None:
        size = message_bytes(data, headers or {})
        if size > self.largest_message_bytes:
            raise TooLargeError(subject, size, self.largest_message_bytes)

    async def _answered(self, frame: Frame) -> None:
        # On a slow line, the answer to a ping may wait behind many other answers although the connection is alive.
        self._client._pings_outstanding = 0  # noqa: SLF001 - nats-py counts nothing else as a sign of life
        self._questions.receive(frame.subject.removeprefix(self._inbox), frame)

    def command(self, words: str) -> str:
        """Complete a command of an administrator for this server."""
        return self._settings.command(words)

    async def open(self) -> None:
        """Connect.

        Raises:
            UnreachableError: If no server answers in time.
            RefusedError: If the server rejects the credentials or does not prove the expected identity, or if a
                credentials or certificate file is missing or invalid.
        """
        for path in (self._settings.credentials, self._settings.nkey_seed, self._settings.ca):
            if path is not None and not path.is_file():
                message = f"{path} does not exist: give the file with the credentials for {self._settings}"
                raise RefusedError(message)
        for secret in (self._settings.credentials, self._settings.nkey_seed):
            if secret:
                read_seed(secret)  # for a file without a seed, nats-py only reports "invalid", from deep inside
        if self._settings.ca:
            _trusting(self._settings.ca)  # check early: ``_abandon`` cannot close a client that never began to connect
        try:
            async with asyncio.timeout(_CONNECT_S):
                await self._insist()
        except TimeoutError:
            await self._abandon()
            if self._spoke_first is not None:
                raise self._spoke_first from None
            start = self._settings.start
            mend = f"start one with `{start}`, or give --server" if start else "start that server, or give --server"
            message = f"no NATS server answers at {self._settings}: {mend}"
            raise UnreachableError(message) from None
        except RefusedError:
            await self._abandon()
            raise
        self._started = True
        self._look_at_version()

    def _look_at_version(self) -> None:
        """Warn of a server that is older than the tested version, once per version."""
        server = self._client.connected_server_version
        if (server.major, server.minor, server.patch) < TESTED_SERVER and (version := repr(server)) not in self._older:
            self._older.add(version)
            tested = ".".join(map(str, TESTED_SERVER))
            _log.warning("bus.server_is_older", server=str(self._settings), version=version, tested=tested)

    async def _insist(self) -> None:
        """Connect; retry if the server sends clear text first, because the client may only have begun TLS too late."""
        for _ in range(_TRIES - 1):
            try:
                return await self._connect()
            except _SpokeFirstError as error:
                self._spoke_first = error
                await self._abandon()
                self._client = _Client()
        return await self._connect()

    async def _abandon(self) -> None:
        # nats-py waits for ever for the end of a connection with an unfinished TLS handshake.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_ABANDON_S):
                await self._client.close()
        self._let_go()

    def _let_go(self) -> None:
        """Close the socket of a failed attempt, which nats-py leaves to the garbage collector."""
        if transport := self._client._transport:  # noqa: SLF001 - nats-py has no other way to it
            transport.close()  # type: ignore[no-untyped-call]

    async def _connect(self) -> None:
        options: dict[str, Any] = {
            "name": self._settings.name,
            "inbox_prefix": self._settings.inbox,
            "max_reconnect_attempts": -1,
            "reconnect_time_wait": _RECONNECT_WAIT_S,
            "connect_timeout": 2,
            "ping_interval": _PING_INTERVAL_S,
            "max_outstanding_pings": _PINGS_OUTSTANDING,
            # Do not buffer messages while disconnected: after the reconnection, the client would still send a
            # message after the sender has given up.
            "pending_size": 0,
            "error_cb": self._on_error,
            "disconnected_cb": self._on_disconnected,
            "reconnected_cb": self._on_reconnected,
            "reconnect_to_server_handler": self._choose,
            "lame_duck_mode_cb": self._on_lame_duck,
        }
        if self._settings.credentials:
            options["user_credentials"] = str(self._settings.credentials)
        if self._settings.nkey_seed:
            options["nkeys_seed"] = str(self._settings.nkey_seed)
        if self._settings.ca:
            options["tls"] = _trusting(self._settings.ca)
            # Otherwise nats-py first asks the server in clear text whether TLS is required, and trusts a "no".
            options["tls_handshake_first"] = True
        logging.getLogger("asyncio").addFilter(_worth_saying)
        await self._client.connect(self._settings.urls, **options)
        self._inbox = f"{self._client.new_inbox()}."
        await self._client.subscribe(f"{self._inbox}*", cb=self._answered)

    async def close(self) -> None:
        """Wait until the server has all sent messages, then disconnect; always return within some seconds.

        Do not use ``drain`` of nats-py, which takes 15 s with a frozen server. The server handles the messages of one
        connection in order, so the answer to a last request shows that all earlier messages have arrived.
        """
        self._closing = True
        if self._client.is_connected:
            await self._answers()
        try:
            async with asyncio.timeout(_CLOSE_S):
                await self._client.close()
        except (OSError, TypeError):
            # Also a timeout, or a server that went with messages still to be sent: a closed transport of Python 3.12
            # and 3.13 then calls None.
            _log.warning("bus.not_closed", server=str(self._settings))
        await self._end_reconnection()
        self._let_go()
        self._questions.fail_all("the connection is closed")

    async def _end_reconnection(self) -> None:
        """End the client's attempts to reconnect: the client asks once, and Python's ``wait_for`` can lose that.

        An attempt that fails at the very moment of the cancellation goes on for ever, and with it the process, whose
        event loop waits for all tasks at its end.
        """
        task = self._client._reconnection_task  # noqa: SLF001 - the client has no other way to end it
        for _ in range(_CANCELLATIONS):
            if task is None or task.done():
                return
            task.cancel()
            await asyncio.wait({task}, timeout=_CLOSE_S / _CANCELLATIONS)

    async def _on_error(self, error: Exception) -> None:
        if not self._client.is_connected:
            self._let_go()
        text = str(error).lower()
        if "authorization violation" in text and not self._started:
            message = (
                f"{self._settings} refuses these credentials ({self._settings.name}; {error}):"
                " give those of a user that it knows"
            )
            raise RefusedError(message) from error
        if isinstance(error, ssl.SSLError) and not self._started:
            message = (
                f"{self._settings} does not prove who it is ({error}): give --ca, the file with the certificate that"
                " vouches for it"
            )
            kind = _SpokeFirstError if error.reason == "WRONG_VERSION_NUMBER" else RefusedError
            raise kind(message) from error
        if "permissions violation for subscription" in text and self._settings.inbox.lower() in text:
            message = (
                f"{self._settings} lets this user not listen at {self._settings.inbox}: use this role's key,"
                " or give --inbox-prefix"
            )
            self._unheard = RefusedError(message)
            self._questions.fail_some(lambda _: True, message, RefusedError)
        if "permissions violation for publish" in text:
            # nats-py lower-cases the text.
            self._questions.fail_some(lambda subject: f'"{subject.lower()}"' in text, str(error), RefusedError)
        # Errors are normal during reconnection, where each attempt but the last fails. A refused probe is an answer.
        expected = not self._client.is_connected or f'"{PROBE.lower()}"' in text
        log = _log.debug if expected else _log.warning
        log("bus.error", server=str(self._settings), error=str(error) or type(error).__name__)

    async def _on_disconnected(self) -> None:
        self._questions.fail_all("the connection was lost")
        if self._started and not self._closing:
            _log.warning("bus.disconnected", server=str(self._settings))

    async def _on_reconnected(self) -> None:
        _log.info("bus.reconnected", server=self._client.connected_url.netloc if self._client.connected_url else "")
        self._look_at_version()
        for reconnected in list(self._when_reconnected):
            reconnected()

    async def _on_lame_duck(self) -> None:
        _log.info("bus.server_retires", server=str(self._settings))


def _worth_saying(record: logging.LogRecord) -> bool:
    """Filter out the log record that asyncio writes at the end of each TLS connection, since nats-py uses streams."""
    return "eof_received" not in record.getMessage()


def _trusting(ca: Path) -> ssl.SSLContext:
    """Return a TLS context that trusts a server only if the certificates in *ca* vouch for the server's name.

    Raises:
        RefusedError: If the file holds no certificates.
    """
    try:
        # With an empty ``cadata``, Python would trust the system's own certificates.
        vouching = read_bytes(ca).decode("ascii", "ignore") or "nothing"
        return ssl.create_default_context(cadata=vouching)
    except (DataError, ssl.SSLError) as error:
        message = f"{ca} holds no certificate ({error}): give the file that vouches for the server"
        raise RefusedError(message) from error
