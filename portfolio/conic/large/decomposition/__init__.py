"""Programs of several blocks, solved by prices on the rows that join the blocks.

A row that names the variables of one block only belongs to that block; all other rows join the blocks. With a price on
each joint row the program separates: the sum of the blocks' own optima is a bound on the whole program (Lagrangian
relaxation; Geoffrion 1974), where one tree over all blocks would multiply the trees of the blocks.

``split`` splits a program, ``pricing`` finds good prices by column generation over the ``restricted_master`` program
(``blocks`` solves the blocks), ``restriction`` keeps only the switches that may still be on, ``decomposed_search``
combines these steps, and ``proof_by_prices`` is the proof, which plain numpy checks.
"""
