"""The websocket port: a document handle's way to the authority in another process. Values to JSON, JSON to values."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from accordant.document.port import HistoryQuery
from accordant.sync.client.connection import Connection
from accordant.sync.messages import (
    Method,
    answer_from_json,
    committed_from_json,
    entries_from_json,
    history_to_json,
    question_to_json,
)
from accordant.types.commands import Committed, Question, ReadAnswer, Submission
from accordant.types.entries import Entry
from accordant.types.errors import AccordantError, Fenced, WireError
from accordant.types.namespaces import DocumentKey
from accordant.types.regions import Kind, Schema

__all__ = ["WebsocketPort"]

ENDED = "this session has ended: its generation was fenced, replaced, closed or ran out"


class WebsocketPort:
    """One session on one document, at a server. `declared` brings the Python types that no wire carries."""

    def __init__(self, connection: Connection, key: DocumentKey, agent: str, declared: Schema) -> None:
        self._connection = connection
        self._key = key
        self._agent = agent
        self._declared = declared
        self._closed = False

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

    def new_op_id(self) -> str:
        """A random id."""
        return uuid.uuid4().hex

    async def ask(self, question: Question) -> ReadAnswer:
        """Read at the server."""
        return answer_from_json(await self._call(Method.ASK, question_to_json(question)))

    async def turn(self, question: Question) -> ReadAnswer:
        """Read at the server, when those in line before us have had their turn."""
        return answer_from_json(await self._call(Method.TURN, question_to_json(question)))

    async def submit(self, submission: Submission) -> Committed:
        """Land the writes at the server. Cancelling the caller does not undo a write that was sent."""
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

    async def close(self) -> None:
        """End the session; an unreachable server ends it when its grace time is over."""
        if self._closed:
            return
        try:
            await self._call(Method.CLOSE, {})
        except AccordantError:  # ended already, or nobody is there to be told
            pass
        finally:
            self._closed = True
            await self._connection.close(Fenced(ENDED))

    async def _call(self, method: Method, body: Mapping[str, Any]) -> Any:
        if self._closed:
            raise Fenced(ENDED)
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
    return Committed(committed.version, tuple(refs), committed.duplicate, committed.answers)
