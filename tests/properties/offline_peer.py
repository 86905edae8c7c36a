"""A plain Yjs peer: a pycrdt document that knows nothing of accordant, and exchanges updates with a host by hand."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pycrdt

from accordant.engine.commands import Join, Sync, Update
from accordant.engine.host.document_host import DocumentHost


@dataclass
class Sent:
    """An update on its way: `seen` is the version of the log that its author had when it was made."""

    update: bytes
    seen: int


@dataclass
class RawPeer:
    """One peer, one session. It edits at once and sends when told to; `pull` brings what the others did."""

    host: DocumentHost
    name: str
    doc: pycrdt.Doc[Any]
    seen: int = 0
    outbox: list[Sent] = field(default_factory=list)
    accepted: list[tuple[int, Sent]] = field(default_factory=list)
    tags: int = 0
    _is_local: bool = True

    @classmethod
    async def join(cls, host: DocumentHost, name: str, client_id: int) -> RawPeer:
        """A peer with nothing in its replica yet."""
        await host.call(Join(f"session of {name}", name))
        peer = cls(host, name, pycrdt.Doc(client_id=client_id))
        peer.doc.get("draft", type=pycrdt.Text)
        peer.doc.get("lines", type=pycrdt.Array)
        for root in ("members", "total", "settings"):
            peer.doc.get(root, type=pycrdt.Map)
        peer._subscription = peer.doc.observe(peer._on_change)  # type: ignore[attr-defined]
        return peer

    def _on_change(self, event: Any) -> None:
        if self._is_local and event.update != b"\x00\x00":
            self.outbox.append(Sent(event.update, self.seen))

    # -- the wire ---------------------------------------------------------------------------------------------

    async def pull(self) -> None:
        """Bring this replica up to the host's."""
        update = await self.host.call(Sync(self.doc.get_state()))
        self._is_local = False
        self.doc.apply_update(update)
        self._is_local = True
        self.seen = self.host.durable_head

    async def push(self) -> None:
        """Send everything that waits; each is accepted as an entry, or as nothing new."""
        while self.outbox:
            sent = self.outbox.pop(0)
            before = self.host.durable_head
            version = await self.host.call(Update(f"session of {self.name}", sent.update))
            if version > before:
                self.accepted.append((version, sent))

    # -- edits ------------------------------------------------------------------------------------------------

    def insert(self, where: float, text: str) -> None:
        """Into the draft, at a share of its characters."""
        draft = self.doc["draft"]
        draft.insert(self._byte(where), text)

    def delete(self, where: float, count: int) -> None:
        """Some characters of the draft."""
        draft, plain = self.doc["draft"], str(self.doc["draft"])
        start = int(where * len(plain))
        end = min(len(plain), start + count)
        if start < end:
            del draft[len(plain[:start].encode()) : len(plain[:end].encode())]

    def append(self, item: Any) -> None:
        """To the log."""
        self.doc["lines"].append(item)

    def add(self, member: str) -> None:
        """To the set, under a new tag."""
        self.tags += 1
        self.doc["members"][f"{self.doc.client_id}:{self.tags}"] = member

    def discard(self, member: str) -> None:
        """Every tag of this member that is seen here."""
        members = self.doc["members"]
        with self.doc.transaction():
            for tag, value in (members.to_py() or {}).items():
                if value == member:
                    del members[tag]

    def increment(self, by: int) -> None:
        """The counter, in this peer's own entry."""
        key = str(self.doc.client_id)
        total = self.doc["total"]
        plus, minus = (total.to_py() or {}).get(key, [0, 0])
        total[key] = [plus + max(by, 0), minus + max(-by, 0)]

    def set(self, key: str, value: Any) -> None:
        """A key of the map."""
        self.doc["settings"][key] = value

    def unset(self, key: str) -> None:
        """Delete a key of the map, if it is seen."""
        if key in (self.doc["settings"].to_py() or {}):
            del self.doc["settings"][key]

    def _byte(self, where: float) -> int:
        plain = str(self.doc["draft"])
        return len(plain[: round(where * len(plain))].encode())
