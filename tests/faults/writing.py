"""Eight agents that write as fast as they are answered, and the check of what must be left after any disaster.

Each write has an op id that says who made it and which of theirs it is, and is noted as acknowledged after the call has
returned. Afterwards: every noted one is there at its version, none twice, and the log folds to the live state.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter as Tally
from collections.abc import Callable

from accordant import Counter, Document, Engine, Guarded, Log, Namespace
from accordant.engine.commands import Submit
from accordant.engine.host.document_host import DocumentHost
from accordant.engine.host.verify import verify
from accordant.types.commands import Committed, Submission, Write
from accordant.types.entries import Entry, EntryKind
from accordant.types.errors import Conflict
from accordant.types.namespaces import DocumentKey
from accordant.types.readings import Token
from accordant.types.regions import Kind

AGENTS = 8
PLACE = Namespace.task("acme", "q3")
KEY = DocumentKey.of(PLACE, "ledger")


class Books(Document):
    """What the agents write: a log and a counter in one entry, and one guarded field that all of them want."""

    lines: Log[str]
    total: Counter
    last: Guarded[str]


Note = Callable[[str, int], None]


def appending(op_id: str) -> Submission:
    """An item and an increment, together or not at all."""
    writes = (
        Write("lines", Kind.LOG, "append", None, {"items": [op_id]}),
        Write("total", Kind.COUNTER, "increment", None, {"by": 1}),
    )
    return Submission(writes, op_id)


def replacing(op_id: str, expect: Token) -> Submission:
    """A compare-and-swap that leaves its op id as the value."""
    return Submission((Write("last", Kind.GUARDED, "commit", None, {"value": op_id}, expect),), op_id)


async def write(host: DocumentHost, book: Books, session: str, name: str, note: Note, count: int | None = None) -> None:
    """One agent: three appends, then one compare-and-swap, and so on."""
    for n in itertools.count() if count is None else range(count):
        op_id = f"{name}.{n}"
        if n % 4 < 3:
            committed: Committed = await host.call(Submit(session, appending(op_id)))
        else:
            committed = await _replace(host, book, session, op_id)
        note(op_id, committed.version)


async def _replace(host: DocumentHost, book: Books, session: str, op_id: str) -> Committed:
    while True:
        seen = await book.last.read()
        try:
            committed: Committed = await host.call(Submit(session, replacing(op_id, seen.token)))
            return committed
        except Conflict:
            continue


async def write_all(engine: Engine, prefix: str, note: Note, count: int | None = None) -> None:
    """All agents at once; without a count, for ever."""
    host = await engine.host(KEY)
    books = [await engine.open(Books, PLACE, "ledger", agent=f"agent-{n}") for n in range(AGENTS)]
    sessions = [session_of(book) for book in books]
    await asyncio.gather(
        *(
            write(host, book, session, f"{prefix}-{n}", note, count)
            for n, (book, session) in enumerate(zip(books, sessions, strict=True))
        )
    )


def session_of(book: Books) -> str:
    """The session id of a handle, for a submission with an op id of its own."""
    session: str = book._port._joined.session  # type: ignore[attr-defined]
    return session


async def read_log(engine: Engine) -> list[Entry]:
    """The whole log."""
    entries: list[Entry] = []
    while chunk := await engine.store.read(KEY.path, len(entries)):
        entries += chunk
    return entries


async def check(engine: Engine, acknowledged: dict[str, int]) -> None:
    """Everything acknowledged is there, at its version and once; what is there folds to what is shown."""
    book = await engine.open(Books, PLACE, "ledger", agent="auditor")
    entries = await read_log(engine)
    landed = {entry.op_id: entry.offset for entry in entries if entry.op_id is not None}
    lost = {op_id: version for op_id, version in acknowledged.items() if landed.get(op_id) != version}
    assert not lost, f"acknowledged and not there: {lost}"
    doubled = [op_id for op_id, times in Tally(e.op_id for e in entries if e.op_id is not None).items() if times > 1]
    assert not doubled, f"landed twice: {doubled}"

    lines = (await book.lines.read()).value
    appended = [e.op_id for e in entries if e.kind is EntryKind.WRITE and e.ops and e.ops[0].region == "lines"]
    assert sorted(lines) == sorted(filter(None, appended))
    assert (await book.total.read()).value == len(lines)
    _check_chain_of_readings(entries)
    report = await verify(engine.store, KEY.path)
    assert report.agrees, report.discrepancies


def _check_chain_of_readings(entries: list[Entry]) -> None:
    """One winner per version: each compare-and-swap had read the one before it."""
    before = 0
    for entry in entries:
        if entry.kind is EntryKind.WRITE and entry.ops and entry.ops[0].region == "last":
            assert entry.ops[0].read == before
            before = entry.offset


async def retry(engine: Engine, op_ids: list[str], landed_already: dict[str, int]) -> None:
    """Submit the same appends again: those that had landed say so, the others land now, none twice."""
    host = await engine.host(KEY)
    book = await engine.open(Books, PLACE, "ledger", agent="retrier")
    for op_id in op_ids:
        committed: Committed = await host.call(Submit(session_of(book), appending(op_id)))
        if op_id in landed_already:
            assert (committed.duplicate, committed.version) == (True, landed_already[op_id])
