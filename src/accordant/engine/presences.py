"""Who is here: a document's table of presences. Decides which of them count, who may speak for whom, and for how long.

Pure. It relays JSON text as it came and reads nothing in it. Yjs clients repeat what they hear about others, so a state
for a client id of another connection is not an attack: it is left out, silently.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass

from accordant.types.limits import (
    AWARENESS_CLIENTS_PER_PEER_MAX,
    AWARENESS_CLIENTS_PER_ROOM_MAX,
    PRESENCE_TTL_S,
)
from accordant.types.presence import GONE, AwarenessState

__all__ = ["OwnPresence", "Presences", "States"]

States = tuple[AwarenessState, ...]


@dataclass(slots=True)
class _Known:
    """A client id: its newest state, the connection that speaks for it (None after that has gone), and when it last did."""

    state: AwarenessState
    owner: Hashable | None
    heard_at: float


class Presences:
    """The presences of one document. `owner` is whatever stands for a connection; `now` counts seconds, from anywhere."""

    def __init__(self) -> None:
        self._known: dict[int, _Known] = {}
        self._owned: dict[Hashable, set[int]] = {}

    def enter(self, owner: Hashable, states: Iterable[AwarenessState], now: float) -> States:
        """What of this is news to the room."""
        return tuple(state for state in states if self._accept(owner, state, now))

    def leave(self, owner: Hashable) -> States:
        """The goodbye of every client that this connection spoke for."""
        gone = []
        for client in sorted(self._owned.pop(owner, ())):
            known = self._known[client]
            known.owner = None
            gone += _say_goodbye(known)
        return tuple(gone)

    def expire(self, now: float) -> States:
        """The goodbye of every client that has not spoken for `PRESENCE_TTL_S`. Its connection may speak for it again."""
        return tuple(
            goodbye
            for known in self._known.values()
            if now - known.heard_at > PRESENCE_TTL_S
            for goodbye in _say_goodbye(known)
        )

    def everyone(self) -> States:
        """All who are here."""
        return tuple(known.state for known in self._known.values() if not known.state.is_gone)

    def _accept(self, owner: Hashable, state: AwarenessState, now: float) -> bool:
        known, mine = self._known.get(state.client), self._owned.get(owner, set())
        if known is None:
            return not state.is_gone and self._bind(owner, state, now)
        if known.owner is not None and known.owner != owner:
            return False
        newer = state.clock > known.state.clock
        if known.owner is None:
            # A client that reconnects repeats its old clock. Only the first id of a connection may: anything later can
            # be an echo of somebody who has left since.
            back = newer or (state.clock == known.state.clock and not mine)
            return back and not state.is_gone and self._bind(owner, state, now)
        if newer or (state.clock == known.state.clock and state.is_gone and not known.state.is_gone):
            known.state, known.heard_at = state, now
            return True
        return False

    def _bind(self, owner: Hashable, state: AwarenessState, now: float) -> bool:
        if len(self._owned.get(owner, ())) >= AWARENESS_CLIENTS_PER_PEER_MAX:
            return False
        if state.client not in self._known and not self._has_room():
            return False
        self._owned.setdefault(owner, set()).add(state.client)
        self._known.pop(state.client, None)  # to the end: the longest gone are forgotten first
        self._known[state.client] = _Known(state, owner, now)
        return True

    def _has_room(self) -> bool:
        if len(self._known) < AWARENESS_CLIENTS_PER_ROOM_MAX:
            return True
        longest_gone = next((client for client, known in self._known.items() if known.owner is None), None)
        if longest_gone is None:
            return False
        del self._known[longest_gone]
        return True


class OwnPresence:
    """What one handle shows of itself: each change and each renewal counts the clock up."""

    def __init__(self, client: int) -> None:
        self.client = client
        self._clock = 0
        self._text = GONE

    @property
    def is_shown(self) -> bool:
        """Whether there is anything to renew."""
        return self._text != GONE

    def show(self, text: str) -> AwarenessState:
        """Show this from now on; `GONE` shows nothing."""
        self._text = text
        return self.renew()

    def renew(self) -> AwarenessState:
        """The same again, so that others know that we are still here."""
        self._clock += 1
        return AwarenessState(self.client, self._clock, self._text)


def _say_goodbye(known: _Known) -> list[AwarenessState]:
    if known.state.is_gone:
        return []
    known.state = AwarenessState(known.state.client, known.state.clock, GONE)
    return [known.state]
