"""The servers that are compared, each a process of its own on a free port, found by `bench/sync_peers/install.py`."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from sync_load.frames import var_bytes
from sync_load.peer import Dialect

PEERS = Path(__file__).resolve().parent.parent / "sync_peers"
HOCUSPOCUS = "Hocuspocus"
STARTS_S = 20
SETTLES_S = 0.5
"""After its port has opened."""


@dataclass(frozen=True)
class Kind:
    """One sort of server: the command that starts it on a port with a folder for its files, and how a document is asked for."""

    name: str
    command: Callable[[int, Path], list[str]]
    dialect: Callable[[str], Dialect]


def _accordant(durability: str) -> Callable[[int, Path], list[str]]:
    return lambda port, folder: [
        *(sys.executable, "-m", "accordant.cli.main", "serve", str(folder / "state.db")),
        *("--port", str(port), "--durability", durability, "--json"),
    ]


def _node() -> str:
    return json.loads((PEERS / ".installed").read_text())["node"]


def _by_name(document: str) -> Dialect:
    name = var_bytes(document.encode())
    token, version = var_bytes(b"token"), var_bytes(b"4.8.0")
    return Dialect("/", name, (name + b"\x02\x00" + token + version,))


KINDS = (
    Kind("accordant, process", _accordant("process"), lambda name: Dialect(f"/sync/bench/task/load/{name}")),
    Kind("accordant, fsync", _accordant("fsync"), lambda name: Dialect(f"/sync/bench/task/load/{name}")),
    Kind(HOCUSPOCUS, lambda port, _: [_node(), str(PEERS / "hocuspocus" / "server.mjs"), str(port)], _by_name),
    Kind(
        "y-websocket",
        lambda port, _: [_node(), str(PEERS / "y_websocket" / "server.mjs"), str(port)],
        lambda name: Dialect(f"/{name}"),
    ),
    Kind(
        "pycrdt-websocket",
        lambda port, _: [str(PEERS / ".venv" / "bin" / "python"), str(PEERS / "pycrdt_server.py"), str(port)],
        lambda name: Dialect(f"/{name}"),
    ),
)


@dataclass
class Running:
    """One of them that runs."""

    kind: Kind
    port: int
    pid: int

    def dialect(self, document: str) -> Dialect:
        return self.kind.dialect(document)

    def resident_mib(self) -> float:
        """The memory that it has now."""
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20

    def cpu_s(self) -> float:
        """The processor time that it has had."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@asynccontextmanager
async def running(kind: Kind, folder: Path) -> AsyncIterator[Running]:
    """Start one, until the block ends. Ends the program, naming the command, when its port does not open."""
    port = _free_port()
    process = await asyncio.create_subprocess_exec(
        *kind.command(port, folder), stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        began = time.monotonic()
        while not await _answers(port):
            if process.returncode is not None or time.monotonic() - began > STARTS_S:
                raise SystemExit(f"{kind.name} does not start: {' '.join(kind.command(port, folder))}")
            await asyncio.sleep(0.02)
        await asyncio.sleep(SETTLES_S)
        yield Running(kind, port, process.pid)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def _answers(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True
