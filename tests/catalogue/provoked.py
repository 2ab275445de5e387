"""Run the code so that it says its sentences: what it said then are the examples of the catalogue."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import math
import os
import tempfile
import zlib
from datetime import UTC, date, datetime, timedelta
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

from click.testing import CliRunner
from support.builders import final_event, mandate, market, write_market
from support.reported import EXAMPLES, event
from support.requests_made import BAD, OUTLOOK, REFERENCE, ROOT, TOO_LITTLE, TRAILING, data

from agents import mandate_files
from agents.answer import answer
from bus.language import subjects
from bus.language.messages import MasterPortfolioFailed, PodFailed, PodResult, encode, parse_request
from bus.language.pod_keys import PodKeys
from bus.port import Message, TooLargeError
from bus.process.child import Child, ChildDiedError
from bus.transports.snapshots import unpack
from cli.__main__ import podfolio
from cli.pages.final_event import make_console, show
from cli.what_if.differences import differences
from cli.what_if.frontier import sweep_etfs
from cli.what_if.frontier_page import show_frontier
from cli.what_if.side_by_side import show_side_by_side
from coordinator.consolidation import consolidate
from coordinator.decisions import Fail, admit, decide, read_record
from coordinator.load import Load, Work, size_of
from portfolio.errors import PortfolioError
from portfolio.market import folders
from portfolio.market import snapshot as markets
from portfolio.market.history.distributions import read_distributions, trailing
from portfolio.market.history.facts import Knowledge, read_facts
from portfolio.market.history.prices import read_prices
from portfolio.market.history.sample import Period, align
from portfolio.market.measure import Measure
from portfolio.market.stated import COLUMNS
from portfolio.pod.optimise import optimise_sleeve
from portfolio.tax.income import Distributions, after_tax_income
from portfolio.tax.parcels import Parcel, Quotes, refuse_future
from portfolio.tax.regime import Reform, steady_cpi
from portfolio.tax.taxpayer import Entity, Taxpayer
from portfolio.terms.mandate import Objective
from portfolio.terms.rules import Preferences, Rules
from report.story.compose import tell

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console

    from bus.language.messages import FinalEvent

PODS = ("alpha", "beta", "gamma", "delta")
_V1 = ROOT / "tests" / "contract" / "v1"
_THEN = datetime(2025, 11, 7, 9, tzinfo=UTC)
_WIDE = 1_000


@cache
def provoked() -> tuple[str, ...]:
    """Collect what was said, once each, the same in every run but for the last digits of what a solver found."""
    events = list(_events())
    said = [
        *_refused(),
        *_arguments(),
        *_histories(),
        *_pods(),
        *_decided(),
        *_crashed(),
        *(text for event in events for text in _told(event)),
        *_compared(events),
        *_commands(events),
    ]
    return tuple(dict.fromkeys(said))


def _request(sent: bytes, request_id: str = "r1") -> Message:
    return Message(subjects.request(request_id), sent, sequence=1, stored_at=_THEN)


def _refused() -> Iterator[str]:
    """Ask what people ask by mistake."""
    small = {"small": (data("bad", pod_weights={"alpha": 0.99995, "beta": 0.00005}), "", "")}
    for sent, *_ in (BAD | small).values():
        action = admit(_request(sent, "bad"), PODS)
        assert isinstance(action, Fail)
        yield action.event.message
    for sent, _ in TOO_LITTLE.values():
        event = final_event(sent.replace(b'"bad"', b'"test"'))
        assert isinstance(event, MasterPortfolioFailed)
        yield event.message


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
        lambda: mandate_files.load("omega"),
        lambda: mandate_files.load("no_such.toml"),
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
    yield _says(lambda: unpack(b"", "0" * 64))
    yield _says(lambda: unpack(zlib.compress(json.dumps(dict.fromkeys(folders.FILES, "")).encode()), "0" * 64))
    with tempfile.TemporaryDirectory() as folder:
        for i, (file, text) in enumerate(_MARKETS):
            where = Path(folder) / str(i) / "my-market"
            where.mkdir(parents=True)
            yield _says(lambda where=where, file=file, text=text: markets.read(write_market(where, **{file: text})))


def _histories() -> Iterator[str]:
    """Make markets of files that are not as they should be."""
    days = [date(2024, 1, 1) + timedelta(weeks=week) for week in range(30)]
    rising = "".join(f"{day},{100 + i},{50 + i % 3}\n" for i, day in enumerate(days))
    still = "".join(f"{day},100,{50 + i % 3}\n" for i, day in enumerate(days))
    ends = "".join(f"{day},100,{50 if i < 3 else ''}\n" for i, day in enumerate(days))
    week, head = Period.WEEK, "date,VAS,BILL\n"
    files: list[tuple[str, Callable[[Path], object]]] = [
        ("", read_prices),
        ("day,VAS\n2025-01-02,1\n", read_prices),
        ("date\n2025-01-02\n", read_prices),
        ("date,VAS\n", read_prices),
        ("date,VAS,VAS\n2025-01-02,1,1\n", read_prices),
        ("date,vas\n2 January,x\n2025-01-02,-1\n2025-01-02,1,2\n", read_prices),
        ("date,vas\n2 January,x\n2025-01-02,-1\n2025-01-02,1\n", read_prices),
        ("ticker,liquidity,colour\nVAS,7,red\nVAS,1,red\n", read_facts),
        (f"{_PAID}VAS,2025-06-30,1,0.5\nVAS,2025-06-30,1,0.5\n", read_distributions),
        (head + rising, lambda file: align(read_prices(file), week, since=date(2030, 1, 1))),
        (head + still, lambda file: align(read_prices(file), week)),
        (head + ends, lambda file: align(read_prices(file), Period.MONTH)),
        (head + "2025-01-02,1,\n2025-01-03,,1\n", lambda file: align(read_prices(file), week)),
        (head + rising, lambda _: Knowledge(like="nowhere").of(["VAS"], until=days[-1])),
        (head + rising, lambda _: Knowledge().of(["VAS"], until=days[-1])),
        (
            f"{_PAID}VAS,2020-06-30,1,0.5\n",
            lambda file: trailing("VAS", read_distributions(file)["VAS"], 100.0, until=days[-1]),
        ),
        (
            f"{_PAID}VAS,2024-06-30,1,0.5\n",
            lambda file: Knowledge(payments=(read_distributions(file), file.name)).of(["VAS"], until=days[-1]),
        ),
    ]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "house.csv"
        for text, read in files:
            file.write_text(text, encoding="utf-8")
            yield _says(lambda read=read: read(file))


_PAID = "ticker,date,amount_aud,franked_share\n"
_MOMENTS = "ticker,expected_return,volatility,source\n"
_ABOUT = f"{','.join(COLUMNS)}\n"
_MARKETS = (
    ("moments", f"{_MOMENTS}CASH,0.04,0.01,x\nDOGE,0.05,0.05,x\n"),
    ("moments", f"{_MOMENTS}CASH,0.04,0.01,x\nBOND,0.05,0,x\nSTOCK,0.09,0.2,x\n"),
    ("moments", f"{_MOMENTS}CASH,0.04,0.01,x\nCASH,0.05,0.05,x\n"),
    ("moments", f"{_MOMENTS}BOND,0.05,0.05,x\nSTOCK,0.09,0.2,x\n"),
    ("moments", f"{_MOMENTS}CASH,0.04,0.01,x\nBOND,much,0.05,x\nSTOCK,0.09,0.2,x\n"),
    ("correlations", "ticker,CASH,BOND,STOCK\nCASH,1,0,0\nBOND,0,1,0.3\n"),
    ("correlations", "ticker,CASH,BOND,STOCK\nCASH,1,0,0\nBOND,0,1,2\nSTOCK,0,2,1\n"),
    ("market", f"{_ABOUT}"),
    ("market", f"{_ABOUT},,,,,,,2025-11-07,\n"),
    ("market", f"{_ABOUT}history,2025-11-07,2023-11-10,104,52,,,2025-11-07,\n"),
    ("market", f"{_ABOUT}history,2023-11-10,2025-11-07,0.5,52,,,2025-11-07,\n"),
    ("market", f"{_ABOUT}history,2023-11-10,2025-11-07,10.5,52,,,2025-11-07,\n"),
    ("market", f"{_ABOUT}history,2023-11-10,2025-11-07,104,52,10,,2025-11-07,\n"),
    ("market", f"{_ABOUT}outlook,,,,,10,,2025-11-07,\n"),
    ("market", f"{_ABOUT}outlook,,,,,10,Bank A,7/11/2025,\n"),
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
            found = answer(mandate_files.load(pod), "r1", data(**asked))
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
    found = {pod: answer(mandate_files.load(pod), "r1", sent) for pod in PODS}
    results = {pod: result for pod, result in found.items() if isinstance(result, PodResult)}
    another = results["beta"].market.model_copy(update={"sha256": "0" * 64})
    odd = results | {"beta": results["beta"].model_copy(update={"market": another})}
    strange = results | {"beta": results["gamma"]}
    for answers, due in (({"alpha": results["alpha"]}, True), (odd, False), (strange, False)):
        messages = [Message(subjects.pod_result("r1", pod), encode(one), sequence=2) for pod, one in answers.items()]
        action = decide(read_record([_request(sent), *messages]), due=due)
        assert isinstance(action, Fail)
        yield action.event.message
    yield from _forged()
    request = parse_request(sent, "r1")
    late = consolidate(request, {pod: result.model_copy(update={"market": another}) for pod, result in odd.items()})
    assert isinstance(late, MasterPortfolioFailed)
    yield late.message
    load, size = Load(), size_of(request)
    for other in ("r2", "r3"):
        load.measured.note(size, 4.2, 0.0)
        load.waiting[other] = Work(other, size, 30.0)
    for left_s in (6.5, -0.2):
        yield load.refusal(request, Work("r1", size, left_s), 0.0).message
    yield str(TooLargeError(subjects.request("r1"), 1_200_000, 1_048_576))


def _forged() -> Iterator[str]:
    """Let the coordinator decide on answers that are not their pods' own, or that it has no key for."""
    bodies = {pod: json.loads((_V1 / f"messages/signed.{pod}.PodResult.json").read_bytes()) for pod in PODS}
    asked = Message(subjects.request("signed"), (_V1 / "messages/signed.OptimizationRequest.json").read_bytes())
    keys = PodKeys(_V1 / "keys").read()
    bodies |= {"beta": bodies["gamma"], "gamma": bodies["gamma"] | {"weights": {}}, "delta": {}}
    answers = [Message(subjects.pod_result("signed", pod), json.dumps(body).encode()) for pod, body in bodies.items()]
    action = decide(read_record([asked, *answers]), due=False, keys={pod: keys[pod] for pod in PODS if pod != "alpha"})
    assert isinstance(action, Fail)
    yield action.event.message
    yield from action.event.message.split("; ")


def _crashed() -> Iterator[str]:
    """Make computing processes hang and crash."""

    async def ask(child: Child, question: bytes, seconds: float) -> str:
        try:
            await child.ask(question, seconds=seconds)
        except ChildDiedError as error:
            return str(error)
        finally:
            await child.end()
        message = "a process that should not have answered did"
        raise AssertionError(message)

    with mock.patch.dict(os.environ, {"PYTHONPATH": str(ROOT / "tests")}):
        # A crash is told however slow the machine is; a loop ends with its time.
        for question, seconds in ((b"loop", 1.0), (b"segfault", 600.0)):
            yield asyncio.run(ask(Child(("support.computing",), memory_mib=256), question, seconds))


def _events() -> Iterator[FinalEvent]:
    """Ask the whole system, but for the bus, for what is shown of its answers."""
    reference = json.loads(REFERENCE.read_text(encoding="utf-8")) | {"explain": "unmet"}
    existing = json.loads((ROOT / "examples" / "existing-investor.json").read_text(encoding="utf-8"))
    asked = [
        reference | {"market": OUTLOOK},
        reference | {"rules": {"max_etfs": 9}},
        existing | {"rules": {"never_sell": ["VAS"], "max_tax_aud": 0, "max_turnover": 0.01}},
        existing | {"account": existing["account"] | {"outside": "keep"}, "pod_weights": {"alpha": 0.4, "beta": 0.6}},
        reference | {"priorities": {"gamma.sharpe": 1}},
        reference | {"correlation_limits": {"alpha-zeta": 0.5}},
    ]
    yield from map(event, EXAMPLES)
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
    yield from _printed(lambda console: show(console, event))
    story = tell(event)
    yield from story.notice
    for section in story.sections:
        yield from (*section.lead, *section.points, *(table.note for table in section.tables if table.note))


def _printed(write: Callable[[Console], object]) -> Iterator[str]:
    """Take the sentences out of what is printed, between its tables."""
    console = make_console(file=io.StringIO())
    console.width = _WIDE
    write(console)
    assert isinstance(console.file, io.StringIO)
    lines = (line.strip().removeprefix("* ") for line in console.file.getvalue().splitlines())
    yield from (line for line in lines if line and "|" not in line and "+-" not in line)


def _compared(events: list[FinalEvent]) -> Iterator[str]:
    """Set requests and events side by side, and sweep a rule."""
    asked = data(rules={"max_etfs": 11, "never_buy": ["SEMI"]})
    a, b = parse_request(data(), "r1"), parse_request(asked, "r1")
    yield from (*differences(a, b), *differences(b, a))
    yield from _printed(lambda console: show_side_by_side(console, events[0], events[1]))
    found = {pod: mandate_files.load(pod) for pod in PODS}
    for first, last in ((11, 12), (9, 9)):
        points = list(sweep_etfs(b, first, last).points(found))
        yield from _printed(lambda console, points=points: show_frontier(console, points))


def _commands(events: list[FinalEvent]) -> Iterator[str]:
    """Call the commands wrongly."""
    runner = CliRunner()
    # Names of files are to be the same in every run.
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        Path("request.json").write_text("[1, 2]", encoding="utf-8")
        failed = next(event for event in events if isinstance(event, MasterPortfolioFailed))
        for name, event in (("event", events[0]), ("failure", failed)):
            Path(f"{name}.json").write_bytes(encode(event))
        Path("twice.json").write_text('{"request_id": "r1", "request_id": "r2"}', encoding="utf-8")
        Path("forged.json").write_bytes(Path("event.json").read_bytes().replace(b'"version":1', b'"version":NaN'))
        reference = Path("reference.json")
        reference.write_bytes(data())
        Path("changed.json").write_bytes(
            Path("event.json").read_bytes().replace(b'"total_capital_aud":', b'"total_capital_aud":1')
        )
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
            "verify event.json --pod-keys open",
            "verify event.json --key seed.nk",
            "verify event.json --key UA",
            "verify event.json --key missing",
            f"verify event.json --key U{'A' * 55}",
            "keys --pod Alpha",
            "keys open",
            "market show nowhere",
            "market publish nowhere",
            "market publish asx-outlook-2025-12",
            "market build request.json",
            "frontier missing.json",
            f"frontier {reference} --max-etfs 4-15",
            f"frontier {reference} --max-etfs 0..15",
            f"frontier {reference} --share alpha=0..2",
            f"frontier {reference} --max-etfs 4..15 --share alpha=0..1",
            f"compare event.json {reference}",
            "compare event.json twice.json",
            "report no_id.json",
            "report changed.json",
            "report event.json --out report.html",
        ):
            output = runner.invoke(podfolio, line.split()).output
            yield from (_last(line) for line in output.splitlines() if _is_for_people(line))


def _last(line: str) -> str:
    """Leave out the columns before a sentence, and who says it."""
    return line.rsplit("  ", maxsplit=1)[-1].strip().removeprefix("Error: ").removeprefix("podfolio: ")


def _is_for_people(line: str) -> bool:
    """Tell a sentence from usage, and from what is logged for operators."""
    return bool(line.strip()) and not line.startswith("Usage") and "server=" not in line
