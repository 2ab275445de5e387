"""Cone programs with semicontinuous variables, solved to proven optimality.

The programs are

    minimise    q.x + k.z + offset
    subject to  b - A x - H z  in  {0} x R+ x second-order cones,
                lower <= x <= upper,
                and for every switch i of variable j:  x[j] = 0 and z[i] = 0,
                                                   or  floor[i] <= x[j] <= upper[j] and z[i] = 1

with ``k >= 0`` and ``H >= 0``. A switch that is on never improves the objective or a row by itself, so an undecided
switch can be projected out of a relaxation exactly: ``z = x / upper``.

``program`` builds programs, ``relaxation`` solves a relaxation with each switch free or set (Clarabel), ``bound`` turns
any multipliers into a valid bound, ``search`` is the branch and bound, ``proof`` checks the claims of the search's tree
afterwards, in plain numpy.
"""
