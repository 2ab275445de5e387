"""Suggest the name that a person probably meant."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable


def nearest(name: str, known: Collection[str]) -> str | None:
    """Find the name in *known* that is most like *name*, whatever the case of letters; None if no name is like it."""
    folded = {each.casefold(): each for each in sorted(known, reverse=True)}
    likely = get_close_matches(name.casefold(), folded, n=len(folded) or 1)
    # Letters in another order are the commonest slip of the fingers: VFA is VAF, not VAS.
    swapped = [each for each in likely if sorted(each) == sorted(name.casefold())]
    return next((folded[each] for each in (*swapped, *likely)), None)


def doubted(names: Iterable[str], known: Collection[str]) -> str:
    """List unknown names, each with the known name that was probably meant: ``VFA (VAF?), XYZ``."""
    meant = {name: nearest(name, known) for name in names}
    return ", ".join(f"{name} ({like}?)" if like else name for name, like in meant.items())
