"""The amounts of money that a customer wants, and the chance of each, as a final event states them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MoneyGoal:
    """An amount of money that is wanted, and what the portfolio holds for it.

    Before tax, distributions reinvested, nothing paid in or taken out meanwhile.

    Attributes:
        goal_id: The customer's own name for it.
        name: What it is for.
        pod: The pod that is to provide it.
        target_amount_aud: How much is wanted.
        years: In how many years.
        priority: 1 is the most important.
        present_value_aud: What it would take today if it earned no more than cash.
        capital_aud: What the pod holds for it: its holdings, in proportion to the present values of its goals.
        required_return: A year, to make the one of the other; None where no return would (no capital, no time, or
            more than 1,000 %).
        expected_return: A year, of the pod's holdings; None without holdings.
        expected_amount_aud: What the capital becomes on average.
        probability: That it becomes at least what is wanted, if the years' returns are independent and lognormal with
            the pod's expected return and volatility.
    """

    goal_id: str
    name: str
    pod: str
    target_amount_aud: float
    years: float
    priority: int
    present_value_aud: float
    capital_aud: float
    required_return: float | None
    expected_return: float | None
    expected_amount_aud: float
    probability: float
