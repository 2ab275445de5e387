"""The Australian tax that holdings, trades and income cause; pure functions of what they are given.

``taxpayer`` says who pays and at what rate, ``regime`` what the law is on a date, ``kinds`` how each kind
of gain is taxed, ``parcels`` what selling a parcel gains, ``gains`` the tax on a year's gains, ``sale``
which units to sell at least tax, ``income`` what is left of distributions after tax.

Sections are those of the Income Tax Assessment Act 1997 (ITAA 1997) unless another Act is named.
Everything here is about Australian residents who hold ETFs as investments. Deliberately not here: foreign
and temporary residents (Subdiv 115-B ss 115-105 to 115-120), traders, partly exempt super funds, the
brackets that a large gain itself climbs, collectables, roll-overs, and what a fund's annual tax statement
adds: a cost base is to be given as adjusted by it (s 104-107B), and a distribution counts as ordinary
income although parts of it may be discounted gains or foreign income.
"""
