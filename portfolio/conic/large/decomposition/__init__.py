"""Programs of several blocks, solved by prices on the rows that join the blocks.

A row that names the variables of one block only belongs to that block; all other rows join the blocks. With a price on
each joint row the program separates: the sum of the blocks' own optima is a bound on the whole program (Lagrangian
relaxation; Geoffrion 1974), where one tree over all blocks would multiply the trees of the blocks.

``split`` splits a program, ``prices`` finds good prices by column generation (``master`` is the restricted master
program, ``blocks`` solves the blocks), ``restriction`` keeps only the switches that may still be on, ``solve`` combines
these steps, and ``certificate`` is the proof, which plain numpy checks.
"""
