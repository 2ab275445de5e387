"""The engines for programs of many switches: ``decomposition`` over the blocks, ``perspective`` within each."""
