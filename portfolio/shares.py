"""How much of the capital each pod gets, where the request states goals instead of shares."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class Target:
    """An amount of money that a customer wants a pod to provide.

    Attributes:
        pod: The pod that is to provide it.
        amount_aud: How much.
        years: In how many years.
    """

    pod: str
    amount_aud: float
    years: float


def shares_from_targets(targets: Iterable[Target], risk_free: float) -> dict[str, float]:
    """Split the capital in proportion to the present values of the pods' targets.

    ``share[p] = PV[p] / sum(PV)`` with ``PV[p] = sum(amount / (1 + risk_free) ** years)`` over the
    targets of pod *p*: what each pod would need today if it earned no more than cash.
    """
    present: dict[str, float] = {}
    for target in targets:
        value = target.amount_aud / (1 + risk_free) ** target.years
        present[target.pod] = present.get(target.pod, 0.0) + value
    total = sum(present.values())
    return {pod: value / total for pod, value in present.items()}
