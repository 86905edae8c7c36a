"""The first ten thousand keystrokes of a real paper, by three plain Yjs peers, through the gate, the log and a file (I7)."""

from __future__ import annotations

import asyncio
import gzip
import json
from pathlib import Path
from typing import Any

import pycrdt
import pytest
from offline_peer import RawPeer

from accordant import Document, Engine, Namespace, Text
from accordant.engine.commands import Sync
from accordant.engine.host.verify import verify
from accordant.types.namespaces import DocumentKey

TRACE = Path(__file__).resolve().parents[3] / "shared" / "data" / "traces" / "automerge-paper.json.gz"
EDITS = 10_000
TURN = 137
KEY = DocumentKey.of(Namespace.task("acme", "paper"), "paper")


class Paper(Document):
    draft: Text


def keystrokes() -> list[tuple[int, int, str]]:
    """The first edits of the trace."""
    if not TRACE.exists():
        pytest.skip(f"{TRACE.name} is not beside this repository, so the real keystrokes cannot be replayed")
    trace = json.loads(gzip.decompress(TRACE.read_bytes()))
    return [tuple(patch) for one in trace["txns"][:EDITS] for patch in one["patches"]]


def replayed(patches: list[tuple[int, int, str]]) -> str:
    """The text that a list of characters gives."""
    text: list[str] = []
    for at, deleted, inserted in patches:
        text[at : at + deleted] = inserted
    return "".join(text)


@pytest.mark.timeout(120)
def test_a_real_paper_survives_every_layer(tmp_path: Path) -> None:
    """Engine, fresh peer, reopened file and replayed log all show the text that was typed, character for character."""
    patches = keystrokes()
    expected = replayed(patches)

    async def type_it(engine: Engine) -> None:
        await engine.open(Paper, KEY.namespace, KEY.name, agent="owner")
        host = await engine.host(KEY)
        authors = [await RawPeer.join(host, f"author-{n}", client) for n, client in enumerate((7, 5, 2**40 - 1))]
        for turn in range(0, len(patches), TURN):
            author = authors[turn // TURN % 3]
            await author.pull()
            for at, deleted, inserted in patches[turn : turn + TURN]:
                with author.doc.transaction():
                    if deleted:
                        del author.doc["draft"][at : at + deleted]
                    if inserted:
                        author.doc["draft"].insert(at, inserted)
            await author.push()
        for author in authors:
            await author.pull()
            assert str(author.doc["draft"]) == expected

    async def play() -> None:
        async with Engine(tmp_path / "paper.db", durability="process") as engine:
            await type_it(engine)
        async with Engine(tmp_path / "paper.db", durability="process") as engine:
            paper = await engine.open(Paper, KEY.namespace, KEY.name, agent="reader")
            assert (await paper.draft.read()).value == expected
            fresh: pycrdt.Doc[Any] = pycrdt.Doc(client_id=3)
            fresh.get("draft", type=pycrdt.Text)
            host = await engine.host(KEY)
            fresh.apply_update(await host.call(Sync()))
            assert str(fresh["draft"]) == expected
            report = await verify(engine.store, KEY.path)
            assert report.agrees, report.discrepancies
            assert report.head > EDITS

    asyncio.run(play())
