"""Who is here: a room's table of presences. Decides which of them count, and who may speak for whom.

Pure. It relays JSON text as it came and reads nothing in it. Yjs clients repeat what they hear about others, so a state
for a client id of another connection is not an attack: it is left out, silently.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass

from accordant.sync.wire import Awareness, AwarenessState
from accordant.types.limits import AWARENESS_CLIENTS_PER_PEER_MAX, AWARENESS_CLIENTS_PER_ROOM_MAX

__all__ = ["Presences"]

GONE = "null"


@dataclass(slots=True)
class _Known:
    """A client id: its newest state and the connection that speaks for it, None after that has gone."""

    state: AwarenessState
    owner: Hashable | None


class Presences:
    """The presences of one room. `owner` is whatever stands for a connection."""

    def __init__(self) -> None:
        self._known: dict[int, _Known] = {}
        self._owned: dict[Hashable, set[int]] = {}

    def enter(self, owner: Hashable, states: Iterable[AwarenessState]) -> Awareness | None:
        """What of this is news to the room, None when nothing is."""
        news = [state for state in states if self._accept(owner, state)]
        return Awareness(tuple(news)) if news else None

    def leave(self, owner: Hashable) -> Awareness | None:
        """The goodbye of every client that this connection spoke for, None when there is none."""
        gone = []
        for client in sorted(self._owned.pop(owner, ())):
            known = self._known[client]
            known.owner = None
            if not known.state.is_gone:
                known.state = AwarenessState(client, known.state.clock, GONE)
                gone.append(known.state)
        return Awareness(tuple(gone)) if gone else None

    def everyone(self) -> Awareness:
        """All who are here."""
        return Awareness(tuple(known.state for known in self._known.values() if not known.state.is_gone))

    def _accept(self, owner: Hashable, state: AwarenessState) -> bool:
        known, mine = self._known.get(state.client), self._owned.get(owner, set())
        if known is None:
            return not state.is_gone and self._bind(owner, state)
        if known.owner is not None and known.owner != owner:
            return False
        newer = state.clock > known.state.clock
        if known.owner is None:
            # A client that reconnects repeats its old clock. Only the first id of a connection may: anything later can
            # be an echo of somebody who has left since.
            back = newer or (state.clock == known.state.clock and not mine)
            return back and not state.is_gone and self._bind(owner, state)
        if newer or (state.clock == known.state.clock and state.is_gone and not known.state.is_gone):
            known.state = state
            return True
        return False

    def _bind(self, owner: Hashable, state: AwarenessState) -> bool:
        if len(self._owned.get(owner, ())) >= AWARENESS_CLIENTS_PER_PEER_MAX:
            return False
        if state.client not in self._known and not self._has_room():
            return False
        self._owned.setdefault(owner, set()).add(state.client)
        self._known.pop(state.client, None)  # to the end: the longest gone are forgotten first
        self._known[state.client] = _Known(state, owner)
        return True

    def _has_room(self) -> bool:
        if len(self._known) < AWARENESS_CLIENTS_PER_ROOM_MAX:
            return True
        longest_gone = next((client for client, known in self._known.items() if known.owner is None), None)
        if longest_gone is None:
            return False
        del self._known[longest_gone]
        return True
