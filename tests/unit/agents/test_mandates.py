"""Mandates are data: what the bundled ones say, and what a wrong one is told."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from support.requests_made import ROOT

from agents import mandate_files
from portfolio.errors import DataError
from portfolio.market.measure import Measure
from portfolio.terms.mandate import Objective

if TYPE_CHECKING:
    from pathlib import Path

    from portfolio.terms.mandate import Mandate

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
    assert list(mandate_files.bundled()) == ["alpha", "beta", "delta", "gamma"]
    alpha, gamma = mandate_files.load("alpha"), mandate_files.load("gamma")
    assert (alpha.objective, alpha.universe) == (Objective.MIN_VOLATILITY, ("BILL", "VAF", "VGB", "VAS"))
    assert alpha.goals == {Measure.VOLATILITY: 0.10, Measure.LIQUIDITY: 0.80}
    assert gamma.goals == {Measure.VOLATILITY: 0.25, Measure.SHARPE: 1.5}
    assert (gamma.max_position, gamma.min_effective_holdings) == (0.40, 4)


def test_a_fifth_pod_is_one_new_file(tmp_path: Path) -> None:
    file = tmp_path / "epsilon.toml"
    file.write_text(GOOD, encoding="utf-8")

    assert mandate_files.load(str(file)).pod == "epsilon"


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
        ('pod = "epsilon"', 'pod = "Epsilon"', "pod is 'Epsilon'; it must begin with a-z"),
        ('pod = "epsilon"', 'pod = "never_worse"', "pod is 'never_worse'"),
        ('"VAF", "VAP"', '"VAF", "vap"', "universe has 'vap'; a ticker has"),
        ("grossed_up_yield = 0.03", "grossed_up_yield = 4", "is 4, which is 400%; write 4 % as 0.04"),
        ("grossed_up_yield = 0.03", "grossed_up_yield_over_cash = 4", "yield_over_cash is 4, which is 400%; write 4 %"),
        ("grossed_up_yield = 0.03", "volatility_over_cash = 0.1", "volatility_over_cash"),
        (
            "grossed_up_yield = 0.03",
            "grossed_up_yield = 0.03\ngrossed_up_yield_over_cash = 0.01",
            "has grossed_up_yield and grossed_up_yield_over_cash: leave one of them out",
        ),
        ("[goals]", "[over_cash]\nexpected_return = 0.01\n[goals]", "unknown over_cash"),
        ("grossed_up_yield = 0.03", "volatility = 0", "goals.volatility is 0; it must be above 0"),
        ("grossed_up_yield = 0.03", "liquidity = -0.1", "goals.liquidity is -0.1; it must be at least 0"),
        (
            "[goals]",
            "[corelation_targets]\ngamma = 0.5\n[goals]",
            r"unknown corelation_targets \(correlation_targets\?\); there are pod, purpose",
        ),
        ("[goals]", "[correlation_targets]\ngamma = 5\n[goals]", "correlation_targets.gamma is 5; it must be from -1"),
        ("[goals]", "[correlation_targets]\nepsilon = 0.5\n[goals]", "names epsilon itself"),
    ],
)
def test_a_wrong_mandate_is_refused_by_name(tmp_path: Path, old: str, new: str, named: str) -> None:
    file = tmp_path / "epsilon.toml"
    file.write_text(GOOD.replace(old, new), encoding="utf-8")

    with pytest.raises(DataError, match=named) as refused:
        mandate_files.load(str(file))
    assert "epsilon.toml" in str(refused.value)


def test_the_documented_fifth_pod_is_the_file_of_the_examples() -> None:
    document = (ROOT / "docs" / "mandates.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"```toml\n(.*?)```", document, re.DOTALL)

    assert shown == (ROOT / "examples" / "fifth-pod" / "epsilon.toml").read_text(encoding="utf-8")
    epsilon = mandate_files.load(str(ROOT / "examples" / "fifth-pod" / "epsilon.toml"))
    assert (epsilon.pod, epsilon.objective) == ("epsilon", Objective.MAX_INCOME)
    for words in ("write 4 % as 0.04", "unknown corelation_targets"):
        assert words in document


def test_an_unknown_pod_is_told_which_there_are() -> None:
    with pytest.raises(DataError, match="alpha, beta, delta, gamma"):
        mandate_files.load("omega")


def over_cash(tmp_path: Path) -> Mandate:
    file = tmp_path / "epsilon.toml"
    goals = "volatility = 0.2\ngrossed_up_yield_over_cash = 0.005\nexpected_return_over_cash = 0.01"
    file.write_text(GOOD.replace("grossed_up_yield = 0.03", goals), encoding="utf-8")
    return mandate_files.load(str(file))


@pytest.mark.parametrize("cash", [0.0, 0.01, 0.0435])
def test_a_mandate_may_state_a_return_and_a_yield_over_cash(tmp_path: Path, cash: float) -> None:
    there = over_cash(tmp_path).in_market(cash)

    assert there.goals == {Measure.VOLATILITY: 0.2, Measure.YIELD: cash + 0.005, Measure.RETURN: cash + 0.01}
    assert there.in_market(cash) == there


def test_a_customer_s_targets_take_the_place_of_a_mandate_s(tmp_path: Path) -> None:
    stated = over_cash(tmp_path)

    fitted = stated.with_targets({"volatility": 0.1, "grossed_up_yield": 0.02, "liquidity": 0.9}).in_market(0.04)

    assert fitted.goals == {
        Measure.VOLATILITY: 0.1,
        Measure.YIELD: 0.02,
        Measure.LIQUIDITY: 0.9,
        Measure.RETURN: 0.04 + 0.01,
    }
    above = stated.with_targets({"expected_return_over_cash": 0.03}).in_market(0.04)
    assert above.goals[Measure.RETURN] == 0.04 + 0.03
    assert stated.with_targets({}) == stated
