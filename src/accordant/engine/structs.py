"""What an update consists of: structs, delete sets, and the numbers of their kinds. Values only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

__all__ = [
    "ANY",
    "BINARY",
    "DELETED",
    "EMBED",
    "FORMAT",
    "GC",
    "SKIP",
    "STRING",
    "SUBDOCUMENT",
    "TYPE",
    "DeleteSet",
    "Id",
    "Struct",
    "Update",
    "units",
]

Id = tuple[int, int]
"""(client, clock): the identity of one unit of content."""

DeleteSet = Mapping[int, Sequence[tuple[int, int]]]
"""client -> sorted, disjoint (clock, end) ranges."""

GC: Final = 0
DELETED: Final = 1
BINARY: Final = 3
STRING: Final = 4
EMBED: Final = 5
FORMAT: Final = 6
TYPE: Final = 7
ANY: Final = 8
SUBDOCUMENT: Final = 9
SKIP: Final = 10


class Struct(NamedTuple):
    """One struct. A tuple, because one is made for every keystroke.

    `parent` is a root's name, the id of a shared type, or None where an origin tells. `content` by kind: `str`, `bytes`,
    JSON values (`ANY`: a list), `(key, value)` of a format, `(type, name)` of a shared type. `size` is the content's bytes.
    """

    kind: int
    client: int
    clock: int
    length: int
    origin: Id | None
    right: Id | None
    parent: str | Id | None
    key: str | None
    content: Any
    size: int


class Update(NamedTuple):
    """A decoded update: structs per client in wire order, and the delete set."""

    structs: dict[int, list[Struct]]
    deletes: dict[int, list[tuple[int, int]]]


def units(text: str) -> int:
    """The length of a text in UTF-16 units, which is how Yjs counts."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le")) >> 1
