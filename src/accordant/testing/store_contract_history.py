"""What "a store works" means for what is kept: checkpoints, truncation, audit and quarantine."""

from __future__ import annotations

import struct
from typing import Any

from accordant.engine.stores.contract import (
    Appended,
    AuditQuery,
    Compacted,
    Refused,
)
from accordant.testing.store_subject import DOCUMENT, Check, Subject, raised, write
from accordant.types.entries import EntryKind, OpRecord
from accordant.types.errors import Invalid
from accordant.types.limits import QUARANTINE_BYTES_MAX

__all__ = ["HISTORY_CHECKS"]


async def a_checkpoint_is_the_newest_state(subject: Subject) -> None:
    """`load` gives the newest checkpoint with the chain's hash there; the first one stays loadable by its offset."""
    epoch = await subject.begin()
    store = subject.store
    await store.commit(DOCUMENT, epoch, [write(offset) for offset in range(1, 11)])
    hashes = [entry.hash for entry in await store.read(DOCUMENT)]
    assert await store.load(DOCUMENT) is None
    for offset in (2, 8, 5):
        await store.checkpoint(DOCUMENT, offset, b"state %d" % offset)
    newest, first = await store.load(DOCUMENT), await store.load(DOCUMENT, upto=4)
    assert newest is not None
    assert (newest.offset, newest.hash, newest.state) == (8, hashes[7], b"state 8")
    assert first is not None
    assert (first.offset, first.state) == (2, b"state 2")
    assert await store.load(DOCUMENT, upto=1) is None
    await raised(Invalid, store.checkpoint(DOCUMENT, 11, b""))


async def truncation_keeps_what_happened(subject: Subject) -> None:
    """Truncated entries lose their bytes and nothing else: audit, hashes and op ids stay, reading says `Compacted`."""
    epoch = await subject.begin()
    store = subject.store
    commits = [write(offset, op_id=f"op-{offset}", update=None if offset == 2 else b"u") for offset in range(1, 11)]
    await store.commit(DOCUMENT, epoch, commits)
    hashes = [entry.hash for entry in await store.read(DOCUMENT)]
    assert await store.truncate(DOCUMENT, 5) == 0, "nothing may go without a checkpoint"
    await store.checkpoint(DOCUMENT, 6, b"state")
    assert await store.truncate(DOCUMENT, 4) == 3
    assert await store.truncate(DOCUMENT, 99) == 2
    assert await store.truncate(DOCUMENT, 99) == 0
    for after in (0, 5):
        compacted = await raised(Compacted, store.read(DOCUMENT, after=after))
        assert compacted.checkpoint == 6
    assert [entry.offset for entry in await store.read(DOCUMENT, after=6)] == [7, 8, 9, 10]
    listed = await store.audit(AuditQuery(DOCUMENT, oldest_first=True))
    assert [entry.hash for entry in listed] == hashes
    assert [entry.update for entry in listed] == [None] * 6 + [b"u"] * 4
    again = await store.commit(DOCUMENT, epoch, [write(11, op_id="op-3")])
    assert again == [Appended(3, hashes[2], duplicate=True)]


async def audit_answers_every_question(subject: Subject) -> None:
    """Actor, path prefix, kind, outcome, time and page, alone and together, newest first or oldest first."""
    epoch = await subject.begin()
    denial: dict[str, Any] = {"kind": EntryKind.DENIAL, "outcome": "conflict", "update": None, "fields": ()}
    deep = OpRecord("notes", "set", "a/b/c/d/e/f/g/h/i/j/k")
    commits = [
        write(1, "tasks/7", at=100),
        write(2, "tasks2", at=200, actor="bob"),
        write(3, "tasks", at=150, actor="bob"),
        write(4, "tasks/7", at=400, actor="bob", **denial),
        write(5, "tasks/70", at=500, ops=(OpRecord("tasks", "set", "70"), OpRecord("draft", "append"), deep)),
    ]
    await subject.store.commit(DOCUMENT, epoch, commits)
    questions: list[tuple[dict[str, Any], list[int]]] = [
        ({}, [5, 4, 3, 2, 1]),
        ({"oldest_first": True, "limit": 2}, [1, 2]),
        ({"path": "tasks"}, [5, 4, 3, 1]),
        ({"path": "tasks/7"}, [4, 1]),
        ({"path": "task"}, []),
        ({"path": ""}, []),
        ({"path": "notes/a/b/c/d/e/f/g/h/i"}, [5]),
        ({"path": "notes/a/b/c/d/e/f/g/h/x"}, []),
        ({"actor": "bob", "path": "tasks"}, [4, 3]),
        ({"actor": "bob", "oldest_first": True, "limit": 1}, [2]),
        ({"kind": "denial"}, [4]),
        ({"outcome": "conflict", "actor": "ada"}, []),
        ({"since": 150, "until": 400}, [3, 2]),
        ({"since": 150, "until": 400, "path": "tasks"}, [3]),
        ({"since": 150, "before": 3}, [2]),
        ({"before": 4, "limit": 2}, [3, 2]),
        ({"limit": 0}, []),
    ]
    for question, expected in questions:
        found = await subject.store.audit(AuditQuery(DOCUMENT, **question))
        assert [entry.offset for entry in found] == expected, question


async def quarantine_keeps_what_was_refused(subject: Subject) -> None:
    """Refused bytes are kept with who and why; beyond the bound the oldest give up their bytes and nothing else."""
    epoch = await subject.begin()
    size = QUARANTINE_BYTES_MAX // 4 - 1
    for offset in range(1, 7):
        refused = Refused(bytes([offset]) * size, f"reason {offset}", "peer-1")
        await subject.store.commit(DOCUMENT, epoch, [write(offset, kind=EntryKind.REFUSAL, refused=refused)])
    rows = await subject.store.quarantine(DOCUMENT)
    assert [row["offset"] for row in rows] == [1, 2, 3, 4, 5, 6]
    assert [row["update"] is None for row in rows] == [True, True, False, False, False, False]
    assert {row["size"] for row in rows} == {size}
    assert rows[5]["update"] == bytes([6]) * size
    assert (rows[0]["reason"], rows[0]["peer"], rows[0]["at"]) == ("reason 1", "peer-1", 1001)
    assert len({row["sha256"] for row in rows}) == 6


async def entries_are_picked_by_offset(subject: Subject) -> None:
    """Asked-for entries come once each in offset order, compacted ones without their bytes, unknown ones not at all."""
    epoch = await subject.begin()
    store = subject.store
    await store.commit(DOCUMENT, epoch, [write(offset) for offset in range(1, 8)])
    await store.checkpoint(DOCUMENT, 2, b"state")
    await store.truncate(DOCUMENT, 2)
    picked = await store.pick(DOCUMENT, [6, 2, 99, 6, 0, -1, 3])
    assert [entry.offset for entry in picked] == [2, 3, 6]
    assert [entry.update for entry in picked] == [None, b"update 3", b"update 6"]
    assert picked == [
        one for one in await store.audit(AuditQuery(DOCUMENT, oldest_first=True)) if one.offset in (2, 3, 6)
    ]
    assert await store.pick(DOCUMENT, []) == []
    assert await store.pick("acme/task/q3/nowhere", [1]) == []


async def a_text_is_found_wherever_it_was_recorded(subject: Subject) -> None:
    """In an operation's detail or an update's bytes, quotes and umlauts included; not in reasons, names or compacted bytes."""
    epoch = await subject.begin()
    store = subject.store
    odd = 'a "quoted" \\ line\nand Ünïcode 😀'
    number = b"\x7b" + struct.pack(">d", 4.1)
    commits = [
        write(1, update=b"..needle.."),
        write(2, why="needle", actor="needle", session="needle", update=None),
        write(3, ops=(OpRecord("draft", "append", None, None, {"inserted": odd}),), update=None),
        write(4, ops=(OpRecord("rate", "commit", None, None, {"value": {"deep": ["a needle", 4.1]}}),), update=None),
        write(5, update=b".." + odd.encode()),
        write(6, update=b".." + number),
        write(7, ops=(), info={"code": "needle"}, update=None),
        write(8, update=b"a needle"),
    ]
    await store.commit(DOCUMENT, epoch, commits)

    async def found(text: str, **limits: int) -> list[int]:
        return [entry.offset for entry in await store.search(DOCUMENT, text, **limits)]

    assert await found("needle") == [8, 4, 1]
    assert await found("needle", limit=2) == [8, 4]
    assert await found("needle", before=8, limit=1) == [4]
    assert await found("needle", before=1) == []
    assert await found(odd) == [5, 3]
    assert await found("4.1") == [6, 4]
    assert await found("") == await found("nowhere") == await found("needle", limit=0) == []
    assert await store.search("acme/task/q3/nowhere", "needle") == []
    await store.checkpoint(DOCUMENT, 4, b"state")
    await store.truncate(DOCUMENT, 4)
    assert await found("needle") == [8, 4], "its header is searched still"


HISTORY_CHECKS: tuple[Check, ...] = (
    a_checkpoint_is_the_newest_state,
    truncation_keeps_what_happened,
    audit_answers_every_question,
    quarantine_keeps_what_was_refused,
    entries_are_picked_by_offset,
    a_text_is_found_wherever_it_was_recorded,
)
