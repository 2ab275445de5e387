"""Where a request's time goes: OpenTelemetry spans, and the W3C trace context that messages carry in their headers.

Who sends a request with a ``traceparent`` finds it in all that follows from it. Spans of our own are made only where
the standard's variables name a place to send them to (``exporting``); without, a context is passed on as it came.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

import structlog
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, SpanKind, get_current_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from opentelemetry.trace import SpanContext

    from bus.service import Service

# Not the configurable one: what else than these two headers goes into a message that stays is ours to decide.
_PROPAGATOR = TraceContextTextMapPropagator()

_log = structlog.get_logger()


@contextmanager
def span(name: str, *caused_by: Mapping[str, str], kind: SpanKind = SpanKind.INTERNAL, **facts: str) -> Iterator[None]:
    """Measure the block as part of a request.

    Args:
        name: What it does; few different ones.
        caused_by: Headers of the messages that led to it. The first that has a trace context is its parent, the
            others are linked; without any, it belongs to the block around it.
        kind: Whether it takes a message or sends one.
        facts: What to tell with it, under ``podfolio.<key>``.
    """
    causes = [told for headers in caused_by if (told := _told(headers)).is_valid]
    opened = trace.get_tracer("podfolio").start_span(
        name,
        context=trace.set_span_in_context(trace.NonRecordingSpan(causes[0]), Context()) if causes else None,
        kind=kind,
        attributes={f"podfolio.{key}": value for key, value in facts.items()},
        links=[Link(cause) for cause in causes[1:]],
    )
    with trace.use_span(opened, end_on_exit=True):
        yield


def passed_on() -> dict[str, str]:
    """Write the current trace context as headers; none if there is none."""
    headers: dict[str, str] = {}
    _PROPAGATOR.inject(headers)
    return headers


def _told(headers: Mapping[str, str]) -> SpanContext:
    """Read a trace context; an invalid one if there is none, or not one as the standard has it."""
    # Names of such headers are written as people like.
    told = _PROPAGATOR.extract({name.lower(): value for name, value in headers.items()}, context=Context())
    return get_current_span(told).get_span_context()


@contextmanager
def exporting(service: Service) -> Iterator[None]:
    """Send spans where the ``OTEL_`` variables say while the block lasts; if they say nothing, load nothing."""
    if not _wanted():
        yield
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        _log.warning("tracing.off", why=str(error), remedy="pip install podfolio[otel]")
        yield
        return
    facts = {"service.name": service.name, "service.version": service.version, "service.instance.id": service.id}
    if os.environ.get("OTEL_SERVICE_NAME"):
        del facts["service.name"]
    provider = TracerProvider(resource=Resource.create(facts))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    try:
        yield
    finally:
        provider.shutdown()


def _wanted() -> bool:
    """Whether the standard's variables ask for spans; unlike by the standard, not if they say nothing at all."""
    told = os.environ.get
    named = told("OTEL_EXPORTER_OTLP_ENDPOINT") or told("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
    exporter = told("OTEL_TRACES_EXPORTER") or ("otlp" if named else "none")
    if exporter not in {"otlp", "none"}:
        _log.warning("tracing.off", why=f"OTEL_TRACES_EXPORTER is {exporter}", remedy="otlp or none")
    return exporter == "otlp" and told("OTEL_SDK_DISABLED", "").lower() != "true"
