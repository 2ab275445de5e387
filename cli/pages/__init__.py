"""Pages for a terminal: final events, markets, the event stream, progress."""
