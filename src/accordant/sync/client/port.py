"""The websocket port: a document handle's way to the authority in another process. Values to JSON, JSON to values."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from accordant.document.port import HistoryQuery
from accordant.sync.client.cache import Cache
from accordant.sync.client.connection import Connection
from accordant.sync.client.following import WebsocketEvents
from accordant.sync.client.offline import Offline
from accordant.sync.client.presence import WebsocketPresence
from accordant.sync.client.replica import can_wait
from accordant.sync.event_messages import batch_to_json
from accordant.sync.messages import (
    Method,
    answer_from_json,
    committed_from_json,
    entries_from_json,
    history_to_json,
    question_to_json,
)
from accordant.types.commands import Committed, Question, ReadAnswer, RefusedWrite, Submission
from accordant.types.entries import Entry
from accordant.types.errors import AccordantError, Fenced, WireError
from accordant.types.events import EventQuery
from accordant.types.namespaces import DocumentKey
from accordant.types.past import Recall
from accordant.types.readings import Token
from accordant.types.regions import Kind, Schema
from accordant.types.snapshots import Cut

__all__ = ["WebsocketPort"]

logger = logging.getLogger("accordant.sync")
NO_EPOCH = 0
"""Of a token that no authority gave: epochs are times."""


class WebsocketPort:
    """One session on one document, at a server. `declared` brings the Python types that no wire carries."""

    def __init__(self, connection: Connection, key: DocumentKey, agent: str, declared: Schema) -> None:
        self._connection = connection
        self._key = key
        self._agent = agent
        self._declared = declared
        self._closed = False
        self._cache = Cache()

    @property
    def key(self) -> DocumentKey:
        """Which document."""
        return self._key

    @property
    def agent(self) -> str:
        """Who we are."""
        return self._agent

    @property
    def generation(self) -> int:
        """Our session's generation; a new one after a reconnect that could not resume the session."""
        welcome = self._connection.session.welcome
        return 0 if welcome is None else welcome.generation

    @property
    def version(self) -> int:
        """The newest durable version that the server has told us of."""
        return self._connection.session.version

    @property
    def schema(self) -> Schema:
        """The regions as the server knows them, with the Python types of our own class."""
        known = self._connection.session.schema
        regions = dict(known.regions) | dict(self._declared.regions)
        return Schema(self._declared.name if self._declared.regions else known.name, regions, is_open=not regions)

    @property
    def is_connected(self) -> bool:
        """Whether the server can be asked now."""
        return self._connection.is_ready

    @property
    def pending(self) -> int:
        """How many writes made offline wait."""
        offline = self._connection.offline
        return 0 if offline is None else offline.pending

    @property
    def refused(self) -> Sequence[RefusedWrite]:
        """Writes made offline that did not land."""
        offline = self._connection.offline
        return () if offline is None else tuple(offline.refused)

    @property
    def presence(self) -> WebsocketPresence:
        """Who is here now, as far as the server has told."""
        return self._connection.presence

    async def synced(self, timeout_s: float | None = None) -> int:
        """Wait until nothing is pending."""
        await self._connection.drained(timeout_s)
        return self.version

    def new_op_id(self) -> str:
        """A random id."""
        return uuid.uuid4().hex

    async def ask(self, question: Question) -> ReadAnswer:
        """Read at the server; while it cannot be reached, mergeable regions in the local replica."""
        offline = self._away(question.kind)
        if offline is not None and question.at_least is None:
            return self._local(offline, question)
        welcome = self._connection.session.welcome
        if welcome is not None and question.is_cached and question.since is None:
            asked = replace(question, known=self._cache.known(question, welcome.epoch))
            served = self._cache.served(
                question, answer_from_json(await self._call(Method.ASK, question_to_json(asked)))
            )
            if served is not None:
                return served
        return answer_from_json(await self._call(Method.ASK, question_to_json(question)))

    async def turn(self, question: Question) -> ReadAnswer:
        """Read at the server, when those in line before us have had their turn."""
        return answer_from_json(await self._call(Method.TURN, question_to_json(question)))

    async def submit(self, submission: Submission) -> Committed:
        """Land the writes at the server. Cancelling the caller does not undo a write that was sent. While the server cannot
        be reached, writes that merge whenever they arrive are kept, and answered as pending."""
        offline = None if submission.derived_from else self._away(*(write.kind for write in submission.writes))
        if offline is not None and can_wait(submission.writes):
            offline.write(submission)
            if self._connection.is_ready:
                self._connection.drain()
            return _with_refs(Committed(0, pending=True), submission)
        committed = committed_from_json(await self._call(Method.SUBMIT, submission.to_json()))
        session = self._connection.session
        session.version = max(session.version, committed.version)
        return committed if committed.refs or not committed.duplicate else _with_refs(committed, submission)

    async def history(self, query: HistoryQuery) -> Sequence[Entry]:
        """Entries of the server's log, without the bytes of updates."""
        return entries_from_json(await self._call(Method.HISTORY, history_to_json(query)))

    async def outline(self) -> Mapping[str, Any]:
        """All regions at one durable version."""
        outline = await self._call(Method.OUTLINE, {})
        if not isinstance(outline, Mapping):
            raise WireError("an outline is an object", code="bad_command")
        return outline

    async def cut(self, regions: frozenset[str] | None, at: int | None) -> Cut:
        """Taken at the server."""
        body = {"regions": None if regions is None else sorted(regions), "at": at}
        return Cut.from_json(await self._call(Method.CUT, body))

    async def recall(self, query: Recall) -> Mapping[str, Any]:
        """Asked of the server."""
        found = await self._call(Method.RECALL, query.to_json())
        if not isinstance(found, Mapping):
            raise WireError("an answer about the past is an object", code="bad_command")
        return found

    def events(self, query: EventQuery) -> WebsocketEvents:
        """What happens, as the server tells it."""
        if self._closed:
            raise Fenced.ended()
        return WebsocketEvents(self._connection, query)

    async def end_batch(self, batch: str, why: str | None = None) -> None:
        """Subscribers hear of it now. What was written offline is part of no batch: it is told as it merges."""
        await self._call(Method.END_BATCH, batch_to_json(batch, why))

    async def close(self) -> None:
        """End the session; an unreachable server ends it when its grace time is over."""
        if self._closed:
            return
        if self.pending:
            logger.warning(
                "%s: closed by %s while %d offline writes wait; they are lost", self._key, self._agent, self.pending
            )
        try:
            await self._call(Method.CLOSE, {})
        except AccordantError:  # ended already, or nobody is there to be told
            pass
        finally:
            self._closed = True
            await self._connection.close(Fenced.ended())

    def _away(self, *kinds: Kind) -> Offline | None:
        """The replica, when it is to be asked: nobody can be reached, or own writes are still on their way. What is answered
        by the authority alone never is."""
        offline, session = self._connection.offline, self._connection.session
        if offline is None or self._closed or session.ended is not None or any(kind.is_guarded for kind in kinds):
            return None
        if self._connection.is_ready and not offline.pending:
            return None
        return offline if offline.is_filled else None

    def _local(self, offline: Offline, question: Question) -> ReadAnswer:
        """What the replica has, own writes that wait included. It is no basis for a write (I5): it may lack what the newest
        version has, and hold what will be refused. So its token is of no epoch, and whoever names it is told to read again.
        """
        welcome = self._connection.session.welcome
        assert welcome is not None
        token = Token(NO_EPOCH, welcome.incarnation, self.version, welcome.generation)
        return ReadAnswer(offline.replica.value(question.region, question.kind), token, question.region)

    async def _call(self, method: Method, body: Mapping[str, Any]) -> Any:
        if self._closed:
            raise Fenced.ended()
        return await self._connection.call(method, body)


def _with_refs(committed: Committed, submission: Submission) -> Committed:
    """The refs of a submission that had landed before a restart: the log numbers them by version, region and position."""
    made: dict[tuple[str, Kind], int] = {}
    refs: list[tuple[str, ...]] = []
    for write in submission.writes:
        items = write.args.get("items") if write.op in ("append", "compact", "add") else None
        count = len(items) if isinstance(items, Sequence) and write.kind is not Kind.TEXT else 0
        first = made.get((write.region, write.kind), 0)
        made[write.region, write.kind] = first + count
        refs.append(tuple(f"{write.region}@{committed.version}.{first + n}" for n in range(count)))
    return Committed(committed.version, tuple(refs), committed.duplicate, committed.answers, committed.pending)
