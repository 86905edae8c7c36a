"""Mergeable regions through the public API, embedded and over a websocket."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict

from accordant import Conflict, Counter, Denied, Document, Invalid, Log, Map, Text, UnionSet, region
from worlds import in_loop, world

worlds = pytest.mark.parametrize("kind", ["memory", "sqlite", "websocket"])


class Finding(BaseModel):
    text: str
    score: float = 0.5


class Tag(BaseModel):
    model_config = ConfigDict(frozen=True)
    name: str


class Notes(Document):
    draft: Text = region(allow={"*": {"insert", "delete", "replace"}, "role:curator": {"insert", "rethink"}})
    findings: Log[Finding] = region(allow={"*": {"append"}, "curator": {"append", "compact"}})
    questions: UnionSet[str]
    tags: UnionSet[Tag]
    citations: Counter
    cursors: Map[int] = region(lww="cosmetic")
    small: Log[str] = region(max_items=3)
    brief: Text = region(max_bytes=10)
    minutes: Log[str] = region(writers="clerk")


@worlds
@in_loop
async def test_text_offsets_are_characters(kind: str, tmp_path: Path) -> None:
    """Emoji and accents count as one; nothing is split."""
    async with world(kind, tmp_path / "a.db") as w:
        a, b = await w.open(Notes, "a"), await w.open(Notes, "b")
        await a.draft.append("aé😀")
        await b.draft.insert(3, "z")
        await a.draft.insert(2, "-")
        await b.draft.delete(3)
        assert (await a.draft.read()).value == "aé-z"
        with pytest.raises(Invalid):
            await a.draft.insert(99, "x")
        with pytest.raises(Invalid):
            await a.draft.delete(2, 99)
        with pytest.raises(Invalid):
            await a.draft.append("\ud800")
        with pytest.raises(Invalid):
            await a.draft.append(3)  # type: ignore[arg-type]


@worlds
@in_loop
async def test_twenty_concurrent_inserts_are_all_there_once(kind: str, tmp_path: Path) -> None:
    """No insert can erase another."""
    async with world(kind, tmp_path / "a.db") as w:
        handles = [await w.open(Notes, f"a{n}") for n in range(4)]
        await asyncio.gather(*(handles[n % 4].draft.append(f"[{n}]") for n in range(20)))
        text = (await handles[0].draft.read()).value
        assert sorted(text.replace("]", "").split("[")[1:], key=int) == [str(n) for n in range(20)]


@worlds
@in_loop
async def test_replace_matches_exactly_once_in_the_text_as_it_is_now(kind: str, tmp_path: Path) -> None:
    """A target that changed or is ambiguous is a conflict with the current text."""
    async with world(kind, tmp_path / "a.db") as w:
        a, b = await w.open(Notes, "a"), await w.open(Notes, "b")
        await a.draft.append("one two two")
        await a.draft.replace("one", "1")
        with pytest.raises(Conflict) as lost:
            await b.draft.replace("one", "uno")
        assert lost.value.code == "no_single_match"
        assert lost.value.value == "1 two two"
        with pytest.raises(Conflict):
            await b.draft.replace("two", "2")
        assert (await b.draft.read()).value == "1 two two"


@worlds
@in_loop
async def test_rethink_is_for_owners_and_compares_versions(kind: str, tmp_path: Path) -> None:
    """Concurrent rewrites: one wins, one conflicts; others are denied."""
    async with world(kind, tmp_path / "a.db") as w:
        plain = await w.open(Notes, "plain")
        c1, c2 = await w.open(Notes, "c1", roles=["curator"]), await w.open(Notes, "c2", roles=["curator"])
        await plain.draft.append("first draft")
        with pytest.raises(Denied):
            await plain.draft.rethink("mine", expect=await plain.draft.read())
        one, two = await c1.draft.read(), await c2.draft.read()
        await c1.draft.rethink("second draft", expect=one)
        with pytest.raises(Conflict) as lost:
            await c2.draft.rethink("third", expect=two)
        assert lost.value.value == "second draft"
        await c2.draft.rethink("third", expect=lost.value.reading)
        assert (await plain.draft.read()).value == "third"


@worlds
@in_loop
async def test_compaction_leaves_later_items_alone(kind: str, tmp_path: Path) -> None:
    """What was appended during the fold's long pause is still there, and refs say what was superseded."""
    async with world(kind, tmp_path / "a.db") as w:
        a, curator = await w.open(Notes, "a"), await w.open(Notes, "curator")
        refs = await a.findings.extend([Finding(text="x"), Finding(text="y")])

        async def fold(entries: object) -> list[Finding]:
            await a.findings.append(Finding(text="late"))
            return [Finding(text="x and y", score=1.0)]

        made = await curator.findings.compact(fold)
        reading = await a.findings.read()
        assert [item.text for item in reading.value] == ["x and y", "late"]
        assert [entry.by for entry in reading.entries] == ["curator", "a"]
        assert reading.entries[0].ref == made[0]
        history = await a.history("findings", outcome="committed")
        assert history[0].ops[0].detail["supersedes"] == refs
        with pytest.raises(Denied):
            await a.findings.compact(lambda entries: [])


@worlds
@in_loop
async def test_sets_are_add_wins_and_counters_add_up(kind: str, tmp_path: Path) -> None:
    """Members of frozen models too; a set cannot be overwritten; a counter has no set."""
    async with world(kind, tmp_path / "a.db") as w:
        a, b = await w.open(Notes, "a"), await w.open(Notes, "b")
        await a.questions.add("why?", "how?")
        await b.questions.add("why?", "when?")
        await a.questions.discard("how?", "never there")
        assert (await b.questions.read()).value == {"why?", "when?"}
        await a.tags.add(Tag(name="x"))
        assert (await b.tags.read()).value == {Tag(name="x")}
        await asyncio.gather(*(h.citations.increment(n) for h in (a, b) for n in (1, 2, -1)))
        assert (await a.citations.read()).value == 4
        await a.cursors.set("a", 3)
        await b.cursors.set("a", 4)
        await b.cursors.delete("zz")
        assert (await a.cursors.read()).value == {"a": 4}
        for wrong in (1.5, True, "2"):
            with pytest.raises(Invalid):
                await a.citations.increment(wrong)  # type: ignore[arg-type]


@worlds
@in_loop
async def test_bounds_and_single_writers_hold(kind: str, tmp_path: Path) -> None:
    """A full region and a foreign writer are denied, and nothing of the call is there."""
    async with world(kind, tmp_path / "a.db") as w:
        a, clerk = await w.open(Notes, "a"), await w.open(Notes, "clerk")
        await a.small.extend(["1", "2"])
        with pytest.raises(Denied) as full:
            await a.small.extend(["3", "4"])
        assert full.value.code == "region_full"
        assert (await a.small.read()).value == ["1", "2"]
        with pytest.raises(Denied):
            await a.brief.append("more than ten bytes")
        with pytest.raises(Denied):
            await a.minutes.append("not mine")
        await clerk.minutes.append("mine")
        with pytest.raises(Invalid):
            await a.findings.append("not a finding")  # type: ignore[arg-type]
        denials = await a.history(kind="denial")
        assert {d.info["code"] for d in denials} == {"region_full", "not_permitted"}


@worlds
@in_loop
async def test_ten_thousand_items_land_in_one_entry(kind: str, tmp_path: Path) -> None:
    """Bulk inserts chunk themselves; the version is one."""
    async with world(kind, tmp_path / "a.db") as w:
        a = await w.open(Notes, "a")
        refs = await a.findings.extend([Finding(text=f"f{n}") for n in range(10_000)])
        reading = await a.findings.read()
        assert len(refs) == len(reading.value) == 10_000
        assert reading.value[9_999].text == "f9999"
        assert {entry.version for entry in reading.entries} == {refs[0].version}
        assert [entry.ref for entry in reading.entries] == refs


@worlds
@in_loop
async def test_a_document_without_a_schema_opens_regions_by_name(kind: str, tmp_path: Path) -> None:
    """Merge rules only; a region keeps the kind it was first used as."""
    async with world(kind, tmp_path / "a.db") as w:
        doc = await w.open(None, "a", name="free")  # type: ignore[type-var]
        await doc.text("draft").append("hello")
        await doc.log("items").append({"any": ["json", 1]})
        status = doc.guarded("status")
        await status.commit("open", expect=await status.read())
        await doc.map("m").set("k", 1)
        await doc.counter("n").increment()
        await doc.union_set("s").add("x")
        assert (await doc.text("draft").read()).value == "hello"
        assert (await doc.log("items").read()).value == [{"any": ["json", 1]}]
        assert (await status.read()).value == "open"
        assert (await doc.map("m").read()).value == {"k": 1}
        assert (await doc.counter("n").read()).value == 1
        items = await doc.log("items").read()
        assert [entry.by for entry in items.entries] == ["a"]
        with pytest.raises(Invalid):
            await doc.log("draft").append("wrong kind")
        with pytest.raises(Invalid):
            doc.text("guarded")


@worlds
@in_loop
async def test_a_member_named_twice_in_one_call_is_one_member(kind: str, tmp_path: Path) -> None:
    """Adding or discarding it twice at once is as good as once, whether it was there before or not."""
    async with world(kind, tmp_path / "a.db") as w:
        a = await w.open(Notes, "a")
        await a.questions.add("x", "x")
        await a.questions.add("x", "y", "x")
        assert (await a.questions.read()).value == {"x", "y"}
        async with a.transaction() as tx:
            await tx.questions.discard("x", "x")
            await tx.questions.add("x")
            await tx.questions.discard("y")
            await tx.questions.discard("y", "never there")
        assert (await a.questions.read()).value == {"x"}
        await a.questions.discard("x", "x")
        assert (await a.questions.read()).value == set()


@worlds
@in_loop
async def test_nobody_rewrites_what_others_wrote_unless_a_rule_says_who(kind: str, tmp_path: Path) -> None:
    """Without `writers=` or `allow=`, a text has no rethink and a log no compaction, for anybody."""

    class Plain(Document):
        draft: Text
        findings: Log[str]

    async with world(kind, tmp_path / "a.db") as w:
        a = await w.open(Plain, "a")
        await a.draft.append("x")
        await a.findings.append("y")
        with pytest.raises(Denied):
            await a.draft.rethink("z", expect=await a.draft.read())
        with pytest.raises(Denied):
            await a.findings.compact(lambda entries: [])
        assert ((await a.draft.read()).value, (await a.findings.read()).value) == ("x", ["y"])


@worlds
@in_loop
async def test_names_that_cannot_be_written_down_are_refused_before_the_log(kind: str, tmp_path: Path) -> None:
    """A lone surrogate in a reason, a key or a region's name, or a key that is no text: `Invalid`, and the document lives on."""
    async with world(kind, tmp_path / "a.db") as w:
        a = await w.open(Notes, "a")
        with pytest.raises(Invalid):
            await a.questions.add("why?", why="\ud800")
        for key in ("\ud800", 5, b"x"):
            with pytest.raises(Invalid):
                await a.cursors.set(key, 1)  # type: ignore[arg-type]
        with pytest.raises(Invalid):
            await a.log("\ud800").append("x")
        await a.cursors.set("k", 1)
        assert (await a.cursors.read()).value == {"k": 1}


@worlds
@in_loop
async def test_a_member_that_no_set_can_hold_is_refused(kind: str, tmp_path: Path) -> None:
    """What would make every later read fail does not enter: an unhashable member is `Invalid`."""

    class Deep(BaseModel):
        model_config = ConfigDict(frozen=True)
        parts: list[int] = []

    class Sets(Document):
        anything: UnionSet[Any]
        deep: UnionSet[Deep]

    async with world(kind, tmp_path / "a.db") as w:
        a = await w.open(Sets, "a")
        for region_, member in ((a.anything, {"a": 1}), (a.deep, Deep())):
            with pytest.raises(Invalid) as refused:
                await region_.add(member)
            assert refused.value.code == "not_hashable"
        await a.anything.add("x", 1)
        assert (await a.anything.read()).value == {"x", 1}
        assert (await a.deep.read()).value == set()


class Owned(Document):
    notes: Log[str] = region(allow={"*": {"append"}, "ann": {"append", "compact"}})


@pytest.mark.parametrize("kind", ["memory", "websocket"])
def test_a_log_is_compacted_up_to_a_version(kind: str) -> None:
    """What is newer than `upto` stays as it is, refs and authors too."""

    async def main() -> None:
        async with world(kind) as w:
            ann = await w.open(Owned, "ann")
            refs = [await ann.notes.append(str(n)) for n in range(4)]
            seen: list[str] = []

            def fold(items: Any) -> list[str]:
                seen.extend(item.value for item in items)
                return ["old"]

            await ann.notes.compact(fold, upto=refs[1].version)
            found = await ann.notes.read()
            assert (seen, found.value) == (["0", "1"], ["old", "2", "3"])
            assert [item.ref for item in found.entries[1:]] == refs[2:]
            with pytest.raises(Conflict):
                await ann.notes.compact(fold, upto=refs[2].version)

    asyncio.run(main())
