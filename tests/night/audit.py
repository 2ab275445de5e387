"""What a night, its orders and fills, the second night and the archive must satisfy, from their files alone.

Each function returns faults in words: none where all is well. Nothing here uses the code that wrote the files.
"""

from __future__ import annotations

import csv
import json
from collections import Counter, defaultdict
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

_CENT = Decimal("0.01")
# An account that has this part of its worth in unfilled orders has a reason to trade again.
_UNFILLED = 0.01
# Of all accounts that were filled: the share that is told to trade again, and what they are told to buy or sell.
MOST_AGAIN, MOST_TURNOVER = 0.25, 0.01
_RECORD = {"record.html", "report.html", "manifest.json", "messages.jsonl"}


def lines(file: Path) -> Iterator[dict[str, Any]]:
    """Read a file of JSON lines."""
    with file.open(encoding="utf-8") as opened:
        for line in opened:
            yield json.loads(line)


def rows(file: Path) -> list[dict[str, str]]:
    """Read a table."""
    with file.open(encoding="utf-8", newline="") as opened:
        return list(csv.DictReader(opened))


def accounted(book: Path, night: Path, due: set[str] | None = None) -> list[str]:
    """See that each customer of a book has one row, in the book's order, and one event where one was asked for.

    Args:
        book: The book that was asked.
        night: The folder of the run.
        due: The customers that a run with ``--only due`` asks for; None for all.
    """
    asked = [line["customer"]["customer_id"] for line in lines(book)]
    if due is not None:
        asked = [customer for customer in asked if customer in due]
    report = json.loads((night / "report.json").read_text(encoding="utf-8"))
    told = [row["customer_id"] for row in report["rows"]]
    faults = []
    if told != asked:
        missing, more = Counter(asked) - Counter(told), Counter(told) - Counter(asked)
        faults.append(f"{night.name}: not in the report: {sorted(missing)}; too often: {sorted(more)}")
    if sum(report["outcomes"].values()) != len(asked):
        faults.append(f"{night.name}: the outcomes add up to {sum(report['outcomes'].values())} of {len(asked)}")
    wanted = [row["request_id"] for row in report["rows"] if row["request_id"]]
    there = [event["request_id"] for event in lines(night / "events.jsonl")]
    if there != wanted:
        faults.append(f"{night.name}: {len(there)} events of {len(wanted)} requests, or in another order")
    if [row["request_id"] for row in rows(night / "accounts.csv") if row["request_id"]] != wanted:
        faults.append(f"{night.name}: accounts.csv and report.json differ")
    return faults


def archived(copy: Path, night: Path) -> list[str]:
    """See that the archive has one final event per request, and one request per account that was not refused for load.

    The events of the night are those of the last request of each account.
    """
    requests: Counter[str] = Counter()
    finals: dict[str, list[str]] = defaultdict(list)
    for message in lines(copy / "messages.jsonl"):
        kind, _, key = message["subject"].removeprefix("podfolio.v1.").partition(".")
        if not key.startswith(f"{night.name}_"):
            continue
        if kind == "request":
            requests[key] += 1
        elif kind == "final":
            finals[key].append(message["data"])
    faults = [f"{key}: {count} requests in the archive" for key, count in requests.items() if count != 1]
    faults += [f"{key}: {len(there)} final events in the archive" for key, there in finals.items() if len(there) != 1]
    faults += [f"{key}: no final event in the archive" for key in requests.keys() - finals.keys()]
    faults += [f"{key}: a final event without a request" for key in finals.keys() - requests.keys()]
    events = {event["request_id"]: event for event in lines(night / "events.jsonl")}
    if missing := events.keys() - finals.keys():
        faults.append(f"{night.name}: not in the archive: {sorted(missing)[:5]}")
    return faults + list(_earlier({key: json.loads(there[0]) for key, there in finals.items()}, events))


def _earlier(finals: Mapping[str, dict[str, Any]], events: Mapping[str, dict[str, Any]]) -> Iterator[str]:
    """See that all but the last final event of each account are refusals for load or because of a stop."""
    last: dict[str, int] = {}
    for key in finals:
        _, attempt, customer = key.split("_", 2)
        last[customer] = max(last.get(customer, 0), int(attempt))
    for key, told in finals.items():
        _, attempt, customer = key.split("_", 2)
        if int(attempt) == last[customer]:
            if events.get(key) != told:
                yield f"{key}: events.jsonl has another event than the archive"
        elif told.get("reason") not in {"overloaded", "deadline_exceeded", "stopped"}:
            yield f"{key}: asked again after {told.get('reason', told['type'])}"


def placed(events: Path, tables: Sequence[Path], messages: Sequence[Path]) -> list[str]:
    """See that every order was placed or told to be cut, none beyond its units, and FIX says the same as CSV."""
    ordered = {
        f"{event['request_id']}.{order['side'][0].upper()}.{order['ticker']}": round(order["units"])
        for event in lines(events)
        for order in (event.get("trading") or {}).get("orders", ())
    }
    faults, most = [], Counter[str]()
    for table, message in zip(tables, messages, strict=True):
        there = rows(table)
        blocks: dict[str, Counter[str]] = defaultdict(Counter)
        for row in there:
            most[row["order_id"]] = max(most[row["order_id"]], int(row["units"]))
            blocks[row["block_id"]][row["order_id"]] += int(row["units"])
        told = dict(_blocks_of_fix(message))
        if told != {key: (sum(one.values()), dict(one)) for key, one in blocks.items()}:
            faults.append(f"{message.name} and {table.name} have other blocks")
    faults += [f"{key}: {n} units placed of {ordered.get(key)}" for key, n in most.items() if n > ordered.get(key, 0)]
    # A purchase that the money of no day is enough for is told to be cut to nothing; each sale must be there.
    faults += [f"{key}: a sale that was never placed" for key in ordered.keys() - most.keys() if ".S." in key]
    return faults


def _blocks_of_fix(file: Path) -> Iterator[tuple[str, tuple[int, dict[str, int]]]]:
    """Read the units and the allocations of each block."""
    for line in file.read_bytes().splitlines():
        fields = [field.split(b"=", 1) for field in line.rstrip(b"\x01").split(b"\x01")]
        first = {tag: value.decode() for tag, value in reversed(fields)}
        keys = [value.decode() for tag, value in fields if tag == b"467"]
        units = [int(value) for tag, value in fields if tag == b"80"]
        yield first[b"11"], (int(first[b"38"]), dict(zip(keys, units, strict=True)))


def conserved(book: Path, after: Path, fills: Sequence[Path], tables: Sequence[Path]) -> list[str]:
    """See that the fills, and nothing else, moved units and money between the book and the next book, to the cent."""
    sides = {row["block_id"]: (row["side"], row["code"]) for table in tables for row in rows(table)}
    units: dict[str, int] = defaultdict(int)
    money = Decimal(0)
    for file in fills:
        for fill in rows(file):
            side, code = sides[fill["order_id"]]
            sign = 1 if side == "buy" else -1
            value = (int(fill["units"]) * Decimal(fill["price_aud"])).quantize(_CENT, ROUND_HALF_UP)
            units[code] += sign * int(fill["units"])
            money -= sign * value + Decimal(fill["brokerage_aud"])
    moved: dict[str, int] = defaultdict(int)
    paid = Decimal(0)
    for was, now in zip(lines(book), lines(after), strict=True):
        if was["customer"]["customer_id"] != now["customer"]["customer_id"]:
            return ["the next book has another order of customers"]
        paid += _cash(now) - _cash(was)
        for account, sign in ((was.get("account"), -1), (now.get("account"), 1)):
            for holding in (account or {}).get("holdings", ()):
                moved[holding["ticker"]] += sign * round(sum(parcel["units"] for parcel in holding["parcels"]))
    faults = []
    if {code: n for code, n in moved.items() if n} != {code: n for code, n in units.items() if n}:
        differing = sorted(code for code in {*moved, *units} if moved.get(code, 0) != units.get(code, 0))
        faults.append(f"units of {differing} moved otherwise than they were filled")
    if paid != money:
        faults.append(f"cash moved by {paid} AUD, and the fills are {money} AUD")
    return faults


def _cash(request: Mapping[str, Any]) -> Decimal:
    account = request.get("account") or {}
    return Decimal(repr(account.get("cash_aud", 0))) + Decimal(repr(account.get("contribution_aud", 0)))


@dataclass(frozen=True, slots=True)
class Again:
    """What the second night tells the accounts that the first night's orders were for.

    Attributes:
        accounts: Accounts with orders in the first night.
        filled: Of these, accounts whose orders were filled but for 1 % of their worth.
        told: Of the filled accounts, those that are told to trade again.
        told_unfilled: Of the others, those that are told to trade again.
        worth_aud: Worth of the filled accounts, AUD.
        traded_aud: Half of the purchases and sales that the filled accounts are told of, AUD.
        largest: The largest such trade, as a share of the account.
        cost_aud: Cost of these trades, AUD.
        first_aud: Half of the purchases and sales of all accounts in the first night, AUD.
        second_aud: The same in the second night.
    """

    accounts: int
    filled: int
    told: int
    told_unfilled: int
    worth_aud: float
    traded_aud: float
    largest: float
    cost_aud: float
    first_aud: float
    second_aud: float

    @property
    def share(self) -> float:
        """The share of the filled accounts that are told to trade again."""
        return self.told / self.filled if self.filled else 0.0

    @property
    def turnover(self) -> float:
        """The traded part of the filled accounts."""
        return self.traded_aud / self.worth_aud if self.worth_aud else 0.0

    def faults(self) -> list[str]:
        """Say where the second night proposes much."""
        found = []
        if self.share > MOST_AGAIN:
            found.append(
                f"{self.told} of {self.filled} filled accounts are told to trade again, above {MOST_AGAIN:.0%}"
            )
        if self.turnover > MOST_TURNOVER:
            found.append(f"the filled accounts are told to trade {self.turnover:.2%}, above {MOST_TURNOVER:.0%}")
        return found


def again(first: Path, second: Path, unfilled: Path) -> Again:
    """Measure the second night, by the words of the import about unfilled orders and the reports of both nights."""
    prices, worth = {}, {}
    for event in lines(first / "events.jsonl"):
        for order in (event.get("trading") or {}).get("orders", ()):
            prices[event["customer_id"], order["side"], order["ticker"]] = order["price_aud"]
            worth[event["customer_id"]] = event["terms"]["total_capital_aud"]
    open_aud: dict[str, float] = defaultdict(float)
    for customer, side, code, units in _unfilled(unfilled):
        open_aud[customer] += units * prices[customer, side, code]
    nights = [json.loads((night / "report.json").read_text(encoding="utf-8"))["rows"] for night in (first, second)]
    filled = {customer for customer in worth if open_aud[customer] <= _UNFILLED * worth[customer]}
    orders = {row["customer_id"]: row for row in nights[1] if row["orders"]}
    told = filled & orders.keys()
    traded = {customer: _traded(orders[customer]) for customer in told}
    return Again(
        accounts=len(worth),
        filled=len(filled),
        told=len(told),
        told_unfilled=len((worth.keys() - filled) & orders.keys()),
        worth_aud=sum(worth[customer] for customer in filled),
        traded_aud=sum(traded.values()),
        largest=max((aud / worth[customer] for customer, aud in traded.items()), default=0.0),
        cost_aud=sum(orders[customer]["cost_aud"] for customer in told),
        first_aud=sum(map(_traded, nights[0])),
        second_aud=sum(map(_traded, nights[1])),
    )


def _traded(row: Mapping[str, Any]) -> float:
    return float(row["bought_aud"] + row["sold_aud"]) / 2


def _unfilled(told: Path) -> Iterator[tuple[str, str, str, int]]:
    """Read the rests of orders, as ``podfolio fills import`` tells them."""
    for line in told.read_text(encoding="utf-8").splitlines():
        customer, _, words = line.partition(": ")
        if words.endswith(")") and " are not " in words:
            units, _, _, code, *_ = words.split()
            yield customer, "sell" if " are not sold " in words else "buy", code, int(units)


def shown(folder: Path, request_ids: Iterable[str]) -> list[str]:
    """See that a record has every part of a customer's file."""
    faults = []
    for request_id in request_ids:
        there = {file.name for file in (folder / request_id).glob("*")}
        if missing := _RECORD - there:
            faults.append(f"the record of {request_id} lacks {sorted(missing)}")
    return faults


def killed(happened: Path, wanted: int) -> list[str]:
    """See that as many processes were killed as planned, replicas and the client among them."""
    names = [one["name"] for one in lines(happened)] if happened.exists() else []
    if len(names) < wanted:
        return [f"{len(names)} processes were killed, {wanted} were planned"]
    return []
