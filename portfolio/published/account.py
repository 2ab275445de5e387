"""The parts of a final event that describe a portfolio and its figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from portfolio.market.measure import Figures
from portfolio.published.frontier import FrontierPoint
from portfolio.terms.mandate import Mandate


@dataclass(frozen=True, slots=True)
class Holding:
    """An ETF of the portfolio: the share of the capital, the amount in AUD, and the pods that own the ETF.

    Attributes:
        ticker: The ETF.
        name: The ETF's name.
        asset_class: The asset class of the ETF.
        weight: Share of the capital in the ETF.
        amount_aud: Value of the holding, AUD.
        owners: The pods that own the ETF.
    """

    ticker: str
    name: str
    asset_class: str
    weight: float
    amount_aud: float
    owners: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CashHeld:
    """Money of an account that is not invested: a line of the portfolio beside the ETFs that belongs to no pod.

    Attributes:
        weight: Share of the capital that the ETFs leave.
        amount_aud: The same share in AUD.
        costs_aud: Brokerage and half the spread of the trades, AUD, which are paid from this money.
        rate: Interest per year, as a fraction.
    """

    weight: float
    amount_aud: float
    costs_aud: float
    rate: float


@dataclass(frozen=True, slots=True)
class PodAccount:
    """A pod's part of the portfolio.

    Attributes:
        mandate: The pod's terms as used: for this market, with the request's ``pod_targets``, and with the limits that
            the risk tolerance adds.
        capital_share: The pod's share of the capital.
        naive_weights: Holdings of the pod alone, by ticker, as shares of the pod.
        weights: Holdings of the pod in the portfolio, by ticker, as shares of the whole capital.
        figures: Expected figures of the pod's sleeve.
        left_out: ETFs of the pod's universe that were not considered: unpriced, closed, or never to be bought.
        frontier: Point of the efficient frontier that the customer's risk tolerance selects; None where the mandate
            applies unchanged.
        effective_holdings_alone: Number of equal holdings with the same spread as the holdings of the pod alone. The
            mandate's ``min_effective_holdings`` limits only this number.
        effective_holdings: Number of equal holdings with the same spread as the pod's holdings in the portfolio.
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
    """A goal: the figure asked, the best possible figure, and the figure of the portfolio.

    Goals stand in the order in which they were served: each as well as the rules and the goals before it allow.

    Attributes:
        name: Name of the goal, such as ``gamma.sharpe_ratio``, ``never_worse.trading_cost_aud`` or
            ``correlation.alpha-beta``.
        pods: The pod whose sleeve the goal limits; two pods for a correlation, none for the whole portfolio.
        figure: The figure that the goal limits.
        better: Whether the figure asked is a cap (lower is better) or a floor (higher is better).
        priority: 1 is served first.
        asked: The figure asked.
        best_alone: For a goal of a pod: best figure that the pod can reach alone with this goal only.
        best_together: Best figure with all rules and the earlier goals kept, proven to a millionth; None where no
            figure was found: the request did not ask (``explain``), the time was too short for a proof, or the goal is
            a correlation.
        held: Figure at which the search held the goal: the figure asked or, if the goal gave way, its best figure less
            the request's ``target_tolerance``; None where a goal was given up (never worse than the separate pods), or
            limits a correlation.
        delivered: Figure of the portfolio; None where the figure is not defined.
        shortfall: Distance by which the delivered figure misses the figure asked, in the figure's own unit; zero where
            the delivered figure is as good or better, None where no figure is delivered.
        met: Whether the delivered figure meets the goal.
        price: Multiplier of the goal: gain of the objective per unit of the figure, if the goal is eased by very little
            and each pod holds the same ETFs. Where easing gains less than tightening costs, the multiplier is between
            the two. Zero where the goal does not bind; None where the multiplier is not known.
        gain_of_one_percent: Gain of the objective if the goal is eased by a hundredth of the figure asked and each pod
            holds the same ETFs.
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
        metric: The figure, such as ``trading_cost_aud`` or ``sharpe_ratio``.
        naive: The figure of the separate pods; None where it is not defined.
        master: The figure of the coordinated portfolio; None where it is not defined.
        better: Direction of change that helps the person; None where neither direction does by itself: less tax on
            income is no gain where the income after tax falls too.
        never_worse: Whether the portfolio was held to be at least as good as the naive portfolio in this figure; false
            where the row is information, or a goal that gave way to others.
    """

    metric: str
    naive: float | None
    master: float | None
    better: Literal["lower", "higher"] | None
    never_worse: bool


@dataclass(frozen=True, slots=True)
class CorrelationRow:
    """The correlation of two pods' sleeves.

    Attributes:
        pods: The two pods.
        correlation: The correlation of the returns of their holdings, -1 to 1.
        limit: Upper limit from the request or the pods' mandates; a goal if the request says so; None without a limit.
        room: Limit less correlation; negative where the correlation is above the limit, None without a limit.
    """

    pods: tuple[str, str]
    correlation: float
    limit: float | None
    room: float | None


@dataclass(frozen=True, slots=True)
class EconomicDuplicate:
    """Two ETFs that are held and move almost alike.

    Attributes:
        tickers: The two ETFs.
        correlation: The correlation of their returns.
    """

    tickers: tuple[str, str]
    correlation: float


@dataclass(frozen=True, slots=True)
class ObjectiveTerms:
    """The four terms of the objective, before their weights.

    Attributes:
        pod_score: Sum of the pods' shares times their scores; a pod scores 1 at its stage-1 result.
        duplication: Owners beyond the first of each ETF, as a share of the naive portfolio's number (of 1, if that is
            0).
        trading_cost: Cost of the trades, less the value of the losses that they leave for later years, as a share of
            the cost of buying the naive portfolio from cash.
        tax_efficiency: Saving of net tax on income, as a share of the naive portfolio's gross income.
    """

    pod_score: float
    duplication: float
    trading_cost: float
    tax_efficiency: float


@dataclass(frozen=True, slots=True)
class OwnerIncome:
    """One owner's share of a year's income of a portfolio, and the owner's tax on it.

    Attributes:
        owner_id: The owner's key.
        distributions_aud: The owner's share of distributions and interest, AUD.
        franking_credits_aud: The owner's share of the franking credits, AUD.
        net_tax_aud: The owner's tax that the credits do not pay, at the owner's rate, AUD; negative where credits are
            refunded.
        after_tax_aud: The owner's distributions and interest less net tax, AUD.
    """

    owner_id: str
    distributions_aud: float
    franking_credits_aud: float
    net_tax_aud: float
    after_tax_aud: float


@dataclass(frozen=True, slots=True)
class IncomeAccount:
    """A portfolio's income per year and the tax on this income.

    Attributes:
        distributions_aud: Distributions, and interest on cash, AUD.
        franking_credits_aud: Franking credits of the distributions, AUD: company tax that the companies paid.
        net_tax_aud: Tax on distributions, interest and credits that the credits do not pay, AUD; negative where credits
            above the tax are refunded, or pay tax on other income.
        after_tax_aud: Distributions and interest less net tax, AUD.
        unused_credits_aud: Credits above the tax that are lost this year, AUD: those of a company without other income.
        distribution_yield: Distributions and interest, as a share of the capital.
        grossed_up_yield: Distributions, interest and franking credits, as a share of the capital.
        after_tax_yield: Distributions and interest less net tax, as a share of the capital.
        holding_period_rule: Whether the credits require 45 days of holding: always, except for an individual with few
            credits.
        untaxed_aud: The part of the distributions that is not taxed when it is paid, AUD: tax-deferred amounts, and the
            discount on capital gains that funds distribute; 0 where the market does not know them.
        owners: The same for each of several owners; their amounts add up to those above. Empty for one owner.
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
    untaxed_aud: float = 0.0
    owners: tuple[OwnerIncome, ...] = ()
