"""The whole system under faults, and checkers that judge it afterwards: ``make chaos``.

``schedule`` says what goes wrong when, from a seed alone; ``links``, ``disk``, ``server_clock``, ``frames``,
``cluster`` and ``fleet`` run what it goes wrong with; ``inflict`` does it; ``load`` publishes, observes and reads;
``history`` keeps what all clients did, were told and saw, and ``judge`` judges by it; ``audit`` judges the answers in
the stream; ``storm`` puts them together, ``report`` tells.
"""
