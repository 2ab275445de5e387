"""A final event as documents for people: a page to print, slides, charts."""
