"""The description is what the server does: every operation of it exists, and random requests meet documented answers."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx

from accordant import Engine
from accordant.sync.server.http.openapi import description
from http_served import http_world
from worlds import in_loop

EXAMPLES = {"tenant": "acme", "scope": "task", "name": "q3", "document": "brief", "region": "account", "key": "7"}


def _operations() -> Iterator[tuple[str, str]]:
    for template, methods in description()["paths"].items():
        for method in methods.keys() & {"get", "put", "post", "delete"}:
            yield method, re.sub(r"{(\w+)}", lambda found: EXAMPLES[found[1]], template)


@in_loop
async def test_every_described_operation_is_routed() -> None:
    """None is answered as an unknown route or method."""
    async with Engine() as engine, http_world(engine) as (http, owner):
        await owner.findings.append("x")
        for method, path in _operations():
            if path.endswith("/events"):
                continue  # it never ends; it has tests of its own
            path = path.replace("account/7", "tasks/7")
            answer: httpx.Response = await http.request(method, path, json={} if method in ("put", "post") else None)
            assert answer.status_code not in (404, 405, 500), (method, path, answer.text)
            documented = description()["paths"]
            assert str(answer.status_code) in _responses(documented, method, path), (method, path, answer.status_code)


def _responses(paths: dict, method: str, path: str) -> dict:
    for template, methods in paths.items():
        if re.fullmatch(re.sub(r"{\w+}", "[^/]+", template), path) and method in methods:
            return methods[method]["responses"]
    raise AssertionError(path)
