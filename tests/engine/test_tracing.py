"""Traces where not everything is at hand: long texts, compacted logs, what peers and bulk writes brought, bounds."""

from __future__ import annotations

from typing import Any

import pycrdt
import pytest

from accordant import Document, Engine, Guarded, Log, Map, Namespace, Text, UnionSet, region
from accordant.engine.commands import Join, Update
from accordant.engine.host import tracing
from accordant.engine.host.recall import Archive, recall
from accordant.types.namespaces import DocumentKey
from accordant.types.past import Appearance, Recall, Trace
from worlds import in_loop

TASK = Namespace.task("acme", "q3")
KEY = DocumentKey.of(TASK, "brief")


class Brief(Document):
    draft: Text
    findings: Log[str]
    questions: UnionSet[str]
    account: Guarded[str]
    settings: Map[Any] = region(lww="cosmetic")


def spans(found: Trace) -> list[tuple[str, int, int | None]]:
    return [(one.path, one.since, one.until) for one in found.appearances]


@in_loop
async def test_a_long_text_is_looked_through_by_whole_insertions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the bound an insertion is found and followed to what broke it, inside or across, and the answer says its limits."""
    monkeypatch.setattr(tracing, "TRACE_TEXT_ENTRIES_MAX", 5)
    async with Engine() as engine:
        ada, bob = [await engine.open(Brief, TASK, "brief", agent=name) for name in ("ada", "bob")]
        for n in range(6):
            await ada.draft.append(f"filler {n}. ")
        await ada.draft.append("The rate is 4.1% now. ", why="a slip")
        wrote = ada.version
        await bob.draft.append("More.")
        found = await bob.trace("4.1%")
        assert spans(found) == [("draft", wrote, None)]
        assert not found.is_complete
        assert "too long" in str(found.examined["not_examined"])
        text = (await bob.draft.read()).value
        await bob.draft.insert(text.index("4.1%"), "about ")
        assert spans(await bob.trace("4.1%")) == [("draft", wrote, None)], "what comes before it does not break it"
        assert spans(await bob.trace("is 4.1%")) == [("draft", wrote, bob.version)]
        await bob.draft.replace("4.1", "5.3")
        assert spans(await ada.trace("4.1%")) == [("draft", wrote, bob.version)]
        assert (await ada.trace("4.1%")).appearances[0].ended_by == "bob"
        monkeypatch.setattr(tracing, "TRACE_FOLLOWED_MAX", 1)
        [one] = (await ada.trace("4.1%")).appearances
        assert (one.until, one.followed) == (None, wrote + 1)


@in_loop
async def test_where_the_log_has_given_up_its_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a truncation what is still there is found with the version that brought it; what was gone before is owned up to."""
    async with Engine() as engine:
        ada = await engine.open(Brief, TASK, "brief", agent="ada")
        await ada.draft.append("Early words stay. ")
        early = ada.version
        await ada.draft.append("Gone words go.")
        await ada.draft.replace("Gone words go.", "")
        host = await engine.host(KEY)
        await engine.store.checkpoint(KEY.path, ada.version, host.machine.state.dump())
        assert await engine.store.truncate(KEY.path, ada.version)
        await ada.draft.replace("Early", "Those")
        found = await ada.trace("words stay")
        assert spans(found) == [("draft", early, None)]
        assert not found.is_complete
        assert "where its log begins" in str(found.examined["not_examined"])
        assert spans(await ada.trace("Early words")) == [("draft", early, ada.version)]


@in_loop
async def test_what_peers_and_bulk_writes_brought_is_read_out_of_updates() -> None:
    """Items and values whose header holds a count or an excerpt alone are found, each by its own ref."""
    async with Engine() as engine:
        ada = await engine.open(Brief, TASK, "brief", agent="ada")
        await ada.findings.extend([f"number {n} of a long list of findings" for n in range(60)])
        bulk = ada.version
        found = await ada.trace("number 41 of")
        assert [one.ref for one in found.appearances] == [f"findings@{bulk}.41"]
        assert (await ada.why(f"findings@{bulk}.41")).value == "number 41 of a long list of findings"
        long = "x" * 3_000 + " needle " + "y" * 3_000
        await ada.draft.append(long)
        assert (await ada.why("draft")).value == long
        host = await engine.host(KEY)
        await host.call(Join("s", "peer"))
        doc: Any = pycrdt.Doc()
        doc["findings"] = pycrdt.Array(["from a peer"])
        version = await host.call(Update("s", doc.get_update()))
        before = doc.get_state()
        doc["settings"] = pycrdt.Map({"rate": 4.25})
        other = await host.call(Update("s", doc.get_update(before)))
        assert [one.ref for one in (await ada.trace("a peer")).appearances] == [f"findings@{version}.0"]
        assert [(one.path, one.since) for one in (await ada.trace("4.25")).appearances] == [("settings/rate", other)]
        await ada.settings.set("rate", 5)
        assert spans(await ada.trace("4.25")) == [("settings/rate", other, ada.version)]


@in_loop
async def test_a_claim_and_a_mark_leave_what_was_there() -> None:
    """A value stays through claims and through being marked suspect: one appearance, not several."""
    async with Engine() as engine:
        ada = await engine.open(Brief, TASK, "brief", agent="ada")
        await ada.findings.append("the source")
        source = (await ada.findings.read()).entries[0].ref
        basis = await ada.findings.read()
        await ada.account.commit("4.1%", expect=await ada.account.read(), derived_from=[basis])
        wrote = ada.version
        await ada.retract(source, why="wrong")
        assert spans(await ada.trace("4.1%")) == [("account", wrote, None)]
        await ada.account.commit("5.3%", expect=await ada.account.read())
        assert spans(await ada.trace("4.1%")) == [("account", wrote, ada.version)]


@in_loop
async def test_the_newest_appearances_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of more than the bound, the newest; and the answer says from where on."""
    monkeypatch.setattr(tracing, "TRACE_APPEARANCES_MAX", 3)
    async with Engine() as engine:
        ada = await engine.open(Brief, TASK, "brief", agent="ada")
        for n in range(6):
            await ada.findings.append(f"needle {n}")
        found = await ada.trace("needle")
        assert [one.since for one in found.appearances] == [ada.version - 2, ada.version - 1, ada.version]
        assert not found.is_complete
        assert f"before version {ada.version - 2}" in str(found.examined["not_examined"])


@in_loop
async def test_an_undeclared_document_is_traced_too() -> None:
    """Plain roots that nobody declared: texts typed in pieces, arrays and maps of a Yjs peer."""
    async with Engine() as engine:
        host = await engine.host(KEY)
        await host.call(Join("s", "peer"))
        doc: Any = pycrdt.Doc()
        doc["note"] = text = pycrdt.Text("Chn")
        await host.call(Update("s", doc.get_update()))
        before = doc.get_state()
        text.insert(2, "ur")
        version = await host.call(Update("s", doc.get_update(before)))
        archive = Archive(engine.store, KEY.path, host.durable_head)
        found = Trace.from_json(await recall(archive, Recall("trace", text="Churn")))
        assert spans(found) == [("note", version, None)]
        assert isinstance(found.appearances[0], Appearance)
