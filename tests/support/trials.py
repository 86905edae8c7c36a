"""Seeded trials: several peers edit one document while connections drop, frames come twice and late, and the server dies.

At the end everybody comes back, and then: all replicas are equal to the authority's state, every acknowledged write is there
exactly once, nothing that nobody wrote is there, no version of a guarded field was won twice, and the log's chain is whole.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections import Counter as Tally
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from websockets.asyncio.client import connect as open_websocket
from websockets.exceptions import WebSocketException

from accordant import (
    Conflict,
    Counter,
    Document,
    Engine,
    Fenced,
    Guarded,
    Log,
    Map,
    Namespace,
    NoAuthority,
    StoreError,
    Text,
    UnionSet,
    connect,
    region,
)
from accordant.engine.host.verify import verify
from accordant.sync.client.replica import LocalReplica
from accordant.sync.server.run import run
from accordant.sync.wire import SyncStep1, SyncStep2, SyncUpdate, decode_frame, encode_message
from accordant.types.commands import Write
from accordant.types.regions import Kind
from processes import ServerProcess
from served import until

TASK = Namespace.task("acme", "q3")
KEY = "acme/task/q3/brief"
REGIONS = {
    "findings": Kind.LOG,
    "members": Kind.UNION_SET,
    "draft": Kind.TEXT,
    "total": Kind.COUNTER,
    "cursors": Kind.MAP,
}
MARK = "\u2022"


class Brief(Document):
    account: Guarded[int] = region(default=0)
    findings: Log[str]
    members: UnionSet[str]
    draft: Text
    total: Counter
    cursors: Map[int] = region(lww="only for show")


@dataclass
class Ledger:
    """What a trial has to find at the end. `unknown`: an answer was lost, so either is right."""

    findings: list[str] = field(default_factory=list)
    members: list[str] = field(default_factory=list)
    marks: list[str] = field(default_factory=list)
    total: int = 0
    unknown_total: list[int] = field(default_factory=list)
    unknown: set[str] = field(default_factory=set)
    versions: list[int] = field(default_factory=list)

    @property
    def acknowledged(self) -> int:
        """How many writes were acknowledged, or have to land because a replica holds them."""
        return len(self.findings) + len(self.members) + len(self.marks) + len(self.versions)


@dataclass(frozen=True)
class Outcome:
    """What became of a trial: `faults` empty when every promise held."""

    seed: int
    peers: int
    acknowledged: int
    drops: int
    kills: int
    faults: tuple[str, ...]


class Server:
    """A real server on a fixed port: in this process, or one of its own that is killed for real."""

    def __init__(self, path: Path, is_process: bool) -> None:
        self._path = path
        self.is_process = is_process
        self._process = ServerProcess(path, "--durability", "process") if is_process else None
        self._task: asyncio.Task[None] | None = None
        self.port = 0
        self.is_up = False

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    async def start(self) -> None:
        if self._process is not None:
            await self._process.start()
            self.port = self._process.port
        else:
            listening: asyncio.Future[int] = asyncio.get_running_loop().create_future()
            self._task = asyncio.create_task(self._serve(listening))
            self.port = await listening
        self.is_up = True

    async def stop(self, how: signal.Signals = signal.SIGKILL) -> None:
        self.is_up = False
        if self._process is not None:
            await self._process.end(how)
        elif self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _serve(self, listening: asyncio.Future[int]) -> None:
        async with Engine(self._path, durability="process") as engine:
            await run(engine, "127.0.0.1", self.port, lambda _, port: listening.set_result(port))


class YjsPeer:
    """A plain Yjs peer: edits its replica whenever it likes, and tells the server when there is one."""

    def __init__(self, random: Random, name: str) -> None:
        self.name = name
        self.replica = LocalReplica()
        self._random = random
        self._socket: Any = None
        self._listening: asyncio.Task[None] | None = None
        self._late: list[bytes] = []
        self.made = 0

    async def come(self, url: str) -> None:
        """Connect and sync both ways, as y-websocket does."""
        await self.go()
        with contextlib.suppress(OSError, WebSocketException, TimeoutError):
            path = f"/sync/{KEY}?agent={self.name}"
            self._socket = await open_websocket(url + path, compression=None, max_size=None, proxy=None)
            await self._socket.send(encode_message(SyncStep1(self.replica.state_vector())))
            self._listening = asyncio.create_task(self._listen(self._socket))

    async def go(self) -> None:
        """Lose the connection without a word, and with it the frames that were late."""
        self._late.clear()
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.gather(self._listening, return_exceptions=True)
            self._listening = None
        if self._socket is not None:
            self._socket.transport.abort()
            self._socket = None

    async def _listen(self, socket: Any) -> None:
        with contextlib.suppress(WebSocketException, OSError):
            async for frame in socket:
                for message in decode_frame(frame, 2**27):
                    if isinstance(message, SyncStep2 | SyncUpdate):
                        self.replica.apply(message.update)
                    elif isinstance(message, SyncStep1):
                        await socket.send(encode_message(SyncStep2(self.replica.encode())))

    async def edit(self, write: Write) -> None:
        """Here at once; to the server now, later, or twice."""
        update = self.replica.perform((write,))
        if update is None or self._socket is None:
            return
        self._late.append(encode_message(SyncUpdate(update)))
        if self._random.random() < 0.7:
            late, self._late = self._late, []
            with contextlib.suppress(WebSocketException, OSError):
                for frame in late:
                    for _ in range(2 if self._random.random() < 0.2 else 1):
                        await self._socket.send(frame)


class Trial:
    """One seed."""

    def __init__(self, seed: int, folder: Path, steps: int, is_process: bool, peers: int | None = None) -> None:
        self.random = Random(seed)
        self.seed = seed
        self.path = folder / f"trial-{seed}.db"
        self.server = Server(self.path, is_process)
        self.count = peers or self.random.randint(2, 16)
        self.steps = steps
        self.ledger = Ledger()
        self.handles: list[Brief] = []
        self.yjs: list[YjsPeer] = []
        self.made = 0
        self.drops = self.kills = 0

    async def run(self) -> Outcome:
        """All of it."""
        await self.server.start()
        try:
            await self._gather()
            for _ in range(self.steps):
                await self._step()
            faults = await self._reunite()
        finally:
            for peer in self.yjs:
                await peer.go()
            for handle in self.handles:
                await handle._port._connection.close()  # type: ignore[attr-defined]
            if self.server.is_up:
                await self.server.stop(signal.SIGTERM)
        async with Engine(self.path) as engine:
            report = await verify(engine.store, KEY)
            faults += [one.text for one in report.discrepancies]
        return Outcome(self.seed, self.count, self.ledger.acknowledged, self.drops, self.kills, tuple(faults))

    async def _gather(self) -> None:
        for n in range(self.count):
            if n and self.random.random() < 0.4:
                self.yjs.append(YjsPeer(self.random, f"yjs{n}"))
                await self.yjs[-1].come(self.server.url)
            else:
                self.handles.append(await connect(Brief, self.server.url, TASK, "brief", agent=f"agent{n}"))

    # -- one step ---------------------------------------------------------------------------------------------

    async def _step(self) -> None:
        dice = self.random.random()
        if dice < 0.03:
            await self._kill()
        elif dice < 0.12:
            await self._drop()
        elif not self.server.is_up and dice < 0.4:
            await self._restart()
        elif self.yjs and dice < 0.5:
            await self._yjs_edit(self.random.choice(self.yjs))
        else:
            await self._act(self.random.choice(self.handles))
        if self.random.random() < 0.3:
            await asyncio.sleep(self.random.random() * 0.004)

    async def _kill(self) -> None:
        if self.server.is_up and self.server.is_process:  # one within this process has no system to close its sockets
            self.kills += 1
            await self.server.stop()
            for handle in self.handles:  # what the system does for a process that died
                self._abort(handle)
            for peer in self.yjs:
                await peer.go()

    async def _restart(self) -> None:
        await self.server.start()
        for peer in self.yjs:
            await peer.come(self.server.url)

    async def _drop(self) -> None:
        self.drops += 1
        if self.yjs and self.random.random() < 0.5:
            peer = self.random.choice(self.yjs)
            await peer.go()
            if self.server.is_up and self.random.random() < 0.6:
                await peer.come(self.server.url)
            return
        self._abort(self.random.choice(self.handles))

    @staticmethod
    def _abort(handle: Brief) -> None:
        socket = handle._port._connection._socket  # type: ignore[attr-defined]
        if socket is not None:
            socket.transport.abort()

    def _name(self) -> str:
        self.made += 1
        return f"w{self.seed}.{self.made}"

    async def _yjs_edit(self, peer: YjsPeer) -> None:
        name = self._name()
        which = self.random.choice(("findings", "members", "draft", "total"))
        if which == "findings":
            self.ledger.findings.append(name)
            await peer.edit(Write("findings", Kind.LOG, "append", None, {"items": [name]}))
        elif which == "members":
            self.ledger.members.append(name)
            await peer.edit(Write("members", Kind.UNION_SET, "add", None, {"items": [name]}))
        elif which == "draft":
            self.ledger.marks.append(name)
            index = self.random.randint(0, len(peer.replica.value("draft", Kind.TEXT)))
            text = f"{MARK}{name}{MARK}"
            if index and index < len(peer.replica.value("draft", Kind.TEXT)):
                index = 0  # inside another mark it would be torn, which is no loss and hard to tell from one
            await peer.edit(Write("draft", Kind.TEXT, "insert", None, {"index": index, "text": text}))
        else:
            self.ledger.total += 1
            await peer.edit(Write("total", Kind.COUNTER, "increment", None, {"by": 1}))

    async def _act(self, brief: Brief) -> None:
        name, by = self._name(), self.random.randint(-3, 5)
        acts: list[tuple[Callable[[], Awaitable[Any]], Callable[[], Any], Callable[[], Any]]] = [
            (
                lambda: brief.findings.append(name),
                lambda: self.ledger.findings.append(name),
                lambda: self.ledger.unknown.add(name),
            ),
            (
                lambda: brief.members.add(name),
                lambda: self.ledger.members.append(name),
                lambda: self.ledger.unknown.add(name),
            ),
            (
                lambda: brief.draft.append(f"{MARK}{name}{MARK}"),
                lambda: self.ledger.marks.append(name),
                lambda: self.ledger.unknown.add(name),
            ),
            (
                lambda: brief.total.increment(by),
                lambda: self._count(by),
                lambda: self.ledger.unknown_total.append(by),
            ),
            (lambda: brief.cursors.set(brief.agent, by), lambda: None, lambda: None),
            (lambda: self._commit(brief), lambda: None, lambda: None),
        ]
        act, landed, unknown = self.random.choice(acts)
        work = asyncio.ensure_future(act())
        try:
            await asyncio.wait_for(asyncio.shield(work), 0.25 if self.server.is_up else 0.05)
        except TimeoutError:
            work.add_done_callback(lambda done: self._late(done, landed, unknown))
        except (NoAuthority, Conflict, Fenced):
            pass  # nothing was sent, or it certainly did not land
        except StoreError:
            unknown()
        else:
            landed()

    def _late(self, done: asyncio.Future[Any], landed: Callable[[], Any], unknown: Callable[[], Any]) -> None:
        """An answer that came after the step had gone on."""
        error = None if done.cancelled() else done.exception()
        if done.cancelled() or isinstance(error, StoreError):
            unknown()
        elif error is None:
            landed()

    def _count(self, by: int) -> None:
        self.ledger.total += by

    async def _commit(self, brief: Brief) -> None:
        seen = await brief.account.read()
        landed = await brief.account.commit(seen.value + 1, expect=seen)
        self.ledger.versions.append(landed.version)

    # -- the end ----------------------------------------------------------------------------------------------

    async def _reunite(self) -> list[str]:
        if not self.server.is_up:
            await self.server.start()
        for peer in self.yjs:
            await peer.come(self.server.url)
        async with asyncio.timeout(30):
            for handle in self.handles:
                link = handle._port._connection  # type: ignore[attr-defined]
                await until(lambda link=link: link.is_ready and link.offline.has_synced)
                await handle.synced()
                await until(lambda link=link: not link.session.unanswered)
        async with connect(Brief, self.server.url, TASK, "brief", agent="judge") as judge:
            state = await self._settled(judge)
            return [*self._unequal(state), *self._lost(state), *await self._versions(judge)]

    async def _settled(self, judge: Brief) -> dict[str, Any]:
        """The authority's state when every replica has it, or after five seconds of waiting."""
        state: dict[str, Any] = {}
        for _ in range(500):
            state = {name: await self._value(judge, name) for name in REGIONS}
            if not self._unequal(state):
                break
            await asyncio.sleep(0.01)
        return state

    @staticmethod
    async def _value(judge: Brief, name: str) -> Any:
        value = (await getattr(judge, name).read()).value
        return sorted(value) if isinstance(value, set) else value

    def _unequal(self, state: dict[str, Any]) -> list[str]:
        replicas = {peer.name: peer.replica for peer in self.yjs}
        for handle in self.handles:
            replicas[handle.agent] = handle._port._connection.offline.replica  # type: ignore[attr-defined]
        return [
            f"{who}: {name} differs"
            for who, replica in replicas.items()
            for name, kind in REGIONS.items()
            if replica.value(name, kind) != state[name]
        ]

    def _lost(self, state: dict[str, Any]) -> list[str]:
        ledger, faults = self.ledger, []
        marks = [one for one in state["draft"].split(MARK) if one]
        for what, wanted, found in (
            ("findings", ledger.findings, state["findings"]),
            ("members", ledger.members, state["members"]),
            ("draft", ledger.marks, marks),
        ):
            tally = Tally(found)
            faults += [f"{what}: {one} is there {tally[one]} times" for one in wanted if tally[one] != 1]
            faults += [f"{what}: nobody wrote {one}" for one in tally.keys() - set(wanted) - ledger.unknown]
        sums = {ledger.total}
        for by in ledger.unknown_total:
            sums |= {one + by for one in sums}
        if state["total"] not in sums:
            faults.append(f"total: {state['total']}, acknowledged {ledger.total}")
        faults += [f"{handle.agent}: {len(handle.refused)} were refused" for handle in self.handles if handle.refused]
        return faults

    async def _versions(self, judge: Brief) -> list[str]:
        entries = await judge.history("account", kind="write", limit=1000)
        won = [(op.read, entry.offset) for entry in entries for op in entry.ops if op.region == "account"]
        faults = [f"version {read} was won twice" for read, n in Tally(read for read, _ in won).items() if n > 1]
        landed = {offset for _, offset in won}
        faults += [f"account: the commit at {one} is gone" for one in self.ledger.versions if one not in landed]
        if (await judge.account.read()).value != len(won):
            faults.append("account: an update was lost")
        return faults


async def trials(seeds: range, folder: Path, steps: int, processes: int = 0) -> AsyncIterator[Outcome]:
    """The outcome of each seed; every `processes`-th one with a server process that is killed (0: none)."""
    for seed in seeds:
        yield await Trial(seed, folder, steps, bool(processes) and seed % processes == 0).run()
