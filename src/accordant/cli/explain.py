"""`accordant explain`: the consistency model of one document, region by region, in one table."""

from __future__ import annotations

import asyncio
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from accordant.cli.output import AsJson, add_names, console, plain, print_json, wants_json
from accordant.cli.source import DocumentName, StoreFile, choose, reading
from accordant.document.consistency import consistency
from accordant.engine.host.access import access_to
from accordant.types.regions import Kind

__all__ = ["explain", "promises"]

YOURS = "every write that returned is in every later read of the same handle"
_RAW = ("insert", "append", "add", "increment", "commit", "set", "edit")


def explain(store: StoreFile, document: DocumentName = None, as_json: AsJson = False) -> None:
    """What a document promises: per region how concurrent writes meet, what a reader sees, who writes, and what is
    last-writer-wins by choice.

    From the schema as its log records it, in the words of docs/CONSISTENCY.md. Reads only: the store may be in use.

    Examples:

    accordant explain state.db

    accordant explain state.db acme/task/q3/brief --json
    """
    found = asyncio.run(_explained(store, document))
    if wants_json(as_json):
        print_json(found)
        return
    shown = Table(
        title=plain(found["document"]),
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1, 0, 0),
        expand=True,
        title_justify="left",
    )
    add_names(shown, "region", (region["region"] for region in found["regions"]))
    shown.add_column("kind", no_wrap=True)
    for column, share in (("concurrent writes", 4), ("a reader sees", 3), ("who writes", 3)):
        shown.add_column(column, overflow="fold", ratio=share)
    for region in found["regions"]:
        style = "yellow" if region["kind"] == Kind.MAP.value else ""
        writes = region["concurrent_writes"] + (f" ({region['lww']})" if region["lww"] else "")
        who = ", ".join(region["writers"]) or "nobody"
        cells = (region["kind"], region["reader_sees"], who)
        shown.add_row(plain(region["region"], "bold"), plain(cells[0]), plain(writes, style), *map(plain, cells[1:]))
    console().print(shown, Text(f"Read your writes: {YOURS}."))


async def _explained(source: str, document: str | None) -> dict[str, Any]:
    async with reading(source) as store:
        found = await access_to(store, (await choose(store, document)).key)
    said = promises()
    regions = []
    for region in found["regions"]:
        writes, sees = said[Kind(region["kind"])]
        may = region["may"]
        writers = dict.fromkeys(who for operation in _RAW for who in may.get(operation, ()))
        regions.append(
            {
                "region": region["region"],
                "kind": region["kind"],
                "concurrent_writes": writes,
                "reader_sees": sees,
                "writers": ["everybody" if who == "*" else who for who in writers],
                "lww": region.get("lww"),
            }
        )
    return {"document": found["document"], "read_your_writes": YOURS, "regions": regions}


def promises() -> dict[Kind, tuple[str, str]]:
    """Of each kind, how concurrent writes meet and what a reader sees: the first table of the consistency model."""
    found: dict[str, tuple[str, str]] = {}
    for line in consistency().splitlines():
        cells = [cell.strip().replace("**", "").replace("`", "") for cell in line.strip().strip("|").split("|")]
        if line.startswith("| `") and len(cells) == 4:
            found.setdefault(cells[0].partition("[")[0], (cells[1], cells[2]))
    return {kind: found["".join(part.capitalize() for part in kind.value.split("_"))] for kind in Kind}
