"""The example of an individual who sells after July 2027, with the tax computed by hand.

What was owned before 1 July 2027 counts as sold then for its value, and bought again. The gain until then keeps the
discount of one half. From then on a gain is measured from the cost times an index factor, where the units were held for
12 months from their purchase in truth, and bears 30 % at least; a loss is measured from the cost itself. Losses reduce
the gains until then first. All sales are on 10 November 2028.
"""

from __future__ import annotations

import io
import json
from functools import cache
from typing import TYPE_CHECKING

import pytest
from support.builders import final_event
from support.requests_made import ROOT
from support.unspaced import unspaced

from bus.language.messages import MasterPortfolioOptimized
from cli.pages.final_event import make_console, show
from portfolio.tax.kinds import Kind

if TYPE_CHECKING:
    from portfolio.tax.gains import Assessment

LOSS, LONG, INDEXED = Kind.LOSS, Kind.DISCOUNTABLE, Kind.INDEXED
# What sums of a few hundred products lose to rounding, AUD.
ROUNDING = 1e-6
CENT = 0.01
CARRIED = 400.0
# An individual at 16 % and the Medicare levy of 2 %; of indexed gains, 30 % and the levy.
RATE, LEAST_RATE = 0.18, 0.32

# CPI: 104.6 in the quarter of 1 July 2027, 105.4 in the next one, 108.1 in that of the sales. So what was owned on 1
# July 2027 is indexed by 108.1 / 104.6 = 1.03346: 1.033; what was bought in October 2027 by 108.1 / 105.4 = 1.02562:
# 1.026.
UNITS = {
    # VAS fetches 108.83 x (1 - 0.0002) = 108.808234.
    # Cost 13,950 / 180 = 77.50, value 98.40; 98.40 x 1.033 = 101.6472.
    ("VAS", "2019-03-14"): {LONG: 20.90, INDEXED: 7.161034},
    # Cost 8,160 / 80 = 102; 102 x 1.026 = 104.652. Held for 12 months since 6 October 2028.
    ("VAS", "2027-10-05"): {INDEXED: 4.156234},
    # VGS fetches 154.12 x (1 - 0.0004) = 154.058352. Cost 5,310 / 60 = 88.50, value 139.50; x 1.033 = 144.1035.
    ("VGS", "2022-06-20"): {LONG: 51.0, INDEXED: 9.954852},
    # VAP fetches 100.25 x (1 - 0.0007) = 100.179825.
    # Cost 9,180 / 90 = 102, value 99.80; 99.80 x 1.033 = 103.0934. What is between 99.80 and that is neither.
    ("VAP", "2021-12-09"): {LOSS: 2.20},
    # Cost 5,880 / 60 = 98; 12 months from 16 February 2029, so nothing is indexed.
    ("VAP", "2028-02-15"): {INDEXED: 2.179825},
    # NDQ fetches 57.28 x (1 - 0.0005) = 57.25136.
    # Cost 6,300 / 200 = 31.50, value 50.30; 50.30 x 1.033 = 51.9599.
    ("NDQ", "2023-05-03"): {LONG: 18.80, INDEXED: 5.29146},
    # Cost 5,150 / 100 = 51.50; 12 months from 11 November 2028, a day too late.
    ("NDQ", "2027-11-10"): {INDEXED: 5.75136},
    # VGB fetches 47.10 x (1 - 0.0006) = 47.07174. Cost 6,360 / 120 = 53, value 46.20; 46.20 x 1.033 = 47.7246.
    ("VGB", "2020-11-05"): {LOSS: 6.80},
}


@cache
def answered() -> MasterPortfolioOptimized:
    """Answer the example as the whole system does."""
    body = json.loads((ROOT / "examples" / "after-july-2027.json").read_text(encoding="utf-8"))
    event = final_event(json.dumps(body | {"request_id": "test"}).encode())
    assert isinstance(event, MasterPortfolioOptimized), event
    return event


def sold() -> dict[tuple[str, str], float]:
    """List the units that are sold, by ticker and day of purchase."""
    trading = answered().trading
    assert trading is not None
    return {(o.ticker, p.acquired.isoformat()): p.units for o in trading.orders for p in o.parcels}


# What a unit fetches above the value of July 2027, where that is below the indexed cost: 100.179825 - 99.80, and
# 47.07174 - 46.20. Only brokerage beyond it is a loss.
ROOM = {("VAP", "2021-12-09"): 0.379825, ("VGB", "2020-11-05"): 0.87174}


def unit(parcel: tuple[str, str]) -> dict[Kind, float]:
    """Take a unit's part of the brokerage of 10 AUD an order off the later gain, or add it to the loss."""
    part = 10 / sum(units for (ticker, _), units in sold().items() if ticker == parcel[0])
    of = {kind: aud - part if kind is INDEXED else aud for kind, aud in UNITS[parcel].items()}
    if parcel in ROOM:
        of[LOSS] += max(part - ROOM[parcel], 0.0)
    return of


def made(kind: Kind) -> float:
    """Add up by hand what the sales gain or lose of a kind."""
    return sum(units * unit(parcel).get(kind, 0.0) for parcel, units in sold().items())


def told() -> Assessment:
    trading = answered().trading
    assert trading is not None
    return trading.gains


def test_every_parcel_that_is_sold_gains_what_it_does_by_hand() -> None:
    trading = answered().trading
    assert trading is not None
    parts = {(o.ticker, p.acquired.isoformat()): p for o in trading.orders for p in o.parcels}

    assert {parcel: dict(part.realised_aud) for parcel, part in parts.items()} == {
        parcel: {kind: pytest.approx(units * aud, abs=ROUNDING) for kind, aud in unit(parcel).items()}
        for parcel, units in sold().items()
    }


def test_the_tax_is_what_it_is_by_hand() -> None:
    losses = made(LOSS) + CARRIED
    against_long = min(losses, made(LONG))
    against_indexed = min(losses - against_long, made(INDEXED))
    early, late = (made(LONG) - against_long) / 2, made(INDEXED) - against_indexed

    gains = told()
    assert gains.gains_aud[LONG] == pytest.approx(made(LONG), abs=ROUNDING)
    assert gains.gains_aud[INDEXED] == pytest.approx(made(INDEXED), abs=ROUNDING)
    assert gains.losses_used_aud[LONG] == pytest.approx(against_long, abs=ROUNDING)
    assert gains.losses_used_aud[INDEXED] == pytest.approx(against_indexed, abs=ROUNDING)
    assert gains.net_capital_gain_aud == pytest.approx(early + late, abs=ROUNDING)
    assert gains.tax_aud == pytest.approx(RATE * early + LEAST_RATE * late, abs=ROUNDING)


def test_the_customer_has_what_the_example_is_about() -> None:
    # Losses, gains from before the reform and since; and losses go where they are worth 9 cents a dollar, not 32.
    assert min(made(LOSS), made(LONG), made(INDEXED)) > 100
    assert told().losses_used_aud[INDEXED] == 0
    # A parcel of each sort: owned since before, bought since and indexed, bought since and not indexed yet.
    assert {("VAS", "2019-03-14"), ("VAS", "2027-10-05"), ("NDQ", "2027-11-10")} <= set(sold())


def test_the_event_alone_tells_what_every_gain_is_measured_from() -> None:
    trading = answered().trading
    assert trading is not None
    for order in trading.orders:
        for part in order.parcels:
            assert part.reform is not None
            cost, total = part.cost_base_aud, {LOSS: 0.0, LONG: 0.0, INDEXED: 0.0}
            if (value := part.reform.value_aud) is not None:
                total[LONG], total[LOSS] = max(value - cost, 0), max(cost - value, 0)
                cost = value
            assert part.reform.indexed_cost_aud == pytest.approx(cost * part.reform.index_factor)
            total[INDEXED] = max(part.reform.proceeds_aud - part.reform.indexed_cost_aud, 0)
            total[LOSS] += max(cost - part.reform.proceeds_aud, 0)
            assert dict(part.realised_aud) == {k: pytest.approx(v, abs=ROUNDING) for k, v in total.items() if v}
        if order.parcels:
            fetched = order.value_aud - order.spread_aud - order.brokerage_aud
            assert sum(p.reform.proceeds_aud for p in order.parcels if p.reform) == pytest.approx(fetched)


def test_the_tax_can_be_followed_on_the_page() -> None:
    console = make_console(file=io.StringIO())
    show(console, answered())
    page = console.file.getvalue()  # type: ignore[attr-defined]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in page.splitlines() if line.startswith("|")]
    shown = [row for row in rows if len(row) == 8 and row[-1] in {*(kind.value for kind in Kind), "neither"}]

    total = dict.fromkeys(Kind, 0.0)
    for *_, proceeds, cost, gain, loss, counts_as in shown:
        if counts_as == "neither":
            assert gain == loss == ""
            continue
        assert amount(gain) - amount(loss) == pytest.approx(amount(proceeds) - amount(cost), abs=1.5 * CENT)
        total[Kind(counts_as)] += amount(gain) + amount(loss)
    gains = told()
    assert sum(row[-1] == "neither" for row in shown) > 0
    assert total[LONG] == pytest.approx(gains.gains_aud[LONG], abs=4 * CENT)
    assert total[INDEXED] == pytest.approx(gains.gains_aud[INDEXED], abs=8 * CENT)
    assert total[LOSS] + CARRIED == pytest.approx(sum(gains.losses_used_aud.values()), abs=4 * CENT)
    early, late = (total[LONG] - total[LOSS] - CARRIED) / 2, total[INDEXED]
    assert gains.tax_aud == pytest.approx(RATE * early + LEAST_RATE * late, abs=4 * CENT)
    said = unspaced(" ".join(page.split()))
    half = gains.net_capital_gain_aud - gains.gains_aud[INDEXED]
    assert f"tax {gains.tax_aud:,.2f}: {half:,.2f} at 18.0%" in said
    assert "indexed gains, at 32.0% (30% at least, and the Medicare levy)" in said


def amount(cell: str) -> float:
    return float(cell.replace(",", "")) if cell else 0.0
