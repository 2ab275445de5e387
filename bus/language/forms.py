"""The patterns of names in messages, and a description of each for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bus.language.subjects import ID_PATTERN, POD_PATTERN
from portfolio import plain_text

if TYPE_CHECKING:
    from collections.abc import Mapping

TICKER = r"^[A-Z0-9]{1,12}$"
MARKET = r"^[a-z0-9][a-z0-9-]{0,63}$"
GOAL = r"^[a-z][a-z0-9_-]{0,31}\.[a-z_]{1,32}$"
TEXT = plain_text.PATTERN
PAIR = r"^[a-z][a-z0-9-]{1,63}$"

WORDS: Mapping[str, str] = {
    ID_PATTERN: "1 to 64 of A-Z a-z 0-9 _ -",
    POD_PATTERN: "the name of a pod, such as alpha",
    TICKER: "a ticker, 1 to 12 of A-Z 0-9, such as VAS",
    MARKET: "the name of a market, 1 to 64 of a-z 0-9 -",
    GOAL: "the name of a goal, such as gamma.sharpe_ratio",
    TEXT: plain_text.WORDS,
    PAIR: "a pair of pods, such as alpha-beta",
}
