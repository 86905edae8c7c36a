"""`Engine`: opens a store, holds its lease, and hands out document handles. One engine per store at a time (I3)."""

from __future__ import annotations

import asyncio
import logging
import math
import os
import socket
import time
import uuid
from collections.abc import Callable, Collection, Iterable
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, TypeVar, overload

from accordant.document.document import Document
from accordant.engine.commands import Declare, FenceAgent, Join
from accordant.engine.effects import Published
from accordant.engine.host.access import access_to
from accordant.engine.host.document_host import DocumentHost
from accordant.engine.host.governance import BOOK, GOVERNOR, Governance, GrantBook, Granted
from accordant.engine.host.port import EmbeddedPort
from accordant.engine.host.replay import Replays
from accordant.engine.host.resting import Resting
from accordant.engine.host.retention import Keeper, compact
from accordant.engine.host.turns import Turns
from accordant.engine.state import DocumentState
from accordant.engine.stores.contract import ALL, DocumentInfo, Lease, Pin, Store
from accordant.engine.stores.memory import MemoryStore
from accordant.engine.stores.sqlite import SqliteStore
from accordant.types.access import EVERYTHING, Grant
from accordant.types.entries import Auth
from accordant.types.errors import Denied, Invalid, NoAuthority
from accordant.types.limits import DOCUMENT_IDLE_S, LEASE_S
from accordant.types.namespaces import DocumentKey, Namespace, segment
from accordant.types.retention import Compaction, Retention

__all__ = ["Engine"]

logger = logging.getLogger("accordant.engine")
D = TypeVar("D", bound=Document)
Durability = Literal["fsync", "process"]
Observer = Callable[[DocumentHost, list[Published]], None]


class _Held:
    """A lease in our hands, as far as the clock says."""

    def __init__(self, store: Store, lease: Lease, ttl_s: float, clock: Callable[[], float]) -> None:
        self.lease = lease
        self._store = store
        self._ttl_s = ttl_s
        self._clock = clock

    def is_current(self) -> bool:
        """Whether it has certainly not run out."""
        return self._clock() * 1000 < self.lease.expires_at

    async def confirm(self) -> None:
        """Renew it; raises `NoAuthority` when it has passed to another."""
        self.lease = await self._store.renew(self.lease, self._ttl_s)


class Engine:
    """Documents in this process.

    `path`: a store file, created when missing; None keeps everything in memory. `durability`: `"fsync"` survives power loss,
    `"process"` a crash of the process. `store`: a store of your own instead. `lease_s`: after how long another process may take
    over from a silent one. `idle_s`: how long a document that nobody uses stays loaded.
    `retention`: which old versions stay rebuildable; None: all of them. `default_deny`: an agent reaches nothing until
    `engine.grant` says what; grants are kept in the store, with who gave them and why.
    Raises `NoAuthority` naming the holder while another process has the store open, and `StoreError`.
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        store: Store | None = None,
        durability: Durability = "fsync",
        lease_s: float = LEASE_S,
        idle_s: float = DOCUMENT_IDLE_S,
        retention: Retention | None = None,
        default_deny: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if store is not None and path is not None:
            raise Invalid("give a path or a store, not both", code="bad_argument")
        if durability not in ("fsync", "process"):
            raise Invalid(f'durability is "fsync" or "process", not {durability!r}', code="bad_argument")
        if store is None:
            if path is None or str(path) == ":memory:":
                store = MemoryStore(clock=clock)
            else:
                store = SqliteStore(Path(path), durability=durability, clock=clock)
        self._store = store
        self._lease_s = lease_s
        self._idle_s = idle_s
        self._clock = clock
        self._holder = f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
        self._leases: dict[str, _Held] = {}
        self._hosts: dict[str, DocumentHost] = {}
        self._opening = Turns()
        self._renewing: asyncio.Task[None] | None = None
        self._unloading: asyncio.Task[None] | None = None
        self._observers: list[Observer] = []
        self._replays = Replays(store)
        self._retention = retention or Retention()
        self._keeping: asyncio.Task[None] | None = None
        self.default_deny = default_deny
        self._governance = Governance(self._open_book)

    # -- life -------------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        await self._store.open()
        try:
            if self._store.exclusive:
                await self._acquire(ALL)
        except BaseException:
            await self._store.close()
            raise
        self._renewing = asyncio.create_task(self._keep_leases(), name="accordant leases")
        self._unloading = asyncio.create_task(self._unload_idle(), name="accordant unloading")
        if not self._retention.keeps_all:
            keeper = Keeper(self._store, self._retention, lambda: int(self._clock() * 1000))
            self._keeping = asyncio.create_task(keeper.run(), name="accordant retention")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Finish what was begun, keep checkpoints, let go of the lease and the store. Idempotent."""
        if self._renewing is None:
            return
        for task in filter(None, (self._keeping, self._renewing, self._unloading)):
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        self._renewing = self._unloading = self._keeping = None
        try:
            ends = await asyncio.gather(*(host.close() for host in self._hosts.values()), return_exceptions=True)
            ends += await asyncio.gather(
                *(self._release(held) for held in self._leases.values()), return_exceptions=True
            )
            for error in (one for one in ends if isinstance(one, BaseException)):
                logger.error("while closing: %s", error)  # what was acknowledged is in the log, and a lease runs out
        finally:
            self._hosts.clear()
            await self._replays.sightings.close()
            await self._store.close()

    async def _release(self, held: _Held) -> None:
        await self._store.release(held.lease)

    async def _acquire(self, resource: str) -> _Held:
        lease = await self._store.acquire(resource, self._holder, self._lease_s)
        held = self._leases[resource] = _Held(self._store, lease, self._lease_s, self._clock)
        return held

    async def _keep_leases(self) -> None:
        while True:
            await asyncio.sleep(self._lease_s / 3)
            for held in list(self._leases.values()):
                try:
                    await held.confirm()
                except NoAuthority as lost:  # commits are fenced by the epoch; hosts close themselves on the next call
                    logger.error("the lease on %s has passed to another: %s", held.lease.resource, lost)
                except Exception as error:  # whatever a store raises: the next turn tries again
                    logger.warning("the lease on %s could not be renewed: %s", held.lease.resource, error)

    async def _unload_idle(self) -> None:
        resting = Resting(self._idle_s)
        while True:
            await asyncio.sleep(self._idle_s / 4)
            for path in resting.rested(self._hosts, time.monotonic()):
                await self._unload(path)

    async def _unload(self, path: str) -> None:
        """Whoever opens it meanwhile waits and gets a fresh one; whoever was faster keeps this one."""
        async with self._opening.of(path):
            host = self._hosts.get(path)
            if host is None or not host.is_idle:
                return
            try:
                await host.unload()
                del self._hosts[path]
                held = self._leases.pop(path, None)
                if held is not None:
                    await self._release(held)
            except Exception as error:  # whatever a store raises: the log has everything, and a lease runs out
                logger.warning("%s could not be put away: %s", path, error)

    # -- documents --------------------------------------------------------------------------------------------

    @property
    def store(self) -> Store:
        """The store beneath."""
        return self._store

    @property
    def holder(self) -> str:
        """How this engine signs its lease."""
        return self._holder

    @overload
    async def open(
        self,
        document: type[D],
        namespace: Namespace,
        name: str,
        *,
        agent: str,
        roles: Iterable[str] = (),
        shared: bool = False,
        read_only: bool = False,
        lease_s: float | None = None,
    ) -> D: ...

    @overload
    async def open(
        self,
        document: None,
        namespace: Namespace,
        name: str,
        *,
        agent: str,
        roles: Iterable[str] = (),
        shared: bool = False,
        read_only: bool = False,
        lease_s: float | None = None,
    ) -> Document: ...

    async def open(
        self,
        document: type[D] | None,
        namespace: Namespace,
        name: str,
        *,
        agent: str,
        roles: Iterable[str] = (),
        shared: bool = False,
        read_only: bool = False,
        lease_s: float | None = None,
    ) -> D | Document:
        """One agent's handle on a document, created when missing.

        `agent` is the name under which everything is recorded; a second handle under the same name ends the first, unless both
        say `shared=True` (members of a pool). A `read_only` handle's writes are denied. `roles` count in `allow=` rules.
        `lease_s`: the handle's session ends when it makes no call for so long; None: it lives until closed. Raises `Invalid`,
        `NoAuthority`, `StoreError`.
        """
        cls: type[Document] = Document if document is None else document
        if not (isinstance(cls, type) and issubclass(cls, Document)):
            raise Invalid(
                "open() takes a Document subclass, or None for a document without a schema", code="bad_argument"
            )
        key, agent = DocumentKey.of(namespace, name), segment(agent)
        self._check_open()
        if lease_s is not None and not (isinstance(lease_s, int | float) and 0 < lease_s < math.inf):
            raise Invalid("lease_s= is a number of seconds above 0", code="bad_argument")
        lease_ms = None if lease_s is None else int(lease_s * 1000)
        named = frozenset((roles,) if isinstance(roles, str) else roles)
        while True:
            grant = await self._governance.check(agent, key) if self.default_deny else EVERYTHING
            is_reader = read_only or grant.is_read_only
            join = Join(uuid.uuid4().hex, agent, named, Auth.ASSERTED, shared, lease_ms, is_reader, grant)
            handle = await self._joined(cls, key, await self.host(key), join)
            if not self.default_deny or await self._governance.of(agent) == grant:
                return handle
            await handle.close()  # revoked or changed while it was opened: who ended its sessions has not seen this one

    async def _joined(self, cls: type[D], key: DocumentKey, host: DocumentHost, join: Join) -> D:
        if cls.__schema__.regions:
            await host.call(Declare(cls.__schema__, join.agent, trusted=True))
        joined = await host.call(join)
        return cls(EmbeddedPort(host, self._store, key, join.agent, joined, join.grant))

    async def _open_book(self) -> GrantBook:
        join = Join(uuid.uuid4().hex, GOVERNOR, auth=Auth.ENGINE)
        return await self._joined(GrantBook, BOOK, await self._host(BOOK), join)

    async def host(self, key: DocumentKey) -> DocumentHost:
        """The task that owns a document here, started when needed: what servers build upon. Raises `Denied` for the grants."""
        if key == BOOK:  # always: what is written there while nobody asks would count when somebody does
            raise Denied("the grants are the engine's own: engine.grant() writes them", code="no_grant")
        return await self._host(key)

    async def _host(self, key: DocumentKey) -> DocumentHost:
        self._check_open()
        async with self._opening.of(key.path):
            host = self._hosts.get(key.path)
            if host is None or host.is_closed:
                host = await self._start(key)
                try:
                    self._check_open()  # it may have been closed while the document was loaded
                except NoAuthority:
                    await host.close(checkpoint=False)
                    raise
                self._hosts[key.path] = host
            return host

    def _check_open(self) -> None:
        if self._renewing is None:
            raise NoAuthority("the engine is not open: `async with Engine(...) as engine`", code="closed")

    async def _start(self, key: DocumentKey) -> DocumentHost:
        held = self._leases.get(ALL) or await self._acquire(key.path)
        info = await self._store.create(key.path, uuid.uuid4().hex)
        epoch, now_ms = held.lease.epoch, lambda: int(self._clock() * 1000)
        host = DocumentHost(self._store, key.path, epoch, info.incarnation, self._holder, now_ms, held, self._replays)
        for observer in self._observers:
            host.observe(partial(observer, host))
        await host.start()
        return host

    def observe(self, observer: Observer) -> None:
        """From now on call `observer(host, entries)` with each durable batch of every document. That keeps none loaded."""
        self._observers.append(observer)
        for host in self._hosts.values():
            host.observe(partial(observer, host))

    async def outline_at(self, key: DocumentKey, version: int) -> dict[str, Any]:
        """The document as it was after exactly this version, rebuilt from its log beside the living one.

        Raises `Invalid` (`unknown_version`), `SnapshotExpired`, `StoreError`, `NoAuthority` (`timeout`).
        """
        return await self._replays.outline(key.path, version)

    async def compact(self, key: DocumentKey, upto: int | None = None) -> Compaction:
        """Let go of what only versions before `upto` need; None: keep the newest version alone. That somebody wrote, what, when
        and why stays, and so do pinned versions. Raises `Invalid` (`unknown_version`), `StoreError`, `NoAuthority`."""
        await self._confirm(key)
        return await compact(self._store, key.path, upto)

    async def pin(self, key: DocumentKey, version: int, *, agent: str, why: str) -> None:
        """Keep a version rebuildable whatever retention drops, until `unpin`. Raises `Invalid` (`unknown_version`,
        `too_many_pins`), `SnapshotExpired`, `StoreError`."""
        await self._confirm(key)
        state = await self._replays.read(key.path, version, DocumentState.dump)
        await self._store.pin(key.path, version, state, segment(agent), why)

    async def unpin(self, key: DocumentKey, version: int) -> None:
        """Let retention have that version again."""
        await self._confirm(key)
        await self._store.unpin(key.path, version)

    async def pins(self, key: DocumentKey) -> list[Pin]:
        """The pinned versions, oldest first, each with who asked for it and why."""
        return await self._store.pins(key.path)

    async def _confirm(self, key: DocumentKey) -> None:
        """Whoever changes what is kept of a document is its authority."""
        self._check_open()
        held = self._leases.get(ALL) or self._leases.get(key.path) or await self._acquire(key.path)
        if not held.is_current():
            await held.confirm()

    async def access(self, namespace: Namespace, name: str) -> dict[str, Any]:
        """Who may do what in a document: per region its operations and who may perform them, by the declared rules; and whose
        sessions are open since when; with `default_deny`, `grants` that reach it. What tokens narrow is the server's:
        `accordant access --token-file`."""
        key = DocumentKey.of(namespace, name)
        found = await access_to(self._store, key.path)
        if not self.default_deny:
            return found
        return found | {"grants": [one.to_json() for one in await self.grants() if one.grant.covers(key)]}

    async def exists(self, key: DocumentKey) -> bool:
        """Whether the store knows this document: opening one that it does not know creates it."""
        found = await self._store.documents((*key.namespace.segments, key.name))
        return any(info.key == key.path for info in found)

    @property
    def hosts(self) -> Collection[DocumentHost]:
        """The documents that are loaded here."""
        return self._hosts.values()

    async def documents(
        self, prefix: tuple[str, ...] = (), after: str = "", limit: int | None = None, *, agent: str | None = None
    ) -> list[DocumentInfo]:
        """The documents of the store, in key order: those below a prefix, those behind a key, so many. `agent`: with
        `default_deny`, those that it is granted."""
        if agent is None or not self.default_deny:
            return await self._store.documents(prefix, after, limit)
        grant = await self._governance.of(agent) or Grant(namespaces=())
        inner = {max(one, prefix, key=len) for one in grant.outermost if one[: len(prefix)] == prefix[: len(one)]}
        pages = [await self._store.documents(one, after, limit) for one in inner]
        found = {info.key: info for page in pages for info in page if info.key != BOOK.path}
        return [found[key] for key in sorted(found)][:limit]

    # -- who may reach what -----------------------------------------------------------------------------------

    async def grant(self, agent: str, grant: Grant, *, by: str, why: str | None = None) -> Granted:
        """With `default_deny`: from now on `agent` may reach this and no more, in handles that it opens from now on. On record
        with `by` and `why` in the document `system/shared/grants`."""
        self._check_open()
        return await self._governance.grant(agent, grant, by, why)

    async def revoke(self, agent: str, *, by: str, why: str | None = None) -> int:
        """From now on it may reach nothing: its sessions end. Returns how many ended."""
        self._check_open()
        return await self.fence(agent, why=why or "revoked") if await self._governance.revoke(agent, by, why) else 0

    async def grants(self) -> list[Granted]:
        """Who may reach what, by whom and since when."""
        self._check_open()
        return await self._governance.listed()

    async def fence(self, agent: str, *, why: str = "fenced") -> int:
        """End every session of this agent on every open document; what it read before never lands again (I6).

        Returns how many sessions ended.
        """
        command = FenceAgent(segment(agent), "engine", why)
        return sum([await host.call(command) for host in list(self._hosts.values()) if not host.is_closed])
