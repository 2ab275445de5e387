"""What does not pass its check is never published as a portfolio."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from support.requests_made import data

from agents import mandate_files
from agents.answer import answer
from bus.language.messages import MasterPortfolioFailed, PodResult, Reason, parse_request
from coordinator import consolidation
from coordinator.consolidation import consolidate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from portfolio.master.coordinated_portfolio import CoordinatedPortfolio


def results() -> Mapping[str, PodResult]:
    found = {pod: answer(mandate_files.load(pod), "r1", data()) for pod in ("alpha", "beta", "gamma", "delta")}
    return {pod: result for pod, result in found.items() if isinstance(result, PodResult)}


def test_a_portfolio_that_breaks_a_rule_is_withheld(monkeypatch: pytest.MonkeyPatch) -> None:
    optimise = consolidation.optimise_all_pods

    def wrong(*args: object, **kwargs: object) -> CoordinatedPortfolio:
        master = optimise(*args, **kwargs)  # type: ignore[arg-type]
        master.X[0] = master.X[0][::-1]  # a solver that puts the first pod's money into other ETFs
        return master

    monkeypatch.setattr(consolidation, "optimise_all_pods", wrong)

    event = consolidate(parse_request(data(), "r1"), results())

    assert isinstance(event, MasterPortfolioFailed)
    assert event.reason is Reason.CHECK_FAILED
    assert "not in its universe" in event.message


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ZeroDivisionError("boom"), "there is a fault in this system (ZeroDivisionError: boom): report it"),
        (MemoryError("none left"), "it needs more memory than the process that computes may hold"),
    ],
)
def test_a_crash_while_optimising_becomes_a_failure_event(
    monkeypatch: pytest.MonkeyPatch, error: Exception, said: str
) -> None:
    def crash(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(consolidation, "optimise_all_pods", crash)

    event = consolidate(parse_request(data(), "r1"), results())

    assert isinstance(event, MasterPortfolioFailed)
    assert event.reason is Reason.INTERNAL_ERROR
    assert event.message.startswith(said)


def test_a_result_over_another_market_is_refused() -> None:
    odd = {
        pod: result.model_copy(update={"market": result.market.model_copy(update={"sha256": "0" * 64})})
        for pod, result in results().items()
    }

    event = consolidate(parse_request(data(), "r1"), odd)

    assert isinstance(event, MasterPortfolioFailed)
    assert event.reason is Reason.MARKETS_DIFFER


def test_equal_results_give_equal_events() -> None:
    request = parse_request(data(), "r1")
    first, second = consolidate(request, results()), consolidate(request, dict(reversed(results().items())))

    hide = {"elapsed_s"}
    assert first.model_dump(exclude=hide) == second.model_dump(exclude=hide)
