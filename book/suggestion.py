"""The parts of a request and of a final event that say whether an account needs a look, and no other part.

To read a whole event takes five times as long.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bus.language.messages import BadMessageError
from bus.language.mistakes import first_field, mistakes
from portfolio.market.trading_days import FIRST_DAY, LAST_DAY
from portfolio.tax.pension import Pension
from portfolio.tax.taxpayer import Entity

if TYPE_CHECKING:
    from typing import TypeVar

    _T = TypeVar("_T", bound=BaseModel)


# As a schema's format has it, and not the seconds since 1970; read without a call per parcel.
_Day = Annotated[date, Field(strict=True, ge=FIRST_DAY, le=LAST_DAY)]
# As in a request: checked by pydantic's core, which costs no call.
_Aud = Annotated[float, Field(ge=0, le=1e10)]
_Units = Annotated[float, Field(gt=0, le=1e9)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class _Customer(_Part):
    customer_id: str
    entity: Entity = Entity.INDIVIDUAL


class _ParcelToday(_Part):
    acquired: _Day
    units: _Units
    cost_base_aud: _Aud


class _HoldingToday(_Part):
    ticker: str
    units: _Units
    parcels: tuple[_ParcelToday, ...]
    value_aud: _Aud | None = None


class AccountToday(_Part):
    """The account as the book states it."""

    as_of: _Day
    cash_aud: _Aud
    holdings: tuple[_HoldingToday, ...] = ()
    contribution_aud: _Aud = 0.0
    withdraw_aud: _Aud = 0.0
    pension: Pension | None = None


class Limits(_Part):
    """The rules that drift can break."""

    max_etfs: int = 12
    min_weight: float = 0.02
    max_weight: float = 0.30
    capital_tolerance: float = 0.05
    position_tolerance: float = 0.0


class Today(_Part):
    """A request of a book."""

    customer: _Customer
    market: str
    account: AccountToday | None = None
    rules: Limits = Limits()


class _Market(_Part):
    id: str
    sha256: str


class _Goal(_Part):
    name: str
    pods: tuple[str, ...]
    figure: str
    asked: float
    met: bool


class _Mandate(_Part):
    max_position: float


class _MandateInCash(_Part):
    universe: tuple[str, ...]
    max_position: Annotated[float, Field(gt=0, le=1)] = 1.0
    min_effective_holdings: Annotated[float, Field(ge=1)] = 1.0


class _InCash(_Part):
    mandate: _MandateInCash
    left_out: tuple[str, ...] = ()


class _Pod(_Part):
    mandate: _Mandate
    capital_share: float


class _Standing(_Part):
    weights: Mapping[str, float]
    asset_classes: Mapping[str, float]
    cash_aud: float


class _Trading(_Part):
    pods: Mapping[str, Mapping[str, Annotated[float, Field(gt=0)]]]


class _Kept(_Part):
    ticker: str


class _Owned(_Part):
    as_of: date
    kept: tuple[_Kept, ...] = ()


class _Terms(_Part):
    owned: _Owned | None = None


class Suggestion(_Part):
    """The last final event of a customer, with a portfolio."""

    type: str
    customer_id: str
    market: _Market
    terms: _Terms
    suggested: _Standing | None = None
    trading: _Trading | None = None
    pods: Mapping[str, _Pod]
    goals: tuple[_Goal, ...]
    in_cash: Mapping[str, _InCash] = {}


def read(kind: type[_T], data: bytes) -> _T:
    """Read the parts of a body.

    Raises:
        BadMessageError: If a part is missing or wrong; the message gives the mend.
    """
    try:
        return kind.model_validate_json(data)
    except ValidationError as error:
        raise BadMessageError(*mistakes(error), field=first_field(error)) from None
