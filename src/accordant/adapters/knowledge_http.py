"""A corpus over plain HTTP: `GET /knowledge/query?q=`, and `POST /knowledge/contribute`, `/cite`, `/endorse`, for hooks and curl.

    api = KnowledgeHttp(hive.knowledge)
    application = app(engine, beside=[api])

It translates requests and answers, and decides nothing: the gate, the rights and the verdict are the corpus' own. What somebody
contributes is in no log line and in no problem.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import Scope

from accordant.adapters.knowledge_description import PATHS
from accordant.document.document import Document
from accordant.patterns.corpus import Corpus, Hit, Link, Verdict
from accordant.sync.server.http import HttpApi, check_named, json_body, number_in, preflight, text_in
from accordant.types.errors import Invalid
from accordant.types.pattern_limits import CORPUS_HTTP_LIMIT, CORPUS_QUERY_CHARS_MAX

__all__ = ["KnowledgeHttp"]

_HIVE_AGENT: Final = b"x-hive-agent"
_MUST: Final = object()
_CONTRIBUTION: Final = {"text": _MUST, "tags": (), "kind": None, "origin": None, "why": None}
_CITATION: Final = {"ref": _MUST, "n": 1, "why": None}
_ENDORSEMENT: Final = {"ref": _MUST, "why": None}


class KnowledgeHttp:
    """The routes of one corpus, for `app(beside=)`. The handle that it is given stays open as long as the application; each
    caller reads and writes in its own name, by its own grant, and all of them share one view."""

    def __init__(self, corpus: Corpus) -> None:
        self._corpus = corpus

    def routes(self, api: HttpApi) -> Sequence[BaseRoute]:
        """For the application's router."""
        acts: dict[str, tuple[str, Callable[[HttpApi, Request], Awaitable[Response]]]] = {
            "query": ("GET", self._query),
            "contribute": ("POST", self._contribute),
            "cite": ("POST", self._cite),
            "endorse": ("POST", self._endorse),
        }
        return [
            Route(f"/knowledge/{name}", api.guarded(_act(api, act)), methods=[method, "OPTIONS"])
            for name, (method, act) in acts.items()
        ]

    def paths(self) -> Mapping[str, Any]:
        """As OpenAPI describes them."""
        return PATHS

    # -- what is asked --------------------------------------------------------------------------------------------

    async def _query(self, api: HttpApi, request: Request) -> Response:
        wanted = text_in(request, "q")
        if not wanted or len(wanted) > CORPUS_QUERY_CHARS_MAX:
            raise Invalid(
                f"q= says what is looked for, in 1 to {CORPUS_QUERY_CHARS_MAX} characters",
                code="bad_query",
                parameter="q",
            )
        limit = number_in(request, "limit")
        hits = await (await self._of_caller(api, request)).search(
            wanted,
            limit=CORPUS_HTTP_LIMIT if limit is None else limit,
            tags=request.query_params.getlist("tag"),
            kind=text_in(request, "kind"),
            exclude_origin=request.query_params.getlist("exclude_origin"),
        )
        return JSONResponse({"hits": [_shown_hit(hit) for hit in hits]})

    async def _contribute(self, api: HttpApi, request: Request) -> Response:
        corpus = await self._of_caller(api, request, writes=True)
        asked = await _asked(request, _CONTRIBUTION)
        if not isinstance(asked["tags"], list | tuple) or not all(isinstance(one, str) for one in asked["tags"]):
            raise Invalid("tags is a list of texts", code="bad_command")
        verdict = await corpus.contribute(
            _text(asked, "text"),
            tags=asked["tags"],
            kind=asked["kind"],
            origin=asked["origin"],
            why=_why(request, asked),
            op_id=_op_id(request),
        )
        return JSONResponse(_shown_verdict(verdict))

    async def _cite(self, api: HttpApi, request: Request) -> Response:
        corpus = await self._of_caller(api, request, writes=True)
        asked = await _asked(request, _CITATION)
        ref = await corpus.cite(_text(asked, "ref"), asked["n"], why=_why(request, asked), op_id=_op_id(request))
        return JSONResponse({"ref": str(ref)})

    async def _endorse(self, api: HttpApi, request: Request) -> Response:
        corpus = await self._of_caller(api, request, writes=True)
        asked = await _asked(request, _ENDORSEMENT)
        ref = await corpus.endorse(_text(asked, "ref"), why=_why(request, asked), op_id=_op_id(request))
        return JSONResponse({"ref": str(ref)})

    async def _of_caller(self, api: HttpApi, request: Request, *, writes: bool = False) -> Corpus:
        """The corpus in the caller's name; raises `Denied`, and `Problem` for a write of nobody."""
        principal = api.caller(_named(request.scope))
        if writes:
            check_named(principal)
        port = await api.port(self._corpus.document.key, principal)
        return self._corpus.through(Document(port))


def _act(
    api: HttpApi, act: Callable[[HttpApi, Request], Awaitable[Response]]
) -> Callable[[Request], Awaitable[Response]]:
    async def answered(request: Request) -> Response:
        return preflight() if request.method == "OPTIONS" else await act(api, request)

    return answered


def _named(scope: Scope) -> Scope:
    """The scope with `X-Hive-Agent` read as `X-Agent`; both are one name too many."""
    headers = [(b"x-agent" if name.lower() == _HIVE_AGENT else name, value) for name, value in scope["headers"]]
    return {**scope, "headers": headers}


# -- bodies ---------------------------------------------------------------------------------------------------------


async def _asked(request: Request, known: Mapping[str, Any]) -> dict[str, Any]:
    """The members of the body, with what stands for those that are left out; raises `Invalid` and `Problem`."""
    body = await json_body(request)
    names = ", ".join(known)
    if not isinstance(body, dict) or body.keys() - known.keys():
        raise Invalid(f"the body is an object of {names}, and nothing else", code="bad_command")
    missing = [name for name, default in known.items() if default is _MUST and name not in body]
    if missing:
        raise Invalid(f"the body has no {missing[0]}", code="bad_command")
    return {**known, **body}


def _text(asked: Mapping[str, Any], name: str) -> str:
    if not isinstance(asked[name], str):
        raise Invalid(f"{name} is a text", code="bad_command")
    return str(asked[name])


def _why(request: Request, asked: Mapping[str, Any]) -> str | None:
    """Of the body, or else of `X-Why`."""
    header = request.headers.get("x-why")
    if asked["why"] is not None:
        return _text(asked, "why")
    return None if header is None else unquote(header)


def _op_id(request: Request) -> str | None:
    """`Idempotency-Key`: repeated by the same agent, the request is answered as it was, and counts once. Hashed, since an op is
    shorter than a header may be."""
    key = request.headers.get("idempotency-key")
    return None if key is None else "http-" + hashlib.sha256(key.encode()).hexdigest()


# -- answers --------------------------------------------------------------------------------------------------------


def _shown_verdict(verdict: Verdict) -> dict[str, Any]:
    return {
        "status": verdict.status,
        "ref": None if verdict.ref is None else str(verdict.ref),
        "stage": verdict.stage,
        "similarity": verdict.similarity,
        "reason": verdict.reason,
        "links": _shown_links(verdict.links),
    }


def _shown_hit(hit: Hit) -> dict[str, Any]:
    counts = hit.counts
    return {
        "ref": str(hit.ref),
        "text": hit.text,
        "score": hit.score,
        "method": hit.method,
        "by": hit.by,
        "at": hit.at,
        "status": hit.status,
        "kind": hit.entry.kind,
        "tags": list(hit.entry.tags),
        "origin": hit.entry.origin,
        "contributions": counts.contributions,
        "contributors": dict(counts.contributors),
        "citations": counts.citations,
        "endorsements": counts.endorsements,
        "links": _shown_links(hit.links),
    }


def _shown_links(links: Sequence[Link]) -> list[dict[str, Any]]:
    return [{"ref": str(link.ref), "similarity": link.similarity, "why": link.why} for link in links]
