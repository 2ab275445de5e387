"""Australian tax on holdings, trades and income, as pure functions of their arguments.

- ``taxpayer``: the taxpayer and the tax rate.
- ``regime``: the law by date.
- ``brackets``: the tax by brackets, as the largest of linear functions.
- ``kinds``: the kinds of gain and their tax rates.
- ``parcels``: the gain on selling a parcel.
- ``adjustments``: yearly adjustments of cost bases by the funds.
- ``gains``: the tax on a year's gains.
- ``sale``: the units to sell for the least tax.
- ``low_income``: the reliefs of low incomes beside a tax by brackets.
- ``income``: distributions after tax.

Section numbers refer to the Income Tax Assessment Act 1997 (ITAA 1997) unless another Act is named.
The package covers Australian residents who hold ETFs as investments. Deliberately left out: foreign and temporary
residents (Subdiv 115-B ss 115-105 to 115-120), traders, trusts, super funds of which a part is segregated,
collectables, and roll-overs. Of a fund's annual tax statement, the adjustments of cost bases are covered; a
distribution counts as ordinary income, foreign income included, but for the parts that the market knows to be
discounted gains or tax-deferred.
"""
