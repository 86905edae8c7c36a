"""`accordant verify`: shows what `engine.host.verify` found. Decides only how that is shown."""

from __future__ import annotations

import asyncio

import typer
from rich.console import Console, Group
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.text import Text

from accordant.cli.output import AsJson, Exit, console, plain, print_json, wants_json
from accordant.cli.source import DocumentName, StoreFile, choose, reading
from accordant.engine.host.verify import VerifyReport
from accordant.engine.host.verify import verify as verify_document
from accordant.engine.stores.contract import Store

__all__ = ["verify"]

NAMED_MAX = 12
"""Discrepancies named on a terminal; JSON has them all."""

WHERE = {
    "chain": "the hash chain is broken",
    "fold": "the log does not fold",
    "checkpoint": "the checkpoint is not the log",
    "fields": "the guarded fields are not the log",
    "guarded": "updates and audit disagree",
}


def verify(store: StoreFile, document: DocumentName = None, as_json: AsJson = False) -> None:
    """Is the log what was written, and is the state what the log says?

    Recomputes the hash of every entry, folds the log anew, and holds the newest checkpoint, the table of guarded fields and
    what Yjs peers see against it. Reads only: the store may be in use. Without DOCUMENT, every document is verified. Ends with
    0 when all agrees, 4 when not.

    Examples:

    accordant verify state.db

    accordant verify state.db acme/task/q3/brief --json
    """
    reports = asyncio.run(_verified(store, document, console(stderr=True)))
    agrees = all(report.agrees for report in reports)
    if wants_json(as_json):
        print_json({"agrees": agrees, "documents": [report.to_json() for report in reports]})
    else:
        console().print(Group(*(_shown(report) for report in reports)) if reports else "no document in this store yet")
    if not agrees:
        raise typer.Exit(Exit.FINDINGS)


async def _verified(source: str, document: str | None, progress_on: Console) -> list[VerifyReport]:
    async with reading(source) as store:
        keys = [(await choose(store, document)).key] if document else [info.key for info in await store.documents()]
        with _progress(progress_on) as bar:
            return [await _with_bar(store, key, bar) for key in keys]


async def _with_bar(store: Store, key: str, bar: Progress) -> VerifyReport:
    task = bar.add_task(key, total=None)
    report = await verify_document(store, key, lambda read, head: bar.update(task, completed=read, total=head))
    bar.remove_task(task)
    return report


def _progress(shown: Console) -> Progress:
    """A bar on standard error, that goes when it is done; none where nobody watches."""
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        console=shown,
        transient=True,
        disable=not shown.is_terminal,
    )


def _shown(report: VerifyReport) -> Group:
    head = plain(report.document, "bold")
    if report.agrees:
        chain = f"{report.entries:,} entries, hash chain whole, head {report.head_hash[:16]}…"
        whence = "the whole log" if not report.replayed_after else f"the log after checkpoint {report.replayed_after:,}"
        kept = "no checkpoint yet" if report.checkpoint is None else f"checkpoint at {report.checkpoint:,} agrees"
        return Group(
            Text("✓ ", style="bold green") + head,
            Text(f"  {chain}"),
            Text(f"  state folded from {whence}: {kept}, guarded fields agree ({report.fields})"),
        )
    lines = [Text("✗ ", style="bold red") + head]
    for found in report.discrepancies[:NAMED_MAX]:
        lines.append(Text(f"  {WHERE[found.where]}: ", style="red") + plain(found.text))
    if (more := len(report.discrepancies) - NAMED_MAX) > 0:
        lines.append(Text(f"  and {more} more: --json names them all"))
    if report.first_bad is not None:
        lines.append(Text(f"  first bad entry: {report.first_bad}; entries before it are whole", style="bold"))
    lines.append(Text("  next: keep this file, and restore a backup"))
    return Group(*lines)
