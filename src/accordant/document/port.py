"""The port: all that a document handle needs from whoever answers, in this process or across a websocket.

The engine and the websocket client implement it; the faces in `regions` know nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from accordant.types.commands import Committed, Question, ReadAnswer, RefusedWrite, Submission
from accordant.types.entries import Entry
from accordant.types.events import Event, EventQuery
from accordant.types.namespaces import DocumentKey
from accordant.types.past import Recall
from accordant.types.presence import Present
from accordant.types.regions import Schema
from accordant.types.snapshots import Cut

__all__ = ["EventSource", "HistoryQuery", "Port", "PresencePort"]


@dataclass(frozen=True, slots=True)
class HistoryQuery:
    """Which entries to list: the arguments of `Document.history`, as one value. Times are milliseconds."""

    path: str | None = None
    actor: str | None = None
    kind: str | None = None
    outcome: str | None = None
    since: int | None = None
    until: int | None = None
    before: int | None = None
    limit: int = 100
    oldest_first: bool = False


class EventSource(Protocol):
    """One subscription."""

    async def begin(self) -> None:
        """From now on events are kept for it; `next` does the same first. Raises `SnapshotExpired`, `Denied`, `Invalid`."""

    async def next(self) -> Sequence[Event]:
        """What has happened, at least one event; those of one version together. Raises what ended it. Cancelled, it loses none.
        In a group: what came of one entry; asking for the next confirms it."""

    async def close(self) -> None:
        """No more events. Idempotent."""


class PresencePort(Protocol):
    """One handle's way to those who are here now."""

    async def show(self, state: Mapping[str, Any] | None) -> None:
        """Show this of ourselves; None shows nothing."""

    async def everyone(self) -> tuple[Present, ...]:
        """All who are here."""

    async def changed(self, seen: int) -> int:
        """Wait for a change after the one of that number; returns the newest one's. -1: at once."""


class Port(Protocol):
    """One agent's way to one document. Every method raises only `AccordantError`s."""

    @property
    def key(self) -> DocumentKey:
        """Which document."""

    @property
    def agent(self) -> str:
        """Who we are."""

    @property
    def generation(self) -> int:
        """Our session's generation (I6)."""

    @property
    def version(self) -> int:
        """The newest durable version that we know of."""

    @property
    def schema(self) -> Schema:
        """The regions, as the authority knows them."""

    @property
    def is_connected(self) -> bool:
        """Whether the authority can be asked now."""

    @property
    def pending(self) -> int:
        """How many writes made offline wait to be merged."""

    @property
    def refused(self) -> Sequence[RefusedWrite]:
        """Writes made offline that did not land, and why."""

    @property
    def presence(self) -> PresencePort:
        """Who is here now."""

    async def synced(self, timeout_s: float | None = None) -> int:
        """Wait until nothing is pending; returns the newest version known. Raises `NoAuthority`, code `timeout`."""

    def new_op_id(self) -> str:
        """A fresh id for a submission: unique, so that a retry lands once."""

    async def ask(self, question: Question) -> ReadAnswer:
        """Answer at a durable version."""

    async def turn(self, question: Question) -> ReadAnswer:
        """Answer when it is our turn among those who are about to change this path. No lock: see `engine.host.lines`."""

    async def submit(self, submission: Submission) -> Committed:
        """Land all writes in one entry, durably, or raise and change nothing."""

    async def history(self, query: HistoryQuery) -> Sequence[Entry]:
        """Entries of the log, newest first unless asked otherwise."""

    async def outline(self) -> Mapping[str, Any]:
        """All regions at one version, as JSON values (`engine.outline`)."""

    async def cut(self, regions: frozenset[str] | None, at: int | None) -> Cut:
        """All regions (or these) at one version: the newest, or the old one `at`. Raises `SnapshotExpired`."""

    async def recall(self, query: Recall) -> Mapping[str, Any]:
        """What the log says about the past (`types.past`), as JSON values."""

    def events(self, query: EventQuery) -> EventSource:
        """What happens from now on, or after `query.after`. Raises `Denied`, `Invalid`, here or when first asked."""

    async def end_batch(self, batch: str, why: str | None = None) -> None:
        """Subscribers hear of a batch now. Harmless when nothing was written in it."""

    async def close(self) -> None:
        """End the session. Idempotent."""
