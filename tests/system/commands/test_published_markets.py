"""Markets of one's own on a real server: published once, fetched by processes that have never seen their files."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from support.commands import beside
from support.histories import history, walk
from support.processes import NOT_THOSE, TWO, podfolio
from support.requests_made import data

from bus.language.messages import MasterPortfolioFailed, MasterPortfolioOptimized, Reason, encode
from cli.trust.verify import Verdict, conclude, describe, examine
from portfolio.check import findings
from portfolio.market import snapshot as markets
from portfolio.market.folders import VARIABLE
from portfolio.market.history.build import build as build_market
from portfolio.market.history.facts import Knowledge
from portfolio.market.history.sample import Period
from portfolio.market.history.snapshot import keep

if TYPE_CHECKING:
    from pathlib import Path

    from support.processes import Site

UNIVERSE = (
    "BILL", "VAF", "VAS", "VHY", "VGS", "GOLD", "VGB", "VAP", "NDQ", "EINC", "VTS", "TECH", "ROBO", "SEMI", "ASIA"
)  # fmt: skip


def build(folder: Path, market_id: str, seed: int = 1) -> Path:
    """Make a market of a random history; returns its folder."""
    prices = history(walk(seed, n=len(UNIVERSE)), UNIVERSE)
    keep(
        folder / market_id,
        build_market(prices, Knowledge(return_is="fund", like="asx-outlook-2025-12"), Period.WEEK).files,
    )
    return folder / market_id


async def test_a_published_market_is_fetched_by_all_and_its_portfolio_verified_offline(
    shared: Site, tmp_path: Path
) -> None:
    site = shared
    made = build(tmp_path / "here", "house-1")
    where = ("--server", site.url)
    await site.publish(data("before", market="house-1"), "before")
    before = await site.final("before")

    published = await podfolio("market", "publish", "house-1", "--markets", str(tmp_path / "here"), *where)
    await site.publish(data("after", market="house-1"), "after")
    event = await site.final("after")

    assert isinstance(before, MasterPortfolioFailed)
    assert before.reason is Reason.UNKNOWN_MARKET
    assert "unknown market house-1: name one of asx-outlook-2025-12" in before.message
    market = markets.read(made)
    assert published[0] == 0
    assert f"house-1 ({market.sha256[:12]}) published" in published[1]
    assert isinstance(event, MasterPortfolioOptimized)
    assert (event.market.id, event.market.sha256) == ("house-1", market.sha256)
    assert findings(json.loads(encode(event)), market) == []

    file = tmp_path / "event.json"
    file.write_bytes(encode(event))
    fetched = await beside("market", "fetch", "house-1", "--markets", str(tmp_path / "there"), *where)
    assert fetched[0] == 0
    assert markets.read(tmp_path / "there" / "house-1").sha256 == market.sha256
    verified = await beside("verify", str(file), "--market", str(tmp_path / "there" / "house-1"))
    assert verified[0] == 3, "nobody has signed it"
    assert "rules and figures hold" in verified[1]
    for folder, said in ((None, "unknown market house-1"), (build(tmp_path, "other", seed=2), "another snapshot of")):
        checks = examine(file.read_bytes(), None, folder)
        assert conclude(checks) is Verdict.FAILS
        assert said in describe(checks)


async def test_an_id_is_published_once(site: Site, tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for seed, folder in enumerate((first, second), start=1):
        build(folder, "house-1", seed)
    where = ("--server", site.url)
    none = await beside("market", "list", "--markets", str(first), *where)

    new = await beside("market", "publish", "house-1", "--markets", str(first), *where)
    same = await beside("market", "publish", "house-1", "--markets", str(first), *where)
    other = await beside("market", "publish", "house-1", "--markets", str(second), *where)
    listed = await beside("market", "list", "--markets", str(second), *where)

    sha256 = [markets.read(folder / "house-1").sha256 for folder in (first, second)]
    assert [new[0], same[0], other[0]] == [0, 0, 1]
    assert "was published before" in same[1]
    assert "another market is published as house-1, and stays: an id is published once" in other[2]
    assert "No market is published" in none[1]
    # The folder's, and the server's.
    local, _, published = listed[1].partition("Published on")
    assert "house-1" in local
    assert "house-1" in published
    assert sha256[1][:12] in local
    assert sha256[0][:12] in published
    assert await site.bus.published_markets() == {"house-1": sha256[0]}


async def test_what_cannot_be_published_or_fetched_is_said(site: Site, tmp_path: Path) -> None:
    where = ("--markets", str(tmp_path), "--server", site.url)

    for arguments, said in (
        (("publish", "house-1"), "there is no market house-1"),
        (("publish", "asx-outlook-2025-12"), "is bundled and cannot be replaced"),
        (("fetch", "house-1"), "no market house-1 is published"),
        (("fetch", "../x"), "a market's id is of a-z 0-9 and -"),
    ):
        status, _, errors = await beside("market", *arguments, *where)
        assert status == 1, arguments
        assert said in errors, arguments


async def test_processes_with_different_markets_of_one_id_end_in_a_clear_failure(site: Site, tmp_path: Path) -> None:
    folders = [tmp_path / "one", tmp_path / "two"]
    for seed, folder in enumerate(folders, start=1):
        build(folder, "house-1", seed)
    await site.start_all(but=(*NOT_THOSE, "gamma"), **{VARIABLE: str(folders[0])})
    other = await site.start("agents", "gamma", **{VARIABLE: str(folders[1])})

    await site.publish(data("r1", market="house-1", pod_weights=TWO), "r1")
    event = await site.final("r1")
    await site.end(other)
    await site.start("agents", "gamma", **{VARIABLE: str(folders[0])})
    await site.publish(data("r2", market="house-1", pod_weights=TWO), "r2")
    agreed = await site.final("r2")

    # A folder is enough, without publishing, if all have the same.
    assert isinstance(agreed, MasterPortfolioOptimized)
    assert agreed.market.sha256 == markets.read(folders[0] / "house-1").sha256
    assert isinstance(event, MasterPortfolioFailed)
    assert event.reason is Reason.MARKETS_DIFFER
    assert "different snapshots of market house-1" in event.message
