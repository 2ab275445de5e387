"""The parcels sold and the tax on them, in words and figures that a reader can recalculate by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from portfolio.tax.kinds import Kind, effective_rate, inclusion
from portfolio.tax.regime import REFORM_STARTS
from portfolio.tax.taxpayer import Entity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bus.language.messages import MasterPortfolioOptimized
    from portfolio.published.order import Order, ParcelSold
    from portfolio.published.trading import Trading
    from portfolio.tax.gains import Assessment
    from portfolio.tax.taxpayer import Taxpayer
    from portfolio.terms.owned import Owned

# Proceeds between the plain and the indexed cost base, or a result of zero: neither gain nor loss.
_NEITHER = "neither"
_DISREGARDED = "disregarded"
# Less than this is nothing to tell, AUD.
_CENT = 0.005

COLUMNS = ("Sold of", "Acquired", "Units", "Proceeds", "Cost base", "Gain", "Loss", "Counts as")


class _Part(NamedTuple):
    """A gain or a loss on units of one parcel: acquisition date, proceeds, cost and tax category."""

    since: str
    proceeds: float
    cost: float
    counts_as: str


def rows(event: MasterPortfolioOptimized, trading: Trading) -> Iterator[tuple[str, ...]]:
    """Make one row per gain or loss of every parcel sold."""
    exempt = event.terms.entity is Entity.SUPER_PENSION
    for order in trading.orders:
        for parcel in order.parcels:
            for part in [_exempt(event, trading, order, parcel)] if exempt else _parts(parcel):
                made = part.proceeds - part.cost if part.counts_as != _NEITHER else 0.0
                yield (
                    order.ticker,
                    part.since,
                    f"{parcel.units:,.0f}",
                    f"{part.proceeds:,.2f}",
                    f"{part.cost:,.2f}",
                    f"{made:,.2f}" if made > 0 else "",
                    f"{-made:,.2f}" if made < 0 else "",
                    part.counts_as,
                )


def _exempt(event: MasterPortfolioOptimized, trading: Trading, order: Order, parcel: ParcelSold) -> _Part:
    """Show the result of a pension's sale, which is no gain and no loss by the law (s 118-320)."""
    net = order.value_aud - order.spread_aud - order.brokerage_aud
    if not trading.brokerage_in_gains:
        net += event.terms.brokerage_aud
    return _Part(str(parcel.acquired), net * parcel.units / order.units, parcel.cost_base_aud, _DISREGARDED)


def _parts(parcel: ParcelSold) -> Iterator[_Part]:
    """Split the result of selling units of a parcel into gains and losses.

    Under the reform, the time until the reform's start and the time since then count separately.
    """
    realised, cost = parcel.realised_aud, parcel.cost_base_aud
    since, reform = str(parcel.acquired), parcel.reform
    if reform is None:
        made = sum(-aud if kind is Kind.LOSS else aud for kind, aud in realised.items())
        yield _Part(since, cost + made, cost, ", ".join(kind.value for kind in realised))
        return
    if (value := reform.value_aud) is not None:
        early = Kind.DISCOUNTABLE if Kind.DISCOUNTABLE in realised else Kind.UNDISCOUNTED
        yield _Part(since, value, cost, (early if value > cost else Kind.LOSS).value if value != cost else _NEITHER)
        since, cost = f"from {REFORM_STARTS}", value
    if reform.proceeds_aud < cost:
        yield _Part(since, reform.proceeds_aud, cost, Kind.LOSS.value)
    else:
        said = f"{since}, x {reform.index_factor:.3f}" if reform.index_factor > 1 else since
        indexed = Kind.INDEXED.value if Kind.INDEXED in realised else _NEITHER
        yield _Part(said, reform.proceeds_aud, reform.indexed_cost_aud, indexed)


def caption(trading: Trading) -> str:
    """Explain the columns."""
    said = "Proceeds are after half the spread and brokerage."
    if not trading.brokerage_in_gains:
        said = "Proceeds are after half the spread and proportional brokerage, not after fixed brokerage."
    if any(parcel.reform for order in trading.orders for parcel in order.parcels):
        said += (
            f" What was owned before {REFORM_STARTS} counts as sold for its value then, and bought again. From then on"
            " a gain is measured from the cost times the factor that is shown, a loss from the cost itself; what lies"
            " between is neither."
        )
    return said


def sentences(trading: Trading, owned: Owned) -> Iterator[str]:
    """Explain the assessment that follows from the rows: losses used, taxable amounts, the tax and what is open."""
    if owners := owned.taxpayer.owners:
        for one, (_, alone) in zip(trading.owners, owned.taxpayer.each, strict=True):
            yield f"{one.owner_id} has {one.share:.2%} of the gains and losses:"
            yield from _assessed(one.gains, alone)
        names = " and ".join(owner.owner_id for owner in owners)
        yield f"The tax of {names} together: {trading.gains.tax_aud:,.2f}."
    else:
        yield from _assessed(trading.gains, owned.taxpayer)
    yield from _of_low_incomes(trading)
    if more := trading.tax_may_exceed_aud:
        yield (
            "This tax is at one rate, but the gain may reach higher brackets: by these, the tax can be up to"
            f" {more:,.2f} AUD more. With customer.taxable_income_aud it is computed by brackets."
        )


def _of_low_incomes(trading: Trading) -> Iterator[str]:
    """Tell the tax with the reliefs of low incomes, where these change it or could make other orders cheaper."""
    if (reliefs := trading.low_income) is None or max(abs(reliefs.change_aud), reliefs.most_better_aud) < _CENT:
        return
    change = reliefs.change_aud
    yield (
        "The low-income tax offset, and the income up to which there is no Medicare levy or less, are not in this tax."
        f" For a single person without dependants they make it {abs(change):,.2f} AUD"
        f" {'more' if change >= 0 else 'less'}: {trading.gains.tax_aud + change:,.2f}. Because of them, other orders"
        f" could cost up to {reliefs.most_better_aud:,.2f} AUD less than these; budgets and tax set aside leave them"
        " out."
    )


def _assessed(gains: Assessment, payer: Taxpayer) -> Iterator[str]:
    if payer.carried_losses_aud:
        yield f"Losses of earlier years: {payer.carried_losses_aud:,.2f}."
    if (so_far := payer.realised).is_any:
        yield (
            f"This year before the sales: undiscounted gains {so_far.undiscounted_aud:,.2f}, discountable gains"
            f" {so_far.discountable_aud:,.2f}, indexed gains {so_far.indexed_aud:,.2f}, losses"
            f" {so_far.losses_aud:,.2f}; the sums below include these."
        )
    for kind, gain in gains.gains_aud.items():
        if gain:
            used = gains.losses_used_aud.get(kind, 0.0)
            part = inclusion(kind, payer.entity)
            yield (
                f"{kind.value.capitalize()} gains {gain:,.2f}, less losses {used:,.2f}, of which {part:.2%} counts:"
                f" {(gain - used) * part:,.2f}."
            )
    net, least = gains.net_capital_gain_aud, effective_rate(Kind.INDEXED, payer)
    indexed = gains.gains_aud.get(Kind.INDEXED, 0.0) - gains.losses_used_aud.get(Kind.INDEXED, 0.0)
    whole = gains.tax_aud + gains.tax_so_far_aud
    if payer.taxable_income_aud is not None and payer.income_year is not None:
        years = f"{payer.income_year - 1}-{payer.income_year % 100:02d}"
        lowest = ", on indexed gains at least 30 %" if indexed > 0 and not payer.minimum_tax_exempt else ""
        yield (
            f"Net capital gain {net:,.2f} on top of a taxable income of {payer.taxable_income_aud:,.2f}: tax"
            f" {whole:,.2f} by a resident's brackets of {years}{lowest}, with the Medicare levy of 2 % of every dollar."
        )
    elif indexed > 0 and least > payer.rate:
        yield (
            f"Net capital gain {net:,.2f}, tax {whole:,.2f}: {net - indexed:,.2f} at {payer.rate:.1%} and"
            f" {indexed:,.2f}, indexed gains, at {least:.1%} (30 % at least, and the Medicare levy)."
        )
    else:
        yield f"Net capital gain {net:,.2f}, tax {whole:,.2f} at {payer.rate:.1%}."
    if payer.realised.is_any:
        yield (
            f"The gains and losses of this year before the sales make {gains.tax_so_far_aud:,.2f} of this tax:"
            f" the sales {'add' if gains.tax_aud >= 0 else 'save'} {abs(gains.tax_aud):,.2f}."
        )
