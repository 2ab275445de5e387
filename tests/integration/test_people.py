"""What an adviser, a desk and an administrator do by commands, over a real server and signed by real keys."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest
from support.commands import beside, here
from support.reported import optimised
from support.requests_made import data
from support.signed import system

from book.export import order_id
from bus.language import subjects
from bus.language.messages import (
    MasterPortfolioFailed,
    OrderFilled,
    PortfolioApproved,
    PortfolioDeclined,
    Reason,
    encode,
    parse_approval,
)
from bus.language.signing import APPROVAL, signer_of
from cli.pages.stream import keep, line
from portfolio.published.order import Side

if TYPE_CHECKING:
    from pathlib import Path

    from support.signed import System
    from support.site import Site

    from bus.language.messages import MasterPortfolioOptimized

pytestmark = pytest.mark.xdist_group("answers")
MENDS = ("podfolio approve ID --nkey-seed adviser.nk", "podfolio approvals -o FILE")


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> System:
    return system(tmp_path_factory.mktemp("people") / "keys")


@pytest.fixture
def event() -> MasterPortfolioOptimized:
    return optimised("existing-investor").model_copy(update={"request_id": "r1", "customer_id": "c-1"})


async def store(site: Site, subject: str, data: bytes) -> None:
    await site.bus.publish_once(subject, data, message_id=subject, headers={})


async def approve(keys: System, url: str, *arguments: str, role: str = "adviser") -> tuple[int, str]:
    seed = str(keys.keys.seed(role))
    status, out, errors = await beside("approve", *arguments, "--nkey-seed", seed, "--server", url)
    return status, out + errors


async def test_an_approval_is_signed_is_of_that_very_event_and_stays(
    jetstream_site: Site, server_url: str, keys: System, event: MasterPortfolioOptimized, tmp_path: Path
) -> None:
    site, final = jetstream_site, encode(event)
    await store(site, subjects.final("r1"), final)

    first = await approve(keys, server_url, "r1", "--note", "as we spoke")
    again = await approve(keys, server_url, "r1")
    turned = await approve(keys, server_url, "r1", "--decline")
    other = await approve(keys, server_url, "r1", role="requester")

    (stored,) = await site.bus.record([subjects.approval("r1")])
    decision, adviser = parse_approval(stored.data), keys.signer("adviser", APPROVAL).key
    orders = len(event.trading.orders) if event.trading else 0
    assert first == (0, f"r1: approved, {orders} orders of c-1\n")
    assert again == (0, f"r1: approved, {orders} orders of c-1, as before\n")
    for status, said in (turned, other):
        assert status == 1
        assert f"r1 was approved by {adviser} before, and the first decision stays: ask for the customer again" in said
    assert isinstance(decision, PortfolioApproved)
    assert (decision.note, decision.final_sha256) == ("as we spoke", sha256(final).hexdigest())
    assert signer_of(json.loads(stored.data), APPROVAL) == adviser
    assert f"approved by {adviser}: as we spoke" in line(stored).plain

    # The file proves the decision without a server, by the adviser's public key alone.
    (tmp_path / "EVENT.json").write_bytes(final)
    keep(tmp_path, stored)
    verified = ("verify", str(tmp_path / "EVENT.json"), "--approval", str(tmp_path / "r1.approval.json"))
    for given, verdict, words in (
        (str(keys.keys.public("adviser")), "ok", f"Ed25519, by a key given, {adviser}"),
        (str(keys.keys.folder), "ok", f"Ed25519, by a key given, {adviser}"),
        (str(keys.keys.public("requester")), "FAILED", f"signed by {adviser}"),
    ):
        _, out, _ = here(*verified, "--adviser-key", given)
        (told,) = [row for row in out.splitlines() if row.startswith("adviser")]
        assert told.split()[1:] == [verdict, *words.split()]
        assert "the adviser approved this event on" in out
    (tmp_path / "EVENT.json").write_bytes(final + b" ")
    status, out, _ = here(*verified, "--adviser-key", str(keys.keys.public("adviser")))
    assert status == 1
    assert "the decision is about another final event" in " ".join(out.split())


async def test_only_a_portfolio_can_be_approved_and_each_id_is_told_alone(
    jetstream_site: Site, server_url: str, keys: System, event: MasterPortfolioOptimized
) -> None:
    failed = MasterPortfolioFailed(request_id="r2", reason=Reason.OVERLOADED, message="too much")
    await store(jetstream_site, subjects.final("r1"), encode(event))
    await store(jetstream_site, subjects.final("r2"), encode(failed))
    await store(jetstream_site, subjects.final("r3"), b"{}")

    status, said = await approve(keys, server_url, "r3", "r2", "none", "r1", "--decline", "--note", "moved")
    unsigned = await beside("approve", "r1", "--server", server_url)
    misspelt = await approve(keys, server_url, "r.1")

    assert status == 1
    assert "r2 has no portfolio to approve, since more was asked of the system than it can answer in time" in said
    assert "the server has no request none, and there is no file of that name: name a request" in said
    assert "the final event of r3 cannot be read" in said
    assert "r1: declined" in said
    (stored,) = await jetstream_site.bus.record([subjects.ALL_APPROVALS])
    assert isinstance(parse_approval(stored.data), PortfolioDeclined)
    assert (unsigned[0], "give --nkey-seed, such as secure/adviser.nk" in unsigned[2]) == (2, True)
    assert (misspelt[0], "'r.1' is no request id" in misspelt[1]) == (2, True)


async def test_nothing_is_exported_that_no_adviser_approved(
    jetstream_site: Site, server_url: str, keys: System, event: MasterPortfolioOptimized, tmp_path: Path
) -> None:
    finals = {
        name: encode(event.model_copy(update={"request_id": name, "customer_id": f"c-{name}"}))
        for name in ("yes", "no", "open", "strange", "changed")
    }
    for name, final in finals.items():
        await store(jetstream_site, subjects.final(name), final)
    await approve(keys, server_url, "yes", "changed")
    await approve(keys, server_url, "no", "--decline", "--note", "has moved")
    await approve(keys, server_url, "strange", role="requester")
    finals["changed"] = finals["changed"].replace(b'"c-changed"', b'"c-other"')
    events, decided, bare = (tmp_path / name for name in ("events.jsonl", "approvals.jsonl", "none.jsonl"))
    failed = encode(MasterPortfolioFailed(request_id="failed", reason=Reason.OVERLOADED, message="too much"))
    lines = [*finals.values(), failed, b'{"what": "no event"}']
    events.write_bytes(b"".join(one + b"\n" for one in lines))
    bare.touch()
    status, out, _ = await beside("approvals", "-o", str(decided), "--server", server_url)
    assert (status, out) == (0, f"the decisions (4) are in {decided}\n")

    advisers = ("--require-approval", str(keys.keys.folder))
    status, out, errors = here("orders", "export", str(events), *advisers, "--approvals", str(decided))
    empty = here("orders", "export", str(events), *advisers, "--approvals", str(bare))
    unlisted = here("orders", "export", str(events), *advisers)
    events.write_bytes(b"".join(one + b"\n" for one in finals.values()))
    without = here("orders", "export", str(events))

    sales = [one for one in event.trading.orders if one.side is Side.SELL] if event.trading else []
    orders = [order_id(event, order).partition(".")[2] for order in sales]
    assert [row.partition(",")[0] for row in out.splitlines()[1:]] == [f"yes.{order}" for order in orders]
    assert status == 0
    signed = f"signed by {keys.signer('requester', APPROVAL).key}"
    # An event without orders needs no approval, and a line that is no event is not passed over in silence.
    assert [row for row in errors.splitlines() if " of " in row and "these" not in row and "wait" not in row] == [
        "no of c-no: declined: has moved",
        "open of c-open: no adviser has decided",
        f"strange of c-strange: the decision on line 4 does not count: {signed}, which is no adviser's key given",
        "changed of c-other: the decision is about another final event",
        "None of None: no adviser has decided",
    ]
    assert all(mend in errors for mend in MENDS)
    assert len(empty[1].splitlines()) == 1
    assert (unlisted[0], "podfolio approvals -o FILE" in " ".join(unlisted[2].split())) == (2, True)
    assert len(without[1].splitlines()) == 1 + 5 * len(orders)


async def test_contracts_are_stored_once_however_often_their_file_is_imported(
    jetstream_site: Site, server_url: str, event: MasterPortfolioOptimized, tmp_path: Path
) -> None:
    assert event.trading is not None
    order = event.trading.orders[0]
    ours, units = order_id(event, order), round(order.units)
    assert units > 2
    fills, book, events = (tmp_path / name for name in ("fills.csv", "book.jsonl", "events.jsonl"))
    # Two equal contracts of one order, told apart by the broker's numbers, and a rejection on the next import.
    rows = [f"{ours},2025-11-10,1,10.00,9.5,a", f"{ours},2025-11-10,1,10.0,9.50,b", f"{ours},2025-11-10,0,0,0,"]
    events.write_bytes(encode(event) + b"\n")
    book.write_bytes(data("another") + b"\n")

    async def publish(*told: str) -> str:
        fills.write_text("\n".join(["order_id,day,units,price_aud,brokerage_aud,fill_id", *told]), encoding="utf-8")
        arguments = (str(fills), "--book", str(book), "--events", str(events), "-o", str(tmp_path / "next.jsonl"))
        status, out, errors = await beside("fills", "import", *arguments, "--publish", "--server", server_url)
        assert status == 0, errors
        return out.splitlines()[-1]

    said = [await publish(*rows[:2]), await publish(*rows[:2]), await publish(*rows)]

    assert said == [
        "contracts stored: 2, stored before: 0",
        "contracts stored: 0, stored before: 2",
        "contracts stored: 1, stored before: 2",
    ]
    stored = await jetstream_site.bus.record([subjects.fill("r1", "*")])
    bodies = [OrderFilled.model_validate_json(message.data) for message in stored]
    assert [(body.units, body.price_aud, body.brokerage_aud) for body in bodies] == [
        (1, 10, 9.5),
        (1, 10, 9.5),
        (0, 0, 0),
    ]
    assert {(body.request_id, body.order_id, body.customer_id, body.ordered_units) for body in bodies} == {
        ("r1", ours, "c-1", units)
    }
    verb = "sold" if order.side.value == "sell" else "bought"
    assert f"1 of {units} {order.ticker} {verb} at 10.0 AUD on 2025-11-10 for c-1" in line(stored[0]).plain


async def test_a_stop_is_set_told_and_lifted_by_its_number(jetstream_site: Site, server_url: str) -> None:
    async def podfolio(*arguments: str) -> tuple[int, str]:
        status, out, errors = await beside(*arguments, "--server", server_url)
        return status, out + errors

    nothing = await podfolio("resume")
    first = await podfolio("stop", "--why", "the prices of VAS are wrong")
    second = await podfolio("stop", "--why", "a fault")
    which = await podfolio("resume")
    wrong = await podfolio("resume", "7")
    lifted = await podfolio("resume", "1", "--why", "mended")
    rest = await podfolio("resume")
    third = await podfolio("stop", "--why", "again")

    assert (nothing[0], "no stop is in force" in nothing[1]) == (1, True)
    assert first == (0, "new advice is stopped (stop 1); podfolio resume 1 lifts the stop\n")
    assert second == (0, "new advice is stopped (stop 2); podfolio resume 2 lifts the stop\n")
    assert (which[0], "2 stops are in force: name the number of the one to lift" in which[1]) == (1, True)
    assert (wrong[0], "stop 7 is not in force: name one of 1, 2" in wrong[1]) == (1, True)
    assert lifted[1].startswith("stop 1 is lifted\nnew advice is still stopped since ")
    assert rest == (0, "stop 2 is lifted\n")
    assert third[1].startswith("new advice is stopped (stop 3)")
    assert [message.subject for message in await jetstream_site.bus.stops()] == [subjects.stop("3")]
