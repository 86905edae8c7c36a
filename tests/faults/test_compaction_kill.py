"""kill -9 at random moments of a compaction: the store verifies, the document opens, and nothing is gone that had to stay."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from writing import KEY, PLACE, Books

from accordant import Engine
from accordant.engine.host.verify import verify
from accordant.engine.stores.contract import AuditQuery

HERE = Path(__file__).parent
KILLS = 10
ENTRIES = 6_000
PINNED = 1_234


async def write(path: Path) -> None:
    async with Engine(path, durability="process") as engine:
        books = await engine.open(Books, PLACE, "ledger", agent="ada")
        for start in range(0, ENTRIES, 200):
            await asyncio.gather(*(books.lines.append(f"{n} " + "x" * 200, why="w") for n in range(start, start + 200)))
        await engine.pin(KEY, PINNED, agent="ada", why="shown to the board")


async def facts(path: Path, upto: int) -> dict[str, Any]:
    """What a compaction must not change."""
    async with Engine(path, durability="process") as engine:
        entries = await engine.store.audit(AuditQuery(KEY.path, before=ENTRIES, limit=ENTRIES))
        return {
            "hashes": [entry.hash for entry in entries],
            "reasons": [entry.why for entry in entries],
            "pinned": await engine.outline_at(KEY, PINNED),
            "kept": await engine.outline_at(KEY, upto),
            "later": await engine.outline_at(KEY, upto + 17),
        }


def compact_and_kill(path: Path, upto: int, chunks: int, after_s: float) -> None:
    """Killed so long after so many transactions were begun."""
    words = [sys.executable, str(HERE / "compactor.py"), str(path), str(upto)]
    # Files of a process that was killed: this one reads them afterwards
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=os.environ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "go\n"
        for _ in range(chunks):
            process.stdout.readline()
        time.sleep(after_s)
        process.kill()


async def compacted(path: Path) -> int:
    async with Engine(path, durability="process") as engine:
        report = await verify(engine.store, KEY.path)
        assert report.agrees, report.discrepancies
        books = await engine.open(Books, PLACE, "ledger", agent="auditor")
        assert (await books.lines.read()).value[ENTRIES - 1].startswith(f"{ENTRIES - 1} ")
        return (await engine.store.sizes(KEY.path)).compacted


@pytest.mark.timeout(240)
def test_a_compaction_that_is_killed_leaves_a_whole_document(tmp_path: Path) -> None:
    """After each kill the log verifies, kept and pinned versions are rebuilt, headers are there, and the next one goes on."""
    fresh, upto, dice = tmp_path / "fresh.db", ENTRIES - 500, random.Random(5)
    asyncio.run(write(fresh))
    before = asyncio.run(facts(fresh, upto))
    met = set()
    path = tmp_path / "state.db"
    for kill in range(KILLS):
        if kill % 2 == 0:
            shutil.copy(fresh, path)
            for beside in ("-wal", "-shm"):
                path.with_name(path.name + beside).unlink(missing_ok=True)
        compact_and_kill(path, upto, dice.randint(0, 8) if kill % 2 == 0 else 1, dice.uniform(0.0, 0.01))
        met.add(asyncio.run(compacted(path)))
        assert asyncio.run(facts(path, upto)) == before
    assert any(0 < at < upto for at in met), f"never met in the middle: {sorted(met)}"
