"""How sure a suggestion is, as a challenge states it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from portfolio.market.robust import Robust


class Effort(StrEnum):
    """How much of a challenge a request asks for.

    Attributes:
        NONE: No challenge.
        QUICK: A few markets, for about two seconds of one core.
        FULL: The coordinated portfolio of all 100 markets.
    """

    NONE = "none"
    QUICK = "quick"
    FULL = "full"


class Sure(StrEnum):
    """Whether a difference is larger than the error of the figures.

    Attributes:
        CLEAR: The difference has the same sign in at least 95 of 100 draws.
        LIKELY: The difference has the same sign in at least two of three draws.
        WITHIN_NOISE: Neither sign is likely.
    """

    CLEAR = "clear"
    LIKELY = "likely"
    WITHIN_NOISE = "within_noise"


class Drawn(StrEnum):
    """Where the draws of a market's returns come from.

    Attributes:
        HISTORY: The error of means and covariances that were estimated from a history.
        RANGES: The ranges that the market states around its expected returns.
        NOTHING: The market is an outlook without ranges: no draws are possible.
    """

    HISTORY = "history"
    RANGES = "ranges"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Range:
    """The values of a figure over the draws.

    Attributes:
        low: The value that a tenth of the draws stay below.
        middle: The median.
        high: The value that a tenth of the draws exceed.
    """

    low: float
    middle: float
    high: float


@dataclass(frozen=True, slots=True)
class DrawnPortfolio:
    """The coordinated portfolio of one drawn market.

    Attributes:
        draw: Number of the draw, from 0.
        weights: Holdings of each pod, by ticker, as shares of the whole capital.
        proven: Whether the search proved that no portfolio scores better by more than the gap; false where it ended at
            its limit of nodes.
    """

    draw: int
    weights: Mapping[str, Mapping[str, float]]
    proven: bool


@dataclass(frozen=True, slots=True)
class SureEtf:
    """How sure one ETF is.

    Attributes:
        ticker: The ETF.
        weight: The ETF's share of the capital in the suggestion.
        held: Part of the drawn markets whose portfolio holds the ETF.
        range: The ETF's share of the capital in these portfolios; zero where the ETF is not held.
    """

    ticker: str
    weight: float
    held: float
    range: Range


@dataclass(frozen=True, slots=True)
class SureGoal:
    """How sure the chance of one money goal is.

    Attributes:
        goal_id: The adviser's own key for the goal.
        chance: The chance of the goal with the suggestion, if each draw were true.
    """

    goal_id: str
    chance: Range


@dataclass(frozen=True, slots=True)
class SmallestChange:
    """The smallest change of expected returns at which other ETFs come out, found by halving.

    Attributes:
        tickers: The ETFs whose return changes.
        change: The change per year, as a fraction; None where the ETFs stay up to ``tried``.
        stays_at: The largest change of the same sign that was tried below it, at which the ETFs stay; the distance is
            the resolution.
        tried: The largest change that was tried, in both directions or in that of the ETF.
        weights: The portfolio at ``change``: holdings of each pod, by ticker, as shares of the whole capital.
    """

    tickers: tuple[str, ...]
    change: float | None
    stays_at: float
    tried: float
    weights: Mapping[str, Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class Worth:
    """Whether the suggestion returns more than what it replaces by more than the error of the returns.

    Attributes:
        against: The portfolio that is replaced: the holdings of today or, without an account, the separate pods.
        gain_aud_per_year: Gain of expected return after fees and tax on income, if each draw were true, before
            ``cost_aud``.
        cost_aud: Cost of the suggestion, paid once; without an account, beyond the cost of buying the separate pods.
        years: Years over which the cost is spread: those of the longest money goal, or 5 without one.
        better: Part of the draws in which the gain is more than the cost spread over the years.
        sure: The answer in one word, for either sign.
    """

    against: str
    gain_aud_per_year: Range
    cost_aud: float
    years: float
    better: float
    sure: Sure


@dataclass(frozen=True, slots=True)
class OtherAim:
    """The portfolio that is best in a worst case; or, where the request asked for that one, the best in the market.

    All changes are this portfolio less the suggestion, in fractions of units.

    Attributes:
        robust: The worst case: the request's, or one error of each return and half of each largest covariance.
        weights: Holdings of each pod, by ticker, as shares of the whole capital.
        proven: Whether the search proved that no portfolio scores better by more than the gap.
        same_etfs: Whether this portfolio holds the ETFs of the suggestion.
        turnover: Half of the value of all purchases and sales from the suggestion, as a share of the capital.
        return_aud_per_year: Change of expected return after fees and tax on income, AUD per year.
        worst_return_aud_per_year: The same in the worst case.
        volatility: Change of the volatility per year, as a fraction.
        worst_volatility: The same in the worst case.
        words: What changes, in one sentence.
    """

    robust: Robust
    weights: Mapping[str, Mapping[str, float]]
    proven: bool
    same_etfs: bool
    turnover: float
    return_aud_per_year: float
    worst_return_aud_per_year: float
    volatility: float
    worst_volatility: float
    words: str


@dataclass(frozen=True, slots=True)
class Robustness:
    """How sure a suggestion is.

    Attributes:
        effort: The effort that was asked for.
        seed: SHA-256 of the request id, in hex: the seed of all draws.
        drawn: Where the draws come from.
        covariance_drawn: Whether the covariance is drawn too: where a history has at least twice as many returns as the
            market has ETFs.
        draws: Number of markets drawn.
        asked_again: Number of drawn markets whose coordinated portfolio was looked for.
        without_answer: Number of these without a portfolio: a pod has none there, or the search found none.
        portfolios: The coordinated portfolios of the others.
        same_etfs: Part of ``portfolios`` with the ETFs of the suggestion; None without portfolios.
        etfs: The ETFs of the suggestion and of these portfolios.
        turnover: Half of the value of all purchases and sales between the suggestion and these portfolios, as a share
            of the capital; None without portfolios.
        loss_aud_per_year: Expected return after fees and tax on income that these portfolios have more than the
            suggestion, if each draw were true, AUD; negative where they have less, since return is not the only aim.
        money_goals: The chances of the money goals.
        one_etf: The smallest change of one ETF's return at which other ETFs come out: of an ETF that is held, a fall,
            of any other, a rise. None where it was not looked for.
        all_risky: The smallest change of all returns but that of the cash ETF at which other ETFs come out. None where
            it was not looked for.
        worth: Whether the suggestion is worth more than noise; None without draws, and where nothing is to be done.
        words: The answer in one sentence.
        other_aim: What a worst case would change, or did change where the request asked for one; None where the market
            states no error of its returns, or there is no such portfolio.
        ended_early: Whether a limit of computing time ended the work before all of it was done. The limit is far above
            the usual time, so that the same event gives the same challenge on any machine.
    """

    effort: Effort
    seed: str
    drawn: Drawn
    covariance_drawn: bool
    draws: int
    asked_again: int
    without_answer: int
    portfolios: tuple[DrawnPortfolio, ...]
    same_etfs: float | None
    etfs: tuple[SureEtf, ...]
    turnover: Range | None
    loss_aud_per_year: Range | None
    money_goals: tuple[SureGoal, ...]
    one_etf: SmallestChange | None
    all_risky: SmallestChange | None
    worth: Worth | None
    words: str
    other_aim: OtherAim | None = None
    ended_early: bool = False
