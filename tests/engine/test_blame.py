"""Who brought which characters and items, against oracles that do not know the trick."""

from __future__ import annotations

import random
import time

import pycrdt
import pytest

from accordant.engine import gate
from accordant.engine.blame import blame
from accordant.engine.outline import outline
from accordant.engine.render import item_ids
from accordant.engine.state import DocumentState
from accordant.types.entries import Entry, EntryKind, OpRecord


def _fold(state: DocumentState, update: bytes, actor: str, region: str) -> None:
    plan = gate.check(state.ledger, state.schema, update, gate.Peer(actor, frozenset()))
    if plan.is_noop:
        return
    emitted = state.replica.apply(update)
    assert emitted is not None
    assert gate.verify_emitted(plan, emitted, update)
    own = gate.check_own(state.ledger, emitted, None)
    entry = Entry(state.head + 1, EntryKind.WRITE, 0, actor, ops=(OpRecord(region, "insert"),), update=emitted)
    gate.absorb(state.ledger, own, entry.offset, actor, None)
    state.record(entry, own)


@pytest.mark.parametrize("seed", range(8))
def test_blame_equals_a_plain_list_of_authors(seed: int) -> None:
    """Three authors type, delete and format, emoji included: each character has the author and version that typed it."""
    dice = random.Random(seed)
    state = DocumentState(2**40 + 1)
    oracle: list[tuple[str, str, int]] = []
    docs = {name: pycrdt.Doc(client_id=10 + n) for n, name in enumerate("abc")}
    for _ in range(150):
        name = dice.choice("abc")
        doc = docs[name]
        doc.apply_update(state.replica.encode(doc.get_state()))
        text, before = doc.get("t", type=pycrdt.Text), doc.get_state()
        plain = str(text)
        offsets = [len(plain[:n].encode()) for n in range(len(plain) + 1)]
        if plain and dice.random() < 0.3:
            at = dice.randrange(len(plain))
            end = min(len(plain), at + dice.randint(1, 4))
            del text[offsets[at] : offsets[end]]
            del oracle[at:end]
        elif plain and dice.random() < 0.2:
            at = dice.randrange(len(plain))
            text.format(offsets[at], len(plain.encode()), {"bold": dice.choice([True, None])})
        else:
            at, typed = dice.randint(0, len(plain)), dice.choice(["x", "é", "😀", "word ", "a😀b"])
            text.insert(offsets[at], typed)
            oracle[at:at] = [(one, name, state.head + 1) for one in typed]
        _fold(state, doc.get_update(before), name, "t")
    runs = blame(state, "t")
    text_now = state.replica.text("t")
    seen = [(text_now[n], run.actor, run.version) for run in runs for n in range(run.start, run.end)]
    assert seen == oracle
    assert [run.end for run in runs[:-1]] == [run.start for run in runs[1:]]


def test_items_of_an_undeclared_array_have_their_versions() -> None:
    """Insertions in the middle and deletions included: refs follow the array's order."""
    state = DocumentState(2**40 + 1)
    doc = pycrdt.Doc(client_id=5)
    array = doc.get("r", type=pycrdt.Array)
    versions: list[int] = []
    for n, (at, count) in enumerate([(0, 3), (1, 2), (5, 1), (0, 1)], 1):
        before = doc.get_state()
        with doc.transaction():
            for i in range(count):
                array.insert(at + i, f"{n}.{i}")
        versions[at:at] = [n] * count
        _fold(state, doc.get_update(before), "a", "r")
    before = doc.get_state()
    del array[2:4]
    del versions[2:4]
    _fold(state, doc.get_update(before), "a", "r")
    shown = outline(state)["regions"]["r"]["items"]
    assert [item["version"] for item in shown] == versions
    assert [item["value"].split(".")[0] for item in shown] == [str(v) for v in versions]
    assert len(set(item_ids(state.replica, state.ledger, "r"))) == len(shown)


def test_blame_of_versions_of_many_digits() -> None:
    """Versions that need two digits of the rendering are told apart as exactly as small ones, neighbours in either digit too."""
    state, doc = DocumentState(2**40 + 1), pycrdt.Doc(client_id=5)
    text, written = doc.get("t", type=pycrdt.Text), []
    for version in (5, 5_999, 6_000, 6_001, 12_001, 12_002):
        before = doc.get_state()
        text.insert(len(str(text).encode()), "a😀b")
        while state.head < version - 1:
            state.record(Entry(state.head + 1, EntryKind.WRITE, 0, "a"), None)
        _fold(state, doc.get_update(before), "a", "t")
        written.append(version)
    assert [(run.end - run.start, run.version) for run in blame(state, "t")] == [(3, version) for version in written]


def test_a_pasted_book_is_not_walked_letter_by_letter() -> None:
    """An outline is made within one turn of the document: of a megabyte that came at once it costs a fraction of a second."""
    state, doc = DocumentState(2**40 + 1), pycrdt.Doc(client_id=5)
    text = doc.get("t", type=pycrdt.Text)
    text += "words 😀 " * 100_000
    _fold(state, doc.get_update(), "a", "t")
    began = time.process_time()
    assert outline(state)["regions"]["t"]["runs"] == [[0, 800_000, "a", 1]]
    assert time.process_time() - began < 0.5
