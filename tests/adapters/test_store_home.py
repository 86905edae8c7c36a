"""Which document a name lives in: the one of the whole namespace that it begins with, or none."""

from __future__ import annotations

import asyncio
import contextlib
from contextlib import AsyncExitStack
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from accordant import Denied, Document, Engine, Invalid, Namespace
from accordant.adapters import store_home
from accordant.adapters.store_home import Routes

words = st.one_of(
    st.sampled_from(
        ["tenant", "task", "role", "system", "shared", "acme", "Acme", "acme ", "", "..", "a/b", "*", "e\u0301"]
    ),
    st.text(max_size=3),
)


async def nobody(stack: AsyncExitStack, place: Namespace) -> Document:
    raise AssertionError("no document is opened here")


@given(st.lists(words, max_size=6).map(tuple), st.sampled_from([None, "acme", "beta"]))
@example(("tenant", "acme", "task", "q3", "x"), "acme")
@example(("tenant", "beta", "task", "q3"), "acme")
@example(("system", "shared", "x"), "acme")
@example(("tenant", "acme"), "acme")
@example(("system",), None)
def test_a_name_lives_in_the_namespace_that_it_begins_with(labels: tuple[str, ...], tenant: str | None) -> None:
    """Whole, and character by character; for one tenant, never another's. Everything else is refused, nothing is repaired."""
    routes = Routes(nobody, None, tenant)
    whole = None
    for size in (2, 4):
        with contextlib.suppress(Invalid):
            whole = whole or Namespace.from_tuple(labels[:size])
    if whole is None:
        with pytest.raises(Invalid):
            routes.place_of(labels)
    elif tenant not in (None, whole.tenant) and whole != Namespace.shared():
        with pytest.raises(Denied, match="this store is"):
            routes.place_of(labels)
    else:
        assert routes.place_of(labels) == whole
        assert labels[: len(whole.as_tuple())] == whole.as_tuple()


@given(st.lists(words, max_size=6).map(tuple))
def test_with_one_document_every_name_lives_there(labels: tuple[str, ...]) -> None:
    """A store that was given its place looks at no label."""
    place = Namespace.task("acme", "q3")
    assert Routes(nobody, place).place_of(labels) == place


def test_documents_are_opened_once_and_not_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each when it is first needed, by however many at once; beyond the bound the next one is denied."""
    monkeypatch.setattr(store_home, "ROUTED_DOCUMENTS_MAX", 3)
    opened: list[Namespace] = []

    async def main() -> None:
        async with Engine() as engine, AsyncExitStack() as stack:

            async def opener(_: AsyncExitStack, place: Namespace) -> Document:
                opened.append(place)
                return await engine.open(None, place, "store", agent="crew")

            routes = Routes(opener, None)
            wanted: list[Any] = [("tenant", "t", "task", str(n % 3)) for n in range(30)]
            found = await asyncio.gather(*[routes.document_of(labels, stack) for labels in wanted])
            assert len({id(one) for one in found}) == len(opened) == 3
            with pytest.raises(Denied) as denied:
                await routes.document_of(("tenant", "t", "task", "new"), stack)
            assert denied.value.code == "too_many_documents"

    asyncio.run(main())
