"""A pod of one's own: its mandate of the examples, its agent a process beside the four."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import TYPE_CHECKING

from support.commands import beside
from support.processes import podfolio
from support.requests_made import OUTLOOK, ROOT

from bus.language.messages import MasterPortfolioOptimized, encode, parse_final
from portfolio.check import findings
from portfolio.market import snapshot as markets

if TYPE_CHECKING:
    from pathlib import Path

    from support.processes import Site

MANDATE, REQUEST = ROOT / "examples" / "fifth-pod" / "epsilon.toml", ROOT / "examples" / "fifth-pod" / "five-pods.json"


async def test_five_pods_end_in_one_portfolio(site: Site, tmp_path: Path) -> None:
    file = tmp_path / "final.json"
    status, done, _ = await beside("setup", "--pod", "epsilon", "--server", site.url)
    assert status == 0
    assert "pod-epsilon" in done
    await asyncio.gather(site.start_all(), site.start("agents", str(MANDATE)))

    status, page, _ = await podfolio("request", str(REQUEST), "--server", site.url, "--json", str(file))

    event = parse_final(file.read_bytes())
    assert status == 0
    assert isinstance(event, MasterPortfolioOptimized)
    assert list(event.pods) == ["alpha", "beta", "gamma", "delta", "epsilon"]
    epsilon = event.pods["epsilon"]
    assert epsilon.capital_share == 0.15
    assert set(epsilon.weights) <= set(epsilon.mandate.universe)
    assert sum(epsilon.weights.values()) > 0.149
    # On the outlook, two targets of the bundled mandates are out of reach, and gave way.
    assert {goal.name for goal in event.goals if not goal.met} == {"gamma.sharpe_ratio", "delta.expected_return"}
    assert {goal.name for goal in event.goals} >= {
        "epsilon.volatility",
        "epsilon.grossed_up_yield",
        "epsilon.liquidity",
    }
    assert findings(json.loads(encode(event)), markets.load(OUTLOOK)) == []
    assert "epsilon" in page


async def test_an_agent_with_a_wrong_mandate_ends_at_once_and_says_why(site: Site, tmp_path: Path) -> None:
    file = tmp_path / "epsilon.toml"
    file.write_text(MANDATE.read_text(encoding="utf-8").replace("= 0.03", "= 4"), encoding="utf-8")

    agent = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "agents", str(file), "--server", site.url, stderr=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(60):
        _, errors = await agent.communicate()

    assert agent.returncode == 2
    assert "write 4 % as 0.04" in errors.decode()
