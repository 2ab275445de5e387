"""One trace from a request to its final event: with the SDK's own exporter, on the bus in memory."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from support.requests_made import data
from test_flow import PATIENCE_S, PODS, final_of, system

from bus.language import subjects
from bus.observability import tracing
from bus.port import COORDINATORS, RefusedError
from bus.process.workers import work_off
from bus.transports.memory import MemoryBus

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from opentelemetry.sdk.trace import ReadableSpan

    from bus.port import Delivery, Message

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
REQUEST = {"traceparent": f"00-{TRACE}-{SPAN}-01", "tracestate": "vendor=1"}
# Of an agent that is not ours, and began a trace of its own.
STRANGER = {"traceparent": "00-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-bbbbbbbbbbbbbbbb-01"}


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: provider)
    yield exporter
    provider.shutdown()


async def ask(bus: MemoryBus, headers: Mapping[str, str]) -> None:
    await bus.publish_once(subjects.request("r1"), data(), message_id="m", headers=headers)


async def results(bus: MemoryBus, count: int) -> tuple[Message, ...]:
    while len(found := await bus.record([subjects.pod_result("r1", "*")])) < count:  # noqa: ASYNC110 - see final_of
        await asyncio.sleep(0.005)
    return found


def trace_of(span: ReadableSpan) -> str:
    assert span.context is not None
    return f"{span.context.trace_id:032x}"


def parent_of(span: ReadableSpan) -> str:
    return f"{span.parent.span_id:016x}" if span.parent else ""


def id_of(span: ReadableSpan) -> str:
    assert span.context is not None
    return f"{span.context.span_id:016x}"


async def test_all_that_follows_from_a_request_is_of_its_trace(spans: InMemorySpanExporter) -> None:
    bus = MemoryBus(PODS)
    async with system(bus):
        await ask(bus, REQUEST)
        await final_of(bus)

    made = spans.get_finished_spans()
    names = sorted(span.name for span in made)
    messages = await bus.record([subjects.ALL])
    handled = ["handle pod"] * 4 + ["handle request"] * 5
    published = ["publish final"] + ["publish pod"] * 4
    assert names == sorted([*handled, *published, "finish", *["optimise"] * 5])
    assert {trace_of(span) for span in made} == {TRACE}
    assert {message.headers["traceparent"].split("-")[1] for message in messages} == {TRACE}
    assert {message.headers["tracestate"] for message in messages} == {"vendor=1"}
    # Each message names the span that sent it.
    senders = {id_of(span) for span in made if span.name.startswith("publish")}
    assert {message.headers["traceparent"].split("-")[2] for message in messages} == {SPAN, *senders}


async def test_the_final_event_follows_the_request_and_is_linked_to_the_results(spans: InMemorySpanExporter) -> None:
    bus = MemoryBus(PODS)
    async with system(bus):
        await ask(bus, REQUEST)
        await final_of(bus)

    made = spans.get_finished_spans()
    (finish,) = [span for span in made if span.name == "finish"]
    (published,) = [span for span in made if span.name == "publish final"]
    results = {id_of(span) for span in made if span.name == "publish pod"}
    assert parent_of(finish) == SPAN
    assert parent_of(published) == id_of(finish)
    assert {f"{link.context.span_id:016x}" for link in finish.links} == results


@pytest.mark.parametrize("recording", ["recording", "not recording"])
@pytest.mark.parametrize("place", ["first", "last"])
async def test_a_result_of_another_trace_does_not_take_the_final_event_with_it(
    recording: str, place: str, request: pytest.FixtureRequest
) -> None:
    if recording == "recording":
        request.getfixturevalue("spans")
    elsewhere, bus = MemoryBus(PODS), MemoryBus(PODS)
    async with system(elsewhere, pods=("delta",)):
        await ask(elsewhere, {})
        (result,) = await results(elsewhere, 1)

    async def answer() -> None:
        await bus.publish_once(result.subject, result.data, message_id="s", headers=STRANGER)

    await ask(bus, REQUEST)
    if place == "first":
        await answer()
    async with system(bus, pods=("alpha", "beta", "gamma")):
        if place == "last":
            await results(bus, 3)
            await answer()
        await final_of(bus)

    (final,) = await bus.record([subjects.final("r1")])
    assert final.headers["traceparent"].split("-")[1] == TRACE


async def test_a_deadline_s_final_event_is_of_the_request_s_trace_without_any_sdk() -> None:
    bus = MemoryBus(PODS)
    async with system(bus, pods=("alpha",)):
        await ask(bus, REQUEST)
        await results(bus, 1)
        bus.advance(60)
        event = await final_of(bus)

    (final,) = await bus.record([subjects.final("r1")])
    assert event.type == "MasterPortfolioFailed"
    assert {name: final.headers[name] for name in REQUEST} == REQUEST


async def test_what_is_given_up_is_answered_in_the_request_s_trace_too() -> None:
    bus, stop = MemoryBus(PODS), asyncio.Event()
    answered: list[Mapping[str, str]] = []

    class Refused:
        async def handle(self, _: Delivery) -> None:
            text = "too large"
            raise RefusedError(text)

        async def give_up(self, *_: object) -> None:
            answered.append(tracing.passed_on())
            stop.set()

    await ask(bus, REQUEST)
    async with asyncio.timeout(PATIENCE_S):
        await work_off(bus, COORDINATORS, Refused(), stop=stop, at_once=1)

    assert answered == [REQUEST]


@pytest.mark.parametrize(
    "headers",
    [
        {"traceparent": "nonsense"},
        {"traceparent": f"00-{'0' * 32}-{SPAN}-01"},
        {"traceparent": f"00-{TRACE}-{SPAN}-01-and-more"},
        {"tracestate": "vendor=1"},
    ],
)
def test_what_is_no_trace_context_is_not_passed_on(headers: Mapping[str, str]) -> None:
    with tracing.span("handle request", headers):
        assert tracing.passed_on() == {}


def test_a_context_is_known_however_its_header_is_written_and_a_state_too_long_is_left_out() -> None:
    with tracing.span("handle request", {"TraceParent": REQUEST["traceparent"], "TRACESTATE": "x=" + "y" * 600}):
        assert tracing.passed_on() == {"traceparent": REQUEST["traceparent"]}
    assert tracing.passed_on() == {}
