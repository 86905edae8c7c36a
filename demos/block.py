"""One working memory, twelve agents: they add to it all the time, and a curator consolidates it while they do.

    python demos/block.py [STORE]

Every line that anybody added is in the memory, or was seen by the consolidation that took its place. A rewriting from an old base
is denied, a correction is not folded away, and a second curator waits for the first. Every outcome is asserted.
"""

from __future__ import annotations

import asyncio
import re
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from accordant import Block, Conflict, Denied, Document, Engine, Namespace, block

WRITERS, EACH = 12, 25
FOLDS, MEANWHILE = 5, 40
LINE = re.compile(r"<(\w+ \d+)>")


class Shared(Document):
    """Everybody inserts; editors correct; the curator rewrites."""

    memory: Block = block(owner="role:curator", insert="*", replace="role:editor")


@dataclass
class Room:
    """Everybody's handle, and what the curator has folded."""

    curator: Shared
    second: Shared
    editor: Shared
    writers: list[Shared]
    folded: list[str] = field(default_factory=list)


async def write(hand: Shared) -> None:
    """Lines at the end and at the start, without a pause."""
    for n in range(EACH):
        line = f"<{hand.agent} {n}>"
        await (hand.memory.append(line) if n % 2 else hand.memory.insert(line, at=0))


async def consolidate(room: Room) -> None:
    """Again and again: read, think, put the summary in the place of what was read."""
    async with room.editor.events("memory", kinds="write") as events:

        async def think(text: str) -> str:
            for _ in range(MEANWHILE):  # while a model would answer, the others write
                await anext(events)
            room.folded += LINE.findall(text)
            return f"[{len(room.folded)} so far]"

        for _ in range(FOLDS):
            await room.curator.memory.compact(think, why="consolidation")


async def nothing_is_lost(room: Room) -> str:
    """All at once; then every line is accounted for."""
    await asyncio.gather(consolidate(room), *(write(hand) for hand in room.writers))
    left = LINE.findall((await room.editor.memory.read()).value)
    found = Counter(room.folded + left)
    wanted = Counter(f"w{n} {line}" for n in range(WRITERS) for line in range(EACH))
    assert found == wanted, wanted - found
    assert room.folded, "nothing was consolidated"
    return f"{sum(wanted.values())} lines of {WRITERS} writers: {len(room.folded)} folded, {len(left)} there, none lost"


async def an_old_base_is_denied(room: Room) -> str:
    """The curator thinks about the whole text for long; what came meanwhile stays."""
    async with room.curator.memory.rethinking() as draft:
        await room.writers[0].memory.append("<late 0>")
        try:
            await draft.commit("all new")
        except Conflict as lost:
            winner = lost.writer
        else:
            raise AssertionError("a rewriting wiped a line")
        await draft.refresh()
        await draft.commit(f"rewritten: {draft.text[-8:]}", why="read again")
    assert (await room.editor.memory.read()).value == "rewritten: <late 0>"
    return f"a rewriting from an old base was denied: {winner} had written; from the new one it landed"


async def one_curator_at_a_time(room: Room) -> str:
    """The second one is told who is at it."""
    async with room.curator.memory.rethinking():
        try:
            await room.second.memory.compact(lambda text: text)
        except Conflict as taken:
            return f"the second curator was told: {taken.message.partition(' until ')[0]}"
    raise AssertionError("two curators at once")


async def a_correction_stands(room: Room) -> str:
    """An editor corrects a figure that is just being folded."""

    async def think(text: str) -> str:
        await room.editor.memory.replace("rewritten", "corrected")
        return text

    try:
        await room.curator.memory.compact(think)
    except Conflict as lost:
        reason = lost.fields["reason"]
    else:
        raise AssertionError("a correction was folded away")
    assert reason == "corrected", reason
    assert (await room.editor.memory.read()).value.startswith("corrected")
    return "a fold of what was corrected meanwhile was denied"


async def each_has_its_operations(room: Room) -> str:
    """A writer neither corrects nor rewrites."""
    hand = room.writers[0]
    for act in (hand.memory.replace("corrected", "mine"), hand.memory.rethink("mine", expect=await hand.memory.read())):
        try:
            await act
        except Denied:
            continue
        raise AssertionError("a writer rewrote the memory")
    return "a writer inserts, and is denied everything else"


async def the_day(store: Path) -> list[str]:
    """All of it; returns what it showed."""
    async with Engine(store, durability="process") as engine:
        task = Namespace.task("acme", "quarter")

        async def hand(agent: str, *roles: str) -> Shared:
            return await engine.open(Shared, task, "shared", agent=agent, roles=roles)

        writers = [await hand(f"w{n}") for n in range(WRITERS)]
        room = Room(await hand("night", "curator"), await hand("dusk", "curator"), await hand("ed", "editor"), writers)
        return [
            await nothing_is_lost(room),
            await an_old_base_is_denied(room),
            await one_curator_at_a_time(room),
            await a_correction_stands(room),
            await each_has_its_operations(room),
        ]


def main() -> None:
    """Play it in the named store, or in one that goes away."""
    with tempfile.TemporaryDirectory(prefix="accordant-block-") as folder:
        store = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(folder) / "block.db"
        for line in asyncio.run(the_day(store)):
            print(f"✓ {line}")


if __name__ == "__main__":
    main()
