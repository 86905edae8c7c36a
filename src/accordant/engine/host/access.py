"""Who may do what in a document, as its log says: the rules of its regions, and whose sessions are open since when."""

from __future__ import annotations

from typing import Any

from accordant.engine.stores.contract import AuditQuery, Store
from accordant.types.entries import EntryKind
from accordant.types.memory_limits import SESSIONS_LOOKED_AT_MAX
from accordant.types.regions import OPERATIONS, TAKING_BACK, RegionSpec, Schema

__all__ = ["access_to", "who_may"]

SOMEBODY = "\0somebody"
"""An agent whom no rule names: no handle may be called so."""


async def access_to(store: Store, key: str) -> dict[str, Any]:
    """`document`; `regions`: {region, kind, may: operation -> who, lww}; `sessions` that are open, newest first: {agent, roles,
    grant (None: everything), auth, at (ms), version}. Raises `StoreError`."""
    regions = [
        {"region": spec.name, "kind": spec.kind.value, "may": who_may(spec), "lww": spec.rules.lww}
        for spec in (await _schema(store, key)).regions.values()
    ]
    return {"document": key, "regions": regions, "sessions": await _sessions(store, key)}


async def _schema(store: Store, key: str) -> Schema:
    specs: dict[str, RegionSpec] = {}
    query = AuditQuery(key, kind=EntryKind.SCHEMA, limit=SESSIONS_LOOKED_AT_MAX)
    for entry in reversed(await store.audit(query)):
        specs |= Schema.from_description(entry.info["schema"]).regions
    return Schema("document", specs)


async def _sessions(store: Store, key: str) -> list[dict[str, Any]]:
    """Sessions that began under the present authority and have not ended, newest first."""
    epochs = await store.audit(AuditQuery(key, kind=EntryKind.EPOCH, limit=1))
    since = epochs[0].offset if epochs else 0
    joined = await store.audit(AuditQuery(key, kind=EntryKind.JOIN, after=since, limit=SESSIONS_LOOKED_AT_MAX))
    left = await store.audit(AuditQuery(key, kind=EntryKind.LEAVE, after=since, limit=SESSIONS_LOOKED_AT_MAX))
    ended = {entry.generation for entry in left}
    return [
        {
            "agent": entry.actor,
            "roles": list(entry.info.get("roles", ())),
            "grant": entry.info.get("grant"),
            "auth": entry.auth.value,
            "at": entry.at,
            "version": entry.offset,
        }
        for entry in joined
        if entry.generation not in ended
    ]


def who_may(spec: RegionSpec) -> dict[str, list[str]]:
    """Operation -> who may perform it: `*`, names, `role:...`; nobody where the list is empty."""
    rules = spec.rules
    named = dict.fromkeys((*(rules.writers or ()), *(rules.allow or ())))
    may: dict[str, list[str]] = {"read": ["*"]}
    for operation in sorted(OPERATIONS[spec.kind] - TAKING_BACK):
        everybody = rules.permits(operation, SOMEBODY, frozenset())
        may[operation] = ["*"] if everybody else [who for who in sorted(named) if _permits(spec, operation, who)]
    for operation in sorted(TAKING_BACK):
        may[operation] = ["its author", *(who for who in sorted(named) if _permits(spec, operation, who))]
    return may


def _permits(spec: RegionSpec, operation: str, who: str) -> bool:
    role = who.removeprefix("role:")
    if who == "*":
        return False
    is_role = role != who
    return spec.rules.permits(operation, SOMEBODY if is_role else who, frozenset({role}) if is_role else frozenset())
