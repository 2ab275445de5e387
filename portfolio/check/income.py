"""Check a year's income and the tax on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portfolio.check.facts import differing
from portfolio.check.tax import MOST_OF_INDIVIDUALS, RATES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from portfolio.check.portfolio import Portfolio

# Former ITAA 1936, s 160APHT: an individual with at most this amount of credits per year need not hold for 45 days.
_FEW_CREDITS_AUD = 5_000.0


def income(portfolio: Portfolio) -> Iterator[str]:
    """Check distributions, credits, tax and what is left, of the separate pods' and of the coordinated portfolio.

    Franked cash carries 30/70 of credits (s 202-60); both are income, and the credits pay tax (s 207-20). What is too
    much is refunded (s 67-25), but not to a company (s 36-55), unless its other income uses it up.
    """
    terms, told = portfolio.terms, portfolio.event["income"]
    entity, rate, capital = terms["entity"], terms["marginal_tax_rate"], terms["total_capital_aud"]
    possible = 0 <= rate <= MOST_OF_INDIVIDUALS if entity == "individual" else rate in RATES[entity]
    if not possible:
        yield f"the entity {entity} cannot have a tax rate of {rate}"
    if terms["other_income_uses_credits"] and entity != "company":
        yield f"other income is said to use up the credits of {entity}, who is refunded them"
    if set(told) != {"naive", "master"}:
        yield f"income is told of {', '.join(told)}, not of naive and master"
        return
    for which, w in (("naive", portfolio.shares @ portfolio.naive_sleeves), ("master", portfolio.X.sum(axis=0))):
        paid, franked = float(portfolio.cash_yield @ w), float(portfolio.credits @ w)
        paid += portfolio.cash_rate * portfolio.idle(w)
        tax = rate * (paid + franked) - franked
        unused = max(0.0, -tax) if not portfolio.refunds else 0.0
        figures = {
            "distributions_aud": paid * capital,
            "franking_credits_aud": franked * capital,
            "net_tax_aud": (tax + unused) * capital,
            "after_tax_aud": (paid - tax - unused) * capital,
            "unused_credits_aud": unused * capital,
            "distribution_yield": paid,
            "grossed_up_yield": paid + franked,
            "after_tax_yield": paid - tax - unused,
        }
        numbers = {name: value for name, value in told[which].items() if name != "holding_period_rule"}
        yield from (f"of the income of {which}, {words}" for words in differing(numbers, figures))
        if told[which]["holding_period_rule"] != (entity != "individual" or franked * capital > _FEW_CREDITS_AUD):
            yield f"whether the credits of {which} take 45 days of holding is not as told"
