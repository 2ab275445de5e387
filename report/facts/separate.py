"""The separate pods beside the suggestion: by asset class and by pod, as shares of the capital. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portfolio.market.snapshot import CASH
from report.facts.positions import ACCOUNT
from report.facts.rounding import adding_up
from report.facts.series import Bars, Part, Rows
from report.facts.standings import SEPARATE, SUGGESTED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bus.language.messages import MasterPortfolioOptimized
    from portfolio.published.standing import Standing

_Held = dict[str, dict[str, float]]


def held(event: MasterPortfolioOptimized) -> tuple[_Held, _Held]:
    """Return what each pod holds as a separate pod and as suggested, as shares of the capital by ticker."""
    separate = {
        pod: {ticker: account.capital_share * share for ticker, share in account.naive_weights.items()}
        for pod, account in event.pods.items()
    }
    if event.trading is None:
        return separate, {pod: dict(account.weights) for pod, account in event.pods.items()}
    capital = event.terms.total_capital_aud
    ordered = {
        pod: {ticker: value / capital for ticker, value in values.items()} for pod, values in event.trading.pods.items()
    }
    return separate, {pod: ordered.get(pod, {}) for pod in event.pods}


def by_class(before: Standing, after: Standing, capital_aud: float) -> dict[str, tuple[float, ...]]:
    """Return the shares of the asset classes of two portfolios, rounded so that they add up to the shares shown.

    The cash in the account stands last, apart from the ETFs of the class cash.
    """
    shares = [_with_account_apart(one, capital_aud) for one in (before, after)]
    names = sorted(dict.fromkeys([*shares[1], *shares[0]]), key=lambda name: name == ACCOUNT)
    both = [adding_up([one.get(name, 0.0) for name in names], digits=4) for one in shares]
    return {name: tuple(shares) for name, *shares in zip(names, *both, strict=True) if any(shares)}


def _with_account_apart(standing: Standing, capital_aud: float) -> dict[str, float]:
    account = standing.cash_aud / capital_aud
    cash = standing.asset_classes.get(CASH, 0.0) - account
    return {**standing.asset_classes, CASH: cash, ACCOUNT: account}


def classes(event: MasterPortfolioOptimized, name: str, before: Standing, after: Standing, label: str) -> Bars:
    """Compare a portfolio, called *label*, with the suggestion by asset class, as shares of the capital."""
    both, labels = by_class(before, after, event.terms.total_capital_aud), (label, SUGGESTED)
    series = {label: tuple(shares[i] for shares in both.values()) for i, label in enumerate(labels)}
    title = "By asset class, shares of the capital"
    told = (f"{each}: {one:.2%}, then {other:.2%}" for each, (one, other) in both.items())
    alt = f"Bars. {title}, {labels[0].lower()} and {labels[1].lower()}. {'; '.join(told)}."
    return Bars(name, title, tuple(each.capitalize() for each in both), series, "{:.2%}", alt)


def owners(event: MasterPortfolioOptimized) -> Rows:
    """Show what each pod holds, as a separate pod and as suggested."""
    separate, suggested = held(event)
    rows: dict[str, Mapping[str, float]] = {}
    for pod in event.pods:
        rows[f"{pod}, {SEPARATE.lower()}"] = separate[pod]
        rows[f"{pod}, {SUGGESTED.lower()}"] = suggested[pod]
    parts = tuple(Part(row, ticker, share) for row, own in rows.items() for ticker, share in own.items())
    told = (f"{row}: {said(own)}" for row, own in rows.items())
    title = "By pod, shares of the capital"
    return Rows("separate-owners", title, tuple(rows), parts, "{:.2%}", f"Bars. {title}. {'; '.join(told)}.")


def said(own: Mapping[str, float]) -> str:
    """List ETFs with their shares."""
    return ", ".join(f"{ticker} {share:.2%}" for ticker, share in own.items())


def rounded(every: _Held) -> _Held:
    """Round the shares of all pods together, as the table of the holdings does, so that both say the same."""
    keys = [(pod, ticker) for pod, own in every.items() for ticker in own]
    shares = adding_up([every[pod][ticker] for pod, ticker in keys], digits=4)
    found: _Held = {pod: {} for pod in every}
    for (pod, ticker), share in zip(keys, shares, strict=True):
        found[pod][ticker] = share
    return found
