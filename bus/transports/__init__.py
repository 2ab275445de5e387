"""The implementations of the bus: inside one process for tests, and over NATS JetStream."""
