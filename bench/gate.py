"""What it costs to judge and apply one small update of a Yjs peer, at 1 KB, 100 KB and 5 MB of document.

`python bench/gate.py [--quick]`. Keystrokes of one peer at random places: bare pycrdt, the gate without the library, the
machine (gate, library, ledger, entry), and a host over a memory store. The gate's cost must not grow with the document.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterable
from typing import Any

import pycrdt
from measuring import Row, is_quick, report

from accordant import Document, Engine, Namespace, Text
from accordant.engine import gate
from accordant.engine.commands import Declare, Join, Update
from accordant.engine.machine import Machine
from accordant.engine.state import DocumentState
from accordant.types.limits import AUTHORITY_ID_MIN
from accordant.types.namespaces import DocumentKey

PLACE = Namespace.task("bench", "gate")
RUN = 120


class Page(Document):
    draft: Text


def typed(size: int) -> tuple[list[bytes], list[bytes]]:
    """(updates that make a document of `size` characters in runs as people type, keystrokes at random places after it)."""
    dice = random.Random(size)
    peer: pycrdt.Doc[Any] = pycrdt.Doc(client_id=99)
    draft = peer.get("draft", type=pycrdt.Text)
    updates: list[bytes] = []
    subscription = peer.observe(lambda event: updates.append(event.update))
    length = 0
    while length < size:
        draft.insert(dice.randrange(length + 1), "x" * RUN)
        length += RUN
    made, keystrokes = len(updates), 200 if is_quick() else 2_000
    for n in range(keystrokes):
        at = dice.randrange(length)
        if n % 5:
            draft.insert(at, "y")
        else:
            del draft[at : at + 1]
    peer.unobserve(subscription)
    return updates[:made], updates[made:]


def per_call(calls: Iterable[Any], count: int) -> float:
    """Microseconds for each of them."""
    start = time.perf_counter()
    for _ in calls:
        pass
    return (time.perf_counter() - start) / count * 1e6


def bare(made: list[bytes], keys: list[bytes]) -> float:
    doc: pycrdt.Doc[Any] = pycrdt.Doc(client_id=5)
    doc.get("draft", type=pycrdt.Text)
    emitted: list[bytes] = []
    subscription = doc.observe(lambda event: emitted.append(event.update))
    for update in made:
        doc.apply_update(update)
    cost = per_call((doc.apply_update(key) for key in keys), len(keys))
    doc.unobserve(subscription)
    return cost


def machine_of(made: list[bytes]) -> Machine:
    machine = Machine(DocumentState(AUTHORITY_ID_MIN + 1), AUTHORITY_ID_MIN + 1, "bench")
    machine.take_over(0, "bench")
    machine.handle(Declare(Page.__schema__, "bench", trusted=True), 0)
    machine.handle(Join("s", "peer"), 0)
    for update in made:
        reply = machine.handle(Update("s", update), 0).reply
        assert isinstance(reply, int), reply
    return machine


def gate_alone(made: list[bytes], keys: list[bytes]) -> float:
    """Decode, resolve, judge and absorb; nothing of it reaches the library."""
    state = machine_of(made).state
    peer = gate.Peer("peer", frozenset())

    def judge(update: bytes) -> None:
        plan = gate.check(state.ledger, state.schema, update, peer)
        gate.absorb(state.ledger, plan, state.head, "peer", None)

    return per_call(map(judge, keys), len(keys))


def whole_machine(made: list[bytes], keys: list[bytes]) -> float:
    machine = machine_of(made)
    return per_call((machine.handle(Update("s", key), 0) for key in keys), len(keys))


async def through_host(made: list[bytes], keys: list[bytes]) -> float:
    async with Engine() as engine:
        await engine.open(Page, PLACE, "page", agent="owner")
        host = await engine.host(DocumentKey.of(PLACE, "page"))
        await host.call(Join("s", "peer"))
        for update in made:
            await host.call(Update("s", update))
        start = time.perf_counter()
        await asyncio.gather(*(host.call(Update("s", key)) for key in keys))
        return (time.perf_counter() - start) / len(keys) * 1e6


def main() -> None:
    sizes = {"1 KB": 1_000, "100 KB": 100_000} | ({} if is_quick() else {"5 MB": 5_000_000})
    rows: list[Row] = []
    for name, size in sizes.items():
        made, keys = typed(size)
        rows.append(
            {
                "document": name,
                "keystrokes": len(keys),
                "bytes each": sum(map(len, keys)) / len(keys),
                "bare pycrdt us": bare(made, keys),
                "gate us": gate_alone(made, keys),
                "machine us": whole_machine(made, keys),
                "host us": asyncio.run(through_host(made, keys)),
            }
        )
    report("gate", rows)


if __name__ == "__main__":
    main()
