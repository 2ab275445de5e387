"""The pods: one mandate a file (``alpha.toml``, ...), and the one loop that runs any of them.

An agent takes requests from its pod's work queue, finds the best portfolio of its pod alone, and
publishes it. It knows no other pod and no coordinator.
"""
