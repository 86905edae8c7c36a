"""`accordant at`: the document as it was at a version."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import typer
from rich.text import Text

from accordant.cli.asking import outline_of
from accordant.cli.blame import In
from accordant.cli.output import AsJson, console, moment, plain, print_json, wants_json
from accordant.cli.source import StoreFile

__all__ = ["at", "lines"]


def at(
    store: StoreFile,
    version: Annotated[int, typer.Argument(metavar="VERSION", min=0, help="A version, as the log numbers them.")],
    document: In = None,
    as_json: AsJson = False,
) -> None:
    """The document as it was after exactly this version: every region, with who wrote it last.

    Examples:

    accordant at state.db 120

    accordant at state.db 120 --json
    """
    key, outline = outline_of(store, document, version)
    if wants_json(as_json):
        print_json({"document": key, **outline})
        return
    console().print(plain(f"{key} at v{version}", "bold"))
    for line in lines(outline):
        console().print(line, soft_wrap=True)


def lines(outline: dict[str, Any]) -> Iterator[Text]:
    """Each region under its name."""
    for name, region in sorted(outline["regions"].items()):
        yield Text("\n") + _head(name, region)
        value = region["value"]
        if isinstance(value, str):
            yield plain(value)
        elif isinstance(value, list):
            yield from (plain("- ") + plain(item) for item in value)
        elif isinstance(value, dict):
            yield from (plain(f"{key}: ", "cyan") + plain(item) for key, item in value.items())
        else:
            yield plain(value)
    for path, field in sorted(outline["fields"].items()):
        yield Text("\n") + _head(path, field)
        yield plain(field["value"])


def _head(name: str, shown: dict[str, Any]) -> Text:
    said = Text() + plain(name, "bold")
    if shown["version"]:
        when = "" if shown["at"] is None else f", {moment(shown['at'])[:19].replace('T', ' ')}"
        said += plain(f"  v{shown['version']} by {shown['by'] or '?'}{when}", "dim")
    return said
