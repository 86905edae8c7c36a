"""A Hocuspocus connection made of a bare websocket and real replicas, for tests that look at single messages."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pycrdt
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as open_websocket
from websockets.exceptions import ConnectionClosed

from accordant.sync.hocuspocus import (
    HocuspocusMessage,
    Token,
    decode_message,
    encode_message,
    name_prefix,
    split_name,
)
from accordant.sync.wire import SyncStep1, SyncStep2, SyncUpdate

DOCUMENT = "acme/task/q3/brief"


class NamedPeer:
    """One document of a connection; `heard` is every message about it so far."""

    def __init__(self, link: NamedLink, name: str) -> None:
        self.link = link
        self.name = name.encode()
        self.doc: pycrdt.Doc[Any] = pycrdt.Doc()
        self.heard: list[HocuspocusMessage] = []
        self.inbox: asyncio.Queue[HocuspocusMessage] = asyncio.Queue()
        self._outgoing: list[bytes] = []
        self._listening = self.doc.observe(lambda event: self._outgoing.append(event.update))

    async def say(self, message: HocuspocusMessage) -> None:
        await self.link.socket.send(name_prefix(self.name) + encode_message(message))

    async def hear(self) -> HocuspocusMessage:
        """The next message about this document, applied."""
        message = await asyncio.wait_for(self.inbox.get(), 10)
        self.heard.append(message)
        if isinstance(message, SyncStep2 | SyncUpdate):
            self.doc.apply_update(message.update)
            self._outgoing.clear()
        return message

    async def hear_until(self, kind: type[HocuspocusMessage]) -> Any:
        while not isinstance(message := await self.hear(), kind):
            pass
        return message

    async def begin(self, token: str = "") -> None:
        """What a provider does first."""
        await self.say(Token(token, "4.8.0"))
        await self.say(SyncStep1(self.doc.get_state()))
        await self.hear_until(SyncStep2)

    def text(self, root: str = "draft") -> Any:
        return self.doc.get(root, type=pycrdt.Text)

    async def append(self, text: str, root: str = "draft") -> None:
        self.text(root).insert(len(self.text(root)), text)
        await self.flush()

    async def set(self, root: str, key: str, value: Any) -> None:
        self.doc.get(root, type=pycrdt.Map)[key] = value
        await self.flush()

    async def flush(self) -> None:
        """Send what was written."""
        for update in self._outgoing:
            await self.say(SyncUpdate(update))
        self._outgoing.clear()


class NamedLink:
    """One connection."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.peers: dict[bytes, NamedPeer] = {}
        self.nameless: list[bytes] = []
        self._reading = asyncio.create_task(self._read())

    def peer(self, name: str = DOCUMENT) -> NamedPeer:
        peer = NamedPeer(self, name)
        self.peers[peer.name] = peer
        return peer

    async def closed(self) -> tuple[int, str]:
        """The code and reason with which the server closes."""
        await asyncio.wait_for(self.socket.wait_closed(), 10)
        return self.socket.close_code or 0, self.socket.close_reason or ""

    async def _read(self) -> None:
        try:
            async for frame in self.socket:
                assert isinstance(frame, bytes)
                if len(frame) == 1 or frame[0] == 0:
                    self.nameless.append(frame)
                    continue
                name, body = split_name(frame)
                if name in self.peers:  # as providers do: what is for nobody is dropped
                    self.peers[name].inbox.put_nowait(decode_message(body))
        except ConnectionClosed:
            return


@asynccontextmanager
async def named_link(url: str, path: str = "/sync", **options: Any) -> AsyncIterator[NamedLink]:
    async with open_websocket(url + path, compression=None, max_size=None, proxy=None, **options) as socket:
        yield NamedLink(socket)
