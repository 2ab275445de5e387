"""Tracing: OpenTelemetry spans, and the W3C trace context in the headers of messages.

A client that sends a request with a ``traceparent`` finds this trace in every later message of the request. Processes
record their own spans only if the standard's variables name a destination (``exporting``); otherwise they pass a
context on unchanged.
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
    from collections.abc import Iterable, Iterator, Mapping

    from opentelemetry.trace import SpanContext

    from bus.observability.service import Service

# Not the configurable propagator: this module decides which further headers go into a stored message.
_PROPAGATOR = TraceContextTextMapPropagator()

_log = structlog.get_logger()


@contextmanager
def span(name: str, *caused_by: Mapping[str, str], kind: SpanKind = SpanKind.INTERNAL, **facts: str) -> Iterator[None]:
    """Measure the block as part of a request.

    Args:
        name: The span's name; use few different names.
        caused_by: Headers of the causing messages. The first context becomes the span's parent and the others become
            links; without any context, the span belongs to the current span.
        kind: Whether the block takes a message or sends one.
        facts: The span's attributes, under ``podfolio.<key>``.
    """
    if _is_untraced(caused_by):
        yield
        return
    causes = [context for headers in caused_by if (context := _span_context(headers)).is_valid]
    opened = trace.get_tracer("podfolio").start_span(
        name,
        context=trace.set_span_in_context(trace.NonRecordingSpan(causes[0]), Context()) if causes else None,
        kind=kind,
        attributes={f"podfolio.{key}": value for key, value in facts.items()},
        links=[Link(cause) for cause in causes[1:]],
    )
    with trace.use_span(opened, end_on_exit=True):
        yield


def _is_untraced(caused_by: Iterable[Mapping[str, str]]) -> bool:
    """Return whether a span would be recorded nowhere, and nobody sent a context to pass on: most often so."""
    if not isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
        return False
    if get_current_span().get_span_context().is_valid:
        return False
    return not any(name.lower() in _PROPAGATOR.fields for headers in caused_by for name in headers)


def passed_on() -> dict[str, str]:
    """Write the current trace context as headers; no headers if there is no context."""
    headers: dict[str, str] = {}
    _PROPAGATOR.inject(headers)
    return headers


def _span_context(headers: Mapping[str, str]) -> SpanContext:
    """Read a trace context; an invalid context if the headers hold none, or a malformed one."""
    # Senders write the names of these headers in any case.
    context = _PROPAGATOR.extract({name.lower(): value for name, value in headers.items()}, context=Context())
    return get_current_span(context).get_span_context()


@contextmanager
def exporting(service: Service) -> Iterator[None]:
    """Export spans where the ``OTEL_`` variables say while the block lasts; if they are unset, load no exporter."""
    if not _wanted():
        yield
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        _log.warning("tracing.off", why=str(error), remedy="run `make setup` in the checkout")
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
    """Return whether the standard's variables ask for spans; unlike in the standard, False if they are all unset."""
    setting = os.environ.get
    named = setting("OTEL_EXPORTER_OTLP_ENDPOINT") or setting("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
    exporter = setting("OTEL_TRACES_EXPORTER") or ("otlp" if named else "none")
    if exporter not in {"otlp", "none"}:
        _log.warning("tracing.off", why=f"OTEL_TRACES_EXPORTER is {exporter}", remedy="otlp or none")
    return exporter == "otlp" and setting("OTEL_SDK_DISABLED", "").lower() != "true"
