"""Patterns: several regions behind one face, declared as one region is."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from accordant import Counter, Document, Engine, Invalid, Log, Namespace, SchemaError, blocking, region
from accordant.document.pattern import Pattern, Settings
from accordant.types.regions import Kind, RegionSpec, Rules

NS = Namespace.task("acme", "q3")


@dataclass(frozen=True, slots=True)
class TallySettings(Settings):
    writer: str


def tally(writer: str) -> Any:
    return TallySettings(writer)


class Tally(Pattern):
    """A log that its writer alone appends to, and a count of attempts."""

    settings_type = TallySettings
    needs = "tally(writer=...)"

    @classmethod
    def specs(cls, name: str, item: Any, settings: TallySettings) -> Sequence[RegionSpec]:
        rules = Rules(writers=frozenset({settings.writer}))
        return RegionSpec(name, Kind.LOG, item, rules), RegionSpec(f"{name}_tried", Kind.COUNTER)

    async def note(self, value: Any) -> None:
        await self._part(Counter, "tried").increment()
        await self._part(Log).append(value)

    async def tried(self) -> int:
        return (await self._part(Counter, "tried").read()).value


class Sheet(Document):
    notes: Tally = tally(writer="ann")
    total: Counter


def test_a_pattern_is_declared_like_a_region_and_made_of_ordinary_ones() -> None:
    """Its regions are in the schema, its rules hold, and its face is on the handle."""

    async def main() -> None:
        async with Engine() as engine:
            ann = await engine.open(Sheet, NS, "sheet", agent="ann")
            assert list(Sheet.__schema__.regions) == ["notes", "notes_tried", "total"]
            await ann.notes.note("one")
            bob = await engine.open(Sheet, NS, "sheet", agent="bob")
            with pytest.raises(Exception, match="bob"):
                await bob.notes.note("two")
            assert await ann.notes.tried() == 2
            assert [one.name for one in ann.notes.regions] == ["notes", "notes_tried"]
            snapshot = await ann.snapshot()
            assert snapshot["notes"].value == ["one"]
            with pytest.raises(Invalid):
                ann.notes = 3  # type: ignore[assignment]

    asyncio.run(main())


def test_a_pattern_lands_whole_within_a_transaction() -> None:
    """It works through its regions' methods, so that a transaction collects what it writes."""

    async def main() -> None:
        async with Engine() as engine:
            ann = await engine.open(Sheet, NS, "sheet", agent="ann")
            async with ann.transaction() as tx:
                await tx.notes.note("one")
                assert await ann.notes.tried() == 0
            assert await ann.notes.tried() == 1

    asyncio.run(main())


def test_a_pattern_on_a_document_without_a_schema() -> None:
    """The face is made by hand; it brings its own types."""

    async def main() -> None:
        async with Engine() as engine:
            doc = await engine.open(None, NS, "open", agent="ann")
            notes = Tally(doc, "notes", tally(writer="ann"), item=str)
            await notes.note("one")
            assert (await doc.log("notes").read()).value == ["one"]
            with pytest.raises(Invalid):
                await notes.note(3)

    asyncio.run(main())


def test_a_pattern_blocks() -> None:
    """`accordant.blocking` has it too."""
    with blocking.Engine() as engine:
        ann = engine.open(Sheet, NS, "sheet", agent="ann")
        ann.notes.note("one")
        assert ann.notes.tried() == 1


def test_what_a_schema_refuses() -> None:
    """Missing settings, foreign settings, names that collide, settings without an annotation."""
    with pytest.raises(SchemaError, match=r"tally\(writer=\.\.\.\)"):

        class Missing(Document):
            notes: Tally

    with pytest.raises(SchemaError, match=r"tally\(writer"):

        class Foreign(Document):
            notes: Tally = region()

    with pytest.raises(SchemaError, match="notes_tried"):

        class Collides(Document):
            notes_tried: Counter
            notes: Tally = tally(writer="ann")

    with pytest.raises(SchemaError, match="no annotation"):

        class Bare(Document):
            notes = tally(writer="ann")
