"""``python tests/numerics.py``: the tests against oracles, under each BLAS kernel that this processor has.

numpy's and scipy's OpenBLAS choose a kernel by the processor, so that the last digits of a result, and with them where
a solver stalls, differ from one machine to the next. Here one machine stands for the others.

The product's processes compute with one thread. Two split the sums of larger matrices only: they are tried with one
kernel, the one that this processor would choose. ``make test-deep`` has all cases, under that kernel.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

# Kernels of x86-64 and what a processor must have to run them, as Linux calls it.
KERNELS = {
    "Prescott": {"pni"},
    "Nehalem": {"sse4_2"},
    "Sandybridge": {"avx"},
    "Haswell": {"avx2", "fma"},
    "Zen": {"avx2", "fma"},
    "SkylakeX": {"avx512f", "avx512vl", "avx512dq", "avx512bw"},
}
_LOADED = "import json, numpy, scipy.linalg, threadpoolctl; print(json.dumps(threadpoolctl.threadpool_info()))"


def abilities() -> set[str]:
    """Read what the processor can do; nothing where this is not Linux on x86-64."""
    told = Path("/proc/cpuinfo")
    lines = told.read_text(encoding="utf-8").splitlines() if told.exists() else []
    return {word for line in lines if line.startswith("flags") for word in line.partition(":")[2].split()}


def loaded(environment: dict[str, str]) -> frozenset[tuple[str, int]]:
    """Ask numpy's and scipy's OpenBLAS for the kernels and numbers of threads that they use."""
    command = [sys.executable, "-c", _LOADED]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)  # noqa: S603 - our own
    return frozenset((each["architecture"], each["num_threads"]) for each in json.loads(ran.stdout))


def environments() -> Iterator[tuple[str, dict[str, str]]]:
    """Make the environment of each run, with its name; say what is left out and why."""
    able, seen = abilities(), dict[frozenset[tuple[str, int]], str]()
    yield "two threads", {**os.environ, "OPENBLAS_NUM_THREADS": "2"}
    for kernel, needed in KERNELS.items():
        made = {**os.environ, "OPENBLAS_CORETYPE": kernel, "OPENBLAS_NUM_THREADS": "1"}
        if not needed <= able:
            print(f"{kernel}: left out, since this processor has no {', '.join(sorted(needed - able))}")
        elif (used := loaded(made)) in seen:
            print(f"{kernel}: left out, since this OpenBLAS has the code of {seen[used]} for it")
        else:
            seen[used] = kernel
            yield kernel, made


def main(arguments: list[str]) -> int:
    """Run pytest in each environment, with *arguments* added; return 1 if a run failed."""
    failed = []
    for name, made in environments():
        print(name, flush=True)
        command = [sys.executable, "-m", "pytest", "-q", "-m", "oracle", *arguments, "tests/domain"]
        if subprocess.run(command, env=made, check=False).returncode:  # noqa: S603 - our own
            failed.append(name)
    print(f"failed: {'; '.join(failed)}" if failed else "every run passed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
