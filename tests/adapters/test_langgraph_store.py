"""DocStore beside LangGraph's own InMemoryStore: what both do alike, and the list of what they do not."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langgraph.store.base import (
    BaseStore,
    GetOp,
    InvalidNamespaceError,
    ListNamespacesOp,
    MatchCondition,
    PutOp,
    SearchOp,
)
from langgraph.store.memory import InMemoryStore

from accordant import Invalid
from accordant.adapters.langgraph import DocStore
from minilm import needs_numpy

KINDS = {"upstream": InMemoryStore, "ours": DocStore}


def by_letters(texts: Sequence[str]) -> list[list[float]]:
    """A vector that says how often each letter occurs."""
    return [[float(text.casefold().count(letter)) for letter in "abcdefghijklmnopqrstuvwxyz"] for text in texts]


async def by_letters_later(texts: Sequence[str]) -> list[list[float]]:
    return by_letters(texts)


def made(kind: str, **options: Any) -> Any:
    return KINDS[kind](**options)


@pytest.fixture(params=list(KINDS))
def store(request: pytest.FixtureRequest) -> Iterator[Any]:
    """Each of the two, empty."""
    one = made(request.param)
    yield one
    if isinstance(one, DocStore):
        one.close()


@pytest.fixture(params=list(KINDS))
def letters(request: pytest.FixtureRequest) -> Iterator[Any]:
    """Each of the two, with vectors over all of an item."""
    one = made(request.param, index={"dims": 26, "embed": by_letters})
    yield one
    if isinstance(one, DocStore):
        one.close()


def keys(found: Sequence[Any]) -> list[str]:
    return [one.key for one in found]


# -- alike ---------------------------------------------------------------------------------------------------------


def test_put_and_get(store: BaseStore) -> None:
    """What was put is there, whole, with its times; what was not is None."""
    before = datetime.now(UTC) - timedelta(seconds=1)
    value = {"text": "blåbær 🫐", "n": 1, "deep": {"list": [1, None, True, "x"]}}
    store.put(("users", "ann"), "profile", value)
    item = store.get(("users", "ann"), "profile")
    assert item is not None
    assert (item.namespace, item.key, item.value) == (("users", "ann"), "profile", value)
    assert before <= item.created_at <= item.updated_at <= datetime.now(UTC) + timedelta(seconds=1)
    assert set(item.dict()) == {"namespace", "key", "value", "created_at", "updated_at"}
    assert store.get(("users", "ann"), "other") is None
    assert store.get(("users",), "profile") is None
    assert store.get(("users", "ann", "x"), "profile") is None


def test_put_replaces_and_delete_removes(store: BaseStore) -> None:
    """A value is replaced whole; None and `delete` remove it; removing what is not there is no error."""
    store.put(("a",), "k", {"x": 1, "y": 2})
    first = store.get(("a",), "k")
    store.put(("a",), "k", {"x": 3})
    second = store.get(("a",), "k")
    assert first is not None
    assert second is not None
    assert second.value == {"x": 3}
    assert second.updated_at >= first.updated_at
    store.delete(("a",), "k")
    assert store.get(("a",), "k") is None
    store.delete(("a",), "k")
    store.put(("a",), "k", {"x": 4})
    store.put(("a",), "k", None)  # type: ignore[arg-type]
    assert store.get(("a",), "k") is None


def test_a_key_is_text(store: BaseStore) -> None:
    """A key of another type is its text."""
    store.put(("a",), 7, {"x": 1})  # type: ignore[arg-type]
    assert store.get(("a",), "7").value == {"x": 1}  # type: ignore[union-attr]


@pytest.mark.parametrize("namespace", [(), ("a.b",), ("",), ("a", 1), ("langgraph", "x"), ("a\0",)])
def test_names_that_langgraph_refuses(store: BaseStore, namespace: Any) -> None:
    """Its checks come first, with its own error."""
    with pytest.raises(InvalidNamespaceError):
        store.put(namespace, "k", {"x": 1})
    with pytest.raises(InvalidNamespaceError):
        asyncio.run(store.aput(namespace, "k", {"x": 1}))


def test_time_to_live_is_refused(store: BaseStore) -> None:
    """Neither lets items expire, and both say so."""
    with pytest.raises(NotImplementedError):
        store.put(("a",), "k", {"x": 1}, ttl=5)


def filled(store: BaseStore) -> None:
    rows = [
        (("docs", "a"), "1", {"type": "report", "score": 1, "tags": ["x"], "meta": {"lang": "en", "n": 1}}),
        (("docs", "a"), "2", {"type": "note", "score": 2.5, "tags": ["x", "y"], "meta": {"lang": "de", "n": 2}}),
        (("docs", "b"), "3", {"type": "report", "score": 3, "tags": [], "meta": {"lang": "en", "n": 3}}),
        (("docs2",), "4", {"type": "report", "score": 4, "tags": ["z"], "meta": {"lang": "fr", "n": 4}}),
    ]
    for namespace, key, value in rows:
        store.put(namespace, key, value)


@pytest.mark.parametrize(
    ("prefix", "wanted", "found"),
    [
        ((), None, "1234"),
        (("docs",), None, "123"),
        (("docs", "a"), None, "12"),
        (("doc",), None, ""),
        (("docs", "a", "x"), None, ""),
        ((), {"type": "report"}, "134"),
        (("docs",), {"type": "report", "score": 3}, "3"),
        ((), {"score": {"$eq": 2.5}}, "2"),
        ((), {"score": {"$ne": 2.5}}, "134"),
        ((), {"score": {"$gt": 2.5}}, "34"),
        ((), {"score": {"$gte": 2.5}}, "234"),
        ((), {"score": {"$lt": 2.5}}, "1"),
        ((), {"score": {"$lte": 2.5}}, "12"),
        ((), {"score": {"$gt": 1, "$lt": 4}}, "23"),
        ((), {"tags": ["x", "y"]}, "2"),
        ((), {"tags": ["x"]}, "1"),
        ((), {"meta": {"lang": "en"}}, "13"),
        ((), {"meta": {"n": {"$gte": 3}}}, "34"),
        ((), {"meta": {"lang": "en", "n": {"$lt": 3}}}, "1"),
        ((), {"gone": None}, "1234"),
        ((), {"gone": "x"}, ""),
        ((), {}, "1234"),
    ],
)
def test_search_by_prefix_and_filter(store: BaseStore, prefix: Any, wanted: Any, found: str) -> None:
    """Whole labels; equal or compared fields, nested ones too."""
    filled(store)
    assert sorted(keys(store.search(prefix, filter=wanted))) == list(found)
    assert sorted(keys(asyncio.run(store.asearch(prefix, filter=wanted)))) == list(found)


def test_an_unknown_operator_is_an_error(store: BaseStore) -> None:
    """`ValueError`, in both."""
    filled(store)
    with pytest.raises(ValueError, match="regex"):
        store.search((), filter={"type": {"$regex": "re"}})


def test_pages(store: BaseStore) -> None:
    """`limit` and `offset` cut what would be found; ten without."""
    for n in range(25):
        store.put(("p",), f"{n:02}", {"n": n})
    assert len(store.search(("p",))) == 10
    pages = [keys(store.search(("p",), limit=10, offset=start)) for start in (0, 10, 20, 30)]
    assert [len(page) for page in pages] == [10, 10, 5, 0]
    assert [key for page in pages for key in page] == [f"{n:02}" for n in range(25)]
    assert store.search(("p",), limit=2**70, offset=2**70) == []
    assert keys(store.search(("p",), filter={"n": {"$gte": 20}}, limit=2, offset=2)) == ["22", "23"]


def test_list_namespaces(store: BaseStore) -> None:
    """By prefix, suffix, wildcards and depth; in order; without repeats."""
    spaces = [
        ("a", "b", "c"),
        ("a", "b", "d", "e"),
        ("a", "b", "d", "i"),
        ("a", "b", "f"),
        ("a", "c", "f"),
        ("b", "a", "f"),
    ]
    for space in spaces:
        store.put(space, "k", {"x": 1})
    assert store.list_namespaces() == sorted(spaces)
    assert store.list_namespaces(prefix=("a", "b")) == sorted(spaces)[:4]
    assert store.list_namespaces(suffix=("f",)) == [("a", "b", "f"), ("a", "c", "f"), ("b", "a", "f")]
    assert store.list_namespaces(prefix=("a",), suffix=("f",)) == [("a", "b", "f"), ("a", "c", "f")]
    assert store.list_namespaces(prefix=("a", "*", "f")) == [("a", "b", "f"), ("a", "c", "f")]
    assert store.list_namespaces(suffix=("d", "*")) == [("a", "b", "d", "e"), ("a", "b", "d", "i")]
    assert store.list_namespaces(max_depth=2) == [("a", "b"), ("a", "c"), ("b", "a")]
    assert store.list_namespaces(prefix=("a", "b"), max_depth=3) == [("a", "b", "c"), ("a", "b", "d"), ("a", "b", "f")]
    assert store.list_namespaces(limit=2, offset=1) == sorted(spaces)[1:3]
    assert store.list_namespaces(max_depth=1, limit=1, offset=1) == [("b",)]
    assert store.list_namespaces(prefix=("nothing",)) == []
    both = ListNamespacesOp((MatchCondition("prefix", ("a",)), MatchCondition("prefix", ("*", "c"))))
    assert store.batch([both]) == [[("a", "c", "f")]]
    assert asyncio.run(store.alist_namespaces(prefix=("b",))) == [("b", "a", "f")]


def test_a_batch_reads_before_it_writes(store: BaseStore) -> None:
    """Results are in the order of the operations; reads see what was there before; of several puts on an item the last counts."""
    store.put(("t",), "1", {"n": 1})
    store.put(("t",), "2", {"n": 2})
    ops = [
        PutOp(("t",), "1", {"n": 10}),
        GetOp(("t",), "1"),
        PutOp(("t",), "3", {"n": 3}),
        SearchOp(("t",), None, 10, 0),
        PutOp(("t",), "1", {"n": 11}),
        PutOp(("t",), "2", None),
        GetOp(("t",), "3"),
        ListNamespacesOp(None, None, 10, 0),
    ]
    results = store.batch(ops)
    assert [results[n] for n in (0, 2, 4, 5, 6)] == [None] * 5
    assert results[1].value == {"n": 1}  # type: ignore[union-attr]
    assert keys(results[3]) == ["1", "2"]  # type: ignore[arg-type]
    assert results[7] == [("t",)]
    after = asyncio.run(store.abatch([GetOp(("t",), key) for key in "123"]))
    assert [one and one.value for one in after] == [{"n": 11}, None, {"n": 3}]  # type: ignore[union-attr]
    assert store.batch([]) == []


def test_async_is_the_same(store: BaseStore) -> None:
    """Every call has its awaited twin; a thousand at once are all answered."""

    async def main() -> None:
        await store.aput(("a",), "k", {"x": 1})
        item = await store.aget(("a",), "k")
        assert item is not None
        assert item.value == {"x": 1}
        assert keys(await store.asearch(("a",), limit=1)) == ["k"]
        await store.adelete(("a",), "k")
        assert await store.aget(("a",), "k") is None
        await asyncio.gather(*[store.aput(("m",), str(n), {"n": n}) for n in range(1_000)])
        found = await asyncio.gather(*[store.aget(("m",), str(n)) for n in range(1_000)])
        assert [one.value["n"] for one in found if one] == list(range(1_000))
        assert len(await store.asearch(("m",), limit=2_000)) == 1_000

    asyncio.run(main())


def test_threads_share_a_store(store: BaseStore) -> None:
    """Blocking calls from many threads, each on items of its own."""

    def work(n: int) -> int:
        for key in range(20):
            store.put(("w", str(n)), str(key), {"n": key})
        return len(store.search(("w", str(n)), limit=50))

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(16))) == [20] * 16
    assert len(store.list_namespaces(prefix=("w",))) == 16


def test_awkward_texts(store: BaseStore) -> None:
    """Labels, keys and values of any characters that LangGraph lets through."""
    labels = ["foo", "foobar", "Foo", "%", "_", "*", "a/b", "'", '"', "\\", "é", "e\u0301", "🫐", " ", ":", "\n"]
    for n, label in enumerate(labels):
        store.put((label,), label, {"n": n, label: label})
    for n, label in enumerate(labels):
        assert [(one.key, one.value) for one in store.search((label,))] == [(label, {"n": n, label: label})]
    assert store.list_namespaces() == sorted((label,) for label in labels)


# -- alike, with vectors -------------------------------------------------------------------------------------------


@needs_numpy
def test_vectors_order_and_score(letters: BaseStore) -> None:
    """Best first, by cosine; a changed text counts as it is now; what is not indexed comes last, without a score."""
    letters.put(("d",), "1", {"text": "zebra zebra"})
    letters.put(("d",), "2", {"text": "quick brown fox"})
    letters.put(("d",), "3", {"text": "unseen"}, index=False)
    letters.put(("e",), "4", {"text": "fox"})
    found = letters.search(("d",), query="quick fox")
    assert keys(found) == ["2", "1", "3"]
    assert found[0].score is not None
    assert found[1].score is not None
    assert found[0].score > found[1].score
    assert found[2].score is None
    letters.put(("d",), "1", {"text": "quick fox"})
    assert keys(letters.search(("d",), query="quick fox"))[0] == "1"
    assert (
        keys(letters.search((), query="fox", limit=1, offset=1))[0] != keys(letters.search((), query="fox", limit=1))[0]
    )
    assert keys(letters.search(("d",), query="quick fox", filter={"text": "unseen"})) == ["3"]
    letters.delete(("d",), "1")
    assert keys(asyncio.run(letters.asearch(("d",), query="quick fox"))) == ["2", "3"]


FIELDS = {
    "title": {"title": "quick", "body": "zzz"},
    "deep": {"meta": {"title": "quick"}, "title": "zzz"},
    "list": {"parts": [{"text": "zzz"}, {"text": "quick"}]},
    "other": {"tags": ["quick", "zzz"], "title": ["q", "uick"]},
}


@needs_numpy
@pytest.mark.parametrize(
    "fields",
    [
        ["title"],
        ["meta.title"],
        ["parts[*].text"],
        ["parts[0].text", "title"],
        ["parts[-1].text"],
        ["tags[*]"],
        ["$"],
        ["*"],
    ],
)
def test_vectors_are_of_the_fields(fields: list[str]) -> None:
    """The store's fields, or the item's own: the same scores in both."""
    scores: list[Any] = []
    for kind in KINDS:
        for own in (False, True) if fields != ["$"] else (False,):  # of one item, theirs reads "$" as a field's name
            with_fields = {} if own else {"fields": fields}
            one = made(kind, index={"dims": 26, "embed": by_letters, **with_fields})
            for key, value in FIELDS.items():
                one.put(("f",), key, value, index=fields if own else None)
            found = {item.key: item.score and round(item.score, 5) for item in one.search(("f",), query="quick")}
            scores.append(found)
    assert all(found == scores[0] for found in scores)


@needs_numpy
@pytest.mark.parametrize("kind", KINDS)
def test_embeddings_may_be_async(kind: str) -> None:
    """LangGraph's kinds of `embed`: a function, an async function."""

    async def main() -> None:
        one = made(kind, index={"dims": 26, "embed": by_letters_later, "fields": ["text"]})
        await one.aput(("d",), "1", {"text": "fox"})
        await one.aput(("d",), "2", {"text": "zebra"})
        assert keys(await one.asearch(("d",), query="fox")) == ["1", "2"]

    asyncio.run(main())


# -- alike, whatever is done ---------------------------------------------------------------------------------------

names = st.tuples(
    st.lists(st.sampled_from(["a", "b", "ab", "*"]), min_size=1, max_size=3).map(tuple), st.sampled_from("kl")
)
values = st.one_of(st.none(), st.fixed_dictionaries({"n": st.integers(0, 3)}))
prefixes = st.lists(st.sampled_from(["a", "b", "ab"]), max_size=2).map(tuple)
operations = st.one_of(
    st.tuples(names, values).map(lambda row: PutOp(*row[0], row[1])),
    names.map(lambda name: GetOp(*name)),
    st.tuples(prefixes, st.sampled_from([None, {"n": 1}, {"n": {"$gt": 0}}])).map(lambda row: SearchOp(*row, 1_000)),
)


def shown(result: Any) -> Any:
    """A result without times, and without an order, which is one of the differences."""
    if isinstance(result, list):
        return sorted(map(shown, result), key=str)
    return result if result is None else (result.namespace, result.key, result.value)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(operations, max_size=6), max_size=6))
def test_any_batches_have_the_same_results(batches: list[list[Any]]) -> None:
    """Random batches of operations on both: the same answers, and the same items in the end."""
    theirs = InMemoryStore()
    with DocStore() as ours:
        for batch in batches:
            assert [shown(one) for one in ours.batch(batch)] == [shown(one) for one in theirs.batch(batch)]
        assert shown(ours.search((), limit=1_000)) == shown(theirs.search((), limit=1_000))


# -- not alike: the list -------------------------------------------------------------------------------------------


def test_differences() -> None:
    """Where the two part: each line says what ours does instead."""
    theirs = InMemoryStore()
    with DocStore() as ours:
        for one in (theirs, ours):
            one.put(("b",), "1", {"t": True, "n": "7", "word": "x"})
            one.put(("a",), "2", {"t": False})
        # Found in the order of names; theirs in the order of first writes.
        assert (keys(theirs.search(())), keys(ours.search(()))) == (["1", "2"], ["2", "1"])
        # A replaced item keeps its time of creation.
        for one in (theirs, ours):
            item = one.get(("a",), "2")
            assert item is not None
            one.put(("a",), "2", {"t": 1})
            again = one.get(("a",), "2")
            assert again is not None
            assert (again.created_at == item.created_at) is (one is ours)
        # A truth value is no number, a text none either, and what cannot be compared does not match; theirs raises.
        assert (keys(theirs.search(("b",), filter={"n": {"$gt": 5}})), ours.search((), filter={"n": {"$gt": 5}})) == (
            ["1"],
            [],
        )
        assert ours.search((), filter={"word": {"$gt": 5}}) == []
        with pytest.raises(ValueError, match="float"):
            theirs.search((), filter={"word": {"$gt": 5}})
        # Without an index a query ranks by shared words; theirs leaves it out.
        assert keys(ours.search((), query="x")) == ["1", "2"]
        assert ours.search((), query="x")[0].score == 1.0
        # A namespace without items is not listed; theirs lists what was only looked for.
        assert theirs.get(("ghost",), "k") is None
        assert ours.get(("ghost",), "k") is None
        assert (("ghost",) in theirs.list_namespaces(), ("ghost",) in ours.list_namespaces()) == (True, False)
        # Values are JSON, and the reader's own.
        theirs.put(("x",), "date", {"at": datetime.now(UTC)})
        for odd in ({"at": datetime.now(UTC)}, {"n": 2**60}, {"f": float("nan")}, {1: 2}):
            with pytest.raises(Invalid):
                ours.put(("x",), "odd", odd)  # type: ignore[dict-item]
        # A page below zero, a time to live and an unknown operation are errors.
        for op in (SearchOp((), None, -1), PutOp(("a",), "k", {}, ttl=1), PutOp(("a",), "k", [1]), object()):  # type: ignore[arg-type]
            with pytest.raises(Invalid):
                ours.batch([op])  # type: ignore[list-item]


# -- the package -----------------------------------------------------------------------------------------------------


def test_without_langgraph_the_extra_is_named() -> None:
    """Importing the adapter says what to install; importing accordant does not need it."""
    program = (
        "import sys; sys.modules['langgraph'] = None\n"
        "import accordant\n"
        "try:\n    import accordant.adapters.langgraph\n"
        "except ImportError as error: print(error.code, error)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=50, check=True)
    assert done.stdout.startswith("missing_extra")
    assert "accordant[langgraph]" in done.stdout


def test_nobody_has_to_close_a_store(tmp_path: Path) -> None:
    """A program that ends with open stores ends, at once and without a word."""
    program = (
        "from accordant.adapters.langgraph import DocStore\n"
        "import sys\n"
        "one, other = DocStore(), DocStore.open(sys.argv[1])\n"
        "one.put(('a',), 'k', {'x': 1}); other.put(('a',), 'k', {'x': 1})\n"
        "print(other.get(('a',), 'k').value)\n"
    )
    command = [sys.executable, "-W", "error", "-c", program, str(tmp_path / "a.db")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "{'x': 1}\n", "")


def test_a_store_that_is_let_go_ends_its_thread() -> None:
    """A `DocStore()` that nobody has any more leaves no thread behind."""
    before = threading.active_count()
    for _ in range(3):
        DocStore().put(("a",), "k", {"x": 1})
    gc.collect()
    assert threading.active_count() <= before + 1
