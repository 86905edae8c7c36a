"""Errors as HTTP answers: problem details (RFC 9457) with a stable code and what to do next.

The one table from the error tree to status codes; docs/PROTOCOL.md shows it.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse

from accordant.sync.server.http.etags import etag_of
from accordant.types.errors import (
    AccordantError,
    Conflict,
    Denied,
    Fenced,
    Invalid,
    NoAuthority,
    SnapshotExpired,
    StaleRead,
    StoreError,
    WireError,
)
from accordant.types.readings import Token

__all__ = ["MEDIA_TYPE", "Problem", "problem_of", "status_of", "unrouted"]

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = "1"

_BY_CODE = {
    "precondition": 428,
    "unknown_document": 404,
    "unknown_region": 404,
    "unknown_route": 404,
    "unknown_version": 404,
    "bad_name": 404,
    "malformed": 400,
    "not_json": 400,
    "method": 405,
    "too_large": 413,
    "media_type": 415,
    "no_agent": 401,
    "no_token": 401,
    "bad_token_shown": 401,
    "token_expired": 401,
    "request_timeout": 408,
    "head_too_large": 431,
    "too_many_connections": 429,
    "too_many_requests": 429,
    "server_full": 503,
    "unhealthy": 503,
}
"""Codes that HTTP has a status of its own for; everything else goes by the error's class."""

_BY_CLASS: tuple[tuple[type[AccordantError], int], ...] = (
    (Conflict, 412),
    (StaleRead, 412),
    (Fenced, 409),
    (SnapshotExpired, 410),
    (Denied, 403),
    (Invalid, 422),
    (NoAuthority, 503),
    (StoreError, 500),
    (WireError, 400),
)


class Problem(AccordantError):
    """A refusal that only HTTP knows: a route, a method, a body. `headers` go into the answer."""

    status = "invalid"

    def __init__(self, code: str, message: str, headers: dict[str, str] | None = None, **fields: Any) -> None:
        super().__init__(message, code=code, **fields)
        self.headers = headers or {}


def status_of(error: AccordantError) -> int:
    """The HTTP status that an error is answered with."""
    if error.code in _BY_CODE and not isinstance(error, Conflict):
        return _BY_CODE[error.code]
    return next((status for kind, status in _BY_CLASS if isinstance(error, kind)), 500)


def problem_of(error: AccordantError) -> JSONResponse:
    """The answer. A lost compare-and-swap carries what won: value, version, writer, and a fresh ETag to derive from."""
    status = status_of(error)
    told = error.to_dict()
    fields = told["fields"]
    headers = dict(getattr(error, "headers", {}))
    body: dict[str, Any] = {
        "type": f"urn:accordant:{error.code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": error.message,
        "code": error.code,
        "outcome": error.status,
        "retryable": error.retryable,
        "fields": {name: value for name, value in fields.items() if name not in ("token", "hint")},
    }
    if hint := fields.get("hint") or error.hint:
        body["next"] = hint
    if isinstance(error, Conflict):
        body |= {"value": fields.get("value"), "version": error.version, "writer": error.writer}
        if fields.get("token") is not None:
            headers["ETag"] = etag_of(Token.from_list(fields["token"]))
            body["etag"] = headers["ETag"]
    if status in (429, 503):
        headers.setdefault("Retry-After", RETRY_AFTER_S)
    if status == 401:
        headers.setdefault("WWW-Authenticate", "Bearer")
    return JSONResponse(body, status, headers, MEDIA_TYPE)


async def unrouted(request: Request, error: Exception) -> JSONResponse:
    """The answer where the router found nothing, or another method."""
    if isinstance(error, HTTPException) and error.status_code == 405:
        return problem_of(Problem("method", f"{request.method[:20]} is not for this path", dict(error.headers or {})))
    return problem_of(Problem("unknown_route", "there is nothing at this path", hint="GET / lists what there is"))
