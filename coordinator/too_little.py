"""Find enough money, or few enough pods, where an account is too small; each change is tried on the request."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from portfolio.account.settling import coordinate
from portfolio.case.case import Case
from portfolio.case.shares import settle_shares
from portfolio.errors import DataError, SolverError, UnreachableGoalError
from portfolio.master.coordinated_portfolio import optimise_all_pods, refuse_strangers
from portfolio.orders.smallest import enough_money, enough_pods

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bus.language.messages import OptimizationRequest
    from coordinator.budget import Budget
    from portfolio.market.snapshot import Market
    from portfolio.master.coordinated_portfolio import CoordinatedPortfolio
    from portfolio.pod.sleeve import Sleeve
    from portfolio.published.conflicts import Repair
    from portfolio.terms.targets import Plans


def repairs_of_size(
    request: OptimizationRequest, answered: Sequence[Sleeve], plans: Plans, market: Market, budget: Budget
) -> list[Repair]:
    """Find how much money would be enough for the pods, and which pods would do with this money.

    Empty if the account is not too small, or time ended the search.
    """
    terms = request.terms()
    if (owned := terms.owned) is None:
        return []

    def case_at(cash_aud: float) -> Case:
        return _case(request, answered, plans, market, budget, cash_aud)

    def case_of(shares: Mapping[str, float]) -> Case:
        fewer = _with_pods(request, shares)
        part = [s for s in answered if s.mandate.pod in shares]
        case = _case(fewer, part, fewer.plans(market), market, budget, owned.cash_aud)
        refuse_strangers(case.goals, case.sleeves, case.terms)
        return case

    money = enough_money(owned.cash_aud, case_at, budget.for_orders_s, withdrawal_aud=owned.withdrawal_aud)
    if money is None:
        return []
    shares = request.shares()
    if shares is None or plans.in_cash:
        return [money]
    named = {goal.pod for goal in request.goals if goal.pod is not None}
    pods = enough_pods(shares, case_of, budget.for_orders_s, always=named)
    return [money] if pods is None else [money, pods]


def _with_pods(request: OptimizationRequest, shares: Mapping[str, float]) -> OptimizationRequest:
    """Change the pods of a request.

    Raises:
        DataError: If the request names a pod elsewhere that takes no part any more.
    """
    try:
        return type(request).model_validate(request.model_dump() | {"pod_weights": dict(shares)})
    except ValueError as error:
        raise DataError(str(error)) from None


def _case(
    request: OptimizationRequest,
    answered: Sequence[Sleeve],
    plans: Plans,
    market: Market,
    budget: Budget,
    cash_aud: float,
) -> Case:
    """Make the customer's case with another amount of cash."""
    terms = request.terms()
    assert terms.owned is not None  # noqa: S101 - the caller checks this
    now = replace(terms, owned=replace(terms.owned, cash_aud=cash_aud))

    def is_over() -> bool:
        return budget.for_orders_s() <= 0

    def optimise(case: Case, *, explain: bool) -> CoordinatedPortfolio:
        del explain  # why an amount is too little does not matter
        return optimise_all_pods(case, stop=is_over, explain=False)

    settled = settle_shares(market, answered, now, plans)
    if plans.targets and plans.shares is None:
        # The orders follow from the shares of the last round.
        with suppress(UnreachableGoalError, SolverError):
            settled = coordinate(market, answered, now, plans, optimise=optimise).settled
    return Case(market, settled.sleeves, settled.terms)
