"""Neighbours that one struct could hold: honest peers send many, and what merging them costs is bounded."""

from __future__ import annotations

import base64
import json
import sys
from pathlib import Path

import pycrdt
import pytest

from node_tools import NodeRun

sys.path.insert(0, str(Path(__file__).parent / "hostile"))
from honest_hub import Hub

from accordant.engine.structs import ANY, GC, STRING, DeleteSet, Struct
from accordant.engine.update import decode_update, encode_update
from accordant.types.errors import WireError


def neighbours(kind: int, count: int, length: int = 1, deletes: DeleteSet | None = None) -> bytes:
    """An update of `count` structs of client 9, each right after the one before."""
    content = {STRING: "x" * length, ANY: [1] * length, GC: None}[kind]
    structs = [
        Struct(kind, 9, n * length, length, (9, n * length - 1) if n else (1, 1), None, None, None, content, 0)
        for n in range(count)
    ]
    return encode_update({9: structs}, deletes)


@pytest.mark.parametrize(
    ("kind", "count", "length", "passes"),
    [
        (STRING, 15_000, 1, True),
        (STRING, 20_000, 1, False),
        (STRING, 5_000, 10, True),
        (STRING, 5_000, 12, False),
        (ANY, 2_000, 1, True),
        (ANY, 2_100, 1, False),
        (GC, 2_000, 1000, True),
        (GC, 20_000, 1, False),
    ],
)
def test_what_merging_copies_is_bounded(kind: int, count: int, length: int, passes: bool) -> None:
    """What the library would copy is refused beyond the bound, and only then; the document's own updates are exempt."""
    data = neighbours(kind, count, length)
    assert len(decode_update(data, is_own=True).structs[9]) == count
    if passes:
        decode_update(data)
        return
    with pytest.raises(WireError) as caught:
        decode_update(data)
    assert caught.value.code == "squashable_run"


def test_the_dead_do_not_merge_with_the_living() -> None:
    """Neighbours of which every other one is deleted cost nothing; deleting inside each one changes nothing."""
    every_other = {9: [(40 * n, 40 * n + 20) for n in range(5_000)]}
    decode_update(neighbours(STRING, 10_000, 20, every_other))
    inside = {9: [(20 * n + 5, 20 * n + 6) for n in range(10_000)]}
    with pytest.raises(WireError):
        decode_update(neighbours(STRING, 10_000, 20, inside))


def test_a_text_that_was_undone_and_redone_arrives_at_once(node_run: NodeRun) -> None:
    """An editor that was offline keeps what it undid and redid in pieces, and so does a document without collection."""
    for line in node_run("redone_updates.mjs").splitlines():
        told = json.loads(line)
        hub = Hub()
        hub.receive(base64.b64decode(told["update"]), "ann")
        assert str(hub.doc.get("text", type=pycrdt.Text)) == told["text"], told["name"]
