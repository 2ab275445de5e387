"""Signed final events: what is genuine is found genuine in any layout, and nothing else is."""

from __future__ import annotations

import asyncio
import base64
import copy
import json
import os
from typing import TYPE_CHECKING

import nkeys
import pytest
import rfc8785
from support.builders import final_event, request
from support.forgery import Event, at, changed, leaves, pattern
from support.in_process import PODS, agent, coordinator, inline
from support.requests_made import data

from bus.language import subjects
from bus.language.messages import MasterPortfolioFailed, MasterPortfolioOptimized, Reason, encode
from bus.language.public_key import KeyFormError, read_key
from bus.language.signing import FINAL, Signer
from bus.port import RefusedError
from bus.transports.memory import MemoryBus
from cli.trust.check import Check, Verdict
from cli.trust.verify import conclude, describe, examine

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from bus.language.payload import Payload
    from coordinator.decisions import Optimise
    from coordinator.shell import Optimiser

FAILED = MasterPortfolioFailed(request_id="r1", reason=Reason.DEADLINE_EXCEEDED, message="late", missing_pods=("beta",))


def new_seed() -> bytes:
    return bytes(nkeys.encode_seed(os.urandom(32), nkeys.PREFIX_BYTE_USER))


def new_signer(folder: Path, seed: bytes | None = None) -> Signer:
    file = folder / "coordinator.nk"
    file.write_bytes(seed or new_seed())
    return Signer(file, FINAL)


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    return new_signer(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def true_event(signer: Signer) -> Event:
    event = final_event(request())
    assert isinstance(event, MasterPortfolioOptimized)
    body: Event = json.loads(signer.sign(encode(event)))
    return body


@pytest.fixture
def event(true_event: Event) -> Event:
    return copy.deepcopy(true_event)


def examined(event: object, key: str | None) -> dict[str, Check]:
    return {check.what: check for check in examine(json.dumps(event).encode(), key)}


def verdict(event: object, key: str | None) -> Verdict:
    return conclude(list(examined(event, key).values()))


def unsigned(event: Event) -> Event:
    return {name: value for name, value in event.items() if name != "signature"}


@pytest.mark.parametrize(
    "written",
    [
        lambda event: json.dumps(event).encode(),
        lambda event: json.dumps(event, indent=3, sort_keys=True).encode(),
        lambda event: json.dumps(dict(reversed(event.items())), separators=(",", ":"), ensure_ascii=False).encode(),
        lambda event: json.dumps(event).replace("100000.0,", "1e5,").encode("utf-16"),
    ],
)
def test_a_genuine_event_is_found_genuine_in_any_layout(
    event: Event, signer: Signer, written: Callable[[Event], bytes]
) -> None:
    checks = examine(written(event), signer.key)

    assert [check.verdict for check in checks] == [Verdict.HOLDS] * 4, describe(checks)


def test_whatever_is_changed_the_signature_shows_it(true_event: Event, signer: Signer) -> None:
    missed = set()
    for path in leaves(true_event):
        event = copy.deepcopy(true_event)
        at(event, path[:-1])[path[-1]] = changed(at(event, path), 1.01)
        checks = examined(event, signer.key)
        # Some changes leave nothing that could be read as an event.
        if "signature" in checks and checks["signature"].verdict is not Verdict.FAILS:
            missed.add(pattern(path))
        assert conclude(list(checks.values())) is Verdict.FAILS
    assert missed == set()


def test_an_addition_that_no_version_knows_is_a_change_too(event: Event, signer: Signer) -> None:
    event["pods"]["alpha"]["note"] = "approved"

    assert examined(event, signer.key)["signature"].verdict is Verdict.FAILS


def test_without_the_signature_the_check_finds_a_forged_weight(event: Event) -> None:
    ticker = next(iter(event["weights"]))
    event["weights"][ticker] += 1e-6
    checks = examined(unsigned(event), None)

    assert (checks["signature"].verdict, checks["portfolio"].verdict) == (Verdict.OPEN, Verdict.FAILS)


def test_without_a_key_to_expect_nobody_is_taken_for_the_coordinator(event: Event, signer: Signer) -> None:
    known, nobody = examined(event, None)["signature"], examined(unsigned(event), None)["signature"]

    assert known.verdict is nobody.verdict is Verdict.OPEN
    assert signer.key in known.words[0]
    assert "the author is not known" in nobody.words[0]
    assert verdict(event, None) is verdict(unsigned(event), None) is Verdict.OPEN


def test_an_unsigned_event_is_refused_where_a_signature_is_expected(event: Event, signer: Signer) -> None:
    assert verdict(unsigned(event), signer.key) is Verdict.FAILS
    assert verdict(event | {"signature": None}, signer.key) is Verdict.FAILS


def test_a_signature_by_any_other_key_is_refused(event: Event, signer: Signer, tmp_path: Path) -> None:
    # A false event that its forger signed himself, and one that claims the coordinator's key besides.
    forger = new_signer(tmp_path)
    event["certificate"]["nodes"] += 1
    forged = json.loads(forger.sign(encode(MasterPortfolioOptimized.model_validate(event))))
    claimed = forged | {"signature": forged["signature"] | {"key": signer.key}}

    assert "not by the key given" in " ".join(examined(forged, signer.key)["signature"].words)
    assert "forged or changed" in examined(claimed, signer.key)["signature"].words[0]
    assert examined(forged, forger.key)["signature"].verdict is Verdict.HOLDS


def test_a_server_cannot_have_an_event_signed_as_its_challenge(tmp_path: Path) -> None:
    # What a client does when it connects: it signs any text that the server sends (nats-py, sig_cb).
    seed = new_seed()
    signer = new_signer(tmp_path, seed)
    body = json.loads(encode(FAILED))
    for nonce in (
        rfc8785.dumps(unsigned(body)).decode(),
        "podfolio.v1.final\n" + rfc8785.dumps(unsigned(body)).decode(),
    ):
        value = nkeys.from_seed(bytearray(seed)).sign(nonce.encode())
        body["signature"] = {"algorithm": "ed25519", "key": signer.key, "value": base64.b64encode(value).decode()}

        assert examined(body, signer.key)["signature"].verdict is Verdict.FAILS


def test_a_failure_is_signed_as_well_and_has_no_figures(signer: Signer) -> None:
    body = json.loads(signer.sign(encode(FAILED)))
    checks = examined(body, signer.key)

    assert [check.verdict for check in checks.values()] == [Verdict.HOLDS] * 3
    assert Reason.DEADLINE_EXCEEDED.words in checks["portfolio"].words[0]
    assert verdict(body | {"message": "never asked"}, signer.key) is Verdict.FAILS


@pytest.mark.parametrize(
    ("change", "what", "said"),
    [
        ({"market": {"id": "nasdaq", "sha256": "0" * 64}}, "market", "unknown market nasdaq"),
        ({"market": {"id": "asx-outlook-2025-12", "sha256": "0" * 64}}, "market", "another snapshot"),
        ({"signature": {"algorithm": "rsa", "key": "U", "value": ""}}, "signature", "does not know"),
        ({"signature": {"key": "UA", "value": ""}}, "signature", "no public key"),
        ({"type": "PodResult"}, "form", "no final event"),
        ({"signature": "genuine"}, "form", "signature"),
        ({"weights": {"VAS": 10**400}}, "form", "no final event"),
        ({"customer_id": "\ud800"}, "form", "no final event"),
    ],
)
def test_what_cannot_be_checked_is_said(
    event: Event, signer: Signer, change: Mapping[str, object], what: str, said: str
) -> None:
    # A market is named with the words that it says of itself.
    market = {"market": event["market"] | change["market"]} if "market" in change else {}
    checks = examined(event | change | market, signer.key)

    assert checks[what].verdict is Verdict.FAILS
    assert said in " ".join(checks[what].words)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda text: text[:-1], "no final event"),
        (lambda text: b"[" * 100_000 + text, "no final event"),
        (lambda text: b"[%b]" % text, "no JSON object"),
        (lambda text: b"\xff" + text, "no final event"),
        (lambda text: text.replace(b'"version": 1', b'"version": 1, "version": 1'), "version stands twice"),
        (lambda text: text.replace(b'"VAS": ', b'"VAS": 0.5, "VAS": ', 1), "VAS stands twice"),
        (lambda text: text.replace(b'"elapsed_s": ', b'"elapsed_s": NaN, "e": '), "NaN"),
        (lambda text: text.replace(b'"elapsed_s": ', b'"elapsed_s": 1e999, "e": '), "too large"),
    ],
)
def test_what_every_reader_would_read_differently_is_no_event(
    event: Event, signer: Signer, spoil: Callable[[bytes], bytes], said: str
) -> None:
    checks = examine(spoil(json.dumps(event).encode()), signer.key)

    assert conclude(checks) is Verdict.FAILS
    assert said in describe(checks)


def test_what_an_event_says_cannot_steer_a_terminal(event: Event) -> None:
    event["pods"]["alpha\x1b[2J"] = event["pods"].pop("alpha")
    told = describe(list(examined(event, None).values()))

    assert "\x1b[2J" not in told
    assert r"alpha\x1b[2J" in told


class TestKeys:
    def test_are_given_as_such_or_as_a_file(self, signer: Signer, tmp_path: Path) -> None:
        file = tmp_path / "coordinator.pub"
        file.write_text(f"{signer.key}\n", encoding="ascii")

        assert read_key(signer.key) == read_key(str(file)) == signer.key

    def test_with_a_wrong_character_are_refused(self, signer: Signer) -> None:
        wrong = signer.key[:20] + ("A" if signer.key[20] != "A" else "B") + signer.key[21:]

        with pytest.raises(KeyFormError, match="checksum"):
            read_key(wrong)

    @pytest.mark.parametrize("content", [b"", b"U", b"\xff\xfe", b"A" * 56])
    def test_that_are_none_are_refused(self, tmp_path: Path, content: bytes) -> None:
        (tmp_path / "key").write_bytes(content)

        for given in (str(tmp_path / "key"), str(tmp_path / "missing"), str(tmp_path)):
            with pytest.raises(KeyFormError):
                read_key(given)

    def test_that_are_secret_are_refused_and_not_repeated(self, tmp_path: Path) -> None:
        seed = new_seed()
        (tmp_path / "coordinator.nk").write_bytes(seed)

        for given in (str(tmp_path / "coordinator.nk"), seed.decode()):
            with pytest.raises(KeyFormError) as error:
                read_key(given)
            assert seed.decode() not in str(error.value)

    def test_for_signing_are_read_from_credentials_as_well(self, signer: Signer, tmp_path: Path) -> None:
        seed = (b"-----BEGIN NATS USER JWT-----\neyJ0eXAi.SUAB\n------END NATS USER JWT------\n", new_seed())
        file = tmp_path / "user.creds"
        file.write_bytes(b"%s\n-----BEGIN USER NKEY SEED-----\n%s\n------END USER NKEY SEED------\n" % seed)
        alone = new_signer(tmp_path, seed[1])

        assert Signer(file, FINAL).key == alone.key != signer.key

    def test_for_signing_that_are_missing_are_said(self, tmp_path: Path) -> None:
        with pytest.raises(RefusedError, match="holds no secret"):
            new_signer(tmp_path, b"SUABC\n")


async def broken(_: Optimise, *, seconds: float) -> Payload:
    assert seconds > 0
    message = "the optimiser is broken"
    raise RuntimeError(message)


@pytest.mark.parametrize(
    ("optimise", "sent", "outcome"),
    [
        (inline, data(), "MasterPortfolioOptimized"),
        (inline, data(rules={"max_etfs": 9}), "rules_conflict"),
        (inline, b"{}", "invalid_request"),
        (broken, data(), "internal_error"),
    ],
)
async def test_a_coordinator_with_a_key_signs_however_a_request_ends(
    signer: Signer,
    optimise: Optimiser,
    sent: bytes,
    outcome: str,
) -> None:
    bus, stop = MemoryBus(PODS), asyncio.Event()
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        for pod in PODS:
            group.create_task(agent(bus, pod).run(stop, at_once=8))
        group.create_task(coordinator(bus, optimise, signer).run(stop, at_once=8))
        await bus.publish_once(subjects.request("r1"), sent, message_id="m", headers={})
        while not (found := await bus.record([subjects.final("r1")])):
            bus.advance(0.1)
            await asyncio.sleep(0.005)
        stop.set()

    body = json.loads(found[0].data)
    assert outcome in {body["type"], body.get("reason")}
    assert verdict(body, signer.key) is Verdict.HOLDS
