"""The JSON values that an update's fresh content amounts to, shared types put together from their parts. Judges nothing."""

from __future__ import annotations

from typing import Any

from accordant.engine.ledger import Container, Shape
from accordant.engine.resolve import Draft, Run
from accordant.engine.update import ANY, BINARY, EMBED, STRING, TYPE, Id

__all__ = ["assemble", "values_of"]


def values_of(draft: Draft, run: Run, clock: int, end: int) -> list[Any]:
    """The values of some units of a run: items, a piece of text, an embed, an assembled shared type. Formats have none."""
    struct = run.struct
    kind = struct.kind
    if kind == ANY:
        return list(struct.content[clock - struct.clock : end - struct.clock])
    if kind == STRING:
        return [_cut_text(struct.content, clock - struct.clock, end - struct.clock, struct.length)]
    if kind == TYPE:
        return [assemble(draft, draft.new_types[(run.client, run.clock)])]
    if kind in (BINARY, EMBED):
        return [struct.content]
    return []


def assemble(draft: Draft, container: Container) -> Any:
    """A fresh shared type as JSON: an object, a list or a text. XML is shown as its children, in a list."""
    runs = draft.children(container)
    if container.shape == Shape.MAP:
        entries: dict[str, Any] = {}
        for run in runs:
            for clock, end in draft.living(run):
                if run.place.key is not None:
                    entries[run.place.key] = values_of(draft, run, clock, end)[-1]
        return entries
    parts: list[Any] = []
    for run, clock, end in _in_order(draft, runs):
        parts.extend(values_of(draft, run, clock, end))
    if container.shape in (Shape.TEXT, Shape.XML_TEXT):
        return "".join(part for part in parts if isinstance(part, str))
    return parts


def _in_order(draft: Draft, runs: list[Run]) -> list[tuple[Run, int, int]]:
    """The living pieces of a fresh sequence in its order.

    Each unit goes right after its left neighbour, which is exact for one writer; several ids of one actor that wrote the same
    new list concurrently may come out in another order than in the document: values are checked here, not shown.
    """
    following: dict[Id | None, Id | None] = {None: None}
    owner: dict[Id, Run] = {}
    for run in runs:
        if run.place.key is not None:
            continue
        left = run.struct.origin
        if left not in following:
            left = None
        if not draft.living(run):
            # the dead may be announced by the million: they stand for one unit
            one = (run.client, run.end - 1)
            following[left], following[one] = one, following[left]
            continue
        for clock in range(run.clock, run.end):
            one = (run.client, clock)
            following[left], following[one] = one, following[left]
            owner[one] = run
            left = one
    pieces: list[tuple[Run, int, int]] = []
    here = following[None]
    while here is not None:
        found = owner.get(here)
        if found is not None and not draft.is_deleted(*here):
            if pieces and pieces[-1][0] is found and pieces[-1][2] == here[1]:
                pieces[-1] = (found, pieces[-1][1], here[1] + 1)
            else:
                pieces.append((found, here[1], here[1] + 1))
        here = following[here]
    return pieces


def _cut_text(text: str, start: int, end: int, length: int) -> str:
    """Units `start` to `end` of a text that is `length` UTF-16 units long."""
    if start == 0 and end == length:
        return text
    if len(text) == length:
        return text[start:end]
    return text.encode("utf-16-le")[2 * start : 2 * end].decode("utf-16-le", "replace")
