"""`connect`: a document handle over a websocket, awaitable and an async context manager in one."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from types import TracebackType
from typing import Any, Generic, TypeVar, overload
from urllib.parse import quote, urlsplit

from accordant.document.document import Document
from accordant.sync.client.connection import Connection
from accordant.sync.client.offline import Offline
from accordant.sync.client.port import WebsocketPort
from accordant.sync.messages import Hello
from accordant.types.errors import Invalid
from accordant.types.namespaces import DocumentKey, Namespace, segment

__all__ = ["Connecting", "connect"]

D = TypeVar("D", bound=Document)


class Connecting(Generic[D]):
    """What `connect` returns: `await` it for the handle, or enter it with `async with`, which closes the handle."""

    def __init__(
        self, cls: type[D], url: str, key: DocumentKey, hello: Hello, token: str | None, offline: bool
    ) -> None:
        self._cls = cls
        self._url = url
        self._key = key
        self._hello = hello
        self._token = token
        self._offline = offline
        self._handle: D | None = None

    def __await__(self) -> Generator[Any, None, D]:
        return self._open().__await__()

    async def __aenter__(self) -> D:
        self._handle = await self._open()
        return self._handle

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._handle is not None:
            await self._handle.close()

    async def _open(self) -> D:
        connection = Connection(self._url, self._hello, self._token, Offline() if self._offline else None)
        await connection.open()
        return self._cls(WebsocketPort(connection, self._key, self._hello.agent, self._cls.__schema__))


@overload
def connect(
    document: type[D],
    url: str,
    namespace: Namespace,
    name: str,
    *,
    agent: str,
    roles: Iterable[str] = (),
    shared: bool = False,
    read_only: bool = False,
    lease_s: float | None = None,
    token: str | None = None,
    offline: bool = True,
) -> Connecting[D]: ...


@overload
def connect(
    document: None,
    url: str,
    namespace: Namespace,
    name: str,
    *,
    agent: str,
    roles: Iterable[str] = (),
    shared: bool = False,
    read_only: bool = False,
    lease_s: float | None = None,
    token: str | None = None,
    offline: bool = True,
) -> Connecting[Document]: ...


def connect(
    document: type[Any] | None,
    url: str,
    namespace: Namespace,
    name: str,
    *,
    agent: str,
    roles: Iterable[str] = (),
    shared: bool = False,
    read_only: bool = False,
    lease_s: float | None = None,
    token: str | None = None,
    offline: bool = True,
) -> Connecting[Any]:
    """The same handle as `Engine.open` gives, on a document of the server at `url` (`ws://127.0.0.1:8765`).

    Arguments mean what they mean there; `token` is what `accordant token new` printed. The server answers reads and writes.
    While it cannot be reached the handle reconnects by itself: guarded fields raise `NoAuthority` at once; texts, logs, sets,
    counters and maps are read from a local replica, and written to it (`doc.pending` of them wait; `await doc.synced()`), unless
    `offline=False`. A reconnect within the server's grace time resumes the session, so that readings stay good and a write whose
    answer was lost lands once. Opening raises `NoAuthority`, `Invalid`.
    """
    cls: type[Any] = Document if document is None else document
    if not (isinstance(cls, type) and issubclass(cls, Document)):
        raise Invalid(
            "connect() takes a Document subclass, or None for a document without a schema", code="bad_argument"
        )
    if urlsplit(url).scheme not in ("ws", "wss"):
        raise Invalid(f"{url!r} is not a websocket address: ws://HOST:PORT", code="bad_url")
    if "/sync/" in urlsplit(url).path:
        raise Invalid(
            f"{url!r} is a document's address: give ws://HOST:PORT alone, namespace and name say which document",
            code="bad_url",
        )
    key = DocumentKey.of(namespace, name)
    path = "/".join(quote(one, safe="") for one in (*key.namespace.segments, key.name))
    lease_ms = None if lease_s is None else int(lease_s * 1000)
    schema = cls.__schema__ if cls.__schema__.regions else None
    hello = Hello(segment(agent), frozenset(map(segment, roles)), shared, lease_ms, schema, None, read_only)
    return Connecting(cls, f"{url.rstrip('/')}/sync/{path}", key, hello, token, offline)
