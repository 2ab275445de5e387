"""A final event as sections for operators: the report's content, and details that the report leaves out. Pure."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from bus.language.messages import MasterPortfolioFailed
from report.facts.series import Bars, Part, Rows, all_series
from report.facts.snapshot import described
from report.story import costs, money_goals, outcome, refusal, suggestion
from report.story.document import Section, Table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bus.language.messages import FinalEvent, MasterPortfolioOptimized
    from report.facts.series import Shown

NAIVE, MASTER = "Naive", "Master"
_SHARE = "{:.2%}"


def sections(event: FinalEvent) -> tuple[Section, ...]:
    """Describe an event, section by section."""
    if isinstance(event, MasterPortfolioFailed):
        why = Section("why", "Why, and what to do next", refusal.what_happened(event))
        return (why, *refusal.sections(event))
    return (
        _naive_and_master(event),
        costs.comparison(event),
        *((money_goals.section(event),) if event.money_goals else ()),
        outcome.goals(event),
        outcome.together(event),
        _proof(event),
        suggestion.what_we_suggest(event),
        costs.costs(event),
    )


def series(event: MasterPortfolioOptimized) -> dict[str, Shown]:
    """Collect the data of all charts, by name."""
    return all_series(event) | {"naive-classes": _classes(event), "naive-owners": _owners(event)}


def _naive_and_master(event: MasterPortfolioOptimized) -> Section:
    whole = ", before units are made whole" if event.trading else ""
    lead = (
        "Naive is what the pods would hold if each bought by itself (each part alone); master is what they hold"
        f" together (all together). Shares are of the whole capital{whole}."
    )
    classes = _classes(event)
    rows = [
        (name, *(_SHARE.format(share) for share in shares))
        for name, *shares in zip(classes.categories, *classes.series.values(), strict=True)
    ]
    by_class = Table("naive-classes", "By asset class", ("Asset class", NAIVE, MASTER), frozenset({1, 2}), tuple(rows))
    columns = ("Owner", NAIVE, f"{NAIVE}: ETFs", MASTER, f"{MASTER}: ETFs")
    by_owner = Table("naive-owners", "By owner", columns, frozenset({1, 3}), tuple(_held(event)))
    return Section("naive", "Naive and master", (lead,), ("naive-classes", "naive-owners"), (by_class, by_owner))


def _held(event: MasterPortfolioOptimized) -> list[tuple[str, ...]]:
    def said(weights: Mapping[str, float]) -> tuple[str, str]:
        etfs = ", ".join(f"{ticker} {_SHARE.format(weight)}" for ticker, weight in weights.items())
        return _SHARE.format(sum(weights.values())), etfs

    return [(pod, *said(_naive(event, pod)), *said(account.weights)) for pod, account in event.pods.items()]


def _naive(event: MasterPortfolioOptimized, pod: str) -> dict[str, float]:
    """Return a pod's separate portfolio, as shares of the whole capital."""
    account = event.pods[pod]
    return {ticker: account.capital_share * share for ticker, share in account.naive_weights.items()}


def _classes(event: MasterPortfolioOptimized) -> Bars:
    """Add up the shares of each asset class, for the separate pods and for the coordinated portfolio."""
    known = {ticker: etf.asset_class for ticker, etf in described(event.market).items()}
    known |= {holding.ticker: holding.asset_class for holding in event.holdings}
    sums: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for holding in event.holdings:
        sums[holding.asset_class][1] += holding.weight
    for pod in event.pods:
        for ticker, share in _naive(event, pod).items():
            sums[known.get(ticker, "not told")][0] += share
    series = {name: tuple(both[i] for both in sums.values()) for i, name in enumerate((NAIVE, MASTER))}
    told = (f"{name}: {_SHARE.format(naive)}, then {_SHARE.format(master)}" for name, (naive, master) in sums.items())
    title = "By asset class, shares of the capital"
    names = tuple(name.capitalize() for name in sums)
    return Bars("naive-classes", title, names, series, _SHARE, f"Bars. {title}, naive and master. {'; '.join(told)}.")


def _owners(event: MasterPortfolioOptimized) -> Rows:
    """Show each pod's separate portfolio, and the pod's part of the coordinated portfolio."""
    held = {
        f"{pod}, {name}": dict(weights)
        for pod, account in event.pods.items()
        for name, weights in ((NAIVE.lower(), _naive(event, pod)), (MASTER.lower(), account.weights))
    }
    parts = tuple(Part(row, ticker, weight) for row, own in held.items() for ticker, weight in own.items())
    told = (f"{row}: {', '.join(f'{t} {_SHARE.format(w)}' for t, w in own.items())}" for row, own in held.items())
    title = "By owner, shares of the capital"
    return Rows("naive-owners", title, tuple(held), parts, _SHARE, f"Bars. {title}. {'; '.join(told)}.")


def _proof(event: MasterPortfolioOptimized) -> Section:
    proof = event.certificate
    said = f"{'Proven' if proof.certified else 'NOT proven'} optimal within {proof.target_gap:.2%}."
    if proof.restricted:
        said += f" Proven only for a stronger form of {', '.join(proof.restricted)}."
    columns = ("Objective", "Bound", "Gap", "Nodes", "Parts proven", "Milliseconds")
    row = (
        f"{proof.objective:.8f}",
        f"{proof.bound:.8f}",
        f"{proof.gap:.1e}",
        f"{proof.nodes:,}",
        f"{proof.leaves:,}",
        f"{event.elapsed_s * 1e3:,.1f}",
    )
    signed = event.signature
    points = (f"Signed by {signed.key}: podfolio verify checks it.",) if signed else ()
    table = Table("proof", "The proof", columns, frozenset(range(len(columns))), (row,))
    return Section("proof", "Proof", (said,), (), (table,), points)
