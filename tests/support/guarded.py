"""A server that knows its users, and clients of each role that do what they like."""

from __future__ import annotations

import asyncio
import re
import ssl
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import nats

from bus.administration.server import Server, launch
from bus.administration.setup import set_up
from bus.topology.roles import ADMIN, inbox_of
from bus.topology.streams import ACK_WAIT_S
from bus.transports.jetstream import Connection, JetStreamBus, connect
from cli.trust.keys import Keys, make_keys

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping
    from pathlib import Path

    from nats.aio.client import Client

PODS = ("alpha", "beta")
# Nothing takes nearly as long; only a test that fails waits so long.
PATIENCE_S = 240.0


@dataclass
class Person:
    """A client with a role's key that does what it likes, by nats-py alone."""

    role: str
    client: Client
    refusals: list[str]
    heard: list[Any] = field(default_factory=list)
    inbox: str = ""

    async def listen(self) -> None:
        async def hear(message: Any) -> None:  # noqa: ANN401
            self.heard.append(message)

        self.inbox = f"{inbox_of(self.role)}.replies"
        await self.client.subscribe(self.inbox, cb=hear)

    async def publish(self, subject: str, data: bytes = b"", headers: Mapping[str, str] | None = None) -> list[str]:
        """Publish, and give what the server refused."""
        self.refusals.clear()
        await self.client.publish(subject, data, self.inbox, dict(headers) if headers else None)
        return await self.refused()

    async def subscribe(self, subject: str) -> list[str]:
        """Subscribe, and give what the server refused."""
        self.refusals.clear()
        subscription = await self.client.subscribe(subject)
        refused = await self.refused()
        await subscription.unsubscribe()
        return refused

    async def refused(self) -> list[str]:
        # Not by a ping, which nats-py sends before what it has yet to send.
        await self.client.request("$JS.API.INFO", timeout=PATIENCE_S)
        return list(self.refusals)

    async def reply(self) -> Any:  # noqa: ANN401
        """Wait for what the server answers."""
        async with asyncio.timeout(PATIENCE_S):
            while not self.heard:  # noqa: ASYNC110 - no event tells of it
                await asyncio.sleep(0.005)
        return self.heard.pop(0)


@dataclass
class Guarded:
    """A server that knows its users, and one more than those: an auditor, who may do anything."""

    server: Server
    keys: Keys
    people: AsyncExitStack

    @property
    def url(self) -> str:
        return self.server.url

    def settings(self, role: str) -> Connection:
        return Connection(servers=self.url, role=role, nkey_seed=self.keys.seed(role), ca=self.keys.ca)

    @property
    def trusting(self) -> dict[str, Any]:
        """What nats-py wants to know to believe the server."""
        return {"tls": ssl.create_default_context(cafile=str(self.keys.ca)), "tls_handshake_first": True}

    @property
    def auditor(self) -> Connection:
        return Connection(servers=self.url.replace("://", "://auditor:secret@"), ca=self.keys.ca)

    async def person(self, role: str) -> Person:
        refusals: list[str] = []

        async def refuse(error: Exception) -> None:
            refusals.append(str(error))

        client = await nats.connect(
            self.url,
            inbox_prefix=inbox_of(role),
            nkeys_seed=str(self.keys.seed(role)),
            **self.trusting,
            error_cb=refuse,
        )
        self.people.push_async_callback(client.close)
        person = Person(role, client, refusals)
        await person.listen()
        return person

    async def bus(self, role: str) -> JetStreamBus:
        return await self.people.enter_async_context(connect(self.settings(role)))


def let_in_an_auditor(accounts: str) -> str:
    """Add one who may do anything to the account that has the streams."""
    with_streams = "jetstream: enabled\n    users: ["
    assert with_streams in accounts
    return accounts.replace(with_streams, f"{with_streams}\n      {{user: auditor, password: secret}}")


def all_in_one(accounts: str) -> str:
    """Put the same users with the same permissions into one account, as servers had them before."""
    users = re.findall(r"^      \{ #.*?^      \}$", accounts, re.DOTALL | re.MULTILINE)
    assert users
    return "authorization {\nusers: [\n{user: auditor, password: secret}\n" + "\n".join(users) + "\n]\n}\n"


@asynccontextmanager
async def guarded_server(
    folder: Path,
    pods: tuple[str, ...] = PODS,
    *,
    rewrite: Callable[[str], str] = let_in_an_auditor,
    ack_wait_s: float = ACK_WAIT_S,
) -> AsyncIterator[Guarded]:
    """Run one; *rewrite* makes the server's accounts of those that ``podfolio keys`` wrote."""
    keys = Keys(folder / "keys")
    make_keys(keys.folder, pods, now=datetime.now(UTC))
    guard = keys.guard
    with_auditor = folder / "accounts.conf"
    with_auditor.write_text(rewrite(guard.accounts.read_text(encoding="utf-8")), encoding="utf-8")
    server = await launch(folder / "store", log=folder / "log", guard=replace(guard, accounts=with_auditor))
    try:
        async with AsyncExitStack() as people:
            guarded = Guarded(server, keys, people)
            await set_up(await guarded.bus(ADMIN), pods, ack_wait_s=ack_wait_s)
            yield guarded
    finally:
        await server.stop()
