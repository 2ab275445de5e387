"""The messages of ``examples/messages`` that the system makes of three of its examples."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import TYPE_CHECKING

from support.requests_made import OUTLOOK, ROOT, body
from support.signed import messages

from agents import mandate_files
from agents.answer import answer
from bus.language.messages import PodResult, encode, parse_request
from challenger.answer import answer as challenge
from coordinator.consolidation import finish
from coordinator.decisions import decide, read_record
from coordinator.finals import payload_of
from portfolio.published.robustness import Effort

if TYPE_CHECKING:
    from collections.abc import Mapping

FOLDER = ROOT / "examples" / "messages"


def write() -> None:
    """Write the messages anew; those that the folder has beside these stay as they are."""
    goals = _conversation((ROOT / "examples" / "money-goals.json").read_bytes())
    unreachable = _conversation(json.dumps(body("unreachable", market=OUTLOOK, on_unreachable="fail")).encode())
    reference = _conversation((ROOT / "examples" / "reference-customer.json").read_bytes())
    made = {
        "MasterPortfolioOptimized": goals["final"],
        "MasterPortfolioFailed": unreachable["final"],
        "PodFailed": unreachable["delta"],
        "PodResult": reference["gamma"],
        "PortfolioChallenged": _challenge("reference-customer", reference["final"]),
        "PortfolioNotChallenged": _challenge("unreachable", unreachable["final"]),
    }
    for name, message in made.items():
        text = json.dumps(json.loads(message), indent=2, ensure_ascii=False)
        (FOLDER / f"{name}.json").write_text(f"{text}\n", encoding="utf-8")


def _challenge(request_id: str, final: bytes) -> bytes:
    """Challenge a final event as the challenger would."""
    return encode(challenge(request_id, final, sha256(final).hexdigest(), Effort.QUICK))


def _conversation(sent: bytes) -> Mapping[str, bytes]:
    """Answer a request as the system would; return the pods' answers by pod, and the final event as ``final``."""
    request = parse_request(sent, json.loads(sent)["request_id"])
    answers = {pod: answer(mandate_files.load(pod), request.request_id, sent) for pod in request.asked()}
    encoded = {pod: encode(each) for pod, each in answers.items() if each is not None}
    action = decide(read_record(messages(sent, encoded)), due=False, keys=None)
    results = {pod: each for pod, each in answers.items() if isinstance(each, PodResult)}
    final = payload_of(*finish(request, results)).data if len(results) == len(answers) else encode(action.event)
    return {**encoded, "final": final}
