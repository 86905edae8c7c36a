"""`accordant diff`: how two versions differ, coloured, with who is responsible."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Any

import typer
from rich.text import Text

from accordant.cli.asking import Colours, ask
from accordant.cli.blame import In
from accordant.cli.output import AsJson, console, plain, print_json, wants_json
from accordant.cli.source import StoreFile
from accordant.types.past import Change, Piece, Recall

__all__ = ["diff", "lines"]


def diff(
    store: StoreFile,
    first: Annotated[int, typer.Argument(metavar="A", min=0, help="The older version.")],
    last: Annotated[
        int | None, typer.Argument(metavar="B", min=0, help="The newer one; without it, the newest.")
    ] = None,
    document: In = None,
    as_json: AsJson = False,
) -> None:
    """How version B differs from version A: lines and characters, items, fields, counts, each with who is responsible.

    Examples:

    accordant diff state.db 100 120

    accordant diff state.db 100 --json
    """
    key, answer = ask(store, document, Recall("diff", first=first, last=last))
    if wants_json(as_json):
        print_json({"document": key, **answer})
        return
    changes = [Change.from_json(change) for change in answer["changes"]]
    console().print(plain(f"{key} v{answer['first']} to v{answer['last']}", "bold"))
    if not changes:
        console().print("nothing differs")
    for line in lines(changes):
        console().print(line, soft_wrap=True)


def lines(changes: Sequence[Change]) -> Iterator[Text]:
    """Each change under its region's name: what went in red, what came in green."""
    colours = Colours()
    for change in changes:
        yield Text("\n") + plain(change.region, "bold") + Text(f"  {change.kind} {change.act}", "dim")
        if change.delta is not None:
            piece = change.pieces[0]
            yield plain(f"{change.delta:+}  ({piece.old} to {piece.new})") + _by(piece, colours)
            continue
        for piece in change.pieces:
            yield from _piece(piece, change.kind == "text", colours)
        if not change.is_complete:
            yield Text("and more", "yellow")


def _piece(piece: Piece, is_text: bool, colours: Colours) -> Iterator[Text]:
    name = f"line {piece.name}" if is_text else piece.name
    yield Text() + plain(f"@ {name}", "dim") + _by(piece, colours)
    if piece.old is not None:
        yield from _side("-", "red", piece.old, [(start, end) for start, end, _, _ in piece.spans])
    if piece.new is not None:
        yield from _side("+", "green", piece.new, [(start, end) for _, _, start, end in piece.spans])


def _side(mark: str, style: str, value: Any, spans: Sequence[tuple[int, int]]) -> Iterator[Text]:
    """Its lines, what changed within them reversed."""
    text = value if isinstance(value, str) else plain(value).plain
    start = 0
    for line in text.split("\n")[: text.count("\n") or 1] if text.endswith("\n") else text.split("\n"):
        shown, at = Text(f"{mark} ", style), 0
        for low, high in spans:
            low, high = max(low - start, at), min(high - start, len(line))
            if low < high:
                shown += plain(line[at:low], style) + plain(line[low:high], f"{style} reverse")
                at = high
        yield shown + plain(line[at:], style)
        start += len(line) + 1


def _by(piece: Piece, colours: Colours) -> Text:
    if not piece.by:
        return Text()
    return Text("  ") + Text(", ").join(
        Text() + colours.named(one.actor) + Text(f" v{one.version}", "dim") for one in piece.by
    )
