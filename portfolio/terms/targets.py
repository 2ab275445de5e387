"""The amounts of money that a customer wants, and how the capital is split for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Target:
    """An amount of money that a customer wants a pod to provide.

    Attributes:
        goal_id: The customer's own name for it, short and stable.
        name: What it is for.
        pod: The pod that is to provide it.
        target_amount_aud: How much.
        years: In how many years.
        priority: 1 is the most important.
    """

    goal_id: str
    name: str
    pod: str
    target_amount_aud: float
    years: float
    priority: int = 1


def shares_from_targets(targets: Sequence[Target], risk_free: float) -> dict[str, float]:
    """Split the capital in proportion to the present values of the pods' targets.

    ``share[p] = PV[p] / sum(PV)`` with ``PV[p] = sum(amount / (1 + risk_free) ** years)`` over the
    targets of pod *p*: what each pod would need today if it earned no more than cash.
    """
    present = present_values(targets, risk_free)
    total = sum(present.values())
    return {pod: value / total for pod, value in present.items()}


def present_value(target: Target, risk_free: float) -> float:
    """Discount an amount at the return of cash."""
    discount: float = (1 + risk_free) ** target.years
    return target.target_amount_aud / discount


def present_values(targets: Sequence[Target], risk_free: float) -> dict[str, float]:
    """Add up the present values by pod."""
    present: dict[str, float] = {}
    for target in targets:
        present[target.pod] = present.get(target.pod, 0.0) + present_value(target, risk_free)
    return present
