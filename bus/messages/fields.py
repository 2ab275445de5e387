"""The forms of fields that stand in several bodies."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from bus.forms import GOAL, PAIR, TICKER
from bus.subjects import ID_PATTERN, POD_PATTERN

Id = Annotated[str, StringConstraints(pattern=ID_PATTERN)]
Pod = Annotated[str, StringConstraints(pattern=POD_PATTERN)]
Ticker = Annotated[str, StringConstraints(pattern=TICKER)]
Share = Annotated[float, Field(ge=0, le=1)]
GoalName = Annotated[str, StringConstraints(pattern=GOAL)]
PodPair = Annotated[str, StringConstraints(pattern=PAIR)]
