"""Default deny, in a process: which agent may reach what, as a guarded map in a document of its own.

So that a grant is what any other write is: durable, attributed, with a reason, in a log that can be asked. The engine alone opens
that document; whoever holds the engine is trusted, the agents it opens handles for are not.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from typing import Any

from accordant.document.document import Document
from accordant.document.regions import GuardedMap
from accordant.document.rules import region
from accordant.engine.grants import DECLARE
from accordant.engine.stores.contract import Store
from accordant.types.access import ANY, READ, Allowance, Grant
from accordant.types.errors import Denied, Fenced, Invalid
from accordant.types.namespaces import DocumentKey, Namespace, segment
from accordant.types.readings import Reading
from accordant.types.regions import OPERATIONS
from accordant.types.values import is_text

__all__ = ["BOOK", "GOVERNOR", "Governance", "GrantBook", "Granted", "grants_in"]

BOOK = DocumentKey.of(Namespace.shared(), "grants")
"""The document of the grants. `accordant log STORE system/shared/grants` tells who granted what to whom, when and why."""
_WORDS = frozenset({READ, ANY, DECLARE}).union(*OPERATIONS.values())
GOVERNOR = "governor"
"""Who writes it. `by` in each grant says on whose behalf."""


class GrantBook(Document):
    """By agent, what it may reach."""

    grants: GuardedMap[dict[str, Any]] = region(writers=GOVERNOR)


@dataclass(frozen=True, slots=True)
class Granted:
    """What an agent may reach, who said so, and since when (ms, and the version in the book)."""

    agent: str
    grant: Grant
    by: str
    at: int
    version: int

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {"agent": self.agent, "by": self.by, "at": self.at, "version": self.version} | self.grant.to_json()


class Governance:
    """The book, opened when it is first asked. `opened`: how the engine opens it."""

    def __init__(self, opened: Callable[[], Awaitable[GrantBook]]) -> None:
        self._opened = opened
        self._book: GrantBook | None = None

    async def grant(self, agent: str, grant: Grant, by: str, why: str | None) -> Granted:
        """From now on `agent` may reach this, and no more than this."""
        said = _checked(grant).to_json() | {"by": segment(by)}
        reading = await self._turned(segment(agent), said, why)
        return _granted(agent, said, reading)

    async def revoke(self, agent: str, by: str, why: str | None) -> bool:
        """From now on it may reach nothing; whether it could before."""
        if (await self.of(agent)) is None:
            return False
        # Not deleted: the entry says on whose behalf it was taken away.
        await self._turned(agent, {"namespaces": [], "allow": [], "by": segment(by)}, why)
        return True

    async def of(self, agent: str) -> Grant | None:
        """What this agent may reach; None: nothing."""
        value = (await self._asked(lambda book: book.grants.read(agent))).value
        return _grant_in(value)

    async def check(self, agent: str, key: DocumentKey) -> Grant:
        """What the agent may do there; raises `Denied` (`no_grant`), whether the document exists or not."""
        grant = await self.of(agent)
        if grant is None or not grant.covers(key):
            hint = "engine.grant(agent, Grant(...), by=...) grants it"
            raise Denied(f"{agent} is not granted {key}", code="no_grant", agent=agent, hint=hint)
        return grant

    async def listed(self) -> list[Granted]:
        """All who may reach something, by name."""
        found = (await self._asked(lambda book: book.grants.readings())).value
        return [
            _granted(agent, reading.value, reading)
            for agent, reading in sorted(found.items())
            if _grant_in(reading.value) is not None
        ]

    async def _turned(self, agent: str, said: dict[str, Any], why: str | None) -> Reading[dict[str, Any]]:
        turned: Reading[dict[str, Any]] = await self._asked(
            lambda book: book.grants.update(agent, lambda _: said, why=why)
        )
        return turned

    async def _asked(self, question: Callable[[GrantBook], Awaitable[Any]]) -> Any:
        if self._book is None:
            self._book = await self._opened()
        try:
            return await question(self._book)
        except Fenced:  # its session has ended with its host: the book itself is where it was
            self._book = await self._opened()
            return await question(self._book)


async def grants_in(store: Store) -> list[Granted]:
    """What a store's book says, for whoever only reads the store."""
    if not await store.documents((*BOOK.namespace.segments, BOOK.name)):
        return []
    _, rows = await store.fields(BOOK.path)
    found = [(row, json.loads(row.value)) for row in rows if row.value is not None and row.path.startswith("grants/")]
    return [
        Granted(row.path.partition("/")[2], Grant.from_json(said), said["by"], row.at, row.version)
        for row, said in found
        if _grant_in(said) is not None
    ]


def _checked(grant: Any) -> Grant:
    """Raises `Invalid` for a grant that is none, or that would reach something else than whoever wrote it meant."""
    if not isinstance(grant, Grant):
        raise _bad(f"{type(grant).__name__} is no Grant")
    for prefix in _listed(grant.namespaces, "namespaces"):
        if not _listed(prefix, "a namespace"):
            raise _bad("a namespace without segments is every one: namespaces=None says so")
        for one in prefix:
            segment(one)
    for allowance in _listed(grant.allow, "allow"):
        if not isinstance(allowance, Allowance) or not is_text(allowance.region) or not allowance.region:
            raise _bad(f"{allowance!r} is no Allowance of a region")
        unknown = set(_listed(allowance.operations, "operations")) - _WORDS
        if unknown:
            raise _bad(f"{sorted(map(str, unknown))} are no operations: {', '.join(sorted(_WORDS))}")
    return grant


def _listed(several: Any, what: str) -> Collection[Any]:
    if several is not None and not isinstance(several, tuple | list | set | frozenset):
        raise _bad(f"{what} is a collection, not {type(several).__name__}")
    return several or ()


def _bad(text: str) -> Invalid:
    hint = 'Grant((("acme", "task", "q3"),), (Allowance("findings", frozenset({"read", "append"})),))'
    return Invalid(text, code="bad_grant", hint=hint)


def _grant_in(value: dict[str, Any] | None) -> Grant | None:
    return Grant.from_json(value) if value and value["namespaces"] != [] else None


def _granted(agent: str, said: dict[str, Any], reading: Reading[Any]) -> Granted:
    return Granted(agent, Grant.from_json(said), said["by"], reading.at or 0, reading.version)
