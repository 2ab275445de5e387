"""One thing is counted as one: no sentence says "1 seals", whoever says it."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from support.packages import PACKAGES

from portfolio.counted import counted

ROOT = Path(__file__).parent.parent.parent
# Things that are counted in sentences. Money and measures (AUD, points, seconds) are no counts.
NOUNS = (
    "accounts|bytes|characters|comparisons|contracts|dates|days|draws|entries|ETFs|fields|goals|hashes|holdings|lines"
    "|markets|messages|moves|nodes|orders|parcels|payments|pods|portfolios|positions|requests|returns|rows|seals|steps|stops"
    "|streams|targets|times|units|years"
)
GAP_AND_NOUN = re.compile(rf"\}} (?:further |more |new |other |sealed )?(?:{NOUNS})\b")
# Where a count may stand before a plural: it is a constant above one, it has decimals (1.0 years), it is a bound or an
# amount within a sum ("3 of 9"), or only one thing is left out before: the case of one has a sentence of its own.
ALWAYS_SEVERAL = {
    "agents/mandate_files.py": "bounds",
    "backtest/statistics.py": "dates of a walk of years",
    "book/fills.py": "units of one day, bought and sold",
    "bus/language/messages/requests.py": "bounds",
    "bus/language/mistakes.py": "bounds of a schema",
    "bus/language/syntax.py": "thousands",
    "bus/port.py": "bytes of a message",
    "bus/process/workers.py": "the most attempts",
    "bus/transports/snapshots.py": "bytes of a market",
    "cli/client/removal.py": "bytes of a message",
    "cli/client/stops.py": "several in force, of which one is to be named",
    "cli/commands/market.py": "bytes of a market",
    "cli/pages/market.py": "returns of years",
    "cli/pages/backtest.py": "dates of a walk of years",
    "cli/system/kept.py": "times in a row",
    "cli/trust/pod_answers.py": "names",
    "cli/what_if/backtest.py": "at least 50 steps",
    "cli/what_if/frontier_page.py": "3 of 9",
    "cli/pages/bar.py": "3 of 9",
    "cli/wire_documents/page.py": "bounds, of which those of one are mended",
    "portfolio/account/switch.py": "decimals",
    "portfolio/check/": "faults of an event, for whoever mends the program",
    "portfolio/market/basis.py": "the case of one has words of its own",
    "portfolio/market/history/compare.py": "more payments than a year has",
    "portfolio/market/history/sample.py": "a constant",
    "portfolio/market/history/snapshot.py": "returns of years",
    "portfolio/robustness/words.py": "all draws",
    "portfolio/tax/": "faults of a program that calls it",
    "report/facts/given.py": "the case of one has words of its own",
    "report/facts/market.py": "3 of 9",
    "report/facts/fans.py": "the case of one has words of its own",
    "report/facts/payments.py": "parts of a year",
    "report/facts/sentences.py": "the days of the law",
    "report/story/money_goals.py": "the case of one has words of its own",
    "report/story/outcome.py": "3 of 9, and the case of one",
    "report/story/sure.py": "all draws",
    "report/story/targets.py": "3 of 9",
}


def templates(file: Path) -> list[str]:
    return [
        "".join(part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.JoinedStr)
    ]


def test_one_thing_and_many_things() -> None:
    assert counted(1, "order") == "1 order"
    assert counted(0, "order") == "0 orders"
    assert counted(2_000, "seal is", "seals are") == "2,000 seals are"


@pytest.mark.parametrize("package", PACKAGES)
def test_every_count_with_a_noun_goes_through_one_function(package: str) -> None:
    loose = [
        f"{place}: {text}"
        for file in sorted((ROOT / package).rglob("*.py"))
        if not (place := file.relative_to(ROOT).as_posix()).startswith(tuple(ALWAYS_SEVERAL))
        for text in templates(file)
        if GAP_AND_NOUN.search(text)
    ]

    assert loose == []


@pytest.mark.parametrize("page", ["messages", "wire", "archive", "book", "advisers", "backtest", "evidence"])
def test_no_page_counts_one_thing_as_many(page: str) -> None:
    text = (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8")

    assert re.findall(rf".*(?<![\d.,:-])\b1 (?:{NOUNS})\b.*", text) == []
