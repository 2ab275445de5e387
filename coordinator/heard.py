"""The messages that this process was handed, and whether they are all messages of a request so far.

The server numbers the deliveries of a queue, whichever process gets them. If this process got each number from that of
the request to that of an answer, then no other process got an answer in between: the record of the request need not be
read again. After a gap (another replica, a lost connection) the numbers prove nothing, and the record is read. Pure: no
memory here is believed that the numbers do not prove.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bus.language.subjects import MessageKind

if TYPE_CHECKING:
    from bus.language.subjects import Address
    from bus.port import Delivery, Message

# More requests than one process has in hand, and for each of them as many bytes as the answers of twenty pods have: a
# request beyond that is forgotten, and its record is read.
_REQUESTS, _BYTES = 256, 65_536


@dataclass(slots=True)
class Heard:
    """The requests whose messages have all come to this process."""

    _requests: dict[str, list[Message]] = field(default_factory=dict)
    _last: int = 0  # the number of the latest delivery
    _newest: int = 0  # the sequence of the latest new message

    def note(self, address: Address, delivery: Delivery) -> None:
        """Note a delivery; call this for each, in the order in which they came."""
        is_new, sequence = delivery.attempt == 1, delivery.message.sequence
        # New messages come in stream order: else they come from a stream, or to a queue, that was set up again.
        if delivery.number != self._last + 1 or (is_new and sequence <= self._newest):
            self._requests.clear()
            self._newest = 0
        self._last = delivery.number
        if is_new:
            self._newest = sequence
        if not address.key or not is_new:
            return
        if address.kind is MessageKind.REQUEST:
            self._requests.pop(address.key, None)  # so that the newest stands last
            self._requests[address.key] = [delivery.message]
            if len(self._requests) > _REQUESTS:
                del self._requests[next(iter(self._requests))]
        elif messages := self._requests.get(address.key):
            messages.append(delivery.message)
            if sum(len(message.data) for message in messages) > _BYTES:
                del self._requests[address.key]

    def forget(self, request_id: str) -> None:
        """Forget a request, for instance since this process has published its final event."""
        self._requests.pop(request_id, None)

    def record(self, request_id: str, answer: Delivery) -> tuple[Message, ...]:
        """Return the request and all its answers up to *answer*; empty if that is not proven.

        An answer that was stored before its request is none of them: no agent writes such an answer.
        """
        messages = self._requests.get(request_id, []) if answer.attempt == 1 else []
        return tuple(message for message in messages if message.sequence <= answer.message.sequence)
