"""Snapshots: one immutable cut over everything, whose readings keep their tokens; old versions are reopened as they were."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from accordant import (
    Conflict,
    Counter,
    Denied,
    Document,
    Guarded,
    GuardedMap,
    Invalid,
    Log,
    Map,
    StaleRead,
    Text,
    UnionSet,
    region,
)
from worlds import in_loop, world

worlds = pytest.mark.parametrize("kind", ["memory", "sqlite", "websocket"])


class Finding(BaseModel):
    text: str
    score: float = 0.5


class Brief(Document):
    account: Guarded[str] = region(default="active")
    other: Guarded[int]
    tasks: GuardedMap[int]
    draft: Text
    findings: Log[Finding]
    questions: UnionSet[str]
    citations: Counter
    cursors: Map[int] = region(lww="cosmetic")


async def _filled(doc: Brief) -> None:
    await doc.account.commit("churned", expect=await doc.account.read())
    await doc.tasks.commit("seven", 7, expect=await doc.tasks.read("seven"))
    await doc.draft.append("Dear all, 😀")
    await doc.findings.extend([Finding(text="one"), Finding(text="two")])
    await doc.questions.add("why?", "when?")
    await doc.citations.increment(3)
    await doc.cursors.set("web", 9)


async def _all(doc: Any) -> dict[str, Any]:
    return {
        "account": await doc.account.read(),
        "other": await doc.other.read(),
        "tasks": await doc.tasks.read(),
        "seven": await doc.tasks.read("seven"),
        "nine": await doc.tasks.read("nine"),
        "draft": await doc.draft.read(),
        "findings": await doc.findings.read(),
        "questions": await doc.questions.read(),
        "citations": await doc.citations.read(),
        "cursors": await doc.cursors.read(),
    }


@worlds
@in_loop
async def test_a_snapshot_reads_like_the_document(kind: str, tmp_path: Path) -> None:
    """Every region of it, by method and by path, is the very reading that the document gave: value, version, token, author."""
    async with world(kind, tmp_path / "a.db") as w:
        doc = await w.open(Brief, "web")
        await _filled(doc)
        live = await _all(doc)
        snap = await doc.snapshot()
        assert snap.version == doc.version
        assert await _all(snap) == live
        assert await _all(await doc.at(snap.version)) == live
        for path, name in (("tasks/seven", "seven"), ("tasks/nine", "nine"), *((one, one) for one in snap)):
            assert snap[path] == live[name], path
        assert set(snap) == set(Brief.__schema__.regions)
        assert snap.document.account.spec is not None
        with pytest.raises(Invalid, match="there are: account"):
            snap["nowhere"]
        with pytest.raises(AttributeError):
            snap.nowhere  # noqa: B018 - asking is the test


@worlds
@in_loop
async def test_a_snapshot_never_changes_and_is_never_written(kind: str, tmp_path: Path) -> None:
    """A thousand writes later it reads as before, to the byte; its values belong to whoever read them; writes are denied."""
    async with world(kind, tmp_path / "a.db") as w:
        doc, writer = await w.open(Brief, "web"), await w.open(Brief, "writer")
        await _filled(doc)
        snap = await doc.snapshot()
        before, text = await _all(snap), snap.render()
        (await snap.findings.read()).value.clear()
        (await snap.cursors.read()).value["web"] = -1
        (await snap.questions.read()).value.add("mine")
        for n in range(100):
            await asyncio.gather(
                writer.draft.append("x"),
                writer.findings.append(Finding(text=str(n))),
                writer.cursors.set("web", n),
                writer.citations.increment(),
                writer.questions.add(f"q{n}"),
                *(writer.account.update(lambda old: old + "!") for _ in range(5)),
            )
        assert await _all(snap) == before
        assert snap.render() == text
        for write in (snap.draft.append("x"), snap.account.update(str), snap.citations.increment()):
            with pytest.raises(Denied) as denied:
                await write
            assert denied.value.code == "snapshot"


@worlds
@in_loop
async def test_what_is_derived_from_an_old_snapshot_is_denied(kind: str, tmp_path: Path) -> None:
    """By the field that is replaced, by one reading, or by the whole snapshot; what has not changed is a fine basis still."""
    async with world(kind, tmp_path / "a.db") as w:
        doc, writer = await w.open(Brief, "web"), await w.open(Brief, "writer")
        await _filled(doc)
        snap = await doc.snapshot()
        await doc.findings.append(Finding(text="from it"), derived_from=snap)
        snap = await doc.snapshot()
        some = await doc.snapshot("draft", doc.citations)
        await writer.account.update(lambda _: "back")
        with pytest.raises(Conflict):
            await doc.account.commit("gone", expect=snap["account"])
        with pytest.raises(StaleRead):
            await doc.draft.append("x", derived_from=snap["account"])
        with pytest.raises(StaleRead) as stale:
            await doc.draft.append("x", derived_from=[snap])
        assert [one["path"] for one in stale.value.fields["stale"]] == ["account"]
        await doc.tasks.commit("seven", 8, expect=snap["tasks/seven"], derived_from=[snap["draft"], some])
        [entry] = await doc.history("tasks", limit=1)
        assert {path for path, _ in entry.derived_from} == {"draft", "citations"}
        assert set(some) == {"draft", "citations"}
        with pytest.raises(Invalid, match="not in this snapshot"):
            await some.account.read()


@worlds
@in_loop
async def test_a_cut_is_consistent(kind: str, tmp_path: Path) -> None:
    """While a writer changes two fields together, again and again, no snapshot ever shows a mixed pair, nor a version that is not
    durable."""
    async with world(kind, tmp_path / "a.db") as w:
        doc, reader = await w.open(Brief, "web"), await w.open(Brief, "reader")
        await doc.other.commit(0, expect=await doc.other.read())

        async def flip() -> None:
            for n in range(60):
                async with doc.transaction() as tx:
                    await tx.other.commit(n, expect=await doc.other.read())
                    await tx.tasks.commit("n", n, expect=await doc.tasks.read("n"))
                    await tx.draft.append("x")

        writing = asyncio.create_task(flip())
        seen = set()
        while not writing.done():
            snap = await reader.snapshot()
            n = snap["other"].value
            assert snap["tasks/n"].value in (n, None)
            assert len(snap["draft"].value) in (0, n + 1)
            assert snap.version <= doc.version
            seen.add(n)
            await asyncio.sleep(0)
        await writing
        assert len(seen) > 3


@in_loop
async def test_any_version_is_reopened_as_it_was() -> None:
    """What was read at a version is what `at` gives for it, with tokens that fence what has changed since."""
    dice = random.Random(7)
    async with world("memory") as w:
        doc = await w.open(Brief, "web")
        kept: dict[int, Any] = {}
        for n in range(60):
            match dice.randrange(6):
                case 0:
                    await doc.draft.insert(0, f"{n} ")
                case 1:
                    await doc.findings.append(Finding(text=str(n)))
                case 2:
                    await doc.account.update(lambda old, n=n: f"{old}{n}")
                case 3:
                    await doc.questions.add(str(n % 7))
                case 4:
                    await doc.questions.discard(str(n % 7))
                case 5:
                    await doc.tasks.update(str(n % 3), lambda _, n=n: n)
            kept[doc.version] = (await _all(doc), (await doc.snapshot()).render())
        for version in dice.sample(sorted(kept), 20):
            old = await doc.at(version)
            assert (old.version, await _all(old), old.render()) == (version, *kept[version])
        first = await doc.at(min(kept))
        with pytest.raises(Conflict):
            await doc.account.commit("from the past", expect=first["account"])
        for version, code in ((doc.version + 1, "unknown_version"), (-1, "unknown_version"), ("7", "bad_argument")):
            with pytest.raises(Invalid) as bad:
                await doc.at(version)  # type: ignore[arg-type]
            assert bad.value.code == code


@in_loop
async def test_rendering_carries_its_version_and_keeps_its_budget() -> None:
    """Version first, refs beside items; what is wrong is not shown as if it held; a budget is kept, and what is cut is said."""
    async with world("memory") as w:
        doc = await w.open(Brief, "web")
        await _filled(doc)
        wrong = await doc.findings.append(Finding(text="churn is 4.1%"))
        await doc.draft.append("so it grows", derived_from=wrong)
        await doc.retract(wrong, why="no")
        for n in range(300):
            await doc.findings.append(Finding(text=f"number {n}"))
        await doc.draft.append("long " * 2_000)
        snap = await doc.snapshot()
        whole = snap.render()
        assert whole.startswith(f"# acme/task/q3/brief at version {snap.version}, ")
        assert f"- [{wrong}] retracted" in whole
        assert "4.1%" not in whole
        assert "suspect" in whole
        assert "churned" in whole
        assert "number 0" in whole
        for budget in (200, 201, 350, 500, 1_000, 5_000, 20_000, len(whole) - 1, len(whole), 10**6):
            text = snap.render(budget=budget)
            assert len(text) <= budget
            assert f"at version {snap.version}" in text
            assert (text == whole) == (budget >= len(whole))
            if 1_000 <= budget < len(whole):
                assert "left out" in text
                assert "number 299" in text
                assert "## citations (counter" in text
        with pytest.raises(Invalid):
            snap.render(budget=10)


@in_loop
async def test_a_document_without_a_schema_has_snapshots_too() -> None:
    """Its regions are those that it has, guarded fields included."""
    async with world("memory") as w:
        doc = await w.engine.open(None, (await w.open(Brief, "x")).key.namespace, "plain", agent="web")
        await doc.log("notes").append({"a": 1})
        await doc.guarded("status").commit([1], expect=await doc.guarded("status").read())
        await doc.guarded_map("tasks").commit("a", 1, expect=await doc.guarded_map("tasks").read("a"))
        snap = await doc.snapshot()
        assert set(snap) == {"notes", "status", "tasks"}
        assert (snap["status"].value, snap["tasks/a"].value, snap["notes"].value) == ([1], 1, [{"a": 1}])


@worlds
@in_loop
async def test_a_value_belongs_to_whoever_read_it(kind: str, tmp_path: Path) -> None:
    """Changing it in place changes neither the document nor what the next one reads, nor does changing what was committed."""
    async with world(kind, tmp_path / "a.db") as w:
        doc = await w.open(Document, "web")
        given = {"list": [1]}
        field, items = doc.guarded("status"), doc.log("notes")
        committed = await field.commit(given, expect=await field.read())
        await items.append(given)
        given["list"].append(2)
        committed.value["list"].append(3)
        (await field.read()).value["list"].append(4)
        (await items.read()).value[0]["list"].append(5)
        (await doc.snapshot())["status"].value["list"].append(6)
        assert (await field.read()).value == (await items.read()).value[0] == {"list": [1]}
