"""Verify an adviser's decision about a final event from its file: the signer, and the event that it is about."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import TYPE_CHECKING

from bus.language.exact import read_exactly
from bus.language.messages import PortfolioDeclined, parse_approval
from bus.language.signing import APPROVAL, NotGenuineError, signer_of
from cli.trust.check import Check, Verdict

if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Any

_OTHER = "the decision is about another final event: give the approval that was published beside this one"


def examine_approval(
    data: bytes, final: bytes, keys: Collection[str] | None, *, declined: Verdict = Verdict.FAILS
) -> list[Check]:
    """Run every check that a decision allows.

    Args:
        data: The decision as JSON, in any layout.
        final: The final event as it was published, to the byte.
        keys: The advisers' public keys; None if unknown.
        declined: The verdict on an event that the adviser declined.
    """
    try:
        body = read_exactly(data)
        decision = parse_approval(json.dumps(body).encode())
    except (ValueError, RecursionError) as error:
        return [Check("approval", Verdict.FAILS, (f"this is no approval: {error}",))]
    checks = [_signed(body, keys)]
    if decision.final_sha256 != sha256(final).hexdigest():
        return [*checks, Check("approval", Verdict.FAILS, (_OTHER,))]
    note = f": {decision.note}" if decision.note else ""
    if isinstance(decision, PortfolioDeclined):
        return [*checks, Check("approval", declined, (f"the adviser declined this event{note}",))]
    told = f"the adviser approved this event on {decision.decided_at:%Y-%m-%d %H:%M:%S} UTC{note}"
    return [*checks, Check("approval", Verdict.HOLDS, (told,))]


def _signed(body: dict[str, Any], keys: Collection[str] | None) -> Check:
    try:
        signer = signer_of(body, APPROVAL)
    except NotGenuineError as error:
        return Check("adviser", Verdict.FAILS, (str(error),))
    if keys is None:
        words = (
            f"unchanged since the owner of {signer} signed it;",
            "confirm that this is an adviser's key, then give --adviser-key",
        )
        return Check("adviser", Verdict.OPEN, words)
    if signer not in keys:
        return Check(
            "adviser", Verdict.FAILS, (f"signed by {signer}", f"not by a key given, {', '.join(sorted(keys))}")
        )
    return Check("adviser", Verdict.HOLDS, (f"Ed25519, by a key given, {signer}",))
