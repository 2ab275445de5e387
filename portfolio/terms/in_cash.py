"""Pods in cash: no mix of their ETFs is expected to return more than cash, so that they take no part."""

from __future__ import annotations

from dataclasses import dataclass

from portfolio.terms.mandate import Mandate


@dataclass(frozen=True, slots=True)
class InCash:
    """A pod in cash, as its agent found it.

    Attributes:
        mandate: The pod's terms as used.
        left_out: ETFs of the pod's universe that were not considered: unpriced, closed, or never to be bought.
        greatest_return: The greatest expected return of a mix within the pod's limits, per year, as a fraction: not
            more than that of cash.
        share: The pod's share of the capital by the request's pod_weights; 0 where shares follow from money goals.
    """

    mandate: Mandate
    left_out: tuple[str, ...]
    greatest_return: float
    share: float = 0.0
