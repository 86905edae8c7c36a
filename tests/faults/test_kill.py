"""kill -9 at random moments while eight agents write: nothing acknowledged is lost, nothing lands twice (I2, Q3)."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from writing import AGENTS, check, read_log, retry

from accordant import Engine

HERE = Path(__file__).parent
KILLS = 50
KILLS_PER_FILE = 10


@pytest.fixture(scope="module")
def nursery() -> Iterator[subprocess.Popen[str]]:
    """Begets writers."""
    with subprocess.Popen(
        [sys.executable, str(HERE / "nursery.py")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()
        process.wait(10)


def write_and_kill(nursery: subprocess.Popen[str], path: Path, prefix: str, dice: random.Random) -> dict[str, int]:
    """Begin a writer, kill it a random moment later; returns what it had acknowledged."""
    assert nursery.stdin is not None
    assert nursery.stdout is not None
    notes = path.with_suffix(f".{prefix}")
    nursery.stdin.write(json.dumps([str(path), str(notes), prefix]) + "\n")
    nursery.stdin.flush()
    child = int(nursery.stdout.readline())
    if dice.random() < 0.8:  # else: while it opens the store
        limit = time.monotonic() + 20
        while not (notes.exists() and notes.stat().st_size) and time.monotonic() < limit:
            time.sleep(0.002)
    time.sleep(dice.uniform(0, 0.12))
    os.kill(child, signal.SIGKILL)
    status = int(nursery.stdout.readline())
    assert os.WIFSIGNALED(status), "the writer ended before it was killed"
    if not notes.exists():
        return {}
    rows = [line.split() for line in notes.read_text().splitlines()]
    return {op_id: int(version) for op_id, version in rows}


async def check_after(path: Path, acknowledged: dict[str, int], prefix: str) -> int:
    """Take over from the dead writer at once, and look; then retry everything that it may have been doing."""
    async with Engine(path) as engine:
        await check(engine, acknowledged)
        landed = {entry.op_id: entry.offset for entry in await read_log(engine) if entry.op_id is not None}
        mine = [op_id for op_id in acknowledged if op_id.startswith(f"{prefix}-")]
        await retry(engine, in_flight(mine, prefix), landed)
        await check(engine, acknowledged)
        return len(mine)


def in_flight(acknowledged: list[str], prefix: str) -> list[str]:
    """What each agent had just been answered, and what it may have sent after that."""
    retried = []
    for agent in range(AGENTS):
        numbers = [int(op_id.rpartition(".")[2]) for op_id in acknowledged if op_id.startswith(f"{prefix}-{agent}.")]
        newest = max(numbers, default=-1)
        retried += [f"{prefix}-{agent}.{n}" for n in (newest, newest + 1) if n >= 0 and n % 4 < 3]
    return retried


@pytest.mark.timeout(180)
@pytest.mark.parametrize("seed", range(KILLS // KILLS_PER_FILE))
def test_a_kill_loses_nothing_that_was_acknowledged(nursery: subprocess.Popen[str], tmp_path: Path, seed: int) -> None:
    """After each kill the next engine takes over at once and finds every acknowledged write, once, and a log that folds."""
    print(f"seed {seed}")
    dice, path = random.Random(seed), tmp_path / "state.db"
    acknowledged: dict[str, int] = {}
    written = 0
    for kill in range(KILLS_PER_FILE):
        acknowledged |= write_and_kill(nursery, path, f"k{kill}", dice)
        written += asyncio.run(check_after(path, acknowledged, f"k{kill}"))
    assert written > KILLS_PER_FILE * AGENTS
