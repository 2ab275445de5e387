"""Write ``docs/messages.md``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bus.language.messages import Reason
from catalogue.placeholders import literals, may_be_in, pattern
from catalogue.places import CHAPTERS, place_of
from catalogue.provoked import provoked
from catalogue.sentences import sentences

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from catalogue.sentences import Sentence

_HEAD = """\
# What the system says

Every reason, failure and explanation that reaches a person, as the code has it. `make messages` writes this page from
that code; do not edit it. Operators' logs are not here.

A sentence says what is so, with the number that matters (both sides, where two do not agree), and then what to do.
Names in braces stand for what differs from case to case. Under a sentence stands what the code said when it was run for
this page; where only a part of a sentence is listed, the whole of it. Those without an example always say the same, or
would take a broken server to provoke.

## Terms

One word for one thing, here and in the sentences:

| term | what it is |
|---|---|
| request | what a customer's adviser asks, in one message; it has a `request_id` of its own, used once |
| pod | a part of the capital with a purpose of its own: alpha, beta, gamma, delta; to a customer, a part of the money |
| mandate | a pod's terms: its goals, its ETFs, its limits |
| agent | the process that finds the best portfolio of one pod alone |
| coordinator | the process that optimises all pods together |
| market | a snapshot of figures of ETFs, under a name |
| ETF | what is held, by its ticker, such as VAS |
| capital | what is invested, AUD |
| share | a pod's part of the capital |
| portfolio | what is held of each ETF, for all pods together |
| naive portfolio | what the pods would hold, each by itself, put side by side |
| goal | what should be reached, and gives way if it cannot be: a cap or a floor on a figure |
| rule | what is always kept |
| account | what the customer owns: cash and holdings |
| holding, parcel | the units of one ETF, and those of them that were bought together |
| order | units of one ETF to buy or to sell |
| final event | the one answer to a request: a portfolio, or the reason why there is none |
| deadline | when the final event is due: `deadline_s` seconds after the request was stored |
| server, stream | the NATS server, and the list of all messages that it keeps |

## Why there is no portfolio

`reason` of a final event, for programs, and how it is told to people:

| reason | told as |
|---|---|
"""


def page() -> str:
    """Make the page."""
    return "\n".join(_lines())


def _lines() -> Iterator[str]:
    found, said = [(one, place_of(one)) for one in sentences()], provoked()
    yield _HEAD + "\n".join(f"| `{reason.value}` | {reason.words} |" for reason in Reason)
    for chapter in CHAPTERS:
        yield from ("", f"## {chapter.title}", "", chapter.told)
        for moment in chapter.moments:
            here = {one.template: one for one, place in found if place == (chapter, moment)}
            elsewhere = [one.template for one, _ in found if one.template not in here]
            if here:
                yield from ("", f"**{moment.when}**", "")
                for sentence in here.values():
                    yield f"- {_text(sentence.template)}"
                    if (example := example_of(sentence, list(here), elsewhere, said)) is not None:
                        yield f"  > {_text(example)}"
    yield ""


def example_of(
    sentence: Sentence, templates: Sequence[str], elsewhere: Sequence[str], said: Sequence[str]
) -> str | None:
    """Find what the code said with a sentence; None if that says no more than the sentence.

    Args:
        sentence: The sentence, or part of one.
        templates: All that may be said at that moment: what says more of a text has a better claim to it.
        elsewhere: All that is said at other moments: of a text that is wholly one of these, only what fills its gaps
            can be another sentence.
        said: What was said.
    """
    if sentence.is_error and sentence.template == literals(sentence.template):
        return None
    length = len(literals(sentence.template))
    finds = pattern(sentence.template)
    rivals = [other for other in templates if len(literals(other)) > length]
    others = [other for other in elsewhere if len(literals(other)) > length]

    def is_said_in(text: str) -> bool:
        if not may_be_in(sentence.template, text) or (match := finds.search(text)) is None:
            return False
        begins = match.end(1) if sentence.template.startswith("{") else match.start()
        wholes = [whole for other in others if may_be_in(other, text) and (whole := pattern(other).fullmatch(text))]
        return all(any(first <= begins < last for first, last in whole.regs[1:]) for whole in wholes)

    def rank(text: str) -> tuple[bool, int]:
        begins = match.start() if (match := finds.search(text)) else 0
        better = [rival for rival in rivals if may_be_in(rival, text) and pattern(rival).match(text, begins)]
        return finds.fullmatch(text) is None, len(better)

    example = min(filter(is_said_in, said), key=rank, default=None)
    return None if example == sentence.template else example


def _text(said: str) -> str:
    """Keep what Markdown would take for its own."""
    return "".join(f"\\{letter}" if letter in "\\*<>`#[]" else letter for letter in said).replace("](", "]\\(")
