"""A port in front of another: whatever it does not answer in its own way is the other's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from accordant.document.port import EventSource, HistoryQuery, Port, PresencePort
from accordant.types.commands import Committed, Question, ReadAnswer, RefusedWrite, Submission
from accordant.types.entries import Entry
from accordant.types.events import EventQuery
from accordant.types.namespaces import DocumentKey
from accordant.types.past import Recall
from accordant.types.regions import Schema
from accordant.types.snapshots import Cut

__all__ = ["ForwardingPort"]


class ForwardingPort:
    """Every question goes on to the port behind. Only `close` does not: the session is not ours to end."""

    def __init__(self, port: Port) -> None:
        self._port = port

    @property
    def key(self) -> DocumentKey:
        """Which document."""
        return self._port.key

    @property
    def agent(self) -> str:
        """Who we are."""
        return self._port.agent

    @property
    def generation(self) -> int:
        """Our session's generation."""
        return self._port.generation

    @property
    def version(self) -> int:
        """The newest durable version that is known."""
        return self._port.version

    @property
    def schema(self) -> Schema:
        """The regions."""
        return self._port.schema

    @property
    def is_connected(self) -> bool:
        """Whether the authority can be asked now."""
        return self._port.is_connected

    @property
    def pending(self) -> int:
        """How many writes made offline wait."""
        return self._port.pending

    @property
    def refused(self) -> Sequence[RefusedWrite]:
        """Writes made offline that did not land."""
        return self._port.refused

    @property
    def presence(self) -> PresencePort:
        """Who is here now."""
        return self._port.presence

    async def synced(self, timeout_s: float | None = None) -> int:
        """Wait until nothing is pending."""
        return await self._port.synced(timeout_s)

    def new_op_id(self) -> str:
        """A fresh id."""
        return self._port.new_op_id()

    async def ask(self, question: Question) -> ReadAnswer:
        """Read."""
        return await self._port.ask(question)

    async def turn(self, question: Question) -> ReadAnswer:
        """Read in turn."""
        return await self._port.turn(question)

    async def submit(self, submission: Submission) -> Committed:
        """Land the writes."""
        return await self._port.submit(submission)

    async def history(self, query: HistoryQuery) -> Sequence[Entry]:
        """The log."""
        return await self._port.history(query)

    async def outline(self) -> Mapping[str, Any]:
        """All regions at one version."""
        return await self._port.outline()

    async def cut(self, regions: frozenset[str] | None, at: int | None) -> Cut:
        """A snapshot."""
        return await self._port.cut(regions, at)

    async def recall(self, query: Recall) -> Mapping[str, Any]:
        """The past."""
        return await self._port.recall(query)

    def events(self, query: EventQuery) -> EventSource:
        """What happens."""
        return self._port.events(query)

    async def end_batch(self, batch: str, why: str | None = None) -> None:
        """Subscribers hear of a batch."""
        await self._port.end_batch(batch, why)

    async def close(self) -> None:
        """It holds nothing."""
