"""A real paper, keystroke by keystroke: 259,778 edits by three authors through gate, log and engine.

`python bench/trace.py [--quick] [--trace FILE]`. The file is editing-traces' automerge-paper.json.gz ({startContent,
endContent, txns: [{time, patches: [[position, deleted, inserted]]}]}); by default the one in ../shared/data/traces beside
this repository. The trace is one sequence; wherever its author paused for a while, and at the latest after a thousand edits,
the next of three plain Yjs peers takes over, having fetched what the others wrote. At the end the text must be byte-equal
to the recorded one.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import pycrdt
from measuring import Row, folder, is_quick, peak_mib, report

from accordant import Document, Engine, Namespace, Text
from accordant.engine.commands import Declare, Join, Sync, Update
from accordant.engine.host.document_host import DocumentHost
from accordant.engine.machine import Machine
from accordant.engine.state import DocumentState
from accordant.types.limits import AUTHORITY_ID_MIN
from accordant.types.namespaces import DocumentKey
from accordant.types.regions import Kind

TRACE = Path(__file__).resolve().parents[2] / "shared" / "data" / "traces" / "automerge-paper.json.gz"
PLACE = Namespace.task("bench", "trace")
AUTHORS = 3
PAUSE_S = 30
TURN_MAX = 1_000
IN_FLIGHT = 500
QUICK_EDITS = 10_000

Patch = tuple[int, int, str]


class Paper(Document):
    draft: Text


def load(path: Path) -> tuple[list[list[Patch]], str]:
    """(turns: the edits between two long pauses, the text at the end)."""
    trace = json.loads(gzip.decompress(path.read_bytes()))
    turns: list[list[Patch]] = [[]]
    before: datetime | None = None
    edits = trace["txns"][:QUICK_EDITS] if is_quick() else trace["txns"]
    for one in edits:
        now = datetime.fromisoformat(one["time"])
        paused = before is not None and (now - before).total_seconds() > PAUSE_S
        if paused or len(turns[-1]) >= TURN_MAX:
            turns.append([])
        before = now
        turns[-1] += [(at, deleted, inserted) for at, deleted, inserted in one["patches"]]
    end = trace["endContent"] if not is_quick() else replayed(turns)
    return turns, end


def replayed(turns: list[list[Patch]]) -> str:
    """The text that a list of characters gives."""
    text: list[str] = []
    for turn in turns:
        for at, deleted, inserted in turn:
            text[at : at + deleted] = inserted
    return "".join(text)


class Author:
    """A plain Yjs peer that types."""

    def __init__(self, client_id: int) -> None:
        self.doc: pycrdt.Doc[Any] = pycrdt.Doc(client_id=client_id)
        self.draft = self.doc.get("draft", type=pycrdt.Text)
        self.typed: list[bytes] = []
        self._subscription = self.doc.observe(lambda event: self.typed.append(event.update))

    def type(self, turn: list[Patch]) -> list[bytes]:
        """The updates of these edits; the trace is ASCII, so that characters are bytes."""
        self.typed.clear()
        for at, deleted, inserted in turn:
            with self.doc.transaction():
                if deleted:
                    del self.draft[at : at + deleted]
                if inserted:
                    self.draft.insert(at, inserted)
        return list(self.typed)

    def fetch(self, update: bytes) -> None:
        """What the others wrote."""
        self.doc.apply_update(update)


def record(turns: list[list[Patch]]) -> list[tuple[int, list[bytes]]]:
    """(author, updates) of each turn: typed once, sent through everything that is measured."""
    authors = [Author(100 + n) for n in range(AUTHORS)]
    written: list[tuple[int, list[bytes]]] = []
    for number, turn in enumerate(turns):
        author, last = authors[number % AUTHORS], authors[(number - 1) % AUTHORS]
        author.fetch(last.doc.get_update(author.doc.get_state()))
        written.append((number % AUTHORS, author.type(turn)))
    return written


def bare(written: list[tuple[int, list[bytes]]]) -> tuple[float, str]:
    """pycrdt alone, as a server that checks and keeps nothing."""
    doc: pycrdt.Doc[Any] = pycrdt.Doc(client_id=1)
    doc.get("draft", type=pycrdt.Text)
    subscription = doc.observe(lambda event: event.update)
    start = time.perf_counter()
    for _, updates in written:
        for update in updates:
            doc.apply_update(update)
    took = time.perf_counter() - start
    doc.unobserve(subscription)
    return took, str(doc["draft"])


def machine(written: list[tuple[int, list[bytes]]]) -> tuple[float, str]:
    """Gate, library, ledger and entries, without a store."""
    one = Machine(DocumentState(AUTHORITY_ID_MIN + 1), AUTHORITY_ID_MIN + 1, "bench")
    one.take_over(0, "bench")
    one.handle(Declare(Paper.__schema__, "bench", trusted=True), 0)
    for n in range(AUTHORS):
        one.handle(Join(f"s{n}", f"author-{n}"), 0)
    start = time.perf_counter()
    for author, updates in written:
        for update in updates:
            reply = one.handle(Update(f"s{author}", update), 0).reply
            if not isinstance(reply, int):
                raise reply
    return time.perf_counter() - start, str(one.state.value("draft", Kind.TEXT))


async def engine(
    written: list[tuple[int, list[bytes]]], path: Path | None, durability: Literal["fsync", "process"]
) -> tuple[float, str]:
    """The whole engine; each author's updates are pipelined, and durable before they are acknowledged."""
    async with Engine(path, durability=durability) as one:
        paper = await one.open(Paper, PLACE, "paper", agent="owner")
        host = await one.host(DocumentKey.of(PLACE, "paper"))
        for n in range(AUTHORS):
            await host.call(Join(f"s{n}", f"author-{n}"))
        start = time.perf_counter()
        for author, updates in written:
            for at in range(0, len(updates), IN_FLIGHT):
                await send(host, f"s{author}", updates[at : at + IN_FLIGHT])
        took = time.perf_counter() - start
        fresh: pycrdt.Doc[Any] = pycrdt.Doc(client_id=2)
        fresh.get("draft", type=pycrdt.Text)
        fresh.apply_update(await host.call(Sync()))
        text = (await paper.draft.read()).value
        if str(fresh["draft"]) != text:
            raise AssertionError("a fresh peer shows another text than the engine")
        return took, text


async def send(host: DocumentHost, session: str, updates: list[bytes]) -> None:
    await asyncio.gather(*(host.call(Update(session, update)) for update in updates))


def main() -> None:
    path = Path(sys.argv[sys.argv.index("--trace") + 1]) if "--trace" in sys.argv else TRACE
    if not path.exists():
        sys.exit(f"{path.name} is not there: give it with --trace FILE (editing-traces, sequential_traces)")
    turns, end = load(path)
    written = record(turns)
    edits = sum(len(updates) for _, updates in written)
    rows: list[Row] = []

    def add(name: str, took: float, text: str, **more: Any) -> None:
        if text.encode() != end.encode():
            raise AssertionError(f"{name}: the text is not the recorded one")
        rows.append({"through": name, "edits": edits, "turns": len(turns), "s": took, "edits/s": edits / took, **more})

    add("bare pycrdt", *bare(written))
    add("machine (gate and ledger)", *machine(written))
    add("engine, memory", *asyncio.run(engine(written, None, "fsync")))
    for durability in ("process", "fsync"):
        with folder() as place:
            took, text = asyncio.run(engine(written, place / "trace.db", durability))
            size = (place / "trace.db").stat().st_size / 2**20
            add(f"engine, sqlite {durability}", took, text, **{"file MiB": size, "peak MiB": peak_mib()})
    report("trace", rows)


if __name__ == "__main__":
    main()
