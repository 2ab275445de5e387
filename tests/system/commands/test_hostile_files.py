"""Every command that reads a file meets files that nobody means: it ends with one clear line, and never a traceback."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click
import pytest
from click.testing import CliRunner
from support.builders import final_event, request
from support.depth import some_of
from support.requests_made import REFERENCE, ROOT

from agents.__main__ import main as agent
from bus.language.messages import encode
from challenger.__main__ import main as challenger
from cli.__main__ import podfolio
from coordinator.__main__ import main as coordinator
from portfolio import files

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

MARKET = ROOT / "portfolio" / "markets" / "asx-outlook-2025-12"
NOBODY = ("--server", "nats://127.0.0.1:1")
GAMMA = (ROOT / "agents" / "gamma.toml").read_text(encoding="utf-8")
REQUEST = REFERENCE.read_text(encoding="utf-8")
BUDGET = ROOT / "examples" / "tax-budget.json"
# A date each, enough for returns by the week.
DATES = [f"2024-{month:02}-{day:02}" for month in range(1, 13) for day in (1, 8, 15, 22)]
PRICES = "date,VAS,BILL\n" + "".join(f"{day},{100 + i % 7},{50 + i / 100 + i % 2}\n" for i, day in enumerate(DATES))
FACTS = "ticker,name,asset_class\nVAS,Shares,equity\n"
PAYMENTS = "ticker,date,amount_aud,franked_share\nVAS,2024-11-01,1,0.5\n"
DIGITS, NESTS = "9" * 5_001, 5_000

# Whatever the format.
ANY: dict[str, bytes] = {
    "empty": b"",
    "a NUL": b"a\0b",
    "NULs": b"\0" * 1_000,
    "not UTF-8": b"\xff\xfe\xfa",
    "UTF-16": REQUEST.encode("utf-16"),
    "half a letter": b'"\xe2\x82',
    "escapes": b"\x1b[2J\x1b]0;owned\x07",
    "a quotation without an end": b'"' + b"x" * 200_000,
    "nested brackets": b"[" * NESTS,
    "nested brackets, closed": b"[" * NESTS + b"]" * NESTS,
    "nested objects": b'{"a":' * NESTS + b"1" + b"}" * NESTS,
    "a list of nested lists in TOML": b"a = " + b"[" * NESTS + b"]" * NESTS,
    "nested tables in TOML": b"a" + b".a" * NESTS + b" = 1",
    "nested inline tables in TOML": b"a = " + b"{a = " * NESTS + b"1" + b"}" * NESTS,
    "many digits": DIGITS.encode(),
    "many digits in JSON": f'{{"deadline_s": {DIGITS}}}'.encode(),
    "many digits in TOML": f"pod = {DIGITS}".encode(),
    "many commas": b"," * 100_000,
    "many lines": b"\n" * 100_000,
    "carriage returns": b"date\rVAS\r1",
    "half a character in JSON": b'{"request_id": "\\ud800", "type": "\\udfff"}',
    "numbers that are none": b'{"type": "MasterPortfolioOptimized", "version": NaN, "x": 1e999, "y": -Infinity}',
    "a final event of nonsense": b'{"type": "MasterPortfolioOptimized", "version": 1, "request_id": [[]]}',
}

FEW = ("empty", "NULs", "not UTF-8", "nested brackets", "many digits in JSON", "a final event of nonsense")


def changed(text: str, old: str, new: str) -> bytes:
    assert old in text
    return text.replace(old, new, 1).encode()


def last_price(day: str, price: str) -> bytes:
    return f"{PRICES}{day},{price},50\n".encode()


JSONS = {
    "digits in a field": changed(REQUEST, '"brokerage_aud": 10', f'"brokerage_aud": {DIGITS}'),
    "digits in a new field": changed(REQUEST, "{", f'{{"x": {DIGITS},'),
    "a deep field": changed(REQUEST, "{", '{"x": ' + "[" * 900 + "]" * 900 + ","),
    "a name that is a formula": changed(REQUEST, '"customer_id": "', '"customer_id": "=cmd|'),
    "a name with an escape": changed(REQUEST, '"customer_id": "', '"customer_id": "\\u001b['),
}
MANDATES = {
    "digits": changed(GAMMA, "max_position = ", f"max_position = {DIGITS} #"),
    "digits that Python takes": changed(GAMMA, "max_position = ", f"max_position = {'9' * 4_000} #"),
    "digits of a float": changed(GAMMA, "max_position = ", f"max_position = {'9' * 4_000}.0 #"),
    "a number that is none": changed(GAMMA, "max_position = ", "max_position = nan #"),
    "nested": changed(GAMMA, "max_position = ", "max_position = " + "[" * NESTS + "]" * NESTS + "#"),
    "a date": changed(GAMMA, "max_position = ", "max_position = 9999-12-31 #"),
    "an escape in a name": changed(GAMMA, "[goals]", '"\\u001b[2J" = 1\n[goals]'),
    "a formula": changed(GAMMA, 'purpose = "', 'purpose = "=HYPERLINK('),
    "a line's end": changed(GAMMA, 'purpose = "', 'purpose = "two\\n'),
    "turned around": changed(GAMMA, 'purpose = "', 'purpose = "a\\u202Eb'),
    "tags that hide a text": changed(GAMMA, 'purpose = "', 'purpose = "a\\U000E0041'),
    "a goal of digits": changed(GAMMA, "[goals]", f"[goals]\nliquidity = {'9' * 400}\n#"),
}
HISTORIES = {
    "the last day there is": last_price("9999-12-31", "100"),
    "the first day there is": last_price("0001-01-01", "100"),
    "a day too far": last_price("2200-01-01", "100"),
    "a tiny price": last_price("2025-01-01", "1e-308"),
    "a denormal price": last_price("2025-01-01", "5e-324"),
    "a huge price": last_price("2025-01-01", "1e308"),
    "a price that is infinite": last_price("2025-01-01", "1e999"),
    "a price of digits": last_price("2025-01-01", DIGITS),
    "a name for a ticker": PRICES.replace("VAS", "=VAS").encode(),
    "an escape in the header": PRICES.replace("date", "date\x1b[2J").encode(),
    "a thousand columns": ("x" + ",\x1b" * 1_000 + "\n").encode(),
}
NAMES = (
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "a\x1b[31m",
    "a\u202eb",
    "a\u2028b",
    "a\x85b",
    "a\U000e0041",
    "\uff1d1",
    "a\u200bb",
)
FACTS_OF = {
    **{f"a name {name!a}": f"ticker,name,asset_class\nVAS,{name},equity\n".encode() for name in NAMES},
    **{f"a class {name!a}": f"ticker,name,asset_class\nVAS,Shares,{name}\n".encode() for name in NAMES},
    "a name of two lines": b'ticker,name\nVAS,"a\nb"\n',
    "a tiny price": b"ticker,price_aud\nVAS,1e-308\n",
    "a huge price": b"ticker,price_aud\nVAS,1e308\n",
    "a first day too early": b"ticker,since\nVAS,0001-01-01\n",
    "a yield of digits": f"ticker,distribution_yield\nVAS,{DIGITS}\n".encode(),
}
PAID = {
    "a day too far": b"ticker,date,amount_aud,franked_share\nVAS,9999-12-31,1,0\n",
    "a day too early": b"ticker,date,amount_aud,franked_share\nVAS,0001-01-01,1,0\n",
    "a huge amount": b"ticker,date,amount_aud,franked_share\nVAS,2024-11-01,1e308,0\n",
}
IN_AND_OUT = {
    "a day too far": b"date,amount_aud\n9999-12-31,1\n",
    "a day too early": b"date,amount_aud\n0001-01-01,1\n",
    "a huge amount": b"date,amount_aud\n2024-11-01,-1e308\n",
    "an amount that is none": b"date,amount_aud\n2024-11-01,nan\n",
}


def etf(column: str, value: str) -> bytes:
    """Give the bundled market's ETFs, the first with another value."""
    header, first, *rest = (MARKET / "etfs.csv").read_text(encoding="utf-8").splitlines()
    cells = first.split(",")
    cells[header.split(",").index(column)] = value
    return "\n".join([header, ",".join(cells), *rest, ""]).encode()


ETFS = {
    **{f"a name {name!a}": etf("name", name) for name in NAMES},
    **{f"a class {name!a}": etf("asset_class", name) for name in NAMES},
    "a ticker that is none": etf("ticker", "=VAS"),
    "a tiny price": etf("price_aud", "1e-308"),
    "a huge price": etf("price_aud", "1e308"),
    "a huge yield": etf("distribution_yield", "1e308"),
    "a day": etf("since", "99999-12-31"),
    "digits": etf("liquidity", DIGITS),
    "a short row": etf("ticker", "VAS") + b"XYZ\n",
    "a long row": etf("ticker", "VAS") + b"XYZ" + b",1" * 50 + b"\n",
}


def moments(volatility: str, mean: str = "0.05") -> bytes:
    header, first, *rest = (MARKET / "moments.csv").read_text(encoding="utf-8").splitlines()
    ticker = first.split(",")[0]
    cells = dict(zip(header.split(","), [ticker, mean, volatility, "x"], strict=False))
    return "\n".join([header, ",".join(cells.get(name, "") for name in header.split(",")), *rest, ""]).encode()


MOMENTS = {"huge": moments("1e308"), "tiny": moments("1e-308"), "a huge mean": moments("0.1", "1e308")}


FILL = "order_id,day,units,price_aud,brokerage_aud\n"
ROW = "order_id,units,limit_aud,block_id,block_units\n"
FILLED = {
    "a formula": f"{FILL}=cmd|x,2025-11-10,1,1,0\n".encode(),
    "an order that is none": f"{FILL}r.S.VAS,2025-11-10,1,1,0\n".encode(),
    "an escape in the header": f"{FILL[:-1]},\x1b[2J,\x1b[2J\n".encode(),
    "a day too far": f"{FILL}r.S.VAS,9999-12-31,1,1,0\n".encode(),
    "units of digits": f"{FILL}r.S.VAS,2025-11-10,{DIGITS},1,0\n".encode(),
    "units of an exponent": f"{FILL}r.S.VAS,2025-11-10,1e999999999,1,0\n".encode(),
    "digits of another script": f"{FILL}r.S.VAS,2025-11-10,\u0661,1,0\n".encode(),
    "a price that is none": f"{FILL}r.S.VAS,2025-11-10,1,nan,0\n".encode(),
    "a short row": f"{FILL}r.S.VAS,2025-11-10\n".encode(),
    "a long row": f"{FILL}r.S.VAS,2025-11-10,1,1,0{',1' * 50}\n".encode(),
    "a field too long": f"{FILL}{'x' * 200_000},2025-11-10,1,1,0\n".encode(),
}


def reported(*fields: bytes) -> bytes:
    """Write a message of FIX whose length and sum are right."""
    body = b"".join(one + b"\x01" for one in (b"35=8", *fields))
    head = b"8=FIX.4.4\x019=%d\x01" % len(body)
    return head + body + b"10=%03d\x01" % (sum(head + body) % 256)


TRADE = (b"11=r.S.VAS", b"37=1", b"17=1", b"150=F", b"54=2", b"14=1", b"32=1", b"31=1", b"75=20251110")
REPORTED = {
    "an order that is none": reported(*TRADE),
    "a message cut off": reported(*TRADE)[:-9],
    "a length of digits": b"8=FIX.4.4\x019=9999999\x0135=8\x01",
    "a tag of digits": reported(b"9" * 9_999 + b"=1"),
    "a price of an exponent": reported(*TRADE[:-2], b"31=1e999999999", TRADE[-1]),
    "a day too far": reported(*TRADE[:-1], b"75=99991231"),
    "an escape": reported(b"11=\x1b[2J.S.VAS", *TRADE[1:]),
    "no text": reported(b"11=\xff\xfe", *TRADE[1:]),
    "a circle of orders": reported(*TRADE, b"41=a.S.VAS") + reported(b"11=a.S.VAS", *TRADE[1:], b"41=r.S.VAS"),
    "data beyond the end": reported(b"95=9999999", b"96=x", *TRADE),
}
PLACED = {
    "a formula": f"{ROW}r.S.VAS,1,1,=cmd|x,1\n".encode(),
    "a name that is no block's": f"{ROW}r.S.VAS,1,1,B,1\n".encode(),
    "an escape in a name": f"{ROW}r.S.VAS\x1b[2J,1,1,B.S.VAS.0,1\n".encode(),
    "a sum that is none": f"{ROW}r.S.VAS,1,1,B.S.VAS.0,2\n".encode(),
    "digits": f"{ROW}r.S.VAS,{DIGITS},1,B.S.VAS.0,2\n".encode(),
}


@dataclass(frozen=True)
class Reader:
    """A command that reads a file.

    Attributes:
        words: It, with ``FILE`` for the file and ``PLACE`` for a folder of its own.
        name: What the file is called there.
        more: Contents of its own format.
        command: What is run.
        refuses: Whether it refuses each content; else it tells of each line, and goes on.
        few: Whether it looks for a server in vain before it tells, which takes two seconds for each content.
    """

    words: tuple[str, ...]
    name: str
    more: dict[str, bytes]
    command: object = podfolio
    refuses: bool = True
    few: bool = False


# The public key of a seed of 32 zeros.
ADVISER = "UA5WUJ54Z23KILLCUOUNAKTPBVZWKMQVO4O6EQ5GHLAERIMLLHNCTYM5"
EXPORT = ("orders", "export")
TAKEN = ("--book", "PLACE/book.jsonl", "--events", "PLACE/event.json", "-o", "PLACE/next.jsonl")
BUILD = ("market", "build", "PLACE/prices.csv", "--return-is", "fund", "--id", "own", "--markets", "PLACE/markets")
OWN = ("own", "--markets", "PLACE/markets")
RUN = ("book", "run", str(REFERENCE), "-o", "PLACE/out", "--only", "due")
WALK = ("backtest", "PLACE/prices.csv", "--request", str(REFERENCE))
# Options of every command that connects: tried with ``watch``.
OF_CONNECTIONS = {"credentials", "nkey_seed", "ca"}
EVENT = {key: content for key, content in JSONS.items() if "name" not in key}
READERS = {
    "request": Reader(("request", "FILE", *NOBODY), "r.json", JSONS),
    "request under an id": Reader(("request", "FILE", "--request-id", "x", *NOBODY), "r.json", JSONS),
    "demo": Reader(("demo", "FILE"), "r.json", JSONS),
    "demo of a market": Reader(("demo", "FILE", "--market", "none-such"), "r.json", JSONS),
    "frontier": Reader(("frontier", "FILE"), "r.json", JSONS),
    "frontier with a mandate": Reader(
        ("frontier", str(REFERENCE), "--mandate", "FILE", "--max-etfs", "9..9"), "m.toml", MANDATES
    ),
    "compare": Reader(("compare", "FILE", str(REFERENCE)), "r.json", JSONS),
    "compare the second": Reader(("compare", str(REFERENCE), "FILE"), "r.json", JSONS),
    "verify": Reader(("verify", "FILE"), "e.json", EVENT),
    "verify by a key": Reader(("verify", "PLACE/event.json", "--key", "FILE"), "k.pub", {}),
    "report": Reader(("report", "FILE", *NOBODY), "e.json", EVENT),
    "report by a key": Reader(("report", "PLACE/event.json", "--key", "FILE"), "k.pub", {}),
    "market build": Reader(BUILD, "prices.csv", HISTORIES),
    "market build with facts": Reader((*BUILD, "--facts", "FILE"), "facts.csv", FACTS_OF),
    "market build with distributions": Reader((*BUILD, "--distributions", "FILE"), "paid.csv", PAID),
    "market publish": Reader(("market", "publish", *OWN, *NOBODY), "markets/own/etfs.csv", ETFS),
    "market publish of moments": Reader(("market", "publish", *OWN, *NOBODY), "markets/own/moments.csv", MOMENTS),
    "market publish of correlations": Reader(("market", "publish", *OWN, *NOBODY), "markets/own/correlations.csv", {}),
    "market show": Reader(("market", "show", *OWN), "markets/own/etfs.csv", ETFS),
    "market show of moments": Reader(("market", "show", *OWN), "markets/own/moments.csv", MOMENTS),
    "verify by a market": Reader(
        ("verify", "PLACE/event.json", "--market", "PLACE/markets/own"), "markets/own/etfs.csv", ETFS
    ),
    "keys": Reader(("keys", "PLACE/keys"), "keys/admin.pub", {}),
    "watch by a seed": Reader(("watch", "--nkey-seed", "FILE", *NOBODY), "s.nk", {}),
    "watch by credentials": Reader(("watch", "--credentials", "FILE", *NOBODY), "s.creds", {}),
    "watch by an authority": Reader(("watch", "--ca", "FILE", *NOBODY), "ca.pem", {}),
    "orders export": Reader(("orders", "export", "FILE"), "e.jsonl", EVENT),
    "orders export after fills": Reader(
        ("orders", "export", "PLACE/event.json", "--day", "2025-11-11", "--fills", "FILE"), "fills.csv", FILLED
    ),
    "orders export of a table": Reader(
        (
            "orders",
            "export",
            "PLACE/event.json",
            "--day",
            "2025-11-11",
            "--fills",
            "PLACE/filled.csv",
            "--orders",
            "FILE",
        ),
        "blocks.csv",
        PLACED,
    ),
    "orders export of the approved": Reader(
        ("orders", "export", "PLACE/event.json", "--require-approval", ADVISER, "--approvals", "FILE"),
        "a.jsonl",
        EVENT,
        refuses=False,
    ),
    "verify an approval": Reader(("verify", "PLACE/event.json", "--approval", "FILE"), "a.json", EVENT),
    "archive verify of a copy": Reader(("archive", "verify", "PLACE/copy"), "copy/messages.jsonl", EVENT),
    "archive restore of a copy": Reader(("archive", "restore", "PLACE/copy", *NOBODY), "copy/messages.jsonl", EVENT),
    "archive show of a copy": Reader(
        ("archive", "show", "--from", "PLACE/copy", "--customer", "c"), "copy/messages.jsonl", EVENT
    ),
    "record of a copy": Reader(
        ("record", "r", "-o", "PLACE/record", "--from", "PLACE/copy"), "copy/messages.jsonl", EVENT
    ),
    "record by keys": Reader(
        ("record", "r", "-o", "PLACE/record", "--from", "PLACE/copied", "--keys", "PLACE/keys"),
        "keys/coordinator.pub",
        {},
    ),
    "fills import": Reader(("fills", "import", "FILE", *TAKEN), "fills.csv", FILLED),
    "fills import of FIX": Reader(("fills", "import", "FILE", *TAKEN, "--brokerage", "9.50"), "fills.fix", REPORTED),
    "fills import of a book's events": Reader(("fills", "import", "PLACE/filled.csv", *TAKEN), "event.json", EVENT),
    "fills import of blocks": Reader(
        ("fills", "import", "PLACE/filled.csv", *TAKEN, "--orders", "FILE"), "blocks.csv", PLACED
    ),
    "agent": Reader(("FILE", *NOBODY), "m.toml", MANDATES, agent),
    "validate": Reader(("validate", "FILE"), "r.json", JSONS),
    "validate with a mandate": Reader(("validate", str(REFERENCE), "--mandate", "FILE"), "m.toml", MANDATES),
    "validate by a market": Reader(
        ("validate", "PLACE/own.json", "--market", "PLACE/markets/own"), "markets/own/etfs.csv", ETFS
    ),
    "plan": Reader(("plan", "FILE", "--years", "1"), "r.json", JSONS),
    "plan with a mandate": Reader(("plan", str(BUDGET), "--years", "1", "--mandate", "FILE"), "m.toml", MANDATES),
    "backtest": Reader(("backtest", "FILE", "--request", str(REFERENCE)), "prices.csv", HISTORIES),
    "backtest of a request": Reader(("backtest", "PLACE/prices.csv", "--request", "FILE"), "r.json", JSONS),
    "backtest with facts": Reader((*WALK, "--facts", "FILE"), "facts.csv", FACTS_OF),
    "backtest with distributions": Reader((*WALK, "--distributions", "FILE"), "paid.csv", PAID),
    "backtest with payments": Reader((*WALK, "--payments", "FILE"), "in-and-out.csv", IN_AND_OUT),
    "backtest with a mandate": Reader((*WALK, "--mandate", "FILE"), "m.toml", MANDATES),
    "verify a challenge": Reader(("verify", "PLACE/event.json", "--challenge", "FILE"), "c.json", EVENT),
    "verify by pods' keys": Reader(
        ("verify", "PLACE/event.json", "--pod-keys", "PLACE/keys"), "keys/pod-alpha.pub", {}
    ),
    "report with a challenge": Reader(("report", "PLACE/event.json", "--challenge", "FILE", *NOBODY), "c.json", EVENT),
    "fake": Reader(("fake", "--event", "FILE"), "e.json", EVENT),
    "fake of a recording": Reader(("fake", "--replay", "FILE"), "e.jsonl", EVENT),
    "book run": Reader(("book", "run", "FILE", "-o", "PLACE/out", *NOBODY), "book.jsonl", {}, few=True),
    "book run with events": Reader((*RUN, "--events", "FILE", *NOBODY), "e.jsonl", {}, few=True),
    "book due": Reader(("book", "due", "FILE"), "book.jsonl", JSONS, refuses=False),
    "book due with events": Reader(
        ("book", "due", "PLACE/book.jsonl", "--events", "FILE"), "e.jsonl", EVENT, refuses=False
    ),
    "fills import of a book": Reader(
        ("fills", "import", "PLACE/filled.csv", "--book", "FILE", *TAKEN[2:]), "book.jsonl", JSONS, refuses=False
    ),
    "coordinator by pods' keys": Reader(("--pod-keys", "PLACE/keys", *NOBODY), "keys/pod-alpha.pub", {}, coordinator),
    "coordinator with a provider": Reader(("--provider", "FILE", *NOBODY), "p.json", JSONS, coordinator),
}


@pytest.fixture(scope="module")
def event() -> bytes:
    return encode(final_event(request()))


@pytest.fixture
def place(tmp_path: Path, event: bytes) -> Path:
    """A folder in which everything is as it should be."""
    (tmp_path / "prices.csv").write_text(PRICES, encoding="utf-8")
    shutil.copytree(MARKET, tmp_path / "markets" / "own")
    (tmp_path / "event.json").write_bytes(event)
    (tmp_path / "book.jsonl").write_bytes(json.dumps(json.loads(REQUEST)).encode())
    (tmp_path / "own.json").write_text(json.dumps({**json.loads(REQUEST), "market": "own"}), encoding="utf-8")
    (tmp_path / "filled.csv").write_text(FILL, encoding="utf-8")
    (tmp_path / "keys").mkdir(mode=0o700)
    (tmp_path / "copy").mkdir()
    shutil.copytree(tmp_path / "copy", tmp_path / "copied")
    (tmp_path / "copied" / "messages.jsonl").touch()
    return tmp_path


def _of_podfolio() -> dict[str, str]:
    """Read our own variables of this process's environment."""
    return {name: value for name, value in os.environ.items() if name.startswith("PODFOLIO_")}


def run(reader: Reader, place: Path) -> tuple[int, str]:
    """Run a command; give its exit status, and what it said. A traceback is an error here."""
    file = place / reader.name
    words = [word.replace("FILE", str(file)).replace("PLACE", str(place)) for word in reader.words]
    before = _of_podfolio()
    result = CliRunner().invoke(reader.command, words)  # type: ignore[arg-type]
    assert _of_podfolio() == before, "a command that is run here leaves nothing for the next"
    if result.exception and not isinstance(result.exception, SystemExit):
        raise AssertionError(words) from result.exception
    return result.exit_code, result.output


def refused(reader: Reader, place: Path) -> None:
    status, said = run(reader, place)
    assert status != 0 or not reader.refuses, said
    assert "Traceback" not in said
    assert all(letter.isprintable() or letter == "\n" for letter in said), ascii(said)
    assert len(said) < 5_000, said
    assert said.strip()


def contents(name: str) -> dict[str, bytes]:
    return {what: ANY[what] for what in FEW} if READERS[name].few else ANY | READERS[name].more


CASES = [(name, what) for name in READERS for what in contents(name)]


@pytest.mark.parametrize(("name", "what"), some_of(CASES, every=14))
def test_a_file_that_nobody_means_is_refused_in_a_line(place: Path, name: str, what: str) -> None:
    reader = READERS[name]
    (place / reader.name).write_bytes(contents(name)[what])

    refused(reader, place)


def given(reader: Reader, parameter: click.Parameter) -> bool:
    """Whether a reader gives its file, or the file's folder, as the parameter of its command."""
    words = reader.words if reader.command is not podfolio else reader.words[1:]
    folder = reader.name.rpartition("/")[0]
    theirs = {"FILE", f"PLACE/{reader.name}", f"PLACE/{folder}"}
    places = [at for at, word in enumerate(words) if word in theirs]
    if isinstance(parameter, click.Option):
        return any(at and words[at - 1] in parameter.opts for at in places)
    return any(not at or not words[at - 1].startswith("-") for at in places)


def reading(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Parameter]]:
    """Find every parameter of a command and of those below that names a file or folder to read."""
    for name, below in getattr(command, "commands", {}).items():
        yield from reading(below, (*path, name))
    for parameter in command.params:
        if isinstance(parameter.type, click.Path) and parameter.type.exists and parameter.name not in OF_CONNECTIONS:
            yield path, parameter


@pytest.mark.parametrize("program", [podfolio, agent, coordinator, challenger], ids=lambda program: program.name)
def test_each_file_that_a_command_reads_is_tried(program: click.Command) -> None:
    tried = [reader for reader in READERS.values() if reader.command is program]

    assert [
        (path, parameter.name)
        for path, parameter in reading(program)
        if not any(reader.words[: len(path)] == path and given(reader, parameter) for reader in tried)
    ] == []


def a_folder(file: Path) -> None:
    file.unlink(missing_ok=True)
    file.mkdir()


def nothing(file: Path) -> None:
    file.unlink(missing_ok=True)


def without_end(file: Path) -> None:
    file.unlink(missing_ok=True)
    file.symlink_to("/dev/zero")


def itself(file: Path) -> None:
    file.unlink(missing_ok=True)
    file.symlink_to(file)


@pytest.mark.parametrize(
    ("name", "put"),
    some_of([(name, put) for name in sorted(READERS) for put in (a_folder, nothing, without_end, itself)], every=3),
)
def test_what_is_no_file_or_has_no_end_is_refused_in_a_line(
    place: Path, name: str, put: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Of the real limits, a second each would be spent on reading.
    monkeypatch.setattr(files.read_bytes, "__kwdefaults__", {"most": 2**20})
    monkeypatch.setattr("portfolio.market.history.table.MOST_TABLE_BYTES", 2**20)
    if (name, put) == ("keys", nothing):
        return  # then it makes one
    put(place / READERS[name].name)

    refused(READERS[name], place)


@pytest.mark.parametrize(
    "name", ["O'Brien & Söhne", "客户 一号", "עברית", "العربية", "Ångström-Fonds (EUR)", "5 % Fund, No. 1"]
)
def test_a_name_that_people_have_is_taken(place: Path, name: str) -> None:
    quoted = f'"{name}"'
    (place / "facts.csv").write_text(f"ticker,name\nVAS,{quoted}\n", encoding="utf-8")
    body = json.loads(REQUEST)
    body["customer"]["customer_id"] = name
    (place / "r.json").write_text(json.dumps(body), encoding="utf-8")

    built = run(READERS["market build with facts"], place)
    compared = run(READERS["compare"], place)

    assert built[0] == 1, "the market of this name was there already"
    assert "another market" in built[1]
    assert compared[0] == 0, compared[1]
