"""The HTTP application of the documents: who asks for what, and every error as a problem.

It finds the caller and the target, asks the door and the grant, and hands over to the file of that request.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from accordant.engine.host.engine import Engine
from accordant.engine.host.port import EmbeddedPort
from accordant.sync.server.door import Door
from accordant.sync.server.http.events import stream_events
from accordant.sync.server.http.history import Contradictions, read_log
from accordant.sync.server.http.listing import list_documents
from accordant.sync.server.http.metrics import Metrics
from accordant.sync.server.http.openapi import description
from accordant.sync.server.http.past import read_past
from accordant.sync.server.http.paths import Target, target_of
from accordant.sync.server.http.problems import Problem, problem_of
from accordant.sync.server.http.reading import read_document, read_region
from accordant.sync.server.http.sessions import HttpSessions
from accordant.sync.server.http.writing import check_creation, delete_region, post_region, put_region
from accordant.types.access import Principal
from accordant.types.errors import AccordantError, Denied, StoreError
from accordant.types.limits import STORE_BUSY_S
from accordant.types.namespaces import DocumentKey

__all__ = ["Beside", "HttpApi", "check_named", "preflight"]

logger = logging.getLogger("accordant.sync")
READS = ("GET", "HEAD")
WRITES: dict[str, Callable[..., Awaitable[Response]]] = {
    "PUT": put_region,
    "POST": post_region,
    "DELETE": delete_region,
}


class Beside(Protocol):
    """Further routes on the same port: behind the same door, on the same sessions, in the same description."""

    def routes(self, api: HttpApi) -> Sequence[BaseRoute]:
        """For the router. Their endpoints go through `api.guarded`, and reach documents by `api.port`."""

    def paths(self) -> Mapping[str, Any]:
        """Their paths, as OpenAPI describes them."""


class HttpApi:
    """The HTTP side of one application."""

    def __init__(self, engine: Engine, door: Door, peers: Callable[[], int], beside: Sequence[Beside] = ()) -> None:
        self._engine = engine
        self._door = door
        self._sessions = HttpSessions(engine)
        self._metrics = Metrics(engine, peers)
        self._contradictions = Contradictions(self._metrics.coherence.passed)
        self._beside = tuple(beside)

    def routes(self) -> list[BaseRoute]:
        """For the application's router. Documents come as bare ASGI: their paths are split before they are decoded."""
        return [
            Route("/", self.guarded(self._index), methods=["GET"]),
            Route("/healthz", self._health, methods=["GET"]),
            Route("/metrics", self.guarded(self._show_metrics), methods=["GET"]),
            Route("/openapi.json", self.guarded(self._openapi), methods=["GET"]),
            Route("/documents", self.guarded(self._list), methods=["GET"]),
            Route("/documents/{path:path}", self),
            *(route for one in self._beside for route in one.routes(self)),
        ]

    def caller(self, scope: Scope) -> Principal:
        """Who asks; raises what `Door.principal` raises."""
        return self._door.principal(scope)

    async def port(self, key: DocumentKey, principal: Principal) -> EmbeddedPort:
        """The caller's way to a document; raises `Denied` where that is not granted, and what `Engine.open` raises."""
        if not principal.grant.covers(key):
            raise Denied("this document is not granted to you", code="no_grant")
        return await self._sessions.port(key, principal)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request below /documents/."""
        response = await self.guarded(self._document)(Request(scope, receive))
        await response(scope, receive, send)

    def guarded(self, act: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        """Act after the checks that come before any other, and answer every error as a problem."""

        async def answered(request: Request) -> Response:
            try:
                if not self._door.welcomes_origin(request.scope):
                    raise Denied("pages of this origin are not welcome here", code="origin")
                response = await act(request)
            except AccordantError as error:
                response = problem_of(error)
            except ClientDisconnect:
                response = Response(status_code=400)
            except Exception:
                logger.exception("%s %s failed", request.method, request.url.path)
                response = problem_of(StoreError("the server made a mistake, and has logged it", code="internal"))
            return self._shared(request, response)

        return answered

    def _shared(self, request: Request, response: Response) -> Response:
        """Let the page that asked, if its origin is welcome, read the answer and its ETag."""
        origin = request.headers.get("origin")
        if origin is not None and response.status_code != 403:
            response.headers["Access-Control-Allow-Origin"] = origin
            response.headers["Access-Control-Expose-Headers"] = "ETag, Retry-After, Allow, WWW-Authenticate"
            response.headers["Vary"] = "Origin"
        response.headers.setdefault("Cache-Control", "no-store" if request.method not in READS else "no-cache")
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response

    # -- documents --------------------------------------------------------------------------------------------

    async def _document(self, request: Request) -> Response:
        method = request.method
        if method == "OPTIONS":
            return preflight()
        target, principal = target_of(request.scope), self._door.principal(request.scope)
        if not principal.grant.covers(target.key):
            raise Denied("this document is not granted to you", code="no_grant")
        if target.part == "regions" and method in WRITES:
            check_named(principal)
            if not await self._engine.exists(target.key):
                await check_creation(target, request)
            return await WRITES[method](await self._sessions.port(target.key, principal), target, request)
        if method not in READS:
            allow = "GET, HEAD, PUT, POST, DELETE" if target.part == "regions" else "GET, HEAD"
            raise Problem("method", f"{method} is not for this path", {"Allow": allow})
        if not await self._engine.exists(target.key):
            raise Problem("unknown_document", f"there is no document {target.key}", hint="its first write creates it")
        return await self._read(target, principal, request)

    async def _read(self, target: Target, principal: Principal, request: Request) -> Response:
        port = await self._sessions.port(target.key, principal)
        match target.part:
            case "regions":
                return await read_region(port, target, principal, request)
            case "log":
                return await read_log(port, principal, request)
            case "blame" | "why" | "trace" | "diff":
                return await read_past(port, target, request)
            case "contradictions":
                return await self._contradictions.read(port, principal)
            case "events":
                return await stream_events(
                    self._engine, port, principal, request, lambda: self._door.is_good(principal)
                )
        return await read_document(self._engine, port, target, principal, request)

    async def _list(self, request: Request) -> Response:
        """Documents that the caller may know of."""
        return await list_documents(self._engine, self._door.principal(request.scope).grant, request)

    # -- beside them ------------------------------------------------------------------------------------------

    async def _index(self, request: Request) -> Response:
        return JSONResponse(
            {
                "name": "accordant",
                "documents": "/documents",
                "sync": "/sync/<namespace>/<document>",
                "openapi": "/openapi.json",
                "health": "/healthz",
                "metrics": "/metrics",
            }
        )

    async def _health(self, request: Request) -> Response:
        """The process answers, and so does its store."""
        try:
            async with asyncio.timeout(STORE_BUSY_S):
                await self._engine.store.heads(["system/shared/health"])  # a real question to the file
        except Exception as error:  # whatever a store raises
            logger.warning("the store does not answer: %s", error)
            return problem_of(Problem("unhealthy", "the store does not answer", hint="look at the server's log"))
        return JSONResponse({"status": "ok"}, headers={"Cache-Control": "no-store"})

    async def _show_metrics(self, request: Request) -> Response:
        self._door.principal(request.scope)
        return self._metrics.show()

    async def _openapi(self, request: Request) -> Response:
        servers = [{"url": request.scope.get("root_path") or "/"}]  # below which path somebody has mounted us
        described = description()
        paths = described["paths"] | {path: told for one in self._beside for path, told in one.paths().items()}
        return JSONResponse(described | {"servers": servers, "paths": paths})


def check_named(principal: Principal) -> None:
    """Raises `Problem` 401 for a write of nobody."""
    if principal.agent is None:
        raise Problem("no_agent", "a write names its writer", hint="send X-Agent: <handle>, or a bearer token")


def preflight() -> Response:
    """A browser asks before it sends; whether its page is welcome was decided before."""
    headers = {
        "Access-Control-Allow-Methods": "GET, HEAD, PUT, POST, DELETE",
        "Access-Control-Allow-Headers": "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, "
        "Last-Event-ID, X-Agent, X-Hive-Agent, X-Why",
        "Access-Control-Max-Age": "600",
    }
    return Response(status_code=204, headers=headers)
