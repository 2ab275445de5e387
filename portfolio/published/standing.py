"""Today, the separate pods and the suggestion in the same figures, and the judgement on the switch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from portfolio.published.account import IncomeAccount


@dataclass(frozen=True, slots=True)
class Standing:
    """A portfolio in the figures that a person compares: of today, of the separate pods, or as ordered.

    All fractions are of one denominator, the capital: what cash and tradable holdings are worth today at last prices.
    So money that trades cost earns nothing, and the figures of the three portfolios compare like with like. Holdings
    that are kept outside the pods count in ``value_aud`` alone.

    Attributes:
        etfs_aud: Value of the ETFs at last prices.
        cash_aud: Money that is not invested, after the costs of the trades.
        kept_aud: Value of the holdings that are kept outside the pods (``terms.owned.kept`` names them).
        tax_due_aud: Tax on the capital gains that the trades realise; it is due later.
        value_aud: ETFs, cash and kept holdings, less the tax that is due.
        expected_return: Per year, after the funds' fees and before tax, interest on cash included.
        expected_return_aud: The same in AUD.
        return_after_tax: Per year, after fees and net tax on income.
        return_after_tax_aud: The same in AUD.
        volatility: Per year.
        sharpe_ratio: Expected return above that of the cash ETF, per unit of volatility; None without volatility.
        income: A year's distributions, credits, tax and income after tax.
        fees_aud: The funds' management fees per year, which the returns are after.
        tax_efficiency: Ten times the part of the expected return that net tax leaves; None where none is expected.
        etfs: Number of ETFs.
        duplicated_etfs: ETFs that more than one pod holds; today nothing belongs to a pod, so that there are none.
        economic_duplicates: Pairs of ETFs that behave alike: their correlation is 0.97 or more.
        effective_holdings: Number of equal holdings with the same spread, of what is invested; 0 where nothing is.
        largest_position: Largest share of the capital in one ETF.
        asset_classes: Shares of the capital by asset class; money counts as ``cash``, as ETFs of that class do.
        weights: Shares of the capital by ticker, without cash.
        money_goals: Chance of each money goal, by ``goal_id``, with what its pod holds; today, where nothing belongs
            to a pod, with its part of the whole account as that is.
    """

    etfs_aud: float
    cash_aud: float
    kept_aud: float
    tax_due_aud: float
    value_aud: float
    expected_return: float
    expected_return_aud: float
    return_after_tax: float
    return_after_tax_aud: float
    volatility: float
    sharpe_ratio: float | None
    income: IncomeAccount
    fees_aud: float
    tax_efficiency: float | None
    etfs: int
    duplicated_etfs: int
    economic_duplicates: int
    effective_holdings: float
    largest_position: float
    asset_classes: Mapping[str, float]
    weights: Mapping[str, float]
    money_goals: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class ForcedSale:
    """A rule or a goal that makes the switch dearer: without it, the portfolio would be reached at less cost.

    Attributes:
        name: The rule or the goal, such as ``max_weight`` or ``gamma.volatility``.
        words: What it says, and what it saves if it is eased, in words.
        saves_aud: By how much less the switch would cost without this one alone, in fractions of units.
        gap: Relative gap of the search without it: a still better portfolio scores at most this part more.
    """

    name: str
    words: str
    saves_aud: float
    gap: float


@dataclass(frozen=True, slots=True)
class Switch:
    """The way from today to the suggestion: what it costs once, and what it changes per year.

    Attributes:
        brokerage_aud: Of the orders.
        spread_aud: Half the spread on each dollar that is traded.
        tax_aud: Tax on the capital gains that the orders realise.
        cost_aud: The three together: once.
        return_aud_per_year: Change of the expected return after fees and tax on income, suggested less today.
        income_aud_per_year: Change of the income after tax.
        volatility: Change of the volatility, as a fraction.
        years_to_pay: Cost over the change of return; None where the return does not rise, so that the switch does not
            pay for itself in return.
        words: The judgement in one sentence.
        forced: The rules and goals that force the dearest sales, the dearest first, each by itself.
        cut_short: Whether the time ended the search for these: others may force sales too.
    """

    brokerage_aud: float
    spread_aud: float
    tax_aud: float
    cost_aud: float
    return_aud_per_year: float
    income_aud_per_year: float
    volatility: float
    years_to_pay: float | None
    words: str
    forced: tuple[ForcedSale, ...] = ()
    cut_short: bool = False
