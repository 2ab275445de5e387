"""A walk through a small history with the real engine: no look ahead, the same bytes, a run that goes on."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING

import numpy as np
import pytest
from support.histories import TICKERS, history, walk

from agents.mandate_files import load
from backtest.account import Pocket
from backtest.customer import strategies
from backtest.history import History, decision_days
from backtest.kept import Kept, own_markets
from backtest.path import CASH, read_walk, write_walk
from backtest.result import compare
from backtest.strategies import Engine
from backtest.walk import Walker
from bus.language.messages import OptimizationRequest, parse_request
from cli.what_if.backtest import Stepwise
from portfolio.errors import DataError
from portfolio.market.history.distributions import Payment
from portfolio.tax.taxpayer import Entity, Taxpayer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from backtest.path import Path as Course
    from backtest.path import Walk
    from backtest.strategies import Answer
    from portfolio.terms.mandate import Mandate

LIKE = "asx-outlook-2025-12"
BODY = {
    "request_id": "past",
    "customer": {"customer_id": "past", "marginal_tax_rate": 0.39, "total_capital_aud": 50_000.0},
    "market": LIKE,
    "pod_weights": {"alpha": 0.5, "gamma": 0.5},
    "pod_targets": {"gamma.sharpe_ratio": 0.1},
    "rules": {"max_weight": 0.5},
}


def past(seed: int = 3) -> History:
    """Make 104 weeks of daily prices, and a distribution of VAS in each quarter."""
    payments = {
        "VAS": [Payment(date(year, month, 3), 0.5, 0.8) for year in (2023, 2024, 2025) for month in (1, 4, 7, 10)]
    }
    return History(history(walk(seed, 520), TICKERS), payments, like=LIKE)


@dataclass
class Counting:
    """The engine, with a note of each question."""

    asked: list[tuple[str, str]] = field(default_factory=list)

    def __call__(self, name: str, request: OptimizationRequest, mandates: Mapping[str, Mandate]) -> Answer:
        assert request.account is not None
        self.asked.append((name, str(request.account.as_of)))
        return Stepwise(150)(name, request, mandates)


def walked(folder: Path, known: History, *, only: tuple[str, ...] = ()) -> tuple[Walk, list[tuple[str, str]]]:
    """Walk with the strategies named, or all; return also what the engine was asked."""
    request = parse_request(json.dumps(BODY).encode(), "past")
    engine = Counting()
    mandates = {pod: load(pod) for pod in ("alpha", "gamma")}
    chosen = strategies(Engine(request, mandates, Kept(folder / "answers", engine, "test")), "VGS", TICKERS)
    walker = Walker(
        history=known,
        train=52,
        every="half-year",
        taxpayer=Taxpayer(Entity.INDIVIDUAL, 0.39),
        start=Pocket(50_000.0),
        brokerage_aud=10.0,
        folder=folder / "markets",
    )
    with own_markets(folder / "markets"):
        made = walker.walk([each for each in chosen if not only or each.name in only], inputs="test")
    return made, engine.asked


@cache
def first() -> tuple[Path, Walk, list[tuple[str, str]]]:
    folder = Path(mkdtemp(prefix="podfolio-past-"))
    return folder, *walked(folder, past())


def until(course: Course, day: date) -> tuple[object, ...]:
    """Return what a path has until *day*."""
    count = sum(each <= day for each in course.dates)
    return course.wealth_aud[:count], [each for each in course.decisions if each.date <= day]


def test_all_strategies_walk_the_same_dates_and_order_for_what_the_last_orders_left() -> None:
    _, made, _ = first()
    assert [path.strategy for path in made.paths] == [
        "coordinated",
        "separate pods",
        "without pods",
        "equal weights",
        "single ETF",
        "first purchase held",
    ]
    for path in made.paths:
        assert [each.date for each in path.decisions] == [date(2024, 12, 27), date(2025, 6, 27)]
        assert path.flows_aud[0] == 50_000.0
        assert path.decisions[0].orders > 0, path.strategy
        for each in path.decisions:
            assert each.refused is None, (path.strategy, each.refused)
            assert sum(each.weights.values()) == pytest.approx(1, abs=1e-5)
            assert each.brokerage_aud == 10.0 * each.orders
            assert each.weights[CASH] >= 0


def test_the_first_purchase_is_the_coordinated_one_and_is_held() -> None:
    _, made, _ = first()
    coordinated, held = made.paths[0], made.paths[-1]
    assert held.decisions[0] == coordinated.decisions[0]
    assert all(each.orders == 0 for each in held.decisions[1:])


def test_one_etf_is_bought_once_and_its_wealth_follows_its_price() -> None:
    _, made, _ = first()
    single = next(path for path in made.paths if path.strategy == "single ETF")
    prices = past().until(single.dates[0]).prices.last()
    # VGS alone: whole units of 50,000 AUD less 10 of brokerage and the half-spread of the market's list.
    units = single.decisions[0].traded_aud / prices["VGS"]
    assert units == pytest.approx(round(units), abs=1e-4)
    last = past().prices.last()["VGS"]
    left = 50_000 - single.decisions[0].traded_aud - 10 - single.decisions[0].spread_aud
    assert single.decisions[1].orders == 0
    assert single.wealth_aud[-1] == pytest.approx(round(units) * last + left, abs=0.01)


def test_a_run_that_was_stopped_asks_only_for_what_it_lacks_and_gives_the_same_bytes() -> None:
    folder, made, asked = first()
    again, none = walked(folder, past())
    assert (write_walk(again), none) == (write_walk(made), [])
    last = made.paths[0].decisions[-1].date
    (folder / "answers" / str(last) / "coordinated.json").unlink()
    (folder / "answers" / str(last) / "without-pods.json").write_text("a part of a file", encoding="utf-8")
    third, few = walked(folder, past())
    assert few == [("coordinated", str(last)), ("without pods", str(last))]
    assert write_walk(third) == write_walk(made)
    assert len(asked) > len(few)


def test_prices_and_distributions_of_later_days_change_nothing_before() -> None:
    """Double every later price, and drop the later payments: markets, questions, orders and wealth stay as they are.

    The engine is asked only on the last date: every earlier question is the same to the byte, and so found again.
    """
    folder, made, _ = first()
    day = made.paths[0].decisions[0].date
    known = past()
    values = known.prices.values.copy()
    later = np.array([each > day for each in known.prices.dates])
    values[later] *= np.linspace(1.0, 2.0, later.sum())[:, None]
    paid = {"VAS": [each for each in known.payments["VAS"] if each.date <= day]}
    changed = replace(known, prices=replace(known.prices, values=values), payments=paid)
    other, asked = walked(folder, changed)
    assert other.markets[0] == made.markets[0]
    assert other.markets[1:] != made.markets[1:]
    assert {when for _, when in asked} == {str(each.date) for each in made.paths[0].decisions[1:]}
    for path, before in zip(other.paths, made.paths, strict=True):
        assert until(path, day) == until(before, day)
        assert path.wealth_aud != before.wealth_aud


def test_what_is_known_on_a_day_has_no_later_row() -> None:
    known = past().until(date(2025, 3, 14))
    assert known.prices.dates[-1] == date(2025, 3, 14)
    assert len(known.prices.values) == len(known.prices.dates)
    assert max(each.date for each in known.payments["VAS"]) == date(2025, 1, 3)


def test_a_walk_is_read_as_it_was_written(tmp_path: Path) -> None:
    _, made, _ = first()
    (tmp_path / "walk.json").write_bytes(write_walk(made))
    assert read_walk(tmp_path / "walk.json") == made
    (tmp_path / "other.json").write_text('{"inputs": "a"}', encoding="utf-8")
    with pytest.raises(DataError, match=r"other.json is not a walk \(markets: Field required\): give the walk.json"):
        read_walk(tmp_path / "other.json")


def test_too_few_weeks_are_refused() -> None:
    with pytest.raises(DataError, match=r"prices.csv has 104 weeks, too few: --train 104 takes 105 of them"):
        decision_days(past(), 104, "quarter")


def test_a_pod_that_cash_beat_stays_in_cash_with_all_strategies_alike(tmp_path: Path) -> None:
    # All but BILL lose 0.2 % each day: no mix of gamma's ETFs has returned more than BILL, and alpha still has its own.
    fallen = walk(3, 520) * np.exp(-0.002 * np.arange(520))[:, None] ** np.array(
        [ticker != "BILL" for ticker in TICKERS]
    )

    made, _ = walked(tmp_path, History(history(fallen, TICKERS), {}, like=LIKE), only=("coordinated", "separate pods"))

    for path in made.paths:
        for each in path.decisions:
            assert (each.refused, each.in_cash) == (None, ("gamma",)), path.strategy
            # Gamma has half of 50,000 AUD; alpha may leave up to 5 % of its half, and a unit.
            assert 0.5 <= each.weights[CASH] <= 0.54
    coordinated, separate = compare(made).strategies
    assert (coordinated.in_cash, coordinated.refused) == (len(made.markets), 0)
    assert separate.in_cash == coordinated.in_cash
