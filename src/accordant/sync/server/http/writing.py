"""PUT, POST, DELETE: a request as one submission. Guarded fields name what they replace with `If-Match`, always."""

from __future__ import annotations

import hashlib
import uuid
from typing import Any
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from accordant.engine.host.port import EmbeddedPort
from accordant.sync.server.http.bodies import Intention, intention_of, json_body
from accordant.sync.server.http.etags import etag_of, token_of
from accordant.sync.server.http.paths import Target
from accordant.sync.server.http.problems import Problem
from accordant.sync.server.http.queries import text_in
from accordant.sync.server.http.reading import kind_of, shown_answer
from accordant.types.commands import Committed, Question, Submission, Write
from accordant.types.errors import Conflict, Invalid
from accordant.types.readings import Token
from accordant.types.regions import Kind

__all__ = ["delete_region", "post_region", "put_region"]

_EXPECTING = frozenset({"commit", "delete", "renew", "release"})
_PUT_OP = {Kind.GUARDED: "commit", Kind.GUARDED_MAP: "commit", Kind.MAP: "set", Kind.TEXT: "rethink"}


async def put_region(port: EmbeddedPort, target: Target, request: Request) -> Response:
    """Replace a guarded field (`If-Match`), a map's key, or a whole text (`If-Match`, owners only)."""
    default = Kind.GUARDED if target.region_key is None else Kind.GUARDED_MAP
    kind = kind_of(port.host, target, request, default)
    if kind not in _PUT_OP or (kind is Kind.MAP and target.region_key is None):
        raise _method(f"a {kind.value} region is not replaced", "GET, HEAD, POST", kind)
    return await _submit(port, target, request, kind, _PUT_OP[kind], only=True)


async def delete_region(port: EmbeddedPort, target: Target, request: Request) -> Response:
    """Remove a guarded field (`If-Match`) or a map's key."""
    kind = kind_of(port.host, target, request)
    if not (kind.is_guarded or (kind is Kind.MAP and target.region_key is not None)):
        raise _method(f"a {kind.value} region is not removed", "GET, HEAD, POST", kind)
    return await _submit(port, target, request, kind, "delete", only=True)


async def post_region(port: EmbeddedPort, target: Target, request: Request) -> Response:
    """Append, add, increment; or any operation of the region's kind, named by `op`."""
    kind = kind_of(port.host, target, request)
    return await _submit(port, target, request, kind, None)


def _method(text: str, allow: str, kind: Kind) -> Problem:
    return Problem("method", text, {"Allow": allow}, kind=kind.value)


async def _submit(
    port: EmbeddedPort, target: Target, request: Request, kind: Kind, op: str | None, only: bool = False
) -> Response:
    body = None if request.method == "DELETE" else await json_body(request)
    if only:
        intention = intention_of(kind, body, op) if op != "delete" else Intention("delete")
    else:
        intention = intention_of(kind, body, text_in(request, "op"))
    if only and intention.op != op:
        raise Invalid(f"{request.method} means {op}; send {intention.op} by POST", code="unknown_operation")
    expect = await _expected(port, target, request, kind, intention.op)
    write = Write(str(target.region), kind, intention.op, target.region_key, dict(intention.args), expect)
    why = intention.why or _why(request)
    committed = await _land(port, write, Submission((write,), _op_id(port, request), why, intention.derived_from))
    return _landed(committed, kind, target)


async def _land(port: EmbeddedPort, write: Write, submission: Submission) -> Committed:
    try:
        return await port.submit(submission)
    except Conflict as conflict:
        if conflict.fields.get("token") is None:
            conflict.fields["token"] = port.token(int(conflict.fields.get("current") or 0)).to_list()
        raise


def _landed(committed: Committed, kind: Kind, target: Target) -> Response:
    shown: dict[str, Any] = {"path": target.path, "version": committed.version, "duplicate": committed.duplicate}
    headers = {}
    if committed.refs and committed.refs[0]:
        shown["refs"] = list(committed.refs[0])
    answer = committed.answers[0] if committed.answers else None
    if answer is not None:
        shown = shown_answer(answer, kind) | {"duplicate": committed.duplicate}
        headers["ETag"] = etag_of(answer.token)
    return JSONResponse(shown, headers=headers)


async def _expected(port: EmbeddedPort, target: Target, request: Request, kind: Kind, op: str) -> Token | None:
    """The reading that the request says it replaces. Raises `Problem` 428 where one is needed and none is named."""
    matched, none_match = request.headers.get("if-match"), request.headers.get("if-none-match")
    needs = (kind.is_guarded and op in _EXPECTING) or op == "rethink"
    if matched is not None and matched.strip() != "*":
        token = token_of(matched)
        if not needs and op != "compact":  # what merges needs no precondition; one that is given is honoured
            await _still(port, target, kind, token)
            return None
        return token
    if none_match is not None and none_match.strip() == "*" and needs:
        return port.token(0)  # "must not exist yet": lands only where nothing was ever written
    if needs:
        raise Problem(
            "precondition",
            f"{op} on {target.path} names what it replaces, so that no write derived from a stale read can land",
            hint="GET it, and send its ETag as If-Match; If-None-Match: * when it must not exist yet; `*` is no reading",
            path=target.path,
        )
    return None


async def _still(port: EmbeddedPort, target: Target, kind: Kind, token: Token) -> None:
    answer = await port.ask(Question(str(target.region), kind))
    if answer.token.version != token.version:
        raise Conflict(
            f"{target.region} is at v{answer.token.version} by {answer.by}, you read v{token.version}",
            path=target.region,
            yours=token.version,
            current=answer.token.version,
            value=answer.value,
            changed_by=answer.by,
            token=answer.token.to_list(),
        )


def _why(request: Request) -> str | None:
    """`X-Why`, percent-encoded where it is not ASCII."""
    header = request.headers.get("x-why")
    return None if header is None else unquote(header)


def _op_id(port: EmbeddedPort, request: Request) -> str:
    """`Idempotency-Key` of this agent: repeated, the request is answered as a duplicate of itself."""
    key = request.headers.get("idempotency-key")
    if key is None:
        return uuid.uuid4().hex
    return "http-" + hashlib.sha256(f"{port.agent}\0{key}".encode()).hexdigest()
