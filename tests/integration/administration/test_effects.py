"""What each role can bring about, whatever it asks and wherever it wants the answer: seen by what it left behind.

The server lets everybody name the subject of an answer, and sends the answer there in its own name. So each role
asks everything that it may ask, with every kind of subject for the answer; then all that the streams, the queues
and the others' inboxes hold is compared with what was there before. The last test does the same where all share
one account: there it must find damage, or it would find none anywhere.
"""

from __future__ import annotations

import contextlib
import fnmatch
import json
import re
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import nats
import nats.errors
import pytest
import pytest_asyncio
from support.guarded import PATIENCE_S, PODS, Guarded, Person, all_in_one, guarded_server

from bus.language import subjects
from bus.port import FINALS
from bus.topology.roles import (
    ADMIN,
    ADVISER,
    ARCHIVIST,
    CHALLENGER,
    COORDINATOR,
    DESK,
    OBSERVER,
    OPERATOR,
    REQUESTER,
    REVIEWER,
    agent_role,
    inbox_of,
    roles,
)
from bus.topology.streams import ARCHIVE, EVENTS, MARKETS, STOPS, TIMERS, wanted_queues

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from nats.aio.client import Client

    from bus.topology.roles import Role

ALPHA, BETA = map(agent_role, PODS)
SERVICES = (ALPHA, BETA, COORDINATOR, CHALLENGER, REVIEWER)
ATTACKERS = tuple(role.name for role in roles(PODS) if role.name != ADMIN)
QUEUES = [(stream, str(queue["name"])) for stream, queue in wanted_queues(PODS, ack_wait_s=0)]
# No worker is to be taken for dead while the tests run.
LONG_S = 3600.0

# More pulls than an attack leaves open.
_MOST_PULLS = 200

# What a role may leave behind: messages on these subjects, and the progress of these queues. Nothing else.
MAY_STORE = {
    REQUESTER: ["podfolio.v1.request.*"],
    ALPHA: ["podfolio.v1.pod.*.alpha"],
    BETA: ["podfolio.v1.pod.*.beta"],
    COORDINATOR: ["podfolio.v1.final.*", "podfolio.v1.rejected.*", "podfolio_timers.v1.*"],
    CHALLENGER: ["podfolio.v1.challenge.*"],
    REVIEWER: ["podfolio.v1.request.*"],
    ADVISER: ["podfolio.v1.approval.*", "podfolio.v1.stop.*"],
    DESK: ["podfolio.v1.fill.*.*"],
    ARCHIVIST: ["podfolio.v1.seal.*"],
}
MAY_WORK = {
    ALPHA: ["pod-alpha"],
    BETA: ["pod-beta"],
    # Final events that a coordinator publishes go to the observers and the challengers who wait for them.
    COORDINATOR: ["coord", "coord-due", "finals", "challenger"],
    CHALLENGER: ["challenger"],
    OBSERVER: ["finals"],
}
# Who hears what of others, and from whom.
MAY_BE_HEARD = {
    (COORDINATOR, REQUESTER): ["podfolio_progress.v1.*"],
    (COORDINATOR, OBSERVER): ["podfolio_progress.v1.*", "podfolio.v1.final.*"],
    **{(OPERATOR, service): ["$SRV.*"] for service in SERVICES},
    # An observer may name $SRV.PING for the messages of the queue of readers: then services hear a final event as a
    # ping, which observers may send; no ping is read.
    **{(OBSERVER, service): ["$SRV.PING", "podfolio.v1.final.*"] for service in SERVICES},
}

# Stored beforehand, to be read into where they do harm: bodies for the server's own interface, and an event.
CARRIED: dict[str, dict[str, Any] | None] = {
    "nothing": None,
    "event": {"type": "MasterPortfolioFailed", "version": 1, "reason": "forged"},
    "first": {"seq": 1},
    "update": {"name": EVENTS, "subjects": ["podfolio.v1.>"], "description": "changed", "allow_direct": True},
    "consumer": {
        "stream_name": EVENTS,
        "config": {"durable_name": "evil", "name": "evil", "ack_policy": "none"},
        "action": "create",
    },
}

# Where answers are wanted; {u} is another each time.
WRITING = (
    "podfolio.v1.request.{u}",
    "podfolio.v1.pod.{u}.alpha",
    "podfolio.v1.pod.{u}.beta",
    "podfolio.v1.final.{u}",
    "podfolio.v1.challenge.{u}",
    "podfolio.v1.approval.{u}",
    "podfolio.v1.fill.{u}.f",
    "podfolio.v1.stop.{u}",
    "podfolio.v1.resume.{u}",
    "podfolio.v1.resume.nothing",
    "podfolio.v1.rejected.{u}",
    "podfolio.v1.removed.{u}",
    "podfolio.v1.seal.{u}",
    "podfolio_timers.v1.timer.{u}",
    "podfolio_timers.v1.timer.seeded",
    "podfolio_timers.v1.due.{u}",
    "$KV.podfolio_markets.id.{u}",
    "$KV.podfolio_markets.sha256.{u}",
    "podfolio_progress.v1.{u}",
    "$SRV.PING",
    "_R_.{u}",
    "_R_.a.{u}",
    "_INBOX.{u}",
    *(f"{inbox_of(role.name)}.attack.{{u}}" for role in roles(PODS)),
    *(f"$JS.ACK.{stream}.{queue}.1.1.1.1.0" for stream, queue in QUEUES),
    *(f"$JS.ACK.{stream}.{queue}.1.2.2.1.0" for stream, queue in QUEUES),
    *(f"$JS.ACK.PODFOLIO.pod-alpha.{stream}.{queue}.1.1.1.1.0" for stream, queue in QUEUES),
    *(f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{queue}" for stream, queue in QUEUES),
    "$JS.API.CONSUMER.CREATE.PODFOLIO.evil",
    "$JS.API.CONSUMER.DURABLE.CREATE.PODFOLIO.evil",
)
DESTROYING = (
    "$JS.API.STREAM.UPDATE.PODFOLIO",
    "$JS.API.STREAM.MSG.DELETE.PODFOLIO_TIMERS",
    "$JS.API.STREAM.MSG.DELETE.PODFOLIO",
    "$JS.API.STREAM.UPDATE.PODFOLIO_STOPS",
    "$JS.API.STREAM.MSG.DELETE.PODFOLIO_STOPS",
    "$JS.API.STREAM.PURGE.PODFOLIO_STOPS",
    "$JS.API.STREAM.PURGE.PODFOLIO_TIMERS",
    "$JS.API.STREAM.PURGE.PODFOLIO",
    "$JS.API.STREAM.UPDATE.PODFOLIO_ARCHIVE",
    "$JS.API.STREAM.MSG.DELETE.PODFOLIO_ARCHIVE",
    *(f"$JS.API.CONSUMER.DELETE.{stream}.{queue}" for stream, queue in QUEUES),
    *(f"$JS.API.STREAM.DELETE.{stream}" for stream in (TIMERS, MARKETS, STOPS, ARCHIVE, EVENTS)),
)

# Headers by which the publisher of one subject would write, wipe or read others.
HEADERS = (
    {"Nats-Schedule": "@at 2020-01-01T00:00:00Z", "Nats-Schedule-Target": "podfolio.v1.final.{u}"},
    {"Nats-Schedule": "@at 2020-01-01T00:00:00Z", "Nats-Schedule-Target": "podfolio.v1.pod.{u}.beta"},
    {"Nats-Schedule": "@at 2020-01-01T00:00:00Z", "Nats-Schedule-Target": "podfolio_timers.v1.due.{u}"},
    {"Nats-Schedule": "@at 2020-01-01T00:00:00Z", "Nats-Schedule-Target": "$KV.podfolio_markets.id.{u}"},
    {
        "Nats-Schedule": "@every 1s",
        "Nats-Schedule-Target": "podfolio.v1.request.{u}",
        "Nats-Schedule-Source": "podfolio.v1.request.*",
    },
    {"Nats-Schedule": "@at 2020-01-01T00:00:00Z", "Nats-Schedule-Target": "podfolio.v1.resume.nothing"},
    {"Nats-Scheduler": "podfolio_timers.v1.timer.seeded", "Nats-Schedule-Next": "purge"},
    {"Nats-Rollup": "all"},
    {"Nats-Rollup": "sub"},
    {"Nats-TTL": "1s"},
    {"Nats-Incr": "1"},
    {"Nats-Batch-Id": "{u}", "Nats-Batch-Sequence": "1", "Nats-Batch-Commit": "1"},
    {"Nats-Expected-Last-Subject-Sequence": "1", "Nats-Expected-Last-Subject-Sequence-Subject": "podfolio.v1.>"},
    {"Nats-Trace-Dest": "podfolio.v1.final.{u}"},
    {"Nats-Trace-Dest": "_INBOX_observer.attack.{u}"},
    {"Nats-Trace-Dest": "$JS.API.STREAM.DELETE.PODFOLIO", "Nats-Trace-Only": "true"},
    {"Nats-Request-Info": '{"acc": "streams", "svc": "streams", "user": "auditor", "rtt": 1}'},
)
# One subject per stream that is taken: a message there is refused after whatever came before it.
SETTLED = (
    subjects.request("settled"),
    subjects.due("settled"),
    subjects.market_id("settled"),
    subjects.stop("settled"),
    "podfolio.v1.seal.settled",
)


@dataclass
class Listener:
    """Somebody who hears all that a role may hear, and answers what a service of its kind is asked."""

    role: str
    person: Person
    heard: list[str] = field(default_factory=list)

    async def listen(self, role: Role) -> None:
        async def hear(message: Any) -> None:  # noqa: ANN401
            self.heard.append(message.subject)
            if message.subject.startswith("$SRV.") and message.reply:
                await self.person.client.publish(message.reply, b'{"forged": true}')

        for subject in (f"{inbox_of(role.name)}.attack.>", *role.hears, *role.serves):
            await self.person.client.subscribe(subject, cb=hear)
        await self.person.refused()


@dataclass
class Stage:
    """A server with something in every stream and queue, an auditor, and listeners of every role."""

    guarded: Guarded
    auditor: Client
    listeners: dict[str, Listener]

    async def api(self, name: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        answer = await self.auditor.request(
            f"$JS.API.{name}", json.dumps(body).encode() if body else b"", timeout=PATIENCE_S
        )
        told: dict[str, Any] = json.loads(answer.data)
        return told

    async def look(self) -> dict[str, Any]:
        """Say all that stands on the server, by name."""
        seen: dict[str, Any] = {"streams": sorted((await self.api("STREAM.NAMES"))["streams"] or [])}
        for stream in (EVENTS, TIMERS, MARKETS, STOPS, ARCHIVE):
            # The rest of the archive is what the event stream holds, soon after.
            which = subjects.ALL_SEALS if stream == ARCHIVE else ">"
            told = await self.api(f"STREAM.INFO.{stream}", {"subjects_filter": which, "deleted_details": True})
            if "error" in told:
                seen[stream] = "gone"
                continue
            seen[stream] = told["config"]
            seen[f"{stream} lacks"] = (told["state"].get("deleted"), told["state"]["first_seq"])
            for subject in told["state"].get("subjects") or {}:
                seen[subject] = "stored"
            names = (await self.api(f"CONSUMER.NAMES.{stream}"))["consumers"] or []
            seen[f"{stream} queues"] = sorted(names)
            for name in names:
                queue = await self.api(f"CONSUMER.INFO.{stream}.{name}")
                seen[name] = {
                    "config": queue["config"],
                    "delivered": queue["delivered"]["consumer_seq"],
                    "done": queue["ack_floor"]["consumer_seq"],
                    "in hand": queue["num_ack_pending"],
                }
        seeded = await self.api(f"STREAM.MSG.GET.{TIMERS}", {"last_by_subj": subjects.timer("seeded")})
        seen["the seeded timer"] = seeded.get("message", {}).get("seq")
        return seen

    async def close_pulls(self, tag: str) -> None:
        """Give a final event to each pull that an earlier attack left open (+NXT): else it hears those of the next."""
        for count in range(_MOST_PULLS):
            if not (await self.api(f"CONSUMER.INFO.{EVENTS}.{FINALS}"))["num_waiting"]:
                return
            await self.auditor.request(subjects.final(f"{tag}-{count}"), b"{}", timeout=PATIENCE_S)
        pytest.fail("pulls stay open")

    async def settle(self) -> None:
        """Let the server do what it has been told: each stream takes messages in turn, and its interface questions."""
        taken = {"Nats-Expected-Last-Subject-Sequence": "0"}
        for _ in range(2):
            await self.auditor.request("$JS.API.INFO", timeout=PATIENCE_S)
            for subject in SETTLED:
                # Refused in its turn, and where the stream is gone, at once.
                with contextlib.suppress(nats.errors.NoRespondersError):
                    await self.auditor.request(subject, timeout=PATIENCE_S, headers=taken)
        for listener in self.listeners.values():
            await listener.person.refused()


async def seed(auditor: Client) -> None:
    """Store something of every kind, and have the queues of others hold some of it."""

    async def store(subject: str, data: bytes = b"{}", headers: dict[str, str] | None = None) -> None:
        told = json.loads((await auditor.request(subject, data, timeout=PATIENCE_S, headers=headers)).data)
        assert "error" not in told, told

    for name, body in CARRIED.items():
        data = json.dumps(body).encode() if body else b""
        await store(subjects.request(name), data)
        for pod in PODS:
            await store(subjects.pod_result(name, pod), data)
        await store(subjects.final(name), data)
        await store(subjects.stop(name), data)
        await store(subjects.market_id(name), data)
        await store(subjects.market_content(name), data)
    await store("podfolio.v1.rejected.nothing")
    for subject in SETTLED:
        await store(subject)
    at = (datetime.now(UTC) + timedelta(hours=1)).isoformat(timespec="seconds").replace("+00:00", "Z")
    scheduled = {"Nats-Schedule": f"@at {at}", "Nats-Schedule-Target": subjects.due("seeded")}
    await store(subjects.timer("seeded"), b"", scheduled)
    # Queue by queue two messages are in hand, for others to acknowledge, and the rest waits, for others to pull.
    held = await auditor.subscribe("held.>")
    for stream, queue in QUEUES:
        await auditor.publish(f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{queue}", b'{"batch":2,"no_wait":true}', "held.x")
    for _ in range(2 * len(QUEUES) - 1):
        await held.next_msg(timeout=PATIENCE_S)
    await held.unsubscribe()


@asynccontextmanager
async def staged(folder: Path, **options: Any) -> AsyncIterator[Stage]:  # noqa: ANN401
    async with guarded_server(folder, ack_wait_s=LONG_S, **options) as guarded, AsyncExitStack() as stack:
        options = guarded.auditor
        auditor = await nats.connect(options.servers, **guarded.trusting)
        stack.push_async_callback(auditor.close)
        await seed(auditor)
        listeners = {}
        for role in roles(PODS):
            listeners[role.name] = Listener(role.name, await guarded.person(role.name))
            await listeners[role.name].listen(role)
        yield Stage(guarded, auditor, listeners)


def questions(role: Role) -> Iterator[tuple[str, bytes]]:
    """Give every subject that *role* may publish, and the bodies that matter there; {u} is another each time."""
    for pattern in role.publish:
        if re.search(r"[*>]", pattern) and "ACK" not in pattern:
            yield pattern, b""
            yield from ((_one_of(pattern, name), body) for name in (*CARRIED, "{u}") for body in _bodies(pattern, name))
        else:
            yield from ((_one_of(pattern, ""), body) for body in _bodies(pattern, ""))
    for subject in (f"$JS.API.DIRECT.GET.{stream}" for stream in (EVENTS, MARKETS, ARCHIVE)):
        if subject in role.publish:
            for name in CARRIED:
                kept = subjects.market_id(name) if MARKETS in subject else subjects.request(name)
                yield subject, json.dumps({"last_by_subj": kept}).encode()
                yield subject, json.dumps({"multi_last": [kept]}).encode()


def _one_of(pattern: str, name: str) -> str:
    """Name one subject of *pattern*."""
    if pattern.endswith("$KV.podfolio_markets.>"):
        return pattern.replace(">", f"id.{name}")
    if "ACK" in pattern:
        return pattern.replace("*.*.*.*.*", "1.1.1.1.0")
    return pattern.replace("*", name).replace(">", name)


def _bodies(pattern: str, name: str) -> Iterator[bytes]:
    if "MSG.NEXT" in pattern:
        yield b'{"batch":1,"no_wait":true}'
    elif "ACK" in pattern:
        yield from (b"+WPI", b"+NXT", b'+NXT {"batch":1,"no_wait":true}', b'-NAK {"delay":3600000000000}')
    elif f"STREAM.MSG.GET.{STOPS}" in pattern:
        yield from (json.dumps({"last_by_subj": subjects.stop(each)}).encode() for each in CARRIED)
    elif "STREAM.MSG.GET" in pattern:
        of = subjects.market_id if MARKETS in pattern else subjects.request
        yield from (json.dumps({"last_by_subj": of(each)}).encode() for each in CARRIED)
    elif pattern.startswith(("$", "_R_")):
        yield b""
    else:
        yield json.dumps(CARRIED.get(name)).encode()


async def ask_everything(person: Person, role: Role, targets: tuple[str, ...], tag: str) -> None:
    """Ask all that *role* may ask, each with every one of *targets* for the answer, and wait for the last answers."""
    count = 0
    for subject, body in questions(role):
        for target in targets:
            count += 1
            name = f"{tag}-{count}"
            await person.client.publish(subject.format(u=name), body, target.format(u=name))
    await _hear_out(person, role)


async def say_everything(person: Person, role: Role, tag: str) -> None:
    """Publish where *role* may, under new names, with every one of the headers."""
    for count, headers in enumerate(HEADERS):
        for pattern in role.publish:
            if "ACK" in pattern:
                continue
            name = f"{tag}-h{count}"
            told = {key: value.format(u=name) if "{u}" in value else value for key, value in headers.items()}
            await person.client.publish(_one_of(pattern, name), b'{"seq":1}', f"{person.inbox}.x", headers=told)
    await _hear_out(person, role)


async def _hear_out(person: Person, role: Role) -> None:
    """Ask each kind of question once more, and wait for the answer, which comes after those before."""
    for subject in role.asks:
        if re.search(r"[*>]", subject) or subject.startswith("$SRV."):
            continue
        body = b'{"batch":1,"no_wait":true}' if "MSG.NEXT" in subject else b""
        inbox = f"{inbox_of(person.role)}.last"
        answer = await person.client.subscribe(inbox)
        await person.client.publish(subject, body, inbox)
        await answer.next_msg(timeout=PATIENCE_S)
        await answer.unsubscribe()
    await person.refused()


def harm(role: str, before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """Say what is different that *role* may not change."""
    may = MAY_STORE.get(role, [])
    changed = [name for name in before.keys() | after.keys() if before.get(name) != after.get(name)]
    found = []
    for name in changed:
        if name in MAY_WORK.get(role, []) and before[name]["config"] == after.get(name, {}).get("config"):
            continue
        if name not in before and any(fnmatch.fnmatchcase(name, pattern) for pattern in may):
            continue
        found.append(name)
    if role == COORDINATOR:
        # By design: whoever may set deadlines may set them again, and drop them.
        found = [name for name in found if not name.startswith(("podfolio_timers.", f"{TIMERS} lacks", "the seeded"))]
    return sorted(found)


def overheard(role: str, stage: Stage) -> list[str]:
    """Say what others heard of *role* that they should not have."""
    found = []
    for listener in stage.listeners.values():
        may = MAY_BE_HEARD.get((role, listener.role), [])
        for subject in listener.heard:
            own = listener.role == role
            if not own and not any(fnmatch.fnmatchcase(subject, pattern) for pattern in may):
                found.append(f"{listener.role} heard {subject}")
        listener.heard.clear()
    return sorted(set(found))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    async with staged(tmp_path_factory.mktemp("staged")) as made:
        yield made


def role_named(name: str) -> Role:
    return next(role for role in roles(PODS) if role.name == name)


async def attack(stage: Stage, role: str, targets: tuple[str, ...]) -> tuple[list[str], list[str]]:
    """Have *role* ask everything into *targets*; say what harm was done, and where it stored nothing, though it may."""
    person = await stage.guarded.person(role)
    await stage.close_pulls(f"before-{role}-{len(targets)}")
    await stage.settle()
    overheard(role, stage)
    before = await stage.look()
    await ask_everything(person, role_named(role), targets, f"{role}-{len(targets)}")
    await stage.settle()
    after = await stage.look()
    assert refused(person) == []
    idle = [pattern for pattern in MAY_STORE.get(role, []) if not fnmatch.filter(after.keys() - before.keys(), pattern)]
    return harm(role, before, after) + overheard(role, stage), idle


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("targets", [WRITING, DESTROYING], ids=["writing", "destroying"])
@pytest.mark.parametrize("role", ATTACKERS)
async def test_no_answer_does_what_its_asker_may_not(stage: Stage, role: str, targets: tuple[str, ...]) -> None:
    assert await attack(stage, role, targets) == ([], [])


@pytest.mark.parametrize("role", ATTACKERS)
async def test_no_header_does_what_its_publisher_may_not(tmp_path: Path, role: str) -> None:
    async with staged(tmp_path) as stage:
        person = await stage.guarded.person(role)
        before = await stage.look()
        await say_everything(person, role_named(role), role)
        await stage.settle()
        found = harm(role, before, await stage.look()) + overheard(role, stage)

    assert found == []


def refused(person: Person) -> list[str]:
    """Say what the server refused but for answers to where it would take them for its own (``_R_``, ``$JS.ACK``)."""
    return [text for text in person.refusals if "with reply of" not in text]


@pytest.mark.parametrize("role", ATTACKERS)
async def test_the_same_in_one_account_does_harm(tmp_path: Path, role: str) -> None:
    async with staged(tmp_path, rewrite=all_in_one) as stage:
        written, _ = await attack(stage, role, WRITING)
        destroyed, _ = await attack(stage, role, DESTROYING)

    for kind in ("podfolio.v1.request.", "podfolio.v1.pod.", "podfolio.v1.final.", "$KV."):
        may = any(pattern.startswith(kind) for pattern in MAY_STORE.get(role, []))
        assert may or any(name.startswith(kind) for name in written), kind
    assert any(" heard _INBOX_" in name for name in written)
    # An operator gets no answer without a body, and a deletion wants none.
    assert role == OPERATOR or {EVENTS, TIMERS, MARKETS, STOPS} <= set(destroyed)
