"""Who knocks and at which door: the document that a request's path names, the agent it claims to be, its origin.

Reads nothing but the ASGI scope. A path is split before it is decoded, so that `%2F` never becomes a separator (I11).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection
from urllib.parse import parse_qs, quote, unquote, urlsplit

from starlette.types import Scope

from accordant.types.errors import Invalid
from accordant.types.namespaces import DocumentKey, Namespace, segment

__all__ = ["ANONYMOUS", "agent_of", "document_key", "has_document", "is_loopback", "origin_is_welcome"]

ANONYMOUS = "anonymous"
"""The pool that Yjs clients belong to which do not say who they are."""


def has_document(scope: Scope) -> bool:
    """Whether the path goes on behind `<mount>/<route>`."""
    segments, before = _segments(scope)
    return any(segments[before:])


def document_key(scope: Scope, route: str) -> DocumentKey:
    """The document of `<mount>/<route>/<namespace>/<document>`; raises `Invalid`."""
    segments, before = _segments(scope)
    if len(segments) <= before or segments[before - 1] != route:
        raise Invalid(f"not a path below /{route}/", code="bad_name")
    try:
        *namespace, name = (unquote(one, errors="strict") for one in segments[before:])
    except UnicodeDecodeError as error:
        raise Invalid("a path segment is not UTF-8", code="bad_name") from error
    return DocumentKey.of(Namespace.from_segments(tuple(namespace)), name)


def _segments(scope: Scope) -> tuple[list[str], int]:
    """The path's segments, not yet decoded, and where those of the document begin."""
    raw = scope.get("raw_path") or quote(scope["path"]).encode()
    before = scope.get("root_path", "").count("/") + 2  # the empty segment before the first slash, and the route
    return raw.decode("ascii", "replace").partition("?")[0].split("/"), before


def agent_of(scope: Scope) -> str | None:
    """The name in `X-Agent` or `?agent=`, None when neither is there; raises `Invalid` for a name that is none."""
    try:
        query = parse_qs(scope.get("query_string", b"").decode("ascii"), keep_blank_values=True, errors="strict")
        named = [value.decode() for name, value in scope["headers"] if name.lower() == b"x-agent"]
    except ValueError as error:
        raise Invalid("the agent's name cannot be read", code="bad_agent") from error
    named = named or query.get("agent", [])
    if len(named) > 1:
        raise Invalid("an agent is named once", code="bad_agent")
    try:
        return segment(named[0]) if named else None
    except Invalid as error:
        raise Invalid(f"no agent's name: {error.message}", code="bad_agent") from error


def origin_is_welcome(scope: Scope, allowed: Collection[str] = ()) -> bool:
    """Whether this is no browser, or one that shows a page of this machine, of this very host, or of an allowed origin.

    On a loopback address the page must be local too, whatever `Host` says: a name that resolves to 127.0.0.1 is how
    foreign pages reach local servers.
    """
    headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
    origin = headers.get(b"origin")
    listening = (scope.get("server") or ("", None))[0]
    if origin is None:  # no browser, or a page's own GET, which bears none: there the name we were asked under tells
        return not is_loopback(listening) or _is_own_name(headers.get(b"host", ""), allowed)
    if origin in allowed:
        return True
    try:
        page = urlsplit(origin)
        name, port = page.hostname, page.port or {"http": 80, "https": 443}.get(page.scheme)
        host = urlsplit(f"//{headers.get(b'host', '')}")
        host_name, host_port = host.hostname, host.port or (443 if scope["scheme"] in ("wss", "https") else 80)
    except ValueError:
        return False
    if name is None or page.scheme not in ("http", "https"):
        return False
    if is_loopback(name):
        return True
    return (name, port) == (host_name, host_port) and not is_loopback(listening)


def _is_own_name(host: str, allowed: Collection[str]) -> bool:
    """Whether a Host header names this machine, or the host of an allowed origin (a proxy's, say)."""
    try:
        name = urlsplit(f"//{host}").hostname
    except ValueError:
        return False
    return name is None or is_loopback(name) or any(urlsplit(origin).netloc == host for origin in allowed)


def is_loopback(host: str) -> bool:
    """Whether this host is this machine and nobody else can reach it."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
