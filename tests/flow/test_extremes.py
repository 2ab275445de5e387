"""Requests with extreme numbers that are valid: each gets a portfolio, or a reason that is not our fault."""

from __future__ import annotations

import copy
import json
import random
import time
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
from support.depth import much, some_of
from support.requests_made import ROOT

from agents.mandate_files import bundled, load
from bus.language.messages import BadMessageError, MasterPortfolioFailed, Reason, parse_request
from bus.language.messages.requests import LEAST_RATE, LEAST_WEIGHT
from cli.what_if.locally import solve

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bus.language.messages import FinalEvent

OURS = {Reason.SOLVER_FAILED, Reason.CHECK_FAILED, Reason.INTERNAL_ERROR}
# The only one of them that may be: a search in whole units that met its time.
UNFINISHED = "allow more time"
SECONDS = 10.0
MANDATES = {pod: load(pod) for pod in bundled()}
EXAMPLES = {
    name: json.loads((ROOT / "examples" / f"{name}.json").read_text(encoding="utf-8"))
    for name in (
        "reference-customer",
        "existing-investor",
        "tax-budget",
        "after-july-2027",
    )
}
TINY = (0.0, 5e-324, 1e-300, 1e-15, 1e-12, 1e-9, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3)


def up_to(most: float, least: float = 0.0) -> tuple[float, ...]:
    """Numbers at both ends of a range, and very near to them."""
    near = [step * max(1.0, most) for step in (1e-12, 1e-9, 1e-6)]
    small = TINY if least == 0 else ()
    return (*small, least, *(least + step for step in near), most, *(most - step for step in near))


FIELDS: Mapping[str, tuple[float, ...]] = {
    "customer.total_capital_aud": up_to(1e10, 1_000.0),
    "customer.risk_tolerance": up_to(1.0),
    "customer.marginal_tax_rate": up_to(0.6),
    "customer.carried_losses_aud": up_to(1e10),
    "account.cash_aud": up_to(1e10),
    "account.brokerage_share": up_to(0.1),
    "rules.max_etfs": (1, 2, 3, 1_000),
    "rules.min_weight": (*up_to(1.0), 0.3),
    "rules.max_weight": (*up_to(1.0), 0.02, 0.020000001),
    "rules.min_correlation_distance": up_to(1.0),
    "rules.capital_tolerance": up_to(0.5),
    "rules.position_tolerance": up_to(0.5),
    "rules.min_order_aud": up_to(1e6),
    "rules.max_turnover": up_to(1.0),
    "rules.max_tax_aud": up_to(1e10),
    "preferences.pod_score": up_to(10.0, 0.01),
    "preferences.duplication": up_to(10.0),
    "preferences.trading_cost": up_to(10.0),
    "preferences.tax_efficiency": up_to(10.0),
    "brokerage_aud": up_to(1_000.0),
    "correlation_limits.alpha-beta": (*up_to(1.0), *(-small for small in TINY), -1.0),
    "pod_weights.alpha": up_to(1.0),
}


def with_fields(example: str, values: Mapping[str, float]) -> bytes:
    """Write an example's request with other values; the other pods' shares give way to that of one."""
    body = copy.deepcopy(EXAMPLES[example])
    body.update(request_id="x", explain="unmet")
    for path, value in values.items():
        part, _, name = path.partition(".")
        if path == "pod_weights.alpha":
            others = {pod: share for pod, share in body["pod_weights"].items() if pod != name}
            scale = (1 - value) / sum(others.values())
            body["pod_weights"] = {name: value, **{pod: share * scale for pod, share in others.items()}}
        elif name:
            body[part] = {**body.get(part, {}), name: value}
        else:
            body[part] = value
    return json.dumps(body).encode()


def answered(sent: bytes) -> FinalEvent | str:
    """Answer a request as agents and a coordinator would; say why if it is no valid one."""
    try:
        request = parse_request(sent, "x")
    except BadMessageError as error:
        return str(error)
    ends = time.monotonic() + SECONDS
    return solve(request, MANDATES, stop=lambda: time.monotonic() > ends)


def is_our_fault(event: FinalEvent | str) -> bool:
    return isinstance(event, MasterPortfolioFailed) and event.reason in OURS and UNFINISHED not in event.message


def ends_of(values: tuple[float, ...]) -> tuple[float, ...]:
    """Leave out, of many, all but every third and the least and the most."""
    return tuple(dict.fromkeys((*values[:: much(1, quick=3)], min(values), max(values))))


@pytest.mark.more_examples
@pytest.mark.parametrize("field", [field for field in FIELDS if not field.startswith("account.")])
def test_an_extreme_number_in_one_field_is_answered(field: str) -> None:
    wrong: dict[float, Any] = {}
    for value in ends_of(FIELDS[field]):
        event = answered(with_fields("reference-customer", {field: value}))
        if is_our_fault(event):
            wrong[value] = event

    assert wrong == {}


@cache
def _taken(field: str) -> list[float]:
    """Leave out what no request may have: of several fields, one would be refused nearly always."""
    example = "existing-investor" if field.startswith("account.") else "reference-customer"
    found = []
    for value in FIELDS[field]:
        with suppress(BadMessageError):
            parse_request(with_fields(example, {field: value}), "x")
            found.append(value)
    return found


def combinations(seed: int, count: int) -> list[tuple[str, dict[str, float]]]:
    """Choose an example and two to four of its fields, each with one of its values."""
    choose = random.Random(seed)  # noqa: S311 - no secret
    found = []
    for _ in range(count):
        example = choose.choice(sorted(EXAMPLES))
        known = [
            field
            for field in FIELDS
            if ("account" in EXAMPLES[example] or not field.startswith("account."))
            and (field != "customer.total_capital_aud" or "account" not in EXAMPLES[example])
            and (field != "pod_weights.alpha" or len(EXAMPLES[example].get("pod_weights", {})) > 1)
        ]
        fields = choose.sample(known, choose.randint(2, 4))
        found.append((example, {field: choose.choice(_taken(field)) for field in fields}))
    return found


@pytest.mark.slow
@pytest.mark.parametrize(("example", "values"), some_of(combinations(seed=13, count=60), every=8))
def test_several_extreme_numbers_are_answered(example: str, values: dict[str, float]) -> None:
    event = answered(with_fields(example, values))

    assert not is_our_fault(event), event


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"rules.min_weight": 1e-12}, "rules.min_weight is 1e-12: give at least 1e-06"),
        ({"customer.marginal_tax_rate": 1e-7}, "customer.marginal_tax_rate: 1e-07 is less than 0.0001: give 0, or"),
    ],
)
def test_what_means_nothing_and_spoils_the_scale_is_refused(values: dict[str, float], said: str) -> None:
    told = answered(with_fields("reference-customer", values))

    assert isinstance(told, str)
    assert told.startswith(said)


def test_the_least_that_is_taken_is_answered() -> None:
    for values in ({"rules.min_weight": LEAST_WEIGHT}, {"customer.marginal_tax_rate": LEAST_RATE}):
        event = answered(with_fields("reference-customer", values))
        assert not isinstance(event, str | MasterPortfolioFailed), event
