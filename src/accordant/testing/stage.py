"""The stage on which a store is examined: agents who take turns on one record, and what each move came to.

It knows no store and no particular order of moves. A store joins in by two small protocols, `Subject` (who can be asked
in) and `Handle` (what one agent can do there).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from accordant.types.limits import PROBE_MOVE_S

__all__ = ["Handle", "Refused", "Seen", "Stage", "Subject", "Unusable", "shown"]


@dataclass(frozen=True, slots=True)
class Seen:
    """What a read gave: the record (None where there is none) and whatever the store wants back with a write."""

    value: Any
    token: Any = None


class Refused(Exception):
    """The store did not take a write. The text says how it said so."""


class Unusable(Exception):
    """The subject cannot even write a record and read it back; nothing about interleavings can be learned from it."""


class Handle(Protocol):
    """What one agent can do. `write` and `delete` raise `Refused` when the store says no, however it says it."""

    async def read(self, key: str) -> Seen: ...

    async def write(self, key: str, value: Mapping[str, Any], seen: Seen) -> None: ...

    async def delete(self, key: str, seen: Seen) -> None: ...


class Subject(Protocol):
    """A store under examination. `join` under a name that is taken means: that agent was replaced by a successor."""

    @property
    def can_delete(self) -> bool: ...

    @property
    def can_restart(self) -> bool: ...

    async def join(self, agent: str) -> Handle: ...

    async def restart(self) -> None:
        """End the store's process, or its nearest likeness, and start it again over the same data; handles are dead."""


@dataclass(slots=True)
class Stage:
    """One interleaving in progress: the key it plays on, the agents on it, and every move so far."""

    subject: Subject
    key: str
    merges: bool = False  # two updates from one basis were both kept: then an unseen change is no lost one
    handles: dict[str, Handle] = field(default_factory=dict)
    moves: list[str] = field(default_factory=list)

    async def enter(self, agent: str, under: str | None = None) -> None:
        """The agent joins; `under` gives it somebody else's name, as a successor has."""
        self.handles[agent] = await self._move(self.subject.join(under or agent))

    async def restart(self) -> None:
        """The store restarts, and everybody joins again under the same name. What they had read, they keep."""
        await self._move(self.subject.restart())
        self.moves.append("the store restarts")
        for agent in list(self.handles):
            await self.enter(agent)

    async def read(self, agent: str) -> Seen:
        """The agent reads the record."""
        if agent not in self.handles:
            await self.enter(agent)
        seen: Seen = await self._move(self.handles[agent].read(self.key))
        self.moves.append(f"{agent} reads {shown(seen.value)}")
        return seen

    async def write(self, agent: str, seen: Seen, **changes: Any) -> str | None:
        """The agent writes the whole record that it derives from what it saw; a refusal is answered as its text."""
        record = {**(seen.value or {}), **changes}
        return await self._attempt(f"{agent} writes {shown(record)}", self.handles[agent].write(self.key, record, seen))

    async def delete(self, agent: str, seen: Seen) -> str | None:
        """The agent deletes the record; a refusal is answered as its text."""
        return await self._attempt(f"{agent} deletes the record", self.handles[agent].delete(self.key, seen))

    async def must(self, refusal: Awaitable[str | None]) -> None:
        """A move that every store has to allow, since nobody interferes with it."""
        if (text := await refusal) is not None:
            raise Unusable(f"a write from the newest reading was refused: {text}")

    async def final(self) -> Mapping[str, Any]:
        """The record as somebody sees it who comes afterwards."""
        value = (await self.read("auditor")).value
        return value if isinstance(value, Mapping) else {}

    async def _attempt(self, move: str, doing: Awaitable[None]) -> str | None:
        try:
            await self._move(doing)
        except Refused as refusal:
            self.moves.append(f"{move}: refused, {refusal}")
            return str(refusal)
        self.moves.append(f"{move}: accepted")
        return None

    async def _move(self, doing: Awaitable[Any]) -> Any:
        try:
            async with asyncio.timeout(PROBE_MOVE_S):
                return await doing
        except TimeoutError:
            raise Unusable(f"the store did not answer within {PROBE_MOVE_S:g} s") from None


def shown(value: Any) -> str:
    """A record in a few words: the fields that the interleavings change."""
    if not isinstance(value, Mapping):
        return "nothing" if value is None else repr(value)[:80]
    return (
        ", ".join(f"{name}={value[name]!r}" for name in ("plan", "status", "usage") if name in value)
        or "an empty record"
    )
