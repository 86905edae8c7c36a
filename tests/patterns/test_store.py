"""Store: items under namespaces, compared and swapped, found by name, filter and query, watched."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from accordant import (
    Absent,
    Conflict,
    Counter,
    Denied,
    Document,
    Engine,
    Fenced,
    Invalid,
    Item,
    Namespace,
    SchemaError,
    StaleRead,
    Store,
    blocking,
    connect,
    store,
)
from accordant.patterns.store import Delete, Put
from accordant.types.events import EventKind
from accordant.types.limits import KEY_CHARS_MAX, UPDATE_ATTEMPTS
from served import served

NS = Namespace.task("acme", "q3")
USERS = ("users", "ann")


class Hive(Document):
    memory: Store = store()
    tries: Counter


class Fact(BaseModel):
    text: str
    weight: float = 1.0


class Facts(Document):
    facts: Store[Fact] = store(clock=lambda: 1_000.5)


async def exercise(memory: Store[Any]) -> None:
    """What it promises of one item, wherever the handle lives."""
    assert await memory.get(USERS, "profile") is None
    absent = await memory.read(USERS, "profile")
    assert isinstance(absent, Absent)
    assert not absent
    first = await memory.put(USERS, "profile", {"plan": "pro"}, expect=absent)
    assert await memory.get(USERS, "profile") == first
    with pytest.raises(Conflict) as lost:
        await memory.put(USERS, "profile", {"plan": "free"})
    assert lost.value.item == first
    second = await memory.put(USERS, "profile", {"plan": "team"}, expect=first)
    assert second.version > first.version
    assert second.created_at == first.created_at
    for stale in (first, absent):
        with pytest.raises(Conflict) as lost:
            await memory.put(USERS, "profile", {"plan": "late"}, expect=stale)
        assert (lost.value.item, lost.value.value) == (second, {"plan": "team"})
        with pytest.raises(Conflict):
            await memory.delete(USERS, "profile", expect=stale)
    with pytest.raises(Conflict):
        await memory.delete(USERS, "profile")
    third = await memory.put(USERS, "profile", {"plan": "any"}, overwrite=True)
    fourth = await memory.update(USERS, "profile", lambda old: {**old, "seats": 3}, why="counted")
    assert fourth.value == {"plan": "any", "seats": 3}
    gone = await memory.delete(USERS, "profile", expect=fourth)
    assert gone.version > fourth.version > third.version
    assert await memory.search(USERS) == []
    assert (await memory.delete(USERS, "profile")).version == gone.version
    again = await memory.put(USERS, "profile", {"plan": "new"})
    with pytest.raises(Conflict):
        await memory.put(USERS, "profile", {"plan": "zombie"}, expect=fourth)
    with pytest.raises(Conflict):
        await memory.put(USERS, "profile", {"plan": "zombie"}, expect=gone)
    assert (await memory.search(("users",)))[0] == again
    await memory.delete(USERS, "profile", overwrite=True)


def test_every_item_is_compared_and_swapped_in_the_process() -> None:
    """A write lands on what its writer has read, creates what is not there, or says that it overwrites."""

    async def main() -> None:
        async with Engine() as engine:
            hive = await engine.open(Hive, NS, "hive", agent="ann")
            await exercise(hive.memory)

    asyncio.run(main())


def test_every_item_is_compared_and_swapped_over_a_websocket() -> None:
    """The same across a wire, and on a document without a schema."""

    async def main() -> None:
        async with Engine() as engine, served(engine) as url:
            async with connect(Hive, url, NS, "hive", agent="ann") as hive:
                await exercise(hive.memory)
            async with connect(None, url, NS, "open", agent="ann") as doc:
                await exercise(Store(doc, "anything"))

    asyncio.run(main())


def test_it_blocks() -> None:
    """`accordant.blocking` has it too, changes included."""
    with blocking.Engine() as engine:
        memory = engine.open(Hive, NS, "hive", agent="ann").memory
        with memory.watch(("users",)) as changes:
            item = memory.put(USERS, "a", 1)
            assert next(changes).key == "a"
        memory.update(USERS, "a", lambda old: old + 1)
        with pytest.raises(Conflict):
            memory.put(USERS, "a", 9, expect=item)
        assert [one.value for one in memory.search(USERS)] == [2]
        assert memory.list_namespaces() == [USERS]


def test_a_handle_that_has_ended_writes_nothing() -> None:
    """An item is a reading: its generation travels with it, also when a search found it."""

    async def main() -> None:
        async with Engine() as engine:
            old = await engine.open(Hive, NS, "hive", agent="ann")
            await old.memory.put(USERS, "a", 1)
            found = (await old.memory.search(USERS))[0]
            new = await engine.open(Hive, NS, "hive", agent="ann")
            with pytest.raises(Fenced):
                await new.memory.put(USERS, "a", 2, expect=found)
            await new.memory.put(USERS, "a", 2, expect=(await new.memory.search(USERS))[0])

    asyncio.run(main())


def test_an_item_is_a_basis() -> None:
    """What was derived from an item, or from its absence, lands only while that is so."""

    async def main() -> None:
        async with Engine() as engine:
            memory = (await engine.open(Hive, NS, "hive", agent="ann")).memory
            base, nothing = await memory.put(USERS, "a", 1), await memory.read(USERS, "b")
            await memory.put(USERS, "sum", 1, derived_from=[base, nothing])
            await memory.put(USERS, "a", 2, expect=base)
            with pytest.raises(StaleRead):
                await memory.put(USERS, "sum2", 1, derived_from=base)
            await memory.put(USERS, "b", 2)
            with pytest.raises(StaleRead):
                await memory.put(USERS, "sum3", 1, derived_from=nothing)

    asyncio.run(main())


def test_denials_are_in_the_log() -> None:
    """One write, one entry; one denial, one entry that names who was beaten by whom, also for a create that was none."""

    async def main() -> None:
        async with Engine() as engine:
            ann = await engine.open(Hive, NS, "hive", agent="ann")
            bob = await engine.open(Hive, NS, "hive", agent="bob")
            seen = await ann.memory.put(USERS, "a", 1, why="first")
            await bob.memory.put(USERS, "a", 2, expect=await bob.memory.read(USERS, "a"))
            with pytest.raises(Conflict):
                await ann.memory.put(USERS, "a", 3, expect=seen)
            with pytest.raises(Conflict):
                await ann.memory.put(USERS, "a", 4)
            entries = await ann.history(seen.reading.path)
            assert [(one.actor, one.outcome) for one in entries] == [
                ("ann", "conflict"),
                ("ann", "conflict"),
                ("bob", "committed"),
                ("ann", "committed"),
            ]
            assert entries[-1].why == "first"

    asyncio.run(main())


def test_several_writes_land_whole_or_not_at_all() -> None:
    """`write` and transactions: one entry for all, nothing of it when one may not land."""

    async def main() -> None:
        async with Engine() as engine:
            hive = await engine.open(Hive, NS, "hive", agent="ann")
            memory = hive.memory
            a = await memory.put(("x",), "a", 1)
            written = await memory.write(
                Put(("x",), "a", 2, expect=a),
                Put(("x",), "b", 1),
                Put(("x",), "c", 1, overwrite=True),
                Delete(("x",), "nothing"),
            )
            there = await memory.search()
            assert {one.version for one in there} == {written[0].version}
            assert [(one.key, one.value, one.version, one.reading.token) for one in written if one] == [
                (one.key, one.value, one.version, one.reading.token) for one in there
            ]
            assert isinstance(written[3], Absent)
            assert await memory.put(("x",), "nothing", 1, expect=written[3]) is not None
            await memory.delete(("x",), "nothing", overwrite=True)
            with pytest.raises(Conflict) as lost:
                await memory.write(Put(("x",), "d", 1), Put(("x",), "a", 3, expect=a))
            assert lost.value.item.value == 2
            with pytest.raises(Conflict):
                await memory.write(Put(("x",), "d", 1), Delete(("x",), "a"))
            assert await memory.get(("x",), "d") is None
            await memory.write(Delete(("x",), "a", overwrite=True), Delete(("x",), "b", overwrite=True))
            async with hive.transaction() as tx:
                await tx.memory.put(("x",), "e", 1)
                await tx.memory.delete(("x",), "c", overwrite=True)
                await tx.memory.write(Put(("y",), "f", 1))
                await tx.tries.increment()
                assert [one.key for one in await tx.memory.search()] == ["c"]
            assert [one.key for one in await memory.search()] == ["e", "f"]

    asyncio.run(main())


def test_a_batch_has_one_change_for_each_item() -> None:
    """Two would be in each other's way: neither lands, also where the second is a deletion of what is not there yet."""

    async def main() -> None:
        async with Engine() as engine:
            memory = (await engine.open(Hive, NS, "hive", agent="ann")).memory
            put, gone = Put(USERS, "a", 1, overwrite=True), Delete(USERS, "a", overwrite=True)
            for changes in ((put, gone), (gone, put), (put, put), (gone, gone)):
                with pytest.raises(Invalid) as refused:
                    await memory.write(*changes)
                assert refused.value.code == "twice_in_one"
            assert await memory.get(USERS, "a") is None

    asyncio.run(main())


def test_a_batch_that_loses_says_what_is_there() -> None:
    """As a single write does, with or without a schema: `item` is what to derive again from."""

    async def main() -> None:
        async with Engine() as engine:
            open_ = Store[Any](await engine.open(None, NS, "open", agent="ann"), "memory")
            for memory in (open_, (await engine.open(Hive, NS, "hive", agent="ann")).memory):
                seen = await memory.put(USERS, "a", 1)
                await memory.put(USERS, "a", 2, expect=seen)
                with pytest.raises(Conflict) as lost:
                    await memory.write(Put(USERS, "a", 3, expect=seen), Put(USERS, "b", 3))
                assert (lost.value.item.key, lost.value.item.value, lost.value.value) == ("a", 2, 2)
                await memory.write(Put(USERS, "a", 3, expect=lost.value.item), Put(USERS, "b", 3))

    asyncio.run(main())


def test_overwriting_writers_never_hear_of_each_other() -> None:
    """Whoever overwrites is not beaten by others who do; `update` by many loses nothing."""

    async def main() -> None:
        async with Engine() as engine:
            hives = [await engine.open(Hive, NS, "hive", agent=f"agent-{n}") for n in range(8)]

            async def work(hive: Hive) -> None:
                for n in range(20):
                    await hive.memory.put(USERS, "blind", n, overwrite=True)
                    await hive.memory.write(Put(USERS, "blind too", n, overwrite=True))
                    await hive.memory.update(USERS, "count", lambda old: (old or 0) + 1, attempts=10 * UPDATE_ATTEMPTS)

            await asyncio.gather(*map(work, hives))
            assert (await hives[0].memory.read(USERS, "count")).value == 160

    asyncio.run(main())


def test_overwriting_writers_never_hear_of_each_other_across_a_wire() -> None:
    """Where reading and writing take their time, a blind write that was beaten reads again by itself, alone or among others."""

    async def main() -> None:
        async with Engine() as engine, served(engine) as url, AsyncExitStack() as stack:
            joining = [connect(Hive, url, NS, "hive", agent=f"agent-{n}") for n in range(4)]
            hives = [await stack.enter_async_context(one) for one in joining]
            before = await hives[0].memory.put(USERS, "sum", 0)

            async def work(hive: Hive) -> None:
                for n in range(5):
                    await hive.memory.write(
                        Put(USERS, "blind", n, overwrite=True), Put(USERS, hive.agent, n, overwrite=True)
                    )
                    await hive.memory.delete(USERS, "blind", overwrite=True)

            await asyncio.gather(*map(work, hives))
            assert await hives[0].memory.get(USERS, "blind") is None
            denied = await hives[0].history(outcome="conflict")
            assert denied, "nobody raced"
            late = [Put(USERS, "blind", 0, overwrite=True), Put(USERS, "sum", 1, expect=before)]
            await hives[1].memory.write(*late)
            with pytest.raises(Conflict):
                await hives[2].memory.write(*late)

    asyncio.run(main())


def test_typed_values() -> None:
    """`Store[Fact]` gives and takes facts; the clock that it was given says when an item was created, the authority when
    changed."""

    async def main() -> None:
        async with Engine() as engine:
            facts = (await engine.open(Facts, NS, "facts", agent="ann")).facts
            item = await facts.put(("f",), "a", Fact(text="water is wet"))
            assert item.value == Fact(text="water is wet")
            assert (await facts.search(("f",), filter={"weight": 1}))[0].value == item.value
            assert item.created_at == 1_000_500 < item.updated_at
            with pytest.raises(Invalid):
                await facts.put(("f",), "b", {"txt": 1})  # type: ignore[arg-type]
            await Store(facts.document, "facts").put(("f",), "alien", {"txt": 1})
            assert [one.key for one in await facts.search()] == ["a"]
            with pytest.raises(Invalid):
                await facts.get(("f",), "alien")
            kept = await facts.update(("f",), "a", lambda old: Fact(text=old.text, weight=2.0))
            assert (kept.created_at, kept.value.weight) == (1_000_500, 2.0)

    asyncio.run(main())


def test_nothing_is_created_after_it_was_changed() -> None:
    """A creator's clock may be ahead of the authority's, or before 1970: the item is there, and its times make sense."""

    async def main() -> None:
        async with Engine() as engine:
            document = await engine.open(None, NS, "open", agent="ann")
            for name, clock in (("ahead", 9_999_999_999.0), ("before", -5.0)):
                memory = Store[Any](document, name, store(clock=lambda at=clock: at))
                await memory.put(USERS, "a", 1)
                item = await memory.get(USERS, "a")
                assert item is not None
                assert 0 <= item.created_at <= item.updated_at

    asyncio.run(main())


def test_values_belong_to_their_reader() -> None:
    """Changing what a search gave changes nothing that the next one gives."""

    async def main() -> None:
        async with Engine() as engine:
            memory = (await engine.open(Hive, NS, "hive", agent="ann")).memory
            await memory.put(USERS, "a", {"list": [1]})
            for _ in range(2):
                found = (await memory.search())[0]
                assert found.value == {"list": [1]}
                found.value["list"].append(2)
                found.reading.value["value"] = None

    asyncio.run(main())


def test_what_no_store_has_written_is_no_item() -> None:
    """Other keys and other values in the same map are passed over by a search, and refused by name; a store can take the
    place."""

    async def main() -> None:
        async with Engine() as engine:
            hive = await engine.open(Hive, NS, "hive", agent="ann")
            region = hive.memory.region
            for key in ("plain", '["a", "b"]', '["a"]', '{"a":1}', "[1,2]", '["\\u0061","b"]'):
                await region.commit(key, {"value": 1, "created": 1}, expect=await region.read(key))
            odd: list[Any] = [3, {"value": 1}]
            odd += [{"value": 1, "created": 1, "index": index} for index in (3, True, [1], [["a"]], [{"x": 1}])]
            odd += [{"value": 1, "created": created} for created in (-1, -(10**15), 2**53 - 1, 1.5, True, "1", None)]
            for key, value in zip("xyzabcdefghijk", odd, strict=True):
                await region.commit(f'["odd","{key}"]', value, expect=await region.read(f'["odd","{key}"]'))
                with pytest.raises(Invalid) as refused:
                    await hive.memory.get(("odd",), key)
                assert refused.value.code == "not_an_item"
                with pytest.raises(Invalid):
                    await hive.memory.update(("odd",), key, lambda old: old)
            await hive.memory.put(("b",), "real", 1)
            assert [one.key for one in await hive.memory.search()] == ["real"]
            assert [one.key for one in await hive.memory.search(query="1")] == ["real"]
            assert await hive.memory.list_namespaces() == [("b",)]
            await hive.memory.put(("odd",), "x", 4, overwrite=True)
            assert (await hive.memory.read(("odd",), "x")).value == 4

    asyncio.run(main())


def test_the_rules_of_the_map_hold() -> None:
    """Writers, sizes and numbers are the region's: beyond them a typed error, and nothing is changed."""

    class Small(Document):
        memory: Store = store(max_items=2, writers="ann")

    async def main() -> None:
        async with Engine() as engine:
            ann = (await engine.open(Small, NS, "small", agent="ann")).memory
            bob = (await engine.open(Small, NS, "small", agent="bob")).memory
            await ann.put(USERS, "a", 1)
            await ann.put(USERS, "b", 1)
            with pytest.raises(Denied) as full:
                await ann.put(USERS, "c", 1)
            assert full.value.code == "region_full"
            await ann.write(Delete(USERS, "b", overwrite=True), Put(USERS, "c", 1))
            with pytest.raises(Denied):
                await ann.write(Delete(USERS, "c", overwrite=True), Put(USERS, "d", 1), Put(USERS, "e", 1))
            await ann.write(Delete(USERS, "c", overwrite=True), Put(USERS, "b", 1))
            with pytest.raises(Denied):
                await bob.put(USERS, "a", 2, overwrite=True)
            with pytest.raises(Invalid):
                await ann.put(USERS, "a", "x" * 2**21, overwrite=True)
            assert {one.key: one.value for one in await bob.search()} == {"a": 1, "b": 1}

    asyncio.run(main())


@pytest.mark.parametrize(
    ("namespace", "key"),
    [
        ("users", "a"),
        ((), "a"),
        (("a", ""), "a"),
        (("a",), ""),
        (("a", 1), "a"),
        (("a",), 1),
        (("\ud800",), "a"),
        (("a",), "\udfff"),
        (None, "a"),
        (("x" * KEY_CHARS_MAX,), "a"),
        (("a",), '"' * (KEY_CHARS_MAX // 2)),
    ],
)
def test_names_that_cannot_be_are_refused(namespace: Any, key: Any) -> None:
    """A name is refused whole or taken as it is: nothing is repaired, whatever is asked with it."""

    async def main() -> None:
        async with Engine() as engine:
            memory = (await engine.open(Hive, NS, "hive", agent="ann")).memory
            for act in (memory.get, memory.delete):
                with pytest.raises(Invalid):
                    await act(namespace, key)
            with pytest.raises(Invalid):
                await memory.put(namespace, key, 1)
            assert await memory.search() == []

    asyncio.run(main())


def test_arguments_that_make_no_sense_are_refused() -> None:
    """Readings of something else, contradictions, pages below zero, fields that are no paths."""

    async def main() -> None:
        async with Engine() as engine:
            memory = (await engine.open(Hive, NS, "hive", agent="ann")).memory
            item = await memory.put(USERS, "a", 1)
            with pytest.raises(Invalid):
                await memory.put(USERS, "b", 1, expect=item)
            with pytest.raises(Invalid):
                await memory.put(("users",), "a", 1, expect=item)
            with pytest.raises(Invalid):
                await memory.put(USERS, "a", 1, expect=item, overwrite=True)
            with pytest.raises(Invalid):
                await memory.put(USERS, "a", 1, expect=item.reading)  # type: ignore[arg-type]
            with pytest.raises(Invalid):
                await memory.put(USERS, "a", 2, expect=item, index=["a[b]"])
            with pytest.raises(Invalid):
                await memory.search(query=3)  # type: ignore[arg-type]
            pages: list[dict[str, Any]] = [
                {"limit": -1},
                {"offset": -1},
                {"limit": None},
                {"limit": "3"},
                {"offset": 1.5},
            ]
            for page in pages:
                with pytest.raises(Invalid):
                    await memory.search(**page)
                with pytest.raises(Invalid):
                    await memory.list_namespaces(**page)
            with pytest.raises(Invalid):
                await memory.list_namespaces(max_depth=0)
            with pytest.raises(Invalid):
                await memory.list_namespaces(prefix="users")
            with pytest.raises(Invalid):
                memory.watch("users")  # type: ignore[arg-type]
            with pytest.raises(Invalid):
                store(fields="text")
            with pytest.raises(SchemaError):
                store(embed="word2vec")  # type: ignore[arg-type]

    asyncio.run(main())


def test_a_store_outlives_its_engine(tmp_path: Path) -> None:
    """A restart changes the epoch: items of before are no expectation any more, and an index begins anew."""

    async def main() -> None:
        async with Engine(tmp_path / "a.db") as engine:
            memory = (await engine.open(Hive, NS, "hive", agent="ann")).memory
            old = await memory.put(USERS, "a", 1)
        async with Engine(tmp_path / "a.db") as engine:
            memory = (await engine.open(Hive, NS, "hive", agent="ann")).memory
            with pytest.raises(Fenced):
                await memory.put(USERS, "a", 2, expect=old)
            found = (await memory.search())[0]
            assert (found.value, found.version) == (1, old.version)
            assert isinstance(await memory.put(USERS, "a", 2, expect=found), Item)

    asyncio.run(main())


def test_what_was_taken_back_is_marked_where_it_is_found() -> None:
    """A retracted item is found with its status, by name and by search."""

    async def main() -> None:
        async with Engine() as engine:
            hive = await engine.open(Hive, NS, "hive", agent="ann")
            item = await hive.memory.put(USERS, "a", 1)
            await hive.memory.put(USERS, "b", 1, derived_from=item)
            assert [one.reading.status for one in await hive.memory.search()] == ["current", "current"]
            async with hive.memory.watch() as changes:
                await hive.retract(item.reading, why="wrong")
                assert (await anext(changes)).kind is EventKind.RETRACTION
            statuses = {(await hive.memory.search())[0].reading.status}
            statuses.add((await hive.memory.read(USERS, "a")).reading.status)
            assert statuses == {"retracted"}
            derived = (await hive.memory.search())[1]
            assert (derived.key, derived.reading.status) == ("b", "suspect")
            assert derived.reading.because == item.reading.ref

    asyncio.run(main())
