"""Verify the challenge of a final event from its file: the signer, the event that it is of, and its figures."""

from __future__ import annotations

import json
import warnings
from hashlib import sha256
from typing import TYPE_CHECKING

from bus.language.exact import read_exactly
from bus.language.messages import PortfolioChallenged, parse_challenge
from bus.language.signing import CHALLENGE, NotGenuineError, signer_of
from cli.trust.check import Check, Verdict
from portfolio.check.challenge import challenge_findings
from portfolio.counted import counted

if TYPE_CHECKING:
    from typing import Any

    from bus.language.messages import Challenge
    from portfolio.market.snapshot import Market

_OTHER = "the challenge is of another final event: give the challenge that was published beside this one"


def examine_challenge(data: bytes, final: bytes, market: Market | None, key: str | None) -> list[Check]:
    """Run every check that a challenge allows.

    Args:
        data: The challenge as JSON, in any layout.
        final: The final event as it was published, to the byte.
        market: The market of the final event; None if it is not known here.
        key: The public key that should have signed the challenge; None if unknown.
    """
    try:
        body = read_exactly(data)
        challenge = parse_challenge(json.dumps(body).encode())
    except (ValueError, RecursionError) as error:
        return [Check("challenge", Verdict.FAILS, (f"this is no challenge: {error}",))]
    checks = [_signed(body, challenge, key)]
    if challenge.final_sha256 != sha256(final).hexdigest():
        return [*checks, Check("challenge", Verdict.FAILS, (_OTHER,))]
    if not isinstance(challenge, PortfolioChallenged):
        return [*checks, Check("challenge", Verdict.HOLDS, (f"there is none: {challenge.message}",))]
    if market is None:
        return [
            *checks,
            Check("challenge", Verdict.FAILS, ("without its market, it cannot be checked",)),
        ]
    return [*checks, _figures(body["robustness"], json.loads(final), market)]


def _signed(body: dict[str, Any], challenge: Challenge, key: str | None) -> Check:
    if challenge.signature is None:
        verdict = Verdict.OPEN if key is None else Verdict.FAILS
        return Check("author", verdict, ("unsigned: the author of the challenge is not known",))
    try:
        signer = signer_of(body, CHALLENGE)
    except NotGenuineError as error:
        return Check("author", Verdict.FAILS, (str(error),))
    if key is None:
        words = (
            f"unchanged since the owner of {signer} signed it;",
            "confirm that this is the challenger's key, then give --challenger-key",
        )
        return Check("author", Verdict.OPEN, words)
    if signer != key:
        return Check("author", Verdict.FAILS, (f"signed by {signer}", f"not by the key given,  {key}"))
    return Check("author", Verdict.HOLDS, (f"Ed25519, by the key given, {key}",))


def _figures(told: dict[str, Any], event: dict[str, Any], market: Market) -> Check:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # nonsensical figures cause numpy warnings
            wrong = challenge_findings(told, event, market)
    except Exception as error:  # noqa: BLE001 - the challenge may come from any author
        wrong = [f"it contradicts itself so much that a check is not possible ({type(error).__name__}: {error})"]
    if wrong:
        return Check("challenge", Verdict.FAILS, ("figures do not hold:", *wrong))
    counts = f"{counted(told['draws'], 'draw')}, {counted(len(told['portfolios']), 'portfolio')}"
    return Check("challenge", Verdict.HOLDS, (f"figures follow from the seed, the event and the market: {counts}",))
