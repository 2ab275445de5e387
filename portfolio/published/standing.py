"""Today, the separate pods and the suggestion in the same figures, and the judgement on the switch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from portfolio.published.account import IncomeAccount


@dataclass(frozen=True, slots=True)
class Standing:
    """A portfolio in the figures that a person compares: of today, of the separate pods, or as ordered.

    All fractions are of one denominator, the capital: the value of cash and tradable holdings today, at last prices.
    So money that trades cost earns no return, and the figures of the three portfolios compare like with like. Where
    money comes in or is paid out, the capital counts these payments, and the fractions of today are of the account
    before them. Holdings that are kept outside the pods count in ``value_aud`` alone.

    Attributes:
        etfs_aud: Value of the ETFs at last prices, AUD.
        cash_aud: Money that is not invested, after the costs of the trades, AUD.
        kept_aud: Value of the holdings that are kept outside the pods (``terms.owned.kept`` names them), AUD.
        tax_due_aud: Tax on the capital gains that the trades realise, AUD; due later.
        value_aud: ETFs, cash and kept holdings, with the payments in and out, less the tax that is due, AUD.
        expected_return: Expected return per year, after the funds' fees and before tax, interest on cash included.
        expected_return_aud: The same return in AUD.
        return_after_tax: Expected return per year, after fees and net tax on income.
        return_after_tax_aud: The same return in AUD.
        volatility: Volatility per year.
        sharpe_ratio: Expected return above the return of the cash ETF, per unit of volatility; None without volatility.
        income: Distributions, credits, tax and income after tax, per year.
        fees_aud: The funds' management fees per year, AUD; the returns are after these fees.
        tax_efficiency: Ten times the part of the expected return that net tax leaves; None where the return is not
            positive.
        etfs: Number of ETFs.
        duplicated_etfs: Number of ETFs that more than one pod holds; 0 today, since today's holdings belong to no pod.
        economic_duplicates: Number of pairs of ETFs that behave alike: their correlation is 0.97 or more.
        effective_holdings: Number of equal holdings with the same spread as the invested part; 0 where no money is
            invested.
        largest_position: Largest share of the capital in one ETF.
        asset_classes: Shares of the capital by asset class; money counts as ``cash``, like ETFs of that class.
        weights: Shares of the capital by ticker, without cash.
        money_goals: Chance of each money goal with its pod's holdings, by ``goal_id``. Today, when holdings belong to
            no pod: the chance with the goal's part of the whole account, unchanged.
        contribution_aud: Money that comes in, AUD: only today, when this money is not in the account yet.
        withdrawal_aud: Money that is paid out, AUD: not today, when this money is still in the account.
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
    contribution_aud: float = 0.0
    withdrawal_aud: float = 0.0


@dataclass(frozen=True, slots=True)
class ForcedSale:
    """A rule or a goal that makes the switch dearer: a portfolio without this rule or goal alone proves that.

    That portfolio keeps all other rules and goals as well as the suggestion, scores no less, and costs less to switch
    to. Another one may save more.

    Attributes:
        name: The rule or the goal, such as ``max_weight`` or ``gamma.volatility``; ``outside.`` and a ticker for a sale
            of what no pod may hold.
        words: The rule or the goal, the saving if eased, and the sales that are then not made, in words.
        saves_aud: Saving in the cost of the switch with that portfolio, AUD, in fractions of units.
        gap: Relative gap of the search: a portfolio without this rule or goal scores at most this part more than the
            one found.
        weights: That portfolio: shares of the capital, by pod and ticker; empty for ``outside``.
        sales: Units that the switch to that portfolio sells of each parcel, whole or not, in the order of the parcels;
            empty for ``outside``.
    """

    name: str
    words: str
    saves_aud: float
    gap: float
    weights: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    sales: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Switch:
    """The way from today to the suggestion: the cost, paid once, and the changes per year.

    Attributes:
        brokerage_aud: Brokerage of the orders, AUD.
        spread_aud: Half the spread on each dollar that is traded, AUD.
        tax_aud: Tax on the capital gains that the orders realise, AUD.
        cost_aud: Sum of brokerage, spread and tax, paid once, AUD.
        return_aud_per_year: Change of the expected return after fees and tax on income, AUD per year: suggestion less
            today. Where money comes in or is paid out, today's return is taken of as much money as the suggestion has.
        income_aud_per_year: Change of the income after tax, AUD per year, of the same money likewise.
        volatility: Change of the volatility per year, as a fraction.
        years_to_pay: Years until the change of return repays the cost; None where the return does not rise, so that the
            switch does not pay for itself in return.
        words: The judgement in one sentence.
        forced: Rules and goals that force the dearest sales, the dearest first, each measured alone.
        cut_short: Whether the time ended the search for these before every rule and goal was tried.
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
