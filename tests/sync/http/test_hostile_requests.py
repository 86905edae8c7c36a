"""Requests that nobody honest sends: each has its typed answer, none is a server error, none crosses a namespace."""

from __future__ import annotations

import httpx
import pytest

from accordant import Engine
from accordant.types.limits import HTTP_BODY_BYTES_MAX
from http_served import BRIEF, http_world
from worlds import in_loop

FINDINGS = f"{BRIEF}/regions/findings"


@in_loop
async def test_path_tricks_name_no_document() -> None:
    """A percent-encoded slash is no separator, dots are no steps, and twins in another Unicode form are refused."""
    async with Engine() as engine, http_world(engine) as (http, _):
        for path in (
            "/documents/acme%2Ftask%2Fq3%2Fbrief",
            "/documents/acme/task/q3%2Fbrief/x",
            "/documents/acme/task/q3/../q3/brief/regions/",
            "/documents/acme/task/q3//brief",
            "/documents//acme/task/q3/brief",
            "/documents/acme/task/q3/bri%00ef",
            "/documents/acme/task/q3/%FF",
            "/documents/acme/task/q3/cafe%CC%81",
            f"/documents/acme/task/q3/{'x' * 200}",
            "/documents/system/private/brief",
            "/documents/acme/other/q3/brief",
            f"{BRIEF}/regions/guarded",
            f"{BRIEF}/regions/a/b/c",
            f"{BRIEF}/nothing",
            f"{BRIEF}/",
        ):
            request = httpx.Request("GET", str(http.base_url).rstrip("/") + path, headers={"X-Agent": "ada"})
            request.url = request.url.copy_with(raw_path=path.encode())
            answer = await http.send(request)
            assert 400 <= answer.status_code < 500, path
            assert answer.headers["content-type"] == "application/problem+json"
        assert len(await engine.documents()) == 1


@in_loop
async def test_bodies_are_bounded_and_strict() -> None:
    """Too large 413, not JSON 400, another type 415, too deep or beyond 2^53 422; nothing lands."""
    async with Engine() as engine, http_world(engine) as (http, owner):
        cases = [
            (b"[" * 100_000, 400),
            (b'{"items": [NaN]}', 400),
            (b"\xff\xfe", 400),
            (b"[" * 40 + b"]" * 40, 422),
            (b'{"items": "x"}', 422),
            (b'{"op": "drop"}', 422),
            (b"123456789012345678901234567890", 422),
            (b'{"items": ["x"], "derived_from": [7]}', 422),
            (b'{"items": ["x"], "why": 7}', 422),
        ]
        for body, status in cases:
            answer = await http.post(FINDINGS, content=body)
            assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), body[
                :40
            ]
        wrong = await http.post(FINDINGS, content=b"x", headers={"Content-Type": "text/xml"})
        assert wrong.status_code == 415
        large = await http.post(FINDINGS, content=b'"' + b"x" * HTTP_BODY_BYTES_MAX + b'"')
        assert large.status_code == 413
        assert (await owner.findings.read()).value == []


@in_loop
async def test_methods_names_and_origins() -> None:
    """405 says what is allowed; two names or a bad one are refused; a foreign page gets 403 and reads nothing."""
    async with Engine() as engine, http_world(engine) as (http, _):
        answer = await http.patch(FINDINGS)
        assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD, PUT, POST, DELETE")
        assert (await http.put(FINDINGS, json=[])).status_code == 405
        assert (await http.post(BRIEF, json=[])).status_code == 405
        assert (await http.post(FINDINGS, json="x", headers={"X-Agent": "a/b"})).status_code == 422
        twice = [("X-Agent", "ada"), ("X-Agent", "bob")]
        async with httpx.AsyncClient(base_url=http.base_url, trust_env=False) as both:
            assert (await both.post(FINDINGS, json="x", headers=twice)).status_code == 422
        foreign = await http.get(BRIEF, headers={"Origin": "https://evil.example"})
        assert (foreign.status_code, foreign.json()["code"]) == (403, "origin")
        assert "access-control-allow-origin" not in foreign.headers
        local = await http.get(BRIEF, headers={"Origin": "http://localhost:3000"})
        assert local.headers["access-control-allow-origin"] == "http://localhost:3000"
        asked = await http.options(FINDINGS, headers={"Origin": "http://localhost:3000"})
        assert (asked.status_code, "If-Match" in asked.headers["access-control-allow-headers"]) == (204, True)


@pytest.mark.parametrize("header", ["If-Match", "If-None-Match", "X-Why", "Idempotency-Key", "Last-Event-ID"])
@in_loop
async def test_strange_headers_are_no_server_error(header: str) -> None:
    """Whatever stands in a header, the answer is typed."""
    async with Engine() as engine, http_world(engine) as (http, _):
        for value in (b"", b"\xff\xfe", b'"' * 50, b"9" * 400, b"%ff%00", b'"1.1.1.' + b"a" * 300 + b'"'):
            headers = [(header.encode(), value), (b"X-Agent", b"ada")]
            request = http.build_request("POST", FINDINGS, json="x", headers=headers)
            assert (await http.send(request)).status_code < 500
            request = http.build_request("PUT", f"{BRIEF}/regions/account", json={}, headers=headers)
            assert (await http.send(request)).status_code < 500
