"""Verify a final event from its file alone: the signer, the rules and the figures.

Asks no server. Verifies the signature with a different library from the signing code. Verifies rules and figures with
``portfolio.check``, which shares no arithmetic with the optimiser.
"""

from __future__ import annotations

import json
import warnings
from textwrap import wrap
from typing import TYPE_CHECKING, Any

import click

from bus.language.exact import read_exactly
from bus.language.messages import MasterPortfolioOptimized, parse_final
from bus.language.signing import FINAL, NotGenuineError, signer_of
from cli.trust.challenge import examine_challenge
from cli.trust.check import Check, Verdict
from cli.trust.pod_answers import contradictions, signers, strangers
from portfolio.check import findings
from portfolio.counted import counted
from portfolio.errors import DataError
from portfolio.market import snapshot as markets
from report.facts.percentages import spaced

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from bus.language.messages import FinalEvent, MarketRef
    from cli.trust.pod_answers import Keys
    from portfolio.market.snapshot import Market

Event = dict[str, Any]


# Status 2 is click's own, for a command called wrongly.
EXIT_STATUS = {Verdict.HOLDS: 0, Verdict.FAILS: 1, Verdict.OPEN: 3}
_CONCLUSIONS = {
    Verdict.HOLDS: "Everything holds.",
    Verdict.FAILS: "Do not rely on this event.",
    Verdict.OPEN: "No fault was found, but the author is not confirmed.",
}
_COLOURS = {Verdict.HOLDS: "green", Verdict.OPEN: "yellow", Verdict.FAILS: "red"}
_WIDTH = len("signature")


def examine(data: bytes, key: str | None, folder: Path | None = None, *, pod_keys: Keys | None = None) -> list[Check]:
    """Run every check that a final event allows.

    Args:
        data: The event as JSON, in any layout.
        key: The public key that should have signed the event; None if unknown.
        folder: The snapshot of the event's market; None if this machine knows the market by its id.
        pod_keys: The public keys that should have signed the pods' answers, by pod; None if unknown.
    """
    try:
        body, event = _read(data)
    except (ValueError, RecursionError) as error:
        return [Check("form", Verdict.FAILS, (f"this is no final event: {error}",))]
    told = f"{event.type}, version {event.version}, of request {event.request_id}"
    checks = [Check("form", Verdict.HOLDS, (told,)), _check_signature(body, event, key)]
    checks += _check_answers(event, pod_keys)
    if not isinstance(event, MasterPortfolioOptimized):
        reason = f"there is none, since {event.reason.words}; so there are no figures to check"
        return [*checks, Check("portfolio", Verdict.HOLDS, (reason,))]
    return [*checks, *_check_portfolio(body, event, folder)]


def examine_both(
    data: bytes,
    key: str | None,
    folder: Path | None,
    *,
    pod_keys: Keys | None,
    challenge: bytes,
    challenger: str | None,
) -> list[Check]:
    """Run every check that a final event and its challenge allow; see ``examine``.

    Args:
        data: The event as it was published, to the byte.
        key: The public key that should have signed the event.
        folder: The snapshot of the event's market.
        pod_keys: The public keys that should have signed the pods' answers.
        challenge: The challenge as JSON, in any layout.
        challenger: The public key that should have signed the challenge; None if unknown.
    """
    checks = examine(data, key, folder, pod_keys=pod_keys)
    holds = next((check.verdict is Verdict.HOLDS for check in checks if check.what == "market"), False)
    market = None
    if holds:
        event = parse_final(data)
        assert isinstance(event, MasterPortfolioOptimized)  # noqa: S101 - only such an event has a market
        market = _market(event, folder)
    return [*checks, *examine_challenge(challenge, data, market, challenger)]


def _market(event: MasterPortfolioOptimized, folder: Path | None) -> Market:
    return markets.read(folder) if folder else markets.load(event.market.id)


def conclude(checks: list[Check]) -> Verdict:
    """Combine the verdicts: the worst one counts (failed, then open, then holds)."""
    verdicts = {check.verdict for check in checks}
    return next(verdict for verdict in (Verdict.FAILS, Verdict.OPEN, Verdict.HOLDS) if verdict in verdicts)


def describe(checks: list[Check], *, width: int | None = None, conclusions: Mapping[Verdict, str] | None = None) -> str:
    """Format the checks for people, one check per line, then the conclusion.

    Args:
        checks: The checks.
        width: The width of the page; None for lines of any length.
        conclusions: The last line, by the worst verdict; by default those about a final event.
    """
    names = max(_WIDTH, *(len(check.what) for check in checks))
    margin = names + 2 + len(Verdict.FAILS.value) + 2
    between, lines = "\n" + " " * margin, []
    for check in checks:
        name = click.style(f"{check.verdict.value:<{len(Verdict.FAILS.value)}}", fg=_COLOURS[check.verdict])
        words = [line for text in check.words for line in _wrapped(_printable(text), width, margin)]
        lines.append(f"{check.what:<{names}}  {name}  {between.join(words)}")
    return "\n".join([*lines, "", *_wrapped((conclusions or _CONCLUSIONS)[conclude(checks)], width, 0)])


def _wrapped(text: str, width: int | None, margin: int) -> list[str]:
    return [text] if width is None else wrap(text, max(width - margin, 1), break_on_hyphens=False) or [""]


def _printable(text: str) -> str:
    """Escape characters that a terminal would obey, or that would let the event's author disguise text."""
    return spaced("".join(character if character.isprintable() else ascii(character)[1:-1] for character in text), " ")


def _read(data: bytes) -> tuple[Event, FinalEvent]:
    """Read an event strictly, so that every JSON parser would read the same values.

    Raises:
        ValueError: If the data is not JSON, repeats a key, holds NaN, an infinity or a too large number, or is not a
            final event.
    """
    body = read_exactly(data)
    return body, parse_final(json.dumps(body).encode())


def _check_signature(body: Event, event: FinalEvent, key: str | None) -> Check:
    if event.signature is None:
        verdict = Verdict.OPEN if key is None else Verdict.FAILS
        return Check("signature", verdict, ("unsigned: the author is not known",))
    try:
        signer = signer_of(body, FINAL)
    except NotGenuineError as error:
        return Check("signature", Verdict.FAILS, (str(error),))
    if key is None:
        intact = f"unchanged since the owner of {signer} signed it;"
        return Check("signature", Verdict.OPEN, (intact, "confirm that this is the coordinator's key, then give --key"))
    if signer != key:
        return Check("signature", Verdict.FAILS, (f"signed by {signer}", f"not by the key given,  {key}"))
    return Check("signature", Verdict.HOLDS, (f"Ed25519, by the key given, {key}",))


def _check_answers(event: FinalEvent, keys: Keys | None) -> list[Check]:
    """Check the pods' signatures on the answers in the event, and the event against these answers.

    Checks an event without answers only if *keys* are given.
    """
    if not event.pod_answers:
        return [] if keys is None else [_check_silence(event)]
    try:
        signed_by = signers(event)
    except NotGenuineError as error:
        return [Check("pods", Verdict.FAILS, (str(error),))]
    if wrong := [*strangers(signed_by, keys or {})] if keys is not None else []:
        return [Check("pods", Verdict.FAILS, tuple(wrong))]
    if wrong := [*contradictions(event)]:
        return [Check("pods", Verdict.FAILS, ("the event differs from the answers that its pods signed:", *wrong))]
    if keys is None:
        told = [
            f"the answer of {pod} is unchanged since the owner of {key} signed it;" for pod, key in signed_by.items()
        ]
        return [Check("pods", Verdict.OPEN, (*told, "confirm that these are the pods' keys, then give --pod-keys"))]
    return [
        Check("pods", Verdict.HOLDS, (f"made of the answers that {', '.join(signed_by)} signed, by the keys given",))
    ]


def _check_silence(event: FinalEvent) -> Check:
    """Check whether an event without pods' answers should carry some."""
    if isinstance(event, MasterPortfolioOptimized):
        return Check(
            "pods", Verdict.FAILS, ("the event carries no signed answer of a pod: the pods' results cannot be checked",)
        )
    return Check("pods", Verdict.HOLDS, ("the event was made without answers of pods",))


def _check_portfolio(body: Event, event: MasterPortfolioOptimized, folder: Path | None) -> list[Check]:
    try:
        market = _market(event, folder)
    except DataError as error:
        fetch = f"podfolio market fetch {event.market.id}"
        hint = f"so that the portfolio cannot be checked: `{fetch}` gets a published one, or give --market"
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
            warnings.simplefilter("ignore")  # nonsensical figures cause numpy warnings
            wrong = findings(body, market)
    except Exception as error:  # noqa: BLE001 - the event may come from any author
        wrong = [f"the event contradicts itself so much that a check is not possible ({type(error).__name__}: {error})"]
    if wrong:
        return Check("portfolio", Verdict.FAILS, ("rules or figures do not hold:", *wrong))
    counts = [
        counted(len(event.weights), "ETF"),
        counted(len(event.goals), "goal"),
        counted(len(event.comparison), "comparison"),
        *([counted(len(event.trading.orders), "order")] if event.trading else []),
    ]
    return Check("portfolio", Verdict.HOLDS, (f"rules and figures hold: {', '.join(counts)}",))
