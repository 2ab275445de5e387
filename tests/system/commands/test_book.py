"""A book of few accounts asked of a real system: each accounted for, one run killed, and the same bytes in the end."""

from __future__ import annotations

import asyncio
import csv
import json
import signal
import sys
from typing import TYPE_CHECKING, Any

from pyarrow import parquet
from support.commands import beside
from support.processes import ANSWER_S
from support.requests_made import OUTLOOK, ROOT, body

from bus.language import subjects
from bus.language.messages import parse_final

if TYPE_CHECKING:
    from pathlib import Path

    from support.processes import Site

# Enough pods, and far more time than a busy machine needs: a second try would stand under another id.
TERMS = {"pod_weights": {"beta": 0.5, "gamma": 0.5}, "market": OUTLOOK, "deadline_s": 600, "challenge": "none"}


def account(customer_id: str, *, cash_aud: float, **changes: object) -> dict[str, Any]:
    made = body(customer={"customer_id": customer_id}, account={"as_of": "2025-11-10", "cash_aud": cash_aud}, **TERMS)
    del made["request_id"]
    return {**made, **changes}


def model(customer_id: str) -> dict[str, Any]:
    made = account(customer_id, cash_aud=0.0)
    del made["account"]
    return {**made, "customer": {"customer_id": customer_id, "total_capital_aud": 50_000.0}}


BOOK = [
    account("c-1", cash_aud=40_000.0),
    account("c-2", cash_aud=60_000.0),
    account("impossible", cash_aud=50_000.0, rules={"max_etfs": 1}),
    account("bad", cash_aud=50_000.0, rules={"max_eft": 4}),
    account("twice", cash_aud=50_000.0),
    account("twice", cash_aud=51_000.0),
    model("a model"),
]
TEXTS = ("accounts.csv", "orders.csv", "report.json", "report.html")


def written(folder: Path) -> Path:
    book = folder / "book.jsonl"
    book.write_text("".join(json.dumps(line) + "\n" for line in BOOK) + "{no json\n", encoding="utf-8")
    return book


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "accounts.csv").open(encoding="utf-8", newline="") as opened:
        return list(csv.DictReader(opened))


async def test_every_account_is_accounted_for_and_a_killed_run_ends_with_the_same_bytes(
    shared: Site, tmp_path: Path
) -> None:
    book = written(tmp_path)
    command = ("book", "run", str(book), "--server", shared.url, "--parquet")

    status, out, _ = await beside(*command, "--run", "whole", "-o", str(tmp_path / "whole"))

    assert status == 0
    assert "run whole: 8 accounts" in out
    found = {(row["place"], row["customer_id"]): row for row in rows(tmp_path / "whole")}
    outcomes = {customer: row["outcome"] for (_, customer), row in found.items()}
    assert outcomes == {
        "c-1": "ordered",
        "c-2": "ordered",
        "impossible": "refused",
        "bad": "not_asked",
        "twice": "not_asked",
        "a model": "model",
        "": "not_asked",
    }
    assert found["line 3", "impossible"]["reason"] == "rules_conflict"
    assert found["line 4", "bad"]["person"] == "rules.max_eft is not known: write max_etfs"
    assert "not JSON" in found["line 8", ""]["person"]
    # The orders are those of the event in the stream, to the last digit.
    event = await shared.final(found["line 1", "c-1"]["request_id"])
    told = [(order.side.value, order.ticker, order.units) for order in event.trading.orders]
    orders = parquet.read_table(tmp_path / "whole" / "orders.parquet").to_pylist()
    assert [(one["side"], one["ticker"], one["units"]) for one in orders if one["customer_id"] == "c-1"] == told
    events = parquet.read_table(tmp_path / "whole" / "events.parquet").to_pylist()
    assert [parse_final(one["event"].encode()).customer_id for one in events] == ["c-1", "c-2", "impossible", "a model"]

    await killed_after_the_first_answer(shared, *command, "--run", "ended", "--in-flight", "1", "-o", str(tmp_path))
    assert (await beside(*command, "--run", "ended", "-o", str(tmp_path / "ended")))[0] == 0

    for name in TEXTS:
        whole, ended = ((tmp_path / run / name).read_text(encoding="utf-8") for run in ("whole", "ended"))
        assert ended.replace("ended", "whole") == whole, name
    # Started once more, it reads what is there, and every byte is the same.
    assert (await beside(*command, "--run", "ended", "-o", str(tmp_path / "again")))[0] == 0
    names = sorted(file.name for file in (tmp_path / "ended").iterdir())
    assert names == sorted([*TEXTS, "events.jsonl", "events.parquet", "orders.parquet"])
    for name in names:
        assert (tmp_path / "again" / name).read_bytes() == (tmp_path / "ended" / name).read_bytes(), name

    # The orders were never carried out: all are due but the model, which has no account to drift.
    events_file = str(tmp_path / "ended" / "events.jsonl")
    status, out, errors = await beside("book", "due", str(book), "--events", events_file)
    assert (status, errors) == (0, "7 of 8 accounts due\n")
    assert "bad (line 4): there is no suggestion for this customer yet" in out
    only = ("--only", "due", "--events", events_file, "--run", "due", "-o", str(tmp_path / "due"))
    assert "run due: 7 accounts" in (await beside(*command, *only))[1]


async def killed_after_the_first_answer(site: Site, *command: str) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "cli", *command, cwd=ROOT, stderr=asyncio.subprocess.DEVNULL
    )
    async with asyncio.timeout(ANSWER_S):
        while not await site.bus.record([subjects.final("ended_1_c-1")]):  # noqa: ASYNC110 - one look at a time
            await asyncio.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert await process.wait() == -signal.SIGKILL, "it ended before it was killed"
