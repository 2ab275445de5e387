"""What is said on the wire, and the ways to carry it.

``subjects`` and ``messages`` say what is said; ``port`` says what a bus can do; ``memory`` and
``jetstream`` do it. Only ``jetstream`` and ``server`` know NATS. Nothing here knows how a
portfolio is optimised.
"""
