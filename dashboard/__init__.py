"""The event stream in a browser."""
