"""`accordant access`: who may read and write what, as declared and as tokens say; and who is here since when."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich import box
from rich.table import Table

from accordant.cli.output import AsJson, MissingExtra, console, moment, plain, print_json, wants_json
from accordant.cli.source import DocumentName, StoreFile, choose, reading
from accordant.engine.host.access import access_to
from accordant.engine.host.governance import grants_in
from accordant.types.namespaces import DocumentKey

__all__ = ["access", "tables"]


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
        found = await access_to(store, (await choose(store, document)).key)
        sessions = [one | {"since": moment(one["at"])} for one in found["sessions"]]
        key = DocumentKey.parse(found["document"])
        granted = [one for one in await grants_in(store) if one.grant.covers(key)]
        shown = [one.to_json() | {"since": moment(one.at)} for one in granted]
        return {**found, "grants": shown, "sessions": sessions}


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
    if found.get("grants"):
        grants = _table("grants that reach it", "agent", "since UTC", "by", "allow")
        for one in found["grants"]:
            allow = "everything" if one["allow"] is None else _allowed(one["allow"])
            grants.add_row(
                plain(one["agent"], "cyan"), one["since"][:19].replace("T", " "), plain(one["by"]), plain(allow)
            )
        shown.append(grants)
    sessions = _table("sessions that are open", "agent", "since UTC", "version", "identity", "roles")
    for one in found["sessions"]:
        when = one["since"][:19].replace("T", " ")
        sessions.add_row(
            plain(one["agent"], "cyan"), when, f"v{one['version']}", one["auth"], plain(", ".join(one["roles"]))
        )
    return [*shown, sessions]


def _allowed(allow: Sequence[Sequence[Any]]) -> str:
    return "; ".join(f"{region}: {', '.join(operations)}" for region, operations in allow) or "nothing"


def _table(title: str, *columns: str) -> Table:
    shown = Table(title=plain(title), box=box.SIMPLE_HEAD, pad_edge=False, title_justify="left", title_style="bold")
    for column in columns:
        shown.add_column(column, overflow="fold")
    return shown
