"""Watch: who waits for a namespace is told what changed in it."""

from __future__ import annotations

import asyncio
from typing import Any

from accordant import Document, Engine, ItemChanged, Namespace, Store, connect, store
from accordant.adapters.langgraph import DocStore
from accordant.patterns.scheduler import Scheduler
from accordant.patterns.store import Put
from accordant.types.memory_limits import EVENT_PATHS_MAX
from served import served

NS = Namespace.task("acme", "q3")


class Hive(Document):
    memory: Store[Any] = store()


async def told(changes: Any, count: int) -> list[ItemChanged]:
    async with asyncio.timeout(20):
        return [await anext(changes) for _ in range(count)]


async def exercise(hive: Hive, writer: Hive) -> None:
    async with hive.memory.watch(("users",)) as changes:
        await writer.memory.put(("other",), "x", 1)
        item = await writer.memory.put(("users", "ann"), "a", 1)
        (first,) = await told(changes, 1)
        assert (first.namespace, first.key, first.version, first.actor) == (("users", "ann"), "a", item.version, "bob")
        many = [Put(("users",), str(n), n) for n in range(3 * EVENT_PATHS_MAX)]
        (*_, last) = await writer.memory.write(*many, Put(("elsewhere",), "x", 1))
        every = await told(changes, len(many))
        assert {one.key for one in every} == {one.key for one in many}
        assert {one.version for one in every} == {last.version}
        await writer.memory.delete(("users", "ann"), "a", overwrite=True)
        (gone,) = await told(changes, 1)
        assert gone.key == "a"
        assert await hive.memory.get(gone.namespace, gone.key) is None


def test_changes_are_told_by_name() -> None:
    """Each item that changed under these whole labels, one by one, also when a single entry wrote more than an event can name."""

    async def main() -> None:
        async with Engine() as engine, served(engine) as url:
            ann = await engine.open(Hive, NS, "hive", agent="ann")
            bob = await engine.open(Hive, NS, "hive", agent="bob")
            await exercise(ann, bob)
            async with connect(Hive, url, NS, "hive", agent="cat") as cat:
                await cat.memory.write(*[Put(("again",), str(n), n) for n in range(3)])
            async with (
                connect(Hive, url, NS, "hive2", agent="ann") as ann,
                connect(Hive, url, NS, "hive2", agent="bob") as bob,
            ):
                await exercise(ann, bob)

    asyncio.run(main())


def test_a_watcher_that_comes_late_is_told_from_where_it_was() -> None:
    """`after=` a version begins behind it, from the log."""

    async def main() -> None:
        async with Engine() as engine:
            hive = await engine.open(Hive, NS, "hive", agent="ann")
            first = await hive.memory.put(("a",), "1", 1)
            await hive.memory.put(("a",), "2", 1)
            async with hive.memory.watch(after=first.version) as changes:
                assert [one.key for one in await told(changes, 1)] == ["2"]

    asyncio.run(main())


def test_a_slow_watcher_misses_no_item() -> None:
    """What was let go for one who is too slow is looked up: every item that changed is told at least once."""

    async def main() -> None:
        async with Engine() as engine:
            hive = await engine.open(Hive, NS, "hive", agent="ann")
            async with hive.memory.watch() as changes:
                await hive.memory.put(("a",), "first", 0)
                await told(changes, 1)
                for start in range(0, 6_000, 50):
                    puts = [hive.memory.put(("a",), str(n), n, overwrite=True) for n in range(start, start + 50)]
                    await asyncio.gather(*puts)
                await hive.memory.put(("a",), "last", 0)
                seen = set()
                async with asyncio.timeout(30):
                    while "last" not in seen or len(seen) < 6_001:
                        seen.add((await anext(changes)).key)
                assert seen == {str(n) for n in range(6_000)} | {"last"}

    asyncio.run(main())


def test_a_window_tells_of_many_as_one_each() -> None:
    """With `coalesce=` several writes of one item may be one change; none is left out."""

    async def main() -> None:
        async with Engine() as engine:
            hive = await engine.open(Hive, NS, "hive", agent="ann")
            async with hive.memory.watch(coalesce=0.05) as changes:
                for n in range(100):
                    await hive.memory.put(("a",), str(n % 90), n, overwrite=True)
                seen: set[str] = set()
                async with asyncio.timeout(20):
                    while len(seen) < 90:
                        seen.add((await anext(changes)).key)

    asyncio.run(main())


def test_a_store_and_a_scheduler_are_a_blackboard() -> None:
    """A write into the store wakes who waits for it, under LangGraph's interface too: nobody polls, and each step is compared
    and swapped."""

    async def main() -> None:
        async with Engine() as engine:
            hive = await engine.open(Hive, NS, "hive", agent="scheduler")
            writer = await engine.open(Hive, NS, "hive", agent="node")
            scheduler = Scheduler(hive)

            async def critic(wake: Any) -> None:
                for claim in await hive.memory.search(("claims",), filter={"judged": False}):
                    await hive.memory.put(claim.namespace, claim.key, claim.value | {"judged": True}, expect=claim)

            scheduler.on("memory", run=critic, name="critic")

            def is_done(snapshot: Any) -> bool:
                items = snapshot["memory"].value if "memory" in snapshot else {}
                return sum(one["value"]["judged"] for one in items.values()) == 5

            running = asyncio.create_task(scheduler.run(until=is_done))
            for n in range(5):
                await DocStore(writer).aput(("claims",), str(n), {"judged": False})
            await asyncio.wait_for(running, 30)
            judged = await writer.memory.search(("claims",))
            assert [one.value for one in judged] == [{"judged": True}] * 5
            assert {one.by for one in judged} == {"scheduler"}

    asyncio.run(main())
