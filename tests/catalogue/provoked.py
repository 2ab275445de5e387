"""Run the code so that it says its sentences: what it said then are the examples of the catalogue."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import math
import os
import tempfile
from datetime import UTC, date, datetime
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

from builders import final_event, mandate, market, write_market
from click.testing import CliRunner
from requests_made import BAD, OUTLOOK, REFERENCE, ROOT, TRAILING, data

from agents import mandates
from agents.answer import answer
from bus import subjects
from bus.child import Child, ChildDiedError
from bus.messages import MasterPortfolioFailed, PodFailed, PodResult, encode, parse_request
from bus.port import Message, TooLargeError
from cli.__main__ import podfolio
from cli.page import make_console, show
from coordinator.consolidation import consolidate
from coordinator.decisions import Fail, admit, decide, read_record
from coordinator.load import Load
from portfolio import market as markets
from portfolio.errors import PortfolioError
from portfolio.mandate import Measure, Objective
from portfolio.rules import Preferences, Rules
from portfolio.sleeve import optimise_sleeve
from portfolio.tax.income import Distributions, after_tax_income
from portfolio.tax.parcels import Parcel, Quotes, refuse_future
from portfolio.tax.regime import Reform, steady_cpi
from portfolio.tax.taxpayer import Entity, Taxpayer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bus.messages import FinalEvent

PODS = ("alpha", "beta", "gamma", "delta")
_THEN = datetime(2025, 11, 7, 9, tzinfo=UTC)
_WIDE = 1_000


@cache
def provoked() -> tuple[str, ...]:
    """Collect what was said, once each, the same in every run but for the last digits of what a solver found."""
    events = list(_events())
    said = [
        *_refused(),
        *_arguments(),
        *_pods(),
        *_decided(),
        *_crashed(),
        *(text for event in events for text in _told(event)),
        *_commands(events),
    ]
    return tuple(dict.fromkeys(said))


def _request(sent: bytes, request_id: str = "r1") -> Message:
    return Message(subjects.request(request_id), sent, sequence=1, stored_at=_THEN)


def _refused() -> Iterator[str]:
    """Ask what people ask by mistake."""
    small = {"small": (data("bad", pod_weights={"alpha": 0.99995, "beta": 0.00005}), "", "")}
    for sent, _, _ in (BAD | small).values():
        action = admit(_request(sent, "bad"), PODS)
        assert isinstance(action, Fail)
        yield action.event.message


gamma = partial(mandate, pod="gamma")


def _arguments() -> Iterator[str]:
    """Call the domain with what cannot be."""
    day, flows = date(2025, 11, 7), Distributions
    payer = Taxpayer(Entity.INDIVIDUAL, 0.32)
    wrong: list[Callable[[], object]] = [
        lambda: Rules(max_etfs=0),
        lambda: Rules(min_weight=0.4),
        lambda: Rules(min_correlation_distance=2),
        lambda: Rules(capital_tolerance=1),
        lambda: Rules(position_tolerance=2),
        lambda: Rules(max_tax_aud=-1),
        lambda: Preferences(pod_score=0),
        lambda: Parcel("VAS", 0, day, 100),
        lambda: Quotes(day, {"VAS": -1}, {}),
        lambda: refuse_future([Parcel("VAS", 10, date(2025, 11, 8), 1_000)], day),
        lambda: Quotes(day, {"GOLD": 1}, {}).net_aud("VAS"),
        lambda: Taxpayer(Entity.INDIVIDUAL, None),
        lambda: Taxpayer(Entity.INDIVIDUAL, 32),
        lambda: Taxpayer(Entity.INDIVIDUAL, 0.32, -500),
        lambda: Reform({}, {}).market_value_aud("VAS"),
        lambda: Reform({}, {}).index_factor(date(2027, 8, 1), date(2029, 8, 1)),
        lambda: Reform({}, {"VAS": 0.0}),
        lambda: steady_cpi(2.5, until=date(2028, 1, 1)),
        lambda: after_tax_income(payer, flows(_vector(0.04), _vector(0.5)), _vector(1, 2)),
        lambda: after_tax_income(payer, flows(_vector(0.04), _vector(0.5)), _vector(1), other_tax_aud=-1),
        lambda: flows(_vector(0.04), _vector(0.5, 0.5)),
        lambda: gamma("AA"),
        lambda: gamma("AB", max_position=2),
        lambda: gamma("AB", min_effective_holdings=3),
        lambda: gamma("AB", goals={Measure.YIELD: math.nan}),
        lambda: mandates.load("omega"),
        lambda: mandates.load("no_such.toml"),
        lambda: optimise_sleeve(markets.load(TRAILING), gamma(["DOGE", "VAS"], max_position=0.5), 1.0),
        lambda: optimise_sleeve(
            market([0.06, 0.12], [0.02, 0.03], correlation=0.2, risk_free=0.04),
            gamma("AB", objective=Objective.MAX_SHARPE),
            1.0,
        ),
        lambda: markets.load(TRAILING).positions(["DOGE"]),
    ]
    for call in wrong:
        yield _says(call)
    with tempfile.TemporaryDirectory() as folder:
        for i, (file, text) in enumerate(_MARKETS):
            where = Path(folder) / str(i) / "my-market"
            where.mkdir(parents=True)
            yield _says(lambda where=where, file=file, text=text: markets.read(write_market(where, **{file: text})))


_MOMENTS = "ticker,expected_return,volatility,source\n"
_MARKETS = (
    ("moments", f"{_MOMENTS}CASH,0.04,0.01,x\nDOGE,0.05,0.05,x\n"),
    ("moments", f"{_MOMENTS}CASH,0.04,0.01,x\nBOND,0.05,0,x\nSTOCK,0.09,0.2,x\n"),
    ("moments", f"{_MOMENTS}CASH,0.04,0.01,x\nCASH,0.05,0.05,x\n"),
    ("moments", f"{_MOMENTS}BOND,0.05,0.05,x\nSTOCK,0.09,0.2,x\n"),
    ("moments", f"{_MOMENTS}CASH,0.04,0.01,x\nBOND,much,0.05,x\nSTOCK,0.09,0.2,x\n"),
    ("correlations", "ticker,CASH,BOND,STOCK\nCASH,1,0,0\nBOND,0,1,0.3\n"),
    ("correlations", "ticker,CASH,BOND,STOCK\nCASH,1,0,0\nBOND,0,1,2\nSTOCK,0,2,1\n"),
)


def _vector(*values: float) -> Any:  # noqa: ANN401 - some are made to be wrong
    import numpy as np  # noqa: PLC0415

    return np.array(values)


def _says(call: Callable[[], object]) -> str:
    try:
        call()
    except PortfolioError as error:
        return str(error)
    message = "a call that should be refused was not"
    raise AssertionError(message)


def _pods() -> Iterator[str]:
    """Ask single pods for what they cannot give."""
    fail: dict[str, Any] = {"on_unreachable": "fail", "market": OUTLOOK}
    never = {"rules": {"never_buy": ["VHY", "VAP", "VAF", "VAS", "EINC"]}}
    for asked in (fail, never):
        for pod in PODS:
            found = answer(mandates.load(pod), "r1", data(**asked))
            if isinstance(found, PodFailed):
                yield found.message
                yield from (conflict.words for conflict in found.conflicts)
                yield from (repair.words for repair in found.repairs)
    two = market([0.10, 0.20], [0.06, 0.12], correlation=0.2, risk_free=0.04)
    both = gamma("AB", goals={Measure.RETURN: 0.119, Measure.VOLATILITY: 0.11})
    yield _says(lambda: optimise_sleeve(two, both, 1.0, relax=False))


def _decided() -> Iterator[str]:
    """Let the coordinator decide on what is late, comes from another version, or is too much."""
    sent = data(deadline_s=10)
    found = {pod: answer(mandates.load(pod), "r1", sent) for pod in PODS}
    results = {pod: result for pod, result in found.items() if isinstance(result, PodResult)}
    another = results["beta"].market.model_copy(update={"sha256": "0" * 64})
    odd = results | {"beta": results["beta"].model_copy(update={"market": another})}
    strange = results | {"beta": results["gamma"]}
    for answers, due in (({"alpha": results["alpha"]}, True), (odd, False), (strange, False)):
        messages = [Message(subjects.pod_result("r1", pod), encode(one), sequence=2) for pod, one in answers.items()]
        action = decide(read_record([_request(sent), *messages]), due=due)
        assert isinstance(action, Fail)
        yield action.event.message
    request = parse_request(sent, "r1")
    late = consolidate(request, {pod: result.model_copy(update={"market": another}) for pod, result in odd.items()})
    assert isinstance(late, MasterPortfolioFailed)
    yield late.message
    load = Load()
    load.took(4.2)
    with load.waits("r2"), load.waits("r3"):
        for left_s in (6.5, -0.2):
            yield load.refusal(request, left_s=left_s).message
    yield str(TooLargeError(subjects.request("r1"), 1_200_000, 1_048_576))


def _crashed() -> Iterator[str]:
    """Make computing processes hang and crash."""

    async def ask(child: Child, question: bytes) -> str:
        try:
            await child.ask(question)
        except ChildDiedError as error:
            return str(error)
        finally:
            await child.end()
        message = "a process that should not have answered did"
        raise AssertionError(message)

    with mock.patch.dict(os.environ, {"PYTHONPATH": str(ROOT / "tests")}):
        for question in (b"loop", b"segfault"):
            yield asyncio.run(ask(Child(("computing",), memory_mib=256, silent_s=1), question))


def _events() -> Iterator[FinalEvent]:
    """Ask the whole system, but for the bus, for what is shown of its answers."""
    examples = [json.loads(file.read_text(encoding="utf-8")) for file in sorted((ROOT / "examples").glob("*.json"))]
    reference = json.loads(REFERENCE.read_text(encoding="utf-8")) | {"explain": "unmet"}
    existing = next(body for body in examples if body["request_id"] == "existing-investor")
    asked = [
        *examples,
        reference | {"market": OUTLOOK},
        reference | {"rules": {"max_etfs": 9}},
        existing | {"rules": {"never_sell": ["VAS"], "max_tax_aud": 0, "max_turnover": 0.01}},
        existing | {"account": existing["account"] | {"outside": "keep"}, "pod_weights": {"alpha": 0.4, "beta": 0.6}},
        reference | {"priorities": {"gamma.sharpe": 1}},
        reference | {"correlation_limits": {"alpha-zeta": 0.5}},
    ]
    for body in asked:
        yield final_event(json.dumps(body | {"request_id": "test"}).encode())
    yield final_event(json.dumps(reference | {"request_id": "test"}).encode(), nodes=0)


def _told(event: FinalEvent) -> Iterator[str]:
    """Take the sentences out of an event and of its page."""
    if isinstance(event, MasterPortfolioFailed):
        yield event.message
        yield from (conflict.words for conflict in event.conflicts)
    elif event.trading and event.terms.owned:
        yield from (order.why for order in event.trading.orders)
        yield from (kept.why for kept in event.terms.owned.kept)
    console = make_console(file=io.StringIO())
    console.width = _WIDE
    show(console, event)
    assert isinstance(console.file, io.StringIO)
    lines = (line.strip().removeprefix("* ") for line in console.file.getvalue().splitlines())
    yield from (line for line in lines if line and "|" not in line and "+-" not in line)


def _commands(events: list[FinalEvent]) -> Iterator[str]:
    """Call the commands wrongly."""
    runner = CliRunner()
    # Names of files are to be the same in every run.
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        Path("request.json").write_text("[1, 2]", encoding="utf-8")
        for name, event in zip(("event", "failure"), (events[0], events[8]), strict=False):
            Path(f"{name}.json").write_bytes(encode(event))
        Path("twice.json").write_text('{"request_id": "r1", "request_id": "r2"}', encoding="utf-8")
        Path("forged.json").write_bytes(Path("event.json").read_bytes().replace(b'"version":1', b'"version":NaN'))
        Path("seed.nk").write_text("SU", encoding="ascii")
        Path("open").mkdir(mode=0o755)
        Path("open").chmod(0o755)
        for line in (
            "request request.json",
            "request missing.json",
            "watch --since yesterday",
            "watch --server nats://127.0.0.1:1",
            "verify request.json",
            "verify event.json",
            "verify failure.json",
            "verify twice.json",
            "verify forged.json",
            "verify event.json --key seed.nk",
            "verify event.json --key UA",
            "verify event.json --key missing",
            f"verify event.json --key U{'A' * 55}",
            "keys --pod Alpha",
            "keys open",
        ):
            output = runner.invoke(podfolio, line.split()).output
            yield from (_last(line) for line in output.splitlines() if _is_for_people(line))


def _last(line: str) -> str:
    """Leave out the columns before a sentence, and who says it."""
    return line.rsplit("  ", maxsplit=1)[-1].strip().removeprefix("Error: ").removeprefix("podfolio: ")


def _is_for_people(line: str) -> bool:
    """Tell a sentence from usage, and from what is logged for operators."""
    return bool(line.strip()) and not line.startswith("Usage") and "server=" not in line
