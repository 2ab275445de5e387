"""The streams, work queues, roles and accounts that a server must have, as tables; no module here talks to a server."""
