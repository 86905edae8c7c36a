"""Turns: how several schedulers of a group share knowledge sources so that none fires twice on one state.

A source is a key of the guarded map `turns`, `group/source`. Whoever runs it holds the key; what it has fired on is its value.
Both are the document's, so that a group outlives its members, and a member that hangs or dies is replaced when its claim has
ended.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from accordant.document.document import Document
from accordant.document.regions import GuardedMap
from accordant.patterns.claiming import claimed, why_gone
from accordant.types.errors import Conflict, Invalid
from accordant.types.pattern_limits import TURN_TTL_S
from accordant.types.readings import Held
from accordant.types.regions import Kind, RegionSpec
from accordant.types.snapshots import Cut

__all__ = ["TURNS", "Turn", "Turns"]

TURNS = "turns"
"""The region's name."""


@dataclass(frozen=True, slots=True)
class Turn:
    """On which state a source has fired last, and who ran it."""

    state: int
    scheduler: str


class Turns:
    """One group's share of the map."""

    def __init__(self, doc: Document, group: str) -> None:
        spec = doc.schema.region(TURNS)
        if (spec is None and not doc.schema.is_open) or (spec is not None and spec.kind is not Kind.GUARDED_MAP):
            raise Invalid(
                f"a scheduler with group= needs a guarded map {TURNS!r} in its document",
                code="no_turns",
                hint=f"declare `{TURNS}: GuardedMap[Turn]`, or subclass Board, which has it",
            )
        region = doc.region_as(RegionSpec(TURNS, Kind.GUARDED_MAP, Turn))
        assert isinstance(region, GuardedMap)
        self._region: GuardedMap[Turn] = region
        self._doc = doc
        self._group = group
        self._scheduler = doc.agent

    def has_fired(self, cut: Cut, source: str, state: int) -> bool:
        """Whether somebody of the group has fired it on this state, or on a newer one, as far as this cut knows."""
        field = self._field(cut, source)
        return field is not None and field.value is not None and int(json.loads(field.value)["state"]) >= state

    async def is_held(self, cut: Cut, source: str, now_ms: float) -> bool:
        """Whether somebody else runs it: a claim that has not run out, whose holder has not gone."""
        field = self._field(cut, source)
        claim = None if field is None else field.claim
        if claim is None or claim["by"] == self._scheduler or int(claim["until"]) <= now_ms:
            return False
        held = Held(source, str(claim["by"]), int(claim["until"]), int(claim["fence"]))
        return await why_gone(self._doc, held) is None

    @asynccontextmanager
    async def take(self, source: str, state: int) -> AsyncIterator[bool]:
        """Hold it while the block runs it, and note the state when the block has ended well. Yields False when another holds
        it, or has fired on that state: the block is to do nothing."""
        async with AsyncExitStack() as stack:
            try:
                key = f"{self._group}/{source}"
                held = await stack.enter_async_context(claimed(self._region, key, TURN_TTL_S))
            except Conflict:
                yield False
                return
            if held.value is not None and held.value.state >= state:
                yield False
                return
            yield True
            await held.commit(Turn(state, self._scheduler), why=f"{source} has fired on v{state}")

    def _field(self, cut: Cut, source: str) -> Any:
        region = cut.regions.get(TURNS)
        return None if region is None else region.fields.get(f"{self._group}/{source}")
