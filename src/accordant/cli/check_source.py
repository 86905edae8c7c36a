"""What `accordant check` was pointed at, as passages: a store file, a document on a server, Markdown in a file or piped in.

It reads and translates; it checks nothing, and writes nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

from accordant.cli.output import MissingExtra
from accordant.cli.source import choose, reading
from accordant.coherence_pass import Passage, passages_of_markdown
from accordant.coherence_pass.from_outline import passages_of_outline
from accordant.coherence_pass.lifecycle import Kept
from accordant.document.document import Document
from accordant.engine.host.loading import load_state
from accordant.engine.outline import outline
from accordant.engine.stores.contract import AuditQuery, Store
from accordant.types.entries import Entry
from accordant.types.errors import AccordantError, Invalid, NoAuthority
from accordant.types.limits import CHECK_FILE_BYTES_MAX
from accordant.types.namespaces import DocumentKey
from accordant.types.regions import COHERENCE

__all__ = ["AGENT", "STDIN", "Loaded", "is_url", "load", "loaded_of_store", "open_document", "place_of"]

READER_ID = 1
"""The Yjs client id of a replica that only reads."""

AGENT = "accordant-check"
"""Under which name the check joins a server."""

STDIN = "-"
MARKDOWN = frozenset({".md", ".markdown", ".txt"})
SCHEMES = frozenset({"ws", "wss", "http", "https"})

T = TypeVar("T")
EntryOf = Callable[[int], Awaitable[Sequence[Entry]]]


async def _no_entry(version: int) -> Sequence[Entry]:
    return ()


@dataclass(frozen=True, slots=True)
class Loaded:
    """A document at one version. `kept`: the findings that it holds. `entry`: the entry of a version."""

    passages: Sequence[Passage]
    document_id: str
    version: int
    kept: Kept = field(default_factory=Kept)
    entry: EntryOf = _no_entry


async def load(source: str, document: str | None, token: str | None, then: Callable[[Loaded], Awaitable[T]]) -> T:
    """What `then` makes of the source while it is open; raises `Invalid`, `StoreError`, `NoAuthority` or `MissingExtra`."""
    if is_url(source):
        async with await open_document(source, document, token) as joined:
            return await then(await _loaded_of_peer(joined))
    if source == STDIN or Path(source).suffix.lower() in MARKDOWN:
        return await then(_loaded_of_text(source))
    async with reading(source) as store:
        return await then(await loaded_of_store(store, (await choose(store, document)).key))


def is_url(source: str) -> bool:
    """Whether the source is a server's."""
    return urlsplit(source).scheme in SCHEMES and "://" in source


def _loaded_of_text(source: str) -> Loaded:
    data, name = _bytes_of(source)
    if len(data) > CHECK_FILE_BYTES_MAX:
        raise Invalid(f"{name!r} has more than {CHECK_FILE_BYTES_MAX:,} bytes", code="too_large", hint="split it")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Invalid(f"{name!r} is not UTF-8 text: {error.reason}", code="not_unicode", hint="convert it") from error
    return Loaded(passages_of_markdown(text, region=name), name, 0)


def _bytes_of(source: str) -> tuple[bytes, str]:
    """At most one byte more than may be read."""
    if source == STDIN:
        return sys.stdin.buffer.read(CHECK_FILE_BYTES_MAX + 1), "stdin"
    path = Path(source)
    if not path.is_file():
        raise Invalid(f"there is no file {source!r}", code="no_file")
    with path.open("rb") as file:
        return file.read(CHECK_FILE_BYTES_MAX + 1), path.name


async def loaded_of_store(store: Store, key: str) -> Loaded:
    """One document of an open store."""
    state, _ = await load_state(store, key, READER_ID)

    async def entry(version: int) -> Sequence[Entry]:
        return await store.audit(AuditQuery(key, before=version + 1, limit=1))

    return _loaded(key, outline(state), entry)


async def _loaded_of_peer(joined: Document) -> Loaded:
    async def entry(version: int) -> Sequence[Entry]:
        return await joined.history(before=version + 1, limit=1)

    return _loaded(joined.key.path, await joined.outline(), entry)


def _loaded(key: str, shown: Mapping[str, Any], entry: EntryOf) -> Loaded:
    prefix = f"{COHERENCE}/"
    fields = shown["fields"].items()
    kept = Kept.of({path[len(prefix) :]: one["value"] for path, one in fields if path.startswith(prefix)})
    return Loaded(passages_of_outline(shown), key, int(shown["version"]), kept, entry)


async def open_document(
    url: str,
    document: str | None,
    token: str | None,
    *,
    agent: str = AGENT,
    read_only: bool = True,
    roles: Collection[str] = (),
) -> Document:
    """A handle on the document that a URL names. `roles` count on a server without tokens. Raises `Invalid`, `Denied`,
    `NoAuthority`, `MissingExtra`."""
    base, key = place_of(url, document)
    try:
        from accordant.sync.client import connect
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] == "accordant":
            raise
        raise MissingExtra("a URL", "server") from error
    try:
        return await connect(
            None,
            base,
            key.namespace,
            key.name,
            agent=agent,
            roles=roles,
            shared=True,
            read_only=read_only,
            token=token,
            offline=False,
        )
    except OSError as error:
        raise NoAuthority(
            f"{base} does not answer: {error}", code="cannot_connect", hint="is `accordant serve` running there?"
        ) from error


def place_of(url: str, document: str | None) -> tuple[str, DocumentKey]:
    """The server's websocket address, and the document: by the URL's path, or the argument beside it. Raises `Invalid`."""
    parts = urlsplit(url)
    base = f"{ {'http': 'ws', 'https': 'wss'}.get(parts.scheme, parts.scheme) }://{parts.netloc}"
    segments = [unquote(segment) for segment in parts.path.split("/") if segment]
    if segments and segments[0] in ("sync", "documents"):
        segments = segments[1:]
    named = "/".join(segments) or document
    if not named:
        raise Invalid(
            "the URL names no document", code="which_document", hint="ws://HOST:PORT/sync/<namespace>/<document>"
        )
    try:
        return base, DocumentKey.parse(named)
    except AccordantError as error:
        raise Invalid(f"{named!r} names no document: {error.message}", code="bad_name") from error
