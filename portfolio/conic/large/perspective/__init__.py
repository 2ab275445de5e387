"""A compiled branch and bound for one block, by the perspective of its variance's diagonal part.

The binary ``z`` of a semicontinuous ``u`` turns ``D u^2`` into ``D u^2 / z``, the perspective (Frangioni & Gentile
2006): equal where z is 0 or 1, and far larger between. The plain tree over Clarabel (``portfolio.conic.search``) solves
more programs, far more slowly; the plain tree is the reference.

``shape`` recognises a block, ``diagonal`` splits the variance, ``prepared`` holds both in the units of the search,
``node`` solves a relaxation by the steps of ``newton`` within the ``phases`` of its variables, ``linear`` one without
risk, ``capped`` one with only a cap on the risk, ``block_objective`` chooses among them. ``tree`` keeps the tree,
``expand`` searches it, ``block`` is the interface, ``leaf`` recomputes, in plain numpy, the bound of a part of the
search. An import of ``block`` loads numba:

    from portfolio.conic.large.perspective.block import BlockSearch

Only code that solves should import ``block``; this package alone, and ``leaf``, do not load numba.
"""
