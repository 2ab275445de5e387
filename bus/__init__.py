"""The messages on the wire, and the transports that carry them.

``port`` is the interface of a bus. ``language`` defines the messages; ``topology`` lists the streams, roles and
accounts of a server; ``transports`` has the bus in memory, for tests, and over NATS JetStream; ``administration`` sets
a server up. Every process on a bus needs ``process``: its options, its connection, work from queues, and child
processes, so that a computation can neither block nor kill its process. ``observability`` reports the state of a
process. No module here knows how to optimise a portfolio.
"""
