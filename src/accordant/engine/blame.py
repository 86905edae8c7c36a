"""Which entry brought what, in document order: the characters of a text, the items of an array that no log order keeps.

pycrdt keeps ids to itself, but orders content by them. So each unit of content is replaced by one that says where it came
from, the document is encoded again and read back: the library itself does the ordering. Exact, also with emoji, formats and
concurrent edits. Cost O(document); nothing is kept between.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from accordant.engine.crdt import Replica
from accordant.engine.state import DocumentState
from accordant.engine.update import ANY, DELETED, GC, STRING, Struct, decode_update, encode_update

__all__ = ["Run", "blame", "item_ids"]

BASE = 6_000
"""Versions are written in digits of this base, each a private-use character from U+E000 up (there are 6,400)."""
FIRST = 0xE000


@dataclass(frozen=True, slots=True)
class Run:
    """Characters `start` to `end` (exclusive) came with `version`, written by `actor`."""

    start: int
    end: int
    actor: str
    version: int


def blame(state: DocumentState, region: str) -> list[Run]:
    """The runs of a text region, in order, together covering it."""
    text = state.replica.text(region)
    if not text:
        return []
    digits = [_render(state, region, _digit_of_version(state, power)).text(region) for power in (1, BASE, BASE**2)]
    versions = [
        (ord(a) - FIRST) + (ord(b) - FIRST) * BASE + (ord(c) - FIRST) * BASE**2 for a, b, c in zip(*digits, strict=True)
    ]
    return _runs(state, text, versions)


def item_ids(state: DocumentState, region: str) -> list[tuple[int, int]]:
    """The (client, clock) of each item of a root array, in order."""

    def named(struct: Struct) -> Struct:
        if struct.kind == DELETED:
            return struct
        ids = [[struct.client, struct.clock + n] for n in range(struct.length)]
        return struct._replace(kind=ANY, content=ids)

    return [(int(client), int(clock)) for client, clock in _render(state, region, named).items(region)]


def _render(state: DocumentState, region: str, shown: Callable[[Struct], Struct]) -> Replica:
    """The document again, with the region's content replaced and everything outside it collected."""
    whole = state.replica.encode()
    update = decode_update(whole, len(whole), is_own=True)
    root = state.ledger.roots[region]
    structs: dict[int, list[Struct]] = {}
    for client, section in update.structs.items():
        structs[client] = [
            shown(struct)
            if struct.kind != GC and state.ledger.place(client, struct.clock).container is root
            else _gone(struct)
            for struct in section
        ]
    return Replica(1, encode_update(structs, update.deletes))


def _gone(struct: Struct) -> Struct:
    return Struct(GC, struct.client, struct.clock, struct.length, None, None, None, None, None, 0)


def _digit_of_version(state: DocumentState, power: int) -> Callable[[Struct], Struct]:
    def shown(struct: Struct) -> Struct:
        if struct.kind != STRING:  # formats, embeds and tombstones take their place and show nothing
            return struct._replace(kind=DELETED, content=None)
        letters = (
            chr(FIRST + state.ledger.version(struct.client, clock) // power % BASE)
            for clock in range(struct.clock, struct.clock + struct.length)
        )
        return struct._replace(content="".join(letters))

    return shown


def _runs(state: DocumentState, text: str, versions: Sequence[int]) -> list[Run]:
    """Versions per UTF-16 unit to runs of characters."""
    runs: list[Run] = []
    unit = 0
    for index, character in enumerate(text):
        version = versions[unit]
        unit += 2 if character > "\uffff" else 1
        if runs and runs[-1].version == version:
            runs[-1] = Run(runs[-1].start, index + 1, runs[-1].actor, version)
        else:
            runs.append(Run(index, index + 1, state.actors.of(version)[0] or "?", version))
    return runs
