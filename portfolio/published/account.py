"""The parts of a final event that say what a portfolio is and does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from portfolio.market.figures import Figures
from portfolio.published.frontier import FrontierPoint
from portfolio.terms.mandate import Mandate


@dataclass(frozen=True, slots=True)
class Holding:
    """An ETF of the portfolio: its share of the capital, in dollars too, and the pods it serves."""

    ticker: str
    name: str
    asset_class: str
    weight: float
    amount_aud: float
    owners: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CashHeld:
    """Money of an account that is not invested: a line of the portfolio beside the ETFs, and no pod's.

    Attributes:
        weight: Its share of the capital: what the ETFs leave.
        amount_aud: The same in AUD.
        costs_aud: Brokerage and half the spread of the trades, which are paid from it.
        rate: Interest a year, as a fraction.
    """

    weight: float
    amount_aud: float
    costs_aud: float
    rate: float


@dataclass(frozen=True, slots=True)
class PodAccount:
    """A pod's part of the portfolio.

    Attributes:
        mandate: Its terms as used: for this market, with the request's ``pod_targets``, and with what the risk
            tolerance adds.
        capital_share: Its share of the capital.
        naive_weights: What it would hold alone, as shares of the pod.
        weights: What it holds, as shares of the whole capital.
        figures: What its sleeve is expected to do.
        left_out: ETFs of its universe that were not considered: unpriced, closed, or never to be bought.
        frontier: Where the customer's risk tolerance puts the pod; None where its mandate is as it is.
        effective_holdings_alone: Number of equal holdings with the same spread, of what it would hold alone.
        effective_holdings: The same of what it holds; the mandate's ``min_effective_holdings`` binds the pod alone.
    """

    mandate: Mandate
    capital_share: float
    naive_weights: Mapping[str, float]
    weights: Mapping[str, float]
    figures: Figures
    left_out: tuple[str, ...]
    frontier: FrontierPoint | None = None
    effective_holdings_alone: float | None = None
    effective_holdings: float | None = None


@dataclass(frozen=True, slots=True)
class GoalAccount:
    """A goal: what was asked, what was possible, and what the portfolio gives.

    Goals stand in the order in which they were served: each as well as the rules and the goals before
    it allow.

    Attributes:
        name: ``gamma.sharpe_ratio``, ``never_worse.trading_cost_aud``, ``correlation.alpha-beta``.
        pods: Whose sleeve it is about; two pods for a correlation, none for the whole portfolio.
        figure: What it is about.
        better: Whether what is asked is a cap (lower is better) or a floor.
        priority: 1 is served first.
        asked: The figure asked.
        best_alone: The best the pod could do alone, with this goal only; of goals of pods.
        best_together: The best with all rules and the goals before it, proven to a millionth; None where it
            was not found: not asked for (``explain``), not proven in time, or a correlation.
        held: The figure at which the search held the goal: as asked, or, if it gave way, its best figure less the
            request's ``target_tolerance``. None where a goal was given up (never worse than the separate pods), or is
            a limit on correlations.
        delivered: What the portfolio gives; None where the figure is not defined.
        shortfall: How far that is from what was asked, in the figure's own unit.
        met: Whether it is what was asked.
        price: The goal's multiplier: what the objective gains per unit of the figure as the goal is eased by very
            little, each pod holding the same ETFs (where that loses what tightening would cost, something in
            between); zero where the goal does not bind, None where it cannot be said.
        gain_of_one_percent: What it would gain if the goal were eased by a hundredth of what was asked, each
            pod holding the same ETFs.
    """

    name: str
    pods: tuple[str, ...]
    figure: str
    better: Literal["lower", "higher"]
    priority: int
    asked: float
    best_alone: float | None
    best_together: float | None
    delivered: float | None
    shortfall: float | None
    met: bool
    price: float | None
    gain_of_one_percent: float | None
    held: float | None = None


@dataclass(frozen=True, slots=True)
class ComparisonRow:
    """One figure, without coordination and with it.

    Attributes:
        better: Which change is in the person's interest; None where neither is by itself: less tax on income is no
            gain where the income after tax falls too.
        never_worse: Whether the portfolio was held to be at least as good as the naive one here; false where
            the row is information, or a goal that gave way to others.
    """

    metric: str
    naive: float | None
    master: float | None
    better: Literal["lower", "higher"] | None
    never_worse: bool


@dataclass(frozen=True, slots=True)
class CorrelationRow:
    """How two pods' sleeves move together.

    Attributes:
        limit: The most it should be, by the request or the pods' mandates; a goal if the request says so.
        room: How far it is below the limit; negative above it.
    """

    pods: tuple[str, str]
    correlation: float
    limit: float | None
    room: float | None


@dataclass(frozen=True, slots=True)
class EconomicDuplicate:
    """Two ETFs that are held and do nearly the same."""

    tickers: tuple[str, str]
    correlation: float


@dataclass(frozen=True, slots=True)
class ObjectiveTerms:
    """The four terms of the objective, before their weights.

    Attributes:
        pod_score: Shares times scores; a pod scores 1 at its stage-1 result.
        duplication: Owners beyond an ETF's first, as a share of the naive portfolio's (of 1, if it has none).
        trading_cost: As a share of what buying the naive portfolio from cash costs.
        tax_efficiency: Net tax on income that is saved, as a share of the naive portfolio's gross income.
    """

    pod_score: float
    duplication: float
    trading_cost: float
    tax_efficiency: float


@dataclass(frozen=True, slots=True)
class IncomeAccount:
    """A year's income of a portfolio and the tax on it.

    Attributes:
        distributions_aud: Distributions, and interest on cash.
        franking_credits_aud: Credits for company tax that come with them.
        net_tax_aud: Tax on both that the credits do not pay; negative where more credits than tax are refunded, or pay
            tax on other income.
        after_tax_aud: Distributions less net tax.
        unused_credits_aud: Credits above the tax that are worth nothing this year: a company's without other income.
        distribution_yield: Distributions and interest, as a share of the capital.
        grossed_up_yield: With their credits.
        after_tax_yield: What is left after tax.
        holding_period_rule: Whether the credits take 45 days of holding: always, but for individuals with few.
    """

    distributions_aud: float
    franking_credits_aud: float
    net_tax_aud: float
    after_tax_aud: float
    unused_credits_aud: float
    distribution_yield: float
    grossed_up_yield: float
    after_tax_yield: float
    holding_period_rule: bool
