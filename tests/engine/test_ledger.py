"""The ledger knows where every id belongs, what lives, how much, and survives a checkpoint."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent / "hostile"))
from hostile_payloads import ANN, AUTHORITY, EVE, item, one, prepare

from accordant.engine import gate
from accordant.engine.ledger import Found, Ledger
from accordant.engine.update import ANY, STRING
from accordant.types.errors import StoreError


def test_every_id_is_found() -> None:
    """An id leads to its container, key and log offset; an id that nobody wrote leads nowhere."""
    ledger = prepare().hub.ledger
    assert ledger.find(ANN, 0) == Found(("text",), None, 2)
    assert ledger.find(ANN, 15) == Found(("log",), None, 3)
    assert ledger.find(ANN, 17) == Found(("set",), "tag", 4)
    assert ledger.find(ANN, 20) == Found(("cards", f"#{ANN}:19"), "points", 6)
    assert ledger.find(EVE, 1) == Found(("text",), None, 8)
    assert ledger.find(AUTHORITY, 0) == Found(("guarded",), "account", 1)
    assert ledger.find(ANN, 22) is None
    assert ledger.find(12345, 0) is None


def test_clocks_and_owners() -> None:
    """The state vector, the next clock and the first writer of every id are known."""
    ledger = prepare().hub.ledger
    assert ledger.state_vector() == {AUTHORITY: 1, ANN: 22, EVE: 4}
    assert (ledger.next_clock(ANN), ledger.next_clock(5)) == (22, 0)
    assert (ledger.owner(ANN), ledger.owner(EVE), ledger.owner(5)) == ("ann", "eve", None)


def test_heads_follow_writes_and_deletions() -> None:
    """A key's head is its living entry, and none after it was deleted."""
    hub = prepare().hub
    assert hub.ledger.head("map", "key") == (ANN, 18)
    hub.receive(one(item(ANY, EVE, 4, [6], origin=(ANN, 18)), deletes={ANN: [(18, 19)]}), "eve")
    assert hub.ledger.head("map", "key") == (EVE, 4)
    assert hub.ledger.is_dead(ANN, 18)
    hub.receive(one(deletes={EVE: [(4, 5)]}), "eve")
    assert hub.ledger.head("map", "key") is None
    assert hub.ledger.head("map", "other") is None
    assert hub.ledger.head("other", "key") is None


def test_region_sizes_count_what_lives() -> None:
    """Items and bytes grow with content and shrink with deletions."""
    hub = prepare().hub
    assert hub.ledger.region_size("text") == (17, 19)  # "hello 😀 world" has 14 units and 16 bytes, "eve" three
    hub.receive(one(deletes={EVE: [(0, 2)]}), "eve")
    assert hub.ledger.region_size("text") == (15, 17)
    assert hub.ledger.region_size("log")[0] == 3
    assert hub.ledger.region_size("nothing") == (0, 0)


@given(st.lists(st.tuples(st.sampled_from(["a", "éé", "日本語", "😀", "x" * 50]), st.integers(0, 60)), max_size=25))
def test_sizes_never_drift(edits: list[tuple[str, int]]) -> None:
    """Whatever is typed and deleted in between, a text that is emptied counts nothing."""
    hub = prepare().hub
    clock = 0
    for text, cut in edits:
        struct = item(STRING, 99, clock, text, origin=(99, clock - 1) if clock else (ANN, 0))
        hub.receive(one(struct), "eve")
        clock += struct.length
        start = min(cut, clock)
        if not hub.ledger.splits_pair(99, start) and start < clock:
            hub.receive(one(deletes={99: [(start, clock)]}), "eve")
    deletes = {ANN: [(0, 14)], EVE: [(0, 3)]} | ({99: [(0, clock)]} if clock else {})
    hub.receive(one(deletes=deletes), "eve")
    assert hub.ledger.region_size("text") == (0, 0)


def test_insertions_are_counted_where_they_choose_their_spot() -> None:
    """Typing on is one insertion, going elsewhere is another: the measure of what the document may have to walk past."""
    hub = prepare().hub
    place = hub.ledger.roots["text"].sequence
    assert place is not None
    before = place.inserts
    for clock in range(5):
        hub.receive(one(item(STRING, 99, clock, "x", origin=(99, clock - 1) if clock else (ANN, 0))), "eve")
    assert place.inserts == before + 1
    hub.receive(one(item(STRING, 99, 5, "x", origin=(ANN, 1))), "eve")
    assert place.inserts == before + 2


def test_retired_ids_keep_their_first_reason() -> None:
    """An id is retired once."""
    ledger = Ledger()
    ledger.retire([5], "first")
    ledger.retire([5, 6], "second")
    assert ledger.retired == {5: "first", 6: "second"}


def test_a_checkpoint_is_the_ledger() -> None:
    """What is loaded answers every question like what was dumped, and goes on like it."""
    hub = prepare().hub
    hub.ledger.retire([5], "refused")
    hub.receive(one(deletes={ANN: [(0, 2)]}), "eve")
    again = Ledger.load(hub.ledger.dump())
    assert again.dump() == hub.ledger.dump()
    for client, following in hub.ledger.state_vector().items():
        for clock in range(following + 1):
            assert again.find(client, clock) == hub.ledger.find(client, clock)
            assert again.is_dead(client, clock) == hub.ledger.is_dead(client, clock)
            assert again.splits_pair(client, clock) == hub.ledger.splits_pair(client, clock)
    assert again.head("set", "tag") == (ANN, 17)
    assert again.retired == {5: "refused"}
    for ledger in (hub.ledger, again):
        update = one(item(ANY, EVE, 4, [9], origin=(ANN, 16)))
        gate.absorb(ledger, gate.check(ledger, hub.schema, update, gate.Peer("eve")), 10, "eve", None)
    assert again.dump() == hub.ledger.dump()


def test_a_damaged_checkpoint_is_a_store_error() -> None:
    """Bytes that are no checkpoint raise `StoreError`."""
    data = prepare().hub.ledger.dump()
    for bad in (b"", b"\2" + data[1:], data[:-9], data[:40], b"\1junk"):
        with pytest.raises(StoreError) as caught:
            Ledger.load(bad)
        assert caught.value.code == "bad_checkpoint"
