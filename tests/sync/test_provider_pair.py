"""A provider's rules and the server's machines on one wire: whatever the order, its count of unsaved edits comes to zero."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from accordant.sync import session as s
from accordant.sync.hocuspocus import (
    Authenticated,
    CloseDocument,
    HocuspocusMessage,
    PermissionDenied,
    SyncStatus,
    Token,
    decode_message,
    encode_message,
    name_prefix,
    split_name,
)
from accordant.sync.hocuspocus_session import HocuspocusSession
from accordant.sync.multiplex import Forward, Leave, Multiplex, Open
from accordant.sync.wire import SyncStep1, SyncStep2, SyncUpdate
from accordant.types.errors import Denied

NAMES = (b"acme/task/q3/a", b"acme/task/q3/a\0two", b"acme/task/q3/b")


@dataclass
class Provider:
    """What `@hocuspocus/provider` keeps of one document (HocuspocusProvider.ts, MessageReceiver.ts)."""

    unsynced: int = 0
    synced: bool = False
    authenticated: bool = False
    denied: str | None = None
    closed: bool = False
    statuses: int = 0
    asked: int = 0

    def receive(self, message: HocuspocusMessage) -> list[HocuspocusMessage]:
        """Its reply."""
        match message:
            case Authenticated():
                self.authenticated = True
            case PermissionDenied(reason):
                self.authenticated, self.denied = False, reason
            case SyncStep1():
                assert self.authenticated
                self.asked += 1
                return [SyncStep2(b"\x00\x00")]
            case SyncStep2():
                assert self.asked, "the server asks before it answers"
                self.synced = True
            case SyncStatus(is_applied):
                self.statuses += 1
                self.unsynced -= is_applied and self.unsynced > 0
            case CloseDocument():
                self.closed = True
        return []


@dataclass
class Wire:
    """One connection, its providers and its server. Updates wait in `pending` until the authority answers them."""

    socket: Multiplex = field(default_factory=Multiplex)
    sessions: dict[bytes, HocuspocusSession] = field(default_factory=dict)
    pending: dict[bytes, int] = field(default_factory=dict)
    providers: dict[bytes, Provider] = field(default_factory=dict)
    sent: dict[bytes, int] = field(default_factory=dict)

    def say(self, name: bytes, message: HocuspocusMessage) -> None:
        self.sent[name] = self.sent.get(name, 0) + isinstance(message, SyncStep2 | SyncUpdate)
        for action in self.socket.receive_frame(name_prefix(name) + encode_message(message)):
            match action:
                case Open(opened, _, held):
                    session = self.sessions[opened] = HocuspocusSession()
                    self.pending[opened] = 0
                    assert session.opened() == [s.Join()]
                    self.carry_out(opened, session.joined())
                    for body in held:
                        self.carry_out(opened, session.receive_frame(body))
                case Forward(known, body):
                    self.carry_out(known, self.sessions[known].receive_frame(body))
                case Leave(left):
                    del self.sessions[left], self.pending[left]

    def carry_out(self, name: bytes, actions: list[s.Action]) -> None:
        for action in actions:
            match action:
                case s.Send(frame):
                    self.tell(name, decode_message(frame))
                case s.Answer(_, asks_first):
                    if asks_first:
                        self.tell(name, SyncStep1(b"\x00"))
                    self.tell(name, SyncStep2(b"\x00\x00"))
                case s.Apply():
                    self.pending[name] += 1
                case s.Close(_, reason):
                    del self.sessions[name], self.pending[name]
                    self.socket.closed(name)
                    self.tell(name, CloseDocument(reason))

    def tell(self, name: bytes, message: HocuspocusMessage) -> None:
        key, body = split_name(name_prefix(name) + encode_message(message))
        for reply in self.providers[key].receive(decode_message(body)):
            self.say(key, reply)

    def begin(self, name: bytes, edits_early: int) -> None:
        """As onOpen does, with edits that were made while the token was fetched."""
        provider = self.providers[name] = Provider()
        self.sent[name] = 0
        for _ in range(edits_early):
            self.edit(name)
        self.say(name, Token("t", "4.8.0"))
        self.force_sync(name)
        assert provider.authenticated

    def edit(self, name: bytes) -> None:
        self.providers[name].unsynced += 1
        self.say(name, SyncUpdate(b"\x01"))

    def force_sync(self, name: bytes) -> None:
        self.providers[name].unsynced = 1
        self.say(name, SyncStep1(b"\x00"))

    def land(self, name: bytes, count: int) -> None:
        """The authority: the oldest `count` updates are durable."""
        count = min(count, self.pending[name])
        self.pending[name] -= count
        self.carry_out(name, self.sessions[name].applied(9, count))


steps = st.lists(
    st.tuples(
        st.sampled_from(NAMES), st.sampled_from(("begin", "edit", "land", "sync", "leave", "refuse")), st.integers(0, 3)
    ),
    max_size=40,
)


@given(steps)
def test_each_update_is_answered_once_and_each_document_for_itself(steps: list[tuple[bytes, str, int]]) -> None:
    """Over any mixture of documents, edits, syncs, goodbyes and refusals: statuses equal updates, and the count is zero."""
    wire = Wire()
    for name, what, number in steps:
        is_open = name in wire.sessions
        others = {other: one.closed for other, one in wire.providers.items() if other != name}
        match what:
            case "begin" if not is_open:
                wire.begin(name, number)
            case "edit" if is_open:
                wire.edit(name)
            case "land" if is_open:
                wire.land(name, number)
            case "sync" if is_open and not wire.pending[name]:
                wire.force_sync(name)
            case "leave" if is_open:
                wire.say(name, CloseDocument())
                assert name not in wire.socket.open
            case "refuse" if is_open and wire.pending[name]:
                statuses = wire.providers[name].statuses
                wire.carry_out(name, wire.sessions[name].refused(Denied("no", code="guarded_closed")))
                assert wire.providers[name].denied == "guarded_closed: no"
                assert wire.providers[name].statuses == statuses + 1
        assert {other: one.closed for other, one in wire.providers.items() if other != name} == others
    for name in wire.sessions:
        wire.land(name, wire.pending[name])
        provider = wire.providers[name]
        assert provider.synced
        assert provider.statuses == wire.sent[name]
        assert provider.unsynced == 0
