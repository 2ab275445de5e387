"""Command-line options of every process, each with its environment variable."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bus.process.settings import MEMORY_MIB, ListenAddress
from bus.transports.address import Connection

if TYPE_CHECKING:
    from collections.abc import Callable

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)

_option = functools.partial(click.option, show_envvar=True)

_CONNECTION = (
    _option(
        "--server",
        envvar="PODFOLIO_NATS_URL",
        default="nats://127.0.0.1:4222",
        show_default=True,
        help="NATS server, or several, separated by commas.",
    ),
    _option(
        "--credentials",
        envvar="PODFOLIO_NATS_CREDENTIALS",
        type=_FILE,
        help="A .creds file, if the server asks for one.",
    ),
    _option(
        "--nkey-seed",
        envvar="PODFOLIO_NATS_NKEY_SEED",
        type=_FILE,
        help="A file with an NKey seed, if the server asks for one.",
    ),
    _option(
        "--ca",
        envvar="PODFOLIO_NATS_CA",
        type=_FILE,
        help="Certificate of the server's authority; requires TLS.",
    ),
    _option(
        "--inbox-prefix",
        envvar="PODFOLIO_NATS_INBOX_PREFIX",
        default="",
        help="NATS inbox prefix for replies (default: the role's own).",
    ),
)

_HTTP = (
    _option(
        "--http",
        "http_port",
        envvar="PODFOLIO_HTTP_PORT",
        type=click.IntRange(0, 65_535),
        help="Port for /live, /ready and /metrics; 0 for any free port. None by default.",
    ),
    _option(
        "--http-host",
        envvar="PODFOLIO_HTTP_HOST",
        default="127.0.0.1",
        show_default=True,
        help="Interface of that port; 0.0.0.0 for all. No authentication.",
    ),
)
_MEMORY = _option(
    "--solver-mib",
    envvar="PODFOLIO_SOLVER_MIB",
    type=click.IntRange(64, 1_000_000),
    default=MEMORY_MIB,
    show_default=True,
    help="Memory limit of a solver; a request that needs more fails.",
)


def connection_options(name: str, *, role: str = "") -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add the options for the server and the process's identity; the command receives one ``settings``.

    Args:
        name: The process's name for the server.
        role: The process's role, unless the role depends on the arguments.
    """

    def add(command: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(command)
        def with_settings(*args: Any, server: str, **rest: Any) -> Any:
            trust = {key: rest.pop(key) for key in ("credentials", "nkey_seed", "ca", "inbox_prefix")}
            settings = Connection(servers=server, name=name, role=role, **trust)
            return command(*args, settings=settings, **rest)

        return _add(_CONNECTION, with_settings)

    return add


def variables(settings: Connection) -> dict[str, str]:
    """Write *settings* as environment variables for a process with these options; set every variable."""
    return {
        "PODFOLIO_NATS_URL": settings.servers,
        "PODFOLIO_NATS_CREDENTIALS": str(settings.credentials or ""),
        "PODFOLIO_NATS_NKEY_SEED": str(settings.nkey_seed or ""),
        "PODFOLIO_NATS_CA": str(settings.ca or ""),
        "PODFOLIO_NATS_INBOX_PREFIX": settings.inbox_prefix,
    }


def replica_options(*, seconds: float, at_once: int = 256) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add the options of a process that works a queue; the command receives the HTTP options as one ``http``.

    Args:
        seconds: The default time limit for computing one request.
        at_once: The default number of messages in hand.
    """
    in_hand = _option(
        "--at-once",
        envvar="PODFOLIO_AT_ONCE",
        type=click.IntRange(1, 1_000),
        default=at_once,
        show_default=True,
        help="Most messages in hand at a time, including those that wait for a solver.",
    )
    limit = _option(
        "--solver-seconds",
        envvar="PODFOLIO_SOLVER_SECONDS",
        type=click.FloatRange(0.001, 3_600),
        default=seconds,
        show_default=True,
        help="Most time to compute one request, whatever the deadline.",
    )

    def add(command: Callable[..., Any]) -> Callable[..., Any]:
        return _add((in_hand, *_HTTP, _MEMORY, limit), _with_http(command))

    return add


def http_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of health checks and metrics; the command receives them as one ``http``."""
    return _add(_HTTP, _with_http(command))


def _with_http(command: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(command)
    def with_http(*args: Any, http_port: int | None, http_host: str, **rest: Any) -> Any:
        return command(*args, http=None if http_port is None else ListenAddress(http_port, http_host), **rest)

    return with_http


def _add(options: tuple[Callable[..., Any], ...], command: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed(options):
        command = option(command)
    return command
