"""Distinguish pods' answers from forged answers by the pods' public keys; read no file and no clock."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any

from bus.language.exact import read_exactly
from bus.language.plain_text import printable
from bus.language.signing import POD, NotGenuineError, signer_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bus.port import Message

# The most characters of a forger's text in a message.
_LONGEST = 300

_MEND = (
    'docs/security.md, "Signed answers of pods", has what to do for each; a forged answer stays where it is, so ask '
    "again under a new request_id"
)


def genuine_answers(
    request_id: str, request: Message, answers: Mapping[str, Message], keys: Mapping[str, Iterable[str]]
) -> tuple[dict[str, Any], ...]:
    """Read answers that their pods signed, and return the signed content.

    Args:
        request_id: The id of the request.
        request: The request's message.
        answers: The answers' messages, by pod.
        keys: The pods' public keys, by pod; a pod that is replacing its key has several.

    Raises:
        NotGenuineError: If some are not their pods' answers to this request; the message names the answers, the reasons
            and the remedy.
    """
    genuine, wrong = [], []
    for pod, answer in answers.items():
        try:
            genuine.append(_genuine(request_id, request, pod, answer.data, keys.get(pod, ())))
        except NotGenuineError as error:
            why = printable(str(error), longest=_LONGEST)
            wrong.append(f"{pod}'s answer is not proven to be its own: {why}")
    if wrong:
        raise NotGenuineError(f"{'; '.join(wrong)}. {_MEND}")
    return tuple(genuine)


def _genuine(request_id: str, request: Message, pod: str, data: bytes, keys: Iterable[str]) -> dict[str, Any]:
    """Read one answer that its pod signed.

    Raises:
        NotGenuineError: If the body is not this pod's answer to this request.
    """
    if not keys:
        raise NotGenuineError(f"no public key of it is known; make pod-{pod}.pub with `podfolio keys --pod {pod}`")
    try:
        body = read_exactly(data)
    except ValueError as error:
        raise NotGenuineError(str(error)) from None
    if (signer := signer_of(body, POD)) not in keys:
        raise NotGenuineError(f"signed by {signer}, which is no key of this pod")
    if (signed_for := (body.get("request_id"), body.get("pod"))) != (request_id, pod):
        raise NotGenuineError(f"signed as the answer of {signed_for[1]} to the request {signed_for[0]}")
    if body.get("request_sha256") != sha256(request.data).hexdigest():
        raise NotGenuineError("signed for a request of the same id with other content (request_sha256)")
    return body
