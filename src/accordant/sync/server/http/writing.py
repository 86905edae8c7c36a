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
from accordant.types.commands import Committed, Question, ReadAnswer, Submission, Write
from accordant.types.errors import Conflict, EpochChanged, Invalid, StaleRead
from accordant.types.readings import Basis, Token
from accordant.types.regions import Kind

__all__ = ["check_creation", "delete_region", "post_region", "put_region"]

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


async def check_creation(target: Target, request: Request) -> None:
    """Raises what the first write to a document would be refused with, before the document is created for it."""
    if request.method == "DELETE":
        raise Problem("unknown_document", f"there is no document {target.key}", hint="its first write creates it")
    asked = text_in(request, "kind")
    if asked is not None and asked not in tuple(Kind):
        raise Invalid(f"there is no kind {asked[:40]!r}; there are: {', '.join(Kind)}", code="unknown_kind")
    default = Kind.GUARDED if target.region_key is None else Kind.GUARDED_MAP
    if asked is None and request.method == "POST":
        names = ", ".join(Kind)
        raise Problem("unknown_region", f"there is no document {target.key} yet", hint=f"name a kind: ?kind= {names}")
    kind = default if asked is None else Kind(asked)
    body = await json_body(request)
    op = _PUT_OP.get(kind) if request.method == "PUT" else text_in(request, "op")
    if op is None and request.method == "PUT":
        raise _method(f"a {kind.value} region is not replaced", "GET, HEAD, POST", kind)
    read, seen = expected(target, request, kind, intention_of(kind, body, op).op)
    if (read or seen) is not None:
        raise EpochChanged(f"there is no document {target.key} now: what was read is of another one")


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
    expect, seen = expected(target, request, kind, intention.op)
    if expect is None and seen is None and _must_be_new(request) and needs_reading(kind, intention.op):
        expect = port.token(0)  # lands only where nothing was ever written
    write = Write(str(target.region), kind, intention.op, target.region_key, dict(intention.args), expect)
    # What merges replaces nothing: what its If-Match names becomes a basis, compared in the same moment (I5).
    bases = intention.derived_from if seen is None else (*intention.derived_from, Basis(write.region, seen))
    submission = Submission((write,), _op_id(port, request), intention.why or _why(request), bases)
    committed = await _land(port, write, submission, seen)
    return _landed(committed, kind, target, await _reading_after(port, write, committed))


async def _land(port: EmbeddedPort, write: Write, submission: Submission, seen: Token | None) -> Committed:
    try:
        return await port.submit(submission)
    except Conflict as conflict:
        if conflict.fields.get("token") is None:
            conflict.fields["token"] = port.token(int(conflict.fields.get("current") or 0)).to_list()
        raise
    except StaleRead:
        if seen is not None:
            await _still(port, write, seen)
        raise


async def _reading_after(port: EmbeddedPort, write: Write, committed: Committed) -> ReadAnswer | None:
    """What the writer would read now, as long as nobody has written since: a repeated write may have been overtaken."""
    answer = committed.answers[0] if committed.answers else None
    if answer is None and (write.kind.is_guarded or write.op == "rethink"):
        fresh = await port.ask(Question(write.region, write.kind, write.key))
        answer = fresh if fresh.token.version == committed.version else None
    return answer


def _landed(committed: Committed, kind: Kind, target: Target, answer: ReadAnswer | None) -> Response:
    shown: dict[str, Any] = {"path": target.path, "version": committed.version, "duplicate": committed.duplicate}
    headers = {}
    if committed.refs and committed.refs[0]:
        shown["refs"] = list(committed.refs[0])
    if committed.info is not None:
        shown["retraction"] = dict(committed.info)
    if answer is not None:
        shown |= shown_answer(answer, kind) | {"duplicate": committed.duplicate}
        headers["ETag"] = etag_of(answer.token)
    return JSONResponse(shown, headers=headers)


def needs_reading(kind: Kind, op: str) -> bool:
    """Whether the operation replaces what somebody read."""
    return (kind.is_guarded and op in _EXPECTING) or op == "rethink"


def _must_be_new(request: Request) -> bool:
    return request.headers.get("if-none-match", "").strip() == "*"


def expected(target: Target, request: Request, kind: Kind, op: str) -> tuple[Token | None, Token | None]:
    """The reading that the request replaces, or else the one that it only wants to be current. Raises `Problem` 428 where one
    is needed and none is named."""
    matched, needs = request.headers.get("if-match"), needs_reading(kind, op)
    if matched is not None and matched.strip() != "*":
        token = token_of(matched)
        return (token, None) if needs or op == "compact" else (None, token)
    if needs and not _must_be_new(request):
        raise Problem(
            "precondition",
            f"{op} on {target.path} names what it replaces, so that no write derived from a stale read can land",
            hint="GET it, and send its ETag as If-Match; If-None-Match: * when it must not exist yet; `*` is no reading",
            path=target.path,
        )
    return None, None


async def _still(port: EmbeddedPort, write: Write, token: Token) -> None:
    """Raises the `Conflict` that tells what the region holds now, if that is not what was read."""
    answer = await port.ask(Question(write.region, write.kind))
    if answer.token.version != token.version:
        raise Conflict(
            f"{write.region} is at v{answer.token.version} by {answer.by}, you read v{token.version}",
            path=write.region,
            yours=token.version,
            current=answer.token.version,
            value=answer.value,
            changed_by=answer.by,
            at=answer.at,
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
