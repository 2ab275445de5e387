"""Figures and words of an event that pages, slides and the terminal share."""
