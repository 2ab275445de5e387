"""The bus over NATS JetStream.

docs/adr/0004 lists the server's guarantees, and the guarantees on which this package relies. In short: the server
itself refuses a second message on a subject, for ever. A missing answer means *unknown*, so every operation is safe to
repeat. A read counts only if the answer proves that the read is complete.

``bus`` combines ``storage``, which publishes, reads and deletes stored messages, ``consumers``, which takes deliveries
and follows the event stream, and ``discovery``. All of them use ``connection``; ``connection.wire`` is the only module
that knows the NATS client.
"""

from bus.transports.address import Connection
from bus.transports.jetstream.bus import JetStreamBus, connect

__all__ = ["Connection", "JetStreamBus", "connect"]
