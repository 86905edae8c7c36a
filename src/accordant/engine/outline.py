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
    path that is set -> {value, version, by, at}; `marks`: what became of what was written, ref -> [status, because].
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
            shown["members"] = (
                _numbered(name, _members(state, name)) if kind is Kind.UNION_SET else _members(state, name)
            )
        regions[name] = shown
    fields = {
        path: {"value": field.value, "version": field.version, "by": field.by, "at": field.at}
        for path, field in sorted(state.fields.items())
        if field.is_set
    }
    marks = {ref: [status, because] for ref, status, because, _ in state.marks.dump()}
    return {"version": state.head, "regions": regions, "fields": fields, "marks": marks}


def _log_items(state: DocumentState, name: str, values: list[Any]) -> list[dict[str, Any]]:
    rows = state.log_rows(name)
    return [
        {"ref": ref, "value": value, "version": version, "by": by, "at": at}
        for (ref, version, by, at), value in zip(rows, values, strict=True)
    ]


def _members(state: DocumentState, name: str) -> list[dict[str, Any]]:
    members = []
    heads = {key: state.ledger.head(name, key) for key in state.replica.entries(name)}
    for key, value in sorted(state.replica.entries(name).items(), key=lambda one: (heads[one[0]] or (0, 0), one[0])):
        head = heads[key]
        version = 0 if head is None else state.ledger.version(*head)
        by, at = state.actors.of(version)
        members.append({"key": key, "value": value, "version": version, "by": by, "at": at})
    return members


def _numbered(name: str, members: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Members of a set with their refs: those that came together are numbered as they came, gone ones not counted."""
    made: dict[int, int] = {}
    for member in members:
        version = member["version"]
        member["ref"] = f"{name}@{version}.{made.get(version, 0)}"
        made[version] = made.get(version, 0) + 1
    return members
