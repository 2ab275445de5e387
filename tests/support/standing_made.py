"""Standings of today, the separate pods and the suggestion, with figures that go up, down and near zero."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from portfolio.published.account import IncomeAccount
from portfolio.published.standing import ForcedSale, Standing, Switch

if TYPE_CHECKING:
    from bus.language.messages import MasterPortfolioOptimized


def _income(distributions_aud: float, credits_aud: float, net_tax_aud: float) -> IncomeAccount:
    return IncomeAccount(
        distributions_aud=distributions_aud,
        franking_credits_aud=credits_aud,
        net_tax_aud=net_tax_aud,
        after_tax_aud=distributions_aud - net_tax_aud,
        unused_credits_aud=0.0,
        distribution_yield=distributions_aud / 1e5,
        grossed_up_yield=(distributions_aud + credits_aud) / 1e5,
        after_tax_yield=(distributions_aud - net_tax_aud) / 1e5,
        holding_period_rule=False,
    )


TODAY = Standing(
    etfs_aud=93_029.904,
    cash_aud=8_000.004,
    kept_aud=12_345.678,
    tax_due_aud=0.0,
    value_aud=113_375.586,
    expected_return=0.11468,
    expected_return_aud=11_468.114,
    return_after_tax=0.0981,
    return_after_tax_aud=9_810.22,
    volatility=0.121,
    sharpe_ratio=-0.006,
    income=_income(5_481.337, 1_200.124, -300.551),
    fees_aud=305.5,
    tax_efficiency=9.1,
    etfs=7,
    duplicated_etfs=0,
    economic_duplicates=1,
    effective_holdings=4.7,
    largest_position=0.3123,
    asset_classes={"cash": 0.08335, "fixed income": 0.33335, "australian equities": 0.5833},
    weights={"VAS": 0.5833, "VAF": 0.33335},
    money_goals={},
)
SUGGESTED = replace(
    TODAY,
    etfs_aud=94_851.074,
    cash_aud=6_002.166,
    tax_due_aud=355.024,
    value_aud=112_843.894,
    return_after_tax=0.0979,
    return_after_tax_aud=9_789.994,
    volatility=0.079,
    sharpe_ratio=0.020,
    income=_income(4_080.104, 800.0, 500.4),
    effective_holdings=6.1,
    asset_classes={"cash": 0.28, "fixed income": 0.1, "australian equities": 0.22, "gold": 0.395},
)
SEPARATE = replace(SUGGESTED, etfs=9, duplicated_etfs=3)
SWITCH = Switch(
    brokerage_aud=57.188,
    spread_aud=0.0,
    tax_aud=269.446,
    cost_aud=326.634,
    return_aud_per_year=-20.226,
    income_aud_per_year=-2_202.2,
    volatility=-0.042,
    years_to_pay=None,
    words="does not pay for itself in return: you pay 327 AUD to lower volatility from 12.1 % to 7.9 %",
    forced=(ForcedSale("max_weight", "at most 25 % of the capital per ETF; eased, it saves 120.33 AUD", 120.33, 1e-4),),
)


def with_standings(event: MasterPortfolioOptimized) -> MasterPortfolioOptimized:
    """Put these standings into an event, as with an account or without."""
    both: dict[str, object] = {"separate": SEPARATE, "suggested": SUGGESTED}
    if event.trading:
        both |= {"today": TODAY, "switch": SWITCH if event.trading.orders else None}
    return event.model_copy(update=both)
