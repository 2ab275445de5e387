"""A final event as people are handed it: a page to print, slides, charts."""
