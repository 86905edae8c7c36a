"""Rooms: the peers of one document. What the document emitted goes to all of them, the sender included, built once.

A room decides nothing about the document. It exists while somebody is in it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from operator import attrgetter

from accordant.engine.crdt import merge_updates
from accordant.engine.effects import Published
from accordant.engine.host.document_host import DocumentHost
from accordant.sync.closing import CloseCode
from accordant.sync.server.channel import Frame
from accordant.sync.server.peer import Peer
from accordant.sync.wire import Awareness, Own, OwnType, SyncStep2, SyncUpdate, encode_message
from accordant.types.entries import EntryKind
from accordant.types.errors import NoAuthority
from accordant.types.limits import KEEPALIVE_S, PEERS_PER_DOCUMENT_MAX
from accordant.types.presence import AwarenessState

__all__ = ["Room", "Rooms"]

logger = logging.getLogger("accordant.sync")

_WATCHES: Callable[[Peer], bool] = attrgetter("watches")
_IS_MEMBER: Callable[[Peer], bool] = attrgetter("is_member")


class Room:
    """The peers of one document host."""

    def __init__(self, host: DocumentHost) -> None:
        self.host = host
        self._peers: set[Peer] = set()
        self._unsubscribe = (host.subscribe(self._on_entries), host.presences.subscribe(self._spread))
        self._keeping_alive = asyncio.create_task(self._keep_alive())
        self._news: dict[int, AwarenessState] = {}
        self._state: tuple[bytes, Frame] | None = None
        self._presences_frame: Frame | None = None

    @property
    def is_empty(self) -> bool:
        """Whether nobody is here."""
        return not self._peers

    @property
    def size(self) -> int:
        """How many are here."""
        return len(self._peers)

    def enter(self, peer: Peer) -> None:
        """Let a peer in; raises `NoAuthority` when it is one too many. What it is sent depends on `listens` and `is_member`."""
        if len(self._peers) >= PEERS_PER_DOCUMENT_MAX:
            text = f"{self.host.key} has {PEERS_PER_DOCUMENT_MAX} peers, which is all it can have"
            raise NoAuthority(text, code="room_full", hint="come back later")
        self._peers.add(peer)

    def leave(self, peer: Peer) -> None:
        """A connection has ended: its clients are gone. Idempotent."""
        self._peers.discard(peer)
        self.host.presences.leave(peer)

    def close(self) -> None:
        """Stop listening to the document."""
        for unsubscribe in self._unsubscribe:
            unsubscribe()
        self._keeping_alive.cancel()

    def relay(self, peer: Peer, states: Sequence[AwarenessState]) -> None:
        """Enter presences of this peer's own clients and tell everybody, the peer included: that keeps it connected."""
        peer.watches = True
        if peer.is_member and self.host.machine.sessions.get(peer.session) is None:
            return  # fenced or replaced: somebody said that it is not here
        self.host.presences.enter(peer, states)

    def awareness(self) -> Awareness:
        """Everybody who is here."""
        return Awareness(self.host.presences.everyone())

    def awareness_frame(self) -> Frame:
        """The same, as it is sent: built once until somebody's presence changes."""
        if self._presences_frame is None:
            self._presences_frame = Frame(encode_message(self.awareness()))
        return self._presences_frame

    def whole_state(self, update: bytes) -> Frame:
        """Step 2. Newcomers who are sent the very same state share one frame: ten megabytes once, not each."""
        if self._state is None or self._state[0] is not update:
            self._state = (update, Frame(encode_message(SyncStep2(update))))
        return self._state[1]

    def _spread(self, news: Sequence[AwarenessState]) -> None:
        """Tell everybody, once per turn of the loop: the newest state of each client counts."""
        self._presences_frame = None
        if not self._news:
            asyncio.get_running_loop().call_soon(self._tell_news)
        for state in news:
            self._news[state.client] = state

    def _tell_news(self) -> None:
        news, self._news = self._news, {}
        self._tell(encode_message(Awareness(tuple(news.values()))), _WATCHES)

    def _tell(self, message: bytes, whom: Callable[[Peer], bool]) -> None:
        """One message to every peer that listens, or is a member: the same bytes for all."""
        frame = Frame(message)
        for peer in tuple(self._peers):
            if whom(peer):
                peer.post(frame)

    def _on_entries(self, published: list[Published]) -> None:
        """One durable batch, in the document's own order."""
        try:
            self._publish(published)
        except Exception:
            # The host would drop this listener and the room would go deaf: everybody has to come back instead.
            logger.exception("%s: a batch could not be published; its peers have to reconnect", self.host.key)
            for peer in self._peers:
                peer.close(CloseCode.INTERNAL, "internal: reconnect and sync again")

    def _publish(self, published: list[Published]) -> None:
        updates = [one.update for one in published if one.update is not None]
        if updates:
            self._state = None
        if updates and any(peer.listens for peer in self._peers):
            frame = Frame(encode_message(SyncUpdate(merge_updates(updates))))
            for peer in tuple(self._peers):
                if peer.listens:
                    peer.publish(frame)
        if any(peer.is_member for peer in self._peers):
            self._tell(encode_message(Own(OwnType.NOTICE, self._notice(published))), _IS_MEMBER)
        ended = {one.session for one in published if one.kind == EntryKind.LEAVE}
        for peer in tuple(self._peers) if ended else ():
            if peer.session not in ended:
                continue
            if peer.is_member:  # it stays, so that what it still tries is denied on the record
                self.host.presences.leave(peer)
            else:
                peer.close(CloseCode.ENDED, "session_ended: the session was fenced or replaced")

    def _notice(self, published: list[Published]) -> dict[str, object]:
        notice: dict[str, object] = {"version": published[-1].offset}
        if any(one.kind == EntryKind.SCHEMA for one in published):
            notice["schema"] = self.host.machine.state.schema.describe()
        return notice

    async def _keep_alive(self) -> None:
        """Yjs clients reconnect after 30 s of silence: whoever had none of the room's traffic is sent its awareness."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(KEEPALIVE_S / 3)
            quiet = [p for p in self._peers if p.listens and loop.time() - p.posted_at >= KEEPALIVE_S]
            frame = self.awareness_frame()
            for peer in quiet:
                peer.post(frame)


class Rooms:
    """The rooms of one application, by document host: a host that was replaced gets a room of its own."""

    def __init__(self) -> None:
        self._rooms: dict[DocumentHost, Room] = {}

    @property
    def peers(self) -> int:
        """How many peers are in all rooms."""
        return sum(room.size for room in self._rooms.values())

    def enter(self, host: DocumentHost, peer: Peer) -> Room:
        """The room of this host, with the peer in it."""
        room = self._rooms.get(host)
        if room is None:
            room = self._rooms[host] = Room(host)
        room.enter(peer)
        return room

    def leave(self, room: Room, peer: Peer) -> None:
        """The peer is gone; the last one out closes the room."""
        room.leave(peer)
        if room.is_empty and self._rooms.get(room.host) is room:
            del self._rooms[room.host]
            room.close()
