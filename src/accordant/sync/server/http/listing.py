"""GET /documents: which there are, page by page. Reads no more than a page of each namespace that the caller may know of."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from accordant.engine.host.engine import Engine
from accordant.engine.stores.contract import DocumentInfo
from accordant.sync.server.http.queries import number_in, text_in
from accordant.types.access import Grant
from accordant.types.errors import Invalid
from accordant.types.limits import HTTP_DOCUMENTS_DEFAULT, HTTP_DOCUMENTS_LIMIT_MAX

__all__ = ["list_documents"]


async def list_documents(engine: Engine, grant: Grant, request: Request) -> Response:
    """In the order of their names, behind `after`, at most `limit`; `next` is the `after` of the next page, or null."""
    limit = number_in(request, "limit")
    limit = HTTP_DOCUMENTS_DEFAULT if limit is None else limit
    if not 1 <= limit <= HTTP_DOCUMENTS_LIMIT_MAX:
        raise Invalid(f"limit= is 1 to {HTTP_DOCUMENTS_LIMIT_MAX}", code="bad_query", parameter="limit")
    after = text_in(request, "after") or ""
    found: dict[str, DocumentInfo] = {}
    for prefix in grant.outermost:
        found |= {info.key: info for info in await engine.documents(prefix, after, limit + 1)}
    page = sorted(found)[:limit]
    rows = [{"document": key, "version": found[key].head, "created_at": found[key].created_at} for key in page]
    return JSONResponse({"documents": rows, "next": page[-1] if len(found) > limit else None})
