"""The night of a whole book, its orders and fills, and the night after, run and audited: ``make night``."""
