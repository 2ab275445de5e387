"""Sign final events and pods' answers: a file and a public key alone tell whether one is genuine.

What is signed is the content of the body, in the canonical form of RFC 8785, not the bytes that were sent: a file may
be indented or sorted by any tool and still be verified, in any language. A signature is made with one library and
verified with another. Never logs, shows or hands out the secret.
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any, TypeVar

import nkeys
import rfc8785
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pydantic import ValidationError

from bus.messages import Signature, encode
from bus.public_key import KeyFormError, decode
from bus.seeds import read_seed

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pydantic import BaseModel

    T = TypeVar("T", bound=BaseModel)

# The same key answers the server's challenge at each connection, and the server may make that any text. No text in
# UTF-8 has the byte 0xFF: so no server, and nobody in its place, can have a body signed by calling it a challenge.
# Each kind of body has a beginning of its own: none can be taken for one of the other kind.
FINAL = b"\xffpodfolio.v1.final\n"
POD = b"\xffpodfolio.v1.pod\n"


class NotGenuineError(ValueError):
    """A body that nobody signed as it is; the message says why, as a part of a sentence."""


def signed_bytes(body: Mapping[str, Any], kind: bytes) -> bytes:
    """Give what is signed of a body, from JSON; its member ``signature`` is left out.

    Args:
        body: The body.
        kind: What it is signed as, ``FINAL`` or ``POD``.

    Raises:
        ValueError: If it holds what JSON cannot say exactly: an infinite number, a whole one beyond 2^53, or half a
            character.
        RecursionError: If it is nested too deeply.
    """
    return kind + rfc8785.dumps({name: value for name, value in body.items() if name != "signature"})


def signer_of(body: Mapping[str, Any], kind: bytes) -> str:
    """Tell with whose key a body was signed; whose that key is, the caller must know.

    Args:
        body: The body, as ``read_exactly`` reads it.
        kind: What it should be signed as, ``FINAL`` or ``POD``.

    Returns:
        The public key.

    Raises:
        NotGenuineError: If it is unsigned, or something was changed since.
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
        key: Its public key.
    """

    def __init__(self, file: Path, kind: bytes) -> None:
        """Read the secret from a file with a seed, or with credentials.

        Raises:
            RefusedError: If there is none in it.
        """
        self._keys = nkeys.from_seed(read_seed(file))
        self._kind = kind
        self.key: str = self._keys.public_key.decode()

    def sign(self, body: T) -> T:
        """Give the same body with its signature, in its member of that name."""
        value = self._keys.sign(signed_bytes(json.loads(encode(body)), self._kind))
        return body.model_copy(update={"signature": Signature(key=self.key, value=base64.b64encode(value).decode())})
