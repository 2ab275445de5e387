"""A challenge of real suggestions: its figures again by the check, its words, and what the check notices."""

from __future__ import annotations

import copy
import itertools
import json
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from pydantic import TypeAdapter
from support.builders import OUTLOOK, TRAILING, final_event, request
from support.reported import optimised

from bus.language.messages import MasterPortfolioOptimized, encode
from challenger.answer import suggestion_of
from portfolio.check.challenge import challenge_findings
from portfolio.market.robust import Robust
from portfolio.market.snapshot import load
from portfolio.published.robustness import Drawn, Effort, Range, Robustness, Sure
from portfolio.robustness.again import Question
from portfolio.robustness.challenge import challenge
from portfolio.robustness.ranges import range_of
from portfolio.robustness.suggestion import turnover_of
from portfolio.robustness.worth import sure_of

if TYPE_CHECKING:
    from collections.abc import Callable

ACCOUNT = {
    "as_of": "2025-11-10",
    "cash_aud": 60_000.0,
    "holdings": [
        {"ticker": "VAS", "units": 100, "parcels": [{"units": 100, "acquired": "2024-03-15", "cost_base_aud": 9_000.0}]}
    ],
}


@cache
def _event(market_id: str = TRAILING, *, account: bool = False) -> MasterPortfolioOptimized:
    event = final_event(request(market_id=market_id, account=ACCOUNT if account else None))
    assert isinstance(event, MasterPortfolioOptimized)
    return event


@cache
def _challenge(market_id: str = TRAILING, *, account: bool = False) -> Robustness:
    return challenge(suggestion_of(_event(market_id, account=account)), load(market_id), Effort.QUICK)


def _told(found: Robustness) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(TypeAdapter(Robustness).dump_json(found))
    return told


CASES = [(TRAILING, False), (TRAILING, True), (OUTLOOK, False)]


@pytest.mark.parametrize(("market_id", "account"), CASES)
def test_every_figure_follows_from_the_event_the_market_and_the_seed(market_id: str, *, account: bool) -> None:
    event = json.loads(encode(_event(market_id, account=account)))

    assert challenge_findings(_told(_challenge(market_id, account=account)), event, load(market_id)) == []


def test_the_same_event_gives_the_same_challenge() -> None:
    again = challenge(suggestion_of(_event()), load(TRAILING), Effort.QUICK)

    assert _told(again) == _told(_challenge())


@pytest.mark.parametrize("answers", [0, 3, 25, 10_000])
def test_a_guard_ends_a_challenge_with_the_answers_so_far_and_that_is_told(answers: int) -> None:
    readings = itertools.count()
    event, market = _event(), load(TRAILING)

    found = challenge(suggestion_of(event), market, Effort.QUICK, lambda: next(readings) >= answers)

    assert challenge_findings(_told(found), json.loads(encode(event)), market) == []
    assert found.ended_early == (answers < 10_000)
    assert found.asked_again == min(answers, 20)
    assert found.words.endswith("a limit of computing time ended the search for more") == found.ended_early
    if not found.ended_early:
        assert _told(found) == _told(_challenge())


def test_a_quick_challenge_asks_less_where_an_answer_takes_several_searches() -> None:
    """Money goals that give way to each other take seven searches, where the reference customer takes one."""
    question = Question(suggestion_of(_event()).terms, suggestion_of(_event()).pods)
    question.ask(load(TRAILING))

    assert question.searches == 1
    assert len(_challenge().portfolios) + _challenge().without_answer == 20
    event = optimised("money-goals")
    found = challenge(suggestion_of(event), load(event.market.id), Effort.QUICK)
    assert (found.asked_again, found.ended_early) == (12, False)


def test_the_question_asked_again_of_the_same_market_has_the_same_answer() -> None:
    """So a portfolio of a drawn market differs because of the draw."""
    event = _event()
    suggestion, prices = suggestion_of(event), load(TRAILING)
    answer = Question(suggestion.terms, suggestion.pods).ask(prices)

    assert answer is not None
    assert answer.proven
    assert abs(answer.X - suggestion.holdings(prices)).max() < 1e-6


def test_an_outlook_without_ranges_is_told_and_not_drawn() -> None:
    found = challenge(suggestion_of(_event(OUTLOOK)), replace(load(OUTLOOK), half_ranges=None), Effort.QUICK)

    assert found.drawn is Drawn.NOTHING
    assert (found.draws, found.asked_again, found.worth, found.same_etfs) == (0, 0, None, None)
    assert found.words.startswith("not known: the outlook states no ranges")
    assert found.all_risky is not None


def test_the_bundled_outlook_is_drawn_from_the_ranges_that_its_publication_states() -> None:
    """Vanguard Australia, December 2025: bonds 3.9 to 4.9 %, shares 4.8 to 6.8, 4.6 to 6.6 and 4 to 6 %."""
    prices = load(OUTLOOK)
    assert prices.half_ranges is not None
    halves = dict(zip(prices.tickers, prices.half_ranges.tolist(), strict=True))
    assert {t: h for t, h in halves.items() if h == 0.005} == {"VAF": 0.005, "VGB": 0.005}
    # Cash, property and gold have a single figure each from their publications.
    assert {t for t, h in halves.items() if h == 0} == {"BILL", "VAP", "GOLD"}
    assert {h for t, h in halves.items() if t not in {"VAF", "VGB", "BILL", "VAP", "GOLD"}} == {0.01}

    found = _challenge(OUTLOOK)

    assert (found.drawn, found.draws, found.covariance_drawn) == (Drawn.RANGES, 100, False)
    assert found.worth is not None
    assert not found.words.startswith("not known")


def _held(told: dict[str, Any]) -> None:
    told["etfs"][0]["held"] -= 0.05


def _turnover(told: dict[str, Any]) -> None:
    told["turnover"]["middle"] += 1e-3


def _loss(told: dict[str, Any]) -> None:
    told["loss_aud_per_year"]["high"] -= 50


def _gain(told: dict[str, Any]) -> None:
    told["worth"]["gain_aud_per_year"]["low"] += 50


def _word(told: dict[str, Any]) -> None:
    told["worth"]["sure"] = "within_noise"


def _seed(told: dict[str, Any]) -> None:
    told["seed"] = "0" * 64


def _left_out(told: dict[str, Any]) -> None:
    told["portfolios"] = told["portfolios"][1:]


def _too_much(told: dict[str, Any]) -> None:
    """Move all of a pod into one ETF: more than 40 % of that pod."""
    pod = told["portfolios"][0]["weights"]["gamma"]
    first = next(iter(pod))
    told["portfolios"][0]["weights"]["gamma"] = {first: sum(pod.values())}


def _same_set(told: dict[str, Any]) -> None:
    told["one_etf"]["weights"] = {pod: dict(part.weights) for pod, part in _event().pods.items()}


def _other_turnover(told: dict[str, Any]) -> None:
    told["other_aim"]["turnover"] += 1e-3


def _other_worst(told: dict[str, Any]) -> None:
    told["other_aim"]["worst_return_aud_per_year"] += 1.0


def _other_risk(told: dict[str, Any]) -> None:
    told["other_aim"]["worst_volatility"] += 1e-4


def _other_distance(told: dict[str, Any]) -> None:
    told["other_aim"]["robust"]["returns"] = 0.5


@pytest.mark.parametrize("spoil", [_other_turnover, _other_worst, _other_risk, _other_distance])
def test_the_check_notices_another_aim(spoil: Callable[[dict[str, Any]], None]) -> None:
    told = copy.deepcopy(_told(_challenge()))
    spoil(told)

    assert challenge_findings(told, json.loads(encode(_event())), load(TRAILING))


def test_the_portfolio_of_the_other_aim_is_that_of_a_robust_request() -> None:
    """And the other way round: of the robust request, the other aim is the market as stated."""
    body = {**json.loads(request()), "robust": {"returns": 1.0, "covariance": 0.5}}
    robust, usual = final_event(json.dumps(body).encode()), _event()
    assert isinstance(robust, MasterPortfolioOptimized)
    back = challenge(suggestion_of(robust), load(TRAILING), Effort.QUICK)

    for found, there, here in ((_challenge(), robust, usual), (back, usual, robust)):
        aim, traded = found.other_aim, turnover_of(*(_weights(event) for event in (there, here)))
        assert aim is not None
        assert aim.robust == Robust(returns=1.0, covariance=0.5)
        # Both are the best to a gap of 1e-4.
        assert aim.turnover == pytest.approx(traded, abs=2e-3)
        for pod, weights in aim.weights.items():
            assert weights == pytest.approx(there.pods[pod].weights, abs=2e-3)
    assert challenge_findings(_told(back), json.loads(encode(robust)), load(TRAILING)) == []


def _weights(event: MasterPortfolioOptimized) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.array([event.weights.get(ticker, 0.0) for ticker in load(TRAILING).tickers])


@pytest.mark.parametrize("spoil", [_held, _turnover, _loss, _gain, _word, _seed, _left_out, _too_much, _same_set])
def test_the_check_notices(spoil: Callable[[dict[str, Any]], None]) -> None:
    told = copy.deepcopy(_told(_challenge()))
    spoil(told)

    assert challenge_findings(told, json.loads(encode(_event())), load(TRAILING))


@pytest.mark.parametrize(
    ("part", "word"),
    [
        (1.0, Sure.CLEAR),
        (0.95, Sure.CLEAR),
        (0.05, Sure.CLEAR),
        (0.94, Sure.LIKELY),
        (0.67, Sure.LIKELY),
        (0.33, Sure.LIKELY),
        (0.66, Sure.WITHIN_NOISE),
        (0.5, Sure.WITHIN_NOISE),
    ],
)
def test_one_word_says_how_often_the_sign_is_the_same(part: float, word: Sure) -> None:
    assert sure_of(part) is word


def test_a_range_is_linear_between_its_neighbours() -> None:
    """Of 0, 10, 20, 30, 40: a tenth of the four steps is 0.4 steps from 0, 4; the half 20; nine tenths 36."""
    assert range_of([40.0, 0.0, 10.0, 30.0, 20.0]) == Range(pytest.approx(4.0), 20.0, pytest.approx(36.0))
    assert range_of([]) is None


def test_turnover_counts_money_as_a_holding() -> None:
    """From 60 % and 30 % with 10 % of money, to 50 % and 50 %: 20 points are bought, with 10 sold and 10 of money."""
    assert turnover_of(np.array([0.6, 0.3]), np.array([0.5, 0.5])) == pytest.approx(0.2)
