"""Guarded fields outside the engine's memory: as every Yjs peer sees them in the root `guarded`, and as the store keeps them."""

from __future__ import annotations

from typing import Any

from accordant.engine.guard import Field, claim_from
from accordant.engine.state import DocumentState
from accordant.engine.stores.contract import FieldWrite
from accordant.types.entries import Entry, OpRecord
from accordant.types.regions import GUARDED_ROOT
from accordant.types.values import canonical_json

__all__ = ["is_field", "row", "show", "visible_guarded"]


def is_field(op: OpRecord) -> bool:
    """Whether this operation wrote a guarded field: its detail then says what the field becomes."""
    return op.detail is not None and "is_set" in op.detail


def show(state: DocumentState, op: OpRecord, offset: int, actor: str, at: int) -> None:
    """Write the field as `{value, version, by, at}` (and its claim) under its path; inside `replica.change()`."""
    detail = op.detail or {}
    old = state.fields.get(op.path, Field())
    if detail["is_set"] or detail.get("claim"):
        version = old.version if detail.get("keeps_version") else offset
        field = Field(detail["value"], version, actor, at, claim=claim_from(detail.get("claim"), version))
        state.replica.set_guarded(op.path, visible_guarded(field))
    elif old.is_set or old.claim is not None:
        state.replica.remove_entry(GUARDED_ROOT, op.path)


def visible_guarded(field: Field) -> dict[str, Any]:
    """A field as its entry in the root map shows it."""
    shown: dict[str, Any] = {"value": field.value, "version": field.version, "by": field.by, "at": field.at}
    if field.claim is not None:
        shown["claim"] = field.claim.shown()
    return shown


def row(state: DocumentState, op: OpRecord, entry: Entry) -> FieldWrite:
    """The field as the store keeps it, after the entry was folded."""
    field = state.fields[op.path]
    claim = field.claim
    return FieldWrite(
        op.path,
        canonical_json(field.value) if field.is_set else None,
        entry.actor,
        entry.at,
        None if claim is None else canonical_json(claim.to_list()),
        None if field.version == entry.offset else field.version,
    )
