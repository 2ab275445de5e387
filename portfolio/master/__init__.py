"""Stage 2: one portfolio for all pods; ``statement`` has the program, the modules here solve and explain it."""
