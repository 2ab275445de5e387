"""Stage 1: the best portfolio of one pod alone."""
