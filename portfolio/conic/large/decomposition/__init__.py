"""Programs of several blocks, solved by pricing what joins them.

Rows that name the variables of one block only are that block's own; all others join the blocks.
With a price on each joint row the program falls apart: the sum of the blocks' own optima is a
bound on the whole (Lagrangian relaxation; Geoffrion 1974), where one tree over all of them would
multiply the trees of the blocks.

``split`` takes a program apart, ``prices`` finds good prices by column generation (``master`` is
its small program, ``blocks`` solves the blocks), ``restriction`` keeps only what may still be held,
``solve`` is the recipe, and ``certificate`` the proof, which plain numpy believes.
"""
