"""The one thing that the gate cannot decide, found afterwards: insertions that name their neighbours in the wrong order.

A right origin that stands left of the origin takes the order of the whole list to see, which only the library has. No honest
peer makes one; a hostile one makes replicas that saw every update and replicas that got the whole document at once disagree.
So now and then both are compared, and a region where they differ is written anew under fresh ids, as the live replica has it.
"""

from __future__ import annotations

from accordant.engine.crdt import Emission, Replica
from accordant.engine.state import DocumentState
from accordant.types.regions import Kind

__all__ = ["diverging", "rewrite"]


def diverging(state: DocumentState) -> list[tuple[str, Kind]]:
    """Texts and arrays that a fresh replica of the same bytes shows differently."""
    fresh = Replica(1, state.replica.encode())
    found: list[tuple[str, Kind]] = []
    for name, kind in state.kinds().items():
        if kind is Kind.TEXT:
            agrees = fresh.text(name) == state.replica.text(name)
        else:
            agrees = kind is not Kind.LOG or fresh.items(name) == state.replica.items(name)
        if not agrees:
            found.append((name, kind))
    return found


def rewrite(replica: Replica, name: str, kind: Kind, emission: Emission) -> None:
    """Replace a region's content by itself, under new ids; inside `replica.change()`."""
    if kind is Kind.TEXT:
        text = replica.text(name)
        replica.edit_text(name, 0, len(text), text)
    else:
        items = replica.items(name)
        replica.remove_items(name, 0, len(items))
        replica.insert_items(name, 0, items, emission)
