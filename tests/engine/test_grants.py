"""A session does what its grant names, on every way into the document, and sees nothing beside it."""

from __future__ import annotations

from typing import Any

import pycrdt
import pytest

from accordant import Engine, Namespace
from accordant.document.port import HistoryQuery
from accordant.engine.commands import Declare, Join, Update
from accordant.engine.host.document_host import DocumentHost
from accordant.engine.host.port import EmbeddedPort
from accordant.types.access import READ, Allowance, Grant
from accordant.types.commands import Question, Submission, Write
from accordant.types.errors import Denied
from accordant.types.namespaces import DocumentKey
from accordant.types.past import Recall
from accordant.types.regions import Kind, RegionSpec, Schema
from worlds import in_loop

KEY = DocumentKey.of(Namespace.task("acme", "q3"), "brief")
GRANT = Grant(None, (Allowance("draft", frozenset({READ, "insert", "append"})),))


async def limited(engine: Engine, grant: Grant = GRANT) -> tuple[DocumentHost, EmbeddedPort]:
    """A session with this grant on a document that holds something secret."""
    owner = await engine.open(None, KEY.namespace, KEY.name, agent="owner")
    await owner.text("secret").append("hidden")
    await owner.guarded("status").commit("hidden", expect=await owner.guarded("status").read())
    host = await engine.host(KEY)
    joined = await host.call(Join("s", "triage", shared=True, grant=grant))
    return host, EmbeddedPort(host, engine.store, KEY, "triage", joined, grant)


def typed(region: str) -> bytes:
    """A Yjs peer's update."""
    doc: Any = pycrdt.Doc()
    doc[region] = text = pycrdt.Text()
    text += "x"
    return bytes(doc.get_update())


async def refused(work: Any) -> None:
    """It is refused for want of a grant."""
    with pytest.raises(Denied) as denied:
        await work
    assert denied.value.code == "no_grant"


@in_loop
async def test_updates_and_submissions_stay_inside() -> None:
    """What is granted lands; another region and another operation do not, by update or by call."""

    async with Engine() as engine:
        host, port = await limited(engine)
        await host.call(Update("s", typed("draft")))
        await refused(host.call(Update("s", typed("secret"))))
        await port.submit(Submission((Write("draft", Kind.TEXT, "append", args={"text": "y"}),), "1"))
        await refused(port.submit(Submission((Write("secret", Kind.TEXT, "append", args={"text": "y"}),), "2")))
        await refused(port.submit(Submission((Write("draft", Kind.TEXT, "rethink", args={"text": "y"}),), "3")))


@in_loop
async def test_reading_stays_inside() -> None:
    """No question, outline or history shows a region that is not granted."""

    async with Engine() as engine:
        _, port = await limited(engine)
        await port.ask(Question("draft", Kind.TEXT))
        await refused(port.ask(Question("secret", Kind.TEXT)))
        assert "hidden" not in repr(await port.outline())
        shown = repr(await port.history(HistoryQuery()))
        assert "hidden" not in shown
        assert "secret" not in shown


@in_loop
async def test_declaring_is_an_operation() -> None:
    """Who is limited to some regions adds none."""

    async with Engine() as engine:
        host, _ = await limited(engine)
        schema = Schema("S", {"more": RegionSpec("more", Kind.TEXT)})
        await refused(host.call(Declare(schema, "triage", trusted=False, grant=GRANT)))


@in_loop
async def test_the_past_shows_what_is_granted() -> None:
    """Of hidden regions a question about the past names nothing: no appearance, no source, no change, and no number of them."""

    async with Engine() as engine:
        host, port = await limited(engine)
        owner = await engine.open(None, KEY.namespace, KEY.name, agent="owner")
        seen = await owner.text("secret").read()
        await owner.text("draft").append("made of what is hidden", derived_from=[seen], why="it is")
        await owner.text("draft").append(" later")
        for query in (Recall("blame", path="secret"), Recall("why", path="secret"), Recall("why", path="status@5")):
            await refused(port.recall(query))
        traced = await port.recall(Recall("trace", text="hidden"))
        assert {one["path"] for one in traced["appearances"]} == {"draft"}
        assert "secret" not in str(traced)
        nothing = await port.recall(Recall("trace", text="hidden" * 2))
        assert str(nothing["examined"]) == str(traced["examined"])
        why = await port.recall(Recall("why", path=traced["appearances"][0]["ref"]))
        assert (why["value"], why["sources"]) == ("made of what is hidden", [])
        assert "secret" not in str(why)
        shown = await owner.text("draft").read()
        await owner.text("secret").append(" from what is shown", derived_from=[shown])
        open_ = await port.recall(Recall("why", path=f"draft@{shown.version}"))
        assert (open_["derived"], "secret" in str(open_)) == ([], False)
        assert {one["region"] for one in (await port.recall(Recall("diff", first=0)))["changes"]} == {"draft"}
        assert "secret" in str(await host.replays.read(KEY.path, host.durable_head, lambda state: list(state.kinds())))
