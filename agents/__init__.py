"""The pods: one mandate per file (``alpha.toml``, ...), and one loop that runs any of them.

An agent takes requests from its pod's work queue, finds the best portfolio that the pod would buy alone, and publishes
this portfolio. An agent knows no other pod and no coordinator.
"""
