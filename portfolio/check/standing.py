"""Check the figures of today, of the separate pods and of the suggestion: from what is held, and the money beside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from portfolio.check.facts import differing, same
from portfolio.check.income import year

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from portfolio import Matrix, Vector
    from portfolio.check.facts import Event
    from portfolio.check.orders import Orders
    from portfolio.check.portfolio import Portfolio


@dataclass(frozen=True, slots=True, eq=False)
class Held:
    """What there is of one portfolio, as shares of the capital and in AUD.

    Attributes:
        w: The ETFs, shape (n,).
        cash_aud: Money that is not invested.
        tax_aud: Tax that the trades make due.
        shared: Number of ETFs with several owners.
        whole_aud: The denominator of the shares, AUD.
        paid: Money that comes in, and money that is paid out, AUD.
    """

    w: Vector
    cash_aud: float
    tax_aud: float
    shared: int
    whole_aud: float
    paid: tuple[float, float] = (0.0, 0.0)


def standings(portfolio: Portfolio, orders: Orders | None) -> Iterator[str]:
    """Check the three portfolios that are compared, and which of them there are."""
    found = held(portfolio, orders)
    for which in ("today", "separate", "suggested"):
        told = portfolio.event[which]
        if told is None or which not in found:
            if told is not None or which in found:
                yield f"{which} is told without an account, or not told"
            continue
        yield from (f"of {which}, {words}" for words in _findings(portfolio, told, found[which]))
        yield from (f"of {which}, {words}" for words in _chances(portfolio, which, told["money_goals"]))


def held(portfolio: Portfolio, orders: Orders | None) -> dict[str, Held]:
    """Find what is held in each of the portfolios."""
    capital = float(portfolio.terms["total_capital_aud"])
    naive = portfolio.naive_sleeves * portfolio.shares[:, None]
    if portfolio.owned is None or orders is None:
        each = {"separate": naive, "suggested": portfolio.X}
        return {
            which: Held(w := X.sum(axis=0), portfolio.idle(w) * capital, 0.0, _shared(X), capital)
            for which, X in each.items()
        }
    way, invested = portfolio.moves["naive"], float(naive.sum()) * capital
    costs = way.brokerage_aud + way.spread_aud
    # The separate pods' trades are paid from what they invest, each holding cut by the same part.
    left = max(invested - costs, 0.0) / invested
    kept = max(capital - invested, 0.0) - max(costs - invested, 0.0)
    owned, out = portfolio.owned, (0.0, portfolio.owned.withdrawal)
    had = owned.units * owned.prices / owned.whole
    return {
        "today": Held(had, float(owned.told["cash_aud"]), 0.0, 0, owned.whole, (owned.contribution, 0.0)),
        "separate": Held(naive.sum(axis=0) * left, kept, way.gains.tax_aud, _shared(naive), capital, out),
        "suggested": Held(
            orders.after * portfolio.owned.prices / capital,
            orders.cash_left(),
            orders.gains.tax_aud,
            _shared(orders.amounts),
            capital,
            out,
        ),
    }


def _shared(X: Matrix) -> int:
    return int(((X > 0).sum(axis=0) > 1).sum())


def _findings(portfolio: Portfolio, told: Event, there: Held) -> Iterator[str]:
    numbers, capital = figures(portfolio, there), there.whole_aud
    apart = ("sharpe_ratio", "tax_efficiency", "income", "asset_classes", "weights", "money_goals")
    later = {"contribution_aud": 0.0, "withdrawal_aud": 0.0}
    plain = later | {name: value for name, value in told.items() if name not in apart}
    yield from differing(plain, numbers, size=capital)
    earned, risk = numbers["expected_return"], numbers["volatility"]
    ratios = {
        "sharpe_ratio": (earned - portfolio.market.risk_free) / risk if risk > 0 else None,
        "tax_efficiency": 10 * numbers["return_after_tax"] / earned if earned > 0 else None,
    }
    yield from (f"{k} is {v}, not {told[k]}" for k, v in ratios.items() if not same(told[k], v))
    income = year(portfolio, told["income"], there.w, there.cash_aud / capital, whole_aud=capital)
    yield from (f"of the income, {words}" for words in income)
    weights = {etf.ticker: w for etf, w in zip(portfolio.market.etfs, there.w.tolist(), strict=True) if w > 0}
    yield from (f"of the weights, {words}" for words in differing(told["weights"], weights))
    classes: dict[str, float] = {"cash": there.cash_aud / capital} if there.cash_aud else {}
    for etf in portfolio.market.etfs:
        if etf.ticker in weights:
            classes[etf.asset_class] = classes.get(etf.asset_class, 0.0) + weights[etf.ticker]
    yield from (f"of the asset classes, {words}" for words in differing(told["asset_classes"], classes))


def figures(portfolio: Portfolio, there: Held) -> dict[str, float]:
    """Compute the plain numbers of a portfolio."""
    w, capital = there.w, there.whole_aud
    cash = there.cash_aud / capital
    earned = float(w @ portfolio.market.expected_returns) + portfolio.cash_rate * max(cash, 0.0)
    left = earned - portfolio.net_tax(w, max(cash, 0.0))
    etfs_aud, kept_aud = capital * float(w.sum()), portfolio.owned.kept_aud if portfolio.owned else 0.0
    invested = float(w.sum())
    return {
        "etfs_aud": etfs_aud,
        "cash_aud": there.cash_aud,
        "kept_aud": kept_aud,
        "tax_due_aud": there.tax_aud,
        "contribution_aud": there.paid[0],
        "withdrawal_aud": there.paid[1],
        "value_aud": etfs_aud + there.cash_aud + kept_aud + sum(there.paid) - there.tax_aud,
        "expected_return": earned,
        "expected_return_aud": capital * earned,
        "return_after_tax": left,
        "return_after_tax_aud": capital * left,
        "volatility": portfolio.risk(w),
        "fees_aud": capital * float(portfolio.fees @ w),
        "etfs": int((w > 0).sum()),
        "duplicated_etfs": there.shared,
        "economic_duplicates": len(portfolio.alike(w)),
        "effective_holdings": 1 / float(((w / invested) ** 2).sum()) if invested else 0.0,
        "largest_position": float(w.max()),
    }


def _chances(portfolio: Portfolio, which: str, told: Mapping[str, float]) -> Iterator[str]:
    """Check that the chances are those of the money goals; ``money_goals`` checks these, and the separate pods'."""
    goals = portfolio.event.get("money_goals", [])
    if set(told) != {goal["goal_id"] for goal in goals}:
        yield f"chances are told of {', '.join(told) or 'no goal'}, which are not the money goals"
        return
    member = {"today": "probability_today", "suggested": "probability"}.get(which)
    for goal in goals if member else []:
        if told[goal["goal_id"]] != goal[member]:
            yield f"the chance of {goal['goal_id']} is {goal[member]}, not {told[goal['goal_id']]}"
