"""Request bodies: read within a bound, decoded as strict JSON, and taken apart into a write's arguments.

A body is either the value itself, or an *envelope*: an object that names the write's arguments (`value`, `items`, `by`,
`text`, ...) and perhaps `op`, `why`, `derived_from`. An object with the operation's leading argument is the envelope, anything
else is the value.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request

from accordant.sync.server.http.etags import token_of
from accordant.sync.server.http.problems import Problem
from accordant.types.errors import Invalid
from accordant.types.limits import HTTP_BODY_BYTES_MAX
from accordant.types.readings import Basis
from accordant.types.regions import OPERATIONS, Kind

__all__ = ["Intention", "intention_of", "json_body"]

_DEFAULT_OP = {Kind.LOG: "append", Kind.UNION_SET: "add", Kind.COUNTER: "increment", Kind.TEXT: "append"}
_LEADING = {
    "commit": ("value",),
    "set": ("value",),
    "append": ("items", "text"),
    "add": ("items",),
    "discard": ("items",),
    "increment": ("by",),
    "insert": ("text",),
    "rethink": ("text",),
    "replace": ("old",),
    "delete": ("index",),
    "claim": ("ttl_s",),
    "renew": ("ttl_s",),
    "compact": ("upto",),
    "retract": ("ref",),
    "supersede": ("ref",),
}
"""Of each operation, the argument that makes an object an envelope."""
_ABOUT = ("op", "why", "derived_from")


@dataclass(frozen=True, slots=True)
class Intention:
    """One operation with its arguments, why, and what it was derived from."""

    op: str
    args: Mapping[str, Any] = field(default_factory=dict)
    why: str | None = None
    derived_from: tuple[Basis, ...] = ()


async def json_body(request: Request) -> Any:
    """The body as JSON values, None when there is none. Raises `Problem` and reads no further than the bound."""
    if hasattr(request.state, "json"):  # a body can be read once, and is asked for before a document is created too
        return request.state.json
    request.state.json = value = await _read(request)
    return value


async def _read(request: Request) -> Any:
    kind = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if kind not in ("application/json", "text/json") and not kind.endswith("+json"):
        raise Problem("media_type", f"a body is application/json, not {kind[:80]}")
    encoding = request.headers.get("content-encoding", "identity")
    if encoding.lower() != "identity":
        raise Problem("media_type", f"a body is sent as it is, not {encoding[:40]}")
    size, parts = 0, []
    async for part in request.stream():
        size += len(part)
        if size > HTTP_BODY_BYTES_MAX:
            raise Problem("too_large", f"a body has at most {HTTP_BODY_BYTES_MAX} bytes", {"Connection": "close"})
        parts.append(part)
    data = b"".join(parts)
    if not data.strip():
        return None
    try:
        return json.loads(data.decode(), parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise Problem("malformed", f"the body is not JSON: {str(error)[:200]}") from error


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def intention_of(kind: Kind, body: Any, op: str | None, default: str | None = None) -> Intention:
    """What a body asks for on a region of this kind; raises `Invalid`. `op`: from the query, over the body's own."""
    body = _in_full(kind, body)
    named = op or (body.get("op") if isinstance(body, Mapping) else None)
    wanted = named or default or _DEFAULT_OP.get(kind)
    if not isinstance(wanted, str) or wanted not in OPERATIONS[kind]:
        known = ", ".join(sorted(OPERATIONS[kind]))
        raise Invalid(f"a {kind.value} region has no operation {wanted!r}; it has: {known}", code="unknown_operation")
    if isinstance(body, Mapping) and ("op" in body or any(name in body for name in _LEADING.get(wanted, ()))):
        args = {name: value for name, value in body.items() if name not in _ABOUT}
        return Intention(wanted, args, _why(body.get("why")), bases_in(body.get("derived_from")))
    return Intention(wanted, _bare(kind, wanted, body))


def _in_full(kind: Kind, body: Any) -> Any:
    """The short ways to say it, in full: `{"append": s}`, `{"insert": s, "index": i}`, `{"replace": old, "with": new}` on a
    text, and one `item` where there may be several."""
    match kind, body:
        case Kind.TEXT, {"append": str(text)} if "op" not in body:
            return {"op": "append", "text": text} | _without(body, "append")
        case Kind.TEXT, {"insert": str(text), "index": _} if "op" not in body:
            return {"op": "insert", "text": text} | _without(body, "insert")
        case Kind.TEXT, {"replace": str(old), "with": str(new)} if "op" not in body:
            return {"op": "replace", "old": old, "new": new} | _without(body, "replace", "with")
        case ((Kind.LOG | Kind.UNION_SET), {"op": str(), "item": item}) if "items" not in body:
            return {"items": [item]} | _without(body, "item")
    return body


def _without(body: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name not in names}


def _bare(kind: Kind, op: str, body: Any) -> dict[str, Any]:
    """The arguments that a bare value stands for."""
    if op in ("commit", "set"):
        return {"value": body}
    if op == "increment":
        return {"by": 1 if body is None else body}
    if kind is Kind.TEXT and op in ("append", "rethink"):
        return {"text": body}
    if op in ("append", "add", "discard"):
        return {"items": [body]}
    if body is None:
        return {}
    raise Invalid(f"{op} takes an object with its arguments", code="bad_command", hint="GET /openapi.json")


def _why(why: Any) -> str | None:
    if why is not None and not isinstance(why, str):
        raise Invalid("why is a text", code="bad_why")
    return why


def bases_in(shown: Any) -> tuple[Basis, ...]:
    """`derived_from`: a list of {path, etag}; raises `Invalid`."""
    if shown is None:
        return ()
    if isinstance(shown, list):
        rows = [(one.get("path"), one.get("etag")) for one in shown if isinstance(one, Mapping)]
        if len(rows) == len(shown) and all(isinstance(text, str) for row in rows for text in row):
            return tuple(Basis(str(path), token_of(str(etag))) for path, etag in rows)
    raise Invalid('derived_from is a list of {"path": ..., "etag": ...}', code="bad_command")
