"""Texts by character, whatever the characters are: against a plain Python string, and many hands at once (P2)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accordant import Conflict, Denied, Document, Engine, Invalid, Namespace, Text, region

CHARACTERS = st.text(st.sampled_from("ab é漢\n😀🏳️\u200d👩\u0301"), max_size=6)
PROPERTY = settings(max_examples=150, print_blob=True, suppress_health_check=list(HealthCheck))


class Page(Document):
    draft: Text = region(allow={"*": {"insert", "delete", "replace"}, "role:owner": {"rethink"}})
    other: Text


def run(scenario: Callable[[Engine], Awaitable[None]]) -> None:
    async def play() -> None:
        async with Engine() as engine:
            await scenario(engine)

    asyncio.run(play())


def opened(engine: Engine, agent: str, *roles: str) -> Awaitable[Page]:
    return engine.open(Page, Namespace.task("acme", "q3"), "page", agent=agent, roles=roles)


EDITS = st.lists(
    st.one_of(
        st.tuples(st.just("insert"), st.integers(0, 40), CHARACTERS),
        st.tuples(st.just("append"), st.none(), CHARACTERS),
        st.tuples(st.just("delete"), st.integers(0, 40), st.integers(0, 6)),
        st.tuples(st.just("replace"), CHARACTERS, CHARACTERS),
        st.tuples(st.just("rethink"), st.none(), CHARACTERS),
    ),
    max_size=25,
)


async def edit(page: Page, plain: str, act: str, one: Any, other: Any) -> str:
    """Do it to the document; returns what the same does to a string."""
    match act:
        case "insert":
            at = one % (len(plain) + 1)
            await page.draft.insert(at, other)
            return plain[:at] + other + plain[at:]
        case "append":
            await page.draft.append(other)
            return plain + other
        case "delete":
            at = one % (len(plain) + 1)
            count = min(other, len(plain) - at)
            await page.draft.delete(at, count)
            return plain[:at] + plain[at + count :]
        case "rethink":
            await page.draft.rethink(other, expect=await page.draft.read())
            return other
    found = [at for at in range(len(plain)) if one and plain.startswith(one, at)]
    if len(found) == 1:
        await page.draft.replace(one, other)
        return plain.replace(one, other)
    with pytest.raises(Conflict if one else Invalid):
        await page.draft.replace(one, other)
    return plain


@PROPERTY
@given(edits=EDITS, together=st.booleans())
def test_a_text_is_a_string_of_characters(edits: list[Any], together: bool) -> None:
    """Every offset counts characters, emoji and combining ones too; in a transaction each edit sees the one before."""

    async def scenario(engine: Engine) -> None:
        page, plain = await opened(engine, "ann", "owner"), ""
        if not together:
            for one in edits:
                plain = await edit(page, plain, *one)
                assert (await page.draft.read()).value == plain
            return
        inserts = [one for one in edits if one[0] in ("insert", "append", "delete")]
        async with page.transaction() as tx:
            for one in inserts:
                plain = await edit(tx, plain, *one)
        assert (await page.draft.read()).value == plain

    run(scenario)


def test_twenty_concurrent_inserts_are_all_there_once() -> None:
    """No insert erases another, wherever they aim."""

    async def scenario(engine: Engine) -> None:
        pages = [await opened(engine, f"agent-{n}") for n in range(20)]
        await pages[0].draft.append("start😀end")
        await asyncio.gather(*(page.draft.insert(6, f"<{page.agent}>") for page in pages))
        text = (await pages[0].draft.read()).value
        assert all(text.count(f"<{page.agent}>") == 1 for page in pages)
        assert len(text) == 9 + sum(len(page.agent) + 2 for page in pages)
        assert (text[:5], text[-3:]) == ("start", "end")

    run(scenario)


def test_replace_needs_its_target_exactly_once() -> None:
    """A target that is gone, doubled or overlapping itself is a conflict that shows the text as it is now."""

    async def scenario(engine: Engine) -> None:
        ann, bob = await opened(engine, "ann"), await opened(engine, "bob")
        await ann.draft.append("revenue grew 4% in May")
        await bob.draft.replace("4%", "5%")
        with pytest.raises(Conflict) as gone:
            await ann.draft.replace("4%", "6%")
        assert (gone.value.code, gone.value.fields["value"]) == ("no_single_match", "revenue grew 5% in May")
        assert gone.value.writer == "bob"
        assert gone.value.retryable
        await ann.draft.append(" aaa")
        with pytest.raises(Conflict):
            await ann.draft.replace("aa", "b")
        with pytest.raises(Conflict):
            await ann.draft.replace("e", "E")
        assert (await ann.draft.read()).value == "revenue grew 5% in May aaa"

    run(scenario)


def test_of_concurrent_rewrites_one_wins() -> None:
    """Two owners rewrite what both have read: one lands, one is told; a stranger is denied either way."""

    async def scenario(engine: Engine) -> None:
        ann, bob = await opened(engine, "ann", "owner"), await opened(engine, "bob", "owner")
        eve = await opened(engine, "eve")
        await eve.draft.append("draft of eve")
        seen = await ann.draft.read()
        both = (ann.draft.rethink("by ann", expect=seen), bob.draft.rethink("by bob", expect=await bob.draft.read()))
        replies = await asyncio.gather(*both, return_exceptions=True)
        assert sorted(type(one).__name__ for one in replies) == ["Committed", "Conflict"]
        now = await eve.draft.read()
        assert now.value in ("by ann", "by bob")
        with pytest.raises(Denied):
            await eve.draft.rethink("mine", expect=now)
        with pytest.raises(Denied):
            await ann.other.rethink("nobody was given this", expect=await ann.other.read())
        with pytest.raises(Conflict):
            await ann.draft.rethink("again", expect=seen)

    run(scenario)


@pytest.mark.parametrize(
    ("index", "count"), [(-1, 1), (0, -1), (99, 1), (0, 99), (True, 1), ("0", 1), (1.0, 1), (None, 1), (2**70, 1)]
)
def test_an_offset_outside_the_text_changes_nothing(index: Any, count: Any) -> None:
    """Offsets that are no characters of the text are `Invalid`."""

    async def scenario(engine: Engine) -> None:
        page = await opened(engine, "ann")
        await page.draft.append("abc")
        with pytest.raises(Invalid):
            await page.draft.delete(index, count)
        assert (await page.draft.read()).value == "abc"

    run(scenario)


@pytest.mark.parametrize("text", ["\ud83d", 5, None, b"bytes"])
def test_what_is_not_text_is_refused(text: Any) -> None:
    """Half of an emoji, numbers and bytes never enter a text."""

    async def scenario(engine: Engine) -> None:
        page = await opened(engine, "ann")
        for call in (page.draft.append(text), page.draft.insert(0, text), page.draft.replace("a", text)):
            with pytest.raises(Invalid):
                await call
        assert (await page.draft.read()).value == ""

    run(scenario)
