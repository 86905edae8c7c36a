"""No honest pycrdt writer is ever refused, and the ledger always agrees with the document."""

from __future__ import annotations

import random
import sys
from pathlib import Path
from typing import Any

import pycrdt
import pytest

sys.path.insert(0, str(Path(__file__).parent / "hostile"))
from honest_hub import Hub

from accordant.engine import gate
from accordant.engine.ledger import Ledger

WORDS = ["a", "bc", "déf", "😀", "x😀y", "日本", "tail ", "👩‍👩‍👧"]


class Writer:
    """A peer that edits offline for a while and then exchanges with the hub."""

    def __init__(self, dice: random.Random, actor: str) -> None:
        self.dice = dice
        self.actor = actor
        self.sent: list[bytes] = []
        self.fresh()

    def fresh(self) -> None:
        """A new replica under a new client id, keeping the content: an agent that was restarted."""
        old = getattr(self, "doc", None)
        self.doc: Any = pycrdt.Doc(client_id=self.dice.randrange(1, 2**32))
        if old is not None:
            self.doc.apply_update(old.get_update())
        self.text = self.doc.get("text", type=pycrdt.Text)
        self.items = self.doc.get("items", type=pycrdt.Array)
        self.map = self.doc.get("map", type=pycrdt.Map)
        self.undo = pycrdt.UndoManager(scopes=[self.text, self.items, self.map], capture_timeout_millis=0)
        self.outbox: list[bytes] = []
        self._subscription = self.doc.observe(lambda event: self.outbox.append(event.update))

    def edit(self) -> None:
        dice = self.dice
        with self.doc.transaction():
            for _ in range(dice.choice([1, 1, 1, 2, 4])):
                dice.choice([self.edit_text, self.edit_text, self.edit_map, self.edit_items, self.edit_nested])()

    def boundaries(self) -> list[int]:
        at, found = 0, [0]
        for content, _ in self.text.diff():
            if isinstance(content, str):
                for character in content:
                    at += len(character.encode())
                    found.append(at)
            else:
                at += 1
                found.append(at)
        return found

    def edit_text(self) -> None:
        dice, at = self.dice, self.boundaries()
        start = dice.randrange(len(at))
        end = min(len(at) - 1, start + dice.randrange(1, 5))
        choice = dice.random()
        if choice < 0.55 or end == start:
            attrs = {"bold": True} if dice.random() < 0.15 else None
            self.text.insert(at[start], dice.choice(WORDS), attrs)
        elif choice < 0.8:
            del self.text[at[start] : at[end]]
        elif choice < 0.95:
            value = dice.choice([True, None, {"href": "x"}])
            self.text.format(at[start], at[end], {dice.choice(["bold", "link"]): value})
        else:
            self.text.insert_embed(at[start], {"image": dice.randrange(9)})

    def edit_map(self) -> None:
        key = self.dice.choice("abcdef")
        if key in self.map and self.dice.random() < 0.3:
            del self.map[key]
        else:
            self.map[key] = self.dice.choice([1, 2.5, "s", None, True, [1, {"x": "y"}], {"k": [1]}, b"bytes"])

    def edit_items(self) -> None:
        dice, n = self.dice, len(self.items)
        if n and dice.random() < 0.35:
            at = dice.randrange(n)
            del self.items[at : min(n, at + dice.randrange(1, 4))]
        else:
            at = n if dice.random() < 0.5 else dice.randrange(n + 1)
            self.items.insert(at, dice.choice([1, "two", {"three": 3}]))

    def edit_nested(self) -> None:
        dice = self.dice
        nested = [self.map.get(key) for key in "mno"]
        target = dice.choice(nested)
        if target is None or dice.random() < 0.2:
            inner = pycrdt.Map({"n": dice.randrange(9), "list": pycrdt.Array([1, 2]), "t": pycrdt.Text("hi😀")})
            self.map[dice.choice("mno")] = inner
        elif isinstance(target, pycrdt.Map):
            if dice.random() < 0.5:
                target[dice.choice("xyz")] = dice.randrange(99)
            elif isinstance(target.get("list"), pycrdt.Array):
                target["list"].append(dice.randrange(9))
            if dice.random() < 0.3 and isinstance(target.get("t"), pycrdt.Text):
                target["t"].insert(0, "go ")

    def step_back(self) -> None:
        if self.undo.can_undo() and self.dice.random() < 0.7:
            self.undo.undo()
        elif self.undo.can_redo():
            self.undo.redo()


def exchange(hub: Hub, writer: Writer) -> None:
    """Send in one of the ways in which honest peers send, then take what the hub has."""
    dice, outbox = writer.dice, writer.outbox
    way = dice.random()
    if way < 0.5:
        updates = list(outbox)
    elif way < 0.7 and len(outbox) > 1:
        updates = [pycrdt.merge_updates(*outbox)]
    else:
        updates = [writer.doc.get_update(None if dice.random() < 0.3 else hub.doc.get_state())]
    for update in updates:
        hub.receive(update, writer.actor)
        if dice.random() < 0.1:
            assert hub.receive(update, writer.actor).is_noop
    writer.sent += updates
    if writer.sent and dice.random() < 0.1:
        hub.receive(dice.choice(writer.sent), writer.actor)
    writer.doc.apply_update(hub.doc.get_update(writer.doc.get_state()))
    outbox.clear()


@pytest.mark.parametrize("seed", range(12))
def test_honest_updates_are_never_refused(seed: int) -> None:
    """Three writers, offline and restarted, undoing and merging: nothing is refused, and ledger and document agree."""
    dice = random.Random(seed)
    hub = Hub()
    writers = [Writer(dice, f"agent-{n}") for n in range(3)]
    for _ in range(150):
        writer = dice.choice(writers)
        if dice.random() < 0.15:
            writer.step_back()
        else:
            writer.edit()
        if dice.random() < 0.4:
            exchange(hub, writer)
        elif dice.random() < 0.05:
            writer.outbox, outbox = [], writer.outbox
            writer.fresh()
            writer.outbox = outbox
    for writer in writers * 2:
        exchange(hub, writer)
    assert hub.ledger.state_vector() == hub.state_vector()
    assert hub.ledger.delete_set() == hub.delete_set()
    texts = {str(hub.doc.get("text", type=pycrdt.Text)), *(str(writer.text) for writer in writers)}
    assert len(texts) == 1
    check_heads(hub)
    replay(hub)


def check_heads(hub: Hub) -> None:
    """Every key that the document shows has a living head in the ledger, and no other key has one."""
    shown = set(hub.doc.get("map", type=pycrdt.Map).keys())
    root = hub.ledger.roots.get("map")
    assert shown == ({key for key, place in root.keys.items() if place.head is not None} if root else set())


def replay(hub: Hub) -> None:
    """The ledger is the fold of the log: folding what was logged gives the same ledger, and so does a checkpoint."""
    again = Ledger()
    owners = {client: found.owner for client, found in hub.ledger.clients.items()}
    for offset, update in enumerate(hub.log, 1):
        plan = gate.check_own(again, update, None)
        actor = owners[plan.fresh_clients[0]] if plan.fresh_clients else "nobody"
        gate.absorb(again, plan, offset, actor, None)
    assert again.state_vector() == hub.ledger.state_vector()
    assert again.delete_set() == hub.ledger.delete_set()
    for name in hub.ledger.roots:
        assert again.region_size(name)[0] == hub.ledger.region_size(name)[0], name
    stored = Ledger.load(hub.ledger.dump())
    assert stored.dump() == hub.ledger.dump()
