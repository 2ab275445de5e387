"""Make a market from a user's history of prices: read, align, estimate, write. See ``docs/markets.md``.

``build`` runs all steps. ``prices``, ``facts`` and ``distributions`` read the input files, ``sample`` computes
comparable returns, ``moments`` estimates from the returns, ``snapshot`` writes the files.
"""
