"""What `kubectl apply -k deploy/kubernetes/example` would apply, rendered by the real tool with real keys."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from support.programs import KUBECTL
from support.requests_made import ROOT

PATIENCE_S = 240.0


@dataclass(frozen=True)
class Rendered:
    """Kubernetes objects, and the keys that were made for them.

    Attributes:
        objects: All of them.
        keys: The folder with the keys.
        base: The objects of the base alone, without keys and without KEDA.
        reviewing: All objects, with the two lines that add a reviewer.
    """

    objects: list[dict[str, Any]]
    keys: Path
    base: list[dict[str, Any]]
    reviewing: list[dict[str, Any]]

    def of(self, kind: str) -> dict[str, dict[str, Any]]:
        """Give the objects of one kind, by name."""
        return {made["metadata"]["name"]: made for made in self.objects if made["kind"] == kind}

    def pods(self) -> dict[str, dict[str, Any]]:
        """Give what pods are made of (metadata and spec), by their role."""
        templates = [o["spec"]["template"] for o in self.objects if "template" in o.get("spec", {})]
        return {template["metadata"]["labels"]["podfolio/role"]: template for template in templates}


def render(folder: Path) -> Rendered:
    """Make keys by the command that the example's head gives, and render."""
    shutil.copytree(ROOT / "deploy", folder / "deploy", ignore=shutil.ignore_patterns("keys"))
    example = folder / "deploy" / "kubernetes" / "example"
    head = (example / "kustomization.yaml").read_text(encoding="utf-8")
    (command,) = re.findall(r"^#   (podfolio keys .*?done\))$", head, re.MULTILINE | re.DOTALL)
    _run(folder, "bash", "-euc", command.replace("\n#", "\n"))
    objects, base = _kustomize(example), _kustomize(example.parent / "base")
    return Rendered(objects, example / "keys", base, _reviewing(example))


def _reviewing(example: Path) -> list[dict[str, Any]]:
    """Render with the lines that the head of ``reviewer`` gives."""
    head = (example.parent / "reviewer" / "kustomization.yaml").read_text(encoding="utf-8")
    resources, secret = re.findall(r"^#   (resources: .*|- \{ name: .*?\})", head, re.MULTILINE)
    file = example / "kustomization.yaml"
    changed = re.sub(r"^resources: .*$", resources, file.read_text(encoding="utf-8"), flags=re.MULTILINE)
    file.write_text(changed.replace("secretGenerator:\n", f"secretGenerator:\n  {secret}\n"), encoding="utf-8")
    return _kustomize(example)


def _kustomize(folder: Path) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(_run(folder, KUBECTL.path(), "kustomize", ".")))


def _run(folder: Path, *command: str) -> str:
    return asyncio.run(run(*command, folder=folder))


async def run(*command: str, folder: Path) -> str:
    """Run a command to its end, ours before others of the same name; returns what it printed."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(PATIENCE_S):
        out, errors = await process.communicate()
    assert process.returncode == 0, f"{' '.join(command)}: {out.decode()}{errors.decode()}"
    return out.decode()
