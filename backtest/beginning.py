"""The account with which every strategy begins, and its division between the separate pods."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from backtest.account import Pocket

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from portfolio.tax.parcels import Parcel


def divided(
    account: Pocket, shares: Mapping[str, float], universes: Mapping[str, Collection[str]], prices: Mapping[str, float]
) -> dict[str, Pocket]:
    """Divide an account between pockets, with whole units and real parcels.

    A parcel goes to the pods that may hold its ETF, so that no pod sells what another buys, and to all pods where none
    may. Among these, each has the part of the parcel that it lacks most of its share; the cash then fills up the
    pockets that are below their shares. A pocket may so begin above its share: the first orders bring it there.

    Args:
        account: The account.
        shares: Share of each pocket; they add up to one.
        universes: The ETFs that a pod may hold, by pocket.
        prices: Prices of the first date of orders, by ticker.
    """
    if len(shares) == 1:
        return dict.fromkeys(shares, account)
    total = account.value_aud(prices)
    lacks = {pod: share * total for pod, share in shares.items()}
    parcels: dict[str, list[Parcel]] = {pod: [] for pod in shares}
    owners = {p.ticker: [pod for pod in shares if p.ticker in universes[pod]] or list(shares) for p in account.parcels}
    # A parcel of one pod alone leaves no choice, so that those come first.
    for parcel in sorted(account.parcels, key=lambda p: (len(owners[p.ticker]), p.ticker, p.acquired)):
        pods = owners[parcel.ticker]
        for pod, units in _spread(round(parcel.units), {pod: lacks[pod] for pod in pods}, shares).items():
            if units:
                cost_aud = parcel.cost_base_aud * units / parcel.units
                parcels[pod].append(replace(parcel, units=units, cost_base_aud=cost_aud))
                lacks[pod] -= units * prices[parcel.ticker]
    room = {pod: max(lacks[pod], 0.0) for pod in shares}
    if not (whole := math.fsum(room.values())):
        room, whole = dict(shares), 1.0
    return {pod: Pocket(account.cash_aud * room[pod] / whole, tuple(parcels[pod])) for pod in shares}


def _spread(units: int, lacks: Mapping[str, float], shares: Mapping[str, float]) -> dict[str, int]:
    """Divide whole units in proportion to the money that each pod lacks, or to the shares where none lacks any."""
    parts = {pod: max(aud, 0.0) for pod, aud in lacks.items()}
    if not (total := math.fsum(parts.values())):
        parts = {pod: shares[pod] for pod in lacks}
        total = math.fsum(parts.values())
    exact = {pod: units * part / total for pod, part in parts.items()}
    found = {pod: math.floor(each) for pod, each in exact.items()}
    # The largest remainders get the units that are left.
    for pod in sorted(exact, key=lambda pod: found[pod] - exact[pod])[: units - sum(found.values())]:
        found[pod] += 1
    return found
