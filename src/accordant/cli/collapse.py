"""`accordant collapse`: puts entries of a corpus that say the same under the oldest of them, once or every night.

On a server it joins as a curator; a store file it opens itself. Decides when, and how an outcome is shown; what is one fact is
decided by the corpus.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Annotated, Any, TypeVar

import typer
from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from accordant.cli.check_source import is_url, open_document
from accordant.cli.knowledge import CURATOR, REGION
from accordant.cli.output import AsJson, Exit, console, moment, plain, print_json, shortened, wants_json
from accordant.cli.source import choose, reading, store_path
from accordant.document.document import Document
from accordant.engine.host.engine import Engine
from accordant.patterns.corpus import Corpus
from accordant.patterns.corpus.settings import CorpusSettings
from accordant.patterns.cron import NIGHTLY, Cron
from accordant.types.errors import Invalid, NoAuthority, StoreError
from accordant.types.namespaces import DocumentKey
from accordant.types.pattern_limits import COLLAPSE_RETRY_S, COLLAPSE_ROUNDS_MAX
from accordant.types.regions import Kind

__all__ = ["by_schedule", "collapse"]

T = TypeVar("T")
_TEXT_CHARS = 70


@dataclass(frozen=True, slots=True)
class _How:
    """Where and how to collapse."""

    source: str
    document: str | None
    region: str
    dry_run: bool
    everything: bool
    stale_days: float
    settings: CorpusSettings
    agent: str
    token: str | None


@dataclass(slots=True)
class _Outcome:
    """What was done, with the texts that a reader wants to see. `redirected`: (younger, older, what the younger says)."""

    document: str
    region: str
    dry_run: bool
    redirected: list[tuple[str, str, str]] = field(default_factory=list)
    apart: list[tuple[str, str, str]] = field(default_factory=list)
    stale: list[tuple[str, int, str]] = field(default_factory=list)
    is_complete: bool = True

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "document": self.document,
            "region": self.region,
            "dry_run": self.dry_run,
            "redirected": [{"ref": ref, "to": to, "text": text} for ref, to, text in self.redirected],
            "apart": [{"refs": [one, other], "why": why} for one, other, why in self.apart],
            "stale": [{"ref": ref, "last_at": last_at, "text": text} for ref, last_at, text in self.stale],
            "complete": self.is_complete,
        }


def collapse(
    source: Annotated[
        str, typer.Argument(metavar="SOURCE", help="A document's URL on a server, a store file, or its folder.")
    ],
    document: Annotated[
        str | None,
        typer.Argument(metavar="DOCUMENT", help="<namespace>/<document>; may be left out when there is one."),
    ] = None,
    region: Annotated[str, typer.Option(help="The corpus.")] = REGION,
    schedule: Annotated[bool, typer.Option("--schedule", help="Stay, and do it when --at says so.")] = False,
    at: Annotated[
        str | None,
        typer.Option(metavar="CRON", show_default=NIGHTLY, help="When, in UTC: minute hour day month weekday."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go where, and change nothing.")] = False,
    everything: Annotated[
        bool, typer.Option("--everything", help="Compare also entries that were compared when they landed.")
    ] = False,
    stale_days: Annotated[
        float, typer.Option(min=0, help="Name the entries that nobody has used for so many days.")
    ] = 90.0,
    threshold: Annotated[float, typer.Option(min=0.01, max=1, help="The corpus' own threshold.")] = 0.94,
    agent: Annotated[str, typer.Option(help="In whose name.")] = CURATOR,
    token: Annotated[
        str | None, typer.Option(envvar="ACCORDANT_TOKEN", help="For a server that wants one: with the role curator.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Put entries that say the same under the oldest of them, and name those that nobody uses.

    Refs lead on, counts add up, what anything holds apart stays two; again, it does nothing. Nothing is deleted. On a server
    with tokens it needs one with the role `curator`; a store file must not be in use. With --schedule it stays, tries again
    while the server is away, and writes an outcome each time. Ends with 5 where it may not.

    Examples:

    accordant collapse ws://127.0.0.1:8765/sync/acme/role/backend/hive --dry-run

    accordant collapse ws://127.0.0.1:8765/sync/acme/role/backend/hive --schedule --at '0 2 * * *'

    accordant collapse state.db acme/role/backend/hive --stale-days 30
    """
    how = _How(
        source, document, region, dry_run, everything, stale_days, CorpusSettings(threshold=threshold), agent, token
    )
    is_json = wants_json(as_json)
    if not schedule:
        if at is not None:
            raise Invalid("--at says when, but not to stay", code="usage", hint="add --schedule")
        _once(how, is_json)
        return
    asyncio.run(_until_interrupted(how, Cron.parse(at or NIGHTLY), is_json))


def _once(how: _How, is_json: bool) -> None:
    try:
        _show(asyncio.run(_collapsed(how)), is_json)
    except NoAuthority as held:
        if is_url(how.source):
            raise
        console(stderr=True).print(plain(f"error: {held.message}", "bold red"), soft_wrap=True)
        console(stderr=True).print("next: collapse on its server: accordant collapse ws://HOST:PORT/sync/<document>")
        raise typer.Exit(Exit.REFUSED) from None


async def _until_interrupted(how: _How, cron: Cron, is_json: bool) -> None:
    task = asyncio.current_task()
    assert task is not None
    for one in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(one, task.cancel)
    with suppress(asyncio.CancelledError):
        await by_schedule(lambda: _collapsed(how), cron, lambda outcome: _show(outcome, is_json))


async def by_schedule(
    act: Callable[[], Awaitable[T]],
    cron: Cron,
    tell: Callable[[T], None],
    clock: Callable[[], float] = time.time,
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> None:
    """Act whenever it is due, again and again while the server or the store is away. Ends with what waiting does not mend."""
    said = console(stderr=True)
    async for due in cron.moments(clock, sleep):
        while True:
            try:
                tell(await act())
                break
            except (NoAuthority, StoreError) as away:
                said.print(plain(f"due {moment(int(due * 1000))}: {away.message}; trying again"), soft_wrap=True)
                await sleep(COLLAPSE_RETRY_S)


# -- one collapse ---------------------------------------------------------------------------------------------------


async def _collapsed(how: _How) -> _Outcome:
    async with _opened(how) as handle:
        known = handle.schema.region(how.region)
        if known is None or known.kind is not Kind.LOG or handle.schema.region(f"{how.region}_tally") is None:
            raise Invalid(
                f"{handle.key} has no corpus {how.region!r}",
                code="unknown_region",
                hint="name it: --region NAME",
            )
        corpus = Corpus(handle, how.region, how.settings)
        outcome = _Outcome(handle.key.path, how.region, how.dry_run)
        texts = {str(one.ref): one.text for one in await corpus.entries()}
        for _ in range(COLLAPSE_ROUNDS_MAX):
            done = await corpus.collapse(everything=how.everything, dry_run=how.dry_run)
            outcome.redirected += [(str(a), str(b), texts.get(str(a), "")) for a, b in done.redirected.items()]
            outcome.apart = [(str(a), str(b), why) for a, b, why in done.apart]
            outcome.is_complete = done.is_complete
            if done.is_complete or how.dry_run:
                break
        unused = await corpus.stale(how.stale_days)
        outcome.stale = [(str(one.ref), one.counts.last_at, one.text) for one in unused]
        return outcome


@asynccontextmanager
async def _opened(how: _How) -> AsyncIterator[Document]:
    if is_url(how.source):
        roles = () if how.token else (CURATOR,)  # with tokens the roles are the token's
        handle = await open_document(
            how.source, how.document, how.token, agent=how.agent, read_only=how.dry_run, roles=roles
        )
        async with handle:
            yield handle
        return
    path = store_path(how.source)
    async with reading(how.source) as store:
        key = DocumentKey.parse((await choose(store, how.document)).key)
    async with Engine(path) as engine:
        yield await engine.open(None, key.namespace, key.name, agent=how.agent, roles=(CURATOR,), read_only=how.dry_run)


# -- showing --------------------------------------------------------------------------------------------------------


def _show(outcome: _Outcome, is_json: bool) -> None:
    if is_json:
        print_json(outcome.to_json())
        return
    verb = "would lead" if outcome.dry_run else "lead"
    parts: list[Any] = [
        Text.assemble(
            plain(f"{outcome.document}#{outcome.region}", "bold"),
            f": {len(outcome.redirected)} {verb} to an older one, {len(outcome.apart)} near pairs stay two, "
            f"{len(outcome.stale)} unused",
            "" if outcome.is_complete else "; there is more: run it again",
        )
    ]
    if outcome.redirected:
        parts.append(_table(("says the same", "as", "text"), outcome.redirected))
    if outcome.stale:
        rows = [(ref, moment(last_at)[:10], text) for ref, last_at, text in outcome.stale]
        parts.append(_table(("unused", "since", "text"), rows))
    console().print(Group(*parts))


def _table(names: tuple[str, str, str], rows: list[tuple[str, str, str]]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for name in names:
        table.add_column(name, overflow="fold")
    for one, other, text in rows:
        table.add_row(plain(one), plain(other), plain(shortened(text, _TEXT_CHARS)))
    return table
