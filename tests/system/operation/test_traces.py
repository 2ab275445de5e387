"""One trace from a client's request to its final event, through processes that send their spans to a collector."""

from __future__ import annotations

import asyncio
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from support.processes import NOT_THOSE, TWO, said
from support.requests_made import data

from bus.language import subjects

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest
    from support.processes import Site

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
REQUEST = {"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}


@contextmanager
def collector() -> Iterator[tuple[str, list[ExportTraceServiceRequest]]]:
    """Take spans over OTLP; yields where, and what has come."""
    taken: list[ExportTraceServiceRequest] = []

    class Take(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path == "/v1/traces"
            taken.append(ExportTraceServiceRequest.FromString(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Take) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        yield f"http://127.0.0.1:{server.server_port}", taken
        server.shutdown()
        serving.join()


async def ask(site: Site) -> str:
    """Publish a request with a trace of its client's; returns the trace of the final event."""
    asked = data("traced", pod_weights=TWO)
    await site.bus.publish_once(subjects.request("traced"), asked, message_id="m", headers=REQUEST)
    await site.final("traced")
    (final,) = await site.bus.record([subjects.final("traced")])
    return final.headers["traceparent"].split("-")[1]


async def test_processes_that_are_told_a_collector_send_it_one_trace(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    with collector() as (endpoint, taken):
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
        running = await site.start_all(but=NOT_THOSE)
        trace_of_final = await ask(site)
        assert await asyncio.gather(*map(site.end, running.values())) == [0] * len(running)

    sent = [
        ({fact.key: fact.value.string_value for fact in spans.resource.attributes}, span)
        for request in taken
        for spans in request.resource_spans
        for scope in spans.scope_spans
        for span in scope.spans
    ]
    services = {facts["service.name"]: set[str]() for facts, _ in sent}
    for facts, span in sent:
        services[facts["service.name"]].add(span.name)
    assert services == {
        **{f"podfolio-pod-{pod}": {"handle request", "optimise", "publish pod"} for pod in TWO},
        "podfolio-coordinator": {"handle request", "handle pod", "finish", "optimise", "publish final"},
    }
    assert {span.trace_id.hex() for _, span in sent} == {TRACE}
    assert trace_of_final == TRACE
    assert not said(site.folder / "0-agents-beta.log", "tracing.off")


async def test_without_a_collector_the_trace_still_travels(shared: Site) -> None:
    assert await ask(shared) == TRACE


async def test_a_collector_that_is_not_there_stops_no_work(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    running = await site.start_all(but=NOT_THOSE)

    assert await ask(site) == TRACE
    assert await site.end(running["beta"]) == 0
