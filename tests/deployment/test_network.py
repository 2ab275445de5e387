"""The network policies let through what is needed, and nothing else; judged as Kubernetes does."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from agents import mandate_files
from bus.topology.roles import CHALLENGER, COORDINATOR, agent_role

if TYPE_CHECKING:
    from rendered import Rendered

HERE = "podfolio"
PORTS = (53, 80, 443, 4222, 6222, 8080, 8222, 9090)
REPLICAS = (*(agent_role(pod) for pod in mandate_files.bundled()), COORDINATOR, CHALLENGER)


@dataclass(frozen=True)
class Pod:
    """A pod as policies see it.

    Attributes:
        name: For the test's own words.
        labels: Its own.
        namespace: The labels of its namespace.
    """

    name: str
    labels: tuple[tuple[str, str], ...]
    namespace: tuple[tuple[str, str], ...]

    @property
    def here(self) -> bool:
        """Whether our policies are about it."""
        return ("kubernetes.io/metadata.name", HERE) in self.namespace


def elsewhere(namespace: str, **labels: str) -> Pod:
    extra = tuple((name.replace("__", "/"), value) for name, value in labels.items())
    return Pod(namespace, (), (("kubernetes.io/metadata.name", namespace), *extra))


def matches(selector: dict[str, Any], labels: tuple[tuple[str, str], ...]) -> bool:
    assert not set(selector) - {"matchLabels"}, "this test knows no other selectors"
    return selector.get("matchLabels", {}).items() <= set(labels)


def is_peer(peer: dict[str, Any], pod: Pod) -> bool:
    assert not set(peer) - {"podSelector", "namespaceSelector"}, "this test knows no other peers"
    in_namespace = matches(peer["namespaceSelector"], pod.namespace) if "namespaceSelector" in peer else pod.here
    return in_namespace and matches(peer.get("podSelector", {}), pod.labels)


def permits(policies: list[dict[str, Any]], direction: str, pod: Pod, peer: Pod, port: int) -> bool:
    """Say whether *pod* may be reached (Ingress) by, or reach (Egress), *peer* on *port* by TCP."""
    specs = [policy["spec"] for policy in policies]
    about = [s for s in specs if pod.here and matches(s["podSelector"], pod.labels) and direction in s["policyTypes"]]
    far = {"Ingress": "from", "Egress": "to"}[direction]
    return not about or any(
        any(is_peer(each, peer) for each in rule[far])
        and any(each["port"] == port and each.get("protocol", "TCP") == "TCP" for each in rule["ports"])
        for spec in about
        for rule in spec.get(direction.lower(), [])
    )


def test_only_what_is_needed_gets_through(rendered: Rendered) -> None:
    here = (("kubernetes.io/metadata.name", HERE),)
    ours = [Pod(role, tuple(pod["metadata"]["labels"].items()), here) for role, pod in rendered.pods().items()]
    others = [
        *(elsewhere(name) for name in ("kube-system", "keda", "monitoring", "strangers")),
        elsewhere("requesters", podfolio__talks_to_nats="no"),
        Pod("invited", (), (("kubernetes.io/metadata.name", "invited"), ("podfolio/talks-to-nats", "yes"))),
    ]
    policies = list(rendered.of("NetworkPolicy").values())
    passing = {
        (source.name, target.name, port)
        for source, target in itertools.product([*ours, *others], repeat=2)
        for port in PORTS
        if source.here or target.here
        if permits(policies, "Egress", source, target, port) and permits(policies, "Ingress", target, source, port)
    }

    everybody = {*REPLICAS, "setup", "nats"}
    assert passing == {
        *((name, "kube-system", 53) for name in everybody),
        *((name, "nats", 4222) for name in (*REPLICAS, "setup", "invited")),
        ("nats", "nats", 6222),
        ("keda", "nats", 8222),
        *(("monitoring", name, 8080) for name in REPLICAS),
    }
    assert {pod.name for pod in ours} == everybody
