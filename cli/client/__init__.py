"""Commands as clients of the bus: publish requests, wait for answers, remove messages."""
