"""Search: by whole labels, by filter, by words, by vectors; what it finds is what is there now."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accordant import Document, Engine, Fenced, Invalid, Namespace, Store, connect, store
from accordant.patterns.store import Delete, Put
from accordant.patterns.store_filter import BadFilter, passes
from accordant.patterns.store_texts import texts_of
from minilm import needs_minilm, needs_numpy
from served import back, connection, cut, offline, served, until

NS = Namespace.task("acme", "q3")
ASKED: list[str] = []


def by_letters(texts: Sequence[str]) -> list[list[float]]:
    """A vector that says how often each letter occurs, and remembers what it was asked."""
    ASKED.extend(texts)
    return [[float(text.casefold().count(letter)) for letter in "abcdefghijklmnopqrstuvwxyz"] for text in texts]


async def by_letters_later(texts: Sequence[str]) -> list[list[float]]:
    await asyncio.sleep(0)
    return by_letters(texts)


class Hive(Document):
    memory: Store[Any] = store()


VALUE = {"a": 1, "b": "x", "c": {"d": [1, {"e": "deep"}], "f": None}, "t": True, "n": None}


@pytest.mark.parametrize(
    ("wanted", "passing"),
    [
        ({}, True),
        (None, True),
        ({"a": 1}, True),
        ({"a": 1.0}, True),
        ({"a": True}, False),
        ({"t": True, "n": None, "gone": None}, True),
        ({"a": {"$eq": 1}}, True),
        ({"a": {"$ne": 1}}, False),
        ({"gone": {"$ne": 1}}, True),
        ({"a": {"$gt": 0, "$lt": 2}}, True),
        ({"a": {"$gte": 1, "$lte": 1}}, True),
        ({"a": {"$gt": 1}}, False),
        ({"a": {"$lt": "2"}}, False),
        ({"b": {"$gt": "w"}}, True),
        ({"gone": {"$gt": 0}}, False),
        ({"t": {"$gt": 0}}, False),
        ({"c": {"d": [1, {"e": "deep"}]}}, True),
        ({"c": {"d": [1]}}, False),
        ({"c": {"f": None}}, True),
        ({"c": {"d": {"$eq": [1, {"e": "deep"}]}}}, True),
        ({"a": {"x": 1}}, False),
    ],
)
def test_filters(wanted: dict[str, Any] | None, passing: bool) -> None:
    """Fields are equal or compared; what is not there is None; unlike things are in no order."""
    assert passes(VALUE, wanted) is passing


@pytest.mark.parametrize(
    "wanted", [{"a": {"$in": [1]}}, {"b": 0, "a": {"$regex": "x"}}, {"c": {"d": {"$": 1}}}, "a=1", [1]]
)
def test_a_filter_that_means_nothing_is_refused(wanted: Any) -> None:
    """An unknown operator is an error, whatever the other fields say: it never lets everything through, or nothing."""
    with pytest.raises(BadFilter) as refused:
        passes(VALUE, wanted)
    assert refused.value.code == "bad_filter"
    assert isinstance(refused.value, ValueError)


@pytest.mark.parametrize(
    ("field", "texts"),
    [
        ("b", ["x"]),
        ("a", ["1"]),
        ("c.d[1].e", ["deep"]),
        ("c.d[-1].e", ["deep"]),
        ("c.d[*].e", ["deep"]),
        ("c.d[0]", ["1"]),
        ("c.d[7]", []),
        ("c.f", []),
        ("c.d", ['[1, {"e": "deep"}]']),
        ("gone.x", []),
        ("b.x", []),
        ("c.*[1].e", ["deep"]),
    ],
)
def test_paths(field: str, texts: list[str]) -> None:
    """A path leads to its texts, or nowhere."""
    assert texts_of(VALUE, field) == texts


async def seeded(memory: Store[Any]) -> None:
    await memory.put(("notes", "ann"), "a", {"text": "the quick brown fox", "n": 1})
    await memory.put(("notes", "ann"), "b", {"text": "the lazy dog", "n": 2})
    await memory.put(("notes", "bob"), "c", {"text": "a brown dog", "n": 3})
    await memory.put(("notes2",), "d", {"text": "brown brown brown", "n": 4})
    await memory.put(("notes",), "e", {"text": "nothing of it", "n": 5}, index=False)


def keys(found: Sequence[Any]) -> str:
    return "".join(one.key for one in found)


def test_pages_are_in_order_and_complete() -> None:
    """By namespace, then key, whatever was written last; pages of any size add up."""

    async def main() -> None:
        async with Engine() as engine:
            memory = (await engine.open(Hive, NS, "hive", agent="ann")).memory
            await seeded(memory)
            assert keys(await memory.search()) == "eabcd"
            assert keys(await memory.search(("notes",))) == "eabc"
            await memory.put(("notes", "ann"), "a", {"text": "z", "n": 1}, overwrite=True)
            for size in (1, 2, 3, 7):
                pages = [keys(await memory.search(limit=size, offset=start)) for start in range(0, 6, size)]
                assert "".join(pages) == "eabcd"
            assert keys(await memory.search(("notes",), filter={"n": {"$gt": 1}}, limit=2, offset=1)) == "bc"
            assert await memory.search(limit=0) == []
            assert await memory.list_namespaces(prefix=("notes",), max_depth=1) == [("notes",)]
            assert await memory.list_namespaces(suffix=("ann",)) == [("notes", "ann")]
            assert await memory.list_namespaces(prefix=("notes", None)) == [("notes", "ann"), ("notes", "bob")]
            assert await memory.list_namespaces(limit=1, offset=1) == [("notes", "ann")]

    asyncio.run(main())


def test_without_an_encoder_queries_are_compared_word_by_word() -> None:
    """The score is the share of the query's words that a text has; none of them, and it is not found."""

    async def main() -> None:
        async with Engine() as engine:
            memory = (await engine.open(Hive, NS, "hive", agent="ann")).memory
            await seeded(memory)
            found = await memory.search(("notes",), query="Brown DOG")
            assert [(one.key, one.score) for one in found] == [("c", 1.0), ("a", 0.5), ("b", 0.5)]
            assert keys(await memory.search(("notes",), query="brown dog", fill=True)) == "cabe"
            assert keys(await memory.search(query="brown", filter={"n": {"$gte": 3}})) == "cd"
            assert keys(await memory.search(query="brown", limit=1, offset=1)) == "c"
            assert await memory.search(query="unheard") == []
            assert await memory.search(query="?!") == []
            assert keys(await memory.search(query="")) == "eabcd"

    asyncio.run(main())


@needs_numpy
@pytest.mark.parametrize("embed", [by_letters, by_letters_later])
def test_a_changed_text_never_answers_with_its_old_vector(embed: Any) -> None:
    """Vectors are kept by text and model: what did not change is not embedded again, what did is compared as it is now."""

    class Vectored(Document):
        memory: Store[Any] = store(embed=embed, model="letters", fields=["text", "more[*]"])

    async def main() -> None:
        async with Engine() as engine:
            hive = await engine.open(Vectored, NS, "hive", agent="ann")
            other = await engine.open(Vectored, NS, "hive", agent="bob")
            await seeded(hive.memory)
            best = (await hive.memory.search(query="quick fox"))[0]
            assert best.key == "a"
            ASKED.clear()
            await other.memory.put(("notes", "ann"), "a", {"text": "zzz"}, expect=best)
            await other.memory.put(("notes", "ann"), "b", {"text": "none", "more": ["z", "quick fox"]}, overwrite=True)
            found = await hive.memory.search(query="quick fox")
            assert (found[0].key, found[0].score) == ("b", pytest.approx(1.0))
            assert next(one.score for one in found if one.key == "a") == pytest.approx(0.0)
            assert sorted(ASKED) == ["none", "quick fox", "quick fox", "z", "zzz"]
            assert "e" not in keys(found)
            assert keys(await hive.memory.search(query="quick fox", fill=True))[-1] == "e"

    asyncio.run(main())


@needs_numpy
@pytest.mark.parametrize(
    "embed",
    [
        lambda texts: [[1.0]] * (len(texts) + 1),
        lambda texts: [[float("nan")]] * len(texts),
        lambda texts: ["x"] * len(texts),
        lambda texts: [[1.0] * len(text) for text in texts],
        lambda texts: None,
    ],
)
def test_what_is_no_vector_is_refused(embed: Any) -> None:
    """An encoder that breaks its word is a typed error, and no search result."""

    class Vectored(Document):
        memory: Store[Any] = store(embed=embed)

    async def main() -> None:
        async with Engine() as engine:
            memory = (await engine.open(Vectored, NS, "hive", agent="ann")).memory
            await memory.put(("a",), "a", {"text": "xx"})
            with pytest.raises(Invalid) as refused:
                await memory.search(query="x")
            assert refused.value.code == "bad_vectors"
            assert keys(await memory.search()) == "a"

    asyncio.run(main())


@needs_minilm
def test_the_encoder_of_the_extra() -> None:
    """`embed="minilm"` finds by meaning."""

    class Vectored(Document):
        memory: Store[Any] = store(embed="minilm", fields=["text"])

    async def main() -> None:
        async with Engine() as engine:
            memory = (await engine.open(Vectored, NS, "hive", agent="ann")).memory
            await memory.put(("a",), "a", {"text": "The customer cancelled the contract."})
            await memory.put(("a",), "b", {"text": "Bananas are yellow."})
            assert (await memory.search(query="churn"))[0].key == "a"

    asyncio.run(main())


steps = st.lists(
    st.tuples(st.sampled_from("abc"), st.sampled_from("xy"), st.sampled_from(["put", "delete", "many", "search"])),
    max_size=30,
)


@settings(max_examples=30, deadline=None)
@given(steps)
def test_an_index_is_what_is_there(taken: list[tuple[str, str, str]]) -> None:
    """Two handles write in any order; a search by either sees every write before it, as a dict would."""

    async def main() -> None:
        async with Engine() as engine:
            pair = [(await engine.open(Hive, NS, "hive", agent=name)).memory for name in ("ann", "bob")]
            model: dict[tuple[tuple[str, ...], str], int] = {}
            for number, (label, key, act) in enumerate(taken):
                memory, name = pair[number % 2], ((label,), key)
                if act == "put":
                    await memory.put(*name, number, overwrite=True)
                    model[name] = number
                elif act == "delete":
                    await memory.delete(*name, overwrite=True)
                    model.pop(name, None)
                elif act == "many":
                    rows = {((label, str(n)), key): n for n in range(300)}
                    await memory.write(*[Put(*row, n, overwrite=True) for row, n in rows.items()])
                    model |= rows
                    gone = [row for row in sorted(model) if row[0][0] == "a" and row[1] == "x"]
                    await memory.write(
                        *[Delete(*row, overwrite=True) for row in gone], Put(("z",), "z", 0, overwrite=True)
                    )
                    model = {row: n for row, n in model.items() if row not in gone} | {(("z",), "z"): 0}
                else:
                    found = await memory.search(limit=10_000)
                    assert [((one.namespace, one.key), one.value) for one in found] == sorted(model.items())
                    spaces = await memory.list_namespaces(limit=10_000)
                    assert spaces == sorted({space for space, _ in model})

    asyncio.run(main())


def test_an_index_goes_on_in_another_generation() -> None:
    """Whose session was lost and made anew finds items with which to write now, though none of them has changed."""

    async def main() -> None:
        async with (
            Engine() as engine,
            served(engine, grace_s=0.05) as url,
            connect(Hive, url, NS, "hive", agent="bob", offline=False) as hive,
        ):
            await hive.memory.put(("n",), "a", 1)
            old, before = (await hive.memory.search())[0], hive.generation
            cut(hive)
            await offline(hive)
            await until(lambda: connection(hive)._socket is not None and hive.generation != before)
            with pytest.raises(Fenced):
                await hive.memory.put(("n",), "a", 2, expect=old)
            assert (await hive.memory.put(("n",), "a", 2, expect=(await hive.memory.search())[0])).value == 2

    asyncio.run(main())


def test_an_index_over_a_websocket_is_that_in_the_process() -> None:
    """What one finds after each write, the other finds, at the same versions."""

    async def main() -> None:
        async with Engine() as engine, served(engine) as url:
            ours = (await engine.open(Hive, NS, "hive", agent="ann")).memory
            async with connect(Hive, url, NS, "hive", agent="bob") as hive:
                rng = random.Random(7)
                for number in range(30):
                    await ours.put(("n",), str(rng.randrange(8)), number, overwrite=True)
                    theirs = await hive.memory.search(limit=100)
                    assert [(one.key, one.value, one.version) for one in theirs] == [
                        (one.key, one.value, one.version) for one in await ours.search(limit=100)
                    ]

    asyncio.run(main())


def test_an_index_forgets_another_life_of_the_document() -> None:
    """Where the document was made anew, what the old one held is not found any more."""

    async def main() -> None:
        async with AsyncExitStack() as stack:
            async with Engine() as engine, served(engine) as url:
                ann = await stack.enter_async_context(connect(Hive, url, NS, "hive", agent="ann"))
                await ann.memory.put(("a",), "old", 1)
                assert [one.key for one in await ann.memory.search()] == ["old"]
            await offline(ann)
            async with Engine() as engine, served(engine, port=int(url.rpartition(":")[2])):
                await (await engine.open(Hive, NS, "hive", agent="bob")).memory.put(("a",), "new", 2)
                await back(ann)
                assert [one.key for one in await ann.memory.search()] == ["new"]
                assert await ann.memory.list_namespaces() == [("a",)]
                await ann.close()

    asyncio.run(main())


def test_a_snapshot_is_searched_as_it_was() -> None:
    """A store in a snapshot finds what was there then, whatever was written since."""

    async def main() -> None:
        async with Engine() as engine:
            hive = await engine.open(Hive, NS, "hive", agent="ann")
            await seeded(hive.memory)
            then = await hive.snapshot()
            await hive.memory.delete(("notes2",), "d", overwrite=True)
            await hive.memory.put(("notes",), "z", {"text": "new"})
            assert keys(await then.memory.search()) == "eabcd"
            assert keys(await hive.memory.search()) == "ezabc"
            old = await then.memory.read(("notes2",), "d")
            assert old.value["n"] == 4

    asyncio.run(main())
