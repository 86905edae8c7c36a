"""Guarded fields over HTTP: no write derived from a stale read lands, whatever the client is."""

from __future__ import annotations

import httpx

from accordant import Engine
from http_served import BRIEF, Account, http_world
from worlds import in_loop

ACCOUNT = f"{BRIEF}/regions/account"


@in_loop
async def test_a_put_with_the_etag_it_read_lands_and_its_stale_twin_gets_what_won() -> None:
    """412 carries the current value, version, writer and a fresh ETag, with which the derived-again write lands."""
    async with Engine() as engine, http_world(engine) as (http, owner):
        seen = await http.get(ACCOUNT)
        assert seen.status_code == 200
        assert (seen.json()["version"], seen.json()["value"]) == (0, None)
        etag = seen.headers["etag"]
        first = await http.put(ACCOUNT, json={"plan": "pro"}, headers={"If-Match": etag, "X-Why": "upgrade"})
        assert first.status_code == 200
        assert first.json()["value"] == {"plan": "pro"}
        lost = await http.put(ACCOUNT, json={"plan": "team"}, headers={"If-Match": etag})
        assert lost.status_code == 412
        assert lost.headers["content-type"] == "application/problem+json"
        problem = lost.json()
        assert (problem["code"], problem["retryable"], problem["writer"]) == ("stale_version", True, "ada")
        assert problem["value"] == {"plan": "pro"}
        assert problem["version"] == first.json()["version"]
        again = await http.put(ACCOUNT, json={"plan": "team"}, headers={"If-Match": lost.headers["etag"]})
        assert again.status_code == 200
        assert (await owner.account.read()).value == Account(plan="team")
        assert [entry.why for entry in await owner.history("account", kind="write")][-1] == "upgrade"


@in_loop
async def test_a_write_names_what_it_replaces() -> None:
    """Without If-Match, or with `*`, 428; an ETag that no answer gave is 422; If-None-Match: * lands only on a new field."""
    async with Engine() as engine, http_world(engine) as (http, _):
        for headers in ({}, {"If-Match": "*"}):
            refused = await http.put(ACCOUNT, json={"plan": "pro"}, headers=headers)
            assert (refused.status_code, refused.json()["code"]) == (428, "precondition")
            assert "If-Match" in refused.json()["next"]
        for junk in ('"12"', "12", 'W/"1.2.3.x"', '"1.2.3.x", "1.2.3.y"'):
            assert (await http.put(ACCOUNT, json={}, headers={"If-Match": junk})).status_code == 422
        new = {"If-None-Match": "*"}
        assert (await http.put(ACCOUNT, json={"plan": "pro"}, headers=new)).status_code == 200
        assert (await http.put(ACCOUNT, json={"plan": "team"}, headers=new)).status_code == 412
        assert (await http.get(ACCOUNT)).json()["value"]["plan"] == "pro"


@in_loop
async def test_what_a_fenced_caller_read_is_409() -> None:
    """An ETag outlives requests, and ends with its session's generation (I6)."""
    async with Engine() as engine, http_world(engine) as (http, _):
        etag = (await http.get(ACCOUNT)).headers["etag"]
        assert await engine.fence("ada") == 1
        late = await http.put(ACCOUNT, json={"plan": "pro"}, headers={"If-Match": etag})
        assert (late.status_code, late.json()["code"], late.json()["outcome"]) == (
            409,
            "stale_read_generation",
            "fenced",
        )
        etag = (await http.get(ACCOUNT)).headers["etag"]
        assert (await http.put(ACCOUNT, json={"plan": "pro"}, headers={"If-Match": etag})).status_code == 200


@in_loop
async def test_what_does_not_fit_is_422_and_a_writer_without_a_name_401() -> None:
    """Values are judged by the schema; every write has a writer."""
    async with Engine() as engine, http_world(engine) as (http, _):
        etag = (await http.get(ACCOUNT)).headers["etag"]
        wrong = await http.put(ACCOUNT, json={"plan": 7}, headers={"If-Match": etag})
        assert (wrong.status_code, wrong.json()["code"]) == (422, "invalid_value")
        async with httpx.AsyncClient(base_url=http.base_url, trust_env=False) as nobody:
            assert (await nobody.get(ACCOUNT)).status_code == 200
            refused = await nobody.put(ACCOUNT, json={"plan": "pro"}, headers={"If-Match": etag})
            assert (refused.status_code, refused.json()["code"]) == (401, "no_agent")


@in_loop
async def test_keys_of_a_guarded_map_are_claimed_and_removed() -> None:
    """A key may hold a slash; claims are POSTed; a delete names what it removes."""
    async with Engine() as engine, http_world(engine) as (http, owner):
        key = f"{BRIEF}/regions/tasks/a%2Fb"
        made = await http.put(key, json={"value": {"n": 1}, "why": "first"}, headers={"If-None-Match": "*"})
        assert (made.status_code, made.json()["path"]) == (200, "tasks/a/b")
        claim = await http.post(key, json={"op": "claim", "ttl_s": 60})
        assert claim.json()["claim"]["by"] == "ada"
        other = await http.get(key, headers={"X-Agent": "bob"})
        denied = await http.put(key, json={"n": 2}, headers={"If-Match": other.headers["etag"], "X-Agent": "bob"})
        assert (denied.status_code, denied.json()["code"]) == (403, "claimed")
        assert (await http.delete(key)).status_code == 428
        gone = await http.delete(key, headers={"If-Match": claim.headers["etag"]})
        assert gone.status_code == 200
        assert (await owner.tasks.read()).value == {}


@in_loop
async def test_a_repeated_request_lands_once() -> None:
    """An Idempotency-Key makes a retry after a lost answer harmless."""
    async with Engine() as engine, http_world(engine) as (http, owner):
        key = {"Idempotency-Key": "k1"}
        first = await http.post(f"{BRIEF}/regions/findings", json="once", headers=key)
        again = await http.post(f"{BRIEF}/regions/findings", json="once", headers=key)
        assert (again.json()["version"], again.json()["duplicate"]) == (first.json()["version"], True)
        assert (await owner.findings.read()).value == ["once"]


@in_loop
async def test_a_basis_that_has_changed_denies_the_write() -> None:
    """`derived_from` names readings by path and ETag; a stale one is 412 (I5)."""
    async with Engine() as engine, http_world(engine) as (http, owner):
        basis = (await http.get(f"{BRIEF}/regions/findings")).headers["etag"]
        account = (await http.get(ACCOUNT)).headers["etag"]
        await owner.findings.append("news")
        body = {"value": {"plan": "pro"}, "derived_from": [{"path": "findings", "etag": basis}]}
        stale = await http.put(ACCOUNT, json=body, headers={"If-Match": account})
        assert (stale.status_code, stale.json()["outcome"]) == (412, "stale")
