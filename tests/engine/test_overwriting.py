"""A peer that sends its whole state again, after overwriting its own counter entry twice, deletes nothing."""

from __future__ import annotations

import pycrdt

from accordant import Counter, Document, Engine, Namespace
from accordant.engine.commands import Join, Update
from worlds import in_loop


class Tally(Document):
    total: Counter


@in_loop
async def test_the_tail_of_a_known_struct_follows_its_beginning() -> None:
    """The deleted entries have become one struct, of which the server knows the beginning: what stands at its end was written
    over it, and no entry of the counter was removed."""
    async with Engine() as engine:
        tally = await engine.open(Tally, Namespace.task("acme", "q3"), "tally", agent="ada")
        host = await engine.host(tally.key)
        await host.call(Join("peer", "bob"))
        doc = pycrdt.Doc(client_id=77)
        total = doc.get("total", type=pycrdt.Map)
        total["77"] = [1, 0]
        await host.call(Update("peer", doc.get_update()))
        for n in range(2, 5):
            total["77"] = [n, 0]
        await host.call(Update("peer", doc.get_update(), catches_up=True))
        assert (await tally.total.read()).value == 4
