"""What each number in a report's tables must be, worked out from the event's JSON by code of its own."""

from __future__ import annotations

import csv
from collections import defaultdict
from typing import TYPE_CHECKING, Any

from support.requests_made import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Event = dict[str, Any]
Row = tuple[str, ...]

_SHARES = {
    "volatility",
    "expected_return",
    "grossed_up_yield",
    "largest_position",
    "distribution_yield",
    "after_tax_yield",
}
_COUNTS = {"etfs", "positions", "duplicated_etfs", "economic_duplicates"}


def aud(value: float) -> str:
    return f"{value:,.2f}"


def share(value: float) -> str:
    return f"{100 * value:.2f}%"


def figure(name: str, value: float | None) -> str:
    if value is None:
        return ""
    if name in _SHARES:
        return share(value)
    if name in _COUNTS:
        return f"{value:.0f}"
    return f"{value:.2f}" if name == "correlation" else aud(value) if name.endswith("_aud") else f"{value:.3f}"


def snapshot(event: Event, file: str) -> dict[str, dict[str, str]]:
    """Read a file of the event's market."""
    text = (ROOT / "portfolio" / "markets" / event["market"]["id"] / file).read_text(encoding="utf-8")
    return {row["ticker"]: row for row in csv.DictReader(text.splitlines())}


def prices(event: Event) -> dict[str, float]:
    """Read the last prices, from the market: the report takes them from the event."""
    return {t: float(row["price_aud"]) for t, row in snapshot(event, "etfs.csv").items() if row["price_aud"]}


def owned(event: Event) -> Iterator[Row]:
    capital, known = event["terms"]["total_capital_aud"], prices(event)
    units: dict[str, float] = defaultdict(float)
    cost: dict[str, float] = defaultdict(float)
    for parcel in event["terms"]["owned"]["parcels"]:
        units[parcel["ticker"]] += parcel["units"]
        cost[parcel["ticker"]] += parcel["cost_base_aud"]
    for ticker, count in units.items():
        value = count * known[ticker]
        gain = f"{value - cost[ticker]:+,.2f}"
        yield ticker, f"{count:,.0f}", aud(known[ticker]), aud(value), share(value / capital), aud(cost[ticker]), gain
    if cash := event["terms"]["owned"]["cash_aud"]:
        yield "Money in the account", "", "", aud(cash), share(cash / capital), "", ""
    yield "Total", "", "", aud(capital), "100.00%", "", ""


def orders(event: Event) -> Iterator[Row]:
    for order in event["trading"]["orders"]:
        tax = aud(order["tax_aud"]) if order["side"] == "sell" else ""
        yield order["side"], f"{order['units']:,.0f}", aud(order["price_aud"]), aud(order["value_aud"]), tax


def bought(event: Event) -> Iterator[Row]:
    for ticker, weight in event["weights"].items():
        yield ticker, share(weight), aud(weight * event["terms"]["total_capital_aud"])
    yield "Total", "100.00%", aud(event["terms"]["total_capital_aud"])


def held(event: Event) -> dict[str, tuple[float, float]]:
    """Find the value before and after of each ETF and of the money."""
    capital, values = event["terms"]["total_capital_aud"], {}
    if event["trading"] is None:
        for ticker in snapshot(event, "etfs.csv"):
            alone = sum(p["capital_share"] * p["naive_weights"].get(ticker, 0.0) for p in event["pods"].values())
            values[ticker] = alone * capital, event["weights"].get(ticker, 0.0) * capital
        return {ticker: value for ticker, value in values.items() if any(value)}
    known, mine = prices(event), event["terms"]["owned"]
    for ticker in known:
        before = sum(p["units"] for p in mine["parcels"] if p["ticker"] == ticker)
        values[ticker] = before * known[ticker], event["trading"]["units"].get(ticker, 0.0) * known[ticker]
    values["Money in the account"] = mine["cash_aud"], event["trading"]["cash_left_aud"]
    return {ticker: value for ticker, value in values.items() if any(value)}


def classes(event: Event) -> Iterator[Row]:
    capital, etfs = event["terms"]["total_capital_aud"], snapshot(event, "etfs.csv")
    sums: dict[str, tuple[float, float]] = defaultdict(lambda: (0.0, 0.0))
    for ticker, (before, after) in held(event).items():
        name = etfs[ticker]["asset_class"].capitalize() if ticker in etfs else ticker
        for label in (name, "Total"):
            sums[label] = sums[label][0] + before, sums[label][1] + after
    if event["trading"] is not None:
        sums["Money in the account"] = held(event).get("Money in the account", (0.0, 0.0))
    for name, (before, after) in sums.items():
        change = aud(0.0) if abs(after - before) < 0.005 else f"{after - before:+,.2f}"
        yield name, aud(before), share(before / capital), aud(after), share(after / capital), change


def after(event: Event) -> Iterator[Row]:
    capital, known, total = event["terms"]["total_capital_aud"], prices(event), 0.0
    for ticker, (_, value) in held(event).items():
        total += value
        if ticker in known and value:
            units = event["trading"]["units"][ticker]
            yield ticker, f"{units:,.0f}", aud(known[ticker]), aud(value), share(value / capital)
        elif value:
            yield ticker, "", "", aud(value), share(value / capital)
    yield "Total", "", "", aud(total), share(total / capital)


def pod(event: Event, name: str) -> str:
    return f"{event['pods'][name]['mandate']['purpose'].split(':')[0]} ({name})"


def parts(event: Event) -> Iterator[Row]:
    for name, account in event["pods"].items():
        figures = account["figures"]
        shown = (figures[f] for f in ("expected_return", "volatility", "grossed_up_yield"))
        yield pod(event, name), share(account["capital_share"]), *map(share, shown)


def goals(event: Event) -> Iterator[Row]:
    whole = {g["name"]: g for g in event["trading"]["goals"]} if event["trading"] else {}
    for goal in event["goals"]:
        of = " and ".join(pod(event, name) for name in goal["pods"]) or "The whole portfolio"
        asked = f"at {'most' if goal['better'] == 'lower' else 'least'} {figure(goal['figure'], goal['asked'])}"
        now = whole.get(goal["name"], goal)["delivered"]
        yield of, asked, *(figure(goal["figure"], v) for v in (goal["best_alone"], goal["best_together"], now))


def money_goals(event: Event) -> Iterator[Row]:
    for goal in event["money_goals"]:
        wanted, needed, held = (f"{goal[f'{name}_aud']:,.0f}" for name in ("target_amount", "needed", "capital"))
        certain = goal["years"] == 0 or goal["capital_aud"] + goal["contribution_aud_per_month"] == 0
        chances = []
        for name in ("_today", "", "_if_lower", "_if_higher"):
            if (told := goal[f"probability{name}"]) is not None:
                likely = round(100 * told)
                chances.append(f"{likely}%" if certain else {0: "under 1%", 100: "over 99%"}.get(likely, f"{likely}%"))
        yield goal["name"], str(goal["priority"]), wanted, f"{goal['years']:g}", needed, held, *chances


def costs(event: Event) -> Iterator[Row]:
    rows = {row["metric"]: row for row in event["comparison"]}
    names = {
        "Brokerage": "brokerage_aud",
        "Half the spread": "spread_aud",
        "Tax on capital gains": "capital_gains_tax_aud",
    }
    now = {label: rows[name]["master"] for label, name in names.items()}
    if event["trading"]:
        each = event["trading"]["orders"]
        now["Brokerage"] = sum(order["brokerage_aud"] for order in each)
        now["Half the spread"] = sum(order["spread_aud"] for order in each)
        now["Tax on capital gains"] = event["trading"]["gains"]["tax_aud"]
    for label, name in names.items():
        yield label, aud(rows[name]["naive"]), aud(now[label])
    yield "Together", aud(rows["trading_cost_aud"]["naive"]), aud(sum(now.values()))


def parcels(event: Event) -> Iterator[Row]:
    for order in event["trading"]["orders"]:
        for parcel in order["parcels"]:
            for proceeds, cost, gain in _measured(parcel):
                made = (aud(gain), "") if gain > 0 else ("", aud(-gain)) if gain < 0 else ("", "")
                yield order["ticker"], f"{parcel['units']:,.0f}", aud(proceeds), aud(cost), *made


def _measured(parcel: dict[str, Any]) -> Iterator[tuple[float, float, float]]:
    """Take apart what is sold of a parcel: proceeds, cost, and what is gained or, below zero, lost."""
    cost, reform = parcel["cost_base_aud"], parcel["reform"]
    if reform is None:
        gain = sum(-v if kind == "loss" else v for kind, v in parcel["realised_aud"].items())
        yield cost + gain, cost, gain
        return
    if reform["value_aud"] is not None:
        yield reform["value_aud"], cost, reform["value_aud"] - cost
        cost = reform["value_aud"]
    net, indexed = reform["proceeds_aud"], reform["indexed_cost_aud"]
    yield (net, cost, net - cost) if net < cost else (net, indexed, max(0.0, net - indexed))


def income(event: Event) -> Iterator[Row]:
    names = {
        "Distributions, AUD": "distributions_aud",
        "Franking credits, AUD": "franking_credits_aud",
        "Tax after credits, AUD": "net_tax_aud",
        "Income after tax, AUD": "after_tax_aud",
        "Distribution yield": "distribution_yield",
        "Grossed-up yield": "grossed_up_yield",
        "After-tax yield": "after_tax_yield",
    }
    both = [event["income"][side] for side in ("naive", "master")]
    for label, name in names.items():
        if name == "after_tax_aud":
            # What is shown adds up to the cent.
            yield label, *(aud(round(one["distributions_aud"], 2) - round(one["net_tax_aud"], 2)) for one in both)
        else:
            yield label, *(figure(name, one[name]) for one in both)


def comparison(event: Event) -> Iterator[Row]:
    labels = {
        "etfs": "ETFs",
        "positions": "Positions (trades)",
        "duplicated_etfs": "Duplicated ETFs",
        "economic_duplicates": "Pairs of ETFs that behave alike",
        "effective_holdings": "Effective holdings",
        "largest_position": "Largest position",
        "trading_cost_aud": "Cost of getting there, AUD",
        "brokerage_aud": "Brokerage",
        "spread_aud": "Half the spread",
        "capital_gains_tax_aud": "Tax on capital gains",
        "tax_efficiency": "Tax efficiency, of 10",
        "sharpe_ratio": "Sharpe ratio",
        "expected_return": "Expected return a year",
        "volatility": "Volatility a year",
        "net_tax_aud": "Tax on income after credits a year, AUD",
        "income_after_tax_aud": "Income after tax a year, AUD",
        "management_fees_aud": "Management fees a year, AUD",
    }
    for row in event["comparison"]:
        naive, master = row["naive"], row["master"]
        change = (master - naive) / abs(naive) if naive else None
        said = "" if change is None else "0.0%" if abs(change) < 0.0005 else f"{100 * change:+.1f}%"
        yield labels[row["metric"]], figure(row["metric"], naive), figure(row["metric"], master), said


def correlations(event: Event) -> Iterator[Row]:
    for row in event["correlations"]:
        limit = f"at most {row['limit']:.2f}"
        said = f"{pod(event, row['pods'][0])} and {pod(event, row['pods'][1])}"
        yield said, f"{row['correlation']:.2f}", limit, f"{row['limit'] - row['correlation']:+.2f}"


def assumptions(event: Event) -> Iterator[Row]:
    moments, etfs = snapshot(event, "moments.csv"), snapshot(event, "etfs.csv")
    for ticker in held(event):
        if ticker in moments:
            known = moments[ticker] | etfs[ticker]
            fee = float(known["management_fee"])
            earned = float(known["expected_return"]) - (fee if known["return_is"] == "index" else 0.0)
            shown = (earned, *(float(known[f]) for f in ("volatility", "distribution_yield")), fee)
            yield ticker, *map(share, shown), f"{float(known['half_spread_bps']):.0f}"


ORACLES: dict[str, Callable[[Event], Iterator[Row]]] = {
    "after": after,
    "assumptions": assumptions,
    "bought": bought,
    "classes": classes,
    "comparison": comparison,
    "correlations": correlations,
    "costs": costs,
    "goals": goals,
    "income": income,
    "money-goals": money_goals,
    "orders": orders,
    "owned": owned,
    "parcels": parcels,
    "parts": parts,
}
