"""Fuzz the messages, guided by coverage: ``make fuzz``, or ``python tests/fuzz/fuzz_messages.py -runs=1000000``.

The options are libFuzzer's. It ends at the first exception that is not an answer, at an input that takes ten seconds,
and at 1 GiB of memory; what it was is left in a file ``crash-...``, to be given as an argument. No test of pytest's.
"""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["bus", "coordinator", "portfolio", "nasty"]):
    import nasty


def examine(data: bytes) -> None:
    """Turn the fuzzer's bytes into a message: as they are, or as a series of choices that spoil a good one."""
    provider = atheris.FuzzedDataProvider(data)
    way = provider.ConsumeIntInRange(0, 9)
    kind = list(nasty.KINDS)[provider.ConsumeIntInRange(0, len(nasty.KINDS) - 1)]
    if way == 0:
        nasty.KINDS[kind](provider.ConsumeBytes(provider.remaining_bytes()))
    elif way == 1:
        nasty.subject(provider.ConsumeBytes(provider.remaining_bytes()))
    else:
        nasty.KINDS[kind](nasty.mutated(kind, lambda count: provider.ConsumeIntInRange(0, count - 1)))


if __name__ == "__main__":
    atheris.Setup([sys.argv[0], "-timeout=10", "-rss_limit_mb=1024", "-max_len=4096", *sys.argv[1:]], examine)
    atheris.Fuzz()
