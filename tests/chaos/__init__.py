"""The whole system under faults, and a checker that reads the stream afterwards: ``make chaos``.

``schedule`` says what goes wrong when, from a seed alone; ``links``, ``disk``, ``cluster`` and ``fleet`` run what it
goes wrong with; ``inflict`` does it; ``load`` publishes and remembers what was acknowledged; ``audit`` judges by the
stream and nothing else; ``storm`` puts them together, ``report`` tells.
"""
