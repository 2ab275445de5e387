"""Charts of an event as SVG."""
