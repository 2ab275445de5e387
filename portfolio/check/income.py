"""Check a year's income and the tax on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portfolio.check.facts import differing, same
from portfolio.check.tax import MOST_OF_INDIVIDUALS, RATES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from portfolio import Vector
    from portfolio.check.facts import Event
    from portfolio.check.portfolio import Portfolio

# Former ITAA 1936, s 160APHT: an individual with at most this amount of credits per year need not hold for 45 days.
_FEW_CREDITS_AUD = 5_000.0


def income(portfolio: Portfolio) -> Iterator[str]:
    """Check distributions, credits, tax and what is left, of the separate pods' and of the coordinated portfolio.

    Franked cash carries 30/70 of credits (s 202-60); both are income, and the credits pay tax (s 207-20). What is too
    much is refunded (s 67-25), but not to a company (s 36-55), unless its other income uses it up.
    """
    terms, told = portfolio.terms, portfolio.event["income"]
    entity, rate = terms["entity"], terms["marginal_tax_rate"]
    # An actuary's certificate exempts a part of the income of a fund with members in both phases (s 295-390).
    exempt = terms.get("exempt_share", 0.0)
    taxed = [full * (1 - exempt) for full in RATES.get(entity, ())]
    possible = 0 <= rate <= MOST_OF_INDIVIDUALS if entity == "individual" else any(same(rate, one) for one in taxed)
    if exempt and not (entity == "super_accumulation" and 0 < exempt < 1):
        yield f"a part of {exempt} is exempt of the income of {entity}"
    if not possible:
        yield f"the entity {entity} cannot have a tax rate of {rate}"
    if terms["other_income_uses_credits"] and entity != "company":
        yield f"other income is said to use up the credits of {entity}, who is refunded them"
    if set(told) != {"naive", "master"}:
        yield f"income is told of {', '.join(told)}, not of naive and master"
        return
    for which, w in (("naive", portfolio.shares @ portfolio.naive_sleeves), ("master", portfolio.X.sum(axis=0))):
        faults = year(portfolio, told[which], w, portfolio.idle(w))
        yield from (f"of the income of {which}, {words}" for words in faults)


def year(portfolio: Portfolio, told: Event, w: Vector, cash: float, *, whole_aud: float | None = None) -> Iterator[str]:
    """Check a year's income of the weights *w*, and the interest on *cash*, as shares of the capital, or of a whole."""
    terms = portfolio.terms
    capital = terms["total_capital_aud"] if whole_aud is None else whole_aud
    paid, franked = float(portfolio.cash_yield @ w), float(portfolio.credits @ w)
    paid += portfolio.cash_rate * max(cash, 0.0)
    untaxed = float((portfolio.cash_yield - portfolio.taxed_yield) @ w)
    tax = terms["marginal_tax_rate"] * (paid - untaxed + franked) - franked
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
    # Events of before the untaxed part is told have none of it.
    if not same(told.get("untaxed_aud", 0.0), untaxed * capital, size=capital):
        yield f"{untaxed * capital} AUD of the distributions are not taxed now, not {told.get('untaxed_aud', 0.0)}"
    apart = ("holding_period_rule", "owners", "untaxed_aud")
    yield from differing({name: value for name, value in told.items() if name not in apart}, figures)
    amounts = (paid * capital, untaxed * capital, franked * capital)
    yield from _owners(portfolio, told.get("owners") or (), *amounts)
    most = max(share for share, _ in portfolio.owned.payer.each) if portfolio.owned else 1.0
    if told["holding_period_rule"] != (terms["entity"] != "individual" or most * franked * capital > _FEW_CREDITS_AUD):
        yield "whether the credits take 45 days of holding is not as told"


def _owners(
    portfolio: Portfolio, told: Sequence[Event], paid_aud: float, untaxed_aud: float, franked_aud: float
) -> Iterator[str]:
    """Check each owner's share of a year's income: taxed at the owner's rate, with credits refunded (s 67-25)."""
    due = portfolio.owned.payer.owners if portfolio.owned else ()
    names = [one["owner_id"] for one in portfolio.owned.told["taxpayer"].get("owners") or ()] if portfolio.owned else []
    if [one["owner_id"] for one in told] != names:
        yield f"the income is that of {names}, not as told"
        return
    for one, (share, payer) in zip(told, due, strict=True):
        tax = share * (payer.rate * (paid_aud - untaxed_aud + franked_aud) - franked_aud)
        figures = {
            "distributions_aud": share * paid_aud,
            "franking_credits_aud": share * franked_aud,
            "net_tax_aud": tax,
            "after_tax_aud": share * paid_aud - tax,
        }
        numbers = {name: value for name, value in one.items() if name != "owner_id"}
        wrong = differing(numbers, figures, size=paid_aud + franked_aud)
        yield from (f"of {one['owner_id']}, {words}" for words in wrong)
