"""What "a store works" means: one check per promise of the `Store` contract, each over a fresh and empty store.

Run them from any test runner; nothing here imports one:

    @pytest.mark.parametrize("check", STORE_CHECKS, ids=lambda check: check.__name__)
    def test_store(check):
        asyncio.run(run_check(check, open_subject))

`open_subject` is an async context manager that gives a `Subject`. The checks of leases are in `store_contract_leases`.
It must not know any implementation.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from accordant.engine.stores.contract import (
    ALL,
    Appended,
    AuditQuery,
    Commit,
    Compacted,
    FieldWrite,
    GuardFailed,
    Outcome,
    Refused,
    Store,
    StoreFenced,
)
from accordant.types.entries import GENESIS, Auth, Entry, EntryKind, OpRecord, content_hash, header_json
from accordant.types.errors import Invalid, StoreError
from accordant.types.limits import QUARANTINE_BYTES_MAX

__all__ = ["STORE_CHECKS", "Check", "Subject", "raised", "run_check", "write"]

ErrorT = TypeVar("ErrorT", bound=Exception)

DOCUMENT = "acme/task/q3/brief"
OTHER = "acme/task/q3/notes"


@dataclass(frozen=True, slots=True)
class Subject:
    """A store under test: open, empty, and how to let its clock run on."""

    store: Store
    advance: Callable[[float], Awaitable[None]]

    @property
    def resource(self) -> str:
        """The lease that an authority for `DOCUMENT` needs here."""
        return ALL if self.store.exclusive else DOCUMENT

    async def begin(self, document: str = DOCUMENT) -> int:
        """A document and the epoch to write it with."""
        await self.store.create(document, "incarnation-1")
        resource = ALL if self.store.exclusive else document
        return (await self.store.acquire(resource, "first", 60.0)).epoch


Check = Callable[[Subject], Awaitable[None]]


async def run_check(check: Check, open_subject: Callable[[], AbstractAsyncContextManager[Subject]]) -> None:
    """One check over one fresh store."""
    async with open_subject() as subject:
        await check(subject)


def write(offset: int, path: str = "account", **changes: Any) -> Commit:
    """A commit of one guarded write, with what else is asked for: any field of `Commit` or of `Entry`."""
    region, _, key = path.partition("/")
    guards: Mapping[str, int] = changes.pop("guards", {})
    fields: Sequence[FieldWrite] = changes.pop("fields", [FieldWrite(path, f'"{offset}"', "ada", 1000 + offset)])
    refused: Refused | None = changes.pop("refused", None)
    entry = Entry(
        offset=offset,
        kind=EntryKind.WRITE,
        at=1000 + offset,
        actor="ada",
        session="s1",
        ops=(OpRecord(region, "commit", key or None, None, {"value": offset}),),
        update=b"update %d" % offset,
    )
    return Commit(replace(entry, **changes), guards, fields, refused)


async def raised(kind: type[ErrorT], attempt: Awaitable[Any]) -> ErrorT:
    """The error that an attempt must end with."""
    try:
        await attempt
    except kind as error:
        return error
    raise AssertionError(f"it should have raised {kind.__name__}")


async def an_entry_reads_back_as_it_was_written(subject: Subject) -> None:
    """Every field of an entry survives, the hash is chained over the one before it, and offsets start at 1."""
    epoch = await subject.begin()
    full = replace(
        write(1).entry,
        session="s-1",
        generation=7,
        auth=Auth.TOKEN,
        ops=(OpRecord("tasks", "claim", "7/a", 3, {"ttl": 1.5, "who": "ada ☂"}), OpRecord("draft", "append")),
        why="because it — was asked for",
        derived_from=(("account", 3), ("draft", 0)),
        op_id="op-1",
        info={"roles": ["curator"], "nested": {"n": None}},
        update=bytes(range(256)),
    )
    outcomes = await subject.store.commit(DOCUMENT, epoch, [Commit(full), write(2, update=None), write(3, update=b"")])
    entries = await subject.store.read(DOCUMENT)
    assert entries[0] == replace(full, hash=content_hash(GENESIS, 1, header_json(full), full.update))
    previous = GENESIS
    for entry, outcome in zip(entries, outcomes, strict=True):
        assert entry.hash == content_hash(previous, entry.offset, header_json(entry), entry.update)
        assert outcome == Appended(entry.offset, entry.hash)
        previous = entry.hash
    assert [entry.update for entry in entries[1:]] == [None, b""]


async def reading_goes_on_where_it_stopped(subject: Subject) -> None:
    """Pages of a log join without a gap or an overlap, and the end is an empty page."""
    epoch = await subject.begin()
    await subject.store.commit(DOCUMENT, epoch, [write(offset) for offset in range(1, 26)])
    seen: list[int] = []
    while page := await subject.store.read(DOCUMENT, after=len(seen), limit=10):
        assert len(page) <= 10
        seen += [entry.offset for entry in page]
    assert seen == list(range(1, 26))
    assert await subject.store.read(DOCUMENT, after=99) == []
    assert await subject.store.read("acme/task/q3/nothing") == []


async def only_the_expected_offset_is_given(subject: Subject) -> None:
    """A commit that expects another offset than the next one is not written, and later ones in the call go on."""
    epoch = await subject.begin()
    outcomes = await subject.store.commit(DOCUMENT, epoch, [write(1), write(3), write(2)])
    assert outcomes[1] == GuardFailed({"": 1})
    assert [type(outcome) for outcome in outcomes] == [Appended, GuardFailed, Appended]
    assert await subject.store.heads([DOCUMENT, "acme/task/q3/nothing"]) == {DOCUMENT: 2, "acme/task/q3/nothing": 0}


async def one_writer_wins_a_version(subject: Subject) -> None:
    """Of many commits on one version, sent at once, exactly one lands; the others learn the version now (I4)."""
    epoch = await subject.begin()

    async def attempt(number: int) -> Outcome:
        one = write(1, guards={"account": 0}, actor=f"agent-{number}")
        return (await subject.store.commit(DOCUMENT, epoch, [one]))[0]

    outcomes = await asyncio.gather(*(attempt(number) for number in range(16)))
    assert sum(isinstance(outcome, Appended) for outcome in outcomes) == 1
    late = await subject.store.commit(DOCUMENT, epoch, [write(2, guards={"account": 0, "other": 0})])
    assert late == [GuardFailed({"account": 1})]
    assert await subject.store.heads([DOCUMENT]) == {DOCUMENT: 1}


async def guards_see_the_commits_before_them(subject: Subject) -> None:
    """Within one call a commit's guards see what the earlier ones wrote, and nothing of a failed one."""
    epoch = await subject.begin()
    outcomes = await subject.store.commit(
        DOCUMENT,
        epoch,
        [write(1, guards={"account": 0}), write(2, "status", guards={"account": 0}), write(2, guards={"account": 1})],
    )
    assert outcomes[1] == GuardFailed({"account": 1})
    head, fields = await subject.store.fields(DOCUMENT)
    assert head == 2
    assert [(row.path, row.version) for row in fields] == [("account", 2)]


async def a_field_keeps_its_row_when_deleted(subject: Subject) -> None:
    """A deleted field reads as None at the version of the delete, so that delete and re-create repeat no version."""
    epoch = await subject.begin()
    gone = FieldWrite("account", None, "bob", 2, state='{"holder":"bob"}')
    kept = FieldWrite("claim", "1", "bob", 3, version=2)
    commits = [write(1), write(2, fields=[gone]), write(3, fields=[kept]), write(4, guards={"account": 0})]
    outcomes = await subject.store.commit(DOCUMENT, epoch, commits)
    assert outcomes[3] == GuardFailed({"account": 2})
    _, fields = await subject.store.fields(DOCUMENT)
    rows = {row.path: (row.value, row.version, row.by, row.at, row.state) for row in fields}
    assert rows == {"account": (None, 2, "bob", 2, '{"holder":"bob"}'), "claim": ("1", 2, "bob", 3, None)}


async def an_op_id_lands_once(subject: Subject) -> None:
    """A repeated op id is answered with where it landed and writes nothing, in one call, later, and in a new epoch."""
    epoch = await subject.begin()
    first, again = await subject.store.commit(DOCUMENT, epoch, [write(1, op_id="x"), write(2, op_id="x")])
    assert isinstance(first, Appended)
    assert again == replace(first, duplicate=True)
    await subject.advance(61.0)
    newer = await subject.store.acquire(subject.resource, "second", 60.0)
    stale, fresh = [
        (await subject.store.commit(DOCUMENT, number, [write(2, op_id="x")]))[0] for number in (epoch, newer.epoch)
    ]
    assert stale == fresh == replace(first, duplicate=True)
    assert await subject.store.heads([DOCUMENT]) == {DOCUMENT: 1}


async def op_ids_belong_to_their_document(subject: Subject) -> None:
    """The same op id in two documents is two operations, and so are their logs, fields and checkpoints."""
    epoch = await subject.begin()
    other_epoch = epoch if subject.store.exclusive else await subject.begin(OTHER)
    await subject.store.create(OTHER, "incarnation-2")
    await subject.store.commit(DOCUMENT, epoch, [write(1, op_id="x")])
    outcome = (await subject.store.commit(OTHER, other_epoch, [write(1, "status", op_id="x")]))[0]
    assert isinstance(outcome, Appended)
    assert not outcome.duplicate
    await subject.store.checkpoint(OTHER, 1, b"state")
    assert await subject.store.load(DOCUMENT) is None
    assert [row.path for row in (await subject.store.fields(DOCUMENT))[1]] == ["account"]
    assert [entry.ops[0].region for entry in await subject.store.audit(AuditQuery(OTHER, actor="ada"))] == ["status"]


async def what_cannot_be_stored_changes_nothing(subject: Subject) -> None:
    """A commit with text that does not encode, or for a document that was never created, is refused unwritten."""
    epoch = await subject.begin()
    for bad in (write(2, why="\ud800"), write(2, info={"x": object()}), write(0), write(2, at=-1)):
        await raised(Invalid, subject.store.commit(DOCUMENT, epoch, [write(1), bad]))
    error = await raised(StoreError, subject.store.commit("acme/task/q3/nothing", epoch, [write(1)]))
    assert (error.code, error.landed) == ("unknown_document", False)
    assert await subject.store.heads([DOCUMENT]) == {DOCUMENT: 0}
    assert isinstance((await subject.store.commit(DOCUMENT, epoch, [write(1)]))[0], Appended)


async def a_document_is_created_once(subject: Subject) -> None:
    """The first creation decides the incarnation; later ones are answered with the document as it is."""
    store = subject.store
    first = await store.create(DOCUMENT, "one")
    epoch = await subject.begin()
    outcome = (await store.commit(DOCUMENT, epoch, [write(1)]))[0]
    assert isinstance(outcome, Appended)
    again = await store.create(DOCUMENT, "two")
    assert again == replace(first, head=1, head_hash=outcome.hash)
    assert (first.key, first.incarnation, first.head, first.head_hash) == (DOCUMENT, "one", 0, GENESIS)


async def documents_are_listed_by_whole_segments(subject: Subject) -> None:
    """A prefix matches whole segments of a key and nothing that merely begins alike (I11)."""
    keys = [
        "acme/task/q3/brief",
        "acme/task/q3-old/brief",
        "acme/task/q30/brief",
        "acme2/task/q3/brief",
        "acme/role/q3/b",
    ]
    for key in keys:
        await subject.store.create(key, "i")
    expected: dict[tuple[str, ...], list[str]] = {
        (): sorted(keys),
        ("acme", "task", "q3"): ["acme/task/q3/brief"],
        ("acme", "task"): sorted(key for key in keys if key.startswith("acme/task/")),
        ("acme/task", "q3"): [],
        ("acme", "task", "q3", "brief"): ["acme/task/q3/brief"],
        ("acme", "ta"): [],
        ("%",): [],
    }
    for prefix, listed in expected.items():
        assert [info.key for info in await subject.store.documents(prefix)] == listed, prefix


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


async def concurrent_callers_lose_nothing(subject: Subject) -> None:
    """Many tasks that append at once, retrying on the offset they were told, all land, in one gap-free chain."""
    epoch = await subject.begin()

    async def append(number: int) -> None:
        offset = 1
        while True:
            one = write(offset, f"field-{number}", op_id=f"op-{number}")
            outcome = (await subject.store.commit(DOCUMENT, epoch, [one]))[0]
            if isinstance(outcome, Appended):
                return
            assert isinstance(outcome, GuardFailed)
            offset = outcome.failed[""] + 1

    await asyncio.gather(*(append(number) for number in range(24)))
    entries = await subject.store.read(DOCUMENT)
    assert [entry.offset for entry in entries] == list(range(1, 25))
    assert len({entry.op_id for entry in entries}) == 24


async def a_fenced_call_changes_nothing(subject: Subject) -> None:
    """A commit of any epoch but the newest is answered with the newest, and nothing of it is written (I3)."""
    await subject.store.create(DOCUMENT, "i")
    assert await subject.store.commit(DOCUMENT, 0, [write(1)]) == [StoreFenced(0)], "nobody has the authority yet"
    old = await subject.begin()
    await subject.advance(61.0)
    new = (await subject.store.acquire(subject.resource, "second", 60.0)).epoch
    for epoch in (old, new + 1, 0):
        assert await subject.store.commit(DOCUMENT, epoch, [write(1)]) == [StoreFenced(new)]
    assert await subject.store.heads([DOCUMENT]) == {DOCUMENT: 0}
    assert (await subject.store.fields(DOCUMENT)) == (0, [])


STORE_CHECKS: tuple[Check, ...] = (
    an_entry_reads_back_as_it_was_written,
    reading_goes_on_where_it_stopped,
    only_the_expected_offset_is_given,
    one_writer_wins_a_version,
    guards_see_the_commits_before_them,
    a_field_keeps_its_row_when_deleted,
    an_op_id_lands_once,
    op_ids_belong_to_their_document,
    what_cannot_be_stored_changes_nothing,
    a_document_is_created_once,
    documents_are_listed_by_whole_segments,
    a_checkpoint_is_the_newest_state,
    truncation_keeps_what_happened,
    audit_answers_every_question,
    quarantine_keeps_what_was_refused,
    concurrent_callers_lose_nothing,
    a_fenced_call_changes_nothing,
)
