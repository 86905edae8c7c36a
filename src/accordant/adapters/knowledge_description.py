"""The routes of a corpus as OpenAPI describes them."""

from __future__ import annotations

from typing import Any, Final

from accordant.sync.server.http.openapi import AGENT, IDEMPOTENCY, TEXT, WHY, answers, header, query
from accordant.types.pattern_limits import CORPUS_COUNT_MAX, CORPUS_QUERY_CHARS_MAX, CORPUS_SEARCH_MAX

__all__ = ["PATHS"]

_HIVE_AGENT: Final = header("X-Hive-Agent", "The same as X-Agent; not both.")
_NAMED: Final = [AGENT, _HIVE_AGENT]
_READ_ERRORS: Final = (400, 401, 403, 404, 405, 422, 429, 500, 503)
_WRITE_ERRORS: Final = (400, 401, 403, 404, 405, 409, 412, 413, 415, 422, 429, 500, 503)
_TEXTS: Final = {"type": "array", "items": TEXT}
_MANY: Final = {"style": "form", "explode": True}
_REF: Final = {"ref": TEXT, "why": TEXT}


def _post(summary: str, meaning: str, properties: dict[str, Any], example: Any) -> dict[str, Any]:
    needed = [next(iter(properties))]
    schema = {"type": "object", "required": needed, "properties": properties, "additionalProperties": False}
    content = {"application/json": {"schema": schema, "examples": {"usual": {"value": example}}}}
    return {
        "post": {
            "summary": summary,
            "parameters": [*_NAMED, WHY, IDEMPOTENCY],
            "requestBody": {"required": True, "content": content},
            "responses": answers(meaning, _WRITE_ERRORS),
        }
    }


_QUERY: Final = [
    {
        "name": "q",
        "in": "query",
        "required": True,
        "schema": {"type": "string", "minLength": 1, "maxLength": CORPUS_QUERY_CHARS_MAX},
        "description": "What is looked for.",
    },
    query("limit", {"type": "integer", "minimum": 1, "maximum": CORPUS_SEARCH_MAX}, "How many entries."),
    query("kind", TEXT, "Only entries of this kind."),
    query("tag", _TEXTS, "Only entries with all of these tags.") | _MANY,
    query("exclude_origin", _TEXTS, "Without what only these tasks have contributed.") | _MANY,
]

PATHS: Final[dict[str, Any]] = {
    "/knowledge/query": {
        "get": {
            "summary": "What is known about something, the nearest first.",
            "parameters": [*_NAMED, *_QUERY],
            "responses": answers("The entries that stand, with counts and contradicting ones.", _READ_ERRORS),
        }
    },
    "/knowledge/contribute": _post(
        "Say what you have learned: one fact.",
        "The verdict: accepted, merged or rejected, durably.",
        {"text": TEXT, "tags": _TEXTS, "kind": TEXT, "origin": TEXT, "why": TEXT},
        {"text": "The API allows 100 requests per minute.", "why": "load test"},
    ),
    "/knowledge/cite": _post(
        "Count uses of an entry.",
        "It is counted, durably.",
        _REF | {"n": {"type": "integer", "minimum": 1, "maximum": CORPUS_COUNT_MAX}},
        {"ref": "knowledge@12.0"},
    ),
    "/knowledge/endorse": _post(
        "Say that an entry holds; each agent counts once.", "It is counted, durably.", _REF, {"ref": "knowledge@12.0"}
    ),
}
"""By path."""
