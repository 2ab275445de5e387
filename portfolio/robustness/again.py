"""Answer a customer's question again, in a market with other figures: stage 1 and stage 2 by the same solvers."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from portfolio.case.case import Case
from portfolio.conic.earlier import Known
from portfolio.conic.solution import Status
from portfolio.errors import SolverError, UnreachableGoalError
from portfolio.master.coordinated_portfolio import GAP, find, limit_correlations
from portfolio.master.goal_programming import SearchSession
from portfolio.master.statement.formulation import Formulation
from portfolio.pod.optimise import optimise_sleeve
from portfolio.terms.rules import Explain, OnUnreachable

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

    from portfolio import Matrix
    from portfolio.conic.bound import States
    from portfolio.market.robust import Robust
    from portfolio.market.snapshot import Market
    from portfolio.pod.sleeve import Sleeve
    from portfolio.published.account import PodAccount
    from portfolio.terms.rules import Terms

# Nodes of all searches of one answer together. Nearly all answers without an account take fewer; with an account, a
# search that ends here has most often found its portfolio, and lacks the proof.
MOST_NODES = 60


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """The coordinated portfolio in one market.

    Attributes:
        case: The case in that market.
        X: The holdings, shape (pods, n), as shares of the capital.
        proven: Whether no portfolio scores better by more than the gap.
    """

    case: Case
    X: Matrix
    proven: bool


@dataclass(slots=True)
class Question:
    """The question that a final event answers, to be asked again of other markets.

    Shares of the pods stay as the event has them, also where they follow from money goals; and so do the limits that
    the risk tolerance added to the mandates.

    Attributes:
        terms: The terms, with the holdings of today valued.
        pods: The pods, in the order of the event.
        answers: Number of answers so far.
        searches: Number of searches that the first answer took; more than one where goals give way to each other.
    """

    terms: Terms
    pods: Mapping[str, PodAccount]
    answers: int = 0
    searches: int = 0
    _start: States | None = None
    _known: Known = field(default_factory=Known)
    _sleeves: dict[Hashable, Sleeve] = field(default_factory=dict)

    def ask(self, market: Market) -> Answer | None:
        """Find the coordinated portfolio in *market*; None where a pod, or all of them together, have none there.

        The search starts from the portfolio of the first market that was asked, which should be the event's own: a
        portfolio that is as good, to the gap, stays. That market's multipliers close parts in the others.
        """
        self.answers += 1
        try:
            sleeves = [self._alone(market, pod) for pod in self.pods]
            case = Case(market, sleeves, replace(self.terms, explain=Explain.UNMET))
            known = self._known.copy()
            session = SearchSession(partial(Formulation, case), lambda: False, states=self._start, known=known)
            session.most_nodes = MOST_NODES
            session.stop = lambda: session.nodes >= MOST_NODES
            form, solution, levels = find(session, case, GAP, explain=False)
            form, solution, _ = limit_correlations(session, form, solution, GAP)
        except (UnreachableGoalError, SolverError):
            return None
        if self._start is None:
            self._start, self._known, self.searches = solution.states, session.known, session.searches
        return Answer(case, form.weights(solution), solution.status is Status.OPTIMAL and levels.proven)

    def with_aim(self, robust: Robust | None) -> Question:
        """Return the question with another worst case, or none; the search starts from the same portfolio."""
        return Question(replace(self.terms, robust=robust), self.pods, _start=self._start, _known=self._known)

    def _alone(self, market: Market, pod: str) -> Sleeve:
        """Find the best portfolio of a pod alone; markets that agree on its ETFs share the answer."""
        account, terms = self.pods[pod], self.terms
        there = market.positions(t for t in account.mandate.universe if t in market.tickers)
        content = market.expected_returns[there].tobytes(), market.Sigma[there][:, there].tobytes()
        key = pod, market.risk_free, *content
        if key not in self._sleeves:
            sleeve = optimise_sleeve(
                market,
                account.mandate,
                1.0,
                never_buy=frozenset(terms.rules.never_buy),
                priorities={name: p for name, p in terms.priorities.items() if name.startswith(f"{pod}.")},
                relax=terms.on_unreachable is OnUnreachable.RELAX,
                target_tolerance=terms.target_tolerance,
                robust=terms.robust,
                all_bests=False,
            )
            self._sleeves[key] = replace(sleeve, share=account.capital_share)
        return self._sleeves[key]
