"""A real server with one declared document, and a client that speaks HTTP to it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import httpx
from pydantic import BaseModel

from accordant import Counter, Document, Engine, Guarded, GuardedMap, Log, Map, Namespace, Text, UnionSet, region
from served import served

TASK = Namespace.task("acme", "q3")
BRIEF = "/documents/acme/task/q3/brief"


class Account(BaseModel):
    plan: str = "free"
    status: str = "active"


class Brief(Document):
    account: Guarded[Account]
    tasks: GuardedMap[dict[str, Any]]
    findings: Log[str]
    open_questions: UnionSet[str]
    draft: Text = region(allow={"*": {"insert", "append", "delete", "replace"}, "ada": {"insert", "rethink"}})
    citations: Counter
    cursors: Map[int] = region(lww="only for show")


@contextlib.asynccontextmanager
async def http_world(engine: Engine) -> AsyncIterator[tuple[httpx.AsyncClient, Brief]]:
    """A client that calls itself `ada`, and an embedded handle of `owner` on the same document."""
    owner = await engine.open(Brief, TASK, "brief", agent="owner")
    async with served(engine) as url:
        base = url.replace("ws://", "http://")
        async with httpx.AsyncClient(base_url=base, headers={"X-Agent": "ada"}, trust_env=False) as client:
            yield client, owner
