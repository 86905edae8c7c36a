"""Appends as structs: at the end in constant time, and the same as what the library itself would have done."""

from __future__ import annotations

import random

import pycrdt
import pytest

from accordant import Document, Engine, Log, Text
from accordant.engine.appending import Appender, Tails
from accordant.engine.commands import Join, Sync, Update
from accordant.engine.host.document_host import DocumentHost
from accordant.engine.structs import GC, STRING
from accordant.engine.update import decode_update
from accordant.types.limits import TEXT_RUN_UNITS_MAX
from accordant.types.namespaces import DocumentKey
from worlds import TASK, in_loop

KEY = DocumentKey.of(TASK, "brief")


class Brief(Document):
    draft: Text
    items: Log[str]


async def _edited(host: DocumentHost, doc: pycrdt.Doc, edit: object) -> None:
    before = doc.get_state()
    edit()  # type: ignore[operator]
    await host.call(Update("raw", doc.get_update(before)))


@pytest.mark.parametrize("seed", range(12))
@in_loop
async def test_appends_among_raw_peers_stand_at_the_end(seed: int) -> None:
    """Whatever a raw peer typed, deleted or appended meanwhile, with or without having seen our appends."""
    dice = random.Random(seed)
    async with Engine() as engine:
        a = await engine.open(Brief, TASK, "brief", agent="a")
        host = await engine.host(KEY)
        await host.call(Join("raw", "raw"))
        doc = pycrdt.Doc(client_id=9)
        text, items = doc.get("draft", type=pycrdt.Text), doc.get("items", type=pycrdt.Array)
        for n in range(60):
            if dice.random() < 0.5:
                doc.apply_update(await host.call(Sync(doc.get_state())))
            match dice.randrange(6):
                case 0:
                    await _edited(host, doc, lambda: text.insert(dice.choice([0, len(text)]), "p"))
                case 1 if len(str(text)) > 2:
                    plain = str(text)
                    at = dice.choice([0, len(plain) - 2])
                    cut = slice(len(plain[:at].encode()), len(plain[: at + 2].encode()))
                    await _edited(host, doc, lambda cut=cut: text.__delitem__(cut))
                case 2:
                    await _edited(host, doc, lambda n=n: items.append(f"p{n}"))
                case 3:
                    await a.items.append(f"a{n}")
                    assert (await a.items.read()).value[-1] == f"a{n}"
                case 4:
                    async with a.transaction() as tx:
                        await tx.draft.append("[")
                        await tx.items.extend(["x", "y"])
                        await tx.draft.append("]")
                    assert (await a.draft.read()).value.endswith("[]")
                case _:
                    await a.draft.append(f"😀{n}")
                    assert (await a.draft.read()).value.endswith(f"😀{n}")
        fresh = pycrdt.Doc()
        fresh.apply_update(await host.call(Sync()))
        doc.apply_update(await host.call(Sync(doc.get_state())))
        for one in (fresh, doc):
            assert str(one.get("draft", type=pycrdt.Text)) == (await a.draft.read()).value
            assert one.get("items", type=pycrdt.Array).to_py() == (await a.items.read()).value
        reading = await a.items.read()
        by_prefix = {"p": "raw", "a": "a", "x": "a", "y": "a"}
        assert [entry.by for entry in reading.entries] == [by_prefix[value[0]] for value in reading.value]


@in_loop
async def test_a_long_stream_is_broken_into_runs() -> None:
    """One author's uninterrupted text does not become one block that is copied with every word."""
    async with Engine() as engine:
        a = await engine.open(Brief, TASK, "brief", agent="a")
        word = "word " * 1_000
        for _ in range(40):
            await a.draft.append(word)
        host = await engine.host(KEY)
        blocks = decode_update(await host.call(Sync())).structs[host.epoch]
        longest = max(struct.length for struct in blocks if struct.kind == STRING)
        assert longest <= TEXT_RUN_UNITS_MAX + len(word)
        assert (await a.draft.read()).value == word * 40


def test_without_a_known_end_nothing_is_made() -> None:
    """A concurrent append leaves the end unknown, and says so; an empty region has its end at the start."""
    appender = Appender(Tails({"x": None, "y": (5, 7)}), client=2**40, clock=10)
    assert not appender.append_items("x", [1])
    assert appender.append_items("y", [1, 2])
    assert appender.append_items("new", [3])
    assert appender.append_items("y", [4])
    assert [(s.clock, s.origin, s.parent) for s in appender.structs] == [
        (10, (5, 7), None),
        (12, None, "new"),
        (13, (2**40, 11), None),
    ]
    crossing = Appender(Tails(), client=2**40, clock=TEXT_RUN_UNITS_MAX - 1)
    assert crossing.append_text("t", "ab")
    assert [s.kind for s in crossing.structs] == [GC, STRING]
