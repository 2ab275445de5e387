"""The server's errors: which pass by themselves, so that nobody gives up for them, and which do not."""

from __future__ import annotations

import pytest

from bus.port import BusError, NotSetUpError, RefusedError, UnreachableError
from bus.transports.jetstream.connection.server_errors import translate


@pytest.mark.parametrize(
    ("code", "err_code", "description", "kind"),
    [
        (503, 10008, "JetStream system temporarily unavailable", UnreachableError),
        (500, 10119, "consumer is offline", UnreachableError),
        (500, 10118, "stream is offline", UnreachableError),
        (400, 10009, "not the leader", UnreachableError),
        (404, 10014, "consumer not found", NotSetUpError),
        (500, 10052, "stream configuration is wrong", RefusedError),
    ],
)
def test_an_error_that_passes_is_told_from_one_that_stays(
    code: int, err_code: int, description: str, kind: type[BusError]
) -> None:
    error = translate({"code": code, "err_code": err_code, "description": description}, "CONSUMER.INFO.PODFOLIO.coord")

    assert type(error) is kind
    assert description in str(error)
