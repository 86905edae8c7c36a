"""A port that collects: what is submitted through it lands in one entry at the end, or not at all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from accordant.document.batch import in_batch
from accordant.document.port import EventSource, HistoryQuery, Port, PresencePort
from accordant.types.commands import Committed, Question, ReadAnswer, RefusedWrite, Submission, Write
from accordant.types.entries import Entry
from accordant.types.errors import Invalid
from accordant.types.events import EventQuery
from accordant.types.namespaces import DocumentKey
from accordant.types.past import Recall
from accordant.types.readings import Basis, Reading, Token, bases_of
from accordant.types.regions import Schema
from accordant.types.snapshots import Cut

__all__ = ["TransactionPort"]


class TransactionPort:
    """One transaction in the making. It answers each write with a placeholder whose version is not known yet (0)."""

    def __init__(self, port: Port, why: str | None, derived_from: Iterable[Reading[Any]] | Reading[Any]) -> None:
        self._port = port
        self._why = why
        self._bases: list[Basis] = list(bases_of(derived_from))
        self._writes: list[Write] = []
        self._landed: Committed | None = None

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
        """The version that landed; before the end of the block, the newest that is known."""
        return self._port.version if self._landed is None else self._landed.version

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
        """Who is here now: no part of any transaction."""
        return self._port.presence

    async def synced(self, timeout_s: float | None = None) -> int:
        """Wait until nothing is pending."""
        return await self._port.synced(timeout_s)

    def new_op_id(self) -> str:
        """A fresh id."""
        return self._port.new_op_id()

    async def ask(self, question: Question) -> ReadAnswer:
        """What is committed: reads do not see what this transaction has collected."""
        return await self._port.ask(question)

    async def turn(self, question: Question) -> ReadAnswer:
        """A transaction does not stand in line: it lands at its end."""
        return await self._port.ask(question)

    async def submit(self, submission: Submission) -> Committed:
        """Collect the writes."""
        if self._landed is not None:
            raise Invalid("this transaction has landed already", code="transaction_over")
        self._writes.extend(submission.writes)
        self._bases.extend(submission.derived_from)
        if submission.why is not None:
            self._why = submission.why if self._why is None else f"{self._why}; {submission.why}"
        refs = tuple(tuple(f"{write.region}@0.0" for _ in write.args.get("items", ())) for write in submission.writes)
        answers = tuple(self._pending(write) for write in submission.writes)
        return Committed(0, refs, answers=answers)

    def _pending(self, write: Write) -> ReadAnswer | None:
        if not write.kind.is_guarded:
            return None
        expect = write.expect or Token(0, "", 0, 0)
        return ReadAnswer(write.args.get("value"), expect, write.path, self.agent)

    async def land(self) -> None:
        """Submit what was collected, once."""
        if self._writes:
            submission = Submission(tuple(self._writes), self.new_op_id(), self._why, tuple(self._bases))
            self._landed = await self._port.submit(in_batch(self._port, submission))

    async def history(self, query: HistoryQuery) -> Sequence[Entry]:
        """The log."""
        return await self._port.history(query)

    async def outline(self) -> Mapping[str, Any]:
        """All regions as committed."""
        return await self._port.outline()

    async def cut(self, regions: frozenset[str] | None, at: int | None) -> Cut:
        """All regions as committed."""
        return await self._port.cut(regions, at)

    async def recall(self, query: Recall) -> Mapping[str, Any]:
        """The past is no part of any transaction."""
        return await self._port.recall(query)

    def events(self, query: EventQuery) -> EventSource:
        """What happens: no part of any transaction."""
        return self._port.events(query)

    async def end_batch(self, batch: str, why: str | None = None) -> None:
        """A batch that the transaction is part of."""
        await self._port.end_batch(batch, why)

    async def close(self) -> None:
        """A transaction does not end the session."""
