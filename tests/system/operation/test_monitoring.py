"""Alarms and dashboard ask for what real processes tell, and a real Prometheus reads, evaluates and finds all of it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import shutil
import signal
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import yaml
from prometheus_client.parser import text_string_to_metric_families
from support.pages import get
from support.programs import PROMETHEUS, PROMTOOL
from support.requests_made import ROOT, data

from agents import mandate_files
from bus.language.messages import MasterPortfolioOptimized, Reason
from bus.port import Stored
from bus.topology.streams import EVENTS

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import AsyncIterator
    from pathlib import Path

    from support.processes import Site

CONFIGURATION = ROOT / "deploy" / "prometheus"
PATIENCE_S = 240.0
# Prometheus's own.
_ITS_OWN = {"up", "ALERTS"}
_GRAMMAR = {"and", "or", "unless", "on", "ignoring", "bool", "offset", "group_left", "group_right", "e"}


def alerts() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load((CONFIGURATION / "alerts.yml").read_text(encoding="utf-8"))["groups"]
    rules: list[dict[str, Any]] = group["rules"]
    return rules


def dashboard() -> dict[str, str]:
    """Give the dashboard's questions by panel, with Grafana's variables filled in."""
    made = json.loads((ROOT / "deploy" / "grafana" / "podfolio.json").read_text(encoding="utf-8"))
    return {
        f"{panel['title']} {target['refId']}": target["expr"].replace("$__rate_interval", "1m")
        for panel in made["panels"]
        for target in panel.get("targets", [])
    }


def expressions() -> dict[str, str]:
    return {**{rule["alert"]: rule["expr"] for rule in alerts()}, **dashboard()}


def metrics_in(expression: str) -> set[str]:
    """Find what an expression asks for: names that are no label, function or word of the language."""
    bare = re.sub(r'\{[^}]*\}|\[[^\]]*\]|"[^"]*"', " ", expression)
    bare = re.sub(r"\b(by|without|on|ignoring)\s*\([^)]*\)", " ", bare)
    return set(re.findall(r"\b[a-zA-Z_:][\w:]*\b(?!\s*\()", bare)) - _GRAMMAR - {"by", "without"}


def labels_in(expression: str) -> set[tuple[str, str]]:
    """Find the labels that an expression compares, and with what."""
    return {
        (label, value)
        for compared in re.findall(r"\{([^}]*)\}", expression)
        for label, values in re.findall(r'(\w+)\s*!?=~?\s*"([^"]*)"', compared)
        for value in values.split("|")
    }


async def check(*command: str) -> None:
    process = await asyncio.create_subprocess_exec(
        PROMTOOL.path(), *command, cwd=CONFIGURATION, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    async with asyncio.timeout(PATIENCE_S):
        said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()


async def test_promtool_takes_the_configuration_and_the_alerts_do_what_they_say() -> None:
    await check("check", "config", "prometheus.yml")
    await check("check", "rules", "alerts.yml")
    await check("test", "rules", "alerts_test.yml")


def test_each_alert_is_tested() -> None:
    tests = (CONFIGURATION / "alerts_test.yml").read_text(encoding="utf-8")

    assert [rule["alert"] for rule in alerts() if rule["alert"] not in tests] == []


def test_each_alert_is_explained() -> None:
    operations = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    anchors = {heading.lower() for heading in re.findall(r"^#+ (\w+)$", operations, re.MULTILINE)}
    for rule in alerts():
        document, _, anchor = rule["annotations"]["runbook_url"].partition("#")
        assert document == "docs/operations.md"
        assert anchor == rule["alert"].lower()
        assert anchor in anchors, f"docs/operations.md does not say what to do about {rule['alert']}"
    assert {name for name in anchors if name.startswith("podfolio")} == {rule["alert"].lower() for rule in alerts()}


def test_prometheus_looks_for_the_services_of_docker_compose() -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    replicas = {
        name: each for name, each in compose["services"].items() if "PODFOLIO_HTTP_PORT" in each.get("environment", {})
    }
    configured = yaml.safe_load((CONFIGURATION / "prometheus.yml").read_text(encoding="utf-8"))
    ((found,),) = [job["dns_sd_configs"] for job in configured["scrape_configs"]]

    assert set(found["names"]) == set(replicas) == {*mandate_files.bundled(), "coordinator", "challenger", "reviewer"}
    for name in found["names"]:
        told = replicas[name]["environment"]
        assert (told["PODFOLIO_HTTP_HOST"], told["PODFOLIO_HTTP_PORT"]) == ("0.0.0.0", str(found["port"]))  # noqa: S104
    for name in ("prometheus", "grafana"):
        service = compose["services"][name]
        assert service["profiles"] == ["observability"]
        assert re.fullmatch(r"[\w/]+:v?\d+\.\d+\.\d+", service["image"])
        assert all(port.startswith("127.0.0.1:") for port in service["ports"])
        for volume in service["volumes"]:
            if volume.startswith("./"):
                assert (ROOT / volume.partition(":")[0]).exists()


def test_names_are_found_in_expressions() -> None:
    asked = 'sum by (a, le) (rate(x_total{b="c|d", e!="f"}[5m])) / on(a) y unless up == 0'

    assert metrics_in(asked) == {"x_total", "y", "up"}
    assert labels_in(asked) == {("b", "c"), ("b", "d"), ("e", "f")}


@asynccontextmanager
async def prometheus(folder: Path, port: int, targets: list[str]) -> AsyncIterator[str]:
    """Run Prometheus with our rules, on these processes in place of those of docker-compose.yml."""
    configured = yaml.safe_load((CONFIGURATION / "prometheus.yml").read_text(encoding="utf-8"))
    configured["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    (job,) = configured["scrape_configs"]
    del job["dns_sd_configs"]
    job["static_configs"] = [{"targets": targets}]
    (folder / "prometheus.yml").write_text(yaml.safe_dump(configured), encoding="utf-8")
    shutil.copy(CONFIGURATION / "alerts.yml", folder)
    with (folder / "prometheus.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            PROMETHEUS.path(),
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'tsdb'}",
            f"--web.listen-address=127.0.0.1:{port}",
            stderr=log,
        )
    try:
        yield f"http://127.0.0.1:{port}/api/v1"
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


async def answer(api: str, path: str, **query: str) -> dict[str, Any]:
    """Ask Prometheus; nothing while it starts."""
    status, text = await asyncio.to_thread(get, f"{api}/{path}?{urlencode(query)}")
    if status in {0, HTTPStatus.SERVICE_UNAVAILABLE}:
        return {}
    assert status == HTTPStatus.OK, text
    told: dict[str, Any] = json.loads(text)["data"]
    return told


async def evaluated(api: str) -> bool:
    """Whether every rule was evaluated, without an error."""
    states = [rule["health"] for group in (await answer(api, "rules"))["groups"] for rule in group["rules"]]
    assert "err" not in states
    return set(states) == {"ok"}


async def fill_the_stream(site: Site, agent: Process) -> None:
    """Have *agent* meet a stream without room, so that it tells of a failure, and then a request its portfolio."""
    config = (await site.bus.ask_api(f"STREAM.INFO.{EVENTS}"))["config"]
    agent.send_signal(signal.SIGSTOP)
    await site.publish(data("r1", deadline_s=300), "r1")
    await site.bus.ask_api(f"STREAM.UPDATE.{EVENTS}", {**config, "max_bytes": 1})
    agent.send_signal(signal.SIGCONT)
    async with asyncio.timeout(PATIENCE_S):
        while "FullError" not in (await site.page(agent, "/metrics"))[1]:  # noqa: ASYNC110 - it does not tell
            await asyncio.sleep(0.02)
    await site.bus.ask_api(f"STREAM.UPDATE.{EVENTS}", config)
    assert isinstance(await site.final("r1", patience_s=PATIENCE_S), MasterPortfolioOptimized)


async def told_by(site: Site, *running: Process) -> tuple[set[str], set[tuple[str, str]]]:
    """Read the names and the labels of all that processes tell."""
    names, labels = set[str](), set[tuple[str, str]]()
    for process in running:
        for family in text_string_to_metric_families((await site.page(process, "/metrics"))[1]):
            for sample in family.samples:
                names.add(sample.name)
                labels.update(sample.labels.items())
    return names, labels


async def test_what_is_asked_for_is_told_by_real_processes(site: Site, tmp_path: Path, unused_tcp_port: int) -> None:
    running = await site.start_all()
    await fill_the_stream(site, running["alpha"])
    names, labels = await told_by(site, *running.values())
    # Prometheus's own.
    labels |= {("job", "podfolio")}
    targets = [site.address(process) for process in running.values()]
    async with prometheus(tmp_path, unused_tcp_port, targets) as api, asyncio.timeout(PATIENCE_S):
        while len((await answer(api, "query", query="up == 1")).get("result", [])) < len(targets):  # noqa: ASYNC110
            await asyncio.sleep(0.1)
        results = {name: await answer(api, "query", query=asked) for name, asked in expressions().items()}
        while not await evaluated(api):  # noqa: ASYNC110 - it does not tell
            await asyncio.sleep(0.1)
        replicas = await answer(api, "query", query=dashboard()["Replicas A"])

    for name, asked in expressions().items():
        assert metrics_in(asked) <= names | _ITS_OWN, name
        assert labels_in(asked) <= labels, name
    assert len(results) == len(expressions())
    assert {each["metric"]["service"]: each["value"][1] for each in replicas["result"]} == {
        **{f"podfolio-pod-{pod}": "1" for pod in mandate_files.bundled()},
        "podfolio-coordinator": "1",
    }


def test_outcomes_are_those_that_there_are() -> None:
    known = {"optimised", *Reason}
    asked = {value for each in expressions().values() for label, value in labels_in(each) if label == "outcome"}

    assert asked <= known
    assert Stored.NEW.value == "new"
