"""A compiled branch and bound for one block, by the perspective of its variance's diagonal part.

The binary ``z`` of a semicontinuous ``u`` makes ``D u^2`` into ``D u^2 / z``, its perspective (Frangioni & Gentile
2006): the same where z is 0 or 1, and far larger between. The plain tree over Clarabel (``portfolio.conic.search``)
solves more programs, far more slowly; it is the reference.

``shape`` recognises a block, ``diagonal`` splits its variance, ``prepared`` has both in the units of the search,
``node`` solves a relaxation, ``linear`` one without risk, ``capped`` one whose risk is only capped, ``tree`` searches,
``block`` is the way in and out, ``leaf`` says, in plain numpy, what a part of the search proves. To import ``block`` is
to load numba:

    from portfolio.conic.large.perspective.block import BlockSearch

which is for those that solve; this package alone, and ``leaf``, do not.
"""
