"""What a process tells about itself: metrics, traces, and its identity in the NATS service API."""
