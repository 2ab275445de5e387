"""The pods that take no part since cash is expected to return more, as a final event states them."""

from __future__ import annotations

from dataclasses import dataclass

from portfolio.terms.mandate import Mandate


@dataclass(frozen=True, slots=True)
class PodInCash:
    """A pod that takes no part: no mix of its ETFs is expected to return more than cash, so that it buys nothing.

    Attributes:
        mandate: The pod's terms.
        left_out: ETFs of the pod's universe that were not considered: unpriced, closed, or never to be bought.
        greatest_return: The greatest expected return of a mix within the pod's limits, per year.
        cash_return: Expected return per year of the ETF that counts as cash; it is not below ``greatest_return``.
        capital_share: The pod's share of the money to invest and of the holdings that are kept for pods in cash, by the
            request's pod_weights; 0 where shares follow from money goals.
        cash_aud: Money of the pod that stays in the account, AUD.
        kept_aud: Value of the holdings that are kept since of the pods in cash this one may hold them, and no pod that
            takes part may, AUD; 0 without an account.
    """

    mandate: Mandate
    left_out: tuple[str, ...]
    greatest_return: float
    cash_return: float
    capital_share: float
    cash_aud: float
    kept_aud: float
