"""Which document, and which part of it, a request's path names. Split at its slashes before it is decoded (I11)."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote, unquote

from starlette.types import Scope

from accordant.sync.server.http.problems import Problem
from accordant.types.errors import Invalid
from accordant.types.limits import KEY_CHARS_MAX, REGION_NAME_CHARS_MAX
from accordant.types.namespaces import DocumentKey, Namespace
from accordant.types.regions import GUARDED_ROOT

__all__ = ["PARTS", "Target", "target_of"]

ROUTE = "documents"
PARTS = ("log", "contradictions", "events", "why", "trace", "diff")


@dataclass(frozen=True, slots=True)
class Target:
    """`part`: None for the whole document, `regions`, `blame`, or one of `PARTS`. All names are checked."""

    key: DocumentKey
    part: str | None = None
    region: str | None = None
    region_key: str | None = None

    @property
    def path(self) -> str:
        """`region` or `region/key`."""
        return f"{self.region}/{self.region_key}" if self.region_key is not None else str(self.region)


def target_of(scope: Scope) -> Target:
    """The target of `<mount>/documents/<namespace>/<document>[/...]`; raises `Invalid` or `Problem`."""
    raw = scope.get("raw_path") or quote(scope["path"]).encode()
    before = scope.get("root_path", "").count("/") + 2
    segments = [_decoded(one) for one in raw.decode("ascii", "replace").partition("?")[0].split("/")[before:]]
    size = 2 if segments[:1] == ["system"] else 3
    if len(segments) <= size:
        raise Invalid("the path names no document: /documents/<namespace>/<document>", code="bad_name")
    key = DocumentKey.of(Namespace.from_segments(tuple(segments[:size])), segments[size])
    rest = segments[size + 1 :]
    if not rest:
        return Target(key)
    if rest[0] in PARTS and len(rest) == 1:
        return Target(key, rest[0])
    if rest[0] == "blame" and len(rest) == 2:
        return Target(key, "blame", _region(rest[1]))
    if rest[0] == "regions" and len(rest) in (2, 3):
        return Target(key, "regions", _region(rest[1]), _key(rest[2]) if len(rest) == 3 else None)
    raise Problem("unknown_route", f"a document has no part {'/'.join(rest)[:200]!r}", hint="GET /openapi.json")


def _decoded(segment: str) -> str:
    try:
        return unquote(segment, errors="strict")
    except UnicodeDecodeError as error:
        raise Invalid("a path segment is not UTF-8", code="bad_name") from error


def _region(name: str) -> str:
    if not 0 < len(name) <= REGION_NAME_CHARS_MAX or name == GUARDED_ROOT:
        raise Invalid(f"{name[:80]!r} cannot be a region's name", code="unknown_region")
    return name


def _key(key: str) -> str:
    if not 0 < len(key) <= KEY_CHARS_MAX:
        raise Invalid(f"a key has 1 to {KEY_CHARS_MAX} characters", code="bad_key")
    return key
