"""What a log has got after a version: its newest items alone, where they stand at its end; else all, read and filtered. Pure."""

from __future__ import annotations

from typing import Any

from accordant.engine.state import DocumentState
from accordant.types.regions import Kind

__all__ = ["appended_since"]

Row = tuple[str, int, str | None, int | None]


def appended_since(state: DocumentState, name: str, version: int) -> tuple[list[Any], tuple[Row, ...]]:
    """The items of later versions with (ref, version, by, at) each, in document order."""
    order = state.orders.get(name)
    slots = None if order is None else order.after(version)
    if order is not None and slots is not None and state.replica.size(name) == len(order):
        items = state.replica.last_items(name, len(slots))
        if items is not None:
            return items, tuple((slot.ref(name), slot.version, *state.actors.of(slot.version)) for slot in slots)
    # A late append stands among older ones, or the log was never declared: everything is read, and what is old left out.
    pairs = zip(state.value(name, Kind.LOG), state.log_rows(name), strict=False)
    new = [(item, row) for item, row in pairs if row[1] > version]
    return [item for item, _ in new], tuple(row for _, row in new)
