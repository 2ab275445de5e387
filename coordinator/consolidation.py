"""Make the final event from the pods' results: optimise, describe, and check before publication.

The functions are synchronous, so that they can run outside the event loop. The same results give the same event, except
``elapsed_s``.
"""

from __future__ import annotations

import json
import math
from dataclasses import replace
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from bus.language.messages import MarketRef, MasterPortfolioOptimized, PodFailed, PodResult, Reason, encode
from bus.process.answering import fault
from coordinator.budget import Budget, out_of_time
from coordinator.finals import failure
from coordinator.too_little import repairs_of_size
from portfolio.account.describe import render_account
from portfolio.account.in_cash import pods_in_cash
from portfolio.account.model import model_portfolio
from portfolio.account.money_goals import Funded
from portfolio.account.payments import payments_account
from portfolio.account.settling import coordinate
from portfolio.account.standing import as_much, standings
from portfolio.account.switch import judge
from portfolio.account.worst_case import worst_case_of
from portfolio.case.inventory import TooLittleError
from portfolio.check import findings
from portfolio.errors import DataError, SolverError, UnreachableGoalError
from portfolio.market import snapshot as markets
from portfolio.market.age import age_to_tell
from portfolio.market.figures import figures
from portfolio.market.snapshot import named
from portfolio.master.conflict import ConflictError
from portfolio.master.coordinated_portfolio import optimise_all_pods
from portfolio.orders.forced import forced_sales
from portfolio.orders.plan import at_most_better_by, plan
from portfolio.orders.step import within_budgets
from portfolio.pod.sleeve import Sleeve
from portfolio.terms.in_cash import InCash

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bus.language.messages import FinalEvent, MasterPortfolioFailed, OptimizationRequest, PodAnswer
    from portfolio.market.snapshot import Market
    from portfolio.master.goal_programming import OnProgress
    from portfolio.terms.targets import Plans


class MarketsDifferError(DataError):
    """An agent and the coordinator have different snapshots of the market."""


def consolidate(
    request: OptimizationRequest,
    results: Mapping[str, PodAnswer],
    *,
    budget: Budget | None = None,
    on_progress: OnProgress | None = None,
) -> FinalEvent:
    """Optimise all pods together; see ``finish``."""
    return finish(request, results, budget=budget, on_progress=on_progress)[0]


def finish(
    request: OptimizationRequest,
    results: Mapping[str, PodAnswer],
    *,
    budget: Budget | None = None,
    on_progress: OnProgress | None = None,
) -> tuple[FinalEvent, bytes]:
    """Optimise all pods together; turn every error into a failure event with its reason.

    Args:
        request: The request.
        results: The pods' answers, by pod: results, and findings that no mix is better than cash.
        budget: The time limit, at which the search returns the incumbent; no limit by default.
        on_progress: Called with the progress of the current search; see ``optimise_all_pods``.

    Returns:
        The event, and its bytes: those that were checked.
    """
    budget = budget or Budget()
    try:
        market = markets.load(request.market)
        event = _optimise(request, results, market, budget, on_progress)
        data = encode(event)
        if not (wrong := findings(json.loads(data), market)):
            return event, data
        failed = _withheld(request, wrong)
    except UnreachableGoalError as error:
        failed = _failed(request, Reason.RULES_CONFLICT, error)
    except MarketsDifferError as error:
        failed = _failed(request, Reason.MARKETS_DIFFER, error)
    except DataError as error:
        failed = _failed(request, Reason.INVALID_REQUEST, error)
    except SolverError as error:
        timed_out = budget.cut and math.isfinite(budget.seconds)
        failed = out_of_time(request, budget) if timed_out else _failed(request, Reason.SOLVER_FAILED, error)
    except Exception as error:  # noqa: BLE001 - one request must not stop the queue behind it
        failed = _failed(request, Reason.INTERNAL_ERROR, error)
    return failed, encode(failed)


def _optimise(
    request: OptimizationRequest,
    results: Mapping[str, PodAnswer],
    market: Market,
    budget: Budget,
    on_progress: OnProgress | None,
) -> MasterPortfolioOptimized:
    answers = [results[pod] for pod in request.asked()]
    answered = [_sleeve(market, answer) for answer in answers if isinstance(answer, PodResult)]
    in_cash = [_in_cash(market, answer) for answer in answers if isinstance(answer, PodFailed)]
    plans = request.plans(market).leaving_in_cash(in_cash)
    try:
        return _coordinate(request, answered, plans, market, budget, on_progress)
    except (ConflictError, TooLittleError) as error:
        if not (enough := repairs_of_size(request, answered, plans, market, budget)):
            raise
        raise error.with_repairs(enough) from None


def _coordinate(
    request: OptimizationRequest,
    answered: Sequence[Sleeve],
    plans: Plans,
    market: Market,
    budget: Budget,
    on_progress: OnProgress | None,
) -> MasterPortfolioOptimized:
    began = perf_counter()
    terms = request.terms()
    budget.begin_search(orders=terms.owned is not None)
    progress = budget.wrap_progress(on_progress)
    nearest = partial(within_budgets, stop=budget.stop, left_s=budget.for_orders_s)
    optimise = partial(optimise_all_pods, stop=budget.stop, on_progress=progress)
    last = coordinate(market, answered, terms, plans, optimise=optimise, nearest=nearest, goes_on=budget.has_time_again)
    case, master = last.case, last.master
    try:
        trading = plan(case, master, left_s=budget.for_orders_s)
    except UnreachableGoalError:
        # Whole units may need room that fractions do not.
        if (case := nearest(case, whole=True)) is last.case:
            raise
        last = replace(last, case=case, master=optimise(case))
        master = last.master
        trading = plan(case, master, left_s=budget.for_orders_s)
    # Time may also end what follows a certified search: the prices of goals, and what goals could reach alone.
    cut = budget.cut or (trading is not None and trading.cut_short)
    # In a step the rules are targets: none of them by itself forces a sale.
    orders = trading if case.targets is None and budget.explains else None
    forced, cut_short = forced_sales(case, master, orders, left_s=budget.for_orders_s) if orders else ((), False)
    account = render_account(case, master)
    funded = Funded.of(plans, last, trading)
    goals = funded.goals()
    stand = standings(case, master.X, trading, goals=goals, alone=funded.chances_alone())
    return MasterPortfolioOptimized(
        request_id=request.request_id,
        customer_id=request.customer.customer_id,
        market=MarketRef.of(market),
        prices_age_days=age_to_tell(market.priced_on, owned.as_of) if (owned := case.terms.owned) else None,
        terms=case.terms,
        weights=named(market, master.X.sum(axis=0)),
        holdings=account.holdings,
        cash=account.cash,
        today=stand.today,
        separate=stand.separate,
        suggested=stand.suggested,
        in_cash=pods_in_cash(case, plans.in_cash),
        worst_case=worst_case_of(case, stand),
        switch=judge(stand, trading, forced, cut_short=cut_short, as_much=as_much(case)),
        payments=payments_account(case.terms, trading),
        pods=account.pods,
        goals=account.goals,
        funding=funded.funding(market),
        money_goals=goals,
        comparison=account.comparison,
        correlations=account.correlations,
        correlation_matrix=account.correlation_matrix,
        economic_duplicates=account.economic_duplicates,
        objective_terms=account.objective_terms,
        sharpe_standard_error=market.basis.sharpe_standard_error(case.overview(master.X).sharpe_ratio),
        model_portfolio=model_portfolio(case, master.X, account.holdings),
        income=account.income,
        trading=trading,
        certificate=master.certificate,
        at_most_better_by=at_most_better_by(master, trading),
        stopped_by=budget.by if cut else None,
        elapsed_s=round(perf_counter() - began, 6),
    )


def _withheld(request: OptimizationRequest, wrong: Sequence[str]) -> MasterPortfolioFailed:
    faults = "; ".join(wrong)
    message = f"the portfolio did not pass its own check and is withheld; report this with the request_id: {faults}"
    return failure(request, Reason.CHECK_FAILED, message)


def _sleeve(market: Market, result: PodResult) -> Sleeve:
    """Convert a pod's result: compute the figures again from the weights; the pod's share follows later.

    Raises:
        MarketsDifferError: If the result is about another market than the coordinator's.
    """
    _refuse_other_market(market, result.pod, result.market)
    weights = np.zeros(len(market.etfs))
    weights[market.positions(result.weights)] = list(result.weights.values())
    return Sleeve(
        mandate=result.mandate,
        share=1.0,
        weights=weights,
        figures=figures(market, weights),
        best_alone=result.best_alone,
        left_out=result.left_out,
        frontier=result.frontier,
    )


def _in_cash(market: Market, failed: PodFailed) -> InCash:
    """Convert a pod's finding that no mix is better than cash; the pod's share follows later.

    Raises:
        MarketsDifferError: If the finding is about another market than the coordinator's.
    """
    found = failed.no_better_than_cash
    assert found is not None  # noqa: S101 - any other failure ends the request
    _refuse_other_market(market, failed.pod, found.market)
    return InCash(found.mandate, found.left_out, found.greatest_return)


def _refuse_other_market(market: Market, pod: str, used: MarketRef) -> None:
    if (used.id, used.sha256) != (market.id, market.sha256):
        message = (
            f"{pod} used a market {used.id} with hash {used.sha256[:12]}, the coordinator has {market.id} with"
            f" {market.sha256[:12]}: deploy the same version everywhere"
        )
        raise MarketsDifferError(message)


def _failed(request: OptimizationRequest, reason: Reason, error: Exception) -> MasterPortfolioFailed:
    failed = failure(request, reason, fault(error) if reason is Reason.INTERNAL_ERROR else str(error))
    if isinstance(error, TooLittleError):
        return failed.model_copy(update={"repairs": error.repairs})
    if not isinstance(error, ConflictError):
        return failed
    return failed.model_copy(update={"conflicts": error.conflicts, "repairs": error.repairs})
