"""Questions about the past take turns, and end."""

from __future__ import annotations

import asyncio

import pytest

from accordant import NoAuthority
from accordant.engine.host import replay
from accordant.engine.host.replay import Replays
from accordant.engine.stores.memory import MemoryStore
from accordant.types.memory_limits import RECALLS_AT_ONCE_MAX
from worlds import in_loop


@in_loop
async def test_few_questions_at_once_and_none_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those beyond the bound wait; whoever waits or asks for too long is told so, and gives the turn back."""
    monkeypatch.setattr(replay, "RECALL_S_MAX", 0.05)
    replays, inside, gate = Replays(MemoryStore()), 0, asyncio.Event()

    async def ask() -> None:
        nonlocal inside
        async with replays.question("doc"):
            inside += 1
            await gate.wait()

    asked = [asyncio.create_task(ask()) for _ in range(RECALLS_AT_ONCE_MAX + 3)]
    await asyncio.sleep(0.01)
    assert inside == RECALLS_AT_ONCE_MAX
    for ended in await asyncio.gather(*asked, return_exceptions=True):
        assert isinstance(ended, NoAuthority)
        assert ended.code == "timeout"
    gate.set()
    await asyncio.gather(*(ask() for _ in range(RECALLS_AT_ONCE_MAX + 3)))
