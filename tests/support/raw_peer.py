"""A Yjs peer made of a real replica and a bare websocket, for tests that need to misbehave or to look at single frames."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pycrdt
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as open_websocket
from websockets.exceptions import ConnectionClosed

from accordant.sync.wire import (
    Awareness,
    AwarenessState,
    SyncStep1,
    SyncStep2,
    SyncUpdate,
    WireMessage,
    decode_frame,
    encode_message,
)

ROOM = "/sync/acme/task/q3/brief"


class RawPeer:
    """`heard` is every message so far, one list per frame."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.doc: pycrdt.Doc[Any] = pycrdt.Doc()
        self.heard: list[list[WireMessage]] = []
        self._outgoing: list[bytes] = []
        self._listening = self.doc.observe(lambda event: self._outgoing.append(event.update))

    async def say(self, message: WireMessage) -> None:
        await self.socket.send(encode_message(message))

    async def hear(self) -> WireMessage:
        """The first message of the next frame, applied."""
        frame = await asyncio.wait_for(self.socket.recv(), 10)
        assert isinstance(frame, bytes)
        self.heard.append(decode_frame(frame, 2**30))
        for message in self.heard[-1]:
            if isinstance(message, SyncStep2 | SyncUpdate):
                self.doc.apply_update(message.update)
                self._outgoing.clear()
        return self.heard[-1][0]

    async def hear_until(self, kind: type[WireMessage]) -> Any:
        while not isinstance(message := await self.hear(), kind):
            pass
        return message

    async def sync(self) -> None:
        """What every Yjs client does first."""
        await self.say(SyncStep1(self.doc.get_state()))
        await self.hear_until(SyncStep2)

    def text(self, root: str = "draft") -> Any:
        return self.doc.get(root, type=pycrdt.Text)

    async def append(self, text: str, root: str = "draft") -> None:
        """Write and send."""
        self.text(root).insert(len(self.text(root)), text)
        for update in self._outgoing:
            await self.say(SyncUpdate(update))
        self._outgoing.clear()

    async def set(self, root: str, key: str, value: Any) -> None:
        self.doc.get(root, type=pycrdt.Map)[key] = value
        for update in self._outgoing:
            await self.say(SyncUpdate(update))
        self._outgoing.clear()

    async def present(self, clock: int, state: str = '{"name":"Ada"}') -> None:
        await self.say(Awareness((AwarenessState(self.doc.client_id, clock, state),)))

    async def closed(self) -> tuple[int, str]:
        """The code and reason with which the server closes, whatever it still sends before."""
        try:
            while True:
                await asyncio.wait_for(self.socket.recv(), 10)
        except ConnectionClosed:
            return self.socket.close_code or 0, self.socket.close_reason or ""


@asynccontextmanager
async def raw_peer(url: str, path: str = ROOM, *, synced: bool = True, **options: Any) -> AsyncIterator[RawPeer]:
    async with open_websocket(url + path, compression=None, max_size=None, proxy=None, **options) as socket:
        peer = RawPeer(socket)
        if synced:
            await peer.sync()
        yield peer
