"""Default deny in a process: an agent reaches nothing until it is granted, and grants are on record."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accordant import Denied, Document, Engine, Fenced, Guarded, Invalid, Log, Namespace, blocking
from accordant.engine.host.governance import BOOK, GrantBook
from accordant.engine.host.governance import grants_in as grants_of
from accordant.engine.stores.sqlite import SqliteStore
from accordant.sync.server import app
from accordant.types.access import READ, Allowance, Grant
from accordant.types.namespaces import DocumentKey
from audited_store import answer, run
from worlds import TASK

OTHER = Namespace.task("acme", "q33")
Q3 = Grant((("acme", "task", "q3"),))


class Brief(Document):
    status: Guarded[str]
    findings: Log[str]


def test_a_new_agent_sees_nothing(tmp_path: Path) -> None:
    """No document is listed and none can be opened, whether it exists or not; none is created by trying."""

    async def main() -> None:
        async with Engine(tmp_path / "s.db", default_deny=True) as engine:
            await engine.grant("ann", Grant(), by="root")
            await engine.open(Brief, TASK, "brief", agent="ann")
            assert await engine.documents(agent="new") == []
            for name in ("brief", "nowhere"):
                with pytest.raises(Denied) as denied:
                    await engine.open(Brief, TASK, name, agent="new")
                assert (denied.value.code, denied.value.fields["agent"]) == ("no_grant", "new")
            assert not await engine.exists(DocumentKey.of(TASK, "nowhere"))
            assert [info.key for info in await engine.documents(agent="ann")] == ["acme/task/q3/brief"]

    asyncio.run(main())


def test_a_grant_reaches_whole_segments_and_no_more(tmp_path: Path) -> None:
    """The task, not one whose name begins alike; the operations named, no others; reading alone where that is granted."""

    async def main() -> None:
        async with Engine(tmp_path / "s.db", default_deny=True) as engine:
            await engine.grant("root", Grant(), by="root")
            for namespace in (TASK, OTHER):
                for name in ("a", "b"):
                    await (await engine.open(Brief, namespace, name, agent="root")).findings.append("x")
            await engine.grant("web", Q3, by="root", why="the q3 crew")
            assert [info.key for info in await engine.documents(agent="web")] == ["acme/task/q3/a", "acme/task/q3/b"]
            assert [info.key for info in await engine.documents(agent="web", limit=1, after="acme/task/q3/a")] == [
                "acme/task/q3/b"
            ]
            assert await engine.documents(("acme", "task", "q33"), agent="web") == []
            assert len(await engine.documents(("acme",), agent="web")) == 2
            assert len(await engine.documents(("acme", "task", "q3", "a"), agent="web")) == 1
            web = await engine.open(Brief, TASK, "a", agent="web")
            await web.findings.append("mine")
            with pytest.raises(Denied):
                await engine.open(Brief, OTHER, "a", agent="web")
            narrow = Grant(Q3.namespaces, (Allowance("findings", frozenset({READ, "append"})),))
            await engine.grant("docs", narrow, by="root")
            docs = await engine.open(Brief, TASK, "a", agent="docs")
            await docs.findings.append("yours")
            for act in (docs.status.read(), docs.findings.compact(lambda items: [])):
                with pytest.raises(Denied):
                    await act
            root = await engine.open(Brief, TASK, "a", agent="root")
            await root.status.commit("secret", expect=await root.status.read())
            assert set(await docs.snapshot()) == {"findings"}
            assert {op.region for entry in await docs.history() for op in entry.ops} == {"findings"}
            watcher = Grant(Q3.namespaces, (Allowance("*", frozenset({READ})),))
            await engine.grant("lead", watcher, by="root")
            lead = await engine.open(Brief, TASK, "a", agent="lead")
            assert (await lead.findings.read()).value == ["x", "mine", "yours"]
            async with lead.events("findings", kinds="write") as events:
                with pytest.raises(Denied):
                    await lead.findings.append("observers only look")
                await web.findings.append("more")
                assert (await anext(events)).actor == "web"

    asyncio.run(main())


def test_grants_are_listed_and_on_record(tmp_path: Path) -> None:
    """Who, what, by whom, why and since when: from the engine, from the log, from the store file; also after a restart."""

    async def main() -> None:
        path = tmp_path / "s.db"
        async with Engine(path, default_deny=True) as engine:
            await engine.grant("web", Grant(), by="ann", why="at first")
            given = await engine.grant("web", Q3, by="ann", why="the q3 crew")
            await engine.grant("docs", Grant((("globex",),)), by="ann")
            assert [(one.agent, one.by) for one in await engine.grants()] == [("docs", "ann"), ("web", "ann")]
            web = await engine.open(Brief, TASK, "brief", agent="web")
            access = await engine.access(TASK, "brief")
            assert [(one["agent"], one["namespaces"]) for one in access["grants"]] == [
                ("web", [["acme", "task", "q3"]])
            ]
            assert access["sessions"][0]["grant"] == Q3.to_json()
            joined = (await web.history(kind="join"))[0]
            assert joined.info["grant"] == Q3.to_json()
        async with Engine(path, default_deny=True) as engine:
            assert [one.version for one in await engine.grants() if one.agent == "web"] == [given.version]
            await engine.open(Brief, TASK, "brief", agent="web")
        store = SqliteStore(path)
        await store.open()
        assert {one.agent: one.grant for one in await grants_of(store)}["web"] == Q3
        await store.close()

    asyncio.run(main())
    log = answer("log", tmp_path / "s.db", BOOK.path, "--path", "grants/web")
    assert "the q3 crew" in str(log)
    found = answer("access", tmp_path / "s.db", "acme/task/q3/brief")
    assert [(one["agent"], one["by"]) for one in found["grants"]] == [("web", "ann")]


def test_what_is_revoked_ends_at_once() -> None:
    """Its sessions end, what it read before never lands, and it opens nothing; a second revocation does nothing."""

    async def main() -> None:
        async with Engine(default_deny=True) as engine:
            await engine.grant("web", Q3, by="ann")
            web = await engine.open(Brief, TASK, "brief", agent="web")
            assert await engine.revoke("web", by="ann", why="done") == 1
            with pytest.raises(Fenced):
                await web.findings.append("late")
            with pytest.raises(Denied):
                await engine.open(Brief, TASK, "brief", agent="web")
            assert await engine.documents(agent="web") == []
            assert await engine.revoke("web", by="ann") == 0
            assert await engine.grants() == []
            await engine.grant("web", Q3, by="ann")
            await engine.open(Brief, TASK, "brief", agent="web")

    asyncio.run(main())


@pytest.mark.parametrize("ticks", range(12))
def test_no_handle_slips_through_a_revocation(ticks: int) -> None:
    """Whenever during `open` the grant is taken away, there is no handle, or one whose session has ended."""

    async def main() -> None:
        async with Engine(default_deny=True) as engine:
            await engine.grant("web", Q3, by="ann")
            opening = asyncio.create_task(engine.open(Brief, TASK, "brief", agent="web"))
            for _ in range(ticks):
                await asyncio.sleep(0)
            await engine.revoke("web", by="ann")
            with pytest.raises((Denied, Fenced)):
                await (await opening).findings.append("late")

    asyncio.run(main())


@pytest.mark.parametrize("default_deny", [True, False])
def test_nobody_grants_itself_anything(default_deny: bool) -> None:
    """The book is opened by the engine alone, whatever an agent is called and may reach, and whether anybody asks it."""

    async def main() -> None:
        async with Engine(default_deny=default_deny) as engine:
            await engine.grant("governor", Grant(), by="ann")
            for cls in (GrantBook, None):
                with pytest.raises(Denied):
                    await engine.open(cls, Namespace.shared(), "grants", agent="governor")  # type: ignore[call-overload]
            with pytest.raises(Denied):
                await engine.host(BOOK)
            for wrong in ("", "a/b", " x"):
                with pytest.raises(Invalid):
                    await engine.grant(wrong, Q3, by="ann")
                with pytest.raises(Invalid):
                    await engine.grant("web", Q3, by=wrong)

    asyncio.run(main())


@pytest.mark.parametrize(
    "grant",
    [
        {"namespaces": None},
        Grant("acme"),  # type: ignore[arg-type]
        Grant(("acme", "task")),  # type: ignore[arg-type]
        Grant((("acme/task",),)),
        Grant((("acme", ""),)),
        Grant((("acme", 5),)),  # type: ignore[arg-type]
        Grant(((),)),
        Grant(allow="findings"),  # type: ignore[arg-type]
        Grant(allow=(("findings", ("read",)),)),  # type: ignore[arg-type]
        Grant(allow=(Allowance("findings", "read"),)),  # type: ignore[arg-type]
        Grant(allow=(Allowance("findings", frozenset({"raed"})),)),
        Grant(allow=(Allowance("", frozenset({READ})),)),
    ],
    ids=repr,
)
def test_a_grant_that_means_something_else_is_refused(grant: Any) -> None:
    """A text where segments belong would grant its letters, and a misspelt operation nothing: neither is kept."""

    async def main() -> None:
        async with Engine(default_deny=True) as engine:
            with pytest.raises(Invalid):
                await engine.grant("web", grant, by="ann")
            assert await engine.grants() == []

    asyncio.run(main())


def test_a_server_of_it_needs_tokens() -> None:
    """Without tokens everybody on the loopback would be granted everything."""

    async def main() -> None:
        async with Engine(default_deny=True) as engine:
            with pytest.raises(Invalid) as refused:
                app(engine)
            assert refused.value.code == "no_tokens"

    asyncio.run(main())


def test_it_blocks() -> None:
    """`accordant.blocking` has it too."""
    with blocking.Engine(default_deny=True) as engine:
        engine.grant("web", Q3, by="ann")
        engine.open(Brief, TASK, "brief", agent="web").findings.append("x")
        assert [one.agent for one in engine.grants()] == ["web"]
        assert len(engine.documents(agent="web")) == 1
        assert engine.revoke("web", by="ann") == 1


LABELS = ["a", "A", "aa", "a.b", "a:b", "a%", "a_", "a*", "á", "a b", "..a"]
SPACES = st.builds(Namespace.task, st.sampled_from(LABELS), st.sampled_from(LABELS))
NAMES = st.sampled_from(LABELS)


@given(SPACES, NAMES, SPACES, NAMES, st.integers(1, 4))
def test_segments_are_compared_whole(granted: Namespace, name: str, asked: Namespace, other: str, length: int) -> None:
    """Whatever the names look like, a grant covers a document exactly when its segments are the document's first ones."""
    prefix = (*granted.segments, name)[:length]
    grant = Grant.from_json(Grant((prefix,)).to_json())
    path = (*asked.segments, other)
    assert grant.covers(DocumentKey.of(asked, other)) is all(a == b for a, b in zip(prefix, path, strict=False))


HOSTILE = st.text(st.sampled_from("aá.:%_*/\\\0\u200b\u0301 "), min_size=1, max_size=5)


@given(HOSTILE, HOSTILE)
def test_hostile_names_make_no_path(tenant: str, task: str) -> None:
    """A name that could be taken for another is refused; the others come back from their path as they were."""
    try:
        namespace = Namespace.task(tenant, task)
    except Invalid:
        assert tenant != "a" or task != "a"
        return
    assert Namespace.parse(namespace.path) == namespace
    assert namespace.segments == (tenant, "task", task)
    assert Grant(((tenant,),)).covers(DocumentKey.of(namespace, "x"))
    assert not Grant(((tenant[:-1] or "b",),)).covers(DocumentKey.of(namespace, "x"))


def test_the_command_shows_what_a_grant_allows(tmp_path: Path) -> None:
    """`accordant access` has a table of grants where there are any."""

    async def main() -> Any:
        async with Engine(tmp_path / "s.db", default_deny=True) as engine:
            narrow = Grant(
                Q3.namespaces, (Allowance("findings", frozenset({READ})), Allowance("*", frozenset({"declare"})))
            )
            await engine.grant("web", narrow, by="ann")
            await engine.open(Brief, TASK, "brief", agent="web")

    asyncio.run(main())
    found = answer("access", tmp_path / "s.db", "acme/task/q3/brief")["grants"][0]
    assert found["allow"] == [["findings", ["read"]], ["*", ["declare"]]]
    from accordant.cli.access import tables

    shown = tables({"document": "x", "regions": [], "grants": [found], "sessions": []})
    assert [table.title.plain for table in shown][1] == "grants that reach it"  # type: ignore[union-attr]
    assert run("access", tmp_path / "s.db").exit_code != 0
