"""The bus over NATS JetStream.

docs/adr/0004 lists the server's guarantees, and the guarantees on which this package relies. In short: the server
itself refuses a second message on a subject, for ever. A missing answer means *unknown*, so every operation is safe to
repeat. A read counts only if the answer proves that the read is complete.

``bus`` combines ``publication``, ``deliveries``, ``record``, ``deadlines``, ``observer`` and ``discovery``. These build
on ``asking`` and ``pulls``, and those build on ``wire``, the only module that knows the NATS client. ``watch`` leaves
a server that was cut off. ``streams`` lists the required streams and queues, ``setup`` creates these on the server, and
``server`` runs an embedded server.
"""

from bus.transports.jetstream.bus import JetStreamBus, connect
from bus.transports.jetstream.connection.address import Connection

__all__ = ["Connection", "JetStreamBus", "connect"]
