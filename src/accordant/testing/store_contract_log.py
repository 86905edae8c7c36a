"""What "a store works" means for commits: offsets, guards, op ids, fields and the fence."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from accordant.engine.stores.contract import (
    Appended,
    AuditQuery,
    Commit,
    FieldWrite,
    GuardFailed,
    Outcome,
    StoreFenced,
)
from accordant.testing.store_subject import DOCUMENT, OTHER, Check, Subject, raised, write
from accordant.types.entries import GENESIS, Auth, OpRecord, content_hash, header_json
from accordant.types.errors import Invalid, StoreError

__all__ = ["LOG_CHECKS"]


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


async def documents_are_listed_page_by_page(subject: Subject) -> None:
    """`after` and `limit` cut the same order, of the whole store and below a prefix, without a gap or a double."""
    keys = sorted(
        f"acme/task/q{number % 3}/{name}" for number, name in enumerate(["a", "b", "é", "z", "a0", "中", "😀"])
    )
    for key in keys:
        await subject.store.create(key, "i")
    for prefix in ((), ("acme", "task", "q1")):
        whole = [info.key for info in await subject.store.documents(prefix)]
        assert whole == [key for key in keys if not prefix or key.startswith("acme/task/q1/")]
        paged, after = [], ""
        while page := [info.key for info in await subject.store.documents(prefix, after, 2)]:
            assert len(page) <= 2
            paged += page
            after = page[-1]
        assert paged == whole
        assert await subject.store.documents(prefix, limit=0) == []


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


LOG_CHECKS: tuple[Check, ...] = (
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
    documents_are_listed_page_by_page,
    concurrent_callers_lose_nothing,
    a_fenced_call_changes_nothing,
)
