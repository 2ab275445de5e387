"""What is said on the wire, and the ways to carry it.

``subjects``, ``messages`` and ``envelope`` say what is said; ``port`` says what a bus can do;
``memory`` does it for tests, the package ``jetstream`` with a NATS server. ``workers``, ``process``
and ``options`` are what every process of ours needs to live on a bus; ``child`` and ``answering`` let
it compute without being stopped or killed by that; ``service``, ``http``, ``metrics``, ``tracing`` and
``watched`` tell how it does. Nothing here knows how a portfolio is optimised.
"""
