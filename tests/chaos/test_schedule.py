"""The same seed does the same to the same at the same time."""

from __future__ import annotations

import pytest

from chaos.schedule import SERVER_KINDS, Kind, named, plan

LONG = {"seconds": 900.0, "faults": 500}


def test_the_same_seed_gives_the_same_faults() -> None:
    assert plan(7, **LONG) == plan(7, **LONG)
    # By heart, so that it stays the same from one version of Python, or of this, to the next.
    assert [(fault.at_s, fault.kind, fault.target) for fault in plan(1, seconds=60, faults=30)[:3]] == [
        (7.343, Kind.LONG_REQUEST, "300 parcels"),
        (8.087, Kind.RAW_CONTENT, "n3"),
        (8.694, Kind.LINE_THIN, "n3"),
    ]


def test_another_seed_gives_others() -> None:
    assert plan(7, **LONG) != plan(8, **LONG)


@pytest.mark.parametrize("seed", range(5))
def test_a_long_run_has_as_many_as_asked_for_and_every_kind(seed: int) -> None:
    faults = plan(seed, **LONG)

    assert len(faults) == 500
    assert {fault.kind for fault in faults} == set(Kind)
    assert [fault.at_s for fault in faults] == sorted(fault.at_s for fault in faults)
    assert all(90 <= fault.at_s <= 820 for fault in faults)


@pytest.mark.parametrize("seed", range(5))
def test_servers_fail_one_after_the_other_with_time_to_recover(seed: int) -> None:
    servers = [fault for fault in plan(seed, **LONG) if fault.kind in SERVER_KINDS]
    ends_and_begins = zip([fault.at_s + fault.lasts_s for fault in servers], servers[1:], strict=False)

    assert len(servers) == 36
    # One in 180 s, of all servers at once.
    assert len([fault for fault in servers if fault.target == "all"]) == 5
    assert {fault.kind for fault in servers if fault.target == "all"} == {Kind.OUTAGE, Kind.POWER_CUT}
    assert all(end < following.at_s for end, following in ends_and_begins)


@pytest.mark.parametrize("seed", range(5))
def test_what_is_frozen_is_frozen_longer_than_the_ack_wait(seed: int) -> None:
    frozen = [fault for fault in plan(seed, **LONG) if fault.kind.value.endswith("frozen")]

    assert len(frozen) > 30
    assert all(fault.lasts_s > 5 for fault in frozen)


def test_a_short_run_kills_and_freezes_a_server_too() -> None:
    kinds = {fault.kind for fault in plan(1, seconds=60, faults=30)}

    assert {Kind.SERVER_KILLED, Kind.SERVER_FROZEN} <= kinds
    assert not {Kind.OUTAGE, Kind.POWER_CUT} & kinds


def test_only_the_chosen_kinds_are_drawn_and_a_short_run_may_choose_an_outage() -> None:
    chosen = frozenset({Kind.POWER_CUT, Kind.RAW_CONTENT})

    assert {fault.kind for fault in plan(1, seconds=60, faults=10, nemeses=chosen)} == chosen
    only = plan(1, seconds=60, faults=10, nemeses=frozenset({Kind.POWER_CUT}))
    assert [fault.kind for fault in only] == [Kind.POWER_CUT] * 2, "as many as there is time for"


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("all", set(Kind)),
        ("power-cut, raw-content", {Kind.POWER_CUT, Kind.RAW_CONTENT}),
        ("-disk-full,-power-cut", set(Kind) - {Kind.DISK_FULL, Kind.POWER_CUT}),
        ("all,-disk-full", set(Kind) - {Kind.DISK_FULL}),
    ],
)
def test_kinds_are_chosen_by_name(text: str, kinds: set[Kind]) -> None:
    assert named(text) == kinds


def test_a_kind_that_does_not_exist_is_told_with_those_that_do() -> None:
    with pytest.raises(ValueError, match="no nemesis 'flood': choose from all, agent-killed, "):
        named("flood")
