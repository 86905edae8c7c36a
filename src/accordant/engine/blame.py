"""Who wrote which characters of a text: every run with the version that brought it.

pycrdt keeps ids to itself, but orders content by them. So each unit of text is replaced by a private-use character that
stands for its version, the document is encoded again and read back: the library itself puts the versions in order. Formats and
deletions stay where they are. Exact, also with emoji, formats and concurrent edits; cost O(document), nothing kept between.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from accordant.engine.crdt import Replica
from accordant.engine.state import DocumentState
from accordant.engine.update import ANY, BINARY, DELETED, EMBED, FORMAT, STRING, Struct, decode_update, encode_update

__all__ = ["Run", "blame"]

BASE = 6_000
"""Digits per private-use character: U+E000 to U+F76F."""
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
    whole = state.replica.encode()
    structs = decode_update(whole, bytes_max=len(whole), run_max=len(whole))
    low = _render(state, region, structs.structs, structs.deletes, 0)
    high = _render(state, region, structs.structs, structs.deletes, 1)
    versions = [(ord(b) - FIRST) * BASE + ord(a) - FIRST for a, b in zip(low, high, strict=True)]
    return _runs(state, text, versions)


def _render(
    state: DocumentState,
    region: str,
    structs: dict[int, list[Struct]],
    deletes: dict[int, list[tuple[int, int]]],
    digit: int,
) -> str:
    """The text with each unit replaced by one digit of its version."""
    shown = {
        client: [_shown(state, region, struct, digit) for struct in section] for client, section in structs.items()
    }
    return Replica(1, encode_update(shown, deletes)).text(region)


def _shown(state: DocumentState, region: str, struct: Struct, digit: int) -> Struct:
    if struct.kind in (ANY, BINARY, EMBED, FORMAT):
        return struct._replace(kind=DELETED, content=None)
    if struct.kind != STRING:
        return struct
    place = state.ledger.place(struct.client, struct.clock)
    if place.container.root.name != region or place.container.parent is not None:
        return struct._replace(kind=DELETED, content=None)
    letters: list[str] = []
    for clock in range(struct.clock, struct.clock + struct.length):
        found = state.ledger.find(struct.client, clock)
        version = 0 if found is None else found.offset
        letters.append(chr(FIRST + (version % BASE if digit == 0 else version // BASE % BASE)))
    return struct._replace(content="".join(letters))


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


