"""Bytes travel: each process reads a body once, and the process that made a body is the only one that writes it."""

from __future__ import annotations

import asyncio
import importlib
from collections import Counter
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import BaseModel
from support.in_process import PODS
from support.requests_made import REFERENCE
from support.signed import system

from agents import mandate_files
from agents.pod_solver import PodSolver
from agents.worker import Agent
from bus.language.messages import MasterPortfolioOptimized, parse_final, parsing
from bus.process.child import Child, SolverProcess
from bus.transports.memory import MemoryBus
from cli.arguments import read_request
from cli.client.requests import ask
from coordinator import decisions
from coordinator.request_solver import RequestSolver
from coordinator.server_time import ServerTime
from coordinator.shell import Coordinator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pydantic import TypeAdapter

_PROCESS = ContextVar("process", default="client")
# How often each process reads (">") or writes ("<") a body of each class.
Counts = Counter[tuple[str, str]]


@contextmanager
def process(name: str) -> Iterator[None]:
    """Count what follows, and tasks that it creates, for this process."""
    before = _PROCESS.set(name)
    try:
        yield
    finally:
        _PROCESS.reset(before)


@pytest.fixture
def counts(monkeypatch: pytest.MonkeyPatch) -> Counts:
    """Count reads and writes; children answer in this process, under their own names."""
    counted: Counts = Counter()
    read, write = parsing._read, BaseModel.model_dump_json  # noqa: SLF001 - every body is read there

    def reading(adapter: TypeAdapter[Any], data: bytes, *how: Any) -> object:  # noqa: ANN401 - as the parser has it
        body = read(adapter, data, *how)
        counted[_PROCESS.get(), f"> {type(body).__name__}"] += 1
        return body

    def writing(body: BaseModel, **how: Any) -> str:  # noqa: ANN401 - as the library has it
        counted[_PROCESS.get(), f"< {type(body).__name__}"] += 1
        return write(body, **how)

    async def at_once(child: Child, question: bytes, *, seconds: float, on_note: object = None) -> bytes:
        assert seconds > 0
        del on_note
        module, *of = child.command
        with process(f"{' '.join(of) or 'coordinator'}'s child"):
            return _answer(module, of)(question, lambda _: None)

    async def ready(_: Child) -> None:
        """Start nothing."""

    monkeypatch.setattr(parsing, "_read", reading)
    monkeypatch.setattr(BaseModel, "model_dump_json", writing)
    monkeypatch.setattr(Child, "ask", at_once)
    monkeypatch.setattr(Child, "ready", ready)
    decisions._remembered.cache_clear()  # noqa: SLF001 - of requests that other tests have read
    return counted


def _answer(module: str, of: list[str]) -> Callable[[bytes, Callable[[bytes], None]], bytes]:
    found: Any = importlib.import_module(module)
    return partial(found.solve, mandate_files.load(of[0])) if of else found.answer


@pytest.mark.parametrize("signed", [False, True], ids=["unsigned", "signed"])
async def test_each_process_reads_a_body_once_and_writes_only_its_own(
    counts: Counts, tmp_path: Path, *, signed: bool
) -> None:
    keys = system(tmp_path) if signed else None
    bus, stop = MemoryBus(PODS), asyncio.Event()
    async with asyncio.timeout(90), asyncio.TaskGroup() as group:
        for pod in PODS:
            with process(pod):
                solver = PodSolver(SolverProcess(("agents.solve_pod", pod), most_s=20), pod)
                signer = keys.signer(f"pod-{pod}") if keys else None
                group.create_task(Agent(bus, pod, solver.answer, signer=signer).run(stop, at_once=8))
        with process("coordinator"):
            coordinator = Coordinator(
                bus,
                RequestSolver(SolverProcess(("coordinator.solve_request",), most=3)).optimise,
                keys.coordinator if keys else None,
                time=ServerTime(lambda: bus.now().timestamp()),
                pod_keys=keys.pod_keys if keys else None,
            )
            group.create_task(coordinator.run(stop, at_once=8))
        final = await ask(bus, read_request(REFERENCE), show=lambda _: None, say=lambda _: None)
        event, data = parse_final(final.data), final.data
        stop.set()

    assert isinstance(event, MasterPortfolioOptimized)
    assert b'"pod_answers"' in data if signed else b'"pod_answers"' not in data
    expected = {("client", "> OptimizationRequest"): 1, ("client", "< OptimizationRequest"): 1}
    for pod in PODS:
        expected |= {(f"{pod}'s child", "> OptimizationRequest"): 1, (f"{pod}'s child", "< PodResult"): 1}
    for name in ("coordinator", "coordinator's child"):
        expected |= {(name, "> OptimizationRequest"): 1, (name, "> PodResult"): 4}
    expected |= {("coordinator's child", "< MasterPortfolioOptimized"): 1, ("client", "> MasterPortfolioOptimized"): 1}
    assert {
        what: times for what, times in counts.items() if "Progress" not in what[1] and "Signature" not in what[1]
    } == expected
