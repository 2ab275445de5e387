"""Messages that nobody means: read or refused with a reason, whatever they hold; ``make fuzz`` tries a million."""

from __future__ import annotations

from random import Random

import nasty
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.requests_made import data

from bus.language.messages import BadMessageError, parse_final, parse_pod_answer, parse_request
from bus.port import MAX_MESSAGE_BYTES

GOOD = data()
DIGITS = b"9" * 100_000
HUGE: dict[str, bytes] = {
    "lists a hundred thousand deep": b"[" * 100_000 + b"]" * 100_000,
    "objects forty thousand deep": b'{"a":' * 40_000,
    "a list that deep where a number is due": GOOD.replace(b"100000", b"[" * 100_000),
    "a number of a hundred thousand digits": GOOD.replace(b"100000", DIGITS),
    "and below nought": GOOD.replace(b"100000", b"-" + DIGITS),
    "and after the point": GOOD.replace(b"100000", b"0." + DIGITS),
    "and as an exponent": GOOD.replace(b"100000", b"1e" + DIGITS),
    "a name as long as a message": GOOD[:-1] + b',"' + b"k" * 200_000 + b'":1}',
    "twenty thousand names": b"{" + b",".join(b'"k%d":1' % i for i in range(20_000)) + b"}",
    "ten thousand pods": GOOD[:-1] + b',"goals":[' + b",".join([b'{"pod":"a"}'] * 10_000) + b"]}",
    "a name twice, deep under the first": GOOD.replace(b"{", b'{"market":' + b"[" * 150 + b"]" * 150 + b",", 1),
    "nothing but nought": b"\x00" * MAX_MESSAGE_BYTES,
}


@pytest.mark.parametrize("name", sorted(HUGE))
def test_what_is_too_deep_or_too_long_is_refused_in_few_words(name: str) -> None:
    for parse in (lambda sent: parse_request(sent, "r1"), parse_pod_answer, parse_final):
        with pytest.raises(BadMessageError) as refused:
            parse(HUGE[name])
        nasty.told(refused.value)
    nasty.answer(HUGE[name])


@pytest.mark.parametrize("letter", ["\\u0000", "\\u001b[31m", "\\u202e", "\\u0007"])
def test_an_explanation_has_no_letter_that_a_terminal_obeys(letter: str) -> None:
    with pytest.raises(BadMessageError) as refused:
        parse_request(GOOD[:-1] + f',"{letter}":1}}'.encode(), "r1")

    assert str(refused.value).isprintable()


@pytest.mark.parametrize("kind", sorted(nasty.KINDS))
@settings(max_examples=300, deadline=None)
@given(chance=st.randoms(use_true_random=False))
def test_a_spoilt_message_is_read_or_refused(kind: str, chance: Random) -> None:
    nasty.KINDS[kind](nasty.mutated(kind, chance.randrange))


@pytest.mark.parametrize("kind", sorted(nasty.KINDS))
@settings(max_examples=100, deadline=None)
@given(
    sent=st.binary(max_size=500) | st.text(alphabet='{}[]":,0123456789eE+-.truefalsn\\u ', max_size=500).map(str.encode)
)
def test_any_bytes_are_read_or_refused(kind: str, sent: bytes) -> None:
    nasty.KINDS[kind](sent)


@settings(max_examples=300, deadline=None)
@given(sent=st.text(max_size=100).map(lambda text: text.encode("utf-8", "replace")))
def test_any_subject_is_taken_apart(sent: bytes) -> None:
    nasty.subject(sent)


def test_spoilt_messages_are_not_all_refused() -> None:
    # Else nothing behind the parser would be tried.
    chance = Random(1)  # noqa: S311 - a test's
    read = 0
    for _ in range(500):
        try:
            parse_request(nasty.mutated("OptimizationRequest", chance.randrange), "reference-customer")
        except BadMessageError:
            continue
        read += 1

    assert read > 10
