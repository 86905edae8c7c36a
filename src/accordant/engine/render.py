"""Content in document order with where it came from: what pycrdt keeps to itself.

pycrdt does not give ids out, but orders content by them. So each unit of content is replaced by one that says where it came
from, the document is encoded again and read back: the library itself does the ordering. Exact, also with emoji, formats and
concurrent edits. Cost O(document); nothing is kept between.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from accordant.engine.crdt import Replica
from accordant.engine.ledger import Ledger
from accordant.engine.update import ANY, DELETED, GC, STRING, Struct, decode_own, encode_update

__all__ = ["BASE", "FIRST", "item_ids", "unit_versions"]

BASE = 6_000
"""Versions are written in digits of this base, each a private-use character from U+E000 up (there are 6,400)."""
FIRST = 0xE000
_RUN = re.compile(r"(.)\1*", re.DOTALL)


def unit_versions(replica: Replica, ledger: Ledger, region: str, newest: int) -> list[tuple[int, int]]:
    """Which versions brought the UTF-16 units of a root text, in order, by runs: (where the run ends, version). `newest`: no
    version is higher. A run costs about as much as a unit, so that a pasted book is not walked letter by letter."""

    def digit(power: int) -> Callable[[Struct], Struct]:
        def shown(struct: Struct) -> Struct:
            if struct.kind != STRING:  # formats, embeds and tombstones take their place and show nothing
                return struct._replace(kind=DELETED, content=None)
            runs = ledger.versions(struct.client, struct.clock, struct.clock + struct.length)
            return struct._replace(content="".join(chr(FIRST + version // power % BASE) * n for n, version in runs))

        return shown

    powers = [power for power in (1, BASE, BASE**2) if power == 1 or newest >= power]
    texts = [_render(replica, ledger, region, digit(power)).text(region) for power in powers]
    ends = sorted({run.end() for text in texts for run in _RUN.finditer(text)})
    return [
        (end, sum((ord(text[end - 1]) - FIRST) * power for text, power in zip(texts, powers, strict=True)))
        for end in ends
    ]


def item_ids(replica: Replica, ledger: Ledger, region: str) -> list[tuple[int, int]]:
    """The (client, clock) of each item of a root array, in order."""

    def named(struct: Struct) -> Struct:
        if struct.kind == DELETED:
            return struct
        ids = [[struct.client, struct.clock + n] for n in range(struct.length)]
        return struct._replace(kind=ANY, content=ids)

    return [(int(client), int(clock)) for client, clock in _render(replica, ledger, region, named).items(region)]


def _render(replica: Replica, ledger: Ledger, region: str, shown: Callable[[Struct], Struct]) -> Replica:
    """The document again, with the region's content replaced and everything outside it collected."""
    whole = replica.encode()
    update = decode_own(whole)
    root = ledger.roots[region]
    structs: dict[int, list[Struct]] = {}
    for client, section in update.structs.items():
        structs[client] = [
            shown(struct)
            if struct.kind != GC and ledger.place(client, struct.clock).container is root
            else _gone(struct)
            for struct in section
        ]
    return Replica(1, encode_update(structs, update.deletes))


def _gone(struct: Struct) -> Struct:
    return Struct(GC, struct.client, struct.clock, struct.length, None, None, None, None, None, 0)
