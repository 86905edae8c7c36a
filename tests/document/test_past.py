"""Questions about the past, asked of a document in this process, in a file, and behind a websocket."""

from __future__ import annotations

from pathlib import Path

import pytest

from accordant import Conflict, Counter, Document, Guarded, GuardedMap, Invalid, Log, Map, Text, UnionSet, region
from accordant.types.past import Appearance, BlameRun, Recall
from worlds import in_loop, world

worlds = pytest.mark.parametrize("kind", ["memory", "sqlite", "websocket"])


class Brief(Document):
    account: Guarded[str] = region(default="active")
    rate: Guarded[float]
    tasks: GuardedMap[str]
    draft: Text
    findings: Log[str] = region(allow={"*": {"append", "compact"}})
    questions: UnionSet[str]
    citations: Counter
    cursors: Map[str] = region(lww="cosmetic")


def spans(appearances: tuple[Appearance, ...]) -> list[tuple[str, int, int | None, str]]:
    return [(one.path, one.since, one.until, one.actor) for one in appearances]


@worlds
@in_loop
async def test_blame_names_who_typed_what_and_from_what(kind: str, tmp_path: Path) -> None:
    """Runs cover the text, each with author, version, reason and what its entry had read; old versions have theirs."""
    async with world(kind, tmp_path / "a.db") as w:
        ada, bob = await w.open(Brief, "ada"), await w.open(Brief, "bob")
        await ada.draft.append("Dear 😀 all.", why="a start")
        first = ada.version
        seen = await bob.account.read()
        await bob.draft.replace("all", "both of you", why="we are two", derived_from=[seen])
        second = bob.version
        assert [(run.text, run.actor, run.version, run.why) for run in await ada.blame("draft")] == [
            ("Dear 😀 ", "ada", first, "a start"),
            ("both of you", "bob", second, "we are two"),
            (".", "ada", first, "a start"),
        ]
        runs = await ada.blame("draft")
        assert "".join(run.text for run in runs) == (await ada.draft.read()).value
        assert runs[1].read == (("account", seen.version),)
        assert [(run.start, run.end) for run in runs] == [(0, 7), (7, 18), (18, 19)]
        assert [run.text for run in await bob.blame("draft", at=first)] == ["Dear 😀 all."]
        assert BlameRun.from_json(runs[1].to_json()) == runs[1]
        for path, code in (("account", "wrong_kind"), ("nowhere", "unknown_region")):
            with pytest.raises(Invalid) as invalid:
                await ada.blame(path)
            assert invalid.value.code == code
        with pytest.raises(Invalid) as invalid:
            await ada.blame("draft", at=10_000)
        assert invalid.value.code == "unknown_version"


@worlds
@in_loop
async def test_why_tells_from_what_and_what_became_of_it(kind: str, tmp_path: Path) -> None:
    """Entry, value, the tree of sources, who derived from it and read it, who replaced or took it back, who was beaten."""
    async with world(kind, tmp_path / "a.db") as w:
        ada, bob = await w.open(Brief, "ada"), await w.open(Brief, "bob")
        await ada.account.commit("churned", expect=await ada.account.read(), why="cancellation mail")
        basis = await bob.account.read()
        finding = await bob.findings.append("They left.", why="from the account", derived_from=[basis])
        read = await ada.findings.read()
        await ada.draft.append("They left us.", derived_from=[read])
        end = ada.version
        found = await ada.why("draft")
        assert (found.ref, found.value, found.status) == (f"draft@{end}", "They left us.", "current")
        assert found.entry["actor"] == "ada"
        (source,) = found.sources
        assert (source.ref, source.actor, source.why) == (f"findings@{read.version}", "bob", "from the account")
        assert [(one.ref, one.value) for one in source.sources] == [(f"account@{basis.version}", "churned")]
        item = await bob.why(f"findings@{read.version}.0")
        assert item.value == "They left."
        assert item.derived == ((f"draft@{end}", "ada"),)
        assert ("ada", read.version, "derived") in item.readers
        assert finding is not None
        await bob.account.commit("back", expect=await bob.account.read(), why="they came back")
        old = await ada.why(f"account@{basis.version}")
        assert old.status == "replaced"
        assert old.status_by is not None
        assert (old.status_by["actor"], old.status_by["why"]) == ("bob", "they came back")
        with pytest.raises(Conflict):
            await ada.account.commit("late", expect=basis)
        denial = (await ada.history(kind="denial"))[0]
        lost = await ada.why(f"account@{denial.offset}")
        assert lost.denial is not None
        assert lost.denial["beaten_by"]["actor"] == "bob"
        assert lost.denial["yours"] == basis.version
        await bob.retract(f"findings@{read.version}.0", why="they did not")
        gone = await ada.why(f"findings@{read.version}.0")
        assert gone.status == "retracted"
        assert gone.status_by is not None
        assert gone.status_by["why"] == "they did not"
        assert (await ada.why(f"draft@{end}")).status == "suspect"
        assert type(found).from_json(found.to_json()) == found
        for target in ("nowhere", "account@9999", f"rate@{basis.version}"):
            with pytest.raises(Invalid) as invalid:
                await ada.why(target)
            assert invalid.value.code == "unknown_ref"


@worlds
@in_loop
async def test_trace_finds_a_value_that_was_there_for_one_version(kind: str, tmp_path: Path) -> None:
    """In every kind of region: who wrote it, from when until when, and who made something from it meanwhile."""
    async with world(kind, tmp_path / "a.db") as w:
        ada, bob = await w.open(Brief, "ada"), await w.open(Brief, "bob")
        await ada.account.commit("churn is 4.1%", expect=await ada.account.read(), why="a slip")
        wrong = ada.version
        seen = await bob.account.read()
        await bob.draft.append("Churn: 4.1% (provisional).", derived_from=[seen])
        told = bob.version
        await ada.snapshot()
        await ada.account.commit("churn is 5.3%", expect=await ada.account.read(), why="the right one")
        right = ada.version
        await bob.draft.replace("4.1", "5.3")
        cut = bob.version
        await ada.tasks.commit("7", "check 4.1%", expect=await ada.tasks.read("7"))
        task = ada.version
        await ada.findings.extend(["nothing", "it was 4.1% once"])
        log = ada.version
        await ada.questions.add("4.1%?")
        asked = ada.version
        await ada.questions.add("4.1%?")
        await ada.questions.discard("4.1%?")
        answered = ada.version
        await ada.cursors.set("k", "at 4.1%")
        cursor = ada.version
        await ada.cursors.delete("k")
        uncursor = ada.version
        found = await bob.trace("4.1%")
        assert spans(found.appearances) == [
            ("account", wrong, right, "ada"),
            ("draft", told, cut, "bob"),
            ("tasks/7", task, None, "ada"),
            ("findings", log, None, "ada"),
            ("questions", asked, answered, "ada"),
            ("cursors/k", cursor, uncursor, "ada"),
        ]
        first = found.appearances[0]
        assert (first.why, first.ended_by) == ("a slip", "ada")
        assert first.readers == (("bob", wrong, "derived"), ("ada", told, "snapshot"))
        assert found.appearances[1].read == (("account", wrong),)
        assert found.appearances[3].ref == f"findings@{log}.1"
        assert found.is_complete, found.examined
        assert type(found).from_json(found.to_json()) == found
        await bob.findings.compact(lambda items: ["all folded"])
        folded = await ada.trace("it was 4.1% once")
        assert spans(folded.appearances) == [("findings", log, bob.version, "ada")]
        await ada.rate.commit(4.125, expect=await ada.rate.read())
        assert [one.path for one in (await bob.trace("4.125")).appearances] == ["rate"]
        assert (await bob.trace("never written")).appearances == ()


@worlds
@in_loop
async def test_trace_puts_together_what_was_typed_in_pieces(kind: str, tmp_path: Path) -> None:
    """A sentence of two authors exists from the entry that completed it to the one that broke it, and again when mended."""
    async with world(kind, tmp_path / "a.db") as w:
        ada, bob = await w.open(Brief, "ada"), await w.open(Brief, "bob")
        await ada.draft.append("Chn is up.")
        await bob.draft.insert(2, "ur")
        whole = bob.version
        await ada.draft.insert(3, "-")
        broken = ada.version
        await bob.draft.replace("-", "")
        found = await ada.trace("Churn is")
        assert spans(found.appearances) == [("draft", whole, broken, "bob"), ("draft", bob.version, None, "bob")]


@worlds
@in_loop
async def test_diff_names_what_changed_and_by_whom(kind: str, tmp_path: Path) -> None:
    """Texts by lines and characters, items, keys, fields, counters: with the version and author responsible."""
    async with world(kind, tmp_path / "a.db") as w:
        ada, bob = await w.open(Brief, "ada"), await w.open(Brief, "bob")
        await ada.draft.append("# Brief\n\nThe rate is 4.1%.\nThe end.\n")
        await ada.findings.append("one")
        await ada.questions.add("why?")
        await ada.account.commit("churned", expect=await ada.account.read())
        before = ada.version
        await bob.draft.replace("4.1", "5.3")
        typed = bob.version
        await bob.findings.append("two")
        await bob.questions.discard("why?")
        await bob.account.commit("back", expect=await bob.account.read())
        won = bob.version
        await bob.citations.increment(3)
        changes = {change.region: change for change in await ada.diff(before)}
        assert set(changes) == {"draft", "findings", "questions", "account", "citations"}
        (line,) = changes["draft"].pieces
        assert (line.name, line.old, line.new) == ("3", "The rate is 4.1%.\n", "The rate is 5.3%.\n")
        assert [(line.old[a:b], line.new[c:d]) for a, b, c, d in line.spans] == [("4", "5"), ("1", "3")]
        assert [(one.version, one.actor) for one in line.by] == [(typed, "bob")]
        assert [(one.old, one.new) for one in changes["findings"].pieces] == [(None, "two")]
        assert changes["questions"].act == "removed"
        (field,) = changes["account"].pieces
        assert (field.old, field.new, field.by[0].version) == ("churned", "back", won)
        assert changes["citations"].delta == 3
        assert await ada.diff(before, before) == []
        back = {change.region: change for change in await ada.diff(bob.version, before)}
        assert back["citations"].delta == -3
        assert type(changes["draft"]).from_json(changes["draft"].to_json()) == changes["draft"]


def test_a_question_is_parsed_strictly() -> None:
    """What `to_json` gives comes back equal; anything that is no question is `Invalid`."""
    for query in (Recall("blame", path="draft", at=3), Recall("trace", text="4.1%"), Recall("diff", first=0)):
        assert Recall.from_json(query.to_json()) == query
    for data in (
        {},
        {"what": "who"},
        {"what": "why"},
        {"what": "trace", "text": ""},
        {"what": "trace", "text": "x" * 5_000},
        {"what": "trace", "text": "\ud800"},
        {"what": "trace", "text": 7},
        {"what": "diff", "first": -1},
        {"what": "diff", "first": True},
        {"what": "blame", "path": "draft", "other": 1},
    ):
        with pytest.raises(Invalid):
            Recall.from_json(data)
