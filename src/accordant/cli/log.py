"""`accordant log`: the audit, newest first: who did what, when, why, having read what, and who was beaten by whom.

It asks the store's index and shows what that answers. `row` is the JSON of one entry, `table` the same for people; the
demo shows both too.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich import box
from rich.table import Table
from rich.text import Text

from accordant.cli.output import AsJson, console, moment, plain, print_json, shortened, wants_json
from accordant.cli.source import DocumentName, StoreFile, choose, reading
from accordant.engine.stores.contract import AuditQuery
from accordant.types.entries import Auth, Entry, EntryKind, OpRecord
from accordant.types.errors import Invalid

__all__ = ["log", "parse_since", "row", "table"]

OPS_SHOWN_MAX = 4
WHY_SHOWN_CHARS = 160
OUTCOMES = ("committed", "conflict", "stale", "fenced", "denied", "invalid")
REASONS = {
    "stale_read_generation": "its generation had ended",
    "epoch_changed": "it had read under another authority",
    "claim_lost": "its claim had run out",
}
STYLES = {
    "committed": "green",
    "conflict": "red",
    "stale": "red",
    "fenced": "magenta",
    "denied": "red",
    "invalid": "yellow",
}


def log(
    store: StoreFile,
    document: DocumentName = None,
    path: Annotated[str | None, typer.Option(help="Only this region or field, and what lies below it.")] = None,
    actor: Annotated[str | None, typer.Option(help="Only what this agent did.")] = None,
    kind: Annotated[str | None, typer.Option(help=f"Only one kind: {', '.join(EntryKind)}.")] = None,
    outcome: Annotated[str | None, typer.Option(help=f"Only one outcome: {', '.join(OUTCOMES)}.")] = None,
    since: Annotated[
        str | None, typer.Option(help="Only later than: 90s, 30m, 2h, 7d ago, or a date such as 2026-07-01.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="At most so many.")] = 30,
    as_json: AsJson = False,
) -> None:
    """Who did what, when and why, having read which version; and who was beaten by whom.

    Newest first. A denial is an entry like a write, so that nothing that was lost is lost silently.

    Examples:

    accordant log state.db

    accordant log state.db --kind denial

    accordant log state.db acme/task/q3/brief --path account --since 2h
    """
    if kind is not None and kind not in set(EntryKind):
        raise Invalid(f"there is no kind {kind!r}", code="bad_argument", hint=f"one of {', '.join(EntryKind)}")
    if outcome is not None and outcome not in OUTCOMES:
        raise Invalid(f"there is no outcome {outcome!r}", code="bad_argument", hint=f"one of {', '.join(OUTCOMES)}")
    after = None if since is None else parse_since(since, int(time.time() * 1000))
    key, entries = asyncio.run(_asked(store, document, path, actor, kind, outcome, after, limit))
    if wants_json(as_json):
        print_json({"document": key, "entries": [row(entry) for entry in entries]})
    elif entries:
        console().print(table(entries, title=key, more=len(entries) == limit))
    else:
        console().print("nothing in the log matches")


async def _asked(
    source: str,
    document: str | None,
    path: str | None,
    actor: str | None,
    kind: str | None,
    outcome: str | None,
    since: int | None,
    limit: int,
) -> tuple[str, list[Entry]]:
    async with reading(source) as store:
        key = (await choose(store, document)).key
        query = AuditQuery(key, path, actor, kind, outcome, since, limit=limit)
        return key, await store.audit(query)


def parse_since(text: str, now_ms: int) -> int:
    """Milliseconds since 1970 of `30m` (ago), of an ISO date or time (UTC unless it says), or of a number of them."""
    if ago := re.fullmatch(r"(\d{1,9})\s*([smhdw])", text.strip()):
        seconds = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}[ago[2]]
        return now_ms - int(ago[1]) * seconds * 1_000
    if re.fullmatch(r"\d{11,14}", text.strip()):
        return int(text)
    try:
        when = datetime.fromisoformat(text.strip())
        return int((when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, OverflowError):
        raise Invalid(
            f"{text!r} is no time", code="bad_argument", hint="say 30m, 2h, 7d, or 2026-07-01T14:00"
        ) from None


# -- for programs ---------------------------------------------------------------------------------------------


def row(entry: Entry) -> dict[str, Any]:
    """One entry as JSON values."""
    shown: dict[str, Any] = {
        "version": entry.offset,
        "at": moment(entry.at),
        "at_ms": entry.at,
        "kind": entry.kind.value,
        "actor": entry.actor,
        "auth": entry.auth.value,
        "outcome": entry.outcome,
        "ops": [{"op": op.op, "path": op.path, "read": op.read, "detail": op.detail} for op in entry.ops],
        "why": entry.why,
        "derived_from": [list(basis) for basis in entry.derived_from],
    }
    if entry.session:
        shown |= {"session": entry.session, "generation": entry.generation}
    if entry.info:
        shown["info"] = dict(entry.info)
    if entry.kind is EntryKind.DENIAL:
        shown |= {"beaten_by": entry.info.get("beaten_by"), "times": entry.info.get("times", 1)}
    return shown


# -- for people -----------------------------------------------------------------------------------------------


def table(entries: Sequence[Entry], title: str | None = None, more: bool = False) -> Table:
    """Entries for a terminal, newest first."""
    caption = "there may be more: --limit" if more else None
    today = moment(entries[0].at)[:10]
    same_day = all(moment(entry.at)[:10] == today for entry in entries)
    title = f"{title}, {today}" if title and same_day else title
    shown = Table(
        title=title, caption=caption, box=box.SIMPLE_HEAD, pad_edge=False, title_justify="left", title_style="bold"
    )
    shown.add_column("version", no_wrap=True)
    shown.add_column("when UTC", no_wrap=True)
    shown.add_column("actor", overflow="fold")
    shown.add_column("what", overflow="fold")
    shown.add_column("outcome and why", overflow="fold")
    for entry in entries:
        when = moment(entry.at)
        shown.add_row(
            _version(entry),
            when[11:19] if same_day else f"{when[5:10]} {when[11:16]}",
            _actor(entry),
            _what(entry),
            _outcome(entry),
        )
    return shown


def _version(entry: Entry) -> Text:
    reads = sorted({op.read for op in entry.ops if op.read is not None})
    text = Text().append(f"v{entry.offset}", style="bold" if entry.outcome == "committed" else "dim")
    if reads:
        text.append(f" (read {', '.join(f'v{read}' for read in reads[:3])})", style="dim")
    return text


def _actor(entry: Entry) -> Text:
    text = Text() + plain(entry.actor, "cyan")
    return text.append(" ✓", style="dim") if entry.auth is Auth.TOKEN else text


def _what(entry: Entry) -> Text:
    if entry.ops:
        text = Text(" · ").join(_operation(op) for op in entry.ops[:OPS_SHOWN_MAX])
        if (more := len(entry.ops) - OPS_SHOWN_MAX) > 0:
            text.append(f" and {more} more")
        return text
    match entry.kind:
        case EntryKind.SCHEMA:
            regions = entry.info.get("schema", {}).get("regions", {})
            return plain(f"declare {', '.join(regions)}", "dim")
        case EntryKind.LEAVE:
            return plain(f"leave ({entry.info.get('ending', 'ended')})", "dim")
        case EntryKind.BATCH:
            return plain(f"a batch of {entry.info.get('count')} writes ends, from v{entry.info.get('first')}", "dim")
        case EntryKind.EPOCH:
            return plain(f"authority begins, epoch {entry.info.get('epoch')}", "dim")
    return Text(entry.kind.value, style="dim")


def _operation(op: OpRecord) -> Text:
    text = Text(f"{op.op} ") + plain(op.path, "bold")
    detail = op.detail or {}
    if "value" in detail and detail.get("is_set", True):
        text += plain(f" = {shortened(_compact(detail['value']), 60)}", "dim")
    elif "inserted" in detail:
        text += plain(f" {shortened(str(detail['inserted']), 40)!r}", "dim")
    elif isinstance(items := detail.get("items") or detail.get("first"), list) and items:
        text += plain(f" {shortened(_compact(items[0]), 50)}", "dim")
        if (more := int(detail.get("count", len(items))) - 1) > 0:
            text.append(f" and {more} more", style="dim")
    elif "by" in detail:
        text += plain(f" {detail['by']:+}", "dim") if isinstance(detail["by"], int) else Text()
    return text


def _compact(value: Any) -> str:
    return value if isinstance(value, str) else plain(value).plain


def _outcome(entry: Entry) -> Text:
    text = (
        Text() if entry.kind in (EntryKind.SCHEMA, EntryKind.EPOCH, EntryKind.JOIN, EntryKind.LEAVE) else _status(entry)
    )
    if entry.why and entry.why != entry.info.get("ending"):
        text += Text("; " if text else "") + plain(shortened(entry.why, WHY_SHOWN_CHARS))
    if entry.derived_from:
        bases = ", ".join(f"{path} v{version}" for path, version in entry.derived_from[:OPS_SHOWN_MAX])
        text += Text(" ") + plain(f"[from {bases}]", "dim")
    return text


def _status(entry: Entry) -> Text:
    text = Text().append(entry.outcome, style=STYLES.get(entry.outcome, "yellow"))
    info = entry.info
    winner = info.get("beaten_by")
    if isinstance(winner, dict) and winner.get("actor"):
        version = winner.get("version")
        text += plain(f": beaten by {winner['actor']}" + (f" v{version}" if version else ""))
    elif stale := info.get("stale"):
        named = ", ".join(f"{one['path']} is v{one['current']} by {one['changed_by']}" for one in stale[:OPS_SHOWN_MAX])
        text += plain(f": {named}")
    elif code := info.get("code"):
        text += plain(f": {REASONS.get(code, code.replace('_', ' '))}")
    if (times := int(info.get("times", 1))) > 1:
        text.append(f", {times} times", style="bold")
    return text
