"""Make docs/evidence.md: what coordination saves and costs, over simulated histories and one public history.

``python benchmarks/evidence.py --keep FOLDER [--paths 50] [--public FOLDER] [--write docs/evidence.md]``. Each walk is
kept in the folder, so that a run that was stopped goes on, and more paths can be added later. ``--public`` is the
folder into which ``public_prices`` says how to install two packages.
"""

from __future__ import annotations

import argparse
import json
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import public_prices
import simulated
from backtest.history import History
from backtest.kept import Kept, digest, own_markets, write
from backtest.strategies import (
    EQUAL,
    SINGLE,
    Answer,
    Coordinated,
    Engine,
    FirstPurchaseHeld,
    FixedWeights,
    SeparatePods,
    Strategy,
    WithoutPods,
    universe_of,
)
from backtest.walk import Walker
from evidence_page import document
from measurements import machine

from agents.mandate_files import load
from backtest.path import Walk, read_walk, write_walk
from backtest.result import compare
from bus.language.messages import parse_request
from cli.what_if.locally import solve
from portfolio.market import snapshot
from portfolio.market.history.distributions import read_distributions
from portfolio.market.history.facts import COLUMNS
from portfolio.market.history.prices import read_prices

if TYPE_CHECKING:
    from collections.abc import Mapping

    from backtest.result import Result
    from bus.language.messages import OptimizationRequest
    from portfolio.terms.mandate import Mandate

OUTLOOK = "asx-outlook-2025-12"
CAPITAL_AUD = 100_000.0
TRAIN = 104
QUARTERS = 8
BROKERAGE_AUD = 10.0
TAX_RATE = 0.39
REFERENCE = {"alpha": 0.15, "beta": 0.25, "gamma": 0.50, "delta": 0.10}
PUBLIC = {"steady": 0.3, "core": 0.5, "bold": 0.2}
_PODS = Path(__file__).parent / "evidence_pods"


@dataclass(frozen=True, slots=True)
class Case:
    """A customer and a history in files.

    Attributes:
        shares: The pods and their shares of the capital.
        mandates: The mandates by pod.
        single: The ETF of the rival that holds only one.
        cash: The ETF whose returns are those of cash.
        facts: Facts of each ETF that the history does not tell.
        like: The bundled market that supplies other facts; empty for none.
    """

    shares: Mapping[str, float]
    mandates: Mapping[str, Mandate]
    single: str
    cash: str
    facts: Mapping[str, Mapping[str, str]]
    like: str = ""


def main() -> None:
    """Walk what is not kept yet; write the document."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keep", type=Path, required=True, help="folder for the walks")
    parser.add_argument("--paths", type=int, default=50, help="simulated histories, by seed from 1 on")
    parser.add_argument("--public", type=Path, help="folder with the two packages")
    parser.add_argument("--write", type=Path, help="write the document into this file")
    parser.add_argument("--jobs", type=int, default=1, help="processes at work")
    options = parser.parse_args()
    folders = [options.keep / f"simulated-{seed}" for seed in range(1, options.paths + 1)]
    found, seconds = [], 0.0
    with ProcessPoolExecutor(options.jobs) as pool:
        for folder, (result, took) in zip(folders, pool.map(_simulated, folders), strict=True):
            found.append(result)
            seconds += took
            print(f"{folder.name}: {took:.0f} s of one core", flush=True)
    public: Result | None = None
    if options.public is not None:
        public, took = _walked(options.keep / "public", lambda: _public(options.keep / "public", options.public))
        seconds += took
        print(f"public: {took:.0f} s of one core", flush=True)
    if options.write:
        told = f"{seconds / 60:.0f} minutes of one core: {machine()}"
        options.write.write_text(document(found, public, told), encoding="utf-8")


def _simulated(folder: Path) -> tuple[Result, float]:
    return _walked(folder, lambda: _simulate(folder, int(folder.name.rpartition("-")[2])))


def _walked(folder: Path, make: Any) -> tuple[Result, float]:  # noqa: ANN401 - a function without arguments
    """Return the result of the walk that *folder* keeps, made now if it keeps none, and its seconds of one core."""
    file, took = folder / "walk.json", folder / "seconds.json"
    if not file.exists():
        began = time.process_time()
        walk = make()
        write(took, json.dumps(time.process_time() - began).encode())
        write(file, write_walk(walk))
    return compare(read_walk(file), json.loads((folder / "cash.json").read_bytes())), json.loads(took.read_bytes())


def _simulate(folder: Path, seed: int) -> Walk:
    market = snapshot.load(OUTLOOK)
    truth = simulated.truth_of(market)
    # A quarter after the last date of orders shows what became of them.
    weeks = TRAIN + 13 * QUARTERS
    dates = simulated.days(weeks)
    values, paid = simulated.units(market, simulated.weekly_returns(truth, weeks, seed), dates)
    write(folder / "prices.csv", simulated.prices_csv(truth.tickers, dates, values).encode())
    write(folder / "distributions.csv", simulated.distributions_csv(paid).encode())
    return _walk(folder, Case(REFERENCE, {pod: load(pod) for pod in REFERENCE}, "VGS", "BILL", {}, OUTLOOK))


def _public(folder: Path, packages: Path) -> Walk:
    tickers, dates, values = public_prices.read(packages)
    write(folder / "prices.csv", simulated.prices_csv(tickers, dates, values).encode())
    write(folder / "distributions.csv", simulated.distributions_csv([]).encode())
    mandates = {pod: load(str(_PODS / f"{pod}.toml")) for pod in PUBLIC}
    facts = {ticker: dict.fromkeys(COLUMNS, "") | public_prices.facts(ticker) for ticker in tickers}
    return _walk(folder, Case(PUBLIC, mandates, "QUAL", public_prices.CASH, facts))


def _walk(folder: Path, case: Case) -> Walk:
    history = History(
        read_prices(folder / "prices.csv"),
        read_distributions(folder / "distributions.csv"),
        (case.facts, "facts of the evidence"),
        case.like,
    )
    request = _request(case)
    markets = folder / "markets"
    kept = Kept(folder / "answers", lambda _, asked, mandates: Answer.of(solve(asked, mandates)), "evidence")
    engine = Engine(request, case.mandates, kept)
    coordinated = Coordinated(engine)
    universe, tolerance = universe_of(engine), request.rules.capital_tolerance
    strategies: list[Strategy] = [
        coordinated,
        SeparatePods(engine, case.shares),
        WithoutPods(engine),
        FixedWeights(EQUAL, universe, tolerance),
        FixedWeights(SINGLE, (case.single,), tolerance),
        FirstPurchaseHeld(coordinated),
    ]
    walker = Walker(
        history, TRAIN, "quarter", request.customer.taxpayer(request.account), CAPITAL_AUD, BROKERAGE_AUD, markets
    )
    inputs = digest(*((folder / name).read_bytes() for name in ("prices.csv", "distributions.csv")))
    with own_markets(markets):
        walk = walker.walk(strategies, inputs=inputs)
    write(folder / "cash.json", json.dumps(_returns(history, case.cash, walk)).encode())
    return walk


def _request(case: Case) -> OptimizationRequest:
    body = {
        "request_id": "evidence",
        "customer": {"customer_id": "evidence", "marginal_tax_rate": TAX_RATE},
        "pod_weights": dict(case.shares),
        "market": OUTLOOK,
        "brokerage_aud": BROKERAGE_AUD,
        "challenge": "none",
        "account": {"as_of": "2025-11-10", "cash_aud": CAPITAL_AUD, "holdings": []},
    }
    return parse_request(json.dumps(body).encode(), "evidence")


def _returns(history: History, ticker: str, walk: Walk) -> list[float]:
    """Compute the return of *ticker*, distributions included, in each week after the first date of orders."""
    place, days = history.prices.tickers.index(ticker), walk.paths[0].dates
    price = dict(zip(history.prices.dates, history.prices.values[:, place], strict=True))
    found = []
    for before, day in pairwise(days):
        paid = sum(each.amount_aud for each in history.paid_between(before, day).get(ticker, []))
        found.append(float((price[day] + paid) / price[before] - 1))
    return found


if __name__ == "__main__":
    main()
