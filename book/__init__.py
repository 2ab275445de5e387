"""A book: one request per account, asked overnight as one run, with the list of accounts that need a look.

``lines`` reads a book, ``requests`` makes the requests of a run, ``run`` asks them over a bus, ``outcome`` judges each
final event, ``files`` writes the results, and ``due`` says which accounts need a look, without a server or a solver.
``export`` places orders, ``blocks`` puts them together, ``fix`` writes FIX, ``fills`` takes contracts, ``next_book``
makes the book of the next run.
No module here computes a portfolio. No file holds a time of the run: the same book in the same market makes the same
files.
"""
