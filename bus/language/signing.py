"""Sign final events, pods' answers, challenges, approvals and seals: a file and a public key alone prove one genuine.

A signature covers the content of the body, in the canonical form of RFC 8785, not the sent bytes: any tool may indent
or sort a file, and any language can still verify it. One library signs and another library verifies. This module never
logs, shows or returns the secret.
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import nkeys
import rfc8785
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pydantic import ValidationError

from bus.language.messages import Signature, encode, with_members
from bus.language.public_key import KeyFormError, decode
from bus.language.seeds import read_seed

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

# The same key answers the server's challenge at each connection, and the server may choose any text as a challenge. No
# text in UTF-8 has the byte 0xFF: so no server, genuine or false, can get a body signed by sending that body as a
# challenge. Each kind of body has its own prefix: a signed body of one kind never verifies as the other kind.
FINAL = b"\xffpodfolio.v1.final\n"
POD = b"\xffpodfolio.v1.pod\n"
CHALLENGE = b"\xffpodfolio.v1.challenge\n"
APPROVAL = b"\xffpodfolio.v1.approval\n"
SEAL = b"\xffpodfolio.v1.seal\n"


class NotGenuineError(ValueError):
    """A body without a valid signature; the message gives the reason, as a part of a sentence."""


def signed_bytes(body: Mapping[str, Any], kind: bytes) -> bytes:
    """Return the bytes to sign of a JSON body, without its member ``signature``.

    Args:
        body: The body.
        kind: The kind of the body, such as ``FINAL``.

    Raises:
        ValueError: If the body holds a value without an exact form in JSON: an infinite number, a whole number beyond
            2^53, or half a character.
        RecursionError: If the body is nested too deeply.
    """
    return kind + rfc8785.dumps({name: value for name, value in body.items() if name != "signature"})


def signer_of(body: Mapping[str, Any], kind: bytes) -> str:
    """Return the public key whose signature the body carries; the caller must know the key's owner.

    Args:
        body: The body, as ``read_exactly`` reads it.
        kind: The kind that the signature should be for, such as ``FINAL``.

    Returns:
        The public key.

    Raises:
        NotGenuineError: If the body is unsigned, or was changed after signing.
    """
    try:
        signature = Signature.model_validate(body.get("signature"), strict=True)
    except ValidationError:
        message = "it is unsigned"
        raise NotGenuineError(message) from None
    if signature.algorithm != "ed25519":
        message = f"by the algorithm {signature.algorithm!r}, which this version does not know"
        raise NotGenuineError(message)
    _verify(body, signature, kind)
    return signature.key


def _verify(body: Mapping[str, Any], signature: Signature, kind: bytes) -> None:
    try:
        key = Ed25519PublicKey.from_public_bytes(decode(signature.key))
        key.verify(base64.b64decode(signature.value, validate=True), signed_bytes(body, kind))
    except KeyFormError as error:
        message = f"its key is {error}"
    except InvalidSignature:
        message = f"forged or changed: {signature.key} signed something else than this"
    except (ValueError, RecursionError) as error:
        message = f"it cannot be read: {error}"
    else:
        return
    raise NotGenuineError(message)


class Signer:
    """Signs one kind of body with one NKey.

    Attributes:
        key: The public key.
    """

    def __init__(self, file: Path, kind: bytes) -> None:
        """Read the secret from a file with a seed, or with credentials.

        Raises:
            RefusedError: If the file holds no secret.
        """
        self._keys = nkeys.from_seed(read_seed(file))
        self._kind = kind
        self.key: str = self._keys.public_key.decode()

    def sign(self, body: bytes) -> bytes:
        """Return an encoded body with its signature in the member ``signature``."""
        value = self._keys.sign(signed_bytes(json.loads(body), self._kind))
        signature = Signature(key=self.key, value=base64.b64encode(value).decode())
        return with_members(body, {"signature": encode(signature)})
