"""Two honest peers who edit one document, in both dialects, while somebody misbehaves: nothing of theirs may be lost or slow."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from websockets.exceptions import ConnectionClosed

from accordant.sync.hocuspocus import SyncStatus
from named_peer import NamedPeer, named_link
from processes import ServerProcess
from raw_peer import RawPeer, raw_peer

DOCUMENT = "acme/task/q3/brief"
LATENCY_MAX_S = 2.0
PAUSE_S = 0.02
ROUNDS_AFTERWARDS = 3


@dataclass
class Account:
    """What the pair has done: its words in order, the longest that one took, and the most that the server held in memory."""

    rounds: int = 0
    slowest_s: float = 0.0
    memory_bytes: int = 0
    words: list[str] = field(default_factory=list)


class Pair:
    """One writes a word, the other answers it, on and on."""

    def __init__(self, server: ServerProcess, one: RawPeer, two: NamedPeer) -> None:
        self.account = Account()
        self._server = server
        self._one, self._two = one, two
        self._heard = asyncio.Condition()
        self._saved = 0
        self._is_over = False
        self.is_done = False

    async def read(self, hear: Callable[[], Awaitable[object]]) -> None:
        """Read all the time, as clients do. (A wait that is over when it is cancelled goes on in Python 3.11: hence the flag.)"""
        with contextlib.suppress(ConnectionClosed):
            while not self.is_done:
                message = await hear()
                self._saved += isinstance(message, SyncStatus) and message.is_applied
                async with self._heard:
                    self._heard.notify_all()

    async def write(self) -> None:
        """Word after word: each is waited for until it is durable and the other has it."""
        one, two, account = self._one, self._two, self.account
        while not self._is_over:
            for peer, name in ((one, "one"), (two, "two")):
                word, saved, began = f"{name}{account.rounds}", self._saved, time.monotonic()
                await peer.append(f"{word} ", "pair")
                other = two if peer is one else one
                async with asyncio.timeout(20), self._heard:
                    while word not in str(other.text("pair")) or (peer is two and self._saved == saved):
                        await self._heard.wait()
                account.words.append(word)
                account.slowest_s = max(account.slowest_s, time.monotonic() - began)
            account.rounds += 1
            account.memory_bytes = max(account.memory_bytes, self._server.memory_bytes())
            await asyncio.sleep(PAUSE_S)

    async def go_on(self, rounds: int) -> None:
        """Until so many more rounds are done."""
        until = self.account.rounds + rounds
        async with asyncio.timeout(20), self._heard:
            while self.account.rounds < until:
                await self._heard.wait()

    def end(self) -> None:
        """After this round."""
        self._is_over = True


@asynccontextmanager
async def honest_pair(
    server: ServerProcess, path: str = DOCUMENT, token: str = "", memory_bytes_max: int = 300 * 2**20
) -> AsyncIterator[Account]:
    """While this lasts the pair writes. At the end it is shown that it went on during and after the attack, that each word was
    durable and with the other within two seconds, that both replicas have them all in order, and what memory the server took."""
    query = f"?token={token}" if token else ""
    async with raw_peer(server.url, f"/sync/{path}{query}") as one, named_link(server.url) as link:
        two = link.peer(path)
        await two.begin(token)
        pair = Pair(server, one, two)
        account = pair.account
        tasks = [asyncio.create_task(pair.read(peer.hear)) for peer in (one, two)]
        tasks.append(asyncio.create_task(pair.write()))
        try:
            await _while_alive(pair.go_on(1), tasks)
            yield account
            await _while_alive(pair.go_on(ROUNDS_AFTERWARDS), tasks)
            pair.end()
            await tasks[-1]
        finally:
            pair.is_done = True
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        texts = str(one.text("pair")), str(two.text("pair"))
    assert texts[0] == texts[1]
    assert texts[0].split() == account.words
    assert account.slowest_s < LATENCY_MAX_S, account.slowest_s
    assert account.memory_bytes < memory_bytes_max, account.memory_bytes


async def _while_alive(work: Coroutine[None, None, None], tasks: list[asyncio.Task[None]]) -> None:
    """Wait for it; whichever of the tasks ends meanwhile says why."""
    doing = asyncio.create_task(work)
    await asyncio.wait((doing, *tasks), return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        if task.done():
            doing.cancel()
            task.result()
            raise AssertionError("an honest peer was closed")
    await doing
