"""How far a step comes towards rules that today's holdings break, in sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

from report.facts.labels import pod_label

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bus.language.messages import MasterPortfolioOptimized
    from portfolio.published.step import OpenBudget, OpenPart, OpenRule

# Of each rule, this many breaches are named.
_NAMED = 3

# A figure of a number of ETFs has no unit, a correlation distance two digits, all others are shares.
_COUNTS, _DISTANCES = "max_etfs", "min_correlation_distance"


def said_of_step(event: MasterPortfolioOptimized) -> Iterator[str]:
    """Say from where to where a step comes, of which limit, and about how many such steps it takes."""
    step = event.trading.step if event.trading else None
    if step is None:
        return
    yield from (_exceeded(event, budget) for budget in step.budgets)
    moves = [words for rule in step.rules for words in _moves(event, rule)]
    if not moves:
        return
    yield (
        f"{_budgets(event)} not let every rule be kept that today's holdings break. This step takes you"
        f" {'; '.join(moves)}. {_steps(event)}"
    )


def _exceeded(event: MasterPortfolioOptimized, budget: OpenBudget) -> str:
    """Say how far a payment takes a budget, and the least that it can take."""
    capital, made = event.terms.total_capital_aud, "The payment cannot be made within the budget of"
    if budget.budget == "max_tax_aud":
        limit, now, least = (f"{share * capital:,.2f} AUD" for share in (budget.limit, budget.suggested, budget.bound))
        return f"{made} {limit} of tax: the orders cause {now}, and it is proven that none cause less than {least}."
    limit, now, least = (f"{share:.1%}" for share in (budget.limit, budget.suggested, budget.bound))
    return f"{made} {limit} of turnover: the orders take {now}, and it is proven that none take less than {least}."


def _steps(event: MasterPortfolioOptimized) -> str:
    step = event.trading.step if event.trading else None
    if step is None or not any(rule.suggested > 0 for rule in step.rules):
        return "After it every rule is kept."
    if step.steps is not None:
        return f"It takes about {step.steps} such steps in all, if each comes as far: an estimate at today's prices."
    stuck = [_name(rule) for rule in step.rules if rule.steps is None and rule.suggested > 0]
    return f"Within these budgets no step comes nearer to {' or '.join(stuck)}."


def _budgets(event: MasterPortfolioOptimized) -> str:
    rules = event.terms.rules
    found = []
    if rules.max_tax_aud is not None:
        found.append(f"at most {rules.max_tax_aud:,.2f} AUD of tax")
    if rules.max_turnover is not None:
        found.append(f"at most {rules.max_turnover:.1%} of turnover")
    if rules.buy_only:
        found.append("no sale")
    elif rules.never_sell:
        found.append(f"no sale of {', '.join(rules.never_sell)}")
    return f"The budgets ({', '.join(found)}) do"


def _moves(event: MasterPortfolioOptimized, rule: OpenRule) -> Iterator[str]:
    largest = sorted(rule.parts, key=lambda part: -abs(part.today - part.limit))
    for part in largest[:_NAMED]:
        yield _move(event, rule, part)
    if len(largest) > _NAMED:
        yield f"and {len(largest) - _NAMED} more of {_name(rule)}"


def _move(event: MasterPortfolioOptimized, rule: OpenRule, part: OpenPart) -> str:
    now = "within it" if part.suggested is None else _shown(rule.rule, part.suggested)
    about = _about(event, rule, part)
    limit = "the share" if rule.rule == "capital_tolerance" else "the limit"
    return f"from {_shown(rule.rule, part.today)} {about} to {now}, where {limit} is {_shown(rule.rule, part.limit)}"


def _about(event: MasterPortfolioOptimized, rule: OpenRule, part: OpenPart) -> str:
    if rule.rule == "max_etfs":
        return "ETFs"
    if rule.rule == "cash_floor":
        return "of cash"
    if rule.rule == "capital_tolerance":
        return f"of the capital in {pod_label(event, part.about)}"
    if rule.rule == "max_position":
        pod, _, ticker = part.about.partition(": ")
        return f"of {pod_label(event, pod)} in {ticker}"
    if rule.rule == "min_correlation_distance":
        return f"between {part.about}"
    return f"in {part.about}" + (", which no pod may hold," if rule.rule == "outside" else "")


def _shown(rule: str, figure: float) -> str:
    if rule == _COUNTS:
        return f"{figure:.0f}"
    return f"{figure:.2f}" if rule == _DISTANCES else f"{figure:.1%}"


def _name(rule: OpenRule) -> str:
    return {
        "cash_floor": "the cash that is to be kept",
        "outside": "the sale of holdings that no pod may have",
        "max_weight": "the largest weight of an ETF",
        "capital_tolerance": "the pods' shares",
        "max_position": "the pods' largest positions",
        "max_etfs": "the number of ETFs",
        "min_correlation_distance": "the least distance of two ETFs",
        "min_weight": "the least weight of an ETF",
    }[rule.rule]
