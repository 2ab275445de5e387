"""The observation of a process: metrics, traces, and the identity in the NATS service API."""
