"""Write the files of a snapshot for ``portfolio.market.snapshot``; the same figures give the same bytes."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from portfolio.errors import DataError
from portfolio.market.folders import digest
from portfolio.market.history.facts import COLUMNS
from portfolio.market.snapshot import read
from portfolio.market.stated import COLUMNS as STATED
from portfolio.market.stated import FILE, write_stated

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from portfolio.market.history.facts import Facts
    from portfolio.market.history.moments import Moments
    from portfolio.market.history.sample import Sample
    from portfolio.market.snapshot import Market
    from portfolio.market.stated import Stated


def render(sample: Sample, moments: Moments, facts: Mapping[str, Facts], stated: Stated) -> dict[str, bytes]:
    """Return the contents of the files, by name; figures are rounded to 1e-8, correlations to 1e-6."""
    tickers = sample.tickers
    times = f"{sample.a_year:g}"
    of = (
        f"history: {len(sample.returns)} {sample.period.adjective} returns from {sample.begins} to {sample.ends},"
        f" mean x {times}, st.dev x sqrt({times}); correlations shrunk by {moments.shrinkage:.6f}"
    )
    etfs = [[ticker, *(facts[ticker].values[c] for c in COLUMNS), facts[ticker].source] for ticker in tickers]
    figures = zip(tickers, moments.expected_returns, moments.volatilities, strict=True)
    return {
        "etfs.csv": _csv(("ticker", *COLUMNS, "source"), etfs),
        "moments.csv": _csv(
            ("ticker", "expected_return", "volatility", "source"),
            ([ticker, f"{mean:.8f}", f"{sigma:.8f}", of] for ticker, mean, sigma in figures),
        ),
        "correlations.csv": _csv(
            ("ticker", *tickers),
            ([a, *(f"{rho:.6f}" for rho in row)] for a, row in zip(tickers, moments.correlations, strict=True)),
        ),
        FILE: _csv(STATED, [write_stated(stated)]),
    }


def _csv(header: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue().encode()


def keep(folder: Path, files: Mapping[str, bytes]) -> Market:
    """Write a snapshot into *folder* atomically, and read the snapshot back; the folder's name is the id.

    Raises:
        DataError: If the folder holds another snapshot (which is not changed), the folder cannot be written, or the
            files are not a valid market.
    """
    try:
        if folder.exists():
            return _same(folder, files)
        folder.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=folder.parent, prefix=".") as temporary:
            made = Path(temporary) / folder.name
            made.mkdir()
            for name, content in files.items():
                (made / name).write_bytes(content)
            read(made)
            made.rename(folder)
    except OSError as error:
        message = f"{folder} cannot be written ({error.strerror}): give another folder (--markets)"
        raise DataError(message) from error
    return read(folder)


def _same(folder: Path, files: Mapping[str, bytes]) -> Market:
    market = read(folder)
    if market.sha256 != digest(files):
        message = f"{folder} holds another market: an id is for one snapshot, so give a new one (--id), or delete it"
        raise DataError(message)
    return market
