"""`accordant serve`: a store file's documents on a port of this machine. Decides where the file is and what is printed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Collection, Coroutine
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer

from accordant.adapters.knowledge_http import KnowledgeHttp
from accordant.adapters.telemetry import instrument
from accordant.cli.knowledge import opened
from accordant.cli.output import AsJson
from accordant.cli.serve_log import LogFormat, log_outcomes, start_logging
from accordant.engine.host.engine import Engine
from accordant.sync.server.arrivals import Crowd
from accordant.sync.server.run import run
from accordant.types.errors import Invalid
from accordant.types.limits import ARRIVALS_PER_S_MAX, CONNECTIONS_MAX, CONNECTIONS_PER_ADDRESS_MAX
from accordant.types.retention import Retention

__all__ = ["serve", "store_file"]

FILE_IN_FOLDER = "accordant.db"
MODEL = (
    "guarded fields are compare-and-swap, linearizable; texts, logs, sets, counters merge; durable before visible; "
    "your own writes are in your next read, others' in the order of the log"
)
"""The consistency model in a sentence; docs/CONSISTENCY.md is the whole of it."""


class Durability(StrEnum):
    """What an acknowledged edit survives."""

    FSYNC = "fsync"
    PROCESS = "process"


Origins = Annotated[
    list[str] | None,
    typer.Option(help="A web origin whose pages may connect, besides this machine's: https://app.example. Repeatable."),
]
Knowledge = Annotated[
    str | None,
    typer.Option(
        metavar="DOCUMENT[#REGION]",
        show_default="none",
        help="A corpus, answered at /knowledge/query and beside it: acme/role/backend/hive. Made when missing.",
    ),
]


def serve(
    path: Annotated[
        str,
        typer.Argument(metavar="PATH", help=f"The store file, created when missing; in a folder: {FILE_IN_FOLDER}."),
    ] = FILE_IN_FOLDER,
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port; 0 takes any free one.")] = 8765,
    host: Annotated[
        str, typer.Option(help="The address to listen on: one that only this machine can reach.")
    ] = "127.0.0.1",
    durability: Annotated[
        Durability, typer.Option(help="fsync survives power loss; process, a crash of the process alone.")
    ] = Durability.FSYNC,
    token_file: Annotated[
        Path | None,
        typer.Option(help="Let in who shows a token made with this file (accordant token), and nobody else."),
    ] = None,
    origin: Origins = None,
    max_connections: Annotated[
        int, typer.Option(min=1, help="Connections in all; one more is answered 503.")
    ] = CONNECTIONS_MAX,
    max_per_address: Annotated[
        int | None,
        typer.Option(
            min=0,
            show_default=f"{CONNECTIONS_PER_ADDRESS_MAX}, loopback not counted",
            help="Connections of one client address; one more is answered 429. 0: any number, as behind a proxy.",
        ),
    ] = None,
    max_arrivals: Annotated[
        int | None,
        typer.Option(
            min=0,
            show_default=f"{ARRIVALS_PER_S_MAX}, loopback not counted",
            help="New connections a second of one client address; beyond: 429. 0: any number, as behind a proxy.",
        ),
    ] = None,
    keep_days: Annotated[
        float | None,
        typer.Option(
            min=0, show_default="everything", help="Versions of so many days stay rebuildable; older ones go."
        ),
    ] = None,
    knowledge: Knowledge = None,
    log_format: Annotated[LogFormat, typer.Option(help="Lines on standard error; JSON has every denial too.")] = (
        LogFormat.TEXT
    ),
    otel: Annotated[bool, typer.Option("--otel", help="An OpenTelemetry span for each write and denial.")] = False,
    as_json: AsJson = False,
) -> None:
    """Serve a store's documents: websocket peers (ours and any Yjs client) on one port, until interrupted.

    Ends with 0 after SIGINT or SIGTERM, 6 when another process holds the file or the port.

    Examples:

    accordant serve ./state.db --port 8765

    accordant serve ./state.db --knowledge acme/role/backend/hive
    """
    start_logging(log_format)
    crowd = Crowd(max_connections, max_per_address, max_arrivals)
    origins = frozenset(map(_origin, origin or ()))
    around = _Around(Retention(keep_days), otel, knowledge)
    _run(_serve(store_file(path), host, port, durability, as_json, token_file, crowd, origins, around))


@dataclass(frozen=True, slots=True)
class _Around:
    """What an engine does beside serving."""

    retention: Retention
    has_telemetry: bool
    knowledge: str | None


def store_file(path: str) -> Path:
    """The file that PATH means; the folder that a trailing slash asks for is made."""
    found = Path(path)
    if path.endswith("/"):
        found.mkdir(parents=True, exist_ok=True)
    return found / FILE_IN_FOLDER if found.is_dir() else found


def _origin(text: str) -> str:
    """An origin as browsers send it; raises `Invalid` for what no browser would ever send."""
    page = urlsplit(text)
    if (
        page.scheme not in ("http", "https")
        or not page.netloc
        or text != f"{page.scheme}://{page.netloc}"
        or "@" in text
    ):
        raise Invalid(
            f"{text!r} is no web origin",
            code="usage",
            hint="scheme, host, perhaps port, and nothing behind: https://app.example",
        )
    return text.lower()


async def _serve(
    store: Path,
    host: str,
    port: int,
    durability: Durability,
    as_json: bool,
    token_file: Path | None,
    crowd: Crowd,
    origins: Collection[str],
    around: _Around,
) -> None:
    beside: list[KnowledgeHttp] = []

    def listening(host: str, port: int) -> None:
        shown = f"[{host}]" if ":" in host else host
        sync = f"ws://{shown}:{port}/sync/<namespace>/<document>"
        if as_json:
            http = f"http://{shown}:{port}"
            urls = {"listening": http, "sync": sync, "http": f"{http}/documents/<namespace>/<document>"}
            urls |= {"knowledge": f"{http}/knowledge/query"} if beside else {}
            print(json.dumps(urls | {"store": str(store), "model": MODEL}), flush=True)
            return
        print(f"listening on http://{shown}:{port}", flush=True)
        print(f"  documents  {sync}", flush=True)
        print(f"  http       http://{shown}:{port}/documents/<namespace>/<document>", flush=True)
        if beside:
            print(f"  knowledge  http://{shown}:{port}/knowledge/query?q=", flush=True)
        print(f"  beside     http://{shown}:{port}/openapi.json, /healthz, /metrics", flush=True)
        print(f"  store      {store} ({durability.value})", flush=True)
        print(f"  model      {MODEL}", flush=True)

    async with Engine(store, durability=durability.value, retention=around.retention) as engine:
        log_outcomes(engine)
        if around.has_telemetry:
            instrument(engine)
        if around.knowledge is not None:
            beside.append(KnowledgeHttp(await opened(engine, around.knowledge)))
        await run(engine, host, port, listening, token_file, crowd, origins, beside)


def _run(main: Coroutine[Any, Any, None]) -> None:
    """In the faster event loop, where there is one."""
    runner: Callable[[Coroutine[Any, Any, None]], None] = asyncio.run
    try:
        import uvloop

        runner = uvloop.run
    except ImportError:
        pass
    runner(main)
