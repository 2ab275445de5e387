"""A market that knows parts of the distributions: the tax on income counts them, and the check computes it again."""

from __future__ import annotations

import csv
import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest
from support.builders import OUTLOOK, final_event
from support.requests_made import ROOT

from bus.language.messages import MasterPortfolioOptimized, encode
from portfolio.check import findings
from portfolio.errors import DataError
from portfolio.market import snapshot as markets
from report.page.html import page

if TYPE_CHECKING:
    from pathlib import Path

ROUNDING = 1e-6
# Of each ETF: the share of the distributions that is gains before the discount, and the share that is tax-deferred.
PARTS = {"VAS": (0.15, 0.0), "VGS": (0.4, 0.0), "VAP": (0.2, 0.35), "VTS": (0.1, 0.0)}


def written(folder: Path, parts: dict[str, tuple[float, float]]) -> Path:
    """Copy the outlook, with the parts of the distributions."""
    shutil.copytree(ROOT / "portfolio" / "markets" / OUTLOOK, folder)
    file = folder / "etfs.csv"
    rows = list(csv.DictReader(file.read_text(encoding="utf-8").splitlines()))
    for row in rows:
        gains, deferred = parts.get(row["ticker"], (0.0, 0.0))
        row |= {"discounted_gain_share": str(gains or ""), "tax_deferred_share": str(deferred or "")}
    with file.open("w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return folder


@pytest.mark.parametrize(
    ("customer", "counted", "rates"),
    [
        # Half of a discounted gain for an individual, two thirds for a super fund, all of it for a company.
        ({"marginal_tax_rate": 0.39}, 1 / 2, (0.39,)),
        ({"entity": "super_accumulation", "exempt_share": 0.4}, 2 / 3, (0.09,)),
        ({"entity": "company", "marginal_tax_rate": 0.30}, 1.0, (0.30,)),
        (
            {"owners": [{"owner_id": "a", "marginal_tax_rate": 0.47}, {"owner_id": "b", "marginal_tax_rate": 0.18}]},
            1 / 2,
            (0.47, 0.18),
        ),
    ],
)
def test_the_tax_on_income_leaves_out_what_is_not_taxed_now(
    customer: dict[str, Any],
    counted: float,
    rates: tuple[float, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    name = f"parts-{customer.get('entity', 'individual')}-{len(rates)}".replace("_", "-")
    written(tmp_path / name, PARTS)
    monkeypatch.setenv("PODFOLIO_MARKETS", str(tmp_path))
    body = json.loads((ROOT / "examples" / "couple.json").read_text(encoding="utf-8"))
    body |= {"request_id": "test", "market": name, "customer": {"customer_id": "c", **customer}}
    event = final_event(json.dumps(body).encode())

    assert isinstance(event, MasterPortfolioOptimized), event
    market = markets.load(name)
    assert event.suggested is not None
    income, capital = event.suggested.income, event.terms.total_capital_aud
    untaxed = credits_aud = paid = 0.0
    for etf in market.etfs:
        gains, deferred = PARTS.get(etf.ticker, (0.0, 0.0))
        cash = etf.distribution_yield * event.suggested.weights.get(etf.ticker, 0.0) * capital
        paid += cash
        untaxed += cash * (deferred + (1 - counted) * gains)
        credits_aud += cash * etf.franked_share * 30 / 70
    assert untaxed > 50
    assert income.untaxed_aud == pytest.approx(untaxed, abs=ROUNDING)
    rate = sum(rates) / len(rates)
    assert income.net_tax_aud == pytest.approx(rate * (paid - untaxed + credits_aud) - credits_aud, abs=ROUNDING)
    assert f"distributions, {untaxed:,.2f} AUD are not taxed now: tax-deferred amounts" in page(event)
    for one, its in zip(income.owners, rates, strict=False):
        due = (its * (paid - untaxed + credits_aud) - credits_aud) / 2
        assert one.net_tax_aud == pytest.approx(due, abs=ROUNDING)
    # The check computes the part again.
    forged = json.loads(encode(event))
    assert not list(findings(forged, market))
    forged["suggested"]["income"]["untaxed_aud"] += 1
    assert list(findings(forged, market))


def test_parts_that_are_more_than_the_distributions_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="franked_share, discounted_gain_share, tax_deferred_share of VAS in market"):
        markets.read(written(tmp_path / "too-much", {"VAS": (0.3, 0.2)}))
    with pytest.raises(DataError, match="tax_deferred_share of VAP in market negative must be from 0 to 1"):
        markets.read(written(tmp_path / "negative", {"VAP": (0.0, -0.1)}))
