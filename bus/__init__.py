"""The messages on the wire, and the transports that carry them.

``subjects``, ``messages`` and ``envelope`` define the messages; ``port`` defines the interface of a bus; ``memory``
implements this interface for tests, the package ``jetstream`` with a NATS server. Every process on a bus needs
``workers``, ``process`` and ``options``; with ``child`` and ``answering``, a computation can neither block nor kill its
process; ``service``, ``http``, ``metrics``, ``tracing`` and ``watched`` report the state of a process. No module here
knows how to optimise a portfolio.
"""
