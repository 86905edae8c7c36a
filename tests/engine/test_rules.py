"""The region rules, kind by kind: what is allowed lands with the right operations, what is not is refused by name."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pycrdt
import pytest
from pydantic import BaseModel

sys.path.insert(0, str(Path(__file__).parent / "hostile"))
from honest_hub import Hub
from hostile_payloads import ANN, EVE, NEW, item, one, prepare, put

from accordant.engine.update import ANY, FORMAT, STRING, TYPE
from accordant.types.errors import AccordantError
from accordant.types.regions import Kind, RegionSpec, Rules, Schema


class Card(BaseModel):
    """An item type of the tests."""

    title: str
    points: int


def hub_with(kind: Kind, item_type: Any = None, **rules: Any) -> Hub:
    """A hub with one region `r`."""
    return Hub(Schema("One", {"r": RegionSpec("r", kind, item_type, Rules(**rules))}))


class Agent:
    """A pycrdt peer of one region that sends every transaction at once."""

    def __init__(
        self, hub: Hub, actor: str, client_id: int, type_: type[Any], roles: frozenset[str] = frozenset()
    ) -> None:
        self.hub, self.actor, self.roles = hub, actor, roles
        self.doc: Any = pycrdt.Doc(client_id=client_id)
        self.pull()
        self.region = self.doc.get("r", type=type_)
        self.outbox: list[bytes] = []
        self._subscription = self.doc.observe(lambda event: self.outbox.append(event.update))

    def pull(self) -> None:
        """Take what the hub has."""
        self.doc.apply_update(self.hub.doc.get_update())

    def change(self, edit: Callable[[Any], Any]) -> list[tuple[str, str | None, tuple[Any, ...]]]:
        """Edit in one transaction and send; returns (operation, key, values) of what landed."""
        self.outbox.clear()
        with self.doc.transaction():
            edit(self.region)
        ops = []
        for update in self.outbox:
            plan = self.hub.receive(update, self.actor, self.roles)
            ops += [(op.operation, op.key, op.values) for op in plan.ops]
        return ops

    def refused(self, edit: Callable[[Any], Any]) -> str:
        """The code with which this edit is refused."""
        with pytest.raises(AccordantError) as caught:
            self.change(edit)
        return caught.value.code


# -- permissions -------------------------------------------------------------------------------------------------

EDITS: dict[Kind, tuple[type[Any], dict[str, Callable[[Any], Any]]]] = {
    Kind.TEXT: (
        pycrdt.Text,
        {"insert": lambda r: r.insert(0, "hi"), "delete": lambda r: r.__delitem__(slice(0, 1))},
    ),
    Kind.LOG: (pycrdt.Array, {"append": lambda r: r.append(1)}),
    Kind.UNION_SET: (
        pycrdt.Map,
        {"add": lambda r: r.__setitem__("t", 1), "discard": lambda r: r.__delitem__("t")},
    ),
    Kind.COUNTER: (pycrdt.Map, {"increment": lambda r: r.__setitem__("9", [1, 0])}),
    Kind.MAP: (pycrdt.Map, {"set": lambda r: r.__setitem__("k", 1), "delete": lambda r: r.__delitem__("k")}),
    Kind.XML: (pycrdt.XmlFragment, {"edit": lambda r: r.children.append(pycrdt.XmlText("x"))}),
}


@pytest.mark.parametrize("kind", EDITS)
def test_every_operation_needs_its_permission(kind: Kind) -> None:
    """An actor with all operations of a kind but one is refused that one, and no other."""
    type_, edits = EDITS[kind]
    for missing in edits:
        hub = hub_with(kind, allow={"root": frozenset(edits), "agent": frozenset(edits) - {missing}})
        agent = Agent(hub, "agent", 9, type_)
        for operation, edit in edits.items():
            if operation == missing:
                assert agent.refused(edit) == "not_permitted"
                break
            assert [op[0] for op in agent.change(edit)] == [operation]


@pytest.mark.parametrize("kind", EDITS)
def test_a_single_writer_region_is_closed_to_others(kind: Kind) -> None:
    """`writers` names who may write at all, by name or role."""
    type_, edits = EDITS[kind]
    edit = next(iter(edits.values()))
    writers = frozenset({"owner", "role:editor"})
    assert Agent(hub_with(kind, writers=writers), "agent", 9, type_).refused(edit) == "not_permitted"
    assert Agent(hub_with(kind, writers=writers), "owner", 9, type_).change(edit)
    assert Agent(hub_with(kind, writers=writers), "agent", 9, type_, frozenset({"editor"})).change(edit)


def test_what_dies_at_once_needs_permission_too() -> None:
    """Content that is inserted and deleted in one update is nobody's value, but not everybody's to send."""
    hub = hub_with(Kind.LOG, writers=frozenset({"owner"}))
    agent = Agent(hub, "agent", 9, pycrdt.Array)
    assert agent.refused(lambda r: (r.append(1), r.pop())) == "not_permitted"


# -- texts -------------------------------------------------------------------------------------------------------


def test_text_operations() -> None:
    """Inserting and deleting are told apart; formatting counts as inserting, also when it clears a format."""
    hub = hub_with(Kind.TEXT, allow={"ann": frozenset({"insert", "delete"}), "bob": frozenset({"insert"})})
    ann = Agent(hub, "ann", 8, pycrdt.Text)
    assert ann.change(lambda r: r.insert(0, "hello 😀")) == [("insert", None, ("hello 😀",))]
    assert ann.change(lambda r: r.__delitem__(slice(0, 2))) == [("delete", None, ())]
    bob = Agent(hub, "bob", 9, pycrdt.Text)
    assert [op[0] for op in bob.change(lambda r: r.format(0, 3, {"bold": True}))] == ["insert"]
    assert [op[0] for op in bob.change(lambda r: r.format(0, 3, {"bold": None}))] == ["insert"]
    assert bob.refused(lambda r: r.__delitem__(slice(0, 1))) == "not_permitted"


def test_clearing_a_format_needs_permission_to_insert() -> None:
    """Deleting nothing but a format is formatting: who may only delete may not do it."""
    hub = hub_with(Kind.TEXT, allow={"ann": frozenset({"insert"}), "bob": frozenset({"delete"})})
    put(hub, "ann", [item(STRING, ANN, 0, "hello", parent="r"), item(FORMAT, ANN, 5, ("bold", True), right=(ANN, 0))])
    with pytest.raises(AccordantError) as caught:
        hub.receive(one(deletes={ANN: [(5, 6)]}), "bob")
    assert (caught.value.code, caught.value.operation) == ("not_permitted", "insert")
    assert [op.operation for op in hub.receive(one(deletes={ANN: [(0, 1)]}), "bob").ops] == ["delete"]


def test_only_what_lives_of_a_text_is_its_value() -> None:
    """Text that is deleted in the same update is no value of the operation."""
    w = prepare()
    plan = w.hub.receive(one(item(STRING, NEW, 0, "a😀bc", origin=w.text), deletes={NEW: [(1, 4)]}), "eve")
    (op,) = plan.ops
    assert (op.operation, op.values, op.count) == ("insert", ("a", "c"), 2)


# -- logs --------------------------------------------------------------------------------------------------------


def test_a_log_grows_at_its_end() -> None:
    """Appends land in one operation per run with their values; anything before the end is refused."""
    hub = hub_with(Kind.LOG, int)
    agent = Agent(hub, "agent", 9, pycrdt.Array)
    assert agent.change(lambda r: r.extend([1, 2])) == [("append", None, (1, 2))]
    assert agent.refused(lambda r: r.insert(1, 5)) == "not_at_tail"
    other = Agent(hub, "other", 10, pycrdt.Array)
    assert other.refused(lambda r: r.pop(0)) == "entry_changed"


def test_concurrent_appends_merge() -> None:
    """An append by somebody who has not seen the newest entries lands."""
    hub = hub_with(Kind.LOG)
    one_, two = Agent(hub, "one", 9, pycrdt.Array), Agent(hub, "two", 10, pycrdt.Array)
    one_.change(lambda r: r.append("a"))
    assert two.change(lambda r: r.append("b")) == [("append", None, ("b",))]
    assert sorted(hub.doc.get("r", type=pycrdt.Array).to_py()) == ["a", "b"]


def test_an_undone_append_is_a_tombstone() -> None:
    """Entries that are appended and removed within one update are fine; so is going on after them."""
    hub = hub_with(Kind.LOG)
    agent = Agent(hub, "agent", 9, pycrdt.Array)
    agent.change(lambda r: (r.append(1), r.append(2), r.pop(), r.append(3)))
    agent.change(lambda r: (r.append(4), r.pop()))
    agent.change(lambda r: r.append(5))
    assert hub.doc.get("r", type=pycrdt.Array).to_py() == [1.0, 3.0, 5.0]
    assert hub.ledger.region_size("r")[0] == 3


def test_what_stands_before_a_tombstone_of_its_own_update_stands_at_the_end() -> None:
    """Yjs' `insert(length)` goes before trailing tombstones: fine before what this update deletes, refused before what lives."""
    w = prepare()
    first = item(ANY, NEW, 0, [1], origin=(ANN, 16))
    before = item(ANY, NEW, 1, [2], origin=(ANN, 16), right=(NEW, 0))
    with pytest.raises(AccordantError) as caught:
        w.hub.receive(one(first, before), "eve")
    assert caught.value.code == "not_at_tail"
    plan = w.hub.receive(one(first, before, deletes={NEW: [(0, 1)]}), "eve")
    assert [(op.values, op.dead) for op in plan.ops] == [((), ((NEW, 0),)), ((2,), ())]


def test_a_shared_type_is_complete_in_its_update() -> None:
    """A nested value is put together and validated; what is missing cannot be added later, nor anything be changed."""
    hub = hub_with(Kind.LOG, Card)
    agent = Agent(hub, "agent", 9, pycrdt.Array)
    ops = agent.change(lambda r: r.append(pycrdt.Map({"title": pycrdt.Text("hi 😀"), "points": 3})))
    assert ops == [("append", None, ({"title": "hi 😀", "points": 3},))]
    assert agent.refused(lambda r: r[0].__setitem__("points", 4)) == "nested_change"
    late = Agent(hub, "late", 10, pycrdt.Array)
    assert late.refused(lambda r: r.append(pycrdt.Map({"title": "no points"}))) == "incomplete_value"


def test_nested_lists_keep_their_order() -> None:
    """A list inside a value is validated in the order in which it was written, whatever was inserted where."""
    hub = hub_with(Kind.MAP)
    agent = Agent(hub, "agent", 9, pycrdt.Map)

    def edit(region: Any) -> None:
        region["k"] = inner = pycrdt.Array([1, 4])
        inner.insert(1, 3)
        inner.insert(1, 2)
        inner.append(9)
        inner.pop()

    assert agent.change(edit) == [("set", "k", ([1, 2, 3, 4],))]


# -- sets --------------------------------------------------------------------------------------------------------


def test_members_are_added_and_discarded() -> None:
    """A tag is written once; writing the same member again changes nothing, another is refused, also after a discard."""
    hub = hub_with(Kind.UNION_SET, str)
    agent = Agent(hub, "agent", 9, pycrdt.Map)
    assert agent.change(lambda r: r.__setitem__("tag", "x")) == [("add", "tag", ("x",))]
    assert agent.change(lambda r: r.__setitem__("tag", "x")) == [("add", "tag", ("x",))]
    assert agent.change(lambda r: r.__delitem__("tag")) == [("discard", "tag", ())]
    assert agent.change(lambda r: r.__setitem__("tag", "x")) == [("add", "tag", ("x",))]
    assert agent.refused(lambda r: r.__setitem__("tag", "y")) == "entry_changed"


def test_members_that_the_authority_wrote_can_be_repeated() -> None:
    """The authority's members are remembered like everybody's."""
    hub = hub_with(Kind.UNION_SET)
    hub.write(lambda doc: doc.get("r", type=pycrdt.Map).__setitem__("tag", {"a": 1}))
    agent = Agent(hub, "agent", 9, pycrdt.Map)
    assert agent.change(lambda r: r.__setitem__("tag", {"a": 1})) == [("add", "tag", ({"a": 1},))]


# -- maps --------------------------------------------------------------------------------------------------------


def test_a_map_sets_and_deletes() -> None:
    """Overwriting is one operation, not a deletion; deleting is one; a key that comes and goes at once is none."""
    hub = hub_with(Kind.MAP, int)
    agent = Agent(hub, "agent", 9, pycrdt.Map)
    assert agent.change(lambda r: r.__setitem__("k", 1)) == [("set", "k", (1,))]
    assert agent.change(lambda r: (r.__setitem__("k", 2), r.__setitem__("k", 3))) == [("set", "k", (3,))]
    assert agent.change(lambda r: (r.__setitem__("n", 2), r.__delitem__("n"))) == []
    assert agent.change(lambda r: (r.__setitem__("k", 4), r.__delitem__("k"))) == [("delete", "k", ())]
    assert agent.refused(lambda r: r.__setitem__("k", "text")) == "invalid_value"


def test_deleting_cannot_pass_as_writing() -> None:
    """A write that does not name what it deletes may lose and leave the key empty: that takes the right to delete."""
    hub = hub_with(Kind.MAP, allow={"ann": frozenset({"set"}), "eve": frozenset({"set"})})
    put(hub, "ann", [item(ANY, ANN, 0, [1], parent="r", key="k")])
    ignorant = one(item(ANY, 3, 0, [2], parent="r", key="k"), deletes={ANN: [(0, 1)]})
    with pytest.raises(AccordantError) as caught:
        hub.receive(ignorant, "eve")
    assert (caught.value.code, caught.value.operation) == ("not_permitted", "delete")
    plan = hub.receive(one(item(ANY, 3, 0, [2], origin=(ANN, 0)), deletes={ANN: [(0, 1)]}), "eve")
    assert [op.operation for op in plan.ops] == ["set"]


def test_all_concurrent_values_of_a_key_must_fit() -> None:
    """Two own ids that wrote one key offline: either may win, so both values are checked."""
    hub = hub_with(Kind.MAP, int)
    update = one(item(ANY, 20, 0, ["bad"], parent="r", key="k"), item(ANY, 10, 0, [1], parent="r", key="k"))
    with pytest.raises(AccordantError) as caught:
        hub.receive(update, "eve")
    assert (caught.value.code, caught.value.path) == ("invalid_value", "r/k")


# -- counters ----------------------------------------------------------------------------------------------------


def test_a_counter_counts_under_its_own_id() -> None:
    """The entry of the own client id grows; the operation says by how much, and floats count as whole numbers."""
    hub = hub_with(Kind.COUNTER)
    agent = Agent(hub, "agent", 9, pycrdt.Map)
    assert agent.change(lambda r: r.__setitem__("9", [2, 0])) == [("increment", "9", ([2, 0],))]
    plan = hub.receive(one(item(ANY, 9, 1, [[2.0, 3.0]], origin=(9, 0)), deletes={9: [(0, 1)]}), "agent")
    assert (plan.ops[0].count, plan.ops[0].values) == (-3, ([2, 3],))
    other = Agent(hub, "agent", 10, pycrdt.Map)
    assert other.refused(lambda r: r.__setitem__("9", [9, 9])) == "not_your_counter"


def test_counters_only_grow_even_after_a_restart() -> None:
    """What the entry held is known to a ledger that was rebuilt from the log or a checkpoint."""
    from accordant.engine import gate
    from accordant.engine.ledger import Ledger

    hub = hub_with(Kind.COUNTER)
    hub.receive(one(item(ANY, 9, 0, [[5, 1]], parent="r", key="9")), "agent")
    rebuilt = Ledger()
    gate.absorb(rebuilt, gate.check_own(rebuilt, hub.log[0], None), 1, "agent", None)
    for ledger in (rebuilt, Ledger.load(hub.ledger.dump())):
        hub.ledger = ledger
        with pytest.raises(AccordantError) as caught:
            hub.receive(one(item(ANY, 9, 1, [[4, 1]], origin=(9, 0)), deletes={9: [(0, 1)]}), "agent")
        assert caught.value.code == "counter_decreased"


# -- bounds ------------------------------------------------------------------------------------------------------


def test_a_full_region_shrinks_and_overwrites() -> None:
    """At its bound a region refuses growth, and still lets its entries be replaced and removed."""
    hub = hub_with(Kind.MAP, max_items=2)
    agent = Agent(hub, "agent", 9, pycrdt.Map)
    agent.change(lambda r: (r.__setitem__("a", 1), r.__setitem__("b", 1)))
    assert agent.change(lambda r: r.__setitem__("a", 2)) == [("set", "a", (2,))]
    assert agent.change(lambda r: r.__delitem__("a")) == [("delete", "a", ())]
    assert agent.change(lambda r: r.__setitem__("c", 1)) == [("set", "c", (1,))]
    assert agent.refused(lambda r: r.__setitem__("d", 1)) == "region_full"


def test_bytes_are_bounded() -> None:
    """A text is full when its living bytes reach the bound, not before and not for ever."""
    hub = hub_with(Kind.TEXT, max_bytes=10, max_items=1)
    agent = Agent(hub, "agent", 9, pycrdt.Text)
    agent.change(lambda r: r.insert(0, "ééééé"))
    agent.change(lambda r: r.__delitem__(slice(0, 4)))
    agent.change(lambda r: r.insert(0, "four"))
    assert agent.refused(lambda r: r.insert(0, "x")) == "region_full"


def test_insertions_among_crowds_are_bounded() -> None:
    """Nobody makes the document walk past tens of thousands of concurrent insertions again and again; typing on is free."""
    w = prepare(Schema.open())
    place = w.hub.ledger.roots["text"].sequence
    assert place is not None
    place.inserts = 100_000  # as after so many separate insertions, which would take the test a minute
    typed = [item(STRING, NEW, 0, "x", origin=w.text, right=(ANN, 4))]
    typed += [
        item(STRING if n % 2 else FORMAT, NEW, n, "x" if n % 2 else ("b", True), origin=(NEW, n - 1))
        for n in range(1, 400)
    ]
    w.hub.receive(one(*typed), "eve")
    scattered = [item(STRING, EVE, 4 + n, "x", origin=(ANN, n % 5)) for n in range(150)]
    with pytest.raises(AccordantError) as caught:
        w.hub.receive(one(*scattered), "eve")
    assert caught.value.code == "too_many_structs"


# -- open documents ----------------------------------------------------------------------------------------------


def test_an_open_document_takes_any_root() -> None:
    """Without a schema any name serves; operations are told in the same words, nested ones with their path."""
    hub = Hub()
    put(hub, "ann", [item(STRING, ANN, 0, "hi", parent="")])
    put(
        hub,
        "ann",
        [item(TYPE, ANN, 2, (1, None), parent="m", key="a"), item(ANY, ANN, 3, [1], parent=(ANN, 2), key="b")],
    )
    plan = hub.receive(one(item(ANY, NEW, 0, [2], origin=(ANN, 3)), deletes={ANN: [(3, 4)]}), "bob")
    assert [(op.region, op.operation, op.key, op.values) for op in plan.ops] == [("m", "set", "a/b", (2,))]
    plan = hub.receive(one(item(ANY, NEW, 1, [1, 2], parent="list")), "bob")
    assert [(op.operation, op.values) for op in plan.ops] == [("append", (1, 2))]
    plan = hub.receive(one(item(ANY, NEW, 3, [0], right=(NEW, 1)), deletes={NEW: [(1, 2)]}), "bob")
    assert [(op.operation, op.count) for op in plan.ops] == [("insert", 1), ("delete", 1)]
