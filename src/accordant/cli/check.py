"""`accordant check`: what the merge cannot see, in a store file, on a server, or in a Markdown file.

It turns a source into passages and has the pass read them; it decides only how the report is shown, and the exit code.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import unquote, urlsplit

import typer

from accordant.cli.check_format import render_table
from accordant.cli.output import AsJson, Exit, MissingExtra, console, print_json, wants_json
from accordant.cli.source import DocumentName, choose, reading
from accordant.coherence_pass import Checker, CoherenceReport, passages_of_markdown
from accordant.coherence_pass.from_outline import passages_of_outline, versions_in, with_reads
from accordant.document.document import Document
from accordant.engine.host.loading import load_state
from accordant.engine.outline import outline
from accordant.engine.stores.contract import AuditQuery, Store
from accordant.types.errors import AccordantError, Invalid, NoAuthority
from accordant.types.limits import CHECK_FILE_BYTES_MAX
from accordant.types.namespaces import DocumentKey

__all__ = ["check", "report_on", "report_on_document"]

READER_ID = 1
"""The Yjs client id of a replica that only reads."""

AGENT = "accordant-check"
"""Under which name the check joins a server."""

MARKDOWN = frozenset({".md", ".markdown", ".txt"})
SCHEMES = frozenset({"ws", "wss", "http", "https"})


class Format(StrEnum):
    """How the report is printed."""

    TEXT = "text"
    JSON = "json"


class FailOn(StrEnum):
    """When the exit code is 4."""

    OPEN = "open"
    NEVER = "never"


def check(
    source: Annotated[
        str, typer.Argument(metavar="SOURCE", help="A store file, a ws:// or http:// URL, or a Markdown file.")
    ],
    document: DocumentName = None,
    format: Annotated[
        Format | None, typer.Option(help="text or json; text on a terminal, json in a pipe when not given.")
    ] = None,
    rules_only: Annotated[
        bool, typer.Option("--rules-only", help="Nothing but the built-in rules, even where a model is installed.")
    ] = False,
    fail_on: Annotated[
        FailOn, typer.Option(help="open: end with 4 when a contradiction is found. never: end with 0.")
    ] = FailOn.OPEN,
    as_json: AsJson = False,
) -> None:
    """Statements that exclude each other, with who wrote them in which version, having read what.

    Reads and flags; never changes or blocks anything. A store may be in use meanwhile.

    Examples:

    accordant check state.db acme/task/q3/brief

    accordant check ws://127.0.0.1:8765/sync/acme/task/q3/brief

    accordant check brief.md --format json
    """
    del rules_only  # the rules are all there is today; asking for them alone stays true when more arrives
    report = asyncio.run(report_on(source, document, now_ms=int(time.time() * 1000)))
    if wants_json(as_json) if format is None else (as_json or format is Format.JSON):
        print_json(report.model_dump(mode="json"))
    else:
        render_table(report, console())
    if not report.coherent and fail_on is FailOn.OPEN:
        raise typer.Exit(Exit.FINDINGS)


async def report_on(source: str, document: str | None, now_ms: int) -> CoherenceReport:
    """The report on any source; raises `Invalid`, `StoreError`, `NoAuthority` or `MissingExtra`."""
    if urlsplit(source).scheme in SCHEMES and "://" in source:
        return await _report_on_url(source, document, now_ms)
    if Path(source).suffix.lower() in MARKDOWN:
        return _report_on_file(Path(source), now_ms)
    return await _report_on_store(source, document, now_ms)


def _report_on_file(path: Path, now_ms: int) -> CoherenceReport:
    if not path.is_file():
        raise Invalid(f"there is no file {str(path)!r}", code="no_file")
    size = path.stat().st_size
    if size > CHECK_FILE_BYTES_MAX:
        raise Invalid(
            f"{str(path)!r} has {size:,} bytes, the limit is {CHECK_FILE_BYTES_MAX:,}",
            code="too_large",
            hint="split it",
        )
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise Invalid(
            f"{str(path)!r} is not UTF-8 text: {error.reason}", code="not_unicode", hint="convert it"
        ) from error
    passages = passages_of_markdown(text, region=path.name)
    return Checker().run(passages, document_id=path.name, version=0, now=now_ms)


async def _report_on_store(source: str, document: str | None, now_ms: int) -> CoherenceReport:
    async with reading(source) as store:
        return await report_on_document(store, (await choose(store, document)).key, now_ms)


async def report_on_document(store: Store, key: str, now_ms: int) -> CoherenceReport:
    """The report on one document of an open store, every side with what its author had read."""
    state, _ = await load_state(store, key, READER_ID)
    report = _checked(key, outline(state), now_ms)
    written = [await store.audit(AuditQuery(key, before=version + 1, limit=1)) for version in versions_in(report)]
    return with_reads(report, {entry.offset: entry for found in written for entry in found})


async def _report_on_url(url: str, document: str | None, now_ms: int) -> CoherenceReport:
    key = _key_of(url, document)
    try:
        from accordant.sync.client import connect
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] == "accordant":
            raise
        raise MissingExtra("accordant check with a URL", "server") from error
    parts = urlsplit(url)
    base = f"{ {'http': 'ws', 'https': 'wss'}.get(parts.scheme, parts.scheme) }://{parts.netloc}"
    try:
        async with connect(None, base, key.namespace, key.name, agent=AGENT, shared=True) as joined:
            return await _report_on_peer(joined, key, now_ms)
    except OSError as error:
        raise NoAuthority(
            f"{base} does not answer: {error}", code="cannot_connect", hint="is `accordant serve` running there?"
        ) from error


async def _report_on_peer(joined: Document, key: DocumentKey, now_ms: int) -> CoherenceReport:
    report = _checked(key.path, await joined.outline(), now_ms)
    written = [await joined.history(before=version + 1, limit=1) for version in versions_in(report)]
    return with_reads(report, {entry.offset: entry for found in written for entry in found})


def _key_of(url: str, document: str | None) -> DocumentKey:
    """The document that a URL names by its path, or the argument beside it; raises `Invalid`."""
    segments = [unquote(segment) for segment in urlsplit(url).path.split("/") if segment]
    if segments and segments[0] in ("sync", "documents"):
        segments = segments[1:]
    named = "/".join(segments) or document
    if not named:
        raise Invalid(
            "the URL names no document", code="which_document", hint="ws://HOST:PORT/sync/<namespace>/<document>"
        )
    try:
        return DocumentKey.parse(named)
    except AccordantError as error:
        raise Invalid(f"{named!r} names no document: {error.message}", code="bad_name") from error


def _checked(key: str, shown: Mapping[str, Any], now_ms: int) -> CoherenceReport:
    return Checker().run(passages_of_outline(shown), document_id=key, version=shown["version"], now=now_ms)
