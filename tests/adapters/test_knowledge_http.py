"""A corpus over plain HTTP: what a hook asks by curl, what it hands in, what is turned away and leaves no trace."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from accordant import Corpus, Engine, Invalid, Namespace, connect
from accordant.adapters.knowledge_http import KnowledgeHttp
from accordant.cli.knowledge import opened
from accordant.sync.server.tokens import create
from accordant.types.access import Allowance, Grant, Principal
from accordant.types.entries import Auth
from accordant.types.limits import HTTP_BODY_BYTES_MAX
from corpora import Chosen, Hive, facts, hive_with
from minilm import needs_minilm
from processes import ServerProcess
from served import served, until
from worlds import in_loop

BACKEND = Namespace.role("acme", "backend")
WHERE = "acme/role/backend/hive"
FACT = "The API allows 100 requests per minute."
OTHER = "The API allows 1000 requests per minute."
SECRET = "Write to jane.doe@example.com for the staging keys."


async def curl(url: str, *arguments: str) -> tuple[int, Any]:
    """(status, the JSON that was answered)."""
    process = await asyncio.create_subprocess_exec(
        "curl", "-s", "--noproxy", "*", "-w", "\n%{http_code}", url, *arguments, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    body, _, status = out.decode().rpartition("\n")
    return int(status), json.loads(body)


def everything_in(folder: Path) -> str:
    """What its files hold."""
    return "".join(file.read_bytes().decode("latin-1") for file in sorted(folder.iterdir()))


async def post(url: str, agent: str, body: dict[str, Any], header: str = "X-Hive-Agent") -> tuple[int, Any]:
    """A hook's POST."""
    return await curl(url, "-H", f"{header}: {agent}", "-H", "Content-Type: application/json", "-d", json.dumps(body))


@asynccontextmanager
async def world(engine: Engine, agent: str = "ann", **options: Any) -> AsyncIterator[tuple[httpx.AsyncClient, Any]]:
    """A client that calls itself so, and an embedded handle of `owner`."""
    owner = await engine.open(Hive, BACKEND, "hive", agent="owner")
    async with served(engine, beside=[KnowledgeHttp(owner.knowledge)], **options) as url:
        base = url.replace("ws://", "http://")
        async with httpx.AsyncClient(base_url=base, headers={"X-Agent": agent}, trust_env=False) as client:
            yield client, owner


@needs_minilm
@in_loop
async def test_a_hook_asks_and_hands_in_by_curl(tmp_path: Path) -> None:
    """Through a real server: a paraphrase is one entry with two contributors, a contradiction is linked, uses and endorsements
    are counted, another handle over a websocket sees it all."""
    async with ServerProcess(tmp_path / "state.db", "--knowledge", WHERE) as server:
        base = f"{server.http}/knowledge"
        assert await curl(f"{base}/query?q=API+limit") == (200, {"hits": []})
        status, first = await post(f"{base}/contribute", "ann", {"text": FACT, "why": "load test", "tags": ["api"]})
        assert (status, first["status"], first["links"]) == (200, "accepted", [])
        paraphrase = {"text": "The API permits 100 requests per minute.", "origin": "acme/task/q3"}
        _, again = await post(f"{base}/contribute", "bob", paraphrase, "X-Agent")
        assert (again["status"], again["ref"]) == ("merged", first["ref"])
        assert again["similarity"] > 0.94
        _, other = await post(f"{base}/contribute", "bob", {"text": OTHER})
        assert (other["status"], [link["ref"] for link in other["links"]]) == ("accepted", [first["ref"]])
        _, talk = await post(f"{base}/contribute", "bob", {"text": "I looked at the docs and then I tried it"})
        assert (talk["status"], talk["stage"], talk["ref"]) == ("rejected", "narration", None)
        assert "say what is so" in talk["reason"]
        assert await post(f"{base}/cite", "cem", {"ref": first["ref"], "n": 2}) == (200, {"ref": first["ref"]})
        for _ in range(2):
            assert await post(f"{base}/endorse", "cem", {"ref": first["ref"]}) == (200, {"ref": first["ref"]})
        _, found = await curl(f"{base}/query?q=How+many+requests+per+minute&limit=5&tag=api")
        (hit,) = found["hits"]
        assert (hit["ref"], hit["contributors"], hit["method"]) == (first["ref"], {"ann": 1, "bob": 1}, "embedding")
        assert (hit["contributions"], hit["citations"], hit["endorsements"]) == (2, 2, 1)
        assert [link["ref"] for link in hit["links"]] == [other["ref"]]
        async with connect(None, server.url, BACKEND, "hive", agent="dana") as doc:
            assert [one.text for one in await Corpus(doc, "knowledge").entries()] == [FACT, OTHER]


@in_loop
async def test_personal_data_leaves_no_trace(tmp_path: Path) -> None:
    """In the text, a tag, the origin or a reason, by any of the routes: turned away by name, and in no answer, no log line and
    no file. Past the routes the gate says the same."""
    log, store = tmp_path / "log.txt", tmp_path / "state.db"
    who = "jane.doe@example.com"
    async with ServerProcess(store, "--knowledge", WHERE, "--log-format", "json", log=log) as server:
        base = f"{server.http}/knowledge"
        _, known = await post(f"{base}/contribute", "ann", {"text": FACT})
        answers = [
            await post(f"{base}/contribute", "ann", body)
            for body in (
                {"text": SECRET},
                {"text": OTHER, "tags": [who]},
                {"text": OTHER, "origin": who},
                {"text": OTHER, "kind": who},
                {"text": OTHER, "why": f"as {who} says"},
            )
        ]
        assert [(status, told["status"], told["stage"]) for status, told in answers] == [
            (200, "rejected", "personal_data")
        ] * 5
        refused = [
            await post(f"{base}/cite", "ann", {"ref": known["ref"], "why": f"for {who}"}),
            await post(f"{base}/endorse", "ann", {"ref": known["ref"], "why": f"for {who}"}),
            await curl(
                f"{base}/contribute", "-H", "X-Agent: ann", "-H", f"X-Why: {who}", "-d", json.dumps({"text": 1})
            ),
            await post(f"{base}/contribute", "ann", {"text": OTHER, who: 1}),
            await post(f"{base}/contribute", "ann", {"text": OTHER, "kind": who * 20}),
            await curl(f"{base}/contribute", "-H", "X-Agent: ann", "-H", "Content-Type: text/json", "-d", f"{{{who}"),
            await post(
                f"{server.http}/documents/{WHERE}/regions/knowledge", "eve", {"items": [{"text": SECRET}]}, "X-Agent"
            ),
        ]
        assert [status for status, _ in refused] == [403, 403, 415, 422, 422, 400, 403]
        assert refused[-1][1]["code"] == "rejected_by:personal_data"
        _, found = await curl(f"{base}/query?q=staging+keys&limit=200")
        assert all(hit["text"] == FACT for hit in found["hits"])
    for told in (*answers, *refused):
        assert who not in json.dumps(told)
    assert log.stat().st_size
    assert who not in everything_in(tmp_path)


@in_loop
async def test_a_write_names_its_writer_once() -> None:
    """Nobody's write is 401; two names are one too many; reading is open; nothing was written."""
    async with Engine() as engine, world(engine) as (http, owner):
        del http.headers["X-Agent"]
        for path, body in (
            ("contribute", {"text": FACT}),
            ("cite", {"ref": "knowledge@1.0"}),
            ("endorse", {"ref": "x"}),
        ):
            answer = await http.post(f"/knowledge/{path}", json=body)
            assert (answer.status_code, answer.json()["code"]) == (401, "no_agent")
            twice = {"X-Agent": "ann", "X-Hive-Agent": "bob"}
            answer = await http.post(f"/knowledge/{path}", json=body, headers=twice)
            assert (answer.status_code, answer.json()["code"]) == (422, "bad_agent")
        assert (await http.get("/knowledge/query?q=API")).json() == {"hits": []}
        assert await owner.knowledge.entries() == []


@in_loop
async def test_a_retry_with_its_key_counts_once() -> None:
    """A contribution, merged or accepted, and a citation; the same key of somebody else is another one."""
    async with Engine() as engine, world(engine) as (http, owner):
        for agent in ("ann", "bob"):
            key = {"X-Agent": agent, "Idempotency-Key": "42"}
            answers = [
                (await http.post("/knowledge/contribute", json={"text": FACT}, headers=key)).json() for _ in range(3)
            ]
            assert len({(one["status"], one["ref"]) for one in answers}) == 1
            for _ in range(2):
                await http.post("/knowledge/cite", json={"ref": answers[0]["ref"], "n": 3}, headers=key)
        (entry,) = await owner.knowledge.entries()
        assert (dict(entry.counts.contributors), entry.counts.citations) == ({"ann": 1, "bob": 1}, 6)


@in_loop
async def test_what_does_not_fit_is_a_documented_problem() -> None:
    """Bodies and queries that are too large, of another type, with foreign members, or not there."""
    async with Engine() as engine, world(engine) as (http, owner):
        cases: list[tuple[str, dict[str, Any], int]] = [
            ("contribute", {"content": b"x" * (HTTP_BODY_BYTES_MAX + 1)}, 413),
            ("contribute", {"content": b"text=1", "headers": {"Content-Type": "text/plain"}}, 415),
            ("contribute", {"content": b"{"}, 400),
            ("contribute", {"json": [FACT]}, 422),
            ("contribute", {"json": {"text": FACT, "ref": "x"}}, 422),
            ("contribute", {"json": {"why": "x"}}, 422),
            ("contribute", {"json": {"text": 7}}, 422),
            ("contribute", {"content": b'{"text": "the \\ud800 parser drops tabs in 3 files"}'}, 422),
            ("contribute", {"json": {"text": FACT, "tags": "api"}}, 422),
            ("contribute", {"json": {"text": FACT, "tags": [1]}}, 422),
            ("contribute", {"json": {"text": FACT, "why": 1}}, 422),
            ("cite", {"json": {"ref": "knowledge@999.0"}}, 422),
            ("cite", {"json": {"ref": "other@1.0", "n": 1}}, 422),
            ("cite", {"json": {"ref": "knowledge@1.0", "n": [1]}}, 422),
        ]
        for path, body, status in cases:
            answer = await http.post(f"/knowledge/{path}", **body)
            assert answer.status_code == status, (path, body, answer.text)
            assert answer.headers["content-type"] == "application/problem+json"
        for query in ("", "q=", "q=a&q=b", "q=a&limit=0", "q=a&limit=201", "q=a&limit=x", "q=" + "a" * 4_001):
            assert (await http.get(f"/knowledge/query?{query}")).status_code == 422, query
        assert (await http.get("/knowledge/contribute")).status_code == 405
        too_long = (await http.post("/knowledge/contribute", json={"text": f"{FACT} " * 200})).json()
        assert (too_long["status"], too_long["stage"]) == ("rejected", "length")
        assert await owner.knowledge.entries() == []


@in_loop
async def test_a_token_does_what_it_grants(tmp_path: Path) -> None:
    """Reading to query, appending to contribute, a covered namespace for both; another name than the token's is refused."""
    keys = tmp_path / "keys.json"

    def token(agent: str, namespace: tuple[str, ...] = ("acme",), **allow: set[str]) -> dict[str, str]:
        allowances = tuple(Allowance(region, frozenset(words)) for region, words in allow.items())
        principal = Principal(agent, Auth.TOKEN, Grant((namespace,), allowances or None))
        return {"X-Agent": agent, "Authorization": f"Bearer {create(keys, principal, 1)[0]}"}

    both = {"read", "append"}
    async with Engine() as engine:
        token("first")
        async with world(engine, token_file=keys) as (http, owner):

            async def tries(headers: dict[str, str]) -> tuple[int, int]:
                asked = await http.get("/knowledge/query?q=API", headers=headers)
                told = await http.post("/knowledge/contribute", json={"text": FACT}, headers=headers)
                return asked.status_code, told.status_code

            assert await tries({}) == (401, 401)
            assert await tries(token("eve", ("evil",))) == (403, 403)
            assert await tries(token("eve", knowledge={"append"}, knowledge_tally={"append"})) == (403, 403)
            assert await tries(token("eve", knowledge={"read"}, knowledge_tally={"read"})) == (200, 403)
            assert await tries(token("ann") | {"X-Agent": "bob"}) == (403, 403)
            assert await owner.knowledge.entries() == []
            assert await tries(token("ann", knowledge=both, knowledge_tally=both)) == (200, 200)
            (entry,) = await owner.knowledge.entries()
            assert entry.by == "ann"


@in_loop
async def test_callers_share_what_has_been_read() -> None:
    """A hundred callers ask and each text was embedded once; each contributes in its own name."""
    embedder = Chosen()
    many = hive_with(embedder=embedder, scorer=None)
    async with Engine() as engine:
        owner = await engine.open(many, BACKEND, "hive", agent="owner")
        for fact in facts(20):
            await owner.knowledge.contribute(fact)
        await owner.knowledge.search(facts(20)[0])
        read = len(embedder.embedded)
        async with (
            served(engine, beside=[KnowledgeHttp(owner.knowledge)]) as url,
            httpx.AsyncClient(base_url=url.replace("ws://", "http://"), trust_env=False) as http,
        ):
            for n in range(100):
                found = await http.get("/knowledge/query", params={"q": facts(20)[n % 20], "limit": 1})
                assert found.json()["hits"][0]["text"] == facts(20)[n % 20]
            assert len(embedder.embedded) == read
            assert owner.knowledge.counters()["neighbourhood"] == {"accepted": 20}
            told = await asyncio.gather(
                *(
                    http.post("/knowledge/contribute", json={"text": FACT}, headers={"X-Agent": f"agent-{n}"})
                    for n in range(20)
                )
            )
            assert sorted(one.json()["status"] for one in told) == ["accepted", *["merged"] * 19]
        assert owner.knowledge.counters()["neighbourhood"] == {"accepted": 21, "merged": 19}
        (found,) = [one for one in await owner.knowledge.entries() if one.text == FACT]
        assert dict(found.counts.contributors) == {f"agent-{n}": 1 for n in range(20)}


@in_loop
async def test_a_corpus_goes_through_handles_of_its_own_document_only() -> None:
    """Another document is refused."""
    async with Engine() as engine:
        one = await engine.open(Hive, BACKEND, "hive", agent="ann")
        two = await engine.open(Hive, BACKEND, "den", agent="ann")
        with pytest.raises(Invalid):
            one.knowledge.through(two)


@in_loop
async def test_the_gate_of_a_served_corpus_outlives_its_handle() -> None:
    """Even when the handle that opened it was ended by a namesake, and everybody has left for long."""
    async with Engine(idle_s=0.05) as engine:
        await opened(engine, f"{WHERE}#lore")
        await opened(engine, "acme/role/backend/other")
        async with served(engine) as url:
            for name in ("hive", "other"):
                namesake = await connect(None, url, BACKEND, name, agent="knowledge")
                await namesake.close()
            idle = await engine.open(None, BACKEND, "idle", agent="ann")
            await idle.close()
            await until(lambda: idle.key.path not in [host.key for host in engine.hosts])
            async with httpx.AsyncClient(base_url=url.replace("ws://", "http://"), trust_env=False) as http:
                for name, region in (("hive", "lore"), ("other", "knowledge")):
                    answer = await http.post(
                        f"/documents/acme/role/backend/{name}/regions/{region}",
                        json={"items": [{"text": SECRET}]},
                        headers={"X-Agent": "eve"},
                    )
                    assert (answer.status_code, answer.json()["code"]) == (403, "rejected_by:personal_data")


@in_loop
async def test_a_name_that_cannot_be_a_corpus_is_refused() -> None:
    """Before anything is served."""
    async with Engine() as engine:
        for text in ("hive", f"{WHERE}#", f"{WHERE}#_x", f"{WHERE}#snapshot", "../../x"):
            with pytest.raises(Invalid):
                await opened(engine, text)


@in_loop
async def test_the_description_has_the_routes() -> None:
    """A server with a corpus describes them, one without does not."""
    async with Engine() as engine, world(engine) as (http, _), served(engine) as bare:
        described = (await http.get("/openapi.json")).json()["paths"]
        assert {f"/knowledge/{name}" for name in ("query", "contribute", "cite", "endorse")} <= described.keys()
        async with httpx.AsyncClient(base_url=bare.replace("ws://", "http://"), trust_env=False) as other:
            assert not any("knowledge" in path for path in (await other.get("/openapi.json")).json()["paths"])
            assert (await other.get("/knowledge/query?q=x")).status_code == 404
        asked = await http.options("/knowledge/contribute", headers={"Origin": "http://localhost:3000"})
        assert "X-Hive-Agent" in asked.headers["Access-Control-Allow-Headers"]
