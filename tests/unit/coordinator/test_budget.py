"""An answer's time: the search ends while there is time for what follows it, and what follows keeps to it."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import numpy as np
import pytest
from support.in_process import PODS
from support.requests_made import data

from agents import mandate_files
from agents.answer import answer
from bus.language.messages import (
    FinalEvent,
    MasterPortfolioFailed,
    MasterPortfolioOptimized,
    PodResult,
    Reason,
    StoppedBy,
    parse_request,
)
from coordinator.budget import Budget, out_of_time
from coordinator.consolidation import consolidate
from coordinator.decisions import time_for
from portfolio.errors import SolverError
from portfolio.integer_program import IntegerProgram


@dataclass
class Clock:
    """A clock that goes on when told to."""

    now: float = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_search_with_a_portfolio_ends_in_time_for_one_more_step_and_what_follows() -> None:
    clock = Clock()
    budget = Budget(20.0, clock=clock)
    budget.begin_search(orders=False)
    budget.wrap_progress(None)(1, 0.5)

    ends = [step for step in range(1, 21) if [setattr(clock, "now", 100.0 + step), budget.stop()][1]]

    # Fifteen hundredths of twenty seconds, and a step of one.
    assert ends[0] == 16
    assert budget.cut


def test_more_is_kept_where_orders_follow_and_less_as_long_as_there_is_nothing_to_follow() -> None:
    def first_end(*, orders: bool, gap: float) -> float:
        clock = Clock()
        budget = Budget(20.0, clock=clock)
        budget.begin_search(orders=orders)
        budget.wrap_progress(None)(1, gap)
        while not budget.stop():
            clock.now += 0.5
        return clock.now - 100.0

    assert first_end(orders=True, gap=0.5) < first_end(orders=False, gap=0.5) < first_end(orders=True, gap=math.inf)


def test_time_without_an_end_ends_nothing_unless_something_else_does() -> None:
    budget = Budget()
    budget.begin_search(orders=True)
    budget.wrap_progress(None)(1, 0.5)

    assert not budget.stop()
    assert not budget.cut
    assert budget.for_orders_s() == math.inf
    assert Budget(also=lambda: True).stop()


def test_a_further_round_begins_only_with_time_for_twice_the_last_one() -> None:
    def goes_on(*rounds_s: float) -> list[bool]:
        clock, answers = Clock(), []
        budget = Budget(20.0, clock=clock)
        budget.begin_search(orders=False)
        budget.wrap_progress(None)(1, 0.5)
        for took in rounds_s:
            clock.now += took
            answers.append(budget.has_time_again())
        # That time ended the rounds is told.
        assert budget.cut == (not answers[-1])
        return answers

    # Three of the twenty seconds are kept: after two rounds of four seconds nine are left, after three of them five.
    assert goes_on(4.0, 4.0, 4.0) == [True, True, False]
    # It is the last round that counts.
    assert goes_on(1.0, 10.0) == [True, False]


def test_the_searches_of_later_rounds_are_counted_on() -> None:
    told: list[int] = []
    report = Budget().wrap_progress(lambda search, _gap: told.append(search))
    for search in (1, 2, 3, 1, 2, 1):
        report(search, 0.1)
    assert told == [1, 2, 3, 4, 5, 6]


@dataclass
class Calls:
    """Time that is over after so many questions."""

    most: float = math.inf
    made: int = 0

    def __call__(self) -> bool:
        self.made += 1
        return self.made > self.most


def test_an_answer_that_more_time_would_change_says_that_time_cut_it() -> None:
    sent = data()
    results = {
        pod: found for pod in PODS if isinstance(found := answer(mandate_files.load(pod), "r1", sent), PodResult)
    }
    request = parse_request(sent, "r1")

    def within(calls: Calls) -> FinalEvent:
        return consolidate(request, results, budget=Budget(seconds=1e6, also=calls))

    every = Calls()
    whole = within(every)
    assert isinstance(whole, MasterPortfolioOptimized)
    assert whole.stopped_by is None

    changed = []
    for most in range(0, every.made, max(1, every.made // 16)):
        event = within(Calls(most))
        if isinstance(event, MasterPortfolioOptimized):
            own = {"elapsed_s", "stopped_by"}
            changed += [event] if event.model_dump(exclude=own) != whole.model_dump(exclude=own) else []
    assert {event.stopped_by for event in changed} == {StoppedBy.DEADLINE}
    # Not only the search: a certified portfolio may lack the prices of its goals.
    assert any(event.certificate.certified for event in changed)


@pytest.mark.parametrize(
    ("by", "mend"), [(StoppedBy.DEADLINE, "deadline_s"), (StoppedBy.SEARCH_LIMIT, "--solver-seconds")]
)
def test_what_had_too_little_time_says_how_much_and_what_to_do(by: StoppedBy, mend: str) -> None:
    event = out_of_time(parse_request(data(deadline_s=13), "r1"), Budget(12.0, by))

    assert isinstance(event, MasterPortfolioFailed)
    assert (event.reason, "12 s" in event.message, mend in event.message) == (Reason.SOLVER_FAILED, True, True)


@pytest.mark.parametrize("had_s", [0.001, 0.5, 2.0, 6.85])
def test_who_lost_the_time_by_waiting_is_not_told_to_ask_for_less(had_s: float) -> None:
    event = out_of_time(parse_request(data(deadline_s=30), "r1"), Budget(had_s))

    assert event.reason is Reason.DEADLINE_EXCEEDED
    assert f"{had_s:.3g} s were left" in event.message
    assert "30 s passed while the request waited" in event.message
    assert not any(less in event.message for less in ("parcels", "smaller market", "explain"))


@pytest.mark.parametrize(
    ("left_s", "deadline_s", "seconds"),
    [(25.0, 30.0, 25.0), (0.0, 30.0, 0.5), (-0.9, 30.0, 0.5), (-5.0, 30.0, 2.0), (0.3, 1.0, 0.3), (0.0, 1.0, 0.05)],
)
def test_a_search_gets_what_is_left_and_past_the_deadline_a_little(
    left_s: float, deadline_s: float, seconds: float
) -> None:
    assert time_for(left_s, deadline_s) == pytest.approx(seconds)


def test_an_integer_program_ends_when_its_time_is_over() -> None:
    # Market splits (Cornuejols & Dawande 1998): an hour's work for branch and bound, with a point at once.
    rng = np.random.default_rng(0)
    rows, n = 5, 40
    A = rng.integers(0, 100, (rows, n)).astype(float)
    slack = np.hstack([np.eye(rows), -np.eye(rows)])
    program = IntegerProgram(
        cost=np.concatenate([np.zeros(n), np.ones(2 * rows)]),
        whole=np.concatenate([np.ones(n, dtype=bool), np.zeros(2 * rows, dtype=bool)]),
        lower=np.zeros(n + 2 * rows),
        upper=np.concatenate([np.ones(n), np.full(2 * rows, np.inf)]),
        A=np.hstack([A, slack]),
        least=np.floor(A.sum(axis=1) / 2),
        most=np.floor(A.sum(axis=1) / 2),
    )
    began = time.perf_counter()

    found = program.search(left_s=lambda: began + 1.0 - time.perf_counter())

    assert time.perf_counter() - began < 20  # it takes a thousand times as long without
    assert not found.infeasible
    assert program.search(left_s=lambda: 0.0).x is None
    # The least of all is claimed with a proof alone: a point that the time cut short is none.
    with pytest.raises(SolverError, match="gave up"):
        program.solve(most_s=1.0)
