"""`accordant blame`: a text with its authors at the margin."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated

import typer
from rich import box
from rich.table import Table
from rich.text import Text

from accordant.cli.asking import Colours, ask
from accordant.cli.output import AsJson, console, moment, plain, print_json, wants_json
from accordant.cli.source import StoreFile
from accordant.types.past import BlameRun, Recall

__all__ = ["In", "blame", "table"]

AUTHORS_SHOWN_MAX = 3

Region = Annotated[str, typer.Argument(metavar="REGION", help="A text region, such as draft.")]
In = Annotated[str | None, typer.Option("--in", metavar="DOCUMENT", help="Which document, when there are several.")]


def blame(
    store: StoreFile,
    region: Region,
    document: In = None,
    at: Annotated[int | None, typer.Option(min=0, help="As it was at this version.")] = None,
    as_json: AsJson = False,
) -> None:
    """Who wrote which characters of a text: line by line with its authors, newest version of each line first.

    Examples:

    accordant blame state.db draft

    accordant blame state.db draft --at 120 --json
    """
    key, answer = ask(store, document, Recall("blame", path=region, at=at))
    if wants_json(as_json):
        print_json({"document": key, **answer})
    elif runs := [BlameRun.from_json(run) for run in answer["runs"]]:
        console().print(table(runs, f"{key} {region} at v{answer['version']}"))
    else:
        console().print(f"{region} is empty")


def table(runs: Sequence[BlameRun], title: str) -> Table:
    """The text for a terminal, each piece in the colour of its author."""
    colours = Colours()
    shown = Table(title=title, box=box.SIMPLE_HEAD, pad_edge=False, title_justify="left", title_style="bold")
    shown.add_column("author", overflow="fold")
    shown.add_column("version", no_wrap=True)
    shown.add_column("when UTC", no_wrap=True)
    shown.add_column("text", overflow="fold")
    for pieces in _lines(runs):
        newest = max(pieces, key=lambda piece: piece[0].version)[0]
        actors = list(dict.fromkeys(run.actor for run, _ in pieces))
        names = Text(", ").join(colours.named(actor) for actor in actors[:AUTHORS_SHOWN_MAX])
        if len(actors) > AUTHORS_SHOWN_MAX:
            names.append(f" and {len(actors) - AUTHORS_SHOWN_MAX} more")
        text = Text().join(plain(piece, colours.of(run.actor)) for run, piece in pieces)
        when = "" if newest.at is None else moment(newest.at)[:16].replace("T", " ")
        shown.add_row(names, f"v{newest.version}", when, text)
    return shown


def _lines(runs: Sequence[BlameRun]) -> Iterator[list[tuple[BlameRun, str]]]:
    """The pieces of each line, without its line break."""
    line: list[tuple[BlameRun, str]] = []
    for run in runs:
        first, *others = run.text.split("\n")
        line.append((run, first))
        for piece in others:
            yield line
            line = [(run, piece)]
    if any(piece for _, piece in line):
        yield line
