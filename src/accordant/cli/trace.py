"""`accordant trace`: where and when a text existed, who wrote it, and who had it before them."""

from __future__ import annotations

from typing import Annotated

import typer
from rich import box
from rich.table import Table
from rich.text import Text

from accordant.cli.asking import Colours, ask
from accordant.cli.blame import In
from accordant.cli.output import AsJson, console, moment, plain, print_json, shortened, wants_json
from accordant.cli.source import StoreFile
from accordant.types.past import Recall, Trace

__all__ = ["table", "trace"]

READERS_SHOWN_MAX = 6
WHY_CHARS = 80


def trace(
    store: StoreFile,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What to look for, in every region and every version.")],
    document: In = None,
    as_json: AsJson = False,
) -> None:
    """Where and when a text existed: who wrote it, until when it was there, and who had it in a snapshot or made use of it.

    Also what was there for one version only. What could not be examined is said.

    Examples:

    accordant trace state.db "4.1%"

    accordant trace state.db "4.1%" --in acme/task/q3/brief --json
    """
    key, answer = ask(store, document, Recall("trace", text=text))
    found = Trace.from_json(answer)
    if wants_json(as_json):
        print_json({"document": key, **answer})
    else:
        if found.appearances:
            console().print(table(found, f"{key}: {shortened(text, 60)!r}"))
        else:
            console().print(plain(f"{text!r} is in no version of {key}"), soft_wrap=True)
        for what in found.examined.get("not_examined", ()):
            console().print(plain(f"not examined: {what}", "yellow"), soft_wrap=True)


def table(found: Trace, title: str) -> Table:
    """The appearances for a terminal, oldest first."""
    colours = Colours()
    shown = Table(title=plain(title), box=box.SIMPLE_HEAD, pad_edge=False, title_justify="left", title_style="bold")
    shown.add_column("versions", overflow="fold", min_width=12)
    shown.add_column("where", overflow="fold")
    shown.add_column("written by", overflow="fold")
    shown.add_column("seen by", overflow="fold")
    for one in found.appearances:
        there = one.until is None and one.followed >= found.examined.get("head", 0)
        end = "still there" if there else f"v{one.followed}, perhaps on" if one.until is None else f"v{one.until}"
        writer = Text() + colours.named(one.actor)
        if one.why:
            writer += plain(f"  {shortened(one.why, WHY_CHARS)}", "dim")
        readers = Text(", ").join(
            Text() + colours.named(agent) + Text(f" v{version} ({how})", "dim")
            for agent, version, how in one.readers[:READERS_SHOWN_MAX]
        )
        if len(one.readers) > READERS_SHOWN_MAX:
            readers.append(f" and {len(one.readers) - READERS_SHOWN_MAX} more")
        when = "" if one.at is None else f" on {moment(one.at)[:19].replace('T', ' at ')} UTC"
        versions = Text(f"v{one.since} - {end}", "bold").append(f"\nwritten{when}", "dim")
        if one.ended_by is not None:
            versions += Text(", ended by ", "dim") + colours.named(one.ended_by)
        shown.add_row(versions, plain(one.ref, "bold"), writer, readers)
    return shown
