"""Asking whether what was read is still what there is."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from accordant import Document, Engine, Guarded, GuardedMap, Invalid, Log, Namespace, StaleRead, Text, blocking
from worlds import world


class Brief(Document):
    status: Guarded[str]
    tasks: GuardedMap[str]
    findings: Log[str]
    draft: Text


@pytest.mark.parametrize("kind", ["memory", "websocket"])
def test_the_answer_is_that_of_the_write(kind: str) -> None:
    """Of every kind of basis: current exactly while a write that is derived from it lands."""

    async def main() -> None:
        async with world(kind) as w:
            ann, bob = await w.open(Brief, "ann"), await w.open(Brief, "bob")
            ref = await bob.findings.append("one")
            await bob.draft.append("text")
            bases = {
                "status": await ann.status.read(),
                "tasks/1": await ann.tasks.read("1"),
                "findings": await ann.findings.read(),
                "draft": await ann.draft.read(),
                ref: ref,
                "part": await ann.snapshot("draft", "findings"),
            }
            assert await ann.is_current(*bases.values())
            assert await ann.moved_on(*bases.values()) == ()
            whole = await ann.snapshot()
            assert await ann.is_current(whole)
            await bob.status.commit("x", expect=await bob.status.read())
            await bob.tasks.commit("1", "x", expect=await bob.tasks.read("1"))
            await bob.draft.append("more")
            await bob.retract(ref)
            for name, basis in {**bases, "whole": whole}.items():
                assert not await ann.is_current(basis), name
                moved = await ann.moved_on(basis)
                assert {one.changed_by for one in moved} == {"bob"}, name
                with pytest.raises(StaleRead) as stale:
                    await ann.findings.append("late", derived_from=basis)
                said = {(one["path"], one["yours"], one["current"]) for one in stale.value.fields["stale"]}
                if name != "whole":  # a field of a map is named there by its path
                    assert {(one.path, one.yours, one.current) for one in moved} == said, name
            assert await ann.is_current(await ann.snapshot(), await ann.status.read())

    asyncio.run(main())


def test_a_restart_moves_nothing_on(tmp_path: Path) -> None:
    """The versions are what they were, so nothing has changed; but a reading of the old authority cannot be derived from."""

    async def main() -> None:
        async with Engine(tmp_path / "s.db") as engine:
            ann = await engine.open(Brief, Namespace.task("acme", "q3"), "brief", agent="ann")
            await ann.draft.append("text")
            seen, whole = await ann.draft.read(), await ann.snapshot("draft")
        async with Engine(tmp_path / "s.db") as engine:
            ann = await engine.open(Brief, Namespace.task("acme", "q3"), "brief", agent="ann")
            assert await ann.moved_on(seen, whole) == ()
            assert not await ann.is_current(seen)
            assert await ann.is_current(await ann.draft.read())
        async with Engine() as engine:
            ann = await engine.open(Brief, Namespace.task("acme", "q3"), "brief", agent="ann")
            await ann.draft.append("text")
            assert [one.path for one in await ann.moved_on(seen)] == ["draft"], "another life of the document"

    asyncio.run(main())


def test_what_cannot_be_read_is_not_confirmed() -> None:
    """A path that is not there counts as changed; what is no reading is refused."""

    async def main() -> None:
        async with Engine() as engine:
            doc = await engine.open(None, Namespace.task("acme", "q3"), "open", agent="ann")
            seen = await doc.log("notes").read()
            assert not await doc.is_current({"path": "nowhere", "token": [0, "x", 1, 0]})
            await doc.log("notes").append("one")
            assert not await doc.is_current(seen)
            assert await doc.is_current(await doc.log("notes").read())
            with pytest.raises(Invalid):
                await doc.is_current("notes")

    asyncio.run(main())


def test_asking_blocks() -> None:
    """`accordant.blocking` has it too."""
    with blocking.Engine() as engine:
        ann = engine.open(Brief, Namespace.task("acme", "q3"), "brief", agent="ann")
        seen = ann.draft.read()
        ann.draft.append("x")
        assert not ann.is_current(seen)
        assert [str(one) for one in ann.moved_on(seen)] == [f"draft v0, now v{ann.version} by ann"]
