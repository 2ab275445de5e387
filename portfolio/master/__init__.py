"""Stage 2: one portfolio for all pods. ``statement`` has the program; the other modules solve and explain it."""
