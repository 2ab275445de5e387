"""The bus over NATS JetStream.

What the server promises, and what of it is relied on, stands in docs/adr/0004; the
short of it: one message a subject, for ever, refused by the server itself; an answer that does not
come means *unknown*, so everything here can be done again; a read is believed only if it proves itself.

``bus`` puts together ``publication``, ``deliveries``, ``record``, ``deadlines``, ``observer`` and ``discovery``; they
go on ``asking`` and ``pulls``, those on the ``wire``, the only module that knows the NATS client.
``watch`` leaves a server that was cut off. ``streams`` says what must exist on the server, ``setup``
creates it, and ``server`` runs a server of one's own.
"""

from bus.jetstream.bus import JetStreamBus, connect
from bus.jetstream.connection import Connection

__all__ = ["Connection", "JetStreamBus", "connect"]
