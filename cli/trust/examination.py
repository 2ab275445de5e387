"""Check a final event before showing the event to people; refuse an event that fails a check."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bus.language.messages import MasterPortfolioOptimized, parse_challenge, parse_final
from cli.trust.challenge import examine_challenge
from cli.trust.check import Verdict
from cli.trust.verify import examine
from portfolio.market import snapshot as markets

if TYPE_CHECKING:
    from bus.language.messages import Challenge, FinalEvent
    from cli.trust.check import Check


# A refusal names this many findings per check; ``podfolio verify`` names all.
_SHOWN = 3


class RefusedError(ValueError):
    """An event that must not be shown; the message gives the reason and the remedy."""


def examined(data: bytes, expected: str | None) -> tuple[FinalEvent, tuple[str, ...]]:
    """Check and parse a final event; return the event and one sentence per check.

    Args:
        data: The event as received from the wire.
        expected: The coordinator's public key; None if unknown.

    Raises:
        RefusedError: If the data is not a final event, or if the signature, rules or figures fail a check.
    """
    checks = examine(data, expected)
    if wrong := [check for check in checks if check.verdict is Verdict.FAILS]:
        told = "; ".join(f"{check.what}: {_told(check)}" for check in wrong)
        message = f"no report is written of an event that does not hold. {told}. See podfolio verify"
        raise RefusedError(message)
    event = parse_final(data)
    return event, tuple(_said(event, {check.what: check for check in checks}, expected))


def examined_challenge(data: bytes, final: bytes, event: FinalEvent) -> Challenge:
    """Check and parse the challenge of a final event that was examined before.

    Args:
        data: The challenge.
        final: The event as received from the wire.
        event: The same event, parsed.

    Raises:
        RefusedError: If the challenge is of another event, or its signature or figures fail a check.
    """
    market = markets.load(event.market.id) if isinstance(event, MasterPortfolioOptimized) else None
    checks = examine_challenge(data, final, market, None)
    if wrong := [check for check in checks if check.verdict is Verdict.FAILS]:
        told = "; ".join(_told(check) for check in wrong)
        message = f"no report is written of a challenge that does not hold. {told}. See podfolio verify --challenge"
        raise RefusedError(message)
    return parse_challenge(data)


def _told(check: Check) -> str:
    first, *details = check.words
    more = f"; and {len(details) - _SHOWN} more" if len(details) > _SHOWN else ""
    return f"{first} {'; '.join(details[:_SHOWN])}{more}".strip()


def _said(event: FinalEvent, checks: dict[str, Check], expected: str | None) -> list[str]:
    said = []
    if isinstance(event, MasterPortfolioOptimized) and checks["portfolio"].verdict is Verdict.HOLDS:
        said.append(f"Before this was written, the event was checked again: {' '.join(checks['portfolio'].words)}.")
    if event.signature is not None:
        said.append(
            f"The signature was checked and is that of the given key, {expected}."
            if expected is not None
            else "The signature was checked: the event is unchanged. The owner of the key was not checked."
        )
    if event.pod_answers:
        said.append(
            "The statements about each pod are those that the pod signed. The owners of these keys were not checked."
        )
    return said
