"""A backtest with the real engine in this process: read the inputs, and walk."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import TYPE_CHECKING

from backtest.customer import first_acquired, refuse, start_of, strategies, taxpayer_on
from backtest.history import History, decision_days
from backtest.kept import Kept, digest, own_markets
from backtest.payments import refuse_payments
from backtest.strategies import Answer, Engine
from backtest.walk import Walker
from bus.language.messages import MasterPortfolioFailed, Reason, encode
from cli.what_if.locally import solve
from coordinator.budget import Budget
from portfolio.errors import DataError
from portfolio.market.history.distributions import read_distributions
from portfolio.market.history.facts import read_facts
from portfolio.market.history.prices import read_prices
from portfolio.names import doubted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from backtest.path import Every, Walk
    from backtest.payments import CustomerPayment
    from backtest.strategies import Strategy
    from bus.language.messages import OptimizationRequest
    from portfolio.terms.mandate import Mandate

# Facts that change from day to day: each market takes them from the prices.
_OF_A_DAY = ("price_aud", "priced_on", "until")


@dataclass(frozen=True, slots=True)
class Backtest:
    """A backtest that is ready to walk.

    Attributes:
        walker: The history and the terms.
        strategies: The coordinated portfolio and its rivals.
        inputs: Digest of all inputs.
    """

    walker: Walker
    strategies: Sequence[Strategy]
    inputs: str

    def walk(self, on_decision: Callable[[str], None] = lambda _: None) -> Walk:
        """Walk with each strategy.

        Raises:
            DataError: If the first market cannot be made, or a file cannot be written.
        """
        with own_markets(self.walker.folder):
            return self.walker.walk(self.strategies, inputs=self.inputs, on_decision=on_decision)


def read_history(prices: Path, distributions: Path | None, facts: Path | None, like: str) -> History:
    """Read the inputs of all dates.

    Raises:
        DataError: If a file has a fault, or distributions or facts do not fit the prices.
    """
    read = read_prices(prices)
    paid = read_distributions(distributions) if distributions else {}
    stated = read_facts(facts) if facts else {}
    if distributions and (strange := [ticker for ticker in paid if ticker not in read.tickers]):
        message = (
            f"{distributions.name} has payments of {', '.join(strange)}, and {prices.name} no prices of them: add the"
            " prices, or leave the payments out"
        )
        raise DataError(message)
    for ticker, values in stated.items():
        if wrong := [name for name in _OF_A_DAY if values.get(name)]:
            message = f"{', '.join(wrong)} of {ticker} is of one day, and a backtest has many: leave it out of --facts"
            raise DataError(message)
    return History(read, paid, (stated, facts.name if facts else ""), like)


def prepare(  # noqa: PLR0913, PLR0917 - the inputs of a backtest
    history: History,
    request: OptimizationRequest,
    mandates: Mapping[str, Mandate],
    train: int,
    every: Every,
    single: str,
    steps: int,
    folder: Path,
    payments: tuple[CustomerPayment, ...] = (),
) -> Backtest:
    """Check the inputs, and name the strategies.

    Args:
        history: The history.
        request: The customer's request.
        mandates: The mandates of all pods.
        train: Weekly returns from which each market is made.
        every: Time between two dates of orders.
        single: The ETF of the strategy that holds one ETF.
        steps: Most steps of the search for one answer.
        folder: The folder of the results.
        payments: Payments of the customer into and out of the account.

    Raises:
        DataError: If the request or a payment asks for what no backtest can do, or *single* has no prices.
    """
    if strange := [pod for pod in request.asked() if pod not in mandates]:
        message = (
            f"pod_weights names {doubted(strange, mandates)}: name one of {', '.join(mandates)}, or give --mandate"
        )
        raise DataError(message)
    days = decision_days(history, train, every)
    refuse(request, history, days[0])
    refuse_payments(payments, days, history.prices.dates[-1])
    program = f"podfolio {version('podfolio')}, {steps} steps"
    asked = {pod: mandates[pod] for pod in request.asked()}
    engine = Engine(request, asked, Kept(folder / "answers", Stepwise(steps), program))
    account, start = request.account, start_of(request)
    walker = Walker(
        history=replace(history, acquired=first_acquired(start.parcels)),
        train=train,
        every=every,
        taxpayer=taxpayer_on(request, days[0]),
        start=start,
        brokerage_aud=request.brokerage_aud,
        brokerage_share=account.brokerage_share if account else 0.0,
        cash_rate=account.cash_rate if account else 0.0,
        folder=folder / "markets",
        payments=payments,
        universes={pod: mandate.universe for pod, mandate in asked.items()},
    )
    told = (encode(request), sorted(asked.items()), train, every, single, history.stated, history.like, payments)
    inputs = digest(
        repr((history.prices.tickers, history.prices.dates, sorted(history.payments.items()))).encode(),
        history.prices.values.tobytes(),
        repr(told).encode(),
        program.encode(),
    )
    return Backtest(walker, strategies(engine, single, history.prices.tickers), inputs)


@dataclass(frozen=True, slots=True)
class Stepwise:
    """The engine, whose search ends after a number of steps: a number and not a time, so that a run can be repeated."""

    steps: int

    def __call__(self, name: str, request: OptimizationRequest, mandates: Mapping[str, Mandate]) -> Answer:  # noqa: ARG002 - the name is for the folder
        """Answer the request within the steps."""
        # The search reads its clock at each step, so a clock that counts its readings counts steps.
        readings = itertools.count()
        budget = Budget(seconds=float(self.steps), clock=lambda: float(next(readings)), explains=False)
        event = solve(request, mandates, budget=budget)
        if isinstance(event, MasterPortfolioFailed) and event.reason is Reason.DEADLINE_EXCEEDED:
            return Answer(refused=f"no portfolio was found within {self.steps} steps: allow more (--steps)")
        return Answer.of(event)
