"""Sign final events: who has the file and the coordinator's public key alone can tell that one is genuine.

What is signed is the content of the body, in the canonical form of RFC 8785, not the bytes that were sent: a file may
be indented or sorted by any tool and still be verified, in any language. ``cli.verify`` does, with another library than
this. Never logs, shows or hands out the secret.
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import nkeys
import rfc8785

from bus.messages import Signature, encode
from bus.seeds import read_seed

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from bus.messages import FinalEvent

# The same key answers the server's challenge at each connection, and the server may make that any text. No text in
# UTF-8 has the byte 0xFF: so no server, and nobody in its place, can have an event signed by calling it a challenge.
DOMAIN = b"\xffpodfolio.v1.final\n"


def signed_bytes(body: Mapping[str, Any]) -> bytes:
    """Give what is signed of a body, from JSON; its member ``signature`` is left out.

    Raises:
        rfc8785.CanonicalizationError: If it holds what JSON cannot say exactly: an infinite number, a whole one beyond
            2^53, or half a character.
    """
    return DOMAIN + rfc8785.dumps({name: value for name, value in body.items() if name != "signature"})


class Signer:
    """Signs with one NKey.

    Attributes:
        key: Its public key.
    """

    def __init__(self, file: Path) -> None:
        """Read the secret from a file with a seed, or with credentials.

        Raises:
            RefusedError: If there is none in it.
        """
        self._keys = nkeys.from_seed(read_seed(file))
        self.key: str = self._keys.public_key.decode()

    def sign(self, event: FinalEvent) -> FinalEvent:
        """Give the same event with its signature."""
        value = self._keys.sign(signed_bytes(json.loads(encode(event))))
        return event.model_copy(update={"signature": Signature(key=self.key, value=base64.b64encode(value).decode())})
