"""The coordinator: pure decisions from the pods' results so far, and the shell that carries them out.

The coordinator keeps no state: the event stream is the state. The coordinator knows no pod by name: a pod's mandate
travels inside its result. ``decisions`` chooses the next action, ``consolidation`` makes the final event, ``shell``
reads the stream, carries out the action and publishes. ``request_solver`` runs the consolidation in a child process
(``solve_request``).
"""
