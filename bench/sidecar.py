"""Do writers feel the sidecar? `python bench/sidecar.py [--quick] [--rules-only]`

A server, and writers over websockets that append a note some ten times a second; the time until each note is durable and
acknowledged. In turns of equal length, without a sidecar and with `accordant check --watch` beside them in a process of its own,
which passes over the document again and again meanwhile. The last row is the ratio. While it passes a sidecar takes a core:
where there are two, one of those that server and writers share.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import socket
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from pathlib import Path

from coherence import statements
from measuring import Row, folder, is_quick, percentile, report, timed

from accordant import Document, Log, Namespace, connect

WRITERS = 4
PAUSE_S = 0.1
TURN_S = 3.0 if is_quick() else 10.0
TURNS = 1 if is_quick() else 3
NOTES = 200 if is_quick() else 1_000
"""What the document holds before: what every first pass reads."""
PLACE = Namespace.task("acme", "q3")


class Notes(Document):
    """What the writers share."""

    findings: Log[str]


@contextlib.asynccontextmanager
async def running(*command: str) -> AsyncIterator[Process]:
    """A process of the command line, ended at the end."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "accordant", *command, stdout=PIPE, stderr=asyncio.subprocess.DEVNULL, limit=2**24
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGTERM)  # send_signal would reap it before the loop does
        await process.wait()


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


async def answering(port: int) -> None:
    """Wait until the server takes connections."""
    while True:
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            return
        await asyncio.sleep(0.05)


async def writing(url: str, name: str, texts: list[str], until: float) -> list[float]:
    """One writer's waits, in seconds."""
    waits: list[float] = []
    rng = random.Random(name)
    async with connect(Notes, url, PLACE, "notes", agent=name) as notes:
        while time.perf_counter() < until:
            waits.append(await timed(notes.findings.append(texts.pop())))
            await asyncio.sleep(PAUSE_S * rng.uniform(0.5, 1.5))
    return waits


async def turn(url: str, number: int) -> list[float]:
    """All writers for one turn."""
    texts = [[one.text for one in statements(5_000, seed=100 * number + n)] for n in range(WRITERS)]
    until = time.perf_counter() + TURN_S
    waits = await asyncio.gather(*(writing(url, f"agent{n}", texts[n], until) for n in range(WRITERS)))
    return [wait for one in waits for wait in one]


async def counted(sidecar: Process, reports: list[float]) -> None:
    """Note when each report came."""
    assert sidecar.stdout is not None
    while await sidecar.stdout.readline():
        reports.append(time.perf_counter())


async def measured(path: Path) -> list[Row]:
    """Turns without and with, by turns."""
    port = free_port()
    url, source = f"ws://127.0.0.1:{port}", f"ws://127.0.0.1:{port}/sync/{PLACE.path}/notes"
    watching = ("check", source, "--watch", "--format", "json", "--debounce", "0.2")
    if "--rules-only" in sys.argv[1:]:
        watching += ("--rules-only",)
    waits: dict[str, list[float]] = {"without": [], "with a sidecar": []}
    reports: list[float] = []
    async with running("serve", str(path / "state.db"), "--port", str(port)):
        await answering(port)
        async with connect(Notes, url, PLACE, "notes", agent="before") as notes:
            for one in statements(NOTES, seed=9):
                await notes.findings.append(one.text)
        for number in range(TURNS):
            waits["without"] += await turn(url, 2 * number)
            async with running(*watching) as sidecar:
                assert sidecar.stdout is not None
                await sidecar.stdout.readline()  # its first report: from now on it is beside them
                counting = asyncio.create_task(counted(sidecar, reports))
                waits["with a sidecar"] += await turn(url, 2 * number + 1)
                os.kill(sidecar.pid, signal.SIGTERM)
                await counting
    rows = [row(name, found) for name, found in waits.items()]
    rows[1]["reports"] = len(reports)
    ratio = {key: rows[1][key] / rows[0][key] for key in ("p50 ms", "p95 ms", "p99 ms")}
    return [*rows, {"writers": "ratio", **ratio}]


def row(name: str, waits: list[float]) -> Row:
    """The waits of one kind of turn."""
    shares = {"p50 ms": 0.5, "p95 ms": 0.95, "p99 ms": 0.99}
    return {"writers": name, "notes": len(waits)} | {
        key: percentile(waits, share) * 1_000 for key, share in shares.items()
    }


async def main() -> None:
    """Measure and print."""
    with folder() as path:
        report("sidecar", await measured(path))


if __name__ == "__main__":
    asyncio.run(main())
