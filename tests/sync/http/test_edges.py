"""The edges of the HTTP side: what is refused creates nothing, what merges is compared in the same moment, old versions."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from accordant import DocumentKey, Engine
from accordant.engine.stores.memory import MemoryStore
from accordant.sync.server import app
from accordant.sync.server.http.sessions import HttpSessions
from accordant.types.access import Principal
from http_served import BRIEF, TASK, http_world
from served import until
from worlds import in_loop

OTHER = "/documents/acme/task/q3/other"


@in_loop
async def test_a_refused_first_write_creates_no_document() -> None:
    """428, 422, 415, 413, 400, 404 and a reading of another document leave the store as it was."""
    async with Engine() as engine, http_world(engine) as (http, _):
        etag = (await http.get(f"{BRIEF}/regions/account")).headers["etag"]
        refused = [
            ("PUT", "/regions/s", {"json": 1}, 428),
            ("PUT", "/regions/s", {"json": 1, "headers": {"If-Match": etag}}, 409),
            ("PUT", "/regions/s?kind=log", {"json": 1}, 405),
            ("POST", "/regions/s", {"json": 1}, 404),
            ("POST", "/regions/s?kind=nothing", {"json": 1}, 422),
            ("POST", "/regions/s?kind=log", {"content": b"{"}, 400),
            ("POST", "/regions/s?kind=log", {"content": b"1", "headers": {"Content-Type": "text/plain"}}, 415),
            ("DELETE", "/regions/s", {}, 404),
        ]
        for method, path, options, status in refused:
            answer = await http.request(method, OTHER + path, **options)
            assert answer.status_code == status, (method, path, answer.text)
        assert len(await engine.documents()) == 1
        made = await http.put(f"{OTHER}/regions/s", json="on", headers={"If-None-Match": "*"})
        assert (made.status_code, made.json()["value"]) == (200, "on")
        assert len(await engine.documents()) == 2


@in_loop
async def test_if_match_where_things_merge_is_compared_by_the_authority() -> None:
    """Of several writes at once that name the same reading of a map, one lands; the others get what it wrote."""
    async with Engine() as engine, http_world(engine) as (http, owner):
        cursors = f"{BRIEF}/regions/cursors"
        etag = (await http.get(cursors)).headers["etag"]
        writes = [http.put(f"{cursors}/k", json=n, headers={"If-Match": etag}) for n in range(8)]
        answers = await asyncio.gather(*writes)
        assert sorted(one.status_code for one in answers) == [200] + [412] * 7
        lost = next(one for one in answers if one.status_code == 412)
        assert lost.json()["value"] == (await owner.cursors.read()).value
        again = await http.put(f"{cursors}/k", json=99, headers={"If-Match": lost.headers["etag"]})
        assert again.status_code == 200


@in_loop
async def test_a_repeated_guarded_write_is_answered_with_its_etag() -> None:
    """Whoever lost the first answer can go on; once somebody else has written, there is no tag to go on with."""
    async with Engine() as engine, http_world(engine) as (http, _):
        account = f"{BRIEF}/regions/account"
        once = {"If-None-Match": "*", "Idempotency-Key": "k"}
        first = await http.put(account, json={"plan": "pro"}, headers=once)
        again = await http.put(account, json={"plan": "pro"}, headers=once)
        assert (again.json()["duplicate"], again.headers["etag"]) == (True, first.headers["etag"])
        await http.put(account, json={"plan": "team"}, headers={"If-Match": again.headers["etag"]})
        late = await http.put(account, json={"plan": "pro"}, headers=once)
        assert (late.json()["duplicate"], late.json()["version"]) == (True, first.json()["version"])
        assert "etag" not in late.headers


@in_loop
async def test_every_old_version_is_exact_and_what_was_truncated_is_410() -> None:
    """From the log alone, from a checkpoint on, and never something newer in its place."""
    store = MemoryStore()
    async with Engine(store=store) as engine, http_world(engine) as (http, owner):
        seen: dict[int, list[str]] = {}
        for n in range(12):
            await owner.findings.append(str(n))
            seen[owner.version] = (await owner.findings.read()).value
        host = await engine.host(owner.key)
        middle = sorted(seen)[6]
        await store.checkpoint(host.key, host.durable_head, host.machine.state.dump())
        for version, value in seen.items():
            shown = (await http.get(BRIEF, params={"at": version})).json()
            assert (shown["version"], shown["regions"]["findings"]["value"]) == (version, value)
        await store.truncate(host.key, host.durable_head)
        gone = await http.get(BRIEF, params={"at": middle})
        assert (gone.status_code, gone.json()["code"]) == (410, "snapshot_expired")
        assert (await http.get(f"{BRIEF}/events", params={"after": middle})).status_code == 410


@in_loop
async def test_a_foreign_name_for_this_machine_is_not_answered() -> None:
    """A page whose name was made to resolve to 127.0.0.1 sends no Origin with its own GET, but its Host."""
    async with Engine() as engine, http_world(engine) as (http, _):
        assert (await http.get(BRIEF, headers={"Host": "evil.example:8765"})).status_code == 403
        assert (await http.get(BRIEF, headers={"Host": "localhost:8765"})).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nowhere", 404), ("DELETE", "/healthz", 405), ("PATCH", "/documents", 405), ("GET", "/documents/", 404)],
)
@in_loop
async def test_what_the_router_refuses_is_a_problem_too(method: str, path: str, status: int) -> None:
    """Everything that is not 2xx has a code and says what to do."""
    async with Engine() as engine, http_world(engine) as (http, _):
        answer = await http.request(method, path)
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
        assert answer.json()["code"]
        assert status != 405 or "GET" in answer.headers["allow"]


@in_loop
async def test_a_store_that_does_not_answer_is_unhealthy() -> None:
    """/healthz asks the store, and says 503 when it cannot."""

    class Broken(MemoryStore):
        async def heads(self, documents: object) -> dict[str, int]:
            raise OSError("gone")

    async with Engine(store=Broken()) as engine, http_world(engine) as (http, _):
        answer = await http.get("/healthz")
        assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")
        assert answer.headers["retry-after"]


@in_loop
async def test_repeated_conflicts_are_all_counted() -> None:
    """The log keeps the 1st, 2nd, 4th ... denial of a session on a path; the metrics count what these stand for."""
    async with Engine() as engine, http_world(engine) as (http, owner):
        account = f"{BRIEF}/regions/account"
        etag = (await http.get(account)).headers["etag"]
        await http.put(account, json={"plan": "pro"}, headers={"If-Match": etag})
        for _ in range(8):
            assert (await http.put(account, json={}, headers={"If-Match": etag})).status_code == 412
        await owner.findings.append("x" * 1000)
        shown = (await http.get("/metrics")).text
        assert 'accordant_conflicts_total{reason="conflict",region="account"} 8.0' in shown
        size = next(line for line in shown.splitlines() if line.startswith("accordant_doc_bytes "))
        assert float(size.split()[1]) >= 1000


@in_loop
async def test_the_short_ways_to_say_it() -> None:
    """A text's operations and a single item, as a person would write them."""
    async with Engine() as engine, http_world(engine) as (http, owner):
        for body in ({"append": "tail"}, {"insert": "head ", "index": 0}, {"replace": "tail", "with": "end"}):
            assert (await http.post(f"{BRIEF}/regions/draft", json=body)).status_code == 200
        assert (await owner.draft.read()).value == "head end"
        once = await http.post(f"{BRIEF}/regions/findings", json={"op": "append", "item": "one"})
        assert len(once.json()["refs"]) == 1
        twice = await http.post(f"{BRIEF}/regions/draft", json={"replace": "zzz", "with": "y"})
        assert (twice.status_code, twice.json()["value"]) == (412, "head end")


@in_loop
async def test_requests_of_one_caller_share_one_session() -> None:
    """Nothing is written to the log for a read, and one entry for a caller's first request."""
    async with Engine() as engine, http_world(engine) as (http, owner):
        await asyncio.gather(*(http.get(BRIEF) for _ in range(10)))
        joins = await owner.history(kind="join", actor="ada")
        assert len(joins) == 1


@in_loop
async def test_a_session_that_is_not_used_lets_its_document_rest() -> None:
    """Neither an idle caller nor the metrics keep a document in memory; a call in time keeps the session."""
    async with Engine() as engine:
        app(engine)  # its metrics observe every document
        sessions = HttpSessions(engine, idle_s=0.3)
        key = DocumentKey.of(TASK, "brief")
        port = await sessions.port(key, Principal("ada"))
        host = await engine.host(key)
        for _ in range(4):
            await asyncio.sleep(0.15)
            assert await sessions.port(key, Principal("ada")) is port
        assert not host.is_idle
        await until(lambda: host.is_idle)
        assert await sessions.port(key, Principal("ada")) is not port


@in_loop
async def test_an_idempotency_key_is_its_agents_own() -> None:
    """Two agents that happen to choose the same key both land."""
    async with Engine() as engine, http_world(engine) as (http, owner):
        for agent in ("ada", "bob", "ada"):
            headers = {"Idempotency-Key": "1", "X-Agent": agent}
            answer = await http.post(f"{BRIEF}/regions/findings", json=f"by {agent}", headers=headers)
            assert answer.status_code == 200
        assert (await owner.findings.read()).value == ["by ada", "by bob"]


@in_loop
async def test_the_application_works_below_a_mount() -> None:
    """Somebody's application mounts ours below any path: keys with a slash, and the description, know of it."""
    async with Engine() as engine:
        outer = Starlette(routes=[Mount("/shared/docs", app(engine))])
        transport = httpx.ASGITransport(outer)
        async with httpx.AsyncClient(transport=transport, base_url="http://test/shared/docs") as http:
            key = f"{BRIEF}/regions/tasks/a%2Fb"
            made = await http.put(key, json=1, headers={"If-None-Match": "*", "X-Agent": "ada"})
            assert (made.status_code, made.json()["path"]) == (200, "tasks/a/b")
            assert (await http.get(key)).json()["value"] == 1
            assert (await http.get("/openapi.json")).json()["servers"] == [{"url": "/shared/docs"}]
            assert (await http.get("/nowhere")).headers["content-type"] == "application/problem+json"


@in_loop
async def test_a_packed_body_is_refused() -> None:
    """A compressed body is not read as JSON, and not unpacked."""
    async with Engine() as engine, http_world(engine) as (http, _):
        headers = {"Content-Encoding": "gzip", "Content-Type": "application/json"}
        answer = await http.post(f"{BRIEF}/regions/findings", content=b'"x"', headers=headers)
        assert answer.status_code == 415


@in_loop
async def test_another_callers_tag_counts_as_long_as_its_session_lives() -> None:
    """A reading may be handed on; when whoever made it is fenced, it never lands."""
    async with Engine() as engine, http_world(engine) as (http, _):
        account = f"{BRIEF}/regions/account"
        etag = (await http.get(account, headers={"X-Agent": "reader"})).headers["etag"]
        first = await http.put(account, json={}, headers={"If-Match": etag})
        assert first.status_code == 200
        etag = (await http.get(account, headers={"X-Agent": "reader"})).headers["etag"]
        await engine.fence("reader")
        late: httpx.Response = await http.put(account, json={}, headers={"If-Match": etag})
        assert late.status_code == 409
        assert TASK.path == "acme/task/q3"
