"""Mandates are data: what the bundled ones say, and what a wrong one is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from agents import mandates
from portfolio.errors import DataError
from portfolio.mandate import Measure, Objective

if TYPE_CHECKING:
    from pathlib import Path

GOOD = """
pod = "epsilon"
purpose = "Ethical income"
objective = "max_income"
universe = ["VAF", "VAP"]
max_position = 0.7
min_effective_holdings = 1.5
[goals]
grossed_up_yield = 0.03
"""


def test_the_bundled_pods_are_those_of_the_design() -> None:
    assert list(mandates.bundled()) == ["alpha", "beta", "delta", "gamma"]
    alpha, gamma = mandates.load("alpha"), mandates.load("gamma")
    assert (alpha.objective, alpha.universe) == (Objective.MIN_VOLATILITY, ("BILL", "VAF", "VGB", "VAS"))
    assert alpha.goals == {Measure.VOLATILITY: 0.10, Measure.LIQUIDITY: 0.80}
    assert gamma.goals == {Measure.VOLATILITY: 0.25, Measure.SHARPE: 1.5}
    assert (gamma.max_position, gamma.min_effective_holdings) == (0.40, 4)


def test_a_fifth_pod_is_one_new_file(tmp_path: Path) -> None:
    file = tmp_path / "epsilon.toml"
    file.write_text(GOOD, encoding="utf-8")

    assert mandates.load(str(file)).pod == "epsilon"


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ('objective = "max_income"', 'objective = "get_rich"', "objective"),
        ("max_position = 0.7", "max_position = 1.7", "max_position"),
        ("max_position = 0.7", "", "max_position"),
        ('universe = ["VAF", "VAP"]', 'universe = ["VAF", "VAF"]', "each once"),
        ("min_effective_holdings = 1.5", "min_effective_holdings = 5", "min_effective_holdings"),
        ("grossed_up_yield = 0.03", "happiness = 1", "happiness"),
        ("grossed_up_yield = 0.03", "grossed_up_yield = nan", "must be finite numbers; they are grossed-up yield nan"),
        ("max_position = 0.7", "max_position = nan", "max_position"),
        ("[goals]", "[goals", "cannot read"),
    ],
)
def test_a_wrong_mandate_is_refused_by_name(tmp_path: Path, old: str, new: str, named: str) -> None:
    file = tmp_path / "epsilon.toml"
    file.write_text(GOOD.replace(old, new), encoding="utf-8")

    with pytest.raises(DataError, match=named):
        mandates.load(str(file))


def test_an_unknown_pod_is_told_which_there_are() -> None:
    with pytest.raises(DataError, match="alpha, beta, delta, gamma"):
        mandates.load("omega")


@pytest.mark.parametrize(("tolerance", "cap"), [(0.0, 0.05), (0.5, 0.10), (1.0, 0.15)])
def test_risk_tolerance_scales_the_cap_on_volatility(tolerance: float, cap: float) -> None:
    scaled = mandates.load("alpha").scaled(tolerance)

    assert scaled.goals == pytest.approx({Measure.VOLATILITY: cap, Measure.LIQUIDITY: 0.80})
