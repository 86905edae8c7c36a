"""The gate's own promises: what a plan says, who may use which id, and what counts as done."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pycrdt
import pytest

sys.path.insert(0, str(Path(__file__).parent / "hostile"))
from honest_hub import Hub
from hostile_payloads import ANN, AUTHORITY, DECLARED, EVE, NEW, item, one, prepare, put

from accordant.engine import gate
from accordant.engine.ledger import Ledger
from accordant.engine.update import ANY, DELETED, FORMAT, GC, SKIP, STRING, TYPE, decode_update
from accordant.types.errors import AccordantError, Denied, Invalid, WireError
from accordant.types.regions import Schema

EVE_PEER = gate.Peer("eve")


def refused(hub: Hub, update: bytes, actor: str = "eve") -> AccordantError:
    """The error with which the gate answers."""
    with pytest.raises(AccordantError) as caught:
        gate.check(hub.ledger, hub.schema, update, gate.Peer(actor))
    return caught.value


def test_a_plan_says_what_happens() -> None:
    """Fresh clocks, operations and deletions of an update are known before it is applied, and nothing has changed yet."""
    w = prepare()
    before = w.hub.ledger.dump()
    update = one(item(STRING, NEW, 0, "héy", origin=w.text, right=(ANN, 4)), deletes={ANN: [(0, 3)]})
    plan = gate.check(w.hub.ledger, DECLARED, update, EVE_PEER)
    assert plan.fresh == {NEW: (0, 3)}
    assert plan.fresh_clients == plan.new_clients == (NEW,)
    assert plan.deletes == {ANN: [(0, 3)]}
    assert not plan.is_noop
    insert, delete = plan.ops
    assert (insert.region, insert.operation, insert.values, insert.count) == ("text", "insert", ("héy",), 3)
    assert (insert.ids, insert.origin) == (((NEW, 0),), w.text)
    assert (delete.region, delete.operation, delete.count, delete.ids) == ("text", "delete", 3, ((ANN, 0),))
    assert w.hub.ledger.dump() == before


def test_what_is_known_is_ignored() -> None:
    """A duplicate is no news; of a struct that goes on from a known beginning only the tail is."""
    w = prepare()
    put(w.hub, "eve", [item(STRING, NEW, 0, "abc", origin=w.text)])
    peer = gate.Peer("eve")
    again = gate.check(w.hub.ledger, DECLARED, one(item(STRING, NEW, 0, "abc", origin=w.text)), peer)
    assert again.is_noop
    assert again.ops == ()
    longer = w.hub.receive(one(item(STRING, NEW, 0, "abcdé", origin=w.text)), "eve")
    assert longer.fresh == {NEW: (3, 5)}
    assert longer.new_clients == ()
    assert longer.ops[0].values == ("dé",)
    assert "abcdé" in str(w.hub.doc.get("text", type=pycrdt.Text))


def test_dead_ranges_are_subtracted() -> None:
    """A peer that sends its whole tombstone set again is not deleting anything."""
    w = prepare()
    w.hub.receive(one(deletes={ANN: [(0, 3)]}), "eve")
    plan = gate.check(w.hub.ledger, DECLARED, one(deletes={ANN: [(0, 5)]}), EVE_PEER)
    assert plan.deletes == {ANN: [(3, 5)]}
    assert gate.check(w.hub.ledger, DECLARED, one(deletes={ANN: [(0, 3)]}), EVE_PEER).is_noop


def test_skipped_clocks_must_be_known() -> None:
    """Yjs merges a part of what it sent with a Skip over the rest: fine while the rest is known, a gap otherwise."""
    w = prepare()
    put(w.hub, "eve", [item(STRING, NEW, 0, "abc", origin=w.text)])
    start, gap = item(STRING, NEW, 0, "a", origin=w.text), item(SKIP, NEW, 1, length=2)
    plan = w.hub.receive(one(start, gap, item(STRING, NEW, 3, "d", origin=(NEW, 2))), "eve")
    assert plan.fresh == {NEW: (3, 4)}
    wider = item(SKIP, NEW, 1, length=5)
    assert refused(w.hub, one(start, wider, item(STRING, NEW, 6, "d", origin=w.text))).code == "clock_gap"


def test_several_ids_of_one_actor() -> None:
    """An offline merge holds several of one's own ids, in any causal order across them."""
    w = prepare()
    update = one(
        item(STRING, NEW, 0, "b", origin=(EVE, 4)),
        item(STRING, NEW, 1, "d", origin=(EVE, 5)),
        item(STRING, EVE, 4, "a", origin=w.text),
        item(STRING, EVE, 5, "c", origin=(NEW, 0)),
    )
    plan = w.hub.receive(update, "eve")
    assert plan.fresh == {EVE: (4, 6), NEW: (0, 2)}
    assert plan.new_clients == (NEW,)
    assert w.hub.ledger.owner(NEW) == "eve"
    assert refused(w.hub, one(item(STRING, NEW, 2, "x", origin=w.text)), "ann").code == "forged_client"


def test_a_refusal_names_the_ids_to_retire() -> None:
    """A refusal's `clients` are the sender's own: never those of others, never the authority's."""
    w = prepare()
    update = one(item(ANY, NEW, 0, [1], parent="guarded", key="account"), item(STRING, EVE, 4, "x", origin=w.text))
    assert sorted(refused(w.hub, update).fields["clients"]) == [NEW, EVE]
    mixed = one(item(STRING, ANN, 22, "x", origin=w.text), item(STRING, NEW, 0, "x", origin=w.text))
    assert refused(w.hub, mixed).fields["clients"] == [NEW]
    assert refused(w.hub, one(item(ANY, AUTHORITY, 1, [1], parent="map", key="k"))).fields["clients"] == []


def test_refusals_are_typed_and_say_where() -> None:
    """Rules answer `Denied`, values `Invalid`, bytes `WireError`, with path, operation and agent."""
    w = prepare()
    denied = refused(w.hub, one(deletes={ANN: [(14, 15)]}))
    assert isinstance(denied, Denied)
    assert (denied.code, denied.path, denied.operation, denied.agent) == ("entry_changed", "log", "delete", "eve")
    invalid = refused(w.hub, one(item(ANY, NEW, 0, [{"points": "many"}], origin=w.shared)))
    assert isinstance(invalid, Invalid)
    assert (invalid.code, invalid.path, invalid.operation) == ("invalid_value", "cards", "append")
    assert isinstance(refused(w.hub, b"junk"), WireError)


def test_the_authority_writes_under_its_own_id_alone() -> None:
    """The authority's update may touch guarded fields, under no other id than its own, and is checked like any other."""
    w = prepare()
    update = one(item(ANY, AUTHORITY, 1, [{"value": 2}], origin=w.guarded), deletes={AUTHORITY: [(0, 1)]})
    plan = gate.check_own(w.hub.ledger, update, AUTHORITY)
    assert [(op.region, op.operation, op.key) for op in plan.ops] == [("guarded", "set", "account")]
    for other in (AUTHORITY + 1, ANN):
        with pytest.raises(WireError) as caught:
            gate.check_own(w.hub.ledger, update, other)
        assert caught.value.code == "forged_client"
    with pytest.raises(WireError) as caught:
        gate.check_own(w.hub.ledger, one(item(ANY, AUTHORITY, 2, [1], parent="map", key="k")), AUTHORITY)
    assert caught.value.code == "clock_gap"


def test_a_log_that_is_read_back_gives_the_same_appends() -> None:
    """The operations of a log update are the same when it lands and when it is read back from the log."""
    w = prepare()
    update = one(item(ANY, NEW, 0, [7, 8, 9], origin=(ANN, 16)), deletes={NEW: [(1, 2)]})
    checked = gate.check(w.hub.ledger, DECLARED, update, EVE_PEER).ops
    assert checked == gate.check_own(w.hub.ledger, update, None).ops
    (op,) = checked
    assert (op.operation, op.count, op.values, op.dead) == ("append", 3, (7, 9), ((NEW, 1),))
    assert (op.ids, op.origin) == (((NEW, 0),), (ANN, 16))


def test_a_plan_is_good_for_one_ledger_state() -> None:
    """Absorbing a plan after the ledger has moved is a mistake of ours and stops at once."""
    w = prepare()
    plan = gate.check(w.hub.ledger, DECLARED, one(item(STRING, NEW, 0, "x", origin=w.text)), EVE_PEER)
    put(w.hub, "eve", [item(STRING, EVE, 4, "y", origin=w.text)])
    with pytest.raises(AssertionError):
        gate.absorb(w.hub.ledger, plan, 99, "eve", None)


# -- did it do what was planned ----------------------------------------------------------------------------------


def plan_of(w: Any, update: bytes) -> gate.Plan:
    """The plan for an update of eve."""
    return gate.check(w.hub.ledger, DECLARED, update, EVE_PEER)


def test_the_same_bytes_are_as_planned() -> None:
    """What the document repeats byte for byte is what was planned; silence is not, unless nothing was."""
    w = prepare()
    update = one(item(STRING, NEW, 0, "x", origin=w.text))
    assert gate.verify_emitted(plan_of(w, update), update, update)
    assert not gate.verify_emitted(plan_of(w, update), None, update)
    assert gate.verify_emitted(plan_of(w, one(deletes={})), None, one(deletes={}))


def test_more_or_less_than_planned_is_seen() -> None:
    """Other clocks, other clients, missing or unexplained deletions and undecodable bytes are not what was planned."""
    w = prepare()
    struct = item(STRING, NEW, 0, "xy", origin=w.text)
    update = one(struct, deletes={ANN: [(0, 1)]})
    plan = plan_of(w, update)
    other = item(STRING, EVE, 4, "x", origin=w.text)
    for emitted in (
        one(struct),
        one(deletes={ANN: [(0, 1)]}),
        one(item(STRING, NEW, 0, "x", origin=w.text), deletes={ANN: [(0, 1)]}),
        one(struct, other, deletes={ANN: [(0, 1)]}),
        one(struct, deletes={ANN: [(0, 2)]}),
        one(struct, deletes={ANN: [(0, 1), (14, 15)]}),
        one(struct, deletes={ANN: [(0, 1)], AUTHORITY: [(0, 1)]}),
        one(struct, deletes={ANN: [(0, 1)], NEW: [(0, 1)]}),
        b"junk",
    ):
        assert not gate.verify_emitted(plan, emitted, update), emitted
    assert gate.verify_emitted(plan, one(item(STRING, NEW, 0, "xy", parent="text"), deletes={ANN: [(0, 1)]}), update)


def test_losers_of_a_key_may_die() -> None:
    """Of two concurrent writers of a key one loses and dies unasked: explained where the plan touched the key, nowhere else."""
    w = prepare()
    struct = item(ANY, NEW, 0, [6], parent="map", key="key")
    plan = plan_of(w, one(struct))
    assert gate.verify_emitted(plan, one(struct, deletes={ANN: [(18, 19)]}), one(struct))
    assert gate.verify_emitted(plan, one(struct, deletes={NEW: [(0, 1)]}), one(struct))
    assert not gate.verify_emitted(plan, one(struct, deletes={ANN: [(17, 18)]}), one(struct))


def test_formats_of_a_touched_text_may_die() -> None:
    """The document clears away needless formats of a text that was touched; it clears nothing else."""
    w = prepare()
    put(w.hub, "eve", [item(FORMAT, EVE, 4, ("bold", True), origin=w.text)])
    struct = item(STRING, NEW, 0, "x", origin=w.text)
    touching, elsewhere = one(struct), one(item(ANY, NEW, 0, [1], parent="map", key="k"))
    assert gate.verify_emitted(plan_of(w, touching), one(struct, deletes={EVE: [(4, 5)]}), touching)
    assert not gate.verify_emitted(plan_of(w, touching), one(struct, deletes={EVE: [(2, 3)]}), touching)
    emitted = one(item(ANY, NEW, 0, [1], parent="map", key="k"), deletes={EVE: [(4, 5)]})
    assert not gate.verify_emitted(plan_of(w, elsewhere), emitted, elsewhere)


def test_children_die_with_their_type() -> None:
    """Deleting a shared type deletes what it holds, whether the sender knew of it or not."""
    hub = Hub(Schema.open(), AUTHORITY)
    put(
        hub,
        "ann",
        [item(TYPE, ANN, 0, (1, None), parent="map", key="n"), item(ANY, ANN, 1, [1], parent=(ANN, 0), key="a")],
    )
    plan = hub.receive(one(deletes={ANN: [(0, 1)]}), "eve")
    assert plan.deletes == {ANN: [(0, 1)]}
    assert hub.ledger.delete_set() == hub.delete_set() == {ANN: [(0, 2)]}
    plan = hub.receive(one(item(ANY, NEW, 0, [2], parent=(ANN, 0), key="b")), "eve")
    assert plan.ops == (), "nothing is set in what is dead"
    assert hub.ledger.is_dead(NEW, 0), "what is written into a dead type is dead on arrival"
    assert hub.ledger.delete_set() == hub.delete_set()


def test_what_was_collected_elsewhere_arrives_dead() -> None:
    """Content that a peer has collected already takes up its clocks, is dead, and belongs nowhere."""
    w = prepare()
    w.hub.receive(one(item(GC, NEW, 0, length=3), item(DELETED, NEW, 3, origin=w.text, length=2)), "eve")
    assert w.hub.ledger.delete_set() == w.hub.delete_set() == {NEW: [(0, 5)]}
    assert w.hub.ledger.next_clock(NEW) == 5


def test_an_empty_ledger_accepts_a_first_update() -> None:
    """A document begins with anybody's first update."""
    ledger = Ledger()
    doc: Any = pycrdt.Doc(client_id=77)
    doc["t"] = pycrdt.Text("hello")
    plan = gate.check(ledger, Schema.open(), decode_update(doc.get_update()), gate.Peer("ann"))
    gate.absorb(ledger, plan, 1, "ann", None)
    assert ledger.state_vector() == {77: 5}
