"""Living sessions and their generations (I6). Pure: time and ids come in, endings come out.

States of a session: living -> ended, never back once its end is in the log. What ends one is in `Ending`. An ended generation
is simply not in the table; no decision looks at anything kept about it, and nothing is kept per agent name.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from accordant.types.access import EVERYTHING, Grant
from accordant.types.entries import Auth

__all__ = ["Ending", "Session", "Sessions"]

ENDED_KEPT = 4_096
"""Ended sessions remembered by id, so that a zombie's denial names its agent; older ones appear as `?`."""


class Ending(StrEnum):
    """Why a session ended."""

    CLOSED = "closed"
    EXPIRED = "expired"
    REPLACED = "replaced"
    FENCED = "fenced"


@dataclass(frozen=True, slots=True)
class Session:
    """One agent's membership of a document, from join to end. `expires_at`: milliseconds, None for no lease."""

    id: str
    agent: str
    generation: int
    roles: frozenset[str] = frozenset()
    auth: Auth = Auth.ASSERTED
    shared: bool = False
    read_only: bool = False
    lease_ms: int | None = None
    expires_at: int | None = None
    grant: Grant = EVERYTHING


class Sessions:
    """The living sessions of one document."""

    def __init__(self) -> None:
        self._by_id: dict[str, Session] = {}
        self._generations: set[int] = set()
        self._leased: dict[str, Session] = {}
        self._ended: dict[str, tuple[Session, int]] = {}

    def __len__(self) -> int:
        return len(self._by_id)

    def get(self, session_id: str) -> Session | None:
        """The living session of that id."""
        return self._by_id.get(session_id)

    def lives(self, generation: int) -> bool:
        """Whether this generation is still living."""
        return generation in self._generations

    def all(self) -> list[Session]:
        """All living sessions."""
        return list(self._by_id.values())

    def replaced_by(self, agent: str, shared: bool) -> list[Session]:
        """The sessions that a join under this name ends: all of that name, except pool members joined by a pool member."""
        return [s for s in self._by_id.values() if s.agent == agent and not (shared and s.shared)]

    def expired(self, now: int) -> list[Session]:
        """Sessions whose lease has run out."""
        return [s for s in self._leased.values() if s.expires_at is not None and s.expires_at <= now]

    def of(self, agent: str) -> list[Session]:
        """The living sessions under this name."""
        return [s for s in self._by_id.values() if s.agent == agent]

    def begin(self, session: Session, now: int) -> Session:
        """Enter a session, its lease counted from now."""
        if session.id in self._by_id:
            raise AssertionError(f"session {session.id} began twice")
        self._by_id[session.id] = session
        self.touch(session, now)
        session = self._by_id[session.id]
        self._generations.add(session.generation)
        return session

    def touch(self, session: Session, now: int) -> None:
        """Any call renews the lease."""
        if session.lease_ms is not None:
            session = replace(session, expires_at=now + session.lease_ms)
            self._by_id[session.id] = self._leased[session.id] = session

    def end(self, session_id: str, at: int = 0) -> Session | None:
        """Forget a session; its generation is ended for ever, since generations are never reused. `at`: the log offset of
        the entry that says so."""
        session = self._by_id.pop(session_id, None)
        self._leased.pop(session_id, None)
        if session is not None:
            self._generations.discard(session.generation)
            self._ended[session_id] = (session, at)
            if len(self._ended) > ENDED_KEPT:
                del self._ended[next(iter(self._ended))]
        return session

    def ended(self, session_id: str) -> Session | None:
        """Who that was: for the audit of a zombie's attempts alone, never for a decision."""
        found = self._ended.get(session_id)
        return None if found is None else found[0]

    def rewind(self, head: int) -> None:
        """Nothing after `head` is in the log: who joined later never joined, and who was ended later lives on."""
        for session in self.all():
            if session.generation > head:
                self.end(session.id)
        for session, _ in [one for one in self._ended.values() if one[1] > head]:
            del self._ended[session.id]
            if session.generation > head:
                continue
            self._by_id[session.id] = session
            self._generations.add(session.generation)
            if session.lease_ms is not None:
                self._leased[session.id] = session
