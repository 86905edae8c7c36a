"""What the audit says of the work done: which fields are hot and how much of it landed, claims that nobody let go, changes of the
authority, how far back the hash chain is whole, and patterns that a simpler one would do for. Pure: entries in, findings out."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from accordant.cli.output import moment, plain
from accordant.types.entries import GENESIS, Entry, EntryKind, content_hash, header_json
from accordant.types.regions import Kind, RegionSpec

__all__ = ["DELETABLE", "Chain", "Claimed", "HotField", "NewDenials", "Work", "simpler_patterns", "work_of"]

HOT_SHOWN_MAX = 5
HOT_NAMED_MAX = 50
"""Fields that JSON names; the others are in the share of all."""
ONE_PROPOSER_SHARE = 0.95
PATTERN_WRITES_MIN = 20
"""Fewer say nothing about how a pattern is used."""
_CONTENDED = frozenset({"conflict", "stale", "fenced"})
_REWRITES = frozenset({"replace", "rethink", "compact", "delete"})

DELETABLE: Mapping[Kind, str] = {
    Kind.GUARDED: "its update() loops and what handles Conflict",
    Kind.GUARDED_MAP: "its claims, update() loops and what handles Conflict",
    Kind.TEXT: "what reads again before replace() and what handles Conflict",
    Kind.LOG: "what orders or de-duplicates the appends of several",
    Kind.UNION_SET: "what re-adds after a concurrent discard: a Guarded list would do",
    Kind.COUNTER: "the counter: a Guarded number would do",
    Kind.MAP: "the reasons for letting the last writer win: there is only one",
    Kind.XML: "what merges edits of several editors",
}
"""What a region with one writer no longer needs, by kind."""


class NewDenials:
    """A denial's entry carries how often it has happened by then; only the difference is new."""

    def __init__(self) -> None:
        self._times: dict[tuple[str, str, str], int] = {}

    def of(self, entry: Entry) -> int:
        """How many denials this entry tells of that no entry before it told of."""
        key = (entry.session, entry.ops[0].path, str(entry.info.get("code")))
        times, before = int(entry.info.get("times", 1)), self._times.get(key, 0)
        self._times[key] = times
        return times - before if times > before else times


@dataclass(frozen=True, slots=True)
class HotField:
    """A path that is committed to with an expectation: how many landed, how many lost."""

    path: str
    landed: int
    lost: int

    @property
    def useful(self) -> float:
        """The share of commits that landed."""
        return self.landed / (self.landed + self.lost)

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {"path": self.path, "landed": self.landed, "lost": self.lost, "useful": round(self.useful, 3)}


@dataclass(frozen=True, slots=True)
class Claimed:
    """A claim that was never released. `until`: when it ran out (ms); `has_left`: its session ended before."""

    path: str
    agent: str
    version: int
    until: int
    has_left: bool

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "path": self.path,
            "agent": self.agent,
            "version": self.version,
            "until": moment(self.until),
            "session_ended": self.has_left,
        }


@dataclass(frozen=True, slots=True)
class Chain:
    """`whole_from`: back to which version every entry has the hash it should have, None where nothing could be told. `broken`:
    the newest version whose hash is wrong."""

    whole_from: int | None
    broken: int | None = None


@dataclass(frozen=True, slots=True)
class Work:
    """`hot`: fields that were tried more than once, most tried first; `landed` and `lost` are of all fields. `authorities`: how
    often an authority took over. `since`, `until`: the window (ms)."""

    hot: tuple[HotField, ...]
    landed: int
    lost: int
    claims: tuple[Claimed, ...]
    authorities: int
    chain: Chain
    since: int | None
    until: int | None
    incarnation: str = ""

    @property
    def useful(self) -> float | None:
        """Of all commits with an expectation, the share that landed."""
        return self.landed / (self.landed + self.lost) if self.landed + self.lost else None

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "useful": None if self.useful is None else round(self.useful, 3),
            "hot": [one.to_json() for one in self.hot[:HOT_NAMED_MAX]],
            "claims_never_released": [one.to_json() for one in self.claims],
            "authorities": self.authorities,
            "incarnation": self.incarnation,
            "chain": {"whole_from": self.chain.whole_from, "broken": self.chain.broken},
            "window": {
                "since": None if self.since is None else moment(self.since),
                "until": None if self.until is None else moment(self.until),
            },
        }

    def hints(self) -> Iterator[str]:
        """What to do about it."""
        if self.chain.broken is not None:
            yield f"the entry at version {self.chain.broken} is not what was written; run accordant verify"
        for one in self.claims:
            how = "its session ended" if one.has_left else "it ran out"
            yield f"{one.path}: claimed by {one.agent} in v{one.version} and never released ({how}); renew() or release() it"

    def shown(self) -> Group:
        """For people."""
        lines: list[Any] = []
        if self.hot:
            table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 2, 0, 0))
            table.add_column("field", overflow="fold")
            for name in ("landed", "lost", "useful"):
                table.add_column(name, justify="right", no_wrap=True)
            for one in self.hot[:HOT_SHOWN_MAX]:
                table.add_row(plain(one.path, "bold"), f"{one.landed:,}", f"{one.lost:,}", f"{one.useful:.0%}")
            share = f"  {self.useful:.0%} of the commits landed" if self.useful is not None else ""
            lines += [Text("\nHot fields", style="bold").append(share, style="not bold dim"), table]
        epochs = "1 authority" if self.authorities == 1 else f"{self.authorities} authorities"
        whole = "no entry" if self.chain.whole_from is None else f"whole back to version {self.chain.whole_from:,}"
        chain = f"BROKEN at version {self.chain.broken:,}" if self.chain.broken is not None else whole
        lines.append(Text("  ") + plain(f"{epochs} in this window, hash chain {chain}", "dim"))
        return Group(*lines)


def work_of(
    entries: Sequence[Entry], head_hash: bytes = b"", *, now_ms: int | None = None, incarnation: str = ""
) -> Work:
    """What these entries, oldest first up to the head, say of the work done. `now_ms`: None counts no claim as run out."""
    landed, lost, denials = Counter[str](), Counter[str](), NewDenials()
    for entry in entries:
        if entry.kind is EntryKind.WRITE:
            landed.update(op.path for op in entry.ops if op.read is not None and op.op in ("commit", "delete"))
        elif entry.kind is EntryKind.DENIAL and entry.ops and entry.outcome in _CONTENDED:
            lost[entry.ops[0].path] += denials.of(entry)
    tried = [HotField(path, landed[path], lost[path]) for path in landed.keys() | lost.keys()]
    hot = [one for one in tried if one.landed + one.lost > 1]
    return Work(
        tuple(sorted(hot, key=lambda one: (-one.landed - one.lost, one.path))),
        landed.total(),
        lost.total(),
        tuple(_never_released(entries, now_ms)),
        sum(entry.kind is EntryKind.EPOCH for entry in entries),
        _chain(entries, head_hash),
        entries[0].at if entries else None,
        entries[-1].at if entries else None,
        incarnation,
    )


def _never_released(entries: Iterable[Entry], now_ms: int | None) -> Iterator[Claimed]:
    held: dict[str, tuple[str, int, int, int]] = {}
    left: set[int] = set()
    for entry in entries:
        if entry.kind is EntryKind.LEAVE:
            left.add(entry.generation)
        for op in entry.ops if entry.kind is EntryKind.WRITE else ():
            if op.detail is None or "is_set" not in op.detail:
                continue
            claim = op.detail.get("claim")
            if claim:
                agent, generation, until, fence = claim
                held[op.path] = (str(agent), int(generation), int(until), entry.offset if fence is None else int(fence))
            else:
                held.pop(op.path, None)
    for path, (agent, generation, until, version) in sorted(held.items()):
        if now_ms is not None and until < now_ms:
            yield Claimed(path, agent, version, until, generation in left)


def _chain(entries: Sequence[Entry], head_hash: bytes) -> Chain:
    """From the newest back, as far as the entries are at hand: of a compacted one its header alone cannot be told."""
    expected, whole_from = head_hash, None
    for n in range(len(entries) - 1, -1, -1):
        entry, before = entries[n], entries[n - 1] if n else None
        if expected and entry.hash != expected:
            return Chain(whole_from, entry.offset)
        if before is None and entry.offset > 1:
            break
        previous = GENESIS if before is None else before.hash
        found = content_hash(previous, entry.offset, header_json(entry), entry.update)
        if found != entry.hash:
            return Chain(whole_from, entry.offset if entry.update is not None else None)
        whole_from, expected = entry.offset, previous
    return Chain(whole_from)


def simpler_patterns(specs: Mapping[str, RegionSpec], entries: Iterable[Entry]) -> Iterator[str]:
    """Patterns that are used as a simpler one would be, as sentences."""
    writers: dict[str, Counter[str]] = defaultdict(Counter)
    ops: dict[str, Counter[str]] = defaultdict(Counter)
    outcomes: dict[str, Counter[str]] = defaultdict(Counter)
    for entry in entries:
        for op in entry.ops if entry.kind is EntryKind.WRITE else ():
            writers[op.region][entry.actor] += 1
            ops[op.region][op.op] += 1
            value = (op.detail or {}).get("value")
            if op.op == "commit" and isinstance(value, dict):
                outcomes[op.region][str(value.get("outcome"))] += 1
    for name in specs:
        if f"{name}_proposals" in specs and f"{name}_decisions" in specs:
            yield from _of_channel(name, writers[f"{name}_proposals"], outcomes[f"{name}_decisions"])
        elif f"{name}_lease" in specs and specs[name].kind is Kind.TEXT:
            used = ops[name]
            if used.total() >= PATTERN_WRITES_MIN and not used.keys() & _REWRITES:
                text = f"{used.total()} writes and nobody has replaced or rewritten anything"
                yield f'{name}: {text}; a Text with region(allow={{"*": ["insert"]}}) would do, without a lease'


def _of_channel(name: str, proposers: Counter[str], outcomes: Counter[str]) -> Iterator[str]:
    decided = outcomes.total()
    if decided >= PATTERN_WRITES_MIN and outcomes["accepted"] == decided:
        yield f"{name}: all {decided} proposals were accepted; a Log that its workers append to would do, without a supervisor"
    if proposers.total() >= PATTERN_WRITES_MIN:
        who, most = proposers.most_common(1)[0]
        if most / proposers.total() >= ONE_PROPOSER_SHARE:
            share = f"{most / proposers.total():.0%} of the proposals are by {who}"
            yield f'{name}: {share}; a Log with region(writers="{who}") would do, without a queue'
