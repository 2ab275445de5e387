"""Messages that nobody means, and what must hold of each: for the fuzzer, and for hypothesis in the suite."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bus.language import subjects
from bus.language.messages import (
    BadMessageError,
    MasterPortfolioFailed,
    Reason,
    encode,
    parse_final,
    parse_pod_answer,
    parse_request,
)
from bus.language.pod_keys import PodKeys
from bus.port import MAX_MESSAGE_BYTES, Message
from coordinator.decisions import Fail, admit, decide, read_record

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import TypeAlias

    # Gives a whole number from nought to what it is given, without that.
    Choose: TypeAlias = Callable[[int], int]

V1 = Path(__file__).parent.parent / "contract" / "v1" / "messages"
PODS = ("alpha", "beta", "delta", "gamma")
THEN = datetime(2025, 11, 7, 9, tzinfo=UTC)
# An explanation is read by people: some mistakes of a message, a few hundred letters each.
LONGEST_EXPLANATION = 8_000

# JSON, some of it not quite; each stands where a value may stand.
VALUES: Sequence[str] = (
    *("null", "true", "0", "-0", "1", "-1", "0.5", "1e-320", "5e-324", "1e308", "1e999", "-1e999", "NaN", "-Infinity"),
    *("9007199254740993", "1e-9", "0.30000000000000004", "2", "1000", "1e10", "10000000001", "9" * 400, "9" * 4_400),
    *('""', '"a"', '"\\ud800"', '"\\u0000"', '"alpha"', '"VAS"', '"2024-02-29"', '"9999-12-31"', '"0001-01-01"'),
    *('"1985-09-20"', '"aud"', '"' + "x" * 300 + '"', '"\U0001f4b0"', '"a.b"', '"*"', '">"', '"1"', '"\\u202e"'),
    *("[]", "{}", "[null]", "[[]]", '{"":0}', '{"alpha":1}', '{"alpha":1,"alpha":1}', '{"a":{"a":{"a":1}}}'),
    *(
        "[" * 60 + "]" * 60,
        "[" * 300,
        '{"a":' * 300,
        "01",
        "1.",
        ".5",
        "+1",
        "'a'",
        "1_000",
        "tru",
        '"',
        "\x00",
        "/**/1",
    ),
    *('"asx-outlook-2025-12"', '{"VAS":1}', '{"volatility":-1}', '"super_pension"', '"limit"', '"all"', '"fail"'),
)
# Of the type that was there, and some of the size: what a check of types lets pass.
NUMBERS = (
    "0",
    "1",
    "2",
    "3",
    "1e-12",
    "1e-5",
    "0.001",
    "0.02",
    "0.1",
    "0.5",
    "0.999999",
    "1.5",
    "7",
    "30",
    "100",
    "999",
)
NUMBERS += ("1000", "12345.678", "1e6", "1e9", "1e10", "3600", "1e-300", "5e-324", "2147483648", "-0.5", "-1", "-0.0")
TEXTS = (
    '"alpha"',
    '"beta"',
    '"omega"',
    '"VAS"',
    '"GOLD"',
    '"BILL"',
    '"DOGE"',
    '"2024-02-29"',
    '"2025-11-10"',
    '"individual"',
)
TEXTS += ('"0001-01-01"', '"9999-12-31"', '"2027-06-30"', '"asx-outlook-2025-12"', '"asx-trailing-104w-2025-11-07"')
TEXTS += (
    '"company"',
    '"super_accumulation"',
    '"relax"',
    '"fail"',
    '"keep"',
    '"sell"',
    '"max_income"',
    '"gamma"',
    '"x"',
)


class Raw(str):
    """A piece of text that is written as it is."""

    __slots__ = ()


@cache
def seeds(kind: str) -> tuple[Any, ...]:
    """Collect the frozen messages of a kind, such as ``OptimizationRequest``."""
    found = [json.loads(file.read_text(encoding="utf-8")) for file in sorted(V1.glob(f"*{kind}*.json"))]
    for tree in found:
        tree["request_id"] = "reference-customer"
        remember(tree)
    return tuple(found)


# The text of each part of the seeds: most of a spoilt message is as it was, and need not be written again.
_TEXTS: dict[int, str] = {}


def remember(node: Any) -> None:  # noqa: ANN401 - it is JSON
    """Write down the text of every object and list."""
    if isinstance(node, dict | list):
        _TEXTS[id(node)] = json.dumps(node)
        for inner in node.values() if isinstance(node, dict) else node:
            remember(inner)


def mutated(kind: str, choose: Choose) -> bytes:
    """Take a good message and spoil it here and there: a value, a key, a field twice, a field too many."""
    known = seeds(kind)
    tree = known[choose(len(known))]
    for _ in range(1 + choose(4)):
        tree = spoilt(tree, choose)
    return written(tree).encode("utf-8", "surrogatepass")[: MAX_MESSAGE_BYTES + 1]


def spoilt(node: Any, choose: Choose) -> Any:  # noqa: ANN401 - it is JSON
    """Spoil one place of a tree, in a copy; a fuzzer that has run out of choices chooses nought, and goes on down."""
    if isinstance(node, int | float) and choose(3):
        return Raw(NUMBERS[choose(len(NUMBERS))])
    if isinstance(node, str) and not isinstance(node, Raw) and choose(3):
        return Raw(TEXTS[choose(len(TEXTS))])
    if isinstance(node, Raw) or not isinstance(node, dict | list) or not node or choose(8) == 7:
        return Raw(VALUES[choose(len(VALUES))])
    if isinstance(node, list):
        place = choose(len(node))
        if choose(6) == 5:
            return node + [node[place]] * (1 + choose(40))
        return [*node[:place], spoilt(node[place], choose), *node[place + 1 :]]
    key = list(node)[choose(len(node))]
    ways: dict[int, Callable[[], dict[str, Any]]] = {
        7: lambda: {name: value for name, value in node.items() if name != key},
        8: lambda: node | {Raw(VALUES[choose(len(VALUES))]): node[key]},
        9: lambda: node | {Raw(json.dumps(key)): Raw(VALUES[choose(len(VALUES))])},  # the same field twice
    }
    return ways.get(choose(10), lambda: node | {key: spoilt(node[key], choose)})()


def written(node: Any) -> str:  # noqa: ANN401 - it is JSON
    """Write a tree, with what is raw as it is."""
    if isinstance(node, Raw):
        return str(node)
    if (text := _TEXTS.get(id(node))) is not None:
        return text
    if isinstance(node, dict):
        keys = [key if isinstance(key, Raw) else json.dumps(key) for key in node]
        return "{" + ",".join(f"{key}:{written(v)}" for key, v in zip(keys, node.values(), strict=True)) + "}"
    if isinstance(node, list):
        return "[" + ",".join(map(written, node)) + "]"
    return json.dumps(node)


def told(error: BadMessageError) -> None:
    """See that an explanation is there, and short."""
    assert 0 < len(str(error)) < LONGEST_EXPLANATION


@cache
def reference() -> tuple[Message, ...]:
    """Give the reference customer's request, and the answers to it of all pods but the first."""
    bodies = {subjects.request("reference-customer"): "OptimizationRequest"}
    bodies |= {subjects.pod_result("reference-customer", pod): f"{pod}.PodResult" for pod in PODS[1:]}
    return tuple(
        Message(where, (V1 / f"reference.{name}.json").read_bytes(), sequence=sequence, stored_at=THEN)
        for sequence, (where, name) in enumerate(bodies.items(), start=1)
    )


@cache
def pod_keys() -> Mapping[str, frozenset[str]]:
    """Know the pods by their keys; what is not signed with these is forged."""
    return PodKeys(V1.parent / "keys").read()


def request(sent: bytes) -> None:
    """See that a request is read or refused with few words, and what follows from it decided."""
    try:
        read = parse_request(sent, "reference-customer")
    except BadMessageError as error:
        told(error)
        return
    again = parse_request(encode(read), read.request_id)
    assert again == read
    action = admit(Message(subjects.request(read.request_id), sent, sequence=1, stored_at=THEN), PODS)
    if isinstance(action, Fail):
        assert 0 < len(action.event.message) < LONGEST_EXPLANATION
        parse_final(encode(action.event))


def answer(sent: bytes) -> None:
    """See that a pod's answer is read or refused, and that the coordinator decides whatever it says."""
    alpha = Message(subjects.pod_result("reference-customer", PODS[0]), sent, sequence=9, stored_at=THEN)
    messages = [*reference(), alpha]
    action = decide(read_record(messages), due=False)
    if isinstance(action, Fail):
        parse_final(encode(action.event))
    believed = decide(read_record(messages), due=False, keys=pod_keys())
    assert isinstance(believed, Fail)
    assert believed.event.reason is Reason.RESULT_NOT_GENUINE
    assert 0 < len(encode(believed.event)) < LONGEST_EXPLANATION
    try:
        read = parse_pod_answer(sent)
    except BadMessageError as error:
        told(error)
        return
    assert parse_pod_answer(encode(read)) == read


def final(sent: bytes) -> None:
    """See that a final event is read or refused."""
    try:
        read = parse_final(sent)
    except BadMessageError as error:
        told(error)
        return
    if isinstance(read, MasterPortfolioFailed):
        assert parse_final(encode(read)) == read


def subject(sent: bytes) -> None:
    """See that a subject is taken apart, or is none of ours."""
    text = sent.decode("utf-8", "replace")
    for kind in subjects.MessageKind:
        address = subjects.parse(f"podfolio.v1.{kind.value}.{text}")
        assert address.key in text
        assert not set(address.key) & set(".*> ")


KINDS: dict[str, Callable[[bytes], None]] = {
    "OptimizationRequest": request,
    "Pod": answer,
    "MasterPortfolio": final,
}
