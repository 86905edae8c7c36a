"""A snapshot as what the pass reads: every region, authors of texts by blame, and nothing that was taken back."""

from __future__ import annotations

from accordant import Document, Engine, Guarded, GuardedMap, Log, Map, Namespace, Text, UnionSet, region
from accordant.coherence_pass import Checker
from accordant.coherence_pass.from_outline import passages_of_outline
from accordant.coherence_pass.from_snapshot import passages_of_snapshot, read_outline
from worlds import in_loop


class Brief(Document):
    """One region of each kind that states something."""

    account: Guarded[dict[str, str]]
    tasks: GuardedMap[str]
    findings: Log[str]
    questions: UnionSet[str]
    prices: Map[str] = region(lww="a cache")
    draft: Text


async def opened(engine: Engine, agent: str) -> Brief:
    """A handle of that agent."""
    return await engine.open(Brief, Namespace.task("acme", "q3"), "brief", agent=agent)


@in_loop
async def test_a_snapshot_is_checked_as_the_document_is() -> None:
    """A checker takes a snapshot as it is: same statements, its name and version on the report."""
    async with Engine() as engine:
        ann, bob = await opened(engine, "ann"), await opened(engine, "bob")
        await ann.findings.append("Churn in Q3 was 4.1%.")
        await bob.draft.append("Churn in Q3 was 6.3%. The account is fine.")
        await ann.account.commit({"status": "churned"}, expect=await ann.account.read())
        await ann.tasks.commit("t1", "call them", expect=await ann.tasks.read("t1"))
        await ann.questions.add("Who pays?")
        await ann.prices.set("basic", "3 dollars")
        snapshot = await ann.snapshot()
        report = Checker().run(snapshot)
        assert (report.document_id, report.version) == ("acme/task/q3/brief", snapshot.version)
        (found,) = report.contradictions
        assert {*found.a.authors, *found.b.authors} == {"ann", "bob"}
        live = passages_of_outline(await ann.outline())
        assert [(one.path, one.text) for one in passages_of_snapshot(snapshot)] == [
            (one.path, one.text) for one in live
        ]


@in_loop
async def test_authors_of_a_text_come_by_blame_at_that_version() -> None:
    """With `read_outline` each sentence of an old snapshot has who wrote it then."""
    async with Engine() as engine:
        ann, bob = await opened(engine, "ann"), await opened(engine, "bob")
        await ann.draft.append("Churn in Q3 was 4.1%. ")
        await bob.draft.append("Churn in Q3 was 6.3%. ")
        snapshot = await ann.snapshot()
        await ann.draft.delete(0, 10)
        passages = passages_of_outline(await read_outline(snapshot))
        (found,) = Checker().run(passages, document_id="d", version=snapshot.version).contradictions
        assert (found.a.authors, found.b.authors) == (["ann"], ["bob"])
        assert (await read_outline(ann))["version"] > snapshot.version


@in_loop
async def test_what_was_taken_back_is_silent() -> None:
    """A retracted or superseded item, member, field or stretch of text makes no claim; its replacement does."""
    async with Engine() as engine:
        ann = await opened(engine, "ann")
        wrong = await ann.findings.append("Churn in Q3 was 6.3%.")
        await ann.findings.append("Churn in Q3 was 4.1%.")
        assert not Checker().run(await ann.snapshot()).coherent
        await ann.retract(wrong, "a typing error")
        assert Checker().run(await ann.snapshot()).coherent

        old = await ann.questions.add("The gateway listens on port 8080.")
        await ann.findings.append("The gateway listens on port 9090.")
        await ann.supersede(f"questions@{old.version}.0", "The gateway listens on port 9090.", "moved")
        draft = await ann.draft.append("The ledger keeps 3 copies. ")
        await ann.draft.append("The ledger keeps 5 copies.")
        await ann.retract(f"draft@{draft.version}", "guessed")
        account = await ann.account.commit({"owner": "web"}, expect=await ann.account.read())
        await ann.retract(account.ref, "not ours")
        passages = passages_of_outline(await ann.outline())
        texts = [one.text for one in passages]
        assert Checker().run(passages, document_id="d", version=1).coherent
        assert [text for text in texts if "3 copies" in text or "8080" in text or "owner" in text] == []
        assert sum("5 copies" in text for text in texts) == 1
        assert (await ann.draft.read()).value.index("The ledger keeps 5") == 27 == passages_place(passages)


def passages_place(passages: list[object]) -> int:
    """Where the sentence with the five copies begins, as the passages say."""
    (one,) = (item for item in passages if "5 copies" in item.text)  # type: ignore[attr-defined]
    return one.offset + one.text.index("The ledger")  # type: ignore[attr-defined,no-any-return]


@in_loop
async def test_what_is_only_suspect_still_speaks() -> None:
    """What was made from something retracted still stands, so it contradicts whatever excludes it."""
    async with Engine() as engine:
        ann, bob = await opened(engine, "ann"), await opened(engine, "bob")
        await ann.findings.append("The survey says 6.3%.")
        await bob.draft.append("Churn in Q3 was 6.3%.", derived_from=[await bob.findings.read()])
        wrong = (await ann.findings.read()).entries[0]
        await ann.retract(wrong.ref, "misread", correction="Churn in Q3 was 4.1%.")
        (found,) = Checker().run(passages_of_outline(await ann.outline()), document_id="d", version=1).contradictions
        assert found.mismatch == ("4.1%", "6.3%") or found.mismatch == ("6.3%", "4.1%")
