"""How a document is read: in turn, at what has been judged; or at once, at what is durable. Notes who has read what."""

from __future__ import annotations

from accordant.engine import grants
from accordant.engine.answers import Answers, OrderLost
from accordant.engine.crdt import ReplicaBroken
from accordant.engine.durable_view import DurableView, region_cut
from accordant.engine.epochs import check_epochs
from accordant.engine.readership import Readership
from accordant.engine.sessions import Session, Sessions
from accordant.engine.state import DocumentState
from accordant.types.access import READ
from accordant.types.commands import Question, ReadAnswer
from accordant.types.errors import Invalid, WireError
from accordant.types.provenance import WHOLE
from accordant.types.snapshots import Cut, RegionCut

__all__ = ["Asking"]


class Asking:
    """The reads of one machine. `view.durable` is set before each call by whoever knows it."""

    def __init__(
        self, state: DocumentState, sessions: Sessions, view: DurableView, readership: Readership, epoch: int, life: str
    ) -> None:
        self._state = state
        self._sessions = sessions
        self._view = view
        self._readership = readership
        self._epoch = epoch
        self._incarnation = life

    def answers(self, session: Session) -> Answers:
        """Answers with this session's tokens."""
        return Answers(self._state, self._epoch, self._incarnation, session.generation)

    def ask(self, session: Session, question: Question) -> ReadAnswer:
        """In turn. Raises `Denied`, `Invalid`, `OrderLost`."""
        grants.check_read(session.grant, session.agent, question.region)
        return self._noted(session, self.answers(session).answer(question))

    def cut(self, session: Session, names: frozenset[str] | None) -> Cut:
        """In turn: these regions (None: all) as they have been judged."""
        regions = {n: region_cut(self._state, n, kind) for n, kind in self._state.kinds_in(names).items()}
        return self._cut(session, regions, names, self._state.head)

    def lacking(self, state_vector: bytes | None) -> bytes:
        """What a replica lacks, None: all. Raises `EpochChanged` for one of another time of this document, `WireError`."""
        check_epochs(self._state.ledger, state_vector or b"")
        try:
            return self._state.replica.encode(state_vector)
        except ReplicaBroken as error:  # encoding changes nothing: it is the state vector that is broken
            raise WireError(f"not a state vector: {error}") from error

    def peek(self, session_id: str, question: Question, now: int) -> ReadAnswer | None:
        """At once; None: ask in turn, and be told there if it may not be answered."""
        session = self._reader(session_id, now)
        if session is None or not session.grant.permits(READ, question.region):
            return None
        try:
            answer = self.answers(session).durable(question, self._view)
        except (Invalid, OrderLost):
            return None
        return None if answer is None else self._noted(session, answer)

    def peek_cut(self, session_id: str, names: frozenset[str] | None, now: int) -> Cut | None:
        """At once, at the newest durable version; None: ask in turn."""
        session = self._reader(session_id, now)
        regions = None if session is None else self._view.regions(names)
        return None if session is None or regions is None else self._cut(session, regions, names, self._view.durable)

    def _reader(self, session_id: str, now: int) -> Session | None:
        session = self._sessions.get(session_id)
        if session is None or not self._view.is_clear or self._sessions.expired(now):
            return None
        self._sessions.touch(session, now)
        return session

    def _noted(self, session: Session, answer: ReadAnswer) -> ReadAnswer:
        self._readership.note(session.agent, answer.path, answer.token.version)
        return answer

    def _cut(self, session: Session, regions: dict[str, RegionCut], names: frozenset[str] | None, version: int) -> Cut:
        mine = {name: one for name, one in regions.items() if session.grant.permits(READ, name)}
        is_whole = names is None and len(mine) == len(regions)
        at = self._state.actors.of(version)[1]
        cut = Cut(version, at, self._epoch, self._incarnation, session.generation, mine, is_whole)
        self.saw(session.agent, cut)
        return cut

    def saw(self, agent: str, cut: Cut) -> None:
        """Note who has read what is in a cut."""
        regions = [(name, one.version) for name, one in cut.regions.items()]
        for path, version in [(WHOLE, cut.version)] if cut.is_whole else regions:
            self._readership.note(agent, path, version)
