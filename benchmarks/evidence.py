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
from pathlib import Path
from typing import TYPE_CHECKING

import public_prices
import simulated
from evidence_page import document
from measurements import machine

from agents.mandate_files import load
from backtest.cash import cash_returns
from backtest.history import History
from backtest.kept import write
from backtest.path import Walk, read_walk, write_walk
from backtest.result import compare
from bus.language.messages import parse_request
from cli.what_if.backtest import prepare, read_history
from portfolio.market import snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from backtest.history import History
    from backtest.result import Result
    from bus.language.messages import OptimizationRequest

OUTLOOK = "asx-outlook-2025-12"
# All ETFs of three of the bundled pods. The fourth wants a return of 15 %, which this outlook has nowhere.
ETFS = ("BILL", "VAF", "VGB", "VAS", "VHY", "EINC", "VAP", "GOLD", "VGS", "VTS", "NDQ")
SIMULATED = {"alpha": 0.2, "beta": 0.3, "gamma": 0.5}
PUBLIC = {"steady": 0.3, "core": 0.5, "bold": 0.2}
CAPITAL_AUD = 100_000
TRAIN = 104
QUARTERS = 8
# The default of ``podfolio backtest``.
STEPS = 300
BROKERAGE_AUD = 10
TAX_RATE = 0.39
_LEAST_PATHS = 2
_PODS = Path(__file__).parent / "evidence_pods"


@dataclass(frozen=True, slots=True)
class Case:
    """A customer of a backtest.

    Attributes:
        shares: The pods, by the name or the file of the mandate, and their shares of the capital.
        single: The ETF of the rival that holds only one.
        like: The bundled market that supplies facts; empty for none.
    """

    shares: Mapping[str, float]
    single: str
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
    if options.paths < _LEAST_PATHS:
        parser.error(f"--paths is {options.paths}: an interval over histories needs at least {_LEAST_PATHS}")
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
        public_too = "" if public is None else ", the public history included"
        told = f"{seconds:.0f} s of one core{public_too}: {machine()}"
        options.write.write_text(document(found, public, told), encoding="utf-8")


def _simulated(folder: Path) -> tuple[Result, float]:
    return _walked(folder, lambda: _simulate(folder, int(folder.name.rpartition("-")[2])))


def _walked(folder: Path, make: Callable[[], Walk]) -> tuple[Result, float]:
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
    truth = simulated.truth_of(market, ETFS)
    # A quarter after the last date of orders shows what became of them.
    weeks = TRAIN + 13 * QUARTERS
    dates = simulated.days(weeks)
    values, paid = simulated.units(market, truth, simulated.weekly_returns(truth, weeks, seed), dates)
    write(folder / "prices.csv", simulated.prices_csv(ETFS, dates, values).encode())
    write(folder / "distributions.csv", simulated.distributions_csv(paid).encode())
    history = read_history(folder / "prices.csv", folder / "distributions.csv", None, OUTLOOK)
    return _walk(folder, history, Case(SIMULATED, "VGS", OUTLOOK))


def _public(folder: Path, packages: Path) -> Walk:
    tickers, dates, values = public_prices.read(packages)
    write(folder / "prices.csv", simulated.prices_csv(tickers, dates, values).encode())
    write(folder / "facts.csv", public_prices.facts_csv(tickers).encode())
    history = read_history(folder / "prices.csv", None, folder / "facts.csv", "")
    return _walk(folder, history, Case(PUBLIC, "QUAL"))


def _walk(folder: Path, history: History, case: Case) -> Walk:
    bundled = {pod for pod in case.shares if not (_PODS / f"{pod}.toml").exists()}
    mandates = {pod: load(pod if pod in bundled else str(_PODS / f"{pod}.toml")) for pod in case.shares}
    walk = prepare(history, _request(case), mandates, TRAIN, "quarter", case.single, STEPS, folder).walk()
    market = snapshot.read(folder / "markets" / walk.markets[0])
    write(folder / "cash.json", json.dumps(cash_returns(history, market, walk.paths[0].dates)).encode())
    return walk


def _request(case: Case) -> OptimizationRequest:
    body = {
        "request_id": "evidence",
        "customer": {"customer_id": "evidence", "total_capital_aud": CAPITAL_AUD, "marginal_tax_rate": TAX_RATE},
        "pod_weights": dict(case.shares),
        "market": OUTLOOK,
        "brokerage_aud": BROKERAGE_AUD,
    }
    return parse_request(json.dumps(body).encode(), "evidence")


if __name__ == "__main__":
    main()
