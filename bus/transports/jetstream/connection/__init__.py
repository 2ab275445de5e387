"""One connection to a NATS server: bytes, frames, requests and errors."""
