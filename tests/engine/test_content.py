"""What an entry wrote, read back: by its header, or out of its update."""

from __future__ import annotations

from typing import Any

from accordant.engine.content import holds, is_kept, items_of, text_of, value_of
from accordant.engine.update import ANY, STRING, Struct, encode_update
from accordant.types.entries import Entry, EntryKind, OpRecord
from accordant.types.refs import Ref


def entry(*ops: OpRecord, structs: tuple[Struct, ...] = ()) -> Entry:
    update = encode_update({structs[0].client: list(structs)}) if structs else None
    return Entry(7, EntryKind.WRITE, 0, "ada", ops=ops, update=update)


def struct(kind: int, clock: int, content: Any, parent: str | None = "r", key: str | None = None) -> Struct:
    origin = (9, clock - 1) if parent is None else None
    return Struct(kind, 9, clock, len(content), origin, None, parent, key, content, 0)


def test_a_text_is_in_a_value_wherever_it_stands() -> None:
    """In strings, keys and digits, however deep; never across two of them."""
    assert holds({"a": [{"b 4.1": 1}]}, "4.1")
    assert holds([4.125], "4.1")
    assert holds(True, "true")
    assert not holds(["4", ".1"], "4.1")
    assert not holds({"a": None}, "none")


def test_items_are_told_apart_by_their_excerpt() -> None:
    """Of several operations in one update each gets its own items; where that cannot be told, nothing is said."""
    long = ["a" * 500, "b"]
    op = OpRecord("r", "append", None, None, {"count": 2, "first": '["' + "a" * 198})
    other = OpRecord("s", "append", None, None, {"count": 1, "first": ["x"]})
    both = entry(op, other, structs=(struct(ANY, 0, ["x"], "s"), struct(ANY, 1, long)))
    assert items_of(both, op) == long
    assert items_of(both, other) == ["x"]
    assert value_of(both, Ref("r@7.1")) == "b"
    assert value_of(both, Ref("r@7.2")) is None
    peer = OpRecord("r", "append", None, None, {"count": 2})
    assert items_of(entry(peer, structs=(struct(ANY, 1, [1, 2], None),)), peer) == [1, 2]
    assert items_of(entry(peer, structs=(struct(ANY, 1, [1, 2, 3], None),)), peer) is None
    assert items_of(entry(op), op) is None


def test_a_long_text_is_read_from_the_update() -> None:
    """The header has its beginning and its length."""
    long = "0123456789" * 50
    op = OpRecord("r", "append", None, None, {"inserted": long[:200], "chars": len(long)})
    assert text_of(entry(op, structs=(struct(STRING, 3, long, None),)), op) == long
    assert text_of(entry(op), op) is None
    short = OpRecord("r", "append", None, None, {"inserted": "short", "chars": 5})
    assert value_of(entry(short), Ref("r@7")) == "short"


def test_what_keeps_a_value() -> None:
    """Claims, marks and what has the value of another; not a commit."""
    assert is_kept(OpRecord("r", "claim", "k", None, {"value": 1, "is_set": True}))
    assert is_kept(OpRecord("r", "retract", None, None, {"of": "r@3"}))
    assert not is_kept(OpRecord("r", "commit", None, None, {"value": 1, "is_set": True}))
