"""What it costs to judge an update that was made to be costly: in proportion to its bytes, whatever is in it."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "hostile"))
from hostile_payloads import (
    ANN,
    ANY,
    EMBED,
    FORMAT,
    NEW,
    STRING,
    TYPE,
    World,
    into,
    item,
    one,
    prepare,
    put,
    raw,
    text,
    uint,
)

BYTE_US_MAX = 15.0
GROWTH_MAX = 4.0
"""How much dearer a byte may be in an update of eight times the size: a quadratic judge would show eight."""


def _ranges(w: World, n: int) -> bytes:
    put(w.hub, "ann", [item(STRING, ANN, 22, "z" * (4 * n), origin=(ANN, 13))])
    return one(deletes={ANN: [(22 + 2 * k, 23 + 2 * k) for k in range(n)]})


def _chain(kind: int, content: object, root: str, n: int) -> bytes:
    """Each behind the one before."""
    return one(
        *(item(kind, NEW, k, content, origin=(NEW, k - 1) if k else None, parent=None if k else root) for k in range(n))
    )


COSTLY: dict[str, Callable[[World, int], bytes]] = {
    "delete ranges": _ranges,
    "insertions at one place": lambda w, n: one(*(item(STRING, NEW, k, "x", origin=w.text) for k in range(n))),
    "insertions from the end": lambda w, n: one(
        *(item(STRING, NEW, k, "x", right=(NEW, k - 1) if k else None, parent=None if k else "text") for k in range(n))
    ),
    "values within values": lambda w, n: raw(into("log", ANY, uint(n // 5) + (b"\x75\1" * 30 + b"\x7e") * (n // 5))),
    "members of one object": lambda w, n: raw(
        into("log", ANY, b"\1\x76" + uint(n) + b"".join(text(f"k{k}") + b"\x7e" for k in range(n)))
    ),
    "keys of a map": lambda w, n: one(*(item(ANY, NEW, k, [k], parent="map", key=f"k{k}") for k in range(n))),
    "formats": lambda w, n: one(*(item(FORMAT, NEW, k, ("b", k), origin=w.text) for k in range(n))),
    "embeds": lambda w, n: one(*(item(EMBED, NEW, k, {"a": [[[k]]]}, origin=w.text) for k in range(n))),
    "elements": lambda w, n: _chain(TYPE, (3, "p"), "xml", n),
    "clients": lambda w, n: one(*(item(STRING, 1_000 + k, 0, "x", origin=w.text) for k in range(n // 8))),
}


def byte_us(make: Callable[[World, int], bytes], size: int) -> float:
    """Microseconds of the processor for each byte of such an update, the best of three."""
    found = []
    for _ in range(3):
        world = prepare()
        update = make(world, size)
        began = time.process_time()
        world.hub.receive(update, "eve")
        found.append((time.process_time() - began) / len(update) * 1e6)
    return min(found)


@pytest.mark.parametrize("name", COSTLY)
def test_a_byte_costs_the_same_in_a_large_update(name: str) -> None:
    """Judging, applying and entering eight times as much costs about eight times as much, and little for each byte."""
    small, large = byte_us(COSTLY[name], 1_000), byte_us(COSTLY[name], 8_000)
    assert large < BYTE_US_MAX
    assert large < GROWTH_MAX * small, (small, large)
