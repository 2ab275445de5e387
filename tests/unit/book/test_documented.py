"""The example of docs/book.md: its commands, its fills, and the answers that it shows."""

from __future__ import annotations

import csv
import re
import shlex
from typing import TYPE_CHECKING

from support.advised import advised, asked, holding, line, order
from support.commands import here
from support.requests_made import ROOT

from bus.language.messages import encode

if TYPE_CHECKING:
    from pathlib import Path

_, PAGE = (ROOT / "docs" / "book.md").read_text(encoding="utf-8").split("## Orders out, fills back\n")
COMMANDS = [shlex.split(words, comments=True) for words in re.findall(r"^    podfolio (.*)$", PAGE, re.MULTILINE)]
(FILLS,) = re.findall(r"```csv\n(.*?)```", PAGE, re.DOTALL)
(TOLD,) = re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL)


def test_the_example_of_the_page_is_as_shown(tmp_path: Path) -> None:
    first = asked("c-1", holdings=[holding("VAS", ("2016-03-15", 100, 6_510.0))])
    second = asked("c-2", holdings=[holding("VAS", ("2016-03-15", 50, 3_255.0))])
    events = (
        advised(first, order("sell", "VAS", 100, 108.83, ("2016-03-15", 100)), order("buy", "VAF", 200, 46.49)),
        advised(second, order("sell", "VAS", 50, 108.83, ("2016-03-15", 50))),
    )
    (tmp_path / "EVENTS.jsonl").write_bytes(b"".join(encode(event) + b"\n" for event in events))
    (tmp_path / "BOOK.jsonl").write_bytes(b"".join(line(request).body + b"\n" for request in (first, second)))
    (tmp_path / "fills-1.csv").write_text(FILLS)
    (tmp_path / "fills-2.csv").write_text(f"{FILLS.splitlines()[0]}\nnight_1_c-1.B.VAF,2025-11-12,200,46.49,9.50\n")

    def ran(words: list[str]) -> str:
        placed = (str(tmp_path / word) if word.endswith((".csv", ".jsonl")) else word for word in words)
        status, out, errors = here(*placed)
        assert status == 0, errors
        return out

    assert [words[:2] for words in COMMANDS] == [["orders", "export"], ["fills", "import"]] * 2
    outs = [ran(words) for words in COMMANDS]
    assert outs[1].startswith(TOLD)
    # 80 x 108.80 less 6.33 of 9.50, and 1,000: 9,697.67 AUD buy all 200 at 46.72 with 10 of brokerage.
    with (tmp_path / "wednesday.csv").open(newline="") as opened:
        (purchase,) = csv.DictReader(opened)
    assert (purchase["order_id"], purchase["units"], purchase["limit_aud"]) == ("night_1_c-1.B.VAF", "200", "46.72")
    assert "VAF" not in outs[3], "bought"
