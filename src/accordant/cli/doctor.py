"""`accordant doctor`: when a write lands, does anything check which version its writer had read? Answered per region.

Twice: from the schema as the log records it (what would happen), and from the audit (what did). `examine` is pure: entries
in, a diagnosis out; the rest shows it.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from accordant.cli.doctor_store import Occupancy, occupancy
from accordant.cli.doctor_work import DELETABLE, NewDenials, Work, simpler_patterns, work_of
from accordant.cli.output import AsJson, add_names, console, plain, print_json, wants_json
from accordant.cli.source import DocumentName, StoreFile, choose, latest_entries, reading
from accordant.engine.stores.contract import AuditQuery
from accordant.types.entries import Auth, Entry, EntryKind
from accordant.types.limits import DOCTOR_ENTRIES
from accordant.types.regions import Kind, RegionSpec, Schema

__all__ = ["Diagnosis", "RegionDiagnosis", "doctor", "examine"]

QUESTION = "When a write lands, does anything check which version its writer had read?"
ONE_WRITER_SHARE = 0.95
ONE_WRITER_WRITES_MIN = 20
"""Fewer writes say nothing about who writes here."""
CONTENDED_SHARE = 0.3
SCHEMAS_MAX = 10_000
PATHS_SHOWN_MAX = 5
_SHARED = ("version", "before", "actor")


@dataclass(slots=True)
class RegionDiagnosis:
    """One region: what its kind promises, and what the audit shows. `n_checked`: writes that named the version read.
    `shared_since`: (version, its only writer before, its second writer)."""

    name: str
    kind: Kind | None
    lww: str | None = None
    n_writes: int = 0
    n_checked: int = 0
    n_denied: int = 0
    n_conflicts: int = 0
    writers: Counter[str] = field(default_factory=Counter)
    beaten: Counter[tuple[str, str]] = field(default_factory=Counter)
    overwritten_paths: set[str] = field(default_factory=set)
    writers_declared: tuple[str, ...] = ()
    shared_since: tuple[int, str, str] | None = None

    @property
    def doctrine(self) -> str:
        """How concurrent writes meet, in a few words."""
        if self.kind is None:
            return "merge (not declared)"
        if self.kind.is_guarded:
            return "compare-and-swap"
        if self.kind is Kind.MAP:
            return f"LAST WRITER WINS by choice: {self.lww}" if self.lww else "LAST WRITER WINS: nobody chose it"
        return {
            Kind.LOG: "merge: append only",
            Kind.UNION_SET: "merge: add wins",
            Kind.COUNTER: "merge: sums",
        }.get(self.kind, "merge: by character")

    @property
    def checked(self) -> str:
        """The answer to the question: `yes`, `no`, or `merges` where nothing can be overwritten."""
        if self.kind is Kind.MAP:
            return "no"
        if self.kind is not None and self.kind.is_guarded:
            return "yes" if self.n_checked == self.n_writes else "no"
        return "merges"

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "region": self.name,
            "kind": None if self.kind is None else self.kind.value,
            "doctrine": self.doctrine,
            "checked": self.checked,
            "writes": self.n_writes,
            "writes_that_named_the_version_read": self.n_checked,
            "denied": self.n_denied,
            "conflicts": self.n_conflicts,
            "writers": dict(self.writers.most_common()),
            "shares": {name: round(n / self.n_writes, 3) for name, n in self.writers.most_common()},
            "writers_declared": list(self.writers_declared),
            "beaten": [
                {"loser": loser, "winner": winner, "times": n} for (loser, winner), n in self.beaten.most_common()
            ],
            "last_writer_wins_paths": sorted(self.overwritten_paths),
            "shared_since": None if self.shared_since is None else dict(zip(_SHARED, self.shared_since, strict=True)),
        }


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """A document's regions in the order of its schema, and what should be changed. `entries`: how many were looked at, what they
    say of the `work` done."""

    document: str
    entries: int
    head: int
    regions: tuple[RegionDiagnosis, ...]
    hints: tuple[str, ...]
    work: Work | None = None

    @property
    def answer(self) -> str:
        """`yes` when no region can lose an update silently, else `no`."""
        return "no" if any(region.checked == "no" for region in self.regions) else "yes"

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "document": self.document,
            "question": QUESTION,
            "answer": self.answer,
            "entries": self.entries,
            "head": self.head,
            "regions": [region.to_json() for region in self.regions],
            "last_writer_wins": sorted(
                path
                for region in self.regions
                for path in (region.overwritten_paths or {region.name})
                if region.kind is Kind.MAP
            ),
            "hints": list(self.hints),
            "work": None if self.work is None else self.work.to_json(),
        }


def doctor(
    store: StoreFile,
    document: DocumentName = None,
    last: Annotated[int, typer.Option(min=1, help="Look back over so many entries of the log.")] = DOCTOR_ENTRIES,
    keep_days: Annotated[float, typer.Option(min=0, help="Say what a retention of so many days would free.")] = 30.0,
    as_json: AsJson = False,
) -> None:
    """Does anything check which version a writer had read? Per region, from the schema and from the audit.

    Lists every path where the last writer wins, who writes what, who was denied, and what to change or could be deleted; hot
    fields and how much of the work landed, claims that nobody released, how far back the chain is whole; then what the document
    takes up in its store, how fast it grows, what a retention would free, and which versions are pinned. Reads only: the
    store may be in use.

    Examples:

    accordant doctor state.db

    accordant doctor state.db acme/task/q3/brief --json
    """
    diagnosis, occupied = asyncio.run(_examined(store, document, last, keep_days))
    if wants_json(as_json):
        print_json(diagnosis.to_json() | {"store": occupied.to_json()})
    else:
        console().print(_shown(diagnosis), occupied.shown())


async def _examined(source: str, document: str | None, last: int, keep_days: float) -> tuple[Diagnosis, Occupancy]:
    async with reading(source) as store:
        info = await choose(store, document)
        query = AuditQuery(info.key, kind=EntryKind.SCHEMA, limit=SCHEMAS_MAX, oldest_first=True)
        schemas = await store.audit(query)
        entries = [entry async for entry in latest_entries(store, info, last)]
        work = work_of(entries, info.head_hash, now_ms=int(time.time() * 1000), incarnation=info.incarnation)
        return examine(info.key, info.head, schemas, entries, work), await occupancy(store, info, keep_days)


def examine(
    document: str, head: int, schemas: Iterable[Entry], entries: Sequence[Entry], work: Work | None = None
) -> Diagnosis:
    """The diagnosis of a document by its declarations and its latest entries, both oldest first. Pure."""
    regions: dict[str, RegionDiagnosis] = {}
    specs: dict[str, RegionSpec] = {}
    for declared in schemas:
        for name, spec in Schema.from_description(declared.info["schema"]).regions.items():
            regions[name], specs[name] = _declared(name, spec), spec
    count = _Count(regions)
    for entry in entries:
        count.add(entry)
    found = tuple(regions.values())
    hints = [*_hints(found, entries), *simpler_patterns(specs, entries), *(work.hints() if work else ())]
    return Diagnosis(document, len(entries), head, found, tuple(hints), work)


def _declared(name: str, spec: RegionSpec) -> RegionDiagnosis:
    return RegionDiagnosis(name, spec.kind, spec.rules.lww, writers_declared=tuple(sorted(spec.rules.writers or ())))


class _Count:
    """Walks the entries once."""

    def __init__(self, regions: dict[str, RegionDiagnosis]) -> None:
        self._regions = regions
        self._denials = NewDenials()

    def add(self, entry: Entry) -> None:
        """Count one entry."""
        for name, before in entry.info.get("second_writer", {}).items():
            self._region(name).shared_since = (entry.offset, str(before), entry.actor)
        if entry.kind is EntryKind.WRITE:
            for op in entry.ops:
                region = self._region(op.region)
                if region.kind is None and op.op == "set":
                    region.kind = Kind.MAP  # a plain Yjs map in a document without a schema
                region.n_writes += 1
                region.n_checked += op.read is not None
                region.writers[entry.actor] += 1
                if region.kind is Kind.MAP:
                    region.overwritten_paths.add(op.path)
        elif entry.kind in (EntryKind.DENIAL, EntryKind.REFUSAL) and entry.ops and entry.ops[0].region != "*":
            self._add_denial(entry)

    def _add_denial(self, entry: Entry) -> None:
        region = self._region(entry.ops[0].region)
        new = self._denials.of(entry)
        region.n_denied += new
        if entry.outcome == "conflict":
            region.n_conflicts += new
        winner = entry.info.get("beaten_by")
        if isinstance(winner, dict) and winner.get("actor"):
            region.beaten[entry.actor, str(winner["actor"])] += new

    def _region(self, name: str) -> RegionDiagnosis:
        return self._regions.setdefault(name, RegionDiagnosis(name, None))


def _hints(regions: Sequence[RegionDiagnosis], entries: Sequence[Entry]) -> Iterable[str]:
    for region in regions:
        yield from _region_hints(region)
    if regions and all(region.kind is None for region in regions):
        yield "no region is declared, so nothing is guarded: open the document with a Document subclass"
    joined = [entry for entry in entries if entry.kind is EntryKind.JOIN]
    if joined and all(entry.auth is Auth.ASSERTED for entry in joined):
        yield "every writer's name is only asserted: fine in one process, use tokens where others can connect"


def _region_hints(region: RegionDiagnosis) -> Iterable[str]:
    writers = region.writers
    if region.kind is Kind.MAP and len(writers) > 1:
        yield f"{region.name}: {len(writers)} agents overwrite each other here unseen; GuardedMap would deny the stale one"
    if region.kind is not None and region.kind.is_guarded and region.n_checked < region.n_writes:
        yield f"{region.name}: {region.n_writes - region.n_checked} writes landed without a version read; run accordant verify"
    if region.n_writes >= ONE_WRITER_WRITES_MIN and not region.writers_declared:
        name, most = writers.most_common(1)[0]
        others = sum(times for (loser, _), times in region.beaten.items() if loser != name)  # they try, and always lose
        if most / (region.n_writes + others) >= ONE_WRITER_SHARE:
            share = f"{most / region.n_writes:.0%}"
            text = f'{share} of the writes are by {name}; region(writers="{name}") would hold that, and is simpler'
            deletable = "" if region.kind is None else f"; could be deleted: {DELETABLE[region.kind]}"
            yield f"{region.name}: {text}{deletable}"
    tried = region.n_writes + region.n_conflicts
    if tried >= ONE_WRITER_WRITES_MIN and region.n_conflicts / tried >= CONTENDED_SHARE:
        lost = f"{region.n_conflicts} of {tried} commits lost a race"
        yield f"{region.name}: {lost}; split it into a GuardedMap, or claim() a key first"


# -- for people -----------------------------------------------------------------------------------------------


def _shown(diagnosis: Diagnosis) -> Group:
    looked = f"{diagnosis.entries:,} of {diagnosis.head:,} entries looked at"
    parts: list[Any] = [plain(diagnosis.document, "bold") + Text(f"  {looked}", style="not bold dim"), Text(QUESTION)]
    parts += [_answer(diagnosis), _table(diagnosis.regions)]
    for region in diagnosis.regions:
        if region.kind is Kind.MAP:
            parts.append(_last_writer_wins(region))
        for (loser, winner), times in region.beaten.most_common(3):
            parts.append(Text("  ") + plain(f"{loser} was beaten by {winner} on {region.name}, {_times(times)}"))
    shared = [(region.name, *region.shared_since) for region in diagnosis.regions if region.shared_since]
    for name, version, before, actor in sorted(shared, key=lambda one: one[1]):
        parts.append(
            Text("  ") + plain(f"{name} had one writer, {before}, until {actor} wrote it in v{version}", "dim")
        )
    if diagnosis.work is not None:
        parts.append(diagnosis.work.shown())
    if diagnosis.hints:
        hints = Table.grid(padding=(0, 1, 0, 0))
        for hint in diagnosis.hints:
            hints.add_row(Text("  •"), plain(hint))
        parts += [Text("\nWhat to change", style="bold"), hints]
    return Group(*parts)


def _last_writer_wins(region: RegionDiagnosis) -> Text:
    paths = sorted(region.overwritten_paths)
    named = ", ".join(paths[:PATHS_SHOWN_MAX]) + (
        f" and {len(paths) - PATHS_SHOWN_MAX} more" if len(paths) > PATHS_SHOWN_MAX else ""
    )
    return Text("  ") + plain(f"{region.doctrine} ({named or region.name})", "yellow")


def _answer(diagnosis: Diagnosis) -> Text:
    kinds = Counter(region.checked for region in diagnosis.regions)
    if not diagnosis.regions:
        return Text("  nothing has been declared or written yet", style="dim")
    said = [f"{kinds['yes']} checked", f"{kinds['merges']} merge, so nothing can be overwritten"]
    if not kinds["no"]:
        return Text("  Yes", style="bold green").append(f": {', '.join(said)}.", style="not bold default")
    paths = ", ".join(region.name for region in diagnosis.regions if region.checked == "no")
    return Text("  Not everywhere", style="bold yellow") + plain(
        f": {', '.join(said)}; not checked: {paths}.", "not bold default"
    )


def _table(regions: Sequence[RegionDiagnosis]) -> Table:
    shown = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    add_names(shown, "region", (region.name for region in regions))
    shown.add_column("kind", no_wrap=True)
    shown.add_column("doctrine", no_wrap=True)
    shown.add_column("checked?", no_wrap=True)
    shown.add_column("denied", justify="right", no_wrap=True)
    shown.add_column("writes, by whom", overflow="fold")
    styles = {"yes": "bold green", "no": "bold yellow", "merges": "green"}
    for region in regions:
        shown.add_row(
            plain(region.name, "bold"),
            "?" if region.kind is None else region.kind.value,
            plain(
                region.doctrine.partition(":")[0].removesuffix(" by choice"),
                "yellow" if region.kind is Kind.MAP else "",
            ),
            Text(region.checked, style=styles[region.checked]),
            f"{region.n_denied:,}" if region.n_denied else "",
            _writers(region),
        )
    return shown


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _writers(region: RegionDiagnosis) -> Text:
    named = [f"{name} {n:,}" for name, n in region.writers.most_common(3)]
    more = len(region.writers) - len(named)
    by = ": " + ", ".join(named) if len(named) > 1 else f": {next(iter(region.writers))}" if named else ""
    return plain(f"{region.n_writes:,}{by}" + (f" and {more} more" if more > 0 else ""))
