"""What a run did is told as it was, and written where the documentation wants it."""

from __future__ import annotations

import io
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from rich.console import Console
from support.requests_made import ROOT

from chaos.audit import Verdict
from chaos.fleet import End
from chaos.history import What
from chaos.judge import Judgement
from chaos.load import Load
from chaos.outages import Outage
from chaos.promptness import Promptness
from chaos.report import HEADING, meets_aim, page, write
from chaos.schedule import Kind
from chaos.storm import Outcome, Storm

if TYPE_CHECKING:
    from pathlib import Path

VERDICT = Verdict(
    wrong=(),
    stored=4,
    finals=4,
    outcomes={"optimised": 3, "deadline_exceeded": 1},
    unproven=0,
    cut=1,
    different=2,
    latencies_s=(0.1, 0.2, 0.3, 31.5),
    late_s=(1.5,),
)
JUDGEMENT = Judgement(
    wrong=(),
    tries={What.ACKNOWLEDGED: 4, What.UNKNOWN: 2},
    unknown_stored=1,
    sights=48,
    final_readings=12,
    prompt=Promptness(
        wrong=(),
        waited_s=(0.1, 31.7),
        late_s=(1.7, 9.0),
        early=0,
        promised=3,
        broken_s=(1.7,),
        outages=(Outage(3.0, 9.5), Outage(20.0, 24.0)),
    ),
)
OUTCOME = Outcome(
    storm=Storm(requests=4, seconds=60, faults=5, seed=9),
    verdict=VERDICT,
    judgement=JUDGEMENT,
    wrong=(),
    load=Load(seed=9, requests=4, rate=1, in_flight=1, acknowledged={"a", "b", "c", "d"}),
    faults=Counter({Kind.AGENT_KILLED: 3, Kind.SERVER_KILLED: 1}),
    skipped={Kind.DISK_FULL: "not allowed"},
    missed=1,
    took_s=61.0,
    starts=3,
    wasted={"agents": 1, "coordinators": 0},
    unasked=(End("coordinator-1", 1, "the first\nthe last word"), End("alpha-0", 1), End("beta-0", -6)),
)


def shown(outcome: Outcome) -> str:
    console = Console(width=140, file=io.StringIO())
    console.print(page(outcome))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_page_tells_what_was_done_and_what_was_not() -> None:
    text = shown(OUTCOME)

    for told in (
        "4 (3 optimised, 1 deadline_exceeded)",
        "4 in 61 s",
        "31.50 s",
        "1, at most by 1.5 s",
        "not allowed",
        "4 acknowledged, 2 unknown",
        "2, at most by 9.0 s",
        "1, at most by 1.7 s; of 3",
        "2 times, 10 s in all, at most 6.5 s",
        "Portfolios proven, but time cut",
        "2 with status 1, 1 with status -6",
        "coordinator-1 ended by itself with status 1; its last words:\nthe first\nthe last word",
    ):
        assert told in text
    assert "Every acknowledged request ended in exactly one final event" in text


def test_what_is_broken_is_not_said_to_be_whole() -> None:
    text = shown(replace(OUTCOME, wrong=("r1: acknowledged, and has 0 final events",)))

    assert "r1: acknowledged, and has 0 final events" in text
    assert "Every acknowledged request" not in text
    assert "Acknowledged and lost" in text


def test_the_aim_is_that_99_of_100_of_those_that_could_be_answered_keep_their_deadline() -> None:
    def of(promised: int) -> Outcome:
        prompt = replace(JUDGEMENT.prompt, promised=promised)
        return replace(OUTCOME, judgement=replace(JUDGEMENT, prompt=prompt))

    assert meets_aim(of(100))
    assert not meets_aim(of(99))
    assert "More than 1 of 100" in shown(of(99))


def test_only_the_last_section_of_the_document_is_replaced(tmp_path: Path) -> None:
    document = tmp_path / "reliability.md"
    before = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
    document.write_text(before, encoding="utf-8")

    write(document, OUTCOME)
    write(document, OUTCOME)

    text = document.read_text(encoding="utf-8")
    assert text.partition(HEADING)[0] == before.partition(HEADING)[0]
    assert text.count(HEADING) == 1
    assert "SEED=9" in text
    assert "| agent killed | 3 |" in text


def test_a_document_without_that_section_is_left_alone(tmp_path: Path) -> None:
    document = tmp_path / "other.md"
    document.write_text("# Other\n", encoding="utf-8")

    with pytest.raises(ValueError, match="has no section"):
        write(document, OUTCOME)

    assert document.read_text(encoding="utf-8") == "# Other\n"
