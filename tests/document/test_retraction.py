"""Taking back and superseding: entries, not erasures; what follows from them is suspect, and whoever has read it is named."""

from __future__ import annotations

from pathlib import Path

import pytest

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
    Ref,
    StaleRead,
    Text,
    UnionSet,
    region,
)
from accordant.types.commands import Submission, Write
from accordant.types.regions import Kind
from worlds import in_loop, world

worlds = pytest.mark.parametrize("kind", ["memory", "sqlite", "websocket"])


class Brief(Document):
    account: Guarded[str] = region(allow={"*": {"commit", "retract"}})
    tasks: GuardedMap[int]
    draft: Text
    findings: Log[str]
    conclusions: Log[str]
    report: Log[str]
    questions: UnionSet[str]
    citations: Counter
    cursors: Map[int] = region(lww="cosmetic")
    strict: Log[str] = region(allow={"*": {"append"}, "role:curator": {"retract"}})


@worlds
@in_loop
async def test_a_chain_becomes_suspect_and_exactly_its_readers_are_named(kind: str, tmp_path: Path) -> None:
    """A -> B -> C: retracting A makes B and C suspect; named are those who have read A, B or C, each with what they have read."""
    async with world(kind, tmp_path / "a.db") as w:
        web, critic, writer = [await w.open(Brief, name) for name in ("web", "critic", "writer")]
        reader, stranger = await w.open(Brief, "reader"), await w.open(Brief, "stranger")
        a = await web.findings.append("churn is 4.1%", why="scraped")
        other = await web.report.append("unrelated")
        b = await critic.conclusions.append("churn rises", derived_from=await critic.findings.read())
        c = await writer.draft.append("Churn is rising.", derived_from=[await writer.conclusions.read()])
        await reader.draft.read()
        await stranger.report.read()
        done = await web.retract(a, why="the page was a mock-up")
        c_ref = Ref(f"draft@{c.version}")
        assert done.suspects == (b, c_ref)
        assert done.readers == {a: ("critic",), b: ("writer",), c_ref: ("reader",)}
        assert done.is_complete
        [item] = (await reader.findings.read()).entries
        assert (item.value, item.status) == ("churn is 4.1%", "retracted")
        assert (await reader.findings.read()).standing == []
        [suspect] = (await reader.conclusions.read()).entries
        assert (suspect.status, suspect.because) == ("suspect", a)
        assert (await reader.draft.read()).marks == {c_ref: ("suspect", b)}
        assert other not in (await reader.report.read()).marks
        [entry] = await reader.history(kind="retraction")
        assert (entry.actor, entry.why, entry.info["ref"]) == ("web", "the page was a mock-up", a)
        assert [one.version for one in [await reader.findings.read()]] == [done.version]


@worlds
@in_loop
async def test_what_was_read_before_a_retraction_is_no_basis_any_more(kind: str, tmp_path: Path) -> None:
    """Neither a reading of what was retracted nor one of what has become suspect: both are stale."""
    async with world(kind, tmp_path / "a.db") as w:
        web, critic = await w.open(Brief, "web"), await w.open(Brief, "critic")
        a = await web.findings.append("4.1%")
        seen = await critic.findings.read()
        await critic.conclusions.append("so what", derived_from=seen)
        built = await critic.conclusions.read()
        await web.retract(a)
        for basis in (seen, built, a, seen.entries[0]):
            with pytest.raises(StaleRead) as stale:
                await critic.report.append("x", derived_from=basis)
            assert stale.value.fields["stale"][0]["changed_by"] == "web"
        await critic.report.append(
            "aware of it", derived_from=[await critic.findings.read(), await critic.conclusions.read()]
        )


@worlds
@in_loop
async def test_a_diamond_and_a_cycle_end(kind: str, tmp_path: Path) -> None:
    """Each ref is suspect once, whatever the ways to it; two logs that were derived from each other do not loop."""
    async with world(kind, tmp_path / "a.db") as w:
        doc = await w.open(Brief, "web")
        a = await doc.findings.append("a")
        b1 = await doc.conclusions.append("b1", derived_from=a)
        b2 = await doc.report.append("b2", derived_from=a)
        c = await doc.questions.add("c?", derived_from=[b1, b2])
        back = await doc.findings.append("from c", derived_from=await doc.questions.read())
        again = await doc.conclusions.append("from back", derived_from=back)
        done = await doc.retract(a)
        assert set(done.suspects) == {b1, b2, Ref(c.refs[0][0]), back, again}
        assert len(done.suspects) == 5
        [entry] = await doc.history(kind="retraction")
        assert [op.path for op in entry.ops] == ["findings", "conclusions", "report", "questions"]


@worlds
@in_loop
async def test_a_guarded_value_is_taken_back_with_its_correction_in_one_entry(kind: str, tmp_path: Path) -> None:
    """The right value lands with the retraction; who had read the wrong one cannot commit on it; the old one is in the log."""
    async with world(kind, tmp_path / "a.db") as w:
        enrich, triage = await w.open(Brief, "enrich"), await w.open(Brief, "triage")
        wrong = await enrich.account.commit("active", expect=await enrich.account.read())
        seen = await triage.account.read()
        done = await triage.retract(wrong, why="they left in May", correction="churned")
        now = await enrich.account.read()
        assert (now.value, now.by, now.status, now.ref) == ("churned", "triage", "current", done.replacement)
        with pytest.raises(Conflict) as lost:
            await triage.account.commit("active, enriched", expect=seen)
        assert lost.value.fields["reading"].value == "churned"
        old = (await enrich.history("account"))[-1]
        assert (old.actor, old.ops[0].detail or {}).__getitem__(1)["value"] == "active"


@worlds
@in_loop
async def test_a_guarded_value_without_a_correction_stays_and_says_so(kind: str, tmp_path: Path) -> None:
    """It keeps its value under a new version, marked; the next commit clears that; per key of a map too."""
    async with world(kind, tmp_path / "a.db") as w:
        doc = await w.open(Brief, "web")
        wrong = await doc.tasks.commit("seven", 7, expect=await doc.tasks.read("seven"))
        await doc.tasks.commit("eight", 8, expect=await doc.tasks.read("eight"))
        done = await doc.retract(wrong.ref)
        now = await doc.tasks.read("seven")
        assert (now.value, now.version, now.status) == (7, done.version, "retracted")
        assert (await doc.tasks.read("eight")).status == "current"
        with pytest.raises(Conflict):
            await doc.tasks.commit("seven", 9, expect=wrong)
        assert (await doc.tasks.commit("seven", 9, expect=now)).status == "current"


@worlds
@in_loop
async def test_a_suspect_field_moves_on_so_that_nobody_commits_on_it_unaware(kind: str, tmp_path: Path) -> None:
    """It has its value under a new version, is marked with its cause, and a claim on it is still held."""
    async with world(kind, tmp_path / "a.db") as w:
        doc, other = await w.open(Brief, "web"), await w.open(Brief, "other")
        a = await doc.findings.append("4.1%")
        await other.account.commit("growing", expect=await other.account.read(), derived_from=a)
        claim = await other.tasks.claim("one", 60)
        made = await other.tasks.commit("one", 1, expect=claim, derived_from=a)
        seen = await other.account.read()
        done = await doc.retract(a)
        now = await other.account.read()
        assert (now.value, now.version, now.status, now.because) == ("growing", done.version, "suspect", a)
        with pytest.raises(Conflict):
            await other.account.commit("still growing", expect=seen)
        assert made.ref in done.suspects
        await other.tasks.commit("one", 2, expect=await other.tasks.read("one"))
        with pytest.raises(Denied):
            await doc.tasks.commit("one", 3, expect=await doc.tasks.read("one"))


@worlds
@in_loop
async def test_superseded_is_another_state_than_retracted(kind: str, tmp_path: Path) -> None:
    """Superseding links to what stands in its place, a value or a ref; the history tells one from the other."""
    async with world(kind, tmp_path / "a.db") as w:
        doc = await w.open(Brief, "web")
        first = await doc.findings.append("Q2: 4.1%")
        second = await doc.findings.append("Q2: 4.3%")
        done = await doc.supersede(first, second, why="restated")
        newer = await doc.supersede(second, "Q3: 4.9%")
        assert (done.replacement, newer.replacement) == (second, Ref(f"findings@{newer.version}.0"))
        entries = (await doc.findings.read()).entries
        assert [item.status for item in entries] == ["superseded", "superseded", "current"]
        assert [item.because for item in entries] == [second, newer.replacement, None]
        wrong = await doc.report.append("oops")
        await doc.retract(wrong, correction="right")
        acts = [(entry.ops[0].op, entry.info["act"]) for entry in await doc.history(kind="retraction")]
        assert acts == [("retract", "retract"), ("supersede", "supersede"), ("supersede", "supersede")]


@worlds
@in_loop
async def test_who_may_take_back(kind: str, tmp_path: Path) -> None:
    """Its author, and whom the rules let; anybody else is denied, which is in the log, and nothing has changed."""
    async with world(kind, tmp_path / "a.db") as w:
        author, thief = await w.open(Brief, "author"), await w.open(Brief, "thief")
        curator = await w.open(Brief, "curator", roles=("curator",)) if kind != "websocket" else None
        one = await author.strict.append("one")
        two = await author.strict.append("two")
        with pytest.raises(Denied) as denied:
            await thief.retract(one, why="I do not like it")
        assert denied.value.code == "not_permitted"
        assert [item.status for item in (await author.strict.read()).entries] == ["current", "current"]
        [entry] = await author.history(kind="denial")
        assert (entry.actor, entry.ops[0].op) == ("thief", "retract")
        open_to_all = await author.findings.append("mine")
        with pytest.raises(Denied):
            await thief.retract(open_to_all)
        await author.retract(one)
        if curator is not None:
            await curator.retract(two)
            with pytest.raises(Denied):
                await curator.supersede(two, "three")


@worlds
@in_loop
async def test_what_cannot_be_taken_back(kind: str, tmp_path: Path) -> None:
    """Unknown refs, junk, what was taken back already, two at once, a correction where none can land: typed, nothing changed."""
    async with world(kind, tmp_path / "a.db") as w:
        doc = await w.open(Brief, "web")
        one = await doc.findings.append("one")
        text = await doc.draft.append("text")
        head = doc.version
        for ref, code in (
            (f"findings@{one.version}.1", "unknown_ref"),
            (f"report@{one.version}.0", "unknown_ref"),
            ("findings@999.0", "unknown_ref"),
            ("findings@0.0", "unknown_ref"),
            ("findings", "bad_ref"),
            ("", "bad_ref"),
            (7, "bad_ref"),
            ("nowhere@3", "unknown_region"),
        ):
            with pytest.raises(Invalid) as bad:
                await doc.retract(ref)
            assert bad.value.code == code, ref
        with pytest.raises(Invalid, match="written by itself"):
            await doc.retract(f"draft@{text.version}", correction="better")
        with pytest.raises(Invalid):
            async with doc.transaction() as tx:
                await tx.retract(one)
                await tx.retract(f"draft@{text.version}")
        assert not await doc.history(kind="retraction")
        assert head <= doc.version
        await doc.retract(one)
        with pytest.raises(Conflict) as twice:
            await doc.retract(one)
        assert twice.value.code == "retracted_already"


@worlds
@in_loop
async def test_a_ref_is_taken_back_where_it_is(kind: str, tmp_path: Path) -> None:
    """A write that names another region, key or kind than its ref's, two of them in one submission, junk for a ref: nothing
    lands, whatever the rules of the region that was named."""
    async with world(kind, tmp_path / "a.db") as w:
        author, thief = await w.open(Brief, "author"), await w.open(Brief, "thief")
        one = await author.strict.append("one")
        mine = await thief.findings.append("mine")
        task = await author.tasks.commit("seven", 7, expect=await author.tasks.read("seven"))
        for writes in (
            [Write("findings", Kind.LOG, "retract", None, {"ref": one})],
            [Write("account", Kind.GUARDED, "retract", None, {"ref": one})],
            [Write("strict", Kind.LOG, "retract", "0", {"ref": one})],
            [Write("strict", Kind.TEXT, "retract", None, {"ref": one})],
            [Write("tasks", Kind.GUARDED_MAP, "retract", "eight", {"ref": task.ref})],
            [
                Write("findings", Kind.LOG, "retract", None, {"ref": mine}),
                Write("strict", Kind.LOG, "retract", None, {"ref": one}),
            ],
            [Write("findings", Kind.LOG, "retract", None, {"ref": mine, "value": 1, "replacement": one})],
            [Write("findings", Kind.LOG, "retract", None, {"ref": mine, "replacement": "findings@999.0"})],
            [Write("findings", Kind.LOG, "supersede", None, {"ref": mine})],
            *(
                [Write("findings", Kind.LOG, "retract", None, {"ref": junk})]
                for junk in (None, 7, [], {}, "x" * 10_000, "a@b")
            ),
            [Write("findings", Kind.LOG, "retract", None, {})],
        ):
            with pytest.raises((Invalid, Denied)):
                await thief._port.submit(Submission(tuple(writes), thief._port.new_op_id()))
        assert not await author.history(kind="retraction")
        assert not (await author.strict.read()).marks
        assert (await author.tasks.read("seven")).version == task.version


@worlds
@in_loop
async def test_every_kind_can_be_taken_back(kind: str, tmp_path: Path) -> None:
    """Sets, maps, counters and texts are marked at the ref of the entry that wrote them."""
    async with world(kind, tmp_path / "a.db") as w:
        doc = await w.open(Brief, "web")
        tag = (await doc.questions.add("why?")).refs[0][0]
        key = await doc.cursors.set("a", 1)
        count = await doc.citations.increment(3)
        text = await doc.draft.append("x")
        for ref in (tag, f"cursors/a@{key.version}", f"citations@{count.version}", f"draft@{text.version}"):
            await doc.retract(ref)
        await doc.retract((await doc.questions.add("what?")).refs[0][0], correction="which?")
        assert (await doc.questions.read()).value == {"why?", "what?", "which?"}
        assert (await doc.questions.read()).marks[tag][0] == "retracted"
        assert (await doc.cursors.read()).marks[f"cursors/a@{key.version}"][0] == "retracted"


@in_loop
async def test_marks_outlive_the_process(tmp_path: Path) -> None:
    """After a restart the marks are there, from the checkpoint and from the log alike; who derived from it is still named."""
    path = tmp_path / "a.db"
    async with world("sqlite", path) as w:
        doc, critic = await w.open(Brief, "web"), await w.open(Brief, "critic")
        a = await doc.findings.append("a")
        b = await critic.conclusions.append("b", derived_from=await critic.findings.read())
        await (await w.open(Brief, "snapper")).snapshot()
        await (await w.open(Brief, "drafter")).snapshot("draft")
        await (await w.open(Brief, "historian")).at(doc.version)
    async with world("sqlite", path) as w:
        doc = await w.open(Brief, "web")
        done = await doc.retract(a)
        assert done.suspects == (b,)
        assert {ref: set(names) for ref, names in done.readers.items()} == {
            a: {"critic", "snapper", "historian"},
            b: {"snapper", "historian"},
        }
    async with world("sqlite", path) as w:
        doc = await w.open(Brief, "web")
        assert (await doc.findings.read()).entries[0].status == "retracted"
        assert (await doc.conclusions.read()).entries[0].status == "suspect"


@in_loop
async def test_without_a_schema_too() -> None:
    """The region's kind is what the document says."""
    async with world("memory") as w:
        doc = await w.engine.open(None, (await w.open(Brief, "x")).key.namespace, "plain", agent="web")
        ref = await doc.log("notes").append("one")
        value = await doc.guarded("status").commit("bad", expect=await doc.guarded("status").read())
        await doc.retract(ref, correction="two")
        await doc.retract(value, correction="good")
        assert (await doc.log("notes").read()).value == ["one", "two"]
        assert (await doc.guarded("status").read()).value == "good"


@worlds
@in_loop
async def test_who_had_read_it_while_it_held(kind: str, tmp_path: Path) -> None:
    """Named are readers of the value in question, by reading or by snapshot: not of what was there before or after it, nor of
    another key."""
    async with world(kind, tmp_path / "a.db") as w:
        doc = await w.open(Brief, "web")
        early, reader, snapper, late, beside = [
            await w.open(Brief, name) for name in ("early", "reader", "snapper", "late", "beside")
        ]
        await early.findings.read()
        await early.tasks.read("seven")
        await early.snapshot()
        item = await doc.findings.append("wrong")
        wrong = await doc.tasks.commit("seven", 7, expect=await doc.tasks.read("seven"))
        await doc.tasks.commit("eight", 8, expect=await doc.tasks.read("eight"))
        await reader.tasks.read("seven")
        await reader.findings.read()
        snap = await snapper.snapshot()
        assert snap["tasks/seven"].ref == wrong.ref
        await (await beside.snapshot("draft")).draft.read()
        await beside.tasks.read("eight")
        await doc.tasks.commit("seven", 77, expect=wrong)
        await late.tasks.read("seven")
        assert set((await doc.retract(wrong.ref)).readers[wrong.ref]) == {"reader", "snapper"}
        await late.tasks.read()
        assert set((await doc.retract(item)).readers[item]) == {"reader", "snapper"}


@worlds
@in_loop
async def test_who_had_read_a_passage_while_it_stood(kind: str, tmp_path: Path) -> None:
    """A text's readers are named as long as any character of the passage stood, and not after the last one was deleted."""
    async with world(kind, tmp_path / "a.db") as w:
        doc = await w.open(Brief, "web")
        early, whole, part, late = [await w.open(Brief, name) for name in ("early", "whole", "part", "late")]
        await doc.draft.append("Churn was TBD, it seems. 😀")
        await early.draft.read()
        wrong = await doc.draft.replace("TBD", "4.1% 😀!")
        await whole.draft.read()
        await doc.draft.replace("4.1% ", "")
        await (await part.snapshot("draft")).draft.read()
        await doc.draft.replace("😀!, it", ", it")
        await late.draft.read()
        await late.report.append("from what is left", derived_from=await late.draft.read())
        done = await doc.retract(f"draft@{wrong.version}")
        assert set(done.readers[done.ref]) == {"whole", "part"}
        assert done.suspects == ()


@worlds
@in_loop
async def test_what_was_made_from_a_snapshot_or_from_one_key(kind: str, tmp_path: Path) -> None:
    """A snapshot holds everything in it; a key is not its neighbour; a compaction is made from what it folds."""
    async with world(kind, tmp_path / "a.db") as w:
        doc = await w.open(Brief, "web")
        wrong = await doc.tasks.commit("seven", 7, expect=await doc.tasks.read("seven"))
        right = await doc.tasks.commit("eight", 8, expect=await doc.tasks.read("eight"))
        from_seven = await doc.findings.append("seven", derived_from=wrong)
        await doc.findings.append("eight", derived_from=right)
        from_all = await doc.conclusions.append("all", derived_from=await doc.snapshot())
        from_map = await doc.report.append("tasks", derived_from=await doc.tasks.read())
        assert set((await doc.retract(wrong)).suspects) == {from_seven, from_all, from_map}
