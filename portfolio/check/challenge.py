"""Check a challenge from its own portfolios, the final event and the market: draws, portfolios and all figures.

The draws are made again from the seed, by the page's rules (docs/model.md, "How sure is this"). No portfolio is
optimised again: that each keeps the rules and is what the figures say is checked, and not that no other is better.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from hashlib import sha256
from math import floor, sqrt
from typing import TYPE_CHECKING

import numpy as np

from portfolio.check.aimed import aimed
from portfolio.check.facts import FIGURE, differing, same
from portfolio.check.growing import Asked, Path
from portfolio.check.money_goals import paths_as_ordered
from portfolio.check.portfolio import Portfolio

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from portfolio import Matrix, Vector
    from portfolio.check.facts import Event
    from portfolio.market.snapshot import Market

_DRAWS, _YEARS = 100, 5.0
_CLEAR, _LIKELY = 95, 200 / 3
# Returns and portfolios are solved and drawn with rounding of their own; a share of the capital or a part of it.
_ROUNDING = 1e-7
# The worst case that is tried where the request asks for none.
_USUAL = {"returns": 1.0, "covariance": 0.5}


def challenge_findings(told: Event, event: Event, market: Market) -> list[str]:
    """List every fault in a challenge; an empty list means that its figures can be trusted.

    Args:
        told: The challenge's ``robustness``.
        event: The final event, as it was sent.
        market: The market of the event.
    """
    return [*_Challenge(told, event, market).findings()]


@dataclass(frozen=True, slots=True)
class _Draw:
    mu: Vector
    Sigma: Matrix


class _Challenge:
    def __init__(self, told: Event, event: Event, market: Market) -> None:
        self.told, self.event, self.market = told, event, market
        self.portfolio = Portfolio(event, market)
        self.w = self.portfolio.X.sum(axis=0)
        self.draws = _draws(market, str(event["request_id"])) if told["draws"] else []
        self.found = [(each["draw"], self._holdings(each["weights"])) for each in told["portfolios"]]

    def findings(self) -> Iterator[str]:
        """Yield every fault."""
        yield from self._what_was_drawn()
        if any(not 0 <= draw < self.told["asked_again"] for draw, _ in self.found):
            yield "a portfolio is of a draw that there is not"
            return
        for draw, X in self.found:
            yield from (f"of draw {draw}, {words}" for words in self._kept(X))
        yield from self._etfs()
        yield from self._over_draws()
        yield from self._goals()
        yield from self._worth()
        yield from (f"of the other aim, {words}" for words in self._other_aim())
        for name in ("one_etf", "all_risky"):
            if self.told[name] is not None:
                yield from (f"of {name}, {words}" for words in self._change(self.told[name], alone=name == "one_etf"))

    def _what_was_drawn(self) -> Iterator[str]:
        told, basis, size = self.told, self.market.basis, len(self.market.etfs)
        kind = "history" if basis.kind == "history" else "nothing" if self.market.half_ranges is None else "ranges"
        long_enough = basis.kind == "history" and basis.returns >= 2 * size
        due = {
            "seed": sha256(str(self.event["request_id"]).encode()).hexdigest(),
            "drawn": kind,
            "covariance_drawn": long_enough,
            "draws": 0 if kind == "nothing" else _DRAWS,
        }
        yield from (f"{name} is {value}, not {told[name]}" for name, value in due.items() if told[name] != value)
        if len(self.found) + told["without_answer"] != told["asked_again"] or told["asked_again"] > told["draws"]:
            yield "the portfolios and the draws without one are not those that were asked for"

    def _holdings(self, weights: Mapping[str, Mapping[str, float]]) -> Matrix:
        return np.array([self.portfolio.vector(weights.get(pod, {})) for pod in self.portfolio.pods])

    def _kept(self, X: Matrix) -> Iterator[str]:
        """Check that holdings, shape (pods, n), keep the rules of the whole and of each pod."""
        portfolio, w = self.portfolio, X.sum(axis=0)
        invested = float(w.sum())
        if (
            (X < 0).any()
            or invested > 1 + _ROUNDING
            or (portfolio.owned is None and invested < 1 - portfolio.floor - _ROUNDING)
        ):
            yield f"the weights sum to {invested:.9f}"
        yield from portfolio.near_shares(X, portfolio.rules["capital_tolerance"] if portfolio.owned else 0.0)
        yield from portfolio.positions(X, portfolio.had)
        bought = w > portfolio.had + FIGURE
        for pod, row in zip(portfolio.pods.values(), X, strict=True):
            if row.sum() > 0:
                yield from portfolio.may_hold(pod["mandate"], row / row.sum(), pod["left_out"], bought)

    def _etfs(self) -> Iterator[str]:
        told = {each["ticker"]: each for each in self.told["etfs"]}
        weights = [X.sum(axis=0) for _, X in self.found]
        there = {t for t, j in self.portfolio.index.items() if weights and (self.w[j] or any(w[j] for w in weights))}
        if set(told) != there:
            yield f"the ETFs are {', '.join(sorted(there))}, not {', '.join(sorted(told))}"
            return
        for ticker, each in told.items():
            column = [float(w[self.portfolio.index[ticker]]) for w in weights]
            held = sum(x > 0 for x in column) / len(column)
            weight = float(self.w[self.portfolio.index[ticker]])
            if not (same(each["held"], held) and same(each["weight"], weight) and _ranges(each["range"], column)):
                yield f"the line of {ticker} does not agree with the portfolios"

    def _over_draws(self) -> Iterator[str]:
        weights = [X.sum(axis=0) for _, X in self.found]
        alike = sum(bool(((w > 0) == (self.w > 0)).all()) for w in weights)
        if not same(self.told["same_etfs"], alike / len(weights) if weights else None):
            yield f"{alike} of {len(weights)} portfolios have the same ETFs"
        traded = [(float(np.abs(w - self.w).sum()) + abs(float(w.sum() - self.w.sum()))) / 2 for w in weights]
        if not _ranges(self.told["turnover"], traded):
            yield "the turnover is not that of the portfolios"
        capital = float(self.portfolio.terms["total_capital_aud"])
        lost = [
            capital * (self._earned(w, self.draws[draw].mu) - self._earned(self.w, self.draws[draw].mu))
            for (draw, _), w in zip(self.found, weights, strict=True)
        ]
        if not _ranges(self.told["loss_aud_per_year"], lost, size=capital):
            yield "the loss to the portfolios is another"

    def _earned(self, w: Vector, mu: Vector) -> float:
        """Compute the return after tax on income, as a share of the capital."""
        cash = self.portfolio.idle(w)
        return float(w @ mu) + self.portfolio.cash_rate * cash - self.portfolio.net_tax(w, cash)

    def _goals(self) -> Iterator[str]:
        funding, goals = self.event.get("funding"), self.event.get("money_goals", [])
        told = {each["goal_id"]: each["chance"] for each in self.told["money_goals"]}
        due = [goal["goal_id"] for goal in goals] if funding and self.draws else []
        if list(told) != due:
            yield "the chances are not those of the money goals"
            return
        if not funding or not due:
            return
        unused = {pod: self.portfolio.vector(each["naive_weights"]) for pod, each in funding["unused"].items()}
        ways: list[Mapping[str, Path]] = []
        rate = self.portfolio.terms["marginal_tax_rate"]
        for draw in self.draws:
            market = replace(self.market, expected_returns=draw.mu, Sigma=draw.Sigma)
            alone = {p: Path.of(market, w, rate, self.portfolio.counted) for p, w in unused.items()}
            self.portfolio.market = market
            ways.append({**alone, **paths_as_ordered(self.portfolio)})
        self.portfolio.market = self.market
        for goal in goals:
            asked, left_aud = Asked.of(goal, funding["inflation"]), goal["after_costs_aud"]
            chances = [asked.chance(left_aud, paths[goal["pod"]]) for paths in ways]
            if not _ranges(told[goal["goal_id"]], chances):
                yield f"the chances of {goal['goal_id']} are others"

    def _worth(self) -> Iterator[str]:
        told, event = self.told["worth"], self.event
        nothing_to_do = event["today"] is not None and event["switch"] is None
        if (told is None) != (not self.draws or nothing_to_do):
            yield "the worth is told without draws or orders, or not told"
        if told is None:
            return
        capital = float(self.portfolio.terms["total_capital_aud"])
        if event["today"] is None:
            costs = {row["metric"]: row for row in event["comparison"]}["trading_cost_aud"]
            before, times, cost_aud = event["separate"], 1.0, costs["master"] - costs["naive"]
        else:
            before, cost_aud = event["today"], event["switch"]["cost_aud"]
            times = capital / (before["etfs_aud"] + before["cash_aud"])
        gains = []
        for draw in self.draws:
            change = draw.mu - self.market.expected_returns
            after = event["suggested"]["return_after_tax_aud"] + self._moved_aud(event["suggested"], change)
            gains.append(after - times * (before["return_after_tax_aud"] + self._moved_aud(before, change)))
        years = max((goal["years"] for goal in event.get("money_goals", [])), default=_YEARS)
        more = sum(gain > cost_aud / years for gain in gains)
        most = 100 * max(more, len(gains) - more) / len(gains)
        word = "clear" if most >= _CLEAR else "likely" if most >= _LIKELY else "within_noise"
        if not (
            _ranges(told["gain_aud_per_year"], gains, size=capital)
            and same(told["cost_aud"], cost_aud, size=capital)
            and same(told["years"], years)
            and same(told["better"], more / len(gains))
            and told["sure"] == word
            and told["against"] == ("separate" if event["today"] is None else "today")
        ):
            yield f"the worth is {word}, with a gain in {more} of {len(gains)} draws, or another figure of it differs"

    def _other_aim(self) -> Iterator[str]:
        """Check the portfolio of the other aim; a challenge of an earlier version has none."""
        if (told := self.told.get("other_aim")) is None:
            return
        asked = self.portfolio.terms.get("robust")
        if told["robust"] != (asked or _USUAL):
            yield f"the worst case is {asked or _USUAL}, not {told['robust']}"
        X = self._holdings(told["weights"])
        yield from self._kept(X)
        w, before, capital = X.sum(axis=0), self.w, float(self.portfolio.terms["total_capital_aud"])
        worst = aimed({"robust": told["robust"]}, self.market)
        mu, risk = self.market.expected_returns, self.portfolio.risk
        due = {
            "turnover": (float(np.abs(w - before).sum()) + abs(float(w.sum() - before.sum()))) / 2,
            "return_aud_per_year": capital * (self._earned(w, mu) - self._earned(before, mu)),
            "worst_return_aud_per_year": capital * (self._earned(w, worst.mu) - self._earned(before, worst.mu)),
            "volatility": risk(w) - risk(before),
            "worst_volatility": worst.risk(w) - worst.risk(before),
        }
        yield from differing({name: told[name] for name in due}, due, size=capital)
        if told["same_etfs"] != bool(((w > 0) == (before > 0)).all()):
            yield "its ETFs are said to be others, or the same"

    def _moved_aud(self, standing: Event, change: Vector) -> float:
        w = self.portfolio.vector(standing["weights"])
        return float(standing["etfs_aud"]) * float(w @ change) / float(w.sum()) if w.any() else 0.0

    def _change(self, told: Event, *, alone: bool) -> Iterator[str]:
        """Check a smallest change: whose return moves which way, and that the portfolio there holds other ETFs."""
        if told["change"] is None:
            return
        moving = [self.portfolio.index[ticker] for ticker in told["tickers"]]
        if alone and (len(moving) != 1 or (self.w[moving[0]] > 0) != (told["change"] < 0)):
            yield "the return of an ETF that is held falls, and of any other rises"
        if not 0 <= told["stays_at"] / told["change"] < 1 or abs(told["change"]) > told["tried"] + FIGURE:
            yield "the change is outside what was tried"
        X = self._holdings(told["weights"])
        yield from self._kept(X)
        if ((X.sum(axis=0) > 0) == (self.w > 0)).all():
            yield "the ETFs are the same"


def _draws(market: Market, request_id: str) -> list[_Draw]:
    """Draw the markets again from the seed, number by number."""
    digest = sha256(request_id.encode()).digest()
    words = [int.from_bytes(digest[i : i + 4], "big") for i in range(0, len(digest), 4)]
    twister, size, basis = np.random.RandomState(words), len(market.etfs), market.basis
    found = []
    for _ in range(_DRAWS):
        Sigma = market.Sigma
        if basis.kind != "history":
            half = market.half_ranges if market.half_ranges is not None else np.zeros(size)
            found.append(_Draw(market.expected_returns + (2 * twister.random_sample(size) - 1) * half, Sigma))
            continue
        root = np.linalg.cholesky(Sigma)
        error = root.dot(twister.standard_normal(size)) * sqrt(basis.returns_per_year / basis.returns)
        if basis.returns >= 2 * size:
            returns = root.dot(twister.standard_normal((basis.returns - 1, size)).T)
            Sigma = returns.dot(returns.T) / (basis.returns - 1)
        found.append(_Draw(market.expected_returns + error, Sigma))
    return found


def _ranges(told: Event | None, values: Sequence[float], *, size: float = 1.0) -> bool:
    """Whether the tenth, the half and the nine tenths of *values* are those told."""
    if told is None or not values:
        return told is None and not values
    ordered, last = sorted(values), len(values) - 1

    def at(part: float) -> float:
        below = floor(part * last)
        return ordered[below] + (part * last - below) * (ordered[min(below + 1, last)] - ordered[below])

    due = {"low": at(0.1), "middle": at(0.5), "high": at(0.9)}
    return all(abs(told[name] - value) <= _ROUNDING * max(1.0, size * 0.01, abs(value)) for name, value in due.items())
