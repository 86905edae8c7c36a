"""The embedded port: a document handle's way to the authority in the same process."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from accordant.document.port import HistoryQuery
from accordant.engine import grants
from accordant.engine.commands import Ask, EndBatch, Joined, Leave, Outline, Submit, TakeCut, Update
from accordant.engine.durable_view import cut_of
from accordant.engine.host.document_host import DocumentHost
from accordant.engine.host.embedded_presence import EmbeddedPresence
from accordant.engine.host.evidence import gather
from accordant.engine.host.feed import Feed
from accordant.engine.host.recall import Archive, recall
from accordant.engine.host.subscribers import Member
from accordant.engine.stores.contract import AuditQuery, Sighting, Store
from accordant.types.access import EVERYTHING, Grant
from accordant.types.commands import Committed, Question, ReadAnswer, RefusedWrite, Submission
from accordant.types.entries import Entry
from accordant.types.errors import AccordantError, Fenced, NoAuthority, StoreError
from accordant.types.events import EventQuery
from accordant.types.memory_limits import EVIDENCE_ATTEMPTS
from accordant.types.namespaces import DocumentKey
from accordant.types.past import Recall
from accordant.types.provenance import Evidence
from accordant.types.readings import Token
from accordant.types.refs import Ref
from accordant.types.regions import TAKING_BACK, Kind, Schema
from accordant.types.snapshots import Cut

__all__ = ["EmbeddedPort", "audit_query"]

AT_LEAST_TIMEOUT_S = 30.0


class EmbeddedPort:
    """One session on one document host. `version` is the host's durable head: reads are strong in-process."""

    def __init__(
        self, host: DocumentHost, store: Store, key: DocumentKey, agent: str, joined: Joined, grant: Grant = EVERYTHING
    ) -> None:
        self._host = host
        self._store = store
        self._joined = joined
        self._closed = False
        self._key = key
        self._agent = agent
        self._grant = grant
        self._presence = EmbeddedPresence(host.presences, agent, self._lives, grant.reads_everything)

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
        """Our session's generation."""
        return self._joined.generation

    @property
    def version(self) -> int:
        """The newest durable version."""
        return self._host.durable_head

    @property
    def schema(self) -> Schema:
        """The regions as declared."""
        return self._host.machine.state.schema

    @property
    def host(self) -> DocumentHost:
        """The document's task."""
        return self._host

    def token(self, version: int) -> Token:
        """The token of something that this session reads at this version."""
        return Token(self._joined.epoch, self._joined.incarnation, version, self._joined.generation)

    @property
    def grant(self) -> Grant:
        """What this session may do."""
        return self._grant

    @property
    def is_connected(self) -> bool:
        """Always: the authority is here."""
        return True

    @property
    def pending(self) -> int:
        """Nothing waits: writes are answered by the authority."""
        return 0

    @property
    def refused(self) -> Sequence[RefusedWrite]:
        """Nothing is written offline."""
        return ()

    @property
    def presence(self) -> EmbeddedPresence:
        """Who is here now."""
        return self._presence

    def _lives(self) -> bool:
        return self._host.machine.sessions.get(self._joined.session) is not None

    async def synced(self, timeout_s: float | None = None) -> int:
        """All that was written here is durable."""
        return self.version

    def new_op_id(self) -> str:
        """A random id."""
        return uuid.uuid4().hex

    async def ask(self, question: Question) -> ReadAnswer:
        """Read; with `at_least`, wait for that version first, at most half a minute (`NoAuthority`, code `timeout`)."""
        if question.at_least is not None:
            try:
                await self._host.reached(question.at_least, AT_LEAST_TIMEOUT_S)
            except TimeoutError:
                raise NoAuthority(
                    f"version {question.at_least} was not reached in {AT_LEAST_TIMEOUT_S:.0f} s",
                    code="timeout",
                    version=self.version,
                ) from None
        if (peeking := self._host.peeking()) is not None:
            asking, now = peeking
            answer = asking.peek(self._joined.session, question, now)
            if answer is not None:
                return answer
        answered: ReadAnswer = await self._host.call(Ask(self._joined.session, question))
        return answered

    async def turn(self, question: Question) -> ReadAnswer:
        """Read when the others in line for this path have had their turn."""
        await self._host.lines.wait(question.path, self._joined.session)
        return await self.ask(question)

    async def submit(self, submission: Submission) -> Committed:
        """Land the writes. Cancelling the caller does not undo a write that was judged already."""
        taken = next((write for write in submission.writes if write.op in TAKING_BACK), None)
        for attempt in range(1, EVIDENCE_ATTEMPTS + 1):
            evidence = None if taken is None else await self._evidence(Ref.parse(taken.args.get("ref")))
            try:
                committed: Committed = await self._host.call(Submit(self._joined.session, submission, evidence))
                return committed
            except StoreError as error:
                if error.code != "evidence_old" or attempt == EVIDENCE_ATTEMPTS:
                    raise
        raise AssertionError("unreachable: the last attempt returns or raises")

    async def _evidence(self, ref: Ref) -> Evidence:
        """What the log knows of a ref that is to be taken back. Raises `StoreError`."""
        state = self._host.machine.state
        kinds = state.kinds()

        def kind_of(one: Ref) -> Kind | None:
            return Kind.GUARDED if one.path in state.fields else kinds.get(one.region)

        await self._host.replays.sightings.flush()
        return await gather(self._store, self._key.path, ref, self._host.durable_head, kind_of)

    async def merge(self, update: bytes, op_id: str, why: str | None) -> int:
        """Land a Yjs update of this session; returns the version that holds it. The same op id lands once."""
        version: int = await self._host.call(Update(self._joined.session, update, op_id=op_id, why=why))
        return version

    async def history(self, query: HistoryQuery) -> Sequence[Entry]:
        """By the store's index; of what the grant does not let read, nothing is shown."""
        return grants.readable_entries(await self._store.audit(audit_query(self._key, query)), self._grant)

    async def outline(self) -> Mapping[str, Any]:
        """All regions at one durable version."""
        outline: Mapping[str, Any] = await self._host.call(Outline(self._joined.session))
        return outline

    async def cut(self, regions: frozenset[str] | None, at: int | None) -> Cut:
        """At once where what is durable is at hand; an old version is rebuilt beside the living document."""
        if at is not None:
            return await self._old(regions, at)
        cut: Cut | None = None
        if (peeking := self._host.peeking()) is not None:
            asking, now = peeking
            cut = asking.peek_cut(self._joined.session, regions, now)
        if cut is None:
            cut = await self._host.call(TakeCut(self._joined.session, regions))
        return self._seen(cut)

    def _seen(self, cut: Cut) -> Cut:
        """Note who has seen which version."""
        paths, joined = () if cut.is_whole else tuple(sorted(cut.regions)), self._joined
        sighting = Sighting(cut.version, self._agent, joined.session, joined.generation, int(time.time() * 1000), paths)
        self._host.replays.sightings.note(self._key.path, sighting)
        return cut

    async def _old(self, regions: frozenset[str] | None, at: int) -> Cut:
        joined = self._joined
        cut = await self._host.replays.read(
            self._key.path, at, lambda state: cut_of(state, joined.epoch, joined.incarnation, joined.generation)
        )
        if not self._lives():
            raise Fenced.ended()
        cut = grants.readable_cut(cut, regions, self._grant)
        self._host.machine.asking.saw(self._agent, cut)
        return self._seen(cut)

    async def recall(self, query: Recall) -> Mapping[str, Any]:
        """From the store, up to what is durable, with this session's grant."""
        await self._host.replays.sightings.flush()
        fold = partial(self._host.replays.read, self._key.path)
        archive = Archive(self._store, self._key.path, self.version, self._grant, self._agent, fold)
        async with self._host.replays.question(self._key.path):
            return await recall(archive, query)

    def events(self, query: EventQuery) -> Feed | Member:
        """What happens, in order, from the log and live."""
        if self._closed or not self._lives():
            raise Fenced.ended()
        return self._host.subscribers.open(query, self._agent, self._grant, self._joined.session)

    async def end_batch(self, batch: str, why: str | None = None) -> None:
        """Subscribers hear of it now."""
        await self._host.call(EndBatch(self._joined.session, batch, why))

    async def close(self) -> None:
        """End the session."""
        if not self._closed:
            self._closed = True
            self._presence.end()
            try:
                await self._host.call(Leave(self._joined.session))
            except AccordantError:  # the authority is gone, and every session with it
                return


def audit_query(key: DocumentKey, query: HistoryQuery) -> AuditQuery:
    """The store's question for a handle's."""
    return AuditQuery(
        key.path,
        query.path,
        query.actor,
        query.kind,
        query.outcome,
        query.since,
        query.until,
        query.before,
        query.limit,
        query.oldest_first,
    )
