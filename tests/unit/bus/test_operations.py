"""The tables of docs/operations.md say what there is."""

from __future__ import annotations

import re

from prometheus_client import REGISTRY
from prometheus_client.metrics import MetricWrapperBase
from support.requests_made import ROOT

from bus.observability import metrics

OPERATIONS = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")


def registered() -> set[tuple[str, str, tuple[str, ...], str]]:
    """Give name, type, labels and description of each of our metrics, as it is scraped."""
    suffix = {"counter": "_total", "info": "_info"}
    return {
        (
            family.name + suffix.get(family.type, ""),
            family.type,
            ("service", "version") if family.type == "info" else metric._labelnames,  # noqa: SLF001 - there is no other way
            family.documentation,
        )
        for metric in vars(metrics).values()
        if isinstance(metric, MetricWrapperBase)
        for family in metric.describe()
    }


def documented() -> set[tuple[str, str, tuple[str, ...], str]]:
    rows = re.findall(r"^\| `(podfolio_\w+)` \| (\w+) \| (.*?) \| (.*?) \|$", OPERATIONS, re.MULTILINE)
    return {(name, kind, tuple(re.findall(r"\w+", labels)), text) for name, kind, labels, text in rows}


def test_each_metric_is_in_the_table_as_it_is() -> None:
    assert documented() == registered()


def test_names_and_units_follow_the_conventions() -> None:
    for name, kind, labels, _ in registered():
        assert name.startswith("podfolio_")
        assert (name.endswith("_total")) == (kind == "counter")
        assert name.endswith(("_seconds", "_ratio")) == (kind == "histogram")
        assert not set(labels) & {"request_id", "customer_id", "id"}


def test_the_process_itself_is_measured_too() -> None:
    assert "process_resident_memory_bytes" in {family.name for family in REGISTRY.collect()}
