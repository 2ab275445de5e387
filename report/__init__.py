"""A final event as documents for people: a page to print, slides, charts.

``story`` writes the sections from ``facts``; ``page`` and ``slides`` show the story, with ``charts``.
"""
