"""Promotion: into a wider scope, reviewed, once, and with where it came from."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from accordant import (
    Channel,
    Corpus,
    Denied,
    Document,
    Engine,
    Guarded,
    Invalid,
    Log,
    Namespace,
    Promoted,
    SchemaError,
    Text,
    blocking,
    channel,
    connect,
    corpus,
    promote,
    promoted,
    region,
)
from accordant.patterns.promotion import check_scope
from serving import serving

TASK, OTHER = Namespace.task("acme", "q3"), Namespace.task("acme", "q4")
ROLE, SHARED = Namespace.role("acme", "analyst"), Namespace.shared()


class Lesson(BaseModel):
    text: str
    source: str = ""


def has_a_source(lesson: Any) -> bool:
    return bool(lesson["source"])


class Brief(Document):
    findings: Log[Lesson]
    status: Guarded[str]
    draft: Text
    decided: Channel[Lesson] = channel(supervisor="lead")


class Shelf(Document):
    lessons: Promoted[Lesson] = promoted(validators=has_a_source)
    checked: Promoted[Lesson] = promoted(reviewers=("ann", "role:editor"))
    plain: Log[Lesson] = region(validators=has_a_source)
    notes: Log[Any]


GOOD = Lesson(text="Q3 churn is 1.4%", source="audit")


@pytest.mark.parametrize("kind", ["memory", "sqlite", "websocket"])
def test_a_reviewed_item_is_copied_with_its_provenance(kind: str, tmp_path: Path) -> None:
    """From a task into the role's memory and into what all share: the copy says where from, whose, and who looked at it."""

    async def main() -> None:
        async with Engine(tmp_path / "s.db" if kind == "sqlite" else None) as engine, serving(engine) as url:

            async def opened(cls: type[Document], ns: Namespace, name: str, agent: str) -> Any:
                if kind != "websocket":
                    return await engine.open(cls, ns, name, agent=agent)
                return await connect(cls, url, ns, name, agent=agent)

            task = await opened(Brief, TASK, "brief", "web")
            ref = await task.findings.append(GOOD)
            role, shared = [await opened(Shelf, ns, "shelf", "curator") for ns in (ROLE, SHARED)]
            for shelf in (role, shared):
                made = await promote(task, ref, to=shelf.lessons, reviewed_by="ann", why="holds for all")
                [item] = await shelf.lessons.read()
                assert (item.ref, item.by, item.value.value) == (made.ref, "curator", GOOD)
                assert item.value.promoted_from == f"acme/task/q3/brief#{ref}" == made.origin.link
                assert (item.value.origin.author, item.value.reviewed_by) == ("web", "ann")
                assert f"[from acme/task/q3/brief#{ref} by web, reviewed by ann]" in str(item.value)
                assert (await shelf.history("lessons", kind="write"))[0].why == "holds for all"
                await shelf.close()
            await task.close()

    asyncio.run(main())


def test_promoting_twice_makes_one() -> None:
    """Again, at once from two handles, and into plain logs: the same item, said to be a duplicate."""

    async def main() -> None:
        async with AsyncExitStack() as stack:
            engine = await stack.enter_async_context(Engine())
            url = await stack.enter_async_context(serving(engine))
            task = await engine.open(Brief, TASK, "brief", agent="web")
            ref, other = await task.findings.extend([GOOD, GOOD])
            peers = [connect(Shelf, url, ROLE, "shelf", agent=name) for name in ("a", "b", "c")]
            shelves = [await stack.enter_async_context(peer) for peer in peers]
            for name in ("lessons", "plain"):
                made = await asyncio.gather(
                    *(promote(task, ref, to=getattr(shelf, name), reviewed_by="ann") for shelf in shelves * 3)
                )
                assert {one.ref for one in made} == {made[0].ref}
                assert sum(not one.duplicate for one in made) == 1
                assert not (await promote(task, other, to=getattr(shelves[0], name), reviewed_by="ann")).duplicate
            assert len(await shelves[0].lessons.read()) == 2
            assert (await shelves[0].plain.read()).value == [GOOD, GOOD]
            why = (await shelves[0].plain.history())[1].why
            assert why is not None
            assert why.startswith(f"promoted from acme/task/q3/brief#{ref} (")
            again = await engine.open(Brief, OTHER, "brief", agent="web")
            same = await again.findings.append(GOOD)
            assert not (await promote(again, same, to=shelves[0].plain)).duplicate, "another document's item"

    asyncio.run(main())


def test_the_gate_of_the_target_judges_the_copy() -> None:
    """What its validators reject, or its type does not fit, does not get in; a corpus has its own verdict."""

    async def main() -> None:
        async with Engine() as engine:
            task = await engine.open(Brief, TASK, "brief", agent="web")
            bad = await task.findings.append(Lesson(text="everybody knows"))
            shelf = await engine.open(Shelf, ROLE, "shelf", agent="curator")
            for target in (shelf.lessons, shelf.plain):
                with pytest.raises(Denied) as denied:
                    await promote(task, bad, to=target, reviewed_by="ann")
                assert denied.value.code == "rejected_by:has_a_source"
            await task.status.commit("done", expect=await task.status.read())
            status = await task.status.read()
            with pytest.raises(Invalid):
                await promote(task, status, to=shelf.plain)
            await promote(task, status, to=(await engine.open(Shelf, ROLE, "notes", agent="curator")).notes)

    asyncio.run(main())


class Hive(Document):
    knowledge: Corpus = corpus()


def test_a_corpus_judges_what_is_promoted_into_it() -> None:
    """By its own stages; once; with the task that it came from, by which reads leave it out."""

    async def main() -> None:
        async with Engine() as engine:
            task = await engine.open(Notes, TASK, "notes", agent="web")
            hive = await engine.open(Hive, SHARED, "hive", agent="curator")
            ref = await task.findings.append(
                "The finance export of Globex lags one day behind the ledger since March 2026"
            )
            made = await promote(task, ref, to=hive.knowledge, reviewed_by="ann", why="checked")
            again = await promote(task, ref, to=hive.knowledge, reviewed_by="ann")
            assert (again.ref, again.duplicate, made.duplicate) == (made.ref, True, False)
            why = (await hive.history("knowledge", kind="write"))[0].why
            assert why is not None
            assert why.startswith(f"promoted from acme/task/q3/notes#{ref} (")
            assert "reviewed by ann: checked" in why
            assert len(await hive.knowledge.entries()) == 1
            assert await hive.knowledge.entries(exclude_origin=TASK.path) == []
            talk = await task.findings.append("I looked at the file and then I opened it")
            with pytest.raises(Denied) as rejected:
                await promote(task, talk, to=hive.knowledge, reviewed_by="ann")
            assert rejected.value.code == "rejected_by:narration"
            brief = await engine.open(Brief, TASK, "brief", agent="web")
            with pytest.raises(Invalid):
                await promote(brief, await brief.findings.append(GOOD), to=hive.knowledge, reviewed_by="ann")

    asyncio.run(main())


class Notes(Document):
    findings: Log[str]


def test_who_may_review() -> None:
    """Into what all share nothing goes unreviewed; nobody reviews its own; named reviewers promote in their own name."""

    async def main() -> None:
        async with Engine() as engine:
            task = await engine.open(Brief, TASK, "brief", agent="web")
            lead = await engine.open(Brief, TASK, "brief", agent="lead")
            ref = await task.findings.append(GOOD)
            accepted = (await lead.decided.accept(await task.decided.propose(GOOD)))[0]
            role = await engine.open(Shelf, ROLE, "shelf", agent="curator")
            ann = await engine.open(Shelf, ROLE, "shelf", agent="ann")
            shared = await engine.open(Shelf, SHARED, "shelf", agent="curator")
            refused = [
                (shared.lessons, ref, None, "no_reviewer"),
                (shared.plain, ref, None, "no_reviewer"),
                (shared.lessons, ref, "web", "reviewed_by_author"),
                (role.lessons, ref, "web", "reviewed_by_author"),
                (shared.lessons, accepted, "web", "reviewed_by_author"),
                (shared.lessons, accepted, "lead", "reviewed_by_author"),
                (role.checked, ref, None, "no_reviewer"),
                (role.checked, ref, "ann", "not_the_reviewer"),
                (role.checked, ref, "curator", "not_permitted"),
            ]
            for target, named, reviewer, code in refused:
                with pytest.raises(Denied) as denied:
                    await promote(task, named, to=target, reviewed_by=reviewer)
                assert denied.value.code == code, (target, reviewer)
            with pytest.raises(Invalid):
                await promote(task, ref, to=shared.lessons, reviewed_by="")
            await promote(task, ref, to=ann.checked, reviewed_by="ann")
            await promote(task, ref, to=role.lessons)
            made = await promote(task, accepted, to=shared.lessons, reviewed_by="ann")
            assert made.origin.author == "web"
            with pytest.raises(Denied) as own:
                await shared.lessons.append(GOOD)
            assert own.value.code == "not_reviewed"

    asyncio.run(main())


NAMESPACES = [TASK, OTHER, ROLE, SHARED, Namespace.task("acm", "q3"), Namespace.role("Acme", "analyst")]


def test_only_a_wider_scope_of_the_same_tenant() -> None:
    """A task's items go to its tenant's roles and to all, a role's to all; every other way is closed."""

    async def main() -> None:
        async with Engine() as engine:
            for here in NAMESPACES:
                source = await engine.open(Brief, here, "brief", agent="web")
                ref = await source.findings.append(GOOD)
                for there in NAMESPACES:
                    shelf = await engine.open(Shelf, there, "shelf", agent="curator")
                    wider = (here.scope, there.scope) in {("task", "role"), ("task", "shared"), ("role", "shared")}
                    if wider and (there.scope == "shared" or here.tenant == there.tenant):
                        await promote(source, ref, to=shelf.lessons, reviewed_by="ann")
                        continue
                    with pytest.raises(Denied) as denied:
                        await promote(source, ref, to=shelf.lessons, reviewed_by="ann")
                    same = there.scope == "shared" or here.tenant == there.tenant
                    assert denied.value.code == ("not_wider" if same else "wrong_tenant")
                    await shelf.close()

    asyncio.run(main())


def test_a_source_that_is_taken_back_is_visible() -> None:
    """What no longer stands is not promoted; what was promoted before is found, and can be taken back in turn."""

    async def main() -> None:
        async with Engine() as engine:
            task = await engine.open(Brief, TASK, "brief", agent="web")
            other = await engine.open(Brief, OTHER, "brief", agent="web")
            refs = await task.findings.extend([GOOD] * 4)
            derived = await task.findings.append(GOOD, derived_from=refs[1])
            shelf = await engine.open(Shelf, ROLE, "shelf", agent="curator")
            made = [await promote(task, ref, to=shelf.lessons, reviewed_by="ann") for ref in (*refs[:3], derived)]
            await promote(other, await other.findings.append(GOOD), to=shelf.lessons, reviewed_by="ann")
            assert await shelf.lessons.withdrawn(task) == []
            await task.retract(refs[1], why="misread")
            await task.supersede(refs[2], GOOD)
            await task.retract(refs[3])
            assert [one.ref for one in await shelf.lessons.withdrawn(task)] == [made[n].ref for n in (1, 2, 3)]
            assert await shelf.lessons.withdrawn(other) == []
            for named in (refs[3], refs[2], derived):
                with pytest.raises(Denied) as denied:
                    await promote(task, named, to=shelf.notes)
                assert denied.value.code == "not_standing"
            for one in await shelf.lessons.withdrawn(task):
                await shelf.retract(one, why="its source was taken back")
            assert (await shelf.lessons.read())[0].ref == made[0].ref
            assert len(await shelf.lessons.read()) == 2
            assert len(await shelf.lessons.read(standing=False)) == 5
            assert await shelf.lessons.withdrawn(task) == []

    asyncio.run(main())


def test_a_role_can_leave_out_what_came_from_elsewhere() -> None:
    """Monday's client does not surface on Wednesday: reads leave out whole namespaces, promoted or written there."""

    async def main() -> None:
        async with Engine() as engine:
            monday = await engine.open(Brief, TASK, "brief", agent="web")
            longer = await engine.open(Brief, Namespace.task("acme", "q33"), "brief", agent="web")
            shelf = await engine.open(Shelf, ROLE, "shelf", agent="curator")
            for task in (monday, longer):
                await promote(task, await task.findings.append(GOOD), to=shelf.lessons, reviewed_by="ann")
            await shelf.lessons.append(GOOD, during=OTHER)
            await shelf.lessons.append(GOOD)
            assert len(await shelf.lessons.read()) == 4
            assert len(await shelf.lessons.read(exclude_origin=TASK)) == 3
            assert len(await shelf.lessons.read(exclude_origin=[TASK, OTHER])) == 2
            assert "[from acme/task/q4]" in str((await shelf.lessons.read())[2].value)
            with pytest.raises(Invalid):
                await shelf.lessons.read(exclude_origin=["acme/task/q3"])  # type: ignore[list-item]
            forged = {"value": GOOD.model_dump(), "origin": None, "reviewed_by": None, "task": "acme"}
            with pytest.raises(Invalid):
                await shelf.lessons.log.append(forged)

    asyncio.run(main())


def test_what_is_no_item() -> None:
    """Texts, unknown refs, old values of a field, targets that are none."""

    async def main() -> None:
        async with Engine() as engine:
            task = await engine.open(Brief, TASK, "brief", agent="web")
            shelf = await engine.open(Shelf, ROLE, "shelf", agent="curator")
            written = await task.draft.append("x")
            await task.status.commit("a", expect=await task.status.read())
            old = await task.status.read()
            await task.status.commit("b", expect=old)
            for named in (f"draft@{written.version}", "findings@1.0", "nowhere@1.0", "junk", old, "status@999"):
                with pytest.raises(Invalid):
                    await promote(task, named, to=shelf.notes)
            ref = await task.findings.append(GOOD)
            for target in (task.draft, shelf, None, task.status):
                with pytest.raises(Invalid):
                    await promote(task, ref, to=target)  # type: ignore[arg-type]

    asyncio.run(main())
    for wrong in ("*", (), ("",)):
        with pytest.raises(SchemaError):
            promoted(reviewers=wrong)


LABEL = st.text(st.sampled_from("aA.:%_*~ é/\0"), min_size=1, max_size=6)


@given(LABEL, LABEL)
def test_hostile_tenants_never_meet(one: str, other: str) -> None:
    """Whatever the names look like, a promotion between two tenants is refused unless they are the same name."""
    try:
        here, there = Namespace.task(one, "t"), Namespace.role(other, "r")
    except Invalid:
        return
    if one == other:
        check_scope(here, there)
        return
    with pytest.raises(Denied) as denied:
        check_scope(here, there)
    assert denied.value.code == "wrong_tenant"


def test_a_claim_to_be_a_copy_is_not_believed() -> None:
    """Whoever may write the target can say of any value that it came from an item: promoting that item lands the true one."""

    async def main() -> None:
        async with Engine() as engine:
            task = await engine.open(Brief, TASK, "brief", agent="web")
            shelf = await engine.open(Shelf, ROLE, "shelf", agent="curator")
            evil = await engine.open(Shelf, ROLE, "shelf", agent="evil")
            ref = await task.findings.append(GOOD)
            incarnation = (await task.findings.read()).token.incarnation
            lie = {"text": "Q3 churn is 14%", "source": "me"}
            origin = {"namespace": TASK.path, "document": "brief", "ref": ref, "author": "web"}
            said = {"value": lie, "origin": origin | {"incarnation": incarnation}, "reviewed_by": "ann"}
            await evil.lessons.log.append(said)
            await evil.plain.append(Lesson(**lie), why=f"promoted from {TASK.path}/brief#{ref} ({incarnation}), by web")
            for to in (shelf.lessons, shelf.plain):
                made = await promote(task, ref, to=to, reviewed_by="ann")
                assert not made.duplicate
                again = await promote(task, ref, to=to, reviewed_by="ann")
                assert (again.ref, again.duplicate) == (made.ref, True)
            assert [item.value.value for item in await shelf.lessons.read()] == [Lesson(**lie), GOOD]
            assert (await shelf.plain.read()).value == [Lesson(**lie), GOOD]

    asyncio.run(main())


@pytest.mark.parametrize("ref", ["nowhere@1.0", "draft@1", "findings@999.0", "status@1.0", "decided_decisions@3"])
def test_an_invented_origin_disturbs_no_list(ref: str) -> None:
    """What is said to come from where there is nothing counts as withdrawn, and the others are told of as ever."""

    async def main() -> None:
        async with Engine() as engine:
            task = await engine.open(Brief, TASK, "brief", agent="web")
            shelf = await engine.open(Shelf, ROLE, "shelf", agent="curator")
            made = await promote(task, await task.findings.append(GOOD), to=shelf.lessons, reviewed_by="ann")
            origin = made.origin.model_dump() | {"ref": ref}
            invented = await shelf.lessons.log.append({"value": GOOD.model_dump(), "origin": origin})
            assert [item.ref for item in await shelf.lessons.withdrawn(task)] == [invented]
            await task.retract(made.origin.ref)
            assert [item.ref for item in await shelf.lessons.withdrawn(task)] == [made.ref, invented]

    asyncio.run(main())


def test_a_default_is_nobody_s_to_promote() -> None:
    """What has never been written has no author who could be another than its reviewer."""

    class Defaults(Document):
        status: Guarded[str] = region(default="active")

    async def main() -> None:
        async with Engine() as engine:
            task = await engine.open(Defaults, TASK, "brief", agent="web")
            shelf = await engine.open(Shelf, ROLE, "shelf", agent="curator")
            with pytest.raises(Invalid) as refused:
                await promote(task, await task.status.read(), to=shelf.notes, reviewed_by="ann")
            assert refused.value.code == "unknown_ref"

    asyncio.run(main())


def test_promotion_blocks() -> None:
    """`accordant.blocking` has it too, between handles of one engine; other handles are told so."""
    with blocking.Engine() as engine, blocking.Engine() as other:
        task = engine.open(Brief, TASK, "brief", agent="web")
        shelf = engine.open(Shelf, ROLE, "shelf", agent="curator")
        made = blocking.promote(task, task.findings.append(GOOD), to=shelf.lessons, reviewed_by="ann")
        assert [item.ref for item in shelf.lessons.read()] == [made.ref]
        assert shelf.lessons.withdrawn(task) == []
        task.retract(made.origin.ref)
        assert [item.ref for item in shelf.lessons.withdrawn(task)] == [made.ref]
        elsewhere = other.open(Shelf, ROLE, "shelf", agent="curator")
        with pytest.raises(Invalid) as refused:
            blocking.promote(task, task.findings.append(GOOD), to=elsewhere.lessons, reviewed_by="ann")
        assert refused.value.code == "other_loop"
