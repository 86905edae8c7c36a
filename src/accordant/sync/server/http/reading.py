"""GET: a document, a region or a key, with the ETag to write with; a whole document also as it was at an earlier version."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from accordant.engine.host.document_host import DocumentHost
from accordant.engine.host.engine import Engine
from accordant.engine.host.port import EmbeddedPort
from accordant.engine.state import DocumentState
from accordant.sync.server.http.etags import etag_of, matches
from accordant.sync.server.http.paths import Target
from accordant.sync.server.http.problems import Problem
from accordant.sync.server.http.queries import number_in
from accordant.types.access import READ, Principal
from accordant.types.commands import Question, ReadAnswer
from accordant.types.errors import Denied, Invalid
from accordant.types.regions import Kind

__all__ = ["kind_of", "read_document", "read_region", "shown_answer"]


async def read_document(
    engine: Engine, port: EmbeddedPort, target: Target, principal: Principal, request: Request
) -> Response:
    """All regions that the caller may read, at one version."""
    wanted = number_in(request, "at")
    shown = await port.outline() if wanted is None else await engine.outline_at(target.key, wanted)
    token = port.token(shown["version"])
    if wanted is None and matches(request.headers.get("if-none-match"), token):
        return Response(status_code=304, headers={"ETag": etag_of(token)})
    schema = {name: spec.kind for name, spec in port.schema.regions.items()}
    regions = {name: one for name, one in _regions(shown, schema).items() if principal.grant.permits(READ, name)}
    body = {"document": target.key.path, "version": shown["version"], "regions": regions}
    return JSONResponse(body, headers={"ETag": etag_of(token)})


def _regions(shown: Mapping[str, Any], declared: Mapping[str, Kind]) -> dict[str, Any]:
    """The outline's regions and guarded fields under one name each."""
    regions: dict[str, Any] = dict(shown["regions"])
    for path, field in shown["fields"].items():
        name, _, key = path.partition("/")
        if declared.get(name) is not Kind.GUARDED_MAP and not key:
            regions[name] = {"kind": Kind.GUARDED.value, **field}
            continue
        whole = regions.setdefault(name, {"kind": Kind.GUARDED_MAP.value, "version": 0, "value": {}, "members": {}})
        whole["value"][key], whole["members"][key] = field["value"], field
        whole["version"] = max(whole["version"], field["version"])
    return regions


def kind_of(host: DocumentHost, target: Target, request: Request, default: Kind | None = None) -> Kind:
    """The kind of the region that is named: as declared or found; otherwise `?kind=`, or the default. Raises `Problem`."""
    state, name = host.machine.state, str(target.region)
    spec = state.schema.region(name)
    if spec is not None:
        return spec.kind
    asked = request.query_params.get("kind")
    if asked is not None and asked not in tuple(Kind):
        raise Invalid(f"there is no kind {asked[:40]!r}; there are: {', '.join(Kind)}", code="unknown_kind")
    found = Kind(asked) if asked is not None else _found(state, name) or default
    if found is None or (not state.schema.is_open and spec is None):
        raise Problem(
            "unknown_region",
            f"there is no region {name!r} here",
            hint="name a kind to begin one: ?kind=log",
            region=name,
        )
    return found


def _found(state: DocumentState, name: str) -> Kind | None:
    """What a document without a schema has under this name."""
    if name in state.fields:
        return Kind.GUARDED
    return Kind.GUARDED_MAP if name in state.keyed else state.kinds().get(name)


async def read_region(port: EmbeddedPort, target: Target, principal: Principal, request: Request) -> Response:
    """One region, or one key of it."""
    region = str(target.region)
    if not principal.grant.permits(READ, region):
        raise Denied(f"reading {region} is not granted", code="no_grant", path=region)
    kind, key = kind_of(port.host, target, request), target.region_key
    if key is not None and kind not in (Kind.GUARDED_MAP, Kind.MAP):
        raise Problem("unknown_route", f"{region} is a {kind.value} region: it has no keys")
    asked = key if kind is Kind.GUARDED_MAP else None
    at_least, since = number_in(request, "at_least"), number_in(request, "since")
    answer = await port.ask(Question(region, kind, asked, at_least, since=since))
    headers = {"ETag": etag_of(answer.token)}
    if matches(request.headers.get("if-none-match"), answer.token):
        return Response(status_code=304, headers=headers)
    shown = shown_answer(answer, kind)
    if kind is Kind.MAP and key is not None:
        if key not in answer.value:
            raise Problem("unknown_region", f"{region} has no key {key!r}")
        shown |= {"value": answer.value[key], "path": target.path}
    return JSONResponse(shown, headers=headers)


def shown_answer(answer: ReadAnswer, kind: Kind) -> dict[str, Any]:
    """A reading as JSON values."""
    shown: dict[str, Any] = {
        "path": answer.path,
        "kind": kind.value,
        "value": answer.value,
        "version": answer.token.version,
        "by": answer.by,
        "at": answer.at,
        "etag": etag_of(answer.token),
    }
    if answer.entries is not None:
        names = ("ref", "version", "by", "at")
        shown["entries"] = [
            dict(zip(names, row, strict=False)) | {"value": value}
            for row, value in zip(answer.entries, answer.value, strict=False)
        ]
    if answer.marks:
        shown["marks"] = {
            ref: {"status": status, "because": because} for ref, (status, because) in answer.marks.items()
        }
    if answer.since:
        shown["since"] = answer.since
    if answer.claim is not None:
        shown["claim"] = dict(answer.claim)
    return shown
