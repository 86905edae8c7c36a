"""Mergeable regions and whole documents over HTTP."""

from __future__ import annotations

import asyncio
import json

from accordant import Engine
from http_served import BRIEF, TASK, http_world
from worlds import in_loop


@in_loop
async def test_each_kind_takes_its_usual_operation() -> None:
    """A bare value or an object with the arguments: appended, added, counted, inserted, set."""
    async with Engine() as engine, http_world(engine) as (http, owner):
        posts = [
            ("findings", "one"),
            ("findings", {"items": ["two", "three"], "why": "batch"}),
            ("open_questions", "which churn?"),
            ("citations", {"by": 2}),
            ("citations", None),
            ("draft", "tail"),
            ("draft", {"op": "insert", "index": 0, "text": "head "}),
            ("draft", {"op": "replace", "old": "tail", "new": "end"}),
        ]
        for name, body in posts:
            content = b"" if body is None else json.dumps(body).encode()
            answer = await http.post(f"{BRIEF}/regions/{name}", content=content)
            assert answer.status_code == 200, (name, answer.text)
        assert (await http.put(f"{BRIEF}/regions/cursors/ada", json=3)).status_code == 200
        assert (await owner.findings.read()).value == ["one", "two", "three"]
        assert (await owner.open_questions.read()).value == {"which churn?"}
        assert (await owner.citations.read()).value == 3
        assert (await owner.draft.read()).value == "head end"
        assert (await owner.cursors.read()).value == {"ada": 3}
        assert (await http.get(f"{BRIEF}/regions/cursors/ada")).json()["value"] == 3
        assert (await http.delete(f"{BRIEF}/regions/cursors/ada")).status_code == 200
        entries = (await http.get(f"{BRIEF}/regions/findings")).json()["entries"]
        assert [one["by"] for one in entries] == ["ada"] * 3


@in_loop
async def test_a_document_shows_every_region_at_one_version_also_at_an_earlier_one() -> None:
    """`?at=` answers the fold of the log up to there, exactly; what the document does not have yet is 404."""
    async with Engine() as engine, http_world(engine) as (http, owner):
        await owner.findings.append("one")
        then = (await http.get(BRIEF)).json()
        await owner.findings.append("two")
        now = await http.get(BRIEF)
        assert now.json()["regions"]["findings"]["value"] == ["one", "two"]
        at = (await http.get(BRIEF, params={"at": then["version"]})).json()
        assert at["regions"]["findings"] == then["regions"]["findings"]
        assert (await http.get(BRIEF, params={"at": 10_000})).status_code == 404
        assert (await http.get(BRIEF, params={"at": "x"})).status_code == 422
        same = await http.get(BRIEF, headers={"If-None-Match": now.headers["etag"]})
        assert (same.status_code, same.content) == (304, b"")


@in_loop
async def test_reading_creates_nothing_and_the_first_write_does() -> None:
    """A document that nobody wrote is 404, and still is after it was asked for."""
    async with Engine() as engine, http_world(engine) as (http, _):
        other = "/documents/acme/task/q3/other"
        for path in (other, f"{other}/log", f"{other}/regions/x", f"{other}/events"):
            assert (await http.get(path)).status_code == 404
        assert [info.key for info in await engine.documents()] == ["acme/task/q3/brief"]
        made = await http.post(f"{other}/regions/notes", params={"kind": "log"}, json="first")
        assert made.status_code == 200
        unknown = await http.post(f"{other}/regions/more", json="which kind?")
        assert (unknown.status_code, "kind" in unknown.json()["next"]) == (404, True)
        assert (await http.get(f"{other}/regions/notes")).json()["value"] == ["first"]
        listed = (await http.get("/documents")).json()["documents"]
        assert [one["document"] for one in listed] == ["acme/task/q3/brief", "acme/task/q3/other"]


@in_loop
async def test_a_whole_text_is_replaced_by_its_owner_alone() -> None:
    """PUT on a text is `rethink`: by whom the rules allow, on the version that was read."""
    async with Engine() as engine, http_world(engine) as (http, owner):
        draft = f"{BRIEF}/regions/draft"
        etag = (await http.get(draft)).headers["etag"]
        denied = await http.put(draft, json="all new", headers={"If-Match": etag, "X-Agent": "bob"})
        assert denied.status_code == 403
        assert (await http.put(draft, json="all new", headers={"If-Match": etag})).status_code == 200
        assert (await http.put(draft, json="again", headers={"If-Match": etag})).status_code == 412
        assert (await owner.draft.read()).value == "all new"


@in_loop
async def test_the_log_is_filtered_and_paged_and_contradictions_are_told() -> None:
    """Denials are in the log too; `before` pages on; the report names both authors."""
    async with Engine() as engine, http_world(engine) as (http, owner):
        await owner.findings.append("Churn in Q3 was 4.1%.")
        await http.post(f"{BRIEF}/regions/findings", json="Churn in Q3 was 6.3%.")
        await http.put(f"{BRIEF}/regions/account", json={}, headers={"If-Match": '"9.9.9.x"'})
        log = (await http.get(f"{BRIEF}/log", params={"path": "findings", "limit": 1})).json()["entries"]
        assert (len(log), log[0]["actor"]) == (1, "ada")
        older = await http.get(f"{BRIEF}/log", params={"path": "findings", "before": log[0]["version"]})
        assert [one["actor"] for one in older.json()["entries"]] == ["owner"]
        denied = (await http.get(f"{BRIEF}/log", params={"kind": "denial"})).json()["entries"]
        assert [one["outcome"] for one in denied] == ["fenced"]
        assert (await http.get(f"{BRIEF}/log", params={"limit": 0})).status_code == 422
        report = (await http.get(f"{BRIEF}/contradictions")).json()
        assert report["coherent"] is False
        assert {*report["contradictions"][0]["a"]["authors"], *report["contradictions"][0]["b"]["authors"]} == {
            "ada",
            "owner",
        }


@in_loop
async def test_events_resume_without_a_gap() -> None:
    """What was written while nobody listened comes first, then what happens, each once, in order."""
    async with Engine() as engine, http_world(engine) as (http, owner):
        start = (await http.get(BRIEF)).json()["version"]
        await owner.findings.append("while away")
        told: list[tuple[str, list[str]]] = []
        params = {"after": start, "regions": "findings"}
        async with http.stream("GET", f"{BRIEF}/events", params=params) as stream:
            assert stream.headers["content-type"].startswith("text/event-stream")
            live = asyncio.create_task(owner.findings.append("live"))
            await owner.citations.increment()
            async for line in stream.aiter_lines():
                if line.startswith("data: "):
                    data = json.loads(line.removeprefix("data: "))
                    told.append((data["kind"], data["paths"]))
                if len(told) == 2:
                    break
            await live
        assert told == [("write", ["findings"])] * 2
        ahead = await http.get(f"{BRIEF}/events", params={"after": 10**6})
        assert ahead.status_code == 404


@in_loop
async def test_who_waits_for_events_ends_when_it_goes() -> None:
    """A closed stream leaves no listener behind."""
    async with Engine() as engine, http_world(engine) as (http, owner):
        host = await engine.host(owner.key)
        before = len(host._listeners)
        async with http.stream("GET", f"{BRIEF}/events") as stream:
            async for _ in stream.aiter_lines():
                break
            assert len(host._listeners) == before + 1
        for _ in range(200):
            await owner.findings.append("x")
            if len(host._listeners) == before:
                break
            await asyncio.sleep(0.01)
        assert len(host._listeners) == before


@in_loop
async def test_health_metrics_and_the_index_answer() -> None:
    """Counters tell regions and outcomes apart and name no agent."""
    async with Engine() as engine, http_world(engine) as (http, _):
        second = await engine.open(None, TASK, "second", agent="secret-agent")
        await second.log("notes").append("x")
        assert (await http.get("/healthz")).json() == {"status": "ok"}
        assert (await http.get("/")).json()["sync"].startswith("/sync/")
        await http.put("/documents/acme/task/q3/second/regions/s", json=1, headers={"If-Match": '"9.9.9.x"'})
        shown = (await http.get("/metrics")).text
        assert 'accordant_writes_total{op="append",outcome="committed",region="notes"} 1.0' in shown
        assert 'accordant_conflicts_total{reason="fenced",region="s"} 1.0' in shown
        assert "accordant_peers 0.0" in shown
        assert "secret-agent" not in shown
