"""DocStore: a put from a stale reading is denied, though no node names a version."""

from __future__ import annotations

import asyncio
import contextvars
import operator
import threading
import warnings
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Annotated, Any, TypedDict

import pytest
from langgraph.graph import END, START, StateGraph
from langgraph.store.base import BaseStore, GetOp, ListNamespacesOp, MatchCondition, PutOp, SearchOp
from langgraph.store.memory import InMemoryStore

from accordant import Conflict, Denied, Document, Engine, Invalid, Namespace, NoAuthority, Store, connect, store
from accordant.adapters.langgraph import DocStore
from accordant.adapters.langgraph_operations import StaleWrite
from accordant.adapters.read_set import _READS
from served import back, offline, served

NS = ("accounts",)


class Hive(Document):
    memory: Store[Any] = store()


def run() -> contextvars.Context:
    """A logical run, as LangGraph makes one for a node: a copy of the present context."""
    return contextvars.copy_context()


def value(one: Any, key: str = "acme", namespace: tuple[str, ...] = NS) -> Any:
    item = contextvars.Context().run(one.get, namespace, key)
    return None if item is None else item.value


def test_a_stale_put_is_denied_and_loses_nothing() -> None:
    """Two runs read, both write: the second is told what is there, reads again, and both updates are in the record."""
    with DocStore() as memory:
        memory.put(NS, "acme", {"status": "active", "usage": 41})
        enrichment, triage = run(), run()
        seen = enrichment.run(memory.get, NS, "acme")
        theirs = triage.run(memory.get, NS, "acme")
        triage.run(memory.put, NS, "acme", theirs.value | {"status": "churned"})
        with pytest.raises(Conflict) as lost:
            enrichment.run(memory.put, NS, "acme", seen.value | {"usage": 57})
        assert lost.value.item.value == {"status": "churned", "usage": 41}
        with pytest.raises(Conflict):  # trying again without reading again changes nothing
            enrichment.run(memory.put, NS, "acme", seen.value | {"usage": 57})
        again = enrichment.run(memory.get, NS, "acme")
        enrichment.run(memory.put, NS, "acme", again.value | {"usage": 57})
        assert value(memory) == {"status": "churned", "usage": 57}


def test_the_control_loses_it() -> None:
    """The same moves on LangGraph's own store: the churn is gone."""
    memory = InMemoryStore()
    memory.put(NS, "acme", {"status": "active", "usage": 41})
    seen, theirs = memory.get(NS, "acme"), memory.get(NS, "acme")
    assert seen is not None
    assert theirs is not None
    memory.put(NS, "acme", theirs.value | {"status": "churned"})
    memory.put(NS, "acme", seen.value | {"usage": 57})
    assert value(memory) == {"status": "active", "usage": 57}


@pytest.mark.parametrize("how", ["get", "search", "batch", "async", "gather", "async search", "versioned"])
def test_every_way_to_read_is_remembered(how: str) -> None:
    """By name, by search, in a batch, awaited, in `gather`: what was read so is checked when it is written."""

    async def read_and_write(memory: DocStore) -> None:
        match how:
            case "get":
                memory.get(NS, "acme")
            case "search":
                memory.search((), filter={"n": 1})
            case "batch":
                memory.batch([GetOp(NS, "acme"), SearchOp(("nothing",))])
            case "async":
                await memory.aget(NS, "acme")
            case "gather":
                await asyncio.gather(memory.aget(NS, "acme"), memory.aget(NS, "other"), memory.asearch(("x",)))
            case "async search":
                await memory.asearch(())
            case _:
                await memory.aget_versioned(NS, "acme")
        other = asyncio.create_task(memory.aput(NS, "acme", {"n": 2}), context=contextvars.Context())
        await other
        with pytest.raises(Conflict):
            await memory.aput(NS, "acme", {"n": 3})
        with pytest.raises(Conflict):
            memory.put(NS, "acme", {"n": 3})
        with pytest.raises(Conflict):
            await memory.adelete(NS, "acme")
        with pytest.raises(Conflict):
            await memory.abatch([PutOp(NS, "fresh", {"n": 3}), PutOp(NS, "acme", {"n": 3})])
        assert await memory.aget(NS, "fresh") is None

    with DocStore() as memory:
        contextvars.Context().run(memory.put, NS, "acme", {"n": 1})
        contextvars.Context().run(asyncio.run, read_and_write(memory))
        assert value(memory) == {"n": 2}


def test_absence_is_a_reading_too() -> None:
    """Who saw that there was nothing creates only while that is so; a deleted and newly created item is another one."""
    with DocStore() as memory:
        first, second = run(), run()
        assert first.run(memory.get, NS, "acme") is None
        assert second.run(memory.get, NS, "acme") is None
        first.run(memory.put, NS, "acme", {"by": "first"})
        with pytest.raises(Conflict):
            second.run(memory.put, NS, "acme", {"by": "second"})
        third = run()
        third.run(memory.get, NS, "acme")
        first.run(memory.delete, NS, "acme")
        first.run(memory.put, NS, "acme", {"by": "first again"})
        with pytest.raises(Conflict):
            third.run(memory.put, NS, "acme", {"by": "third"})


def test_a_run_knows_what_it_wrote_itself() -> None:
    """Read once, write often; but somebody else's write between two of one's own is noticed."""
    with DocStore() as memory:
        memory.put(NS, "acme", {"n": 0})
        mine, other = run(), run()
        mine.run(memory.get, NS, "acme")
        for n in (1, 2):
            mine.run(memory.put, NS, "acme", {"n": n})
            mine.run(memory.batch, [PutOp(NS, "acme", {"n": n}), PutOp(NS, "x", {"n": n})])
        mine.run(memory.batch, [GetOp(NS, "one"), SearchOp(NS), PutOp(NS, "one", {"n": 1}), PutOp(NS, "x", {"n": 9})])
        mine.run(memory.batch, [PutOp(NS, "one", {"n": 2}), PutOp(NS, "x", None)])
        other.run(memory.put, NS, "acme", {"n": 10})
        with pytest.raises(Conflict):
            mine.run(memory.put, NS, "acme", {"n": 3})
        asyncio.run(_own_writes_in_gather(memory))


async def _own_writes_in_gather(memory: DocStore) -> None:
    await asyncio.gather(memory.aget(NS, "a"), memory.aget(NS, "b"))
    for n in range(3):
        await asyncio.gather(memory.aput(NS, "a", {"n": n}), memory.aput(NS, "b", {"n": n}))
    await memory.adelete(NS, "a")
    await memory.aput(NS, "a", {"n": 4})


def test_runs_do_not_learn_from_each_other() -> None:
    """Copies of one context have what it had read, and nothing of what the other copy did since: also when it read after all."""
    with DocStore() as memory:
        memory.put(NS, "acme", {"n": 1})
        memory.get(NS, "acme")  # in the context that both copy
        first, second = run(), run()
        first.run(memory.put, NS, "acme", {"n": 2})
        first.run(memory.get, NS, "acme")
        with pytest.raises(Conflict):
            second.run(memory.put, NS, "acme", {"n": 3})
        with pytest.raises(Conflict):
            memory.put(NS, "acme", {"n": 3})


def test_who_has_not_read_writes_as_langgraph_does_or_only_creates() -> None:
    """`unread="overwrite"`: blind writers are last writer wins among themselves; `unread="deny"`: they create, and no more."""
    with DocStore() as memory:
        first, second = run(), run()
        for n in range(3):
            first.run(memory.put, NS, "acme", {"by": "first", "n": n})
            second.run(memory.put, NS, "acme", {"by": "second", "n": n})
        assert value(memory) == {"by": "second", "n": 2}
    with DocStore(unread="deny") as memory:
        first, second = run(), run()
        first.run(memory.put, NS, "acme", {"n": 1})
        first.run(memory.put, NS, "acme", {"n": 2})
        with pytest.raises(Conflict):
            second.run(memory.put, NS, "acme", {"n": 3})
        with pytest.raises(Conflict):
            second.run(memory.batch, [PutOp(NS, "new", {"n": 1}), PutOp(NS, "acme", None)])
        assert (value(memory), value(memory, "new")) == ({"n": 2}, None)


def test_warn_lets_it_land_and_says_so() -> None:
    """`strict="warn"`: the stale put lands, with a warning and a reason in the log; in a batch it does not take others along."""

    async def main() -> None:
        async with Engine() as engine:
            hive = await engine.open(Hive, Namespace.task("t", "x"), "hive", agent="crew")
            memory = DocStore(hive, strict="warn")

            async def other(n: int) -> None:
                await memory.aput(NS, "acme", {"n": n})

            await memory.aput(NS, "acme", {"n": 1})
            for batch in (False, True):
                await memory.aget(NS, "acme")
                await asyncio.create_task(other(2), context=contextvars.Context())
                ops = [PutOp(NS, "acme", {"n": 3}), PutOp(NS, "new", {"n": 3})]
                with pytest.warns(StaleWrite, match="having read version"):
                    await memory.abatch(ops[: 1 + batch])
                assert (await hive.memory.read(NS, "acme")).value == {"n": 3}
                with warnings.catch_warnings():
                    warnings.simplefilter("error")
                    await memory.aput(NS, "acme", {"n": 4})
            reasons = [entry.why for entry in await hive.history("memory") if entry.why]
            assert len(reasons) == 2
            assert all("over 'acme' at version" in reason for reason in reasons)

    asyncio.run(main())


def test_warn_lets_a_large_batch_land() -> None:
    """However many puts are stale, in a document without a schema too: all land, each with its warning, and the log's reason
    is as long as a reason may be."""
    names = [f"k{n:03}" + "x" * 80 for n in range(200)]
    with DocStore(strict="warn") as memory:
        memory.batch([PutOp(NS, name, {"n": 0}) for name in names])
        memory.search(NS, limit=len(names))
        run_of_another = contextvars.Context()
        run_of_another.run(memory.batch, [PutOp(NS, name, {"n": 1}) for name in names[1:]])
        with pytest.warns(StaleWrite) as told:
            memory.batch([PutOp(NS, name, {"n": 2}) for name in names])
        assert len(told) == len(names) - 1
        assert {item.value["n"] for item in memory.search(NS, limit=len(names))} == {2}


def test_warn_lets_land_what_was_read_before_a_restart(tmp_path: Path) -> None:
    """Another authority answers now: what nobody has changed since is not stale, and what somebody has is told and lands."""

    async def main() -> None:
        async with AsyncExitStack() as stack:
            async with Engine(tmp_path / "s.db") as engine, served(engine) as url:
                place = Namespace.task("t", "x")
                crew = await stack.enter_async_context(connect(Hive, url, place, "hive", agent="crew"))
                memory = DocStore(crew, strict="warn")
                for name in ("a", "b"):
                    await memory.aput(NS, name, {"n": 1})
                    await memory.aget(NS, name)
            await offline(crew)
            async with Engine(tmp_path / "s.db") as engine, served(engine, port=int(url.rpartition(":")[2])):
                await back(crew)
                other = (await engine.open(Hive, place, "hive", agent="other")).memory
                await other.put(NS, "b", {"n": 2}, overwrite=True)
                with warnings.catch_warnings():
                    warnings.simplefilter("error")
                    await memory.aput(NS, "a", {"n": 3})
                with pytest.warns(StaleWrite, match="over 'b'"):
                    await memory.aput(NS, "b", {"n": 3})
                assert [item.value["n"] for item in await other.search(NS)] == [3, 3]
                await crew.close()

    asyncio.run(main())


def test_warn_knows_another_life_of_a_document() -> None:
    """The same name at the same version in a document that was made anew is not what was read: it is told."""

    async def main() -> None:
        async with AsyncExitStack() as stack:
            async with Engine() as engine, served(engine) as url:
                place = Namespace.task("t", "x")
                crew = await stack.enter_async_context(connect(Hive, url, place, "hive", agent="crew"))
                memory = DocStore(crew, strict="warn")
                for n in range(10):
                    await memory.aput(NS, "a", {"n": n})
                seen = await memory.aget_versioned(NS, "a")
            await offline(crew)
            async with Engine() as engine, served(engine, port=int(url.rpartition(":")[2])):
                await back(crew)
                other = (await engine.open(Hive, place, "hive", agent="other")).memory
                while (await other.put(NS, "a", {"n": -1}, overwrite=True)).version < seen.version:
                    pass
                assert (await other.read(NS, "a")).version == seen.version
                with pytest.warns(StaleWrite):
                    await memory.aput(NS, "a", {"n": 3})
                await crew.close()

    asyncio.run(main())


def test_who_may_only_create_is_denied_with_a_warning_too() -> None:
    """`strict="warn"` lets stale puts land, and `unread="deny"` none over what was never read, also in one batch with those."""
    with DocStore(strict="warn", unread="deny") as memory:
        memory.put(NS, "mine", {"n": 0})
        contextvars.Context().run(memory.put, NS, "theirs", {"n": 0})
        with pytest.raises(Conflict):
            memory.batch([PutOp(NS, "mine", {"n": 1}), PutOp(NS, "theirs", {"n": 1})])
        assert [item.value["n"] for item in memory.search(NS)] == [0, 0]


def test_not_strict_is_last_writer_wins() -> None:
    """`strict=False` is LangGraph's own behaviour, on purpose; every write is in the log all the same."""
    with DocStore(strict=False) as memory:
        memory.put(NS, "acme", {"n": 1})
        first, second = run(), run()
        for each in (first, second):
            each.run(memory.get, NS, "acme")
        first.run(memory.put, NS, "acme", {"n": 2})
        second.run(memory.put, NS, "acme", {"n": 3})
        assert value(memory) == {"n": 3}


def test_versions_in_the_open() -> None:
    """`get_versioned` and `put_if`: whoever wants to name the version does, whatever the run has read."""
    with DocStore() as memory:
        nothing = memory.get_versioned(NS, "acme")
        first = memory.put_if(NS, "acme", {"n": 1}, expect=nothing)
        assert memory.get(NS, "acme").version == first.version  # type: ignore[union-attr]
        assert memory.search(NS)[0].version == first.version  # type: ignore[attr-defined]
        second = memory.put_if(NS, "acme", {"n": 2}, expect=first)
        for stale in (nothing, first):
            with pytest.raises(Conflict) as lost:
                memory.put_if(NS, "acme", {"n": 3}, expect=stale)
            assert lost.value.item == second
        memory.put(NS, "acme", {"n": 3})
        gone = memory.put_if(NS, "acme", None, expect=memory.get_versioned(NS, "acme"))
        assert not gone
        assert asyncio.run(memory.aput_if(NS, "acme", {"n": 4}, expect=gone)).value == {"n": 4}
        with pytest.raises(Invalid):
            memory.put_if(NS, "acme", {"n": 5}, expect=None)  # type: ignore[arg-type]


def increment(memory: BaseStore, times: int) -> None:
    """Read, add, write; on a conflict again. Each in a run of its own, as nodes are."""
    for _ in range(times):
        while True:
            own = run()
            item = own.run(memory.get, NS, "count")
            try:
                own.run(memory.put, NS, "count", {"n": (item.value["n"] if item else 0) + 1})
                break
            except Conflict:
                continue


@pytest.mark.timeout(180)  # 8,000 increments by four threads that race for each of them
def test_four_threads_lose_no_increment() -> None:
    """4 threads, 2,000 increments each by read and write: 8,000."""
    with DocStore() as memory:
        threads = [threading.Thread(target=increment, args=(memory, 2_000)) for _ in range(4)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
        assert value(memory, "count") == {"n": 8_000}


def test_update_stands_in_line() -> None:
    """`update` and `aupdate` derive from what is there, again when they must, and are no stale reading afterwards."""

    async def plus(value: Any) -> dict[str, int]:
        await asyncio.sleep(0)
        return {"n": (value["n"] if value else 0) + 1}

    with DocStore() as memory:
        threads = [
            threading.Thread(
                target=lambda: [
                    memory.update(NS, "count", lambda old: {"n": (old["n"] if old else 0) + 1}) for _ in range(50)
                ]
            )
            for _ in range(4)
        ]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
        asyncio.run(memory.aupdate(NS, "count", plus))
        memory.update(NS, "count", lambda old: {"n": old["n"] + 1})
        memory.put(NS, "count", {"n": 0, "was": memory.get_versioned(NS, "count").value})  # type: ignore[union-attr]
        assert value(memory, "count") == {"n": 0, "was": {"n": 202}}
        with pytest.raises(Invalid):
            memory.update(NS, "count", lambda old: [])  # type: ignore[arg-type, return-value]


def test_tasks_lose_no_increment() -> None:
    """The same with tasks on one store in their own loop."""

    async def work(memory: DocStore, times: int) -> None:
        for _ in range(times):
            while True:
                item = await memory.aget(NS, "count")
                await asyncio.sleep(0)
                try:
                    await memory.aput(NS, "count", {"n": (item.value["n"] if item else 0) + 1})
                    break
                except Conflict:
                    continue

    async def main() -> None:
        async with Engine() as engine:
            memory = DocStore(await engine.open(None, Namespace.task("t", "x"), "hive", agent="crew"))
            await asyncio.gather(*[work(memory, 50) for _ in range(8)])
            item = await memory.aget(NS, "count")
            assert item is not None
            assert item.value == {"n": 400}

    asyncio.run(main())


# -- a real graph ----------------------------------------------------------------------------------------------------


class State(TypedDict):
    log: Annotated[list[str], operator.add]


def racing_graph(memory: BaseStore, is_async: bool) -> Any:
    """Two nodes in one step: both read before either writes; triage writes first, enrichment a whole stale record after."""
    both_read, triage_wrote = threading.Barrier(2), threading.Event()
    enriched: list[str] = []

    def triage(state: State, *, store: BaseStore) -> dict[str, Any]:
        record = store.get(NS, "acme").value  # type: ignore[union-attr]
        both_read.wait(20)
        store.put(NS, "acme", record | {"status": "churned"})
        triage_wrote.set()
        return {"log": ["triage"]}

    def enrichment(state: State, *, store: BaseStore) -> dict[str, Any]:
        record = store.search(NS)[0].value
        both_read.wait(20)
        triage_wrote.wait(20)
        try:
            store.put(NS, "acme", record | {"usage": 57})
        except Conflict:
            enriched.append("denied")
            record = store.get(NS, "acme").value  # type: ignore[union-attr]
            store.put(NS, "acme", record | {"usage": 57})
        return {"log": ["enrichment", *enriched]}

    async def later(node: Any, state: State, store: BaseStore) -> dict[str, Any]:
        return await asyncio.to_thread(node, state, store=store)

    async def atriage(state: State, *, store: BaseStore) -> dict[str, Any]:
        return await later(triage, state, store)

    async def aenrichment(state: State, *, store: BaseStore) -> dict[str, Any]:
        return await later(enrichment, state, store)

    graph = StateGraph(State)
    graph.add_node("triage", atriage if is_async else triage)
    graph.add_node("enrichment", aenrichment if is_async else enrichment)
    for node in ("triage", "enrichment"):
        graph.add_edge(START, node)
        graph.add_edge(node, END)
    return graph.compile(store=memory)


@pytest.mark.parametrize("is_async", [False, True])
def test_a_graph_loses_no_update(is_async: bool) -> None:
    """Two nodes of a compiled graph race on one record: the stale node is denied, derives again, and both updates are there."""
    with DocStore() as memory:
        memory.put(NS, "acme", {"status": "active", "usage": 41})
        graph = racing_graph(memory, is_async)
        done = asyncio.run(graph.ainvoke({"log": []})) if is_async else graph.invoke({"log": []})
        assert sorted(done["log"]) == ["denied", "enrichment", "triage"]
        assert value(memory) == {"status": "churned", "usage": 57}


def test_the_same_graph_loses_it_on_langgraphs_own_store() -> None:
    """The control: nobody is denied, and the churn is gone."""
    memory = InMemoryStore()
    memory.put(NS, "acme", {"status": "active", "usage": 41})
    done = racing_graph(memory, False).invoke({"log": []})
    assert sorted(done["log"]) == ["enrichment", "triage"]
    assert value(memory) == {"status": "active", "usage": 57}


def test_nodes_of_one_run_follow_each_other() -> None:
    """A later node that reads again is not held to what an earlier node had read, nor to what the invoker had."""
    with DocStore() as memory:
        memory.put(NS, "acme", {"n": 0})
        memory.get(NS, "acme")

        def node(state: State, *, store: BaseStore) -> dict[str, Any]:
            item = store.get(NS, "acme")
            assert item is not None
            store.put(NS, "acme", {"n": item.value["n"] + 1})
            return {"log": ["x"]}

        graph = StateGraph(State)
        for name in ("a", "b", "c"):
            graph.add_node(name, node)
        graph.add_edge(START, "a")
        graph.add_edge("a", "b")
        graph.add_edge("b", "c")
        compiled = graph.compile(store=memory)
        for _ in range(2):
            compiled.invoke({"log": []})
        assert value(memory) == {"n": 6}


# -- where it lives ----------------------------------------------------------------------------------------------------


def test_over_a_document_and_a_server() -> None:
    """One document, three ways to it: a handle in this loop, a websocket of ours, a connection of its own; all guard each
    other."""

    async def main() -> None:
        place = Namespace.task("acme", "q3")
        async with (
            Engine() as engine,
            served(engine) as url,
            connect(None, url, place, "store", agent="bob") as doc,
        ):
            near = DocStore(Store[Any](await engine.open(None, place, "store", agent="ann"), "memory"))
            far = DocStore(doc)
            own = await asyncio.to_thread(DocStore.connect, url, namespace=place, agent="cat")
            async with own:
                await near.aput(NS, "acme", {"n": 1})
                for one in (near, far, own):
                    assert (await one.aget(NS, "acme")).value == {"n": 1}  # type: ignore[union-attr]
                async with own.watch(NS) as changes:
                    await far.aput(NS, "acme", {"n": 2})
                    assert (await anext(changes)).key == "acme"
                for stale in (near, own):
                    with pytest.raises(Conflict):
                        await stale.aput(NS, "acme", {"n": 3})
                assert [one.value for one in await asyncio.to_thread(own.search, NS)] == [{"n": 2}]
                assert [one.value for one in await asyncio.to_thread(near.search, NS)] == [{"n": 2}]
            with pytest.raises(NoAuthority):
                await own.aget(NS, "acme")

    asyncio.run(main())


def test_a_blocking_call_in_the_stores_own_loop_is_told() -> None:
    """It would wait for itself: an error that says what to call instead. Without a loop a handle cannot be taken at all."""

    async def main() -> Document:
        async with Engine() as engine:
            doc = await engine.open(Hive, Namespace.task("t", "x"), "hive", agent="crew")
            memory = DocStore(doc)
            with pytest.raises(Invalid) as told:
                memory.put(NS, "k", {"n": 1})
            assert told.value.code == "blocking_inside"
            await asyncio.to_thread(memory.put, NS, "k", {"n": 1})
            assert (await doc.memory.read(NS, "k")).value == {"n": 1}
            return doc

    doc = asyncio.run(main())
    with pytest.raises(Invalid) as told:
        DocStore(doc)
    assert told.value.code == "no_loop"
    with DocStore() as memory:
        memory.put(NS, "k", {"n": 1})

        async def inside() -> Any:
            return memory.get(NS, "k")

        assert asyncio.run(inside()).value == {"n": 1}


def test_what_is_in_a_file_stays(tmp_path: Path) -> None:
    """A store that is opened again has what was put; while it is open, nobody else has it."""
    with DocStore.open(tmp_path / "a.db") as memory:
        memory.put(NS, "acme", {"n": 1})
        with pytest.raises(NoAuthority):
            DocStore.open(tmp_path / "a.db")
    with DocStore.open(tmp_path / "a.db") as memory:
        assert value(memory) == {"n": 1}
    with pytest.raises(NoAuthority):
        memory.get(NS, "acme")


def test_arguments_that_make_no_sense_are_refused() -> None:
    """At once, with a typed error, and no thread is left behind."""
    place, before = Namespace.task("t", "x"), threading.active_count()
    for wrong in (
        lambda: DocStore(strict="yes"),  # type: ignore[arg-type]
        lambda: DocStore(unread="ignore"),  # type: ignore[arg-type]
        lambda: DocStore({}),  # type: ignore[arg-type]
        lambda: DocStore.open(ttl={"default_ttl": 5}),
        lambda: DocStore.open(tenant="acme"),
        lambda: DocStore.open(by_namespace=True, namespace=place),
        lambda: DocStore.open(strict="yes"),
    ):
        with pytest.raises(Invalid):
            wrong()
    assert threading.active_count() <= before


# -- tenants -----------------------------------------------------------------------------------------------------------


def test_tenants_live_in_documents_of_their_own() -> None:
    """With `by_namespace` the whole tuple says which document; another tenant's, or part of a tuple, is refused, whatever is
    asked."""
    acme, beta = ("tenant", "acme", "task", "q3"), ("tenant", "beta", "task", "q3")

    async def main() -> None:
        async with Engine() as engine, served(engine) as url:
            opened = [
                await asyncio.to_thread(DocStore.connect, url, by_namespace=True, tenant=tenant)
                for tenant in ("acme", None)
            ]
            async with opened[0] as one, opened[1] as every:
                await one.aput((*acme, "facts"), "k", {"n": 1})
                await every.aput(beta, "k", {"n": 2})
                await one.aput(("system", "shared", "x"), "k", {"n": 3})
                assert [item.namespace for item in await one.asearch(acme)] == [(*acme, "facts")]
                assert [item.namespace for item in await every.asearch(beta)] == [beta]
                assert await every.alist_namespaces(prefix=acme) == [(*acme, "facts")]
                for names in (beta, ("tenant", "beta", "role", "r")):
                    prefixed = MatchCondition("prefix", names)
                    for op in (
                        GetOp(names, "k"),
                        SearchOp(names),
                        PutOp(names, "k", {"n": 4}),
                        PutOp(names, "k", None),
                        ListNamespacesOp((prefixed,)),
                    ):
                        with pytest.raises(Denied) as denied:
                            await one.abatch([op])
                        assert denied.value.code == "wrong_tenant"
                for part in (
                    (),
                    ("tenant",),
                    ("tenant", "acme"),
                    ("tenant", "acme", "task"),
                    ("tenant", "acme", "*", "q3"),
                ):
                    with pytest.raises(Invalid) as refused:
                        await every.asearch(part)
                    assert refused.value.code == "partial_namespace"
                with pytest.raises(Invalid):
                    await every.alist_namespaces()
            documents = {str(info.key) for info in await engine.documents()}
            assert documents == {"acme/task/q3/store", "beta/task/q3/store", "system/shared/store"}

    asyncio.run(main())


def test_a_long_run_of_calls_that_come_to_nothing_leaves_nothing_behind() -> None:
    """Cancelled before they start, refused or beaten: no call that has learned nothing keeps a place in the run's memory, and
    none is "never awaited"."""

    async def main() -> None:
        with DocStore() as memory:
            first = await memory.aget_versioned(NS, "x")
            await memory.aput(NS, "x", {"n": 0})
            for _ in range(100):
                for work in (memory.aget(NS, "x"), memory.asearch(NS), memory.aput(NS, "x", {}), memory.abatch([])):
                    task = asyncio.ensure_future(work)
                    task.cancel()
                    with pytest.raises(asyncio.CancelledError):
                        await task
                del task, work
                with pytest.raises(Conflict):
                    await memory.aput_if(NS, "x", {"n": 1}, expect=first)
                with pytest.raises(Conflict):
                    await asyncio.to_thread(memory.put_if, NS, "x", {"n": 1}, expect=first)
                with pytest.raises(Invalid):
                    await memory.aget_versioned((), "x")
                with pytest.raises(ZeroDivisionError):
                    await memory.aupdate(NS, "x", lambda _: {"n": 1 // 0})
            assert len(_READS.get()) < 100  # of 800
            assert (await memory.aget(NS, "x")).value == {"n": 0}  # type: ignore[union-attr]

    asyncio.run(main())
