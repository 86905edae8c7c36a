"""The OpenAPI description of the HTTP side, built from one table, so that a test can hold it against the routes."""

from __future__ import annotations

from functools import cache
from importlib.metadata import version
from typing import Any

from accordant.types.limits import HTTP_DOCUMENTS_LIMIT_MAX, HTTP_LOG_LIMIT_MAX, INTEGER_MAX, KEY_CHARS_MAX
from accordant.types.memory_limits import TRACE_CHARS_MAX
from accordant.types.regions import OPERATIONS, Kind

__all__ = ["AGENT", "IDEMPOTENCY", "TEXT", "WHY", "answers", "description", "header", "query"]

DOCUMENT = "/documents/{tenant}/{scope}/{name}/{document}"
REGION = DOCUMENT + "/regions/{region}"
KEY = REGION + "/{key}"
SECONDS = {"type": "number", "minimum": 0}
VERSION = {"type": "integer", "minimum": 0, "maximum": INTEGER_MAX}
TEXT = {"type": "string"}

_PATH_PARAMETERS: dict[str, dict[str, Any]] = {
    "tenant": {"type": "string", "maxLength": 128, "example": "acme"},
    "scope": {"type": "string", "enum": ["task", "role"]},
    "name": {"type": "string", "maxLength": 128, "example": "q3"},
    "document": {"type": "string", "maxLength": 128, "example": "brief"},
    "region": {"type": "string", "maxLength": 128, "example": "account"},
    "key": {"type": "string", "maxLength": KEY_CHARS_MAX, "example": "7"},
}


def query(name: str, schema: dict[str, Any], text: str) -> dict[str, Any]:
    """A parameter of the query that may be left out."""
    return {"name": name, "in": "query", "required": False, "schema": schema, "description": text}


def header(name: str, text: str) -> dict[str, Any]:
    """A header that may be left out."""
    return {"name": name, "in": "header", "required": False, "schema": TEXT, "description": text}


AGENT = header("X-Agent", "Who asks, on a server without tokens. Writes need it.")
IF_MATCH = header("If-Match", "The ETag of the reading that this write replaces.")
IF_NONE_MATCH = header(
    "If-None-Match", "On reads: an ETag, answered 304. On writes: `*`, lands only where nothing was written."
)
WHY = header("X-Why", "The reason, kept in the log; percent-encoded where it is not ASCII.")
IDEMPOTENCY = header("Idempotency-Key", "Repeated, the request lands once.")
KIND = query(
    "kind", {"type": "string", "enum": [kind.value for kind in Kind]}, "The kind of a region that is not declared."
)
OP = query(
    "op",
    {"type": "string", "enum": sorted(set().union(*OPERATIONS.values()))},
    "Another operation of the region's kind than its usual one.",
)
WRITE_HEADERS = [AGENT, IF_MATCH, IF_NONE_MATCH, WHY, IDEMPOTENCY, KIND]

_READ_ERRORS = (400, 401, 403, 404, 405, 410, 422, 429, 500, 503)
_WRITE_ERRORS = (400, 401, 403, 404, 405, 409, 412, 413, 415, 422, 428, 429, 500, 503)


def answers(text: str, errors: tuple[int, ...], media: str = "application/json", more: tuple[int, ...] = ()) -> Any:
    """The answers of an operation: 200 with this meaning, and problems with these statuses."""
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    found: dict[str, Any] = {"200": {"description": text, "content": {media: {"schema": {}}}}}
    found |= {str(status): {"description": "See `code` and `next`.", "content": problem} for status in errors}
    return found | {str(status): {"description": "Not changed."} for status in more}


def _read(summary: str, parameters: list[dict[str, Any]], media: str = "application/json") -> dict[str, Any]:
    told = answers(summary, _READ_ERRORS, media, (304,))
    return {"get": {"summary": summary, "parameters": [AGENT, IF_NONE_MATCH, *parameters], "responses": told}}


def _write(method: str, summary: str, example: Any = None, more: tuple[dict[str, Any], ...] = ()) -> dict[str, Any]:
    act: dict[str, Any] = {
        "summary": summary,
        "parameters": [*WRITE_HEADERS, *more],
        "responses": answers("It landed, durably, at `version`.", _WRITE_ERRORS),
    }
    if example is not None:
        act["requestBody"] = {
            "required": False,
            "description": "The value, or an object with the operation's arguments, `why` and `derived_from`.",
            "content": {"application/json": {"schema": {}, "examples": example}},
        }
    return {method: act}


_VALUE = {"value": {"value": {"plan": "pro"}}, "with a reason": {"value": {"value": {"plan": "pro"}, "why": "upgrade"}}}
_ITEMS = {
    "log or set": {"value": "Churn in Q3 was 4.1 %."},
    "several": {"value": {"items": ["one", "two"], "why": "evidence"}},
    "counter": {"value": {"by": 2}},
    "text": {"value": {"op": "insert", "index": 0, "text": "# Brief\n"}},
    "taking back": {
        "value": {"op": "retract", "ref": "findings@10.0", "why": "a mock-up", "value": "Churn was 1.4 %."}
    },
}


@cache
def description() -> dict[str, Any]:
    """The whole description, as JSON values."""
    at_least = query("at_least", VERSION, "Wait, at most half a minute, until this version is there.")
    since = query("since", VERSION, "Of a log: only what was appended after this version.")
    region = _read("A region with its version, its writer, and the ETag to write with.", [KIND, at_least, since])
    paths: dict[str, Any] = {
        "/": _read("Where everything is.", []),
        "/healthz": {"get": {"summary": "The process and its store answer.", "responses": answers("ok", (503,))}},
        "/metrics": _read("Counters for Prometheus.", [], "text/plain"),
        "/openapi.json": _read("This description.", []),
        "/documents": _read(
            "The documents that the caller may know of; `next` is the `after` of the next page.", _pages()
        ),
        DOCUMENT: _read("All regions at one version.", [query("at", VERSION, _AT)]),
        REGION: region
        | _write("put", "Replace a guarded field, or a whole text, that was read before.", _VALUE)
        | _write("post", "Append, add, increment; or another operation.", _ITEMS, (OP,))
        | _write("delete", "Remove a guarded field that was read before."),
        KEY: region
        | _write("put", "Replace one key.", _VALUE)
        | _write(
            "post", "Another operation on one key: claim, renew, release.", {"claim": {"value": {"ttl_s": 60}}}, (OP,)
        )
        | _write("delete", "Remove one key."),
        f"{DOCUMENT}/log": _read("What happened, newest first.", _log_query()),
        f"{DOCUMENT}/blame/{{region}}": _read("Who wrote which characters of a text.", [query("at", VERSION, _AT)]),
        f"{DOCUMENT}/why": _read("Why something is as it is, from what, and who relied on it.", [_REF]),
        f"{DOCUMENT}/trace": _read("Where and when a text existed, and who had it.", [_TRACED]),
        f"{DOCUMENT}/diff": _read("How two versions differ, and who is responsible.", _versions()),
        f"{DOCUMENT}/contradictions": _read("What does not fit together, with both authors.", []),
        f"{DOCUMENT}/events": _read("Server-sent events, one per log entry.", _events_query(), "text/event-stream"),
    }
    for template, methods in paths.items():
        names = [name for name in _PATH_PARAMETERS if "{" + name + "}" in template]
        if names:
            methods["parameters"] = [
                {"name": name, "in": "path", "required": True, "schema": _PATH_PARAMETERS[name]} for name in names
            ]
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "accordant",
            "version": version("accordant"),
            "description": "One shared document, many agents. `system/shared` stands in the place of tenant, scope and name.",
        },
        "paths": paths,
        "components": {
            "schemas": {"Problem": _PROBLEM},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{}, {"token": []}],
    }


_AT = "As it was at this version."
_REF = query(
    "ref", TEXT, "What: `path@version`, as a write, a reading or the log names it; of a path, its newest write."
)
_TRACED = query("text", {"type": "string", "maxLength": TRACE_CHARS_MAX}, "The text, or the digits of a number.")


def _versions() -> list[dict[str, Any]]:
    return [
        query("from", VERSION, "The older version."),
        query("to", VERSION, "The newer version; without it, the newest."),
    ]


def _pages() -> list[dict[str, Any]]:
    limit = {"type": "integer", "minimum": 1, "maximum": HTTP_DOCUMENTS_LIMIT_MAX}
    after = "Only documents whose name is greater: the `next` of the page before."
    return [query("after", TEXT, after), query("limit", limit, "How many documents.")]


def _log_query() -> list[dict[str, Any]]:
    limit = {"type": "integer", "minimum": 1, "maximum": HTTP_LOG_LIMIT_MAX}
    return [
        *(query(name, TEXT, "Only entries with this.") for name in ("path", "actor", "kind", "outcome")),
        query("since", VERSION, "Milliseconds since 1970, inclusive."),
        query("until", VERSION, "Milliseconds since 1970, exclusive."),
        query("before", VERSION, "Page on: the oldest version seen."),
        query("limit", limit, "How many entries."),
        query("oldest_first", {"type": "boolean"}, "The other way round."),
    ]


def _events_query() -> list[dict[str, Any]]:
    return [
        query("regions", TEXT, "Names, separated by commas: only these."),
        query("kinds", TEXT, "Kinds of events, separated by commas: only these."),
        query("coalesce", SECONDS, "What happens within so many seconds is one event."),
        query("max_rate", SECONDS, "At most so many events per second."),
        query("group", TEXT, "Members of a group share a stream: each event goes to one of them."),
        query("after", VERSION, "Resume after this version; so does Last-Event-ID."),
        header("Last-Event-ID", "As a browser's EventSource sends it when it comes back."),
    ]


_PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "code", "outcome", "retryable", "fields"],
    "properties": {
        "type": TEXT,
        "title": TEXT,
        "status": {"type": "integer"},
        "detail": TEXT,
        "code": TEXT,
        "outcome": {"type": "string", "enum": ["conflict", "stale", "fenced", "denied", "invalid", "error"]},
        "retryable": {"type": "boolean"},
        "fields": {"type": "object"},
        "next": TEXT,
    },
}
