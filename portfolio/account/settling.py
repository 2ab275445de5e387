"""Settle the pods' shares and coordinate the pods in turn, until the goals' needs and the shares agree.

The need of a money goal follows from what its pod holds, the holdings from the coordinated portfolio, and that from the
shares. A small step of the shares may change the ETFs, so that shares at rest need not exist: the number of rounds is
limited, and nothing is claimed of them. What stands is measured instead, from the shares and the needs alone
(``Round.misplaced_aud``).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from portfolio.case.case import Case
from portfolio.case.delivered import delivered
from portfolio.case.shares import settle_shares
from portfolio.errors import SolverError, UnreachableGoalError
from portfolio.funding.allotment import divide, misplaced, moved

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from portfolio.case.delivered import Delivered
    from portfolio.case.shares import Settled
    from portfolio.market.snapshot import Market
    from portfolio.master.coordinated_portfolio import CoordinatedPortfolio
    from portfolio.pod.sleeve import Sleeve
    from portfolio.terms.rules import Terms
    from portfolio.terms.targets import Plans

    class Optimise(Protocol):
        """Stage 2; *explain* asks for the reason where no portfolio keeps the rules."""

        def __call__(self, case: Case, *, explain: bool) -> CoordinatedPortfolio:
            """Find the best portfolio."""


# Most rounds. After the second number, shares at which no goal is short for another stand, though they are not at rest.
ROUNDS, _ENOUGH = 12, 6
# Capital that counts as none, as a part of the capital to invest.
TOLERANCE = 1e-5
# The least part of the way to the shares settled anew that a round goes.
_LEAST_STEP = 0.1


@dataclass(frozen=True, slots=True, eq=False)
class Round:
    """Shares, and the pods coordinated at these shares.

    Attributes:
        settled: The shares, and the goals funded from them by their needs as the pods are delivered.
        case: The case at these shares.
        master: The coordinated portfolio.
        settle_again: Settles the shares anew, from the needs with the pods as delivered.
        again: The shares settled anew, from the same needs.
        rounds: Number of rounds so far.
    """

    settled: Settled
    case: Case
    master: CoordinatedPortfolio
    settle_again: Callable[[Delivered], Settled]
    again: Settled
    rounds: int

    @property
    def tolerance_aud(self) -> float:
        """The capital that counts as none."""
        return TOLERANCE * self.settled.to_invest_aud

    @property
    def moved_aud(self) -> float:
        """The capital that would change pods, were the shares settled anew."""
        return moved(self.settled.allotment.shares, self.again.allotment.shares) * self.settled.to_invest_aud

    @property
    def misplaced_aud(self) -> float:
        """The most capital that a goal lacks, while other pods hold it for goals of lower priority or for none."""
        return max(self._misplaced.values(), default=0.0)

    @property
    def rank(self) -> tuple[float, ...]:
        """The order of rounds, the best first: by proof, capital misplaced, priority by priority, and the change."""
        misplaced_aud = (aud if aud > self.tolerance_aud else 0.0 for _, aud in sorted(self._misplaced.items()))
        return (float(not self.master.certificate.certified), *misplaced_aud, self.moved_aud)

    @property
    def _misplaced(self) -> dict[int, float]:
        return misplaced(self.settled.claims, self.settled.allotment)

    @property
    def change(self) -> dict[str, float]:
        """The change of each pod's share, were the shares settled anew."""
        before, after = self.settled.allotment.shares, self.again.allotment.shares
        return {pod: after.get(pod, 0.0) - before.get(pod, 0.0) for pod in {**before, **after}}

    def go(self, way: float) -> Settled | None:
        """Go the part *way* of the change with the same pods; all of it also with others. None where no pod stays."""
        if way == 1:
            return self.again
        before = self.settled.allotment.shares
        stay = {pod: self.again.allotment.shares.get(pod, 0.0) for pod in before}
        total = sum(stay.values())
        if not total:
            return None
        return self.settled.with_shares({p: share + way * (stay[p] / total - share) for p, share in before.items()})


def coordinate(  # noqa: PLR0913 - two of them only bound the time
    market: Market,
    sleeves: Sequence[Sleeve],
    terms: Terms,
    plans: Plans,
    *,
    optimise: Optimise,
    nearest: Callable[[Case], Case] = lambda case: case,
    goes_on: Callable[[], bool] = lambda: True,
) -> Round:
    """Settle the shares and coordinate the pods, round by round; the best round stands.

    Without money goals, or with shares that the request gives, there is one round.

    Args:
        market: The market's figures.
        sleeves: The pods' stage-1 results, in the request's order.
        terms: The customer's terms.
        plans: The money goals.
        optimise: Stage 2.
        nearest: Makes targets of rules that a budget lets no portfolio keep.
        goes_on: Called before every further round; False ends the rounds.

    Raises:
        DataError: If the account is impossible, or worth too little.
        UnreachableGoalError: If no portfolio keeps the rules with the shares of the first round.
        SolverError: If the first round finds no portfolio.
    """
    needs: dict[str, float] = {}

    def settle_again(delivered: Delivered) -> Settled:
        return settle_shares(market, sleeves, terms, plans, delivered=delivered)

    def run(settled: Settled, number: int) -> Round:
        case = nearest(Case(market, settled.sleeves, settled.terms))
        master = optimise(case, explain=number == 1)
        again = settle_again(as_coordinated(case, master))
        for claim in again.claims:
            name = claim.target.goal_id
            needs[name] = max(needs.get(name, 0.0), claim.needed_aud)
        return Round(fund(settled, again), case, master, settle_again, again, number)

    best = last = run(settle_shares(market, sleeves, terms, plans), 1)
    if plans.shares is not None or not plans.targets:
        return best
    way = 1.0
    for number in range(2, ROUNDS + 1):
        careful = number > _ENOUGH
        is_enough = careful and best.misplaced_aud <= best.tolerance_aud
        if is_enough or best.moved_aud <= best.tolerance_aud or not goes_on():
            break
        # Shares that still jump: the most that each goal has needed so far is enough for more and more portfolios.
        settled = settle_shares(market, sleeves, terms, plans, needs=needs) if careful else last.go(way)
        if settled is None:
            break
        best = replace(best, rounds=number)
        try:
            now = run(settled, number)
        except (UnreachableGoalError, SolverError):
            if careful:
                break
            # These shares contradict the rules; nearer ones may not.
            way /= 2
            continue
        way, last = _relaxed(way, last, now), now
        best = replace(min(best, now, key=lambda each: each.rank), rounds=number)
    return best


def as_coordinated(case: Case, master: CoordinatedPortfolio) -> Delivered:
    """Describe the pods of the coordinated portfolio, before units are made whole."""
    move = case.move_to(master.X)
    if move is None:
        return delivered(case, master.X)
    return delivered(case, master.X, fees_aud=move.brokerage_aud + move.spread_aud, tax_aud=move.gains.tax_aud)


def fund(settled: Settled, again: Settled) -> Settled:
    """Fund the goals from the shares that are *settled*, by the needs that the shares settled *again* follow from."""
    allotment = divide(settled.to_invest_aud, again.claims, settled.allotment.shares)
    return replace(settled, claims=again.claims, allotment=allotment)


def _relaxed(way: float, last: Round, now: Round) -> float:
    """Choose the part of the way to go next, from the last two rounds (dynamic relaxation).

    Irons & Tuck, "A version of the Aitken accelerator for computer iteration", IJNME 1(3), 1969. Where shares at rest
    exist, this finds them in fewer rounds; where the shares jump to and fro, it halves the distance.
    """
    pods = last.settled.allotment.shares.keys()
    if any(each.allotment.shares.keys() != pods for each in (last.again, now.settled, now.again)):
        return 1.0
    steps = [(last.change[pod], now.change[pod] - last.change[pod]) for pod in pods]
    size = sum(turn * turn for _, turn in steps)
    return min(max(-way * sum(was * turn for was, turn in steps) / size, _LEAST_STEP), 1.0) if size else 1.0
