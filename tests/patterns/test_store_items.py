"""Names of items: whole labels, whatever characters they are made of, never meet each other's."""

from __future__ import annotations

import asyncio
import json
import unicodedata
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from accordant import Document, Engine, Namespace, Store, store
from accordant.patterns.store_items import decoded, encoded, has_prefix, matches
from accordant.types.limits import KEY_CHARS_MAX

NS = Namespace.task("acme", "q3")
TWINS = [
    *(
        "foo",
        "foobar",
        "Foo",
        "FOO",
        "fo",
        "foo.bar",
        "foo:bar",
        "foo%",
        "foo_",
        "fo_",
        "%",
        "_",
        "*",
        "foo*",
        "foo/",
        "/",
        "foo\0",
    ),
    *(
        "\0",
        "'",
        '"',
        '["foo"]',
        "foo\\",
        "\\",
        "foo bar",
        " foo",
        "foo ",
        "..",
        ".",
        "\n",
        "\u2028",
        "\u200b",
        "\u0131",
        "i",
        "\u0130",
        "\u017f",
        "s",
    ),
    *(
        "\u00e9",
        "e\u0301",
        "\u212b",
        "\u00c5",
        "K",
        "\u212a",
        "\U0001f600",
        "null",
        "1",
        "[]",
        "{}",
        ",",
        "foo,bar",
        '","',
    ),
]
labels = st.one_of(st.sampled_from(TWINS), st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6))
namespaces = st.lists(labels, min_size=1, max_size=4).map(tuple)
names = st.tuples(namespaces, labels)


class Hive(Document):
    memory: Store[Any] = store()


@given(names, names)
@example((("foo",), "bar"), (("foo", "bar"), "x"))
@example((("a", "b"), "c"), (("a",), 'b","c'))
def test_a_name_is_written_in_one_way(one: tuple[Any, str], other: tuple[Any, str]) -> None:
    """Different names are different keys, and a key is read back as its name."""
    assert (encoded(*one)[1] == encoded(*other)[1]) is (one == other)
    assert decoded(encoded(*one)[1]) == one
    assert len(encoded(*one)[1]) <= KEY_CHARS_MAX


@given(st.one_of(st.text(max_size=20), st.recursive(st.text(max_size=4), st.lists).map(json.dumps)))
@example('["a", "b"]')
@example('["\\u0061","b"]')
@example('["a","\\ud800"]')
@example("[" * 200_000)
def test_only_what_was_written_so_is_a_name(text: str) -> None:
    """A key that reads as the same array but was not written by `encoded` is nobody's name."""
    name = decoded(text)
    assert name is None or encoded(*name)[1] == text


@given(namespaces, namespaces)
@example(("foo",), ("foobar",))
@example(("foo",), ("foo", "bar"))
def test_a_prefix_is_whole_labels(space: tuple[str, ...], prefix: tuple[str, ...]) -> None:
    """`foo` is no prefix of `foobar`."""
    assert has_prefix(space, prefix) is (list(space[: len(prefix)]) == list(prefix))
    assert matches(space, prefix, ()) is has_prefix(space, prefix)
    assert matches(space, (), prefix) is (len(space) >= len(prefix) and space[len(space) - len(prefix) :] == prefix)
    assert matches(space, (None,) * len(prefix), ()) is (len(space) >= len(prefix))


@settings(max_examples=40, deadline=None)
@given(st.lists(names, min_size=1, max_size=12, unique=True), st.data())
@example([(("foo",), "k"), (("foobar",), "k"), (("foo", "bar"), "k"), (("f",), "oo")], None)
def test_names_never_cross(there: list[tuple[tuple[str, ...], str]], data: Any) -> None:
    """Get, search, list, delete and watch each find exactly what a comparison label by label finds, and no name is changed on
    the way."""
    prefix = (
        there[0][0][:1] if data is None else data.draw(st.one_of(st.sampled_from([n for n, _ in there]), namespaces))
    )
    absent = (("foo", "x"), "no") if data is None else data.draw(names.filter(lambda name: name not in there))

    async def main() -> None:
        async with Engine() as engine:
            memory = (await engine.open(Hive, NS, "hive", agent="ann")).memory
            wanted = sorted(name for name in there if list(name[0][: len(prefix)]) == list(prefix))
            async with memory.watch(prefix) as changes:
                for number, name in enumerate(there):
                    await memory.put(*name, number)
                told = [((one := await anext(changes)).namespace, one.key) for _ in wanted]
                assert sorted(told) == wanted
            for number, name in enumerate(there):
                item = await memory.read(*name)
                assert (item.namespace, item.key, item.value) == (*name, number)
            assert await memory.get(*absent) is None
            found = await memory.search(prefix, limit=100)
            assert [(one.namespace, one.key) for one in found] == wanted
            assert await memory.list_namespaces() == sorted({space for space, _ in there})
            assert await memory.list_namespaces(prefix=prefix) == sorted({space for space, _ in wanted})
            await memory.delete(*absent, overwrite=True)
            await memory.delete(*there[0], overwrite=True)
            left = [(one.namespace, one.key) for one in await memory.search(limit=100)]
            assert left == sorted(there[1:])

    asyncio.run(main())


def test_the_twins_are_twins() -> None:
    """The samples hold what the promise is about: names alike in case, in Unicode form, in all but a separator."""
    folded = {unicodedata.normalize("NFC", one).casefold() for one in TWINS}
    assert len(folded) < len(set(TWINS)) == len(TWINS)
