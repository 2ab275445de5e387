"""What each number in a report's tables must be, worked out from the event's JSON by code of its own."""

from __future__ import annotations

import csv
import math
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
_COUNTS = {"etfs", "positions", "duplicated_etfs"}


def aud(value: float) -> str:
    return f"{value:z,.2f}"


def share(value: float) -> str:
    return f"{100 * value:z.2f}%"


def figure(name: str, value: float | None) -> str:
    if value is None:
        return ""
    if name in _SHARES:
        return share(value)
    if name in _COUNTS:
        return f"{value:.0f}"
    return (
        f"{value:.2f}"
        if name in {"correlation", "sharpe_ratio", "effective_holdings"}
        else aud(value)
        if name.endswith("_aud")
        else f"{value:.3f}"
    )


def snapshot(event: Event, file: str) -> dict[str, dict[str, str]]:
    """Read a file of the event's market."""
    text = (ROOT / "portfolio" / "markets" / event["market"]["id"] / file).read_text(encoding="utf-8")
    return {row["ticker"]: row for row in csv.DictReader(text.splitlines())}


def prices(event: Event) -> dict[str, float]:
    """Read the last prices, from the market: the report takes them from the event."""
    return {t: float(row["price_aud"]) for t, row in snapshot(event, "etfs.csv").items() if row["price_aud"]}


def paid(event: Event) -> tuple[float, float]:
    """Read the money that comes in and that is paid out."""
    told = event.get("payments") or {"contribution_aud": 0.0, "withdrawal_aud": 0.0}
    return told["contribution_aud"], told["withdrawal_aud"]


def owned(event: Event) -> Iterator[Row]:
    comes_in, paid_out = paid(event)
    capital, known = event["terms"]["total_capital_aud"] - comes_in + paid_out, prices(event)
    units: dict[str, float] = defaultdict(float)
    cost: dict[str, float] = defaultdict(float)
    for parcel in event["terms"]["owned"]["parcels"]:
        units[parcel["ticker"]] += parcel["units"]
        cost[parcel["ticker"]] += parcel["cost_base_aud"]
    values = {ticker: count * known[ticker] for ticker, count in units.items()}
    if cash := event["terms"]["owned"]["cash_aud"]:
        values["Cash in the account"] = cash
    shares = added_up([100 * value / capital for value in values.values()], 100.0)
    for (ticker, value), part in zip(values.items(), shares, strict=True):
        if ticker not in units:
            yield ticker, "", "", aud(value), f"{part}%", "", ""
            continue
        gain = f"{value - cost[ticker]:+,.2f}"
        yield ticker, f"{units[ticker]:,.0f}", aud(known[ticker]), aud(value), f"{part}%", aud(cost[ticker]), gain
    yield "Total", "", "", aud(capital), "100.00%", "", ""


def orders(event: Event) -> Iterator[Row]:
    for order in event["trading"]["orders"]:
        tax = aud(order["tax_aud"]) if order["side"] == "sell" else ""
        yield order["side"], f"{order['units']:,.0f}", aud(order["price_aud"]), aud(order["value_aud"]), tax


def bought(event: Event) -> Iterator[Row]:
    capital = event["terms"]["total_capital_aud"]
    weights = list(event["weights"].values())
    shares = added_up([100 * weight for weight in weights], 100.0)
    amounts = added_up([weight * capital for weight in weights], capital)
    for ticker, part, amount in zip(event["weights"], shares, amounts, strict=True):
        yield ticker, f"{part}%", amount
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
    values["Cash in the account"] = mine["cash_aud"], event["trading"]["cash_left_aud"]
    comes_in, paid_out = paid(event)
    values["Comes in"], values["Paid out"] = (comes_in, 0.0), (0.0, paid_out)
    return {ticker: value for ticker, value in values.items() if any(value)}


def added_up(values: list[float], total: float, digits: int = 2) -> list[str]:
    """Round so that the column adds up: of all roundings up or down with that sum, the nearest to the values."""
    unit = 10.0**-digits
    low = [math.floor(value / unit + 1e-9) for value in values]
    ups = round(total / unit) - sum(low)
    best = sorted(range(len(values)), key=lambda i: low[i] - values[i] / unit)[:ups]
    return [f"{(low[i] + (i in best)) * unit:,.{digits}f}" for i in range(len(values))]


def classes(event: Event) -> Iterator[Row]:
    capital, etfs = event["terms"]["total_capital_aud"] + paid(event)[1], snapshot(event, "etfs.csv")
    sums: dict[str, tuple[float, float]] = defaultdict(lambda: (0.0, 0.0))
    for ticker, (before, after) in held(event).items():
        name = etfs[ticker]["asset_class"].capitalize() if ticker in etfs else ticker
        for label in (name, "Total"):
            sums[label] = sums[label][0] + before, sums[label][1] + after
    if event["trading"] is not None:
        sums["Cash in the account"] = held(event).get("Cash in the account", (0.0, 0.0))
    totals, columns = sums.pop("Total"), []
    for side, total in enumerate(totals):
        each = [values[side] for values in sums.values()]
        columns.append([*added_up(each, total), aud(total)])
        columns.append(
            [*added_up([100 * v / capital for v in each], 100 * total / capital), f"{100 * total / capital:.2f}"]
        )
    for name, before, before_share, after, after_share in zip([*sums, "Total"], *columns, strict=True):
        by = float(after.replace(",", "")) - float(before.replace(",", ""))
        change = aud(0.0) if abs(by) < 0.005 else f"{by:+,.2f}"
        yield name, before, f"{before_share}%", after, f"{after_share}%", change


def after(event: Event) -> Iterator[Row]:
    capital, known = event["terms"]["total_capital_aud"], prices(event)
    values = {ticker: value for ticker, (_, value) in held(event).items() if value and ticker != "Paid out"}
    total = sum(values.values())
    amounts = added_up(list(values.values()), total)
    shares = added_up([100 * value / capital for value in values.values()], 100 * total / capital)
    for ticker, amount, part in zip(values, amounts, shares, strict=True):
        units = f"{event['trading']['units'][ticker]:,.0f}" if ticker in known else ""
        yield ticker, units, aud(known[ticker]) if ticker in known else "", amount, f"{part}%"
    yield "Total", "", "", aud(total), share(total / capital)


def pod(event: Event, name: str) -> str:
    return f"{event['pods'][name]['mandate']['purpose'].split(':')[0]} ({name})"


def pods(event: Event) -> Iterator[Row]:
    for name, account in event["pods"].items():
        figures = account["figures"]
        shown = (figures[f] for f in ("expected_return", "volatility", "grossed_up_yield"))
        spread = (account[f] for f in ("effective_holdings_alone", "effective_holdings"))
        told = (f"{holdings:.1f}" for holdings in spread if holdings is not None)
        yield pod(event, name), share(account["capital_share"]), *map(share, shown), *told


def targets(event: Event) -> Iterator[Row]:
    whole = {g["name"]: g for g in event["trading"]["goals"]} if event["trading"] else {}
    for goal in event["goals"]:
        of = " and ".join(pod(event, name) for name in goal["pods"]) or "The whole portfolio"
        asked = f"at {'most' if goal['better'] == 'lower' else 'least'} {figure(goal['figure'], goal['asked'])}"
        now = whole.get(goal["name"], goal)["delivered"]
        if goal["figure"] == "trading_cost_aud" and whole:
            *_, (_, _, total) = costs(event)
            now = float(total.replace(",", ""))
        unit = " AUD" if goal["figure"].endswith("_aud") else ""
        known = (figure(goal["figure"], v) for v in (goal["best_alone"], goal["best_together"], now))
        yield of, asked + unit, *(text and text + unit for text in known)


def money_goals(event: Event) -> Iterator[Row]:
    for goal in event["money_goals"]:
        wanted, needed, held = (
            f"{goal[f'{name}_aud']:,.0f}" for name in ("target_amount", "needed_as_ordered", "capital")
        )
        certain = goal["years"] == 0 or goal["capital_aud"] + goal["contribution_aud_per_month"] == 0
        chances = []
        for name in ("_today", "", "_if_lower", "_if_higher"):
            if (told := goal[f"probability{name}"]) is not None:
                likely = round(100 * told)
                sure = "under 1%" if told < 0.01 else "above 99%" if told > 0.99 else f"{likely}%"
                chances.append(f"{likely}%" if certain else sure)
        yield goal["name"], str(goal["priority"]), wanted, f"{goal['years']:g}", needed, held, *chances


def costs(event: Event) -> Iterator[Row]:
    rows = {row["metric"]: row for row in event["comparison"]}
    names = {
        "Brokerage": "brokerage_aud",
        "Half the spread": "spread_aud",
        "Tax on capital gains": "capital_gains_tax_aud",
    }
    if not event["trading"]:
        del names["Tax on capital gains"]
    now = {label: rows[name]["master"] or 0.0 for label, name in names.items() if name in rows}
    if event["trading"]:
        each = event["trading"]["orders"]
        now["Brokerage"] = sum(order["brokerage_aud"] for order in each)
        now["Half the spread"] = sum(order["spread_aud"] for order in each)
        now["Tax on capital gains"] = event["trading"]["gains"]["tax_aud"]
    alone = {label: rows[name]["naive"] or 0.0 for label, name in names.items() if name in rows}
    for label in names:
        yield label, aud(alone[label]), aud(now[label])
    yield "Together", *(aud(sum(round(part, 2) for part in each.values())) for each in (alone, now))


def parcels(event: Event) -> Iterator[Row]:
    for order in event["trading"]["orders"]:
        for parcel in order["parcels"]:
            for proceeds, cost, gain in _measured(event, order, parcel):
                made = (aud(gain), "") if gain > 0 else ("", aud(-gain)) if gain < 0 else ("", "")
                yield order["ticker"], f"{parcel['units']:,.0f}", aud(proceeds), aud(cost), *made


def _measured(event: Event, order: Event, parcel: Event) -> Iterator[tuple[float, float, float]]:
    """Take apart what is sold of a parcel: proceeds, cost, and what is gained or, below zero, lost."""
    cost, reform = parcel["cost_base_aud"], parcel["reform"]
    if event["terms"]["entity"] == "super_pension":
        # No gain is taxed, so that the event names none: a price less half the spread, and a part of the brokerage.
        half = float(snapshot(event, "etfs.csv")[order["ticker"]]["half_spread_bps"]) / 1e4
        net = parcel["units"] * (order["price_aud"] * (1 - half) - order["brokerage_aud"] / order["units"])
        yield net, cost, net - cost
        return
    if reform is None:
        gain = sum(-v if kind == "loss" else v for kind, v in parcel["realised_aud"].items())
        yield cost + gain, cost, gain
        return
    if reform["value_aud"] is not None:
        yield reform["value_aud"], cost, reform["value_aud"] - cost
        cost = reform["value_aud"]
    net, indexed = reform["proceeds_aud"], reform["indexed_cost_aud"]
    yield (net, cost, net - cost) if net < cost else (net, indexed, max(0.0, net - indexed))


def _today_money(event: Event, sides: list[str]) -> Iterator[tuple[str, list[float], str]]:
    """Read the figures that stand in both tables of portfolios: label, values, format."""
    ones = [event[side] for side in sides]
    said = "Expected return a year" if event["market"]["basis"]["kind"] == "outlook" else "Return a year"
    yield "Value, AUD", [sum(_value(one)) for one in ones], "aud"
    yield f"{said}, before tax", [one["expected_return"] for one in ones], "share"
    yield f"{said}, after tax on income, AUD", [one["return_after_tax_aud"] for one in ones], "aud"
    yield "Volatility a year", [one["volatility"] for one in ones], "share"
    if any(paid(event)) and "separate" not in sides:
        yield f"{said}, after tax on income", [one["return_after_tax"] for one in ones], "share"
        yield from _parts(ones)
    left = [round(one["income"]["distributions_aud"], 2) - round(one["income"]["net_tax_aud"], 2) for one in ones]
    yield "Income after tax a year, AUD", left, "aud"
    yield "Fees of the ETFs a year, AUD", [one["fees_aud"] for one in ones], "aud"
    yield "Largest position, share of the capital", [one["largest_position"] for one in ones], "share"


def _value(one: dict[str, float]) -> list[float]:
    """Read the parts of a portfolio's value, in cents as they are shown."""
    of = ("etfs_aud", "cash_aud", "kept_aud", "contribution_aud", "withdrawal_aud")
    return [*(round(one[name], 2) for name in of), -round(one["tax_due_aud"], 2)]


def _parts(ones: list[dict[str, float]]) -> Iterator[tuple[str, list[float], str]]:
    names = ("ETFs", "Cash", "Kept as it is", "Comes in", "Paid out", "Tax due on gains")
    for label, *values in zip(names, *map(_value, ones), strict=True):
        if label == names[0] or any(values):
            yield f"{label}, AUD", values, "aud"


def today(event: Event) -> Iterator[Row]:
    for label, (before, after), kind in _today_money(event, ["today", "suggested"]):
        scale, points = (100, " points") if kind == "share" else (1, "")
        by = round(after * scale, 2) - round(before * scale, 2)
        change = f"{by:+,.2f}{points}" if abs(by) >= 0.005 else "0.00"
        yield label, *((share if kind == "share" else aud)(value) for value in (before, after)), change


def standings(event: Event) -> Iterator[Row]:
    sides = [side for side in ("today", "separate", "suggested") if event[side]]
    for label, values, kind in _today_money(event, sides):
        yield label, *((share if kind == "share" else aud)(value) for value in values)
    ones = [event[side] for side in sides]
    said = "Expected return a year" if event["market"]["basis"]["kind"] == "outlook" else "Return a year"
    for label, values, _ in _parts(ones):
        yield label, *map(aud, values)
    for label, name in (
        ("Distributions a year, AUD", "distributions_aud"),
        ("Franking credits a year, AUD", "franking_credits_aud"),
        ("Tax after credits a year, AUD", "net_tax_aud"),
    ):
        yield label, *(aud(one["income"][name]) for one in ones)
    for label, name in (
        ("Distribution yield", "distribution_yield"),
        ("Grossed-up yield", "grossed_up_yield"),
        ("After-tax yield", "after_tax_yield"),
    ):
        yield label, *(share(one["income"][name]) for one in ones)
    yield f"{said}, after tax on income", *(share(one["return_after_tax"]) for one in ones)
    yield "ETFs", *(str(one["etfs"]) for one in ones)
    yield "Effective holdings", *(f"{one['effective_holdings']:.1f}" for one in ones)
    yield "ETFs of more than one pod", *(str(one["duplicated_etfs"]) for one in ones)
    yield "Pairs of ETFs that behave alike", *(str(one["economic_duplicates"]) for one in ones)
    yield "Sharpe ratio", *(_sharpe(event, one["sharpe_ratio"]) for one in ones)
    efficiency = (one["tax_efficiency"] for one in ones)
    yield "Tax efficiency, of 10", *("not defined" if each is None else f"{each:.2f}" for each in efficiency)


def _sharpe(event: Event, ratio: float | None) -> str:
    if ratio is None:
        return "not defined"
    if event["market"]["basis"]["kind"] == "outlook":
        return f"{ratio:.2f}"
    # Two years of weekly returns: the error is near 1 / sqrt(2 years).
    return f"{ratio:.1f} +/- {((1 + ratio**2 / 104) / 2) ** 0.5:.1f}"


def goals(event: Event) -> Iterator[Row]:
    """The customer's table of money goals: chances wanted, today and as suggested."""
    for goal in event["money_goals"]:
        full = next(row for row in money_goals({**event, "money_goals": [goal]}))
        _, _, wanted, years, _, held, *chances = full
        told = chances[:2] if goal["probability_today"] is not None else chances[:1]
        yield goal["name"], wanted, years if goal["years"] else "now", held, *told, f"{goal['wanted_probability']:.0%}"


def proof(event: Event) -> Iterator[Row]:
    found = event["certificate"]
    shares = (f"{100 * found[name]:.2f}%" for name in ("gap", "target_gap"))
    yield f"{found['objective']:.6f}", f"{found['bound']:.6f}", *shares, f"{found['nodes']:,}", f"{found['leaves']:,}"


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
    "correlations": correlations,
    "costs": costs,
    "goals": goals,
    "money-goals": money_goals,
    "orders": orders,
    "owned": owned,
    "parcels": parcels,
    "pods": pods,
    "proof": proof,
    "standings": standings,
    "targets": targets,
    "today": today,
}
