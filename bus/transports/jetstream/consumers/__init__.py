"""Messages that the server delivers: from work queues, and from the event stream."""
