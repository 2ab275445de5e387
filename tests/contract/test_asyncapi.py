"""The AsyncAPI document: current, valid by its project's own parser, complete, true, and only added to."""

from __future__ import annotations

import copy
import json
import subprocess
from functools import reduce
from operator import getitem
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from channels import taken_away
from support import npm
from support.depth import some_of
from support.programs import NODE
from support.requests_made import ROOT

from bus.language.messages import BODIES, encode, parse_request
from bus.language.subjects import MessageKind
from bus.topology.channels import CHANNELS
from cli.wire_documents.files import wire_files

HERE = Path(__file__).parent
CHECK = HERE / "asyncapi"
PROMISED = json.loads((HERE / "v1" / "channels.json").read_text(encoding="utf-8"))
GONE = object()
DOCUMENT = json.loads((ROOT / "docs" / "asyncapi.json").read_text(encoding="utf-8"))


def test_what_is_made_from_the_models_is_current() -> None:
    made = {name: text for name, text in wire_files().items() if not name.startswith("schemas/")}

    assert made.keys() == {"asyncapi.json", "wire.md"}
    for name, text in made.items():
        assert (ROOT / "docs" / name).read_text(encoding="utf-8") == text, f"docs/{name}: run `make schemas`"


def broken(how: str) -> dict[str, Any]:
    made = copy.deepcopy(DOCUMENT)
    if how == "no version":
        del made["info"]["version"]
    elif how == "no such channel":
        made["operations"]["final"]["channel"]["$ref"] = "#/channels/finals"
    elif how == "no such type":
        made["components"]["schemas"]["PodResult"]["type"] = "body"
    return made


@pytest.mark.parametrize("faults", some_of([["no such type"], ["no such channel", "no version"]], every=2))
def test_the_project_s_own_parser_finds_nothing_wrong_and_would(tmp_path: Path, faults: list[str]) -> None:
    npm.install(CHECK)
    documents = {"today": DOCUMENT} | {how: broken(how) for how in faults}
    for name, document in documents.items():
        (tmp_path / name).write_text(json.dumps(document), encoding="utf-8")

    command = [NODE.path(), str(CHECK / "validate.js"), *documents]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=300)  # noqa: S603

    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found.pop("today") == []
    assert len(found) == len(documents) - 1
    assert all(found.values()), found


def test_every_body_and_every_public_kind_of_subject_is_in_it() -> None:
    assert set(DOCUMENT["components"]["messages"]) == set(BODIES)
    kinds = {channel.address.split(".")[2] for channel in CHANNELS if channel.stream}
    assert kinds == set(MessageKind) - {MessageKind.TIMER, MessageKind.DUE, MessageKind.OTHER}


@pytest.mark.parametrize("name", sorted(BODIES))
def test_each_example_is_a_message_of_today(name: str) -> None:
    ((example,)) = DOCUMENT["components"]["messages"][name]["examples"]
    said = example["payload"]
    jsonschema.validate(said, BODIES[name].model_json_schema())

    body = BODIES[name].model_validate_json(json.dumps(said))

    if name == "OptimizationRequest":
        assert parse_request(json.dumps(said).encode(), said["request_id"]) == body
    else:
        assert json.loads(encode(body)) == said, "the example lacks what was added: take it from a run of today"


def test_the_channels_have_only_been_added_to() -> None:
    assert list(taken_away(PROMISED, DOCUMENT)) == []


STREAM = "x-jetstream/streams/PODFOLIO"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("channels/progress", GONE),
        ("channels/final/address", "podfolio.v1.answer.{request_id}"),
        ("channels/final/parameters", {"house": {}, "request_id": {}}),
        ("channels/final/messages", {"MasterPortfolioPostponed": {}}),
        ("channels/final/x-jetstream/stream", None),
        ("operations/request/action", "send"),
        ("channels/request/x-roles/publish", ["reviewer"]),
        (f"{STREAM}/max_msgs_per_subject", 2),
        (f"{STREAM}/max_age", 1),
        (f"{STREAM}/deny_purge", False),
    ],
)
def test_what_takes_something_away_from_clients_is_noticed(path: str, value: object) -> None:
    today = copy.deepcopy(DOCUMENT)
    *way, last = path.split("/")
    place = reduce(getitem, way, today)
    if value is GONE:
        del place[last]
    else:
        place[last] = value

    assert len(list(taken_away(PROMISED, today))) == 1


def test_what_gives_clients_more_passes() -> None:
    today = copy.deepcopy(DOCUMENT)
    today["channels"]["market"] = {"address": "podfolio.v1.market.{id}"}
    today["channels"]["final"]["x-roles"]["subscribe"].append("requester")
    today["x-jetstream"]["streams"]["PODFOLIO"]["max_age"] *= 2

    assert list(taken_away(PROMISED, today)) == []
