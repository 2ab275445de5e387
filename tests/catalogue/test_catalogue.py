"""The catalogue is what the code says, and what the code says keeps to one tone."""

from __future__ import annotations

import re
from difflib import unified_diff
from typing import TYPE_CHECKING

import pytest

from bus.language.messages import Reason
from catalogue.page import page
from catalogue.placeholders import literals, pattern
from catalogue.places import CHAPTERS, place_of
from catalogue.provoked import provoked
from catalogue.sentences import ROOT, Sentence, sentences

if TYPE_CHECKING:
    from collections.abc import Sequence

pytestmark = pytest.mark.xdist_group("answers")  # ``support.reported`` has each answer once a process

# What a solver found may differ from machine to machine in its last digit.
NUMBER = re.compile(r"-?\d[\d,.]*(e[+-]?\d+)?")

AMERICAN = re.compile(
    r"\b(optimiz|realiz|normaliz|minimiz|maximiz|organiz|recogniz|authoriz|penaliz|capitaliz|summariz|color|center|favor"
    r"|behavior|neighbor|labor|catalog\b|cancel(ed|ing)|model(ed|ing)\b|license[ds]?\b|analyz|gray)",
    re.IGNORECASE,
)
HARSH = re.compile(r"\b(illegal|abort\w*|bad|please|sorry|oops|fatal|forbidden)\b|!", re.IGNORECASE)
# Of Python: how it shows objects, and names of classes that are no message's.
OF_PYTHON = re.compile(
    r"<\w+[ .:]|\bobject at\b|np\.|\bNone\b|\bTrue\b|\bFalse\b|Errno|Traceback|\b(Enum|Reason|Measure)\."
)
CLASS = re.compile(r"\b[A-Z][a-z]+(Error|Exception)\b")
QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
ENDS_LOOSE = re.compile(r"[,;(]$|\s$|\.\.$|\?$")

# What an error calls for: something to do, to give, or to be.
REMEDY = re.compile(
    r"\b(add|allow|ask|back|change|choose|connect|copy|correct|delete|deploy|ease|end|give|install|leave|lower|make|mend"
    r"|move|must|name|publish|put|raise|restart|report|run|say|see|separate|set|start|state|stop|try|use|write)\b"
    r"|the goals of this request are|; it has|the end of \{log\}|its log says"
)
# Errors that are a part of a sentence with a remedy, or of what `podfolio verify` lists; and those that only a program
# of one's own meets.
WITHOUT_REMEDY = (
    "bus/language/archived.py",
    "bus/language/exact.py",
    "bus/transports/jetstream/consumers/observer.py::read_frames",
    "bus/transports/jetstream/connection/protocol.py",
    "bus/transports/jetstream/storage/publication.py",
    "bus/transports/jetstream/connection/questions.py",
    "bus/transports/jetstream/storage/record.py",
    "bus/transports/jetstream/connection/wire.py::ask_all",
    "bus/transports/jetstream/connection/wire.py::send",
    "bus/language/signing.py",
    "cli/trust/pod_answers.py",
    "cli/trust/verify.py",
    "coordinator/decisions.py::_read_answer",
    "coordinator/genuine.py::_genuine",
    "coordinator/server_time.py",
    "coordinator/shell.py::consider",
    "portfolio/check/",
    "portfolio/tax/gains.py",
    "portfolio/tax/income.py",
    "portfolio/tax/parcels.py::net_aud",
    "portfolio/tax/parcels.py::refuse_future",
    "portfolio/tax/sale.py",
    "reviewer/",  # reasons in logs and counts: a customer is left for a person
)
# What their last gap holds is such a sentence.
TELLS_ANOTHER = re.compile(r"\{(error|explain|extras|faults?|give_way|mend|missing|what)\}$")


@pytest.fixture(scope="module")
def found() -> Sequence[Sentence]:
    return sentences()


@pytest.fixture(scope="module")
def said() -> tuple[str, ...]:
    return provoked()


def without_numbers(text: str) -> str:
    return NUMBER.sub("0", text)


def test_the_catalogue_is_what_the_code_says() -> None:
    written = (ROOT / "docs" / "messages.md").read_text(encoding="utf-8")

    there, now = (without_numbers(text).splitlines() for text in (written, page()))
    changed = [line for line in unified_diff(there, now, lineterm="", n=0) if line[0] in "+-"]
    assert changed == [], "run `make messages`:\n" + "\n".join(changed)


def test_every_place_of_the_catalogue_has_sentences(found: Sequence[Sentence]) -> None:
    met = {place_of(sentence) for sentence in found}
    due = {(chapter, moment) for chapter in CHAPTERS for moment in chapter.moments}

    assert {moment.when for _, moment in due - met} <= {"Other commands"}


def test_sentences_are_found_where_they_are_said(found: Sequence[Sentence]) -> None:
    late = Sentence(
        place="coordinator/decisions.py::_late",
        template="no answer from {missing} in time for the deadline of {deadline_s} s: see that their agents run, or"
        " allow more time (deadline_s); then ask again under a new request_id",
        is_error=True,
    )

    assert late in found
    assert not [sentence for sentence in found if "bus.language.messages" in sentence.template]


def test_what_was_said_has_the_numbers_that_its_sentence_promises(said: Sequence[str]) -> None:
    late = pattern("no answer from {missing} in time for the deadline of {deadline_s} s: see that")

    assert [text for text in said if late.match(text) and "deadline of 10 s" in text]


@pytest.mark.parametrize("wrong", [AMERICAN, HARSH], ids=["american", "harsh"])
def test_sentences_and_examples_keep_the_tone(
    found: Sequence[Sentence], said: Sequence[str], wrong: re.Pattern[str]
) -> None:
    # What is quoted are somebody else's words.
    examples = [QUOTED.sub("''", text) for text in said]
    told = [*(sentence.template for sentence in found), *examples, *(reason.words for reason in Reason)]

    assert [text for text in told if wrong.search(text)] == []


def test_no_sentence_ends_in_the_air(found: Sequence[Sentence]) -> None:
    assert [sentence for sentence in found if ENDS_LOOSE.search(sentence.template)] == []


def test_nothing_that_is_said_shows_python(said: Sequence[str]) -> None:
    assert [text for text in said if OF_PYTHON.search(text) or CLASS.search(text)] == []


def test_no_sentence_names_a_class(found: Sequence[Sentence]) -> None:
    assert [sentence for sentence in found if CLASS.search(literals(sentence.template))] == []


def test_every_error_says_what_to_do(found: Sequence[Sentence]) -> None:
    silent = [
        sentence
        for sentence in found
        if sentence.is_error
        and not sentence.place.startswith(WITHOUT_REMEDY)
        and not REMEDY.search(sentence.template)
        and not TELLS_ANOTHER.search(sentence.template)
    ]

    assert silent == []


def test_every_reason_is_told_in_words() -> None:
    assert [reason for reason in Reason if len(reason.words.split()) < 4] == []
