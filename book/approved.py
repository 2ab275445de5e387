"""Keep only the portfolios that an adviser approved. Pure: the decisions come from a file, and from no server."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import TYPE_CHECKING

from bus.language.exact import read_exactly
from bus.language.messages import PortfolioDeclined, glance, parse_approval
from bus.language.plain_text import printable
from bus.language.signing import APPROVAL, NotGenuineError, signer_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

    from book.lines import Line
    from bus.language.messages import Approval

# The most characters of an adviser's note, and of a fault.
_LONGEST = 300

MEND = (
    "None of these is exported: have an adviser decide (podfolio approve ID --nkey-seed adviser.nk), write the"
    " decisions anew (podfolio approvals -o FILE), and export again"
)


def approved(
    events: Iterable[Line], decisions: Iterable[Line], keys: Collection[str], tell: Callable[[str], None]
) -> Iterator[Line]:
    """Yield the events that an adviser approved, to the byte.

    Args:
        events: The final events, one per line.
        decisions: The advisers' decisions, one per line.
        keys: The advisers' public keys.
        tell: Receives a line for each event that is left out, but for events that have no orders.
    """
    known = _read(decisions, keys)
    for line in events:
        told = glance(line.body)
        request_id = str(told.get("request_id"))
        if not (why := _why_not(line.body, known.get(request_id, "no adviser has decided"))):
            yield line
        elif _may_have_orders(told):
            customer = printable(str(told.get("customer_id")), longest=_LONGEST)
            tell(f"{printable(request_id, longest=_LONGEST)} of {customer}: {why}")


def _may_have_orders(told: Mapping[str, object]) -> bool:
    """Whether a reader of an event would expect orders, or cannot know; decides the list of omissions only."""
    if told.get("type") == "MasterPortfolioFailed":
        return False
    trading = told.get("trading", {})
    return trading is not None and (not isinstance(trading, dict) or trading.get("orders") != [])


def _why_not(event: bytes, decision: Approval | str) -> str:
    """Say why an event is not approved; empty if it is."""
    if isinstance(decision, str):
        return decision
    if decision.final_sha256 != sha256(event.rstrip(b"\r\n")).hexdigest():
        return "the decision is about another final event"
    if isinstance(decision, PortfolioDeclined):
        return f"declined{f': {printable(decision.note, longest=_LONGEST)}' if decision.note else ''}"
    return ""


def _read(decisions: Iterable[Line], keys: Collection[str]) -> Mapping[str, Approval | str]:
    """Read the decisions by request, or why a decision does not count."""
    known: dict[str, Approval | str] = {}
    for line in decisions:
        request_id = str(glance(line.body).get("request_id"))
        try:
            body = read_exactly(line.body)
            signer = signer_of(body, APPROVAL)
            decision = parse_approval(json.dumps(body).encode())
        except (ValueError, RecursionError) as error:
            # The errors of each step are ValueErrors.
            reason = error if isinstance(error, NotGenuineError) else f"it cannot be read: {error}"
            fault = f"the decision on {line.place} does not count: {printable(str(reason), longest=_LONGEST)}"
        else:
            if signer in keys:
                if not isinstance(known.get(request_id), PortfolioDeclined):
                    known[request_id] = decision
                continue
            fault = f"the decision on {line.place} does not count: signed by {signer}, which is no adviser's key given"
        known.setdefault(request_id, fault)
    return known
