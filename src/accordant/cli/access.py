"""`accordant access`: who may read and write what, as declared and as tokens say; and who is here since when."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich import box
from rich.table import Table

from accordant.cli.output import AsJson, MissingExtra, console, moment, plain, print_json, wants_json
from accordant.cli.source import DocumentName, StoreFile, choose, reading
from accordant.engine.stores.contract import AuditQuery, Store
from accordant.types.entries import EntryKind
from accordant.types.namespaces import DocumentKey
from accordant.types.regions import OPERATIONS, TAKING_BACK, RegionSpec, Schema

__all__ = ["access", "tables", "who_may"]

SESSIONS_LOOKED_AT_MAX = 1_000
SOMEBODY = "\0somebody"
"""An agent whom no rule names: no handle may be called so."""


def access(
    store: StoreFile,
    document: DocumentName = None,
    token_file: Annotated[
        Path | None, typer.Option("--token-file", help="The server's token file, to list grants.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Who may do what to each region, by its rules; which tokens reach the document; which sessions are open since when.

    A region's rules say what its writers may do; without tokens everybody who reaches the server may read everything. A token
    narrows that to what it names.

    Examples:

    accordant access state.db

    accordant access state.db acme/task/q3/brief --token-file keys.json
    """
    found = asyncio.run(_found(store, document))
    if token_file is not None:
        found["tokens"] = _tokens(token_file, DocumentKey.parse(found["document"]))
    if wants_json(as_json):
        print_json(found)
        return
    for shown in tables(found):
        console().print(shown)


async def _found(source: str, document: str | None) -> dict[str, Any]:
    async with reading(source) as store:
        info = await choose(store, document)
        schema = await _schema(store, info.key)
        regions = [
            {"region": spec.name, "kind": spec.kind.value, "may": who_may(spec)} for spec in schema.regions.values()
        ]
        return {"document": info.key, "regions": regions, "sessions": await _sessions(store, info.key)}


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
            "auth": entry.auth.value,
            "since": moment(entry.at),
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


def _tokens(path: Path, key: DocumentKey) -> list[dict[str, Any]]:
    """What the token file says of the tokens that reach this document."""
    try:
        from accordant.sync.server.tokens import TokenFile
    except ModuleNotFoundError:
        raise MissingExtra("--token-file", "server") from None
    known = TokenFile.read(path)
    segments = [*key.namespace.segments, key.name]
    return [
        {
            "agent": said.get("sub"),
            "id": token_id,
            "allow": said.get("allow"),
            "roles": said.get("roles", []),
            "revoked": token_id in known.revoked,
        }
        for token_id, said in known.issued.items()
        if any(segments[: len(scope)] == list(scope) for scope in said.get("ns", ()))
    ]


def tables(found: Mapping[str, Any]) -> list[Table]:
    """What was found, for a terminal."""
    regions = _table(f"{found['document']}: what regions let", "region", "kind", "operation", "who")
    for region in found["regions"]:
        name, kind = region["region"], region["kind"]
        for operation, who in region["may"].items():
            said = "everybody" if who == ["*"] else ", ".join(who) or "nobody"
            regions.add_row(plain(name, "bold"), plain(kind), plain(operation), plain(said))
            name = kind = ""
        regions.add_section()
    shown = [regions]
    if "tokens" in found:
        tokens = _table("tokens that reach it", "agent", "allow", "roles", "id")
        for one in found["tokens"]:
            allow = "everything" if one["allow"] is None else one["allow"]
            gone = " (revoked)" if one["revoked"] else ""
            tokens.add_row(plain(one["agent"]), plain(allow), plain(", ".join(one["roles"])), plain(one["id"] + gone))
        shown.append(tokens)
    sessions = _table("sessions that are open", "agent", "since UTC", "version", "identity", "roles")
    for one in found["sessions"]:
        when = one["since"][:19].replace("T", " ")
        sessions.add_row(
            plain(one["agent"], "cyan"), when, f"v{one['version']}", one["auth"], plain(", ".join(one["roles"]))
        )
    return [*shown, sessions]


def _table(title: str, *columns: str) -> Table:
    shown = Table(title=plain(title), box=box.SIMPLE_HEAD, pad_edge=False, title_justify="left", title_style="bold")
    for column in columns:
        shown.add_column(column, overflow="fold")
    return shown
