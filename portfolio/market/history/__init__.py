"""A market of one's own, from a history of prices: read, align, estimate, write. See ``docs/markets.md``.

``build`` puts it together; ``prices``, ``facts`` and ``distributions`` read what is given, ``sample`` makes
returns of it that can be compared, ``moments`` estimates from them, ``snapshot`` writes.
"""
