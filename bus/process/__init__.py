"""The life of a process on the bus: options, connection, health, work from queues, and child processes."""
