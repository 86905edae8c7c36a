"""GET .../blame/<region>, .../why, .../trace and .../diff: questions about the past, one `Recall` each."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from accordant.engine.host.port import EmbeddedPort
from accordant.sync.server.http.paths import Target
from accordant.sync.server.http.queries import number_in, text_in
from accordant.types.errors import Invalid
from accordant.types.past import Recall

__all__ = ["read_past"]


async def read_past(port: EmbeddedPort, target: Target, request: Request) -> Response:
    """The answer as JSON; what the caller may not read is not in it."""
    answer = await port.recall(_question(target, request))
    return JSONResponse({"document": target.key.path, **answer})


def _question(target: Target, request: Request) -> Recall:
    match target.part:
        case "blame":
            return Recall("blame", path=target.region, at=number_in(request, "at"))
        case "why":
            return Recall("why", path=_needed("ref", text_in(request, "ref")))
        case "trace":
            return Recall("trace", text=_needed("text", text_in(request, "text")))
    first = number_in(request, "from")
    if first is None:
        raise _missing("from")
    return Recall("diff", first=first, last=number_in(request, "to"))


def _needed(name: str, value: str | None) -> str:
    if not value:
        raise _missing(name)
    return value


def _missing(name: str) -> Invalid:
    return Invalid(f"{name}= is needed", code="bad_query", parameter=name, hint="GET /openapi.json")
