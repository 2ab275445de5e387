"""The coordinator: what follows from the pods' results so far (pure), and the shell that does it.

It keeps no state: the event stream is the state. It knows no pod by name: a pod's mandate travels
inside its result. ``decisions`` says what is to be done, ``consolidation`` makes the final event,
``shell`` reads the stream, does it and publishes. ``solver`` runs the consolidation in a process of
its own (``solve``).
"""
