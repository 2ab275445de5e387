"""Show the event stream to people, one line per message, and save final events, challenges and approvals."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from rich.text import Text

from bus.language import subjects
from bus.language.messages import BadMessageError, parse_approval, parse_challenge, parse_final
from bus.language.plain_text import printable
from bus.language.since import write_time
from bus.language.subjects import MessageKind
from portfolio.counted import counted

if TYPE_CHECKING:
    from pathlib import Path

    from bus.port import Message

_STYLES = {
    MessageKind.REQUEST: "bold",
    MessageKind.POD: "cyan",
    MessageKind.FINAL: "bold green",
    MessageKind.CHALLENGE: "green",
    MessageKind.APPROVAL: "green",
    MessageKind.FILL: "green",
    MessageKind.STOP: "bold red",
    MessageKind.REJECTED: "bold red",
    MessageKind.REMOVED: "bold red",
}
_WIDTH = 46
# What ``keep`` keeps, and how the file's name ends.
_KEPT = {
    MessageKind.FINAL: ".json",
    MessageKind.CHALLENGE: ".challenge.json",
    MessageKind.APPROVAL: ".approval.json",
}


def line(message: Message) -> Text:
    """Format one message of the stream as a line: time in UTC, sequence, subject, summary."""
    address = subjects.parse(message.subject)
    body = _body(message.data)
    failed = str(body.get("type", "")).endswith("Failed")
    style = "bold red" if failed else _STYLES.get(address.kind, "")
    time = write_time(message.stored_at, milliseconds=True) if message.stored_at else ""
    text = Text()
    text.append(f"{time}  {message.sequence:>5}  ", style="dim")
    text.append(f"{message.subject:<{_WIDTH}}", style=style)
    text.append(f"  {printable(_summary(address.kind, body, message.data))}")
    return text


def keep(folder: Path, message: Message) -> str | None:
    """Save a final event, a challenge or an approval, byte for byte in a file named by the request id.

    Never overwrites: if the file holds another event, return a message that says so.
    """
    address = subjects.parse(message.subject)
    ending = _KEPT.get(address.kind)
    if ending is None or not address.key:
        return None
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{address.key}{ending}"
    try:
        with file.open("xb") as opened:
            opened.write(message.data)
    except FileExistsError:
        return None if file.read_bytes() == message.data else f"{file} holds another message, and stays as it is"
    return None


def _body(data: bytes) -> dict[str, Any]:
    try:
        body = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def _summary(kind: MessageKind, body: dict[str, Any], data: bytes) -> str:
    """Summarise a body; accepts any content, since any client may publish a request."""
    if kind not in _SUMMARIES:
        return "(of a later version of Podfolio)"
    try:
        if kind is MessageKind.FINAL:
            parse_final(data)
        if kind is MessageKind.CHALLENGE:
            parse_challenge(data)
        if kind is MessageKind.APPROVAL:
            parse_approval(data)
        return _SUMMARIES[kind](body)
    except BadMessageError as error:
        return f"CANNOT BE READ: {error}"
    except Exception:  # noqa: BLE001 - one strange body must not end the watch
        return "(cannot be read)"


def _request(body: dict[str, Any]) -> str:
    named = [*(body.get("pod_weights") or body.get("pods") or ()), *(goal.get("pod") for goal in body.get("goals", ()))]
    split = dict.fromkeys(pod for pod in named if pod)
    capital = body["customer"].get("total_capital_aud")
    what = (
        f"{counted(len(body['account'].get('holdings', [])), 'holding')} and cash"
        if capital is None
        else f"{capital:,.0f} AUD"
    )
    return f"{what} over {', '.join(split)} in {body['market']}"


def _pod(body: dict[str, Any]) -> str:
    if body["type"] == "PodFailed":
        return str(body["message"])
    figures = body["figures"]
    return (
        f"{counted(len(body['weights']), 'ETF')}, return {figures['expected_return']:.1%},"
        f" volatility {figures['volatility']:.1%},"
        f" {body['elapsed_s'] * 1e3:.0f} ms"
    )


def _final(body: dict[str, Any]) -> str:
    if body["type"] == "MasterPortfolioFailed":
        return f"{body['reason']}: {body['message']}"
    proof = body["certificate"]
    etfs, nodes = counted(len(body["weights"]), "ETF"), counted(proof["nodes"], "node")
    return f"{etfs}, gap {proof['gap']:.1e}, {nodes}, {body['elapsed_s'] * 1e3:.0f} ms"


def _challenge(body: dict[str, Any]) -> str:
    if body["type"] == "PortfolioNotChallenged":
        return f"{body['reason']}: {body['message']}"
    return f"{body['robustness']['words']} ({body['elapsed_s'] * 1e3:.0f} ms)"


def _approval(body: dict[str, Any]) -> str:
    decision = "declined" if body["type"] == "PortfolioDeclined" else "approved"
    author = body["signature"]["key"] if body.get("signature") else "an unknown author, unsigned"
    return f"{decision} by {author}{_why(body.get('note'))}"


def _fill(body: dict[str, Any]) -> str:
    verb = "sold" if body["side"] == "sell" else "bought"
    price = f"at {body['price_aud']} AUD on {body['day']}"
    return f"{body['units']} of {body['ordered_units']} {body['ticker']} {verb} {price} for {body['customer_id']}"


def _stop(body: dict[str, Any]) -> str:
    return f"new advice is stopped by {body['by']}{_why(body['why'])}"


def _resume(body: dict[str, Any]) -> str:
    return f"the stop is lifted by {body['by']}{_why(body.get('why'))}"


def _why(text: str | None) -> str:
    return f": {text}" if text else ""


def _rejected(body: dict[str, Any]) -> str:
    return f"{body['subject']}: {body['message']}"


def _removed(body: dict[str, Any]) -> str:
    return f"{body['subject']} (message {body['sequence']}), by {body['by']}: {body['reason']}"


_SUMMARIES = {
    MessageKind.REQUEST: _request,
    MessageKind.POD: _pod,
    MessageKind.FINAL: _final,
    MessageKind.CHALLENGE: _challenge,
    MessageKind.APPROVAL: _approval,
    MessageKind.FILL: _fill,
    MessageKind.STOP: _stop,
    MessageKind.RESUME: _resume,
    MessageKind.REJECTED: _rejected,
    MessageKind.REMOVED: _removed,
}
