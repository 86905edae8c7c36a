"""What the measurements share: a clock around a call, percentiles, a table for people and one JSON line for machines."""

from __future__ import annotations

import json
import os
import platform
import resource
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

Row = dict[str, Any]


def is_quick() -> bool:
    """Whether `--quick` was given: small sizes, to see that a script works."""
    return "--quick" in sys.argv[1:]


@contextmanager
def folder() -> Iterator[Path]:
    """A fresh folder for store files, where `TMPDIR` points: on the disk that is to be measured."""
    with tempfile.TemporaryDirectory(prefix="accordant-bench-") as name:
        yield Path(name)


async def timed(call: Awaitable[Any]) -> float:
    """Seconds until it has returned."""
    start = time.perf_counter()
    await call
    return time.perf_counter() - start


def best_of(rounds: int, work: Callable[[], Any]) -> float:
    """The shortest of several runs, in seconds: what the code costs when nothing else runs."""
    shortest = float("inf")
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        shortest = min(shortest, time.perf_counter() - start)
    return shortest


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which that share of them lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def peak_mib() -> float:
    """The most memory that this process ever had, in MiB."""
    scale = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / scale


def resident_mib() -> float:
    """The memory that this process has now, in MiB; the most it ever had where the system does not say."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return peak_mib()
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def report(name: str, rows: list[Row]) -> None:
    """Print the rows as a table, then as one line of JSON with the machine they were measured on."""
    columns = list(dict.fromkeys(column for row in rows for column in row))
    cells = [[_cell(row.get(column)) for column in columns] for row in rows]
    widths = [max(len(column), *(len(row[n]) for row in cells)) for n, column in enumerate(columns)]
    print("  ".join(column.ljust(width) for column, width in zip(columns, widths, strict=True)))
    for row in cells:
        print(
            "  ".join(
                cell.rjust(width) if n else cell.ljust(width)
                for n, (cell, width) in enumerate(zip(row, widths, strict=True))
            )
        )
    machine = {"cores": os.cpu_count(), "python": platform.python_version(), "system": platform.system()}
    print(json.dumps({"bench": name, "quick": is_quick(), "machine": machine, "rows": rows}))


def _cell(value: Any) -> str:
    match value:
        case None:
            return ""
        case float() if value >= 1_000:
            return f"{value:,.0f}"
        case float():
            return f"{value:.3g}"
        case int() if not isinstance(value, bool):
            return f"{value:,}"
    return str(value)
