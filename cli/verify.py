"""Verify a final event from its file alone: who signed it, and whether its rules and figures hold.

Asks no server. The signature is verified by another library than the one that makes it; rules and figures by
``portfolio.check``, which shares no arithmetic with the optimiser.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import warnings
from collections import Counter
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, NoReturn

import click
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from rfc8785 import CanonicalizationError

from bus.messages import BadMessageError, MasterPortfolioOptimized, Signature, parse_final
from bus.signing import signed_bytes
from cli.public_key import KeyFormError, decode
from portfolio.check import findings
from portfolio.errors import DataError
from portfolio.market import snapshot as markets

if TYPE_CHECKING:
    from pathlib import Path

    from bus.messages import FinalEvent, MarketRef
    from portfolio.market.snapshot import Market

Event = dict[str, Any]


class Verdict(Enum):
    """What became of one check."""

    HOLDS = "ok"
    OPEN = "open"
    FAILS = "FAILED"


# 2 is that of a command that was called wrongly.
EXIT_STATUS = {Verdict.HOLDS: 0, Verdict.FAILS: 1, Verdict.OPEN: 3}
_CONCLUSIONS = {
    Verdict.HOLDS: "Everything holds.",
    Verdict.FAILS: "Do not rely on this event.",
    Verdict.OPEN: "Nothing is wrong with it, but who says so is not established.",
}
_COLOURS = {Verdict.HOLDS: "green", Verdict.OPEN: "yellow", Verdict.FAILS: "red"}
_WIDTH = len("signature")


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at.

    Attributes:
        what: Its name.
        verdict: What became of it.
        words: What was found, first in a line, then in detail.
    """

    what: str
    verdict: Verdict
    words: tuple[str, ...]


def examine(data: bytes, key: str | None, folder: Path | None = None) -> list[Check]:
    """Check everything that can be checked of a final event.

    Args:
        data: The event as JSON, in whatever layout.
        key: The public key that should have signed it; None if it is not known.
        folder: The snapshot of its market; None if that is one that this machine has.
    """
    try:
        body, event = _read(data)
    except (ValueError, RecursionError) as error:
        return [Check("form", Verdict.FAILS, (f"this is no final event: {error}",))]
    told = f"{event.type}, version {event.version}, of request {event.request_id}"
    checks = [Check("form", Verdict.HOLDS, (told,)), _check_signature(body, event.signature, key)]
    if not isinstance(event, MasterPortfolioOptimized):
        reason = f"there is none, since {event.reason.words}; so there are no figures to check"
        return [*checks, Check("portfolio", Verdict.HOLDS, (reason,))]
    return [*checks, *_check_portfolio(body, event, folder)]


def conclude(checks: list[Check]) -> Verdict:
    """Say what all checks come to."""
    verdicts = {check.verdict for check in checks}
    return next(verdict for verdict in (Verdict.FAILS, Verdict.OPEN, Verdict.HOLDS) if verdict in verdicts)


def describe(checks: list[Check]) -> str:
    """Write what was found for people, a check a line, and what it comes to."""
    margin = "\n" + " " * (_WIDTH + 2 + len(Verdict.FAILS.value) + 2)
    lines = []
    for check in checks:
        name = click.style(f"{check.verdict.value:<{len(Verdict.FAILS.value)}}", fg=_COLOURS[check.verdict])
        lines.append(f"{check.what:<{_WIDTH}}  {name}  {margin.join(map(_printable, check.words))}")
    return "\n".join([*lines, "", _CONCLUSIONS[conclude(checks)]])


def _printable(text: str) -> str:
    """Write what a terminal would obey, or an event's author would have it show, as what it is."""
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in text)


def _read(data: bytes) -> tuple[Event, FinalEvent]:
    """Read an event such that every reader of JSON would read the same.

    Raises:
        ValueError: If it is no JSON, says something twice or not exactly, or is no final event.
    """
    try:
        body = json.loads(data, object_pairs_hook=_once, parse_constant=_refuse_constant, parse_float=_finite)
    except json.JSONDecodeError as error:
        message = f"it is not JSON ({error})"
        raise ValueError(message) from None
    if not isinstance(body, dict):
        message = "it is no JSON object"
        raise BadMessageError(message)
    return body, parse_final(json.dumps(body).encode())


def _once(pairs: list[tuple[str, Any]]) -> Event:
    """Refuse a name that stands twice: some readers take its first value, some its last."""
    times = Counter(name for name, _ in pairs)
    if twice := [name for name, count in times.items() if count > 1]:
        message = f"{', '.join(twice)} stands twice in one object, and readers differ in which they believe"
        raise ValueError(message)
    return dict(pairs)


def _refuse_constant(text: str) -> NoReturn:
    message = f"{text} is no number that JSON has"
    raise ValueError(message)


def _finite(text: str) -> float:
    if math.isinf(value := float(text)):
        message = f"{text} is too large a number"
        raise ValueError(message)
    return value


def _check_signature(body: Event, signature: Signature | None, key: str | None) -> Check:
    if signature is None:
        verdict = Verdict.OPEN if key is None else Verdict.FAILS
        return Check("signature", verdict, ("unsigned: anybody may have written it",))
    if reason := _fault(body, signature):
        return Check("signature", Verdict.FAILS, (reason,))
    if key is None:
        intact = f"unchanged since the owner of {signature.key} signed it;"
        return Check("signature", Verdict.OPEN, (intact, "confirm that this is the coordinator's key, then give --key"))
    if signature.key != key:
        return Check("signature", Verdict.FAILS, (f"signed by {signature.key}", f"not by the key given,  {key}"))
    return Check("signature", Verdict.HOLDS, (f"Ed25519, by the key given, {key}",))


def _fault(body: Event, signature: Signature) -> str | None:
    """Say what is wrong with a signature, if anything is."""
    if signature.algorithm != "ed25519":
        return f"by the algorithm {signature.algorithm!r}, which this version does not know"
    try:
        raw = decode(signature.key)
        value = base64.b64decode(signature.value, validate=True)
        Ed25519PublicKey.from_public_bytes(raw).verify(value, signed_bytes(body))
    except KeyFormError as error:
        return f"its key is {error}"
    except (binascii.Error, CanonicalizationError, RecursionError) as error:
        return f"it cannot be read: {error}"
    except InvalidSignature:
        return f"forged or changed: {signature.key} signed something else than this"
    return None


def _check_portfolio(body: Event, event: MasterPortfolioOptimized, folder: Path | None) -> list[Check]:
    try:
        market = markets.read(folder) if folder else markets.load(event.market.id)
    except DataError as error:
        hint = "so that the portfolio cannot be checked: podfolio market fetch gets a published one, or give --market"
        return [Check("market", Verdict.FAILS, (str(error), hint))]
    if market.sha256 != event.market.sha256:
        return [Check("market", Verdict.FAILS, _other_snapshot(market, event.market))]
    same = f"{market.id}, the same snapshot as here ({market.sha256[:12]})"
    return [Check("market", Verdict.HOLDS, (same,)), _check_figures(body, event, market)]


def _other_snapshot(market: Market, told: MarketRef) -> tuple[str, ...]:
    return (
        f"another snapshot of {market.id}: the event has hash {told.sha256[:12]}, here it is {market.sha256[:12]}",
        "so that the portfolio cannot be checked: use the version of Podfolio that made the event, or give --market",
    )


def _check_figures(body: Event, event: MasterPortfolioOptimized, market: Market) -> Check:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of arithmetic with figures that make no sense
            wrong = findings(body, market)
    except Exception as error:  # noqa: BLE001 - anybody may have written anything
        wrong = [f"it contradicts itself so much that it cannot be checked ({type(error).__name__}: {error})"]
    if wrong:
        return Check("portfolio", Verdict.FAILS, ("rules or figures do not hold:", *wrong))
    counts = f"{len(event.weights)} ETFs, {len(event.goals)} goals, {len(event.comparison)} comparisons"
    orders = f", {len(event.trading.orders)} orders" if event.trading else ""
    return Check("portfolio", Verdict.HOLDS, (f"rules and figures hold: {counts}{orders}",))
