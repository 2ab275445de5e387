"""Make a book of customers, one request per line: ``python -m examples.customers --number 2000 --seed 1 > BOOK.jsonl``.

Most begin with cash or own parcels; some are super funds, pensions, couples or savers with money goals; some ask for
the impossible. The customers are invented. The same number and seed make the same book.
"""

from __future__ import annotations

import argparse
import json
import sys
from datetime import date, timedelta
from random import Random
from typing import Any

from portfolio.market.snapshot import load

MARKET = "asx-outlook-2025-12"
AS_OF = date(2025, 11, 10)
_SHARES = (
    {"alpha": 0.15, "beta": 0.25, "gamma": 0.50, "delta": 0.10},
    {"alpha": 0.30, "beta": 0.40, "gamma": 0.30},
    {"beta": 0.30, "gamma": 0.60, "delta": 0.10},
    {"alpha": 0.40, "beta": 0.40, "gamma": 0.20},
)
_RATES = (0.18, 0.32, 0.39, 0.47)
# How many of a hundred customers are of each kind.
_KINDS = {
    "cash": 20,
    "parcels": 40,
    "super_fund": 10,
    "pension": 8,
    "couple": 5,
    "goals": 10,
    "model": 4,
    "impossible": 3,
}


def customers(number: int, seed: int) -> list[dict[str, Any]]:
    """Make the requests of *number* customers."""
    draw = Random(seed)  # noqa: S311 - invented customers
    kinds = draw.choices(list(_KINDS), list(_KINDS.values()), k=number)
    return [_customer(kind, f"c-{count:06d}", draw) for count, kind in enumerate(kinds, start=1)]


def _customer(kind: str, customer_id: str, draw: Random) -> dict[str, Any]:
    customer: dict[str, Any] = {"customer_id": customer_id}
    request: dict[str, Any] = {"customer": customer, "pod_weights": draw.choice(_SHARES), "market": MARKET}
    account: dict[str, Any] = {"as_of": AS_OF.isoformat(), "cash_aud": round(draw.uniform(1_000, 12_000), 2)}
    if kind == "model":
        customer["total_capital_aud"] = round(draw.uniform(20_000, 500_000), 2)
        return request
    request["account"] = account
    if kind == "cash":
        account["cash_aud"] = round(draw.uniform(20_000, 400_000), 2)
    else:
        account["holdings"] = _holdings(draw, worth_aud=draw.uniform(60_000, 600_000))
    if kind == "super_fund":
        customer["entity"] = "super_accumulation"
    elif kind == "pension":
        customer["entity"] = "super_pension"
        balance = round(draw.uniform(150_000, 900_000), 2)
        drawn = round(balance * draw.uniform(0, 0.06), 2)
        account["pension"] = {"age": draw.randint(60, 90), "balance_aud": balance, "drawn_aud": drawn}
    elif kind == "couple":
        customer["owners"] = [{"owner_id": name, "marginal_tax_rate": draw.choice(_RATES)} for name in ("a", "b")]
    else:
        customer["marginal_tax_rate"] = draw.choice(_RATES)
    if kind == "goals":
        del request["pod_weights"]
        years = draw.randint(8, 25)
        request["goals"] = [
            {"goal_id": "buffer", "name": "Emergencies", "pod": "alpha", "target_amount_aud": 20_000, "years": 2},
            {"goal_id": "later", "name": "Later", "pod": "gamma", "target_amount_aud": 400_000, "years": years},
        ]
    if kind == "impossible":
        request["rules"] = draw.choice(({"max_etfs": 2}, {"max_weight": 0.03}, {"never_buy": ["NOSUCH"]}))
    if draw.random() < 0.05:  # noqa: PLR2004 - one in twenty pays in
        account["contribution_aud"] = float(draw.randint(1, 20) * 500)
    return request


def _holdings(draw: Random, worth_aud: float) -> list[dict[str, Any]]:
    """Make holdings of about this worth: parcels of the last ten years, with gains and some losses."""
    priced = [etf for etf in load(MARKET).etfs if etf.price_aud is not None]
    chosen = draw.sample(priced, k=draw.randint(3, 8))
    made = []
    for etf in sorted(chosen, key=lambda etf: etf.ticker):
        price = etf.price_aud or 0.0
        parcels = []
        for _ in range(draw.randint(1, 4)):
            first = max(etf.since or AS_OF, AS_OF - timedelta(days=3_650))
            acquired = AS_OF - timedelta(days=draw.randint(5, (AS_OF - first).days))
            units = max(1, round(worth_aud / len(chosen) / price / 2 * draw.uniform(0.3, 1.2)))
            cost = round(units * price * draw.uniform(0.4, 1.1), 2)
            parcels.append({"acquired": acquired.isoformat(), "units": units, "cost_base_aud": cost})
        units = sum(parcel["units"] for parcel in parcels)
        made.append({"ticker": etf.ticker, "units": units, "parcels": parcels})
    return made


def main() -> None:
    """Write a book to standard output."""
    parser = argparse.ArgumentParser(description="Write a book of invented customers, one request per line.")
    parser.add_argument("--number", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    for request in customers(asked.number, asked.seed):
        sys.stdout.write(json.dumps(request) + "\n")


if __name__ == "__main__":
    main()
