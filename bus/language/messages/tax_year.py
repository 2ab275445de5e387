"""The part of a request about the tax year: gains realised so far."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from bus.language.messages.described import Published
from portfolio.tax.regime import distributed_before_discount
from portfolio.tax.taxpayer import Realised

_Aud = Annotated[float, Field(ge=0, le=1e10)]


class RealisedSoFar(Published, BaseModel):
    """Gains and losses of the financial year of the trades, realised before them; losses of the trades reduce these.

    Attributes:
        undiscounted_aud: Gains that are taxed in full, AUD: on what was held for less than 12 months, all gains of a
            company, and gains without a discount that funds distributed.
        discountable_aud: Gains that the discount applies to, before losses and discount, AUD.
        indexed_aud: Gains of the time from 1 July 2027 over the indexed cost base, AUD.
        losses_aud: Capital losses, as a positive amount, AUD.
        distributed_discounted_aud: Discounted capital gains that funds distributed, as their statements give them,
            after the funds' discount, AUD: twice this amount counts as a discountable gain.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    undiscounted_aud: _Aud = 0.0
    discountable_aud: _Aud = 0.0
    indexed_aud: _Aud = 0.0
    losses_aud: _Aud = 0.0
    distributed_discounted_aud: _Aud = 0.0

    def realised(self) -> Realised:
        """Hand over the gains by kind."""
        distributed = distributed_before_discount(self.distributed_discounted_aud)
        return Realised(self.undiscounted_aud, self.discountable_aud + distributed, self.indexed_aud, self.losses_aud)
