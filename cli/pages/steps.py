"""Show people the steps that ``podfolio setup`` took, or would take."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bus.administration.setup import Step


def describe(steps: Sequence[Step], *, done: bool) -> str:
    """Format one line per step, one more line per changed setting, and a conclusion."""
    width = max(len(step.name) for step in steps)
    lines = []
    for step in steps:
        lines.append(f"{step.what:<6}  {step.name:<{width}}  {_outcome(step, done=done)}")
        lines += [f"{'':<6}  {'':<{width}}    {difference}" for difference in step.different]
        lines += [f"{'':<6}  {'':<{width}}    {step.kept}"] if step.kept else []
    return "\n".join([*lines, "", _conclusion(sum(step.is_needed for step in steps), len(steps), done=done)])


def _outcome(step: Step, *, done: bool) -> str:
    if not step.is_needed:
        return click.style("as it should be", dim=True)
    verb = "created" if step.missing else "changed"
    return click.style(verb if done else f"would be {verb}", fg="green" if done else "yellow")


def _conclusion(needed: int, total: int, *, done: bool) -> str:
    if not needed:
        return f"All {total} are as they should be."
    if not done:
        return f"{needed} of {total} would change; nothing was done."
    return (
        f"All {total} were set up." if needed == total else f"{needed} of {total} were set up; the rest needed nothing."
    )
