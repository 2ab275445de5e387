"""A small night: a coordinator and the client killed, advice stopped meanwhile, orders, fills, the night after."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from support.commands import beside
from support.ports import free_ports

from night import audit
from night.client import CLIENT, STOP, deaths
from night.day import AFTER, FIRST, Night
from night.system import SECOND
from night.whole import page, whole_night

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CUSTOMERS = 8
# The first customers of this seed have cash, parcels, goals, a super fund, and a request that is impossible.
SEED = 7


async def test_a_small_night_loses_no_customer_no_unit_and_no_cent(tmp_path: Path) -> None:
    said: list[str] = []
    night = Night(
        tmp_path,
        CUSTOMERS,
        SEED,
        kills=2,
        challenge="none",
        only_due=True,
        in_flight=2,
        podfolio=beside,
        say=said.append,
        tell=lambda *_: None,
    )

    faults, again = await whole_night(night, free_ports(1)[0])

    assert faults == [], page(night, again, faults)
    names = [(one["run"], one["name"]) for one in audit.lines(tmp_path / "deaths.jsonl")]
    assert {(FIRST, CLIENT), (FIRST, SECOND), (FIRST, STOP)} <= set(names)
    ended = (tmp_path / f"{FIRST}.log").read_text(encoding="utf-8")
    assert "new advice is stopped" in ended
    assert "start the run again, with the same book and name, when the stop is lifted" in ended
    assert again.accounts > CUSTOMERS / 2
    assert "every customer is accounted for exactly once" in page(night, again, faults)

    # Each part of the audit can fail.
    first, second = tmp_path / FIRST, tmp_path / AFTER
    spoil(first / "events.jsonl", lambda lines: lines[:-1])
    assert audit.accounted(night.book, first)
    assert audit.archived(night.copy, first)
    spoil(night.next_book, lambda lines: [*lines[:-1], lines[-1].replace('"cash_aud": ', '"cash_aud": 1')])
    assert audit.conserved(night.book, night.next_book, night.filled, night.placed("csv"))
    spoil(night.placed("csv")[0], lambda lines: lines[:-1])
    assert audit.placed(night.events(FIRST), night.placed("csv"), night.placed("fix"))
    assert audit.shown(tmp_path / "records", ["none"])
    assert audit.killed(tmp_path / "deaths.jsonl", 100)
    assert json.loads((second / "report.json").read_text())["run"] == AFTER


def spoil(file: Path, change: Callable[[list[str]], list[str]]) -> None:
    lines = file.read_text(encoding="utf-8").splitlines()
    file.write_text("\n".join(change(lines)) + "\n", encoding="utf-8")


def test_the_client_dies_first_and_every_process_in_each_turn() -> None:
    names = ("second", "alpha", "server")
    planned = deaths(100, 8, names, seed=1)

    assert [one.name for one in planned[:4]] == [CLIENT, *names]
    assert {one.name for one in planned[4:]} == {CLIENT, *names}
    assert [one.after for one in planned] == sorted(one.after for one in planned)
    assert planned == deaths(100, 8, names, seed=1)
