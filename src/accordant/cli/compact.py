"""`accordant compact`: applies a retention by hand, or says what it would free. Decides only how that is shown."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from accordant.cli.output import AsJson, Exit, console, plain, print_json, size, wants_json
from accordant.cli.source import DocumentName, StoreFile, choose, reading, store_path
from accordant.engine.host.engine import Engine
from accordant.engine.host.retention import oldest_kept, plan
from accordant.engine.stores.contract import Store
from accordant.engine.stores.sqlite_database import vacuum
from accordant.types.errors import NoAuthority
from accordant.types.namespaces import DocumentKey
from accordant.types.retention import Compaction, Retention

__all__ = ["compact"]


def compact(
    store: StoreFile,
    document: DocumentName = None,
    keep_days: Annotated[
        float | None, typer.Option(min=0, help="Versions of so many days stay rebuildable.", show_default=False)
    ] = None,
    keep_versions: Annotated[
        int | None, typer.Option(min=1, help="So many newest versions stay rebuildable.", show_default=False)
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go, and change nothing.")] = False,
    shrink: Annotated[
        bool,
        typer.Option("--vacuum", help="Then write the file anew, so that it gets smaller: takes its size in space."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Let go of the bytes that only old versions need. Without DOCUMENT: in every document.

    What stays: who wrote what, when, why and having read what, the hash chain, op ids, pinned versions. Afterwards versions
    older than what is kept can no longer be rebuilt. Takes the store's lease: ends with 5 while a server or an engine has it.
    Freed pages are used again by later writes; the file itself gets smaller with --vacuum alone.

    Examples:

    accordant compact state.db --keep-days 90 --dry-run

    accordant compact state.db acme/task/q3/brief --keep-versions 10000 --vacuum
    """
    retention = Retention(keep_days, keep_versions)
    if retention.keeps_all and not shrink:
        raise typer.BadParameter("say what to keep: --keep-days N or --keep-versions N", param_hint="--keep-days")
    path = store_path(store)
    before = _file_bytes(path)
    try:
        done = asyncio.run(_planned(store, document, retention) if dry_run else _done(path, document, retention))
    except NoAuthority as held:
        console(stderr=True).print(plain(f"error: {held.message}", "bold red"), soft_wrap=True)
        console(stderr=True).print("next: stop it first; a running engine compacts by itself: Engine(retention=...)")
        raise typer.Exit(Exit.REFUSED) from None
    if shrink and not dry_run:
        vacuum(str(path))
    after = _file_bytes(path)
    if wants_json(as_json):
        print_json(_to_json(done, dry_run, before, after))
    else:
        console().print(_shown(done, dry_run, before, after))


async def _planned(source: str, document: str | None, retention: Retention) -> list[Compaction]:
    async with reading(source) as store:
        return [await plan(store, key, oldest) for key, oldest in await _targets(store, document, retention)]


async def _done(path: Path, document: str | None, retention: Retention) -> list[Compaction]:
    async with Engine(path) as engine:
        targets = await _targets(engine.store, document, retention)
        return [await engine.compact(DocumentKey.parse(key), oldest) for key, oldest in targets]


async def _targets(store: Store, document: str | None, retention: Retention) -> list[tuple[str, int]]:
    infos = [await choose(store, document)] if document else await store.documents()
    now_ms = int(time.time() * 1000)
    return [(info.key, await oldest_kept(store, info.key, retention, now_ms)) for info in infos]


def _file_bytes(path: Path) -> int:
    """The file and its write-ahead log."""
    parts = (path, path.with_name(f"{path.name}-wal"))
    return sum(part.stat().st_size for part in parts if part.exists())


def _to_json(done: list[Compaction], dry_run: bool, before: int, after: int) -> dict[str, Any]:
    return {
        "dry_run": dry_run,
        "file_bytes_before": before,
        "file_bytes": after,
        "documents": [
            {
                "document": one.document,
                "oldest": one.oldest,
                "entries": one.entries,
                "bytes": one.bytes,
                "pinned": list(one.pinned),
            }
            for one in done
        ],
    }


def _shown(done: list[Compaction], dry_run: bool, before: int, after: int) -> Group:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("document", overflow="fold")
    table.add_column("oldest version kept", justify="right")
    table.add_column("entries without bytes", justify="right")
    table.add_column("would be freed" if dry_run else "freed", justify="right")
    table.add_column("pinned")
    for one in done:
        pinned = ", ".join(map(str, one.pinned))
        table.add_row(plain(one.document, "bold"), f"{one.oldest:,}", f"{one.entries:,}", size(one.bytes), pinned)
    file = f"file: {size(before)}" + (f" -> {size(after)}" if not dry_run else "")
    return Group(table, Text(file))
