"""What an entry wrote, read back out of it: from the header where it holds the whole, else from the update's bytes. Pure.

An update names no region where its content goes on after something older. So content is told apart by what the header says:
how many items an operation brought, and how their excerpt begins. Where that does not decide, the content is not known (None).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from accordant.engine.update import ANY, STRING, Struct, decode_own
from accordant.types.entries import Entry, OpRecord
from accordant.types.errors import WireError
from accordant.types.refs import Ref
from accordant.types.regions import GUARDED_ROOT

__all__ = ["BRINGS_ITEMS", "KEEPS", "holds", "is_kept", "items_of", "structs_of", "text_of", "value_of"]

BRINGS_ITEMS = frozenset({"append", "compact", "add"})
KEEPS = frozenset({"claim", "renew", "release"})
"""Operations on a guarded field that leave its value as it is."""


def is_kept(op: OpRecord) -> bool:
    """Whether the operation left the value of its path as it was: a claim, or a mark."""
    return op.op in KEEPS or op.op == "suspect" or (op.detail is not None and "of" in op.detail)


def holds(value: Any, text: str) -> bool:
    """Whether the text occurs in a JSON value: inside one of its strings or keys, or inside the digits of a number."""
    if isinstance(value, str):
        return text in value
    if isinstance(value, dict):
        return any(text in key or holds(one, text) for key, one in value.items())
    if isinstance(value, list | tuple):
        return any(holds(one, text) for one in value)
    return text in json.dumps(value)


def structs_of(entry: Entry) -> list[Struct]:
    """The structs of the entry's update, by client and clock; empty when it has none (any more)."""
    if entry.update is None:
        return []
    try:
        update = decode_own(entry.update)
    except WireError:
        return []
    return [struct for _, section in sorted(update.structs.items()) for struct in section]


def value_of(entry: Entry, ref: Ref) -> Any:
    """What the entry gave to what the ref names: a value, an item, the inserted text; None when that is not known any more."""
    mine = [op for op in entry.ops if op.path == ref.path]
    for op in reversed(mine):
        if op.detail is not None and "is_set" in op.detail:
            return op.detail.get("value")
    if ref.n is not None:
        items = [item for op in mine if op.op in BRINGS_ITEMS for item in items_of(entry, op) or ()]
        return items[ref.n] if ref.n < len(items) else None
    if not mine:
        return None
    last = mine[-1]
    if last.op == "set":
        written = items_of(entry, last)
        return written[0] if written else None
    if last.op == "increment":
        return (last.detail or {}).get("by")
    if last.op in BRINGS_ITEMS and "chars" not in (last.detail or {}):
        return items_of(entry, last)
    return text_of(entry, last)


def items_of(entry: Entry, op: OpRecord) -> list[Any] | None:
    """The items that an operation brought to a log or a set, or the one value of a map's key; None when they are not known."""
    detail = op.detail or {}
    excerpt = detail.get("first", detail.get("items", detail.get("value")))
    if isinstance(excerpt, list):
        return excerpt
    count = 1 if op.op == "set" else detail.get("count", 0)
    found = list(_values(entry, op))
    if isinstance(excerpt, str):  # the beginning of their JSON
        for start in range(len(found) - count + 1):
            some = found[start : start + count]
            if json.dumps(some, ensure_ascii=False).startswith(excerpt):
                return some
        return None
    return found if len(found) == count else None


def text_of(entry: Entry, op: OpRecord) -> str | None:
    """The text that an operation inserted; None when it is not known."""
    detail = op.detail or {}
    excerpt, chars = detail.get("inserted"), detail.get("chars")
    if isinstance(excerpt, str) and len(excerpt) == chars:
        return excerpt
    pieces = [struct.content for struct in structs_of(entry) if struct.kind == STRING]
    if not isinstance(excerpt, str):
        return "".join(pieces) or None if len({one.region for one in entry.ops}) == 1 else None
    whole = "".join(pieces)
    at = whole.find(excerpt)
    return whole[at : at + chars] if at >= 0 and isinstance(chars, int) and at + chars <= len(whole) else None


def _values(entry: Entry, op: OpRecord) -> Iterator[Any]:
    """Values in the update that may be this operation's: none that another region's name or another key claims."""
    for struct in structs_of(entry):
        if struct.kind != ANY or struct.parent == GUARDED_ROOT:
            continue
        if isinstance(struct.parent, str) and struct.parent != op.region:
            continue
        if struct.key is not None and op.key is not None and struct.key != op.key:
            continue
        yield from struct.content
