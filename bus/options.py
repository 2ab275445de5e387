"""Command-line options that every process has, each with its environment variable."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bus.jetstream import Connection

if TYPE_CHECKING:
    from collections.abc import Callable

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)

_CONNECTION = (
    click.option(
        "--server",
        envvar="PODFOLIO_NATS_URL",
        default="nats://127.0.0.1:4222",
        show_default=True,
        help="NATS server, or several with commas between.  [env: PODFOLIO_NATS_URL]",
    ),
    click.option(
        "--credentials",
        envvar="PODFOLIO_NATS_CREDENTIALS",
        type=_FILE,
        help="A .creds file, if the server asks for one.  [env: PODFOLIO_NATS_CREDENTIALS]",
    ),
    click.option(
        "--nkey-seed",
        envvar="PODFOLIO_NATS_NKEY_SEED",
        type=_FILE,
        help="A file with an NKey seed, if the server asks for one.  [env: PODFOLIO_NATS_NKEY_SEED]",
    ),
)

_REPLICA = (
    click.option(
        "--at-once",
        envvar="PODFOLIO_AT_ONCE",
        type=click.IntRange(1, 1_000),
        default=256,
        show_default=True,
        help="Messages in hand at a time; requests must get in while others are being solved.  [env: PODFOLIO_AT_ONCE]",
    ),
    click.option(
        "--ready-file",
        envvar="PODFOLIO_READY_FILE",
        type=click.Path(dir_okay=False, path_type=Path),
        help="Touched every 5 s while this process takes work; for health checks.  [env: PODFOLIO_READY_FILE]",
    ),
)


def connection_options(name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add the options that say where the server is and who we are; they arrive as one ``settings``.

    Args:
        name: What the server will call this process.
    """

    def add(command: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(command)
        def with_settings(
            *args: Any, server: str, credentials: Path | None, nkey_seed: Path | None, **rest: Any
        ) -> Any:
            settings = Connection(servers=server, name=name, credentials=credentials, nkey_seed=nkey_seed)
            return command(*args, settings=settings, **rest)

        return _add(_CONNECTION, with_settings)

    return add


def replica_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of a process that works a queue."""
    return _add(_REPLICA, command)


def _add(options: tuple[Callable[..., Any], ...], command: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed(options):
        command = option(command)
    return command
