"""Who provides a result, what was taken as given for it, and what was not considered: lists that every page shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portfolio.market.basis import day_in_words
from portfolio.published.worst_case import ErrorsFrom
from portfolio.tax.regime import LARGE_SUPER_BALANCE_AUD
from portfolio.tax.taxpayer import BASE_RATE, Entity
from portfolio.terms.targets import InflationFrom
from report.facts.market import said_of_model, said_of_prices

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bus.language.messages import FinalEvent, MasterPortfolioOptimized
    from portfolio.market.robust import Robust
    from portfolio.published.worst_case import WorstCase
    from portfolio.tax.taxpayer import Taxpayer
    from portfolio.terms.owned import Owned

NOT_REVIEWED = "Not reviewed by a licensee; not for a customer as it is."

# The source of the inflation, in a sentence.
INFLATION_SAID_BY = {
    InflationFrom.REQUEST: "as the request says",
    InflationFrom.MARKET: "as the market says",
    InflationFrom.ASSUMED: "assumed, since neither the request nor its market says",
}


def provided_by(event: FinalEvent) -> str:
    """Say who provides the result; where nobody does, that it is not for a customer."""
    if (provider := event.provider) is None:
        return NOT_REVIEWED
    licence = "no licence number is given"
    if provider.licence_number:
        licence = f"Australian financial services licence {provider.licence_number}"
    contact = f" Contact: {provider.contact}." if provider.contact else ""
    return f"Provided by {provider.name} ({licence}).{contact}"


def taken_as_given(event: MasterPortfolioOptimized) -> tuple[str, ...]:
    """List what the result rests on and nobody checked: statements of the request and of the market."""
    return tuple(_given(event))


def _given(event: MasterPortfolioOptimized) -> Iterator[str]:
    terms, owned, market = event.terms, event.terms.owned, event.market
    yield f"{market.basis.said} The market is {market.id}; its prices are of {day_in_words(market.priced_on)}."
    yield from (f"{sentence}." for sentence in (*said_of_prices(event), *said_of_model(event)))
    entity = terms.entity.value.replace("_", " ")
    owners = owned.taxpayer.owners if owned is not None else ()
    together = " that the owners share" if owners else ""
    yield f"Tax: {entity}, with {terms.marginal_tax_rate:.1%} of tax on one more dollar of income{together}."
    for owner in owners:
        yield (
            f"{owner.owner_id} owns {owner.share:.2%} of all holdings, and pays {owner.marginal_rate:.1%} of tax on one"
            " more dollar of income."
        )
    if terms.exempt_share:
        yield (
            f"{terms.exempt_share:.2%} of the fund's income and net capital gains is exempt, by the actuary's"
            " certificate: the fund is in both phases, its assets are not segregated, and the rate above is after this"
            " part."
        )
    if terms.entity is Entity.COMPANY and terms.marginal_tax_rate == BASE_RATE:
        yield (
            "The company is a base rate entity, as the request's rate of 25 % says: its turnover is below 50,000,000"
            " AUD and no more than 80 % of its assessable income is passive. All income and net gains of this portfolio"
            " are passive; a company that has little else pays 30 % (Income Tax Rates Act 1986, ss 23, 23AA and 23AB)."
        )
    yield f"Risk tolerance: {terms.risk_tolerance:g}, from 0 (least risk) to 1; 0.5 is the mandates as they are."
    if event.worst_case is not None and terms.robust is not None:
        yield _worst_case(event.worst_case, terms.robust)
    share = f", and {owned.brokerage_share:.3%} of its value" if owned and owned.brokerage_share else ""
    yield f"Brokerage: {terms.brokerage_aud:,.2f} AUD per order{share}."
    if owned is not None:
        yield "The cash, the holdings and the cost bases of their parcels, as the request states them."
        yield from _adjusted(owned)
        names = [f" of {owner.owner_id}" for owner in owners] or [""]
        for of_whom, (_, payer) in zip(names, owned.taxpayer.each, strict=True):
            yield f"Capital losses of earlier years{of_whom}: {payer.carried_losses_aud:,.2f} AUD."
            yield from _tax_year(payer, of_whom)
        yield f"Interest on money that is not invested: {owned.cash_rate:.2%} a year."
    if event.payments is not None:
        yield "The payments in and out, and a pension's age, balance and payments so far, as the request states them."
    if event.funding is not None:
        by = INFLATION_SAID_BY[event.funding.inflation_from]
        yield f"Inflation: {event.funding.inflation:.2%} a year, {by}."
    yield "Half spreads and liquidity of the ETFs, as the market states them."


def _times(factor: float) -> str:
    return "" if factor == 1 else f"{factor:g} times "


def _worst_case(worst: WorstCase, robust: Robust) -> str:
    """Say in which worst case the portfolio is best, and what is expected there."""
    changes = []
    if robust.returns:
        error = "its standard error" if worst.errors_from is ErrorsFrom.HISTORY else "half of its range"
        changes.append(f"each return is lower by {_times(robust.returns)}{error}")
    if robust.covariance:
        changes.append(f"each covariance is higher by {_times(robust.covariance)}the product of both volatilities")
    if not changes:
        return "A worst case at no distance from the figures of the market was asked for: it is the market itself."
    held = {"today": worst.today, "the separate pods": worst.separate, "the suggestion": worst.suggested}
    told = ", ".join(
        f"{whose} {each.return_after_tax_aud:,.0f} AUD a year after tax, with a volatility of {each.volatility:.2%}"
        for whose, each in held.items()
        if each is not None
    )
    return (
        f"The pods' scores are those of a worst case, in which {' and '.join(changes)}. There, these are expected:"
        f" {told}. All other figures are those of the market."
    )


def _adjusted(owned: Owned) -> Iterator[str]:
    """Tell the adjustments of cost bases, the convention by which they are spread, and gains of years that ended."""
    for one in owned.adjusted:
        years = f"{one.year - 1}-{one.year % 100:02d}"
        way = "lowered" if one.change_aud < 0 else "raised"
        yield (
            f"Cost bases of {one.ticker} {way} by {abs(one.change_aud):,.2f} AUD for {years}, as the fund's statement"
            f" says, spread over the parcels by the units owned on 30 June {one.year}."
        )
        if (gain := one.gain_aud) > 0:
            yield (
                f"Of this, {gain:,.2f} AUD exceed the cost bases: a capital gain of {years} (CGT event E10), for the"
                " return of that year and no part of the tax here."
            )


def _tax_year(payer: Taxpayer, of_whom: str) -> Iterator[str]:
    if payer.taxable_income_aud is not None and payer.income_year is not None:
        years = f"{payer.income_year - 1}-{payer.income_year % 100:02d}"
        yield f"Taxable income of {years} without capital gains{of_whom}: {payer.taxable_income_aud:,.2f} AUD."
    if payer.minimum_tax_exempt:
        yield (
            f"No minimum tax on gains{of_whom} from 1 July 2027, as the request states (a listed income support"
            " payment)."
        )
    if payer.loss_value:
        yield f"A dollar of unused capital losses is worth {payer.loss_value:.4g} AUD."
    if payer.realised.is_any:
        yield f"The gains and losses{of_whom} of this year before the sales, as the request states them."


def not_considered(event: MasterPortfolioOptimized) -> tuple[str, ...]:
    """List what was not considered, so that a person must."""
    return tuple(_beside(event))


def _beside(event: MasterPortfolioOptimized) -> Iterator[str]:
    yield "Needs, debts, insurance, super, income and assets that the request does not state."
    payers = [alone for _, alone in event.terms.owned.taxpayer.each] if event.terms.owned is not None else []
    by_brackets = any(payer.taxable_income_aud is not None for payer in payers)
    rates = "; one rate is used for every dollar" if not by_brackets else ""
    yield f"Changes of the customer's needs, of the tax law and of the tax rate{rates}."
    if by_brackets:
        yield (
            "The Medicare levy of families and seniors, who have other thresholds, and the levy's surcharge. The"
            " low-income tax offset and the threshold of a single person are told beside the tax, and are no part of"
            " the choice."
        )
    if event.terms.entity is Entity.INDIVIDUAL:
        yield "Payments and offsets that depend on income or assets."
    if (balance := event.terms.total_super_balance_aud) is not None and balance > LARGE_SUPER_BALANCE_AUD:
        yield (
            f"The Division 296 tax, which a person with a total superannuation balance of {balance:,.0f} AUD may pay"
            f" on earnings of super, for the part above {LARGE_SUPER_BALANCE_AUD:,.0f} AUD (15 %, and 10 % more above"
            " 10,000,000 AUD; from 2026-27, both amounts indexed): assessed to the person, not to this account."
        )
    yield "Tax on selling everything in the end."
    yield "Returns other than those of this market: other years, and other ETFs, may do better or worse."
    yield "Prices that move before or by the trades, and holidays of the exchange that do not come every year."
    yield "The product disclosure statements and target markets of the ETFs."
    if event.payments is not None and event.payments.pension is not None:
        yield "The most that a transition to retirement pension may pay, and the fund's rules for payments."
    if event.terms.owned is None:
        yield "What the customer owns today, and the tax on selling it: no account was given."
    elif event.terms.owned.kept:
        kept = ", ".join(one.ticker for one in event.terms.owned.kept)
        yield f"What is neither traded nor counted: {kept}."
