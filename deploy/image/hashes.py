"""Write, or check, which files the image may install: ``python deploy/image/hashes.py [--check]``.

Names and versions are those of ``constraints.txt``; the hashes are those of the wheels (of a source, where there is no
wheel) for Linux on x86_64 and aarch64 and the image's Python. No address of a registry is written: whichever serves the
files, they are these. ``--check`` asks nobody.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import tomllib
from importlib.metadata import requires
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
# The image's, as in the Dockerfile.
PYTHON = "3.11"
MACHINES = ("x86_64", "aarch64")
# Builds packages that have no wheel, and our own package; constraints.txt has no version, since pip does not freeze it.
_BUILD = {"setuptools": "84.2.1"}
# Wheels that the C library of the image's Debian can load.
_LIBCS = (5, 12, 17, 24, 26, 27, 28, 31, 34, 35)
_IMAGE = {
    "python_version": PYTHON,
    "python_full_version": f"{PYTHON}.0",
    "sys_platform": "linux",
    "platform_system": "Linux",
    "os_name": "posix",
    "implementation_name": "cpython",
    "platform_python_implementation": "CPython",
}
_LINE = re.compile(r"([A-Za-z0-9._-]+)==([^\s\\]+)((?: \\\n    --hash=sha256:[0-9a-f]{64})+)\n")


def main() -> int:
    """Write the files, or report their faults."""
    needed = closures()
    if "--check" in sys.argv[1:]:
        wrong = [fault for name, packages in needed.items() for fault in faults(HERE / f"{name}.txt", packages)]
        sys.stdout.write("\n".join(wrong) or "the hashes of the image's packages go with constraints.txt")
        sys.stdout.write("\n")
        return bool(wrong)
    for name, packages in needed.items():
        (HERE / f"{name}.txt").write_text(written(hashed(packages)), encoding="utf-8")
    return 0


def closures() -> dict[str, dict[str, str]]:
    """Return the packages that each stage of the image installs, with versions; each stage without those before it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    extras = project["project"]["optional-dependencies"]
    replica = closure([*project["project"]["dependencies"], *extras["otel"]])
    people = closure(name for extra in ("report", "dashboard", "markets", "book") for name in extras[extra])
    pinned = pins()
    return {
        "build": _BUILD,
        "replica": {name: pinned[name] for name in sorted(replica)},
        "people": {name: pinned[name] for name in sorted(people - replica)},
    }


def pins() -> dict[str, str]:
    """Read constraints.txt: versions by canonical name."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").split()
    return {canonicalize_name(name): version for name, _, version in (line.partition("==") for line in lines)}


def closure(named: Iterable[str]) -> set[str]:
    """Follow the requirements of the installed packages, on the image's Python and Linux."""
    waiting = [Requirement(text) for text in named]
    seen: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        asked = waiting.pop()
        name, extras = canonicalize_name(asked.name), frozenset(asked.extras)
        if name == "podfolio" or (name, extras) in seen:
            continue
        seen.add((name, extras))
        waiting += [needed for text in requires(name) or () if _is_needed(needed := Requirement(text), extras)]
    return {name for name, _ in seen}


def _is_needed(requirement: Requirement, extras: frozenset[str]) -> bool:
    marker = requirement.marker
    return marker is None or any(marker.evaluate({**_IMAGE, "extra": extra}) for extra in ("", *extras))


def hashed(packages: dict[str, str]) -> dict[tuple[str, str], list[str]]:
    """Ask the registry that pip is set up with for the hashes of the files that it would install."""
    found: dict[tuple[str, str], set[str]] = {(name, version): set() for name, version in packages.items()}
    for machine in MACHINES:
        for name, version, sha256 in reported(packages, machine):
            found[canonicalize_name(name), version].add(sha256)
    return {package: sorted(hashes) for package, hashes in found.items()}


def reported(packages: dict[str, str], machine: str) -> Iterator[tuple[str, str, str]]:
    """Have pip say, for a machine, which files it would install."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--ignore-installed", "--no-deps"]
        command += ["--target", folder, "--report", str(report), "--implementation", "cp", "--python-version", PYTHON]
        command += [word for libc in _LIBCS for word in ("--platform", f"manylinux_2_{libc}_{machine}")]
        command += ["--platform", f"manylinux2014_{machine}"]
        command += [word for abi in (f"cp{PYTHON.replace('.', '')}", "abi3", "none") for word in ("--abi", abi)]
        command += [f"{name}=={version}" for name, version in packages.items()]
        subprocess.run(command, check=True)  # noqa: S603 - ours
        for item in json.loads(report.read_text(encoding="utf-8"))["install"]:
            sha256 = item["download_info"]["archive_info"]["hashes"]["sha256"]
            yield item["metadata"]["name"], item["metadata"]["version"], sha256


def written(packages: dict[tuple[str, str], list[str]]) -> str:
    """Write the lines as pip reads them."""
    return "".join(
        f"{name}=={version}" + "".join(f" \\\n    --hash=sha256:{sha256}" for sha256 in hashes) + "\n"
        for (name, version), hashes in packages.items()
    )


def faults(file: Path, packages: dict[str, str]) -> Iterator[str]:
    """Report the faults of a file of hashes."""
    text = file.read_text(encoding="utf-8")
    if _LINE.sub("", text):
        yield f"{file.name} holds more than names, versions and sha256 hashes: make hashes"
    there = {name: version for name, version, _ in _LINE.findall(text)}
    for name in sorted(there.keys() | packages.keys()):
        if there.get(name) != packages.get(name):
            yield f"{file.name} has {name} {there.get(name)}, constraints.txt {packages.get(name)}: make hashes"


if __name__ == "__main__":
    sys.exit(main())
