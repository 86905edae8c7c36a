"""A document at one version as plain JSON: every region with its value, its authors and its versions. Reads, never writes."""

from __future__ import annotations

from typing import Any

from accordant.engine.blame import blame
from accordant.engine.state import DocumentState
from accordant.types.regions import Kind

__all__ = ["outline"]


def outline(state: DocumentState) -> dict[str, Any]:
    """`version`; `regions`: name -> {kind, version, by, at, value}, logs with `items` (ref, value, version, by, at), texts with
    `runs` ([start, end, actor, version] in characters), sets and maps with `members` by tag or key; `fields`: every guarded
    path that is set -> {value, version, by, at}.
    """
    regions: dict[str, Any] = {}
    for name, kind in state.kinds().items():
        if kind.is_guarded:
            continue
        version = state.versions.get(name, 0)
        by, at = state.actors.of(version)
        shown = {"kind": kind.value, "version": version, "by": by, "at": at, "value": state.value(name, kind)}
        if kind is Kind.TEXT:
            shown["runs"] = [[run.start, run.end, run.actor, run.version] for run in blame(state, name)]
        elif kind is Kind.LOG:
            shown["items"] = _log_items(state, name, shown["value"])
        elif kind in (Kind.UNION_SET, Kind.MAP):
            shown["members"] = _members(state, name)
        regions[name] = shown
    fields = {
        path: {"value": field.value, "version": field.version, "by": field.by, "at": field.at}
        for path, field in sorted(state.fields.items())
        if field.is_set
    }
    return {"version": state.head, "regions": regions, "fields": fields}


def _log_items(state: DocumentState, name: str, values: list[Any]) -> list[dict[str, Any]]:
    rows = state.log_rows(name)
    return [
        {"ref": ref, "value": value, "version": version, "by": by, "at": at}
        for (ref, version, by, at), value in zip(rows, values, strict=True)
    ]


def _members(state: DocumentState, name: str) -> list[dict[str, Any]]:
    members = []
    for key, value in state.replica.entries(name).items():
        head = state.ledger.head(name, key)
        version = 0 if head is None else state.ledger.version(*head)
        by, at = state.actors.of(version)
        members.append({"key": key, "value": value, "version": version, "by": by, "at": at})
    return members
