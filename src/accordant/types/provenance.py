"""What was made from what: which refs an entry brought, what it was derived from, and whether a reading held a given ref. Pure.

A basis is a path and a version: a region or a guarded path as it was read, a ref (`findings@10.0`) by itself, or `*`, the
whole document at that version. `expect=` is no basis: it says what is replaced, not what the new value was made from. A
compaction and a rewriting of a text are made from what they had read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from accordant.types.entries import Entry, EntryKind, OpRecord
from accordant.types.memory_limits import REFS_PER_ENTRY_NAMED_MAX
from accordant.types.refs import Ref
from accordant.types.regions import TAKING_BACK

__all__ = ["WHOLE", "Evidence", "Mark", "Retraction", "bases", "brought", "covers", "outputs", "region_of"]

WHOLE = "*"
"""The path of a basis that is the whole document."""

_MADE_FROM_READ = frozenset({"compact", "rethink"})
_BRINGS_ITEMS = frozenset({"append", "compact", "add"})
_BRINGS_NOTHING = TAKING_BACK | {"delete", "discard", "suspect", "renew", "release"}


@dataclass(frozen=True, slots=True)
class Mark:
    """What became of something written: `retracted`, `superseded`, or `suspect` because it was made from `because`.

    `version` is the entry that said so. `because`: for what was retracted or superseded itself, its replacement, if there is one.
    """

    status: str
    because: str | None
    version: int


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the log up to `upto` knows of a ref that is to be taken back, gathered before it is judged.

    `author`: None when the log has no such ref. `until`: by ref, the version at which it ceased to hold. `suspects`: what was
    made from it, however far: (ref, the ref that it was made from). `readers`: agents by ref, the ref itself and the suspects.
    """

    ref: Ref
    upto: int
    author: str | None = None
    until: Mapping[str, int | None] = field(default_factory=dict)
    suspects: tuple[tuple[str, str], ...] = ()
    readers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    is_truncated: bool = False


@dataclass(frozen=True, slots=True)
class Retraction:
    """Something was taken back, or superseded, at `version`. `replacement`: what stands in its place. `suspects`: what had been
    made from it, however far. `readers`: who had read it, and each of those; they are told (`Invalidated`). `is_complete`:
    False when there were too many to name.
    """

    version: int
    ref: Ref
    replacement: Ref | None = None
    suspects: tuple[Ref, ...] = ()
    readers: Mapping[Ref, tuple[str, ...]] = field(default_factory=dict)
    is_complete: bool = True


def region_of(path: str) -> str:
    """The region of a basis' path: of `findings@10.0`, `findings`; of `tasks/7`, `tasks`."""
    region = path.partition("/")[0]
    name, at, place = region.rpartition("@")
    return name if at and name and place.replace(".", "", 1).isdigit() else region


def bases(entry: Entry) -> tuple[tuple[str, int], ...]:
    """All that an entry was made from."""
    read = tuple((op.path, op.read) for op in entry.ops if op.op in _MADE_FROM_READ and op.read is not None)
    return entry.derived_from + read if read else entry.derived_from


def covers(target: Ref, until: int | None, path: str, version: int) -> bool:
    """Whether a reading of `path` at `version` held the target, which was in effect until (not including) `until`."""
    if path == WHOLE or path == target.region != target.path:
        return target.version <= version and (until is None or version < until)
    if _is_ref(path, version):
        return path == target or path == f"{target.path}@{target.version}" or path.startswith(f"{target}.")
    if path != target.path:
        return False
    if target.key is None:  # a region: what it holds stays until something takes it away
        return target.version <= version and (until is None or version < until)
    return target.version == version


def outputs(entry: Entry) -> tuple[Ref, ...]:
    """The refs that an entry brought. Of many items in one region, one ref stands for all: the one without a number."""
    if entry.kind not in (EntryKind.WRITE, EntryKind.RETRACTION):
        return ()
    made: dict[str, int] = {}
    refs: list[Ref] = []
    for op in entry.ops:
        if op.op in _BRINGS_ITEMS and _count(op):
            made[op.region] = made.get(op.region, 0) + _count(op)
        elif op.op not in _BRINGS_NOTHING:
            refs.append(Ref(f"{op.path}@{entry.offset}"))
    for region, count in made.items():
        if count > REFS_PER_ENTRY_NAMED_MAX:
            refs.append(Ref(f"{region}@{entry.offset}"))
        else:
            refs.extend(Ref(f"{region}@{entry.offset}.{n}") for n in range(count))
    return tuple(dict.fromkeys(refs))


def brought(entry: Entry, ref: Ref) -> bool:
    """Whether the entry brought what the ref names."""
    if entry.offset != ref.version or entry.kind not in (EntryKind.WRITE, EntryKind.RETRACTION):
        return False
    mine = [op for op in entry.ops if op.path == ref.path and op.op not in _BRINGS_NOTHING]
    return bool(mine) if ref.n is None else ref.n < sum(map(_count, mine))


def _count(op: OpRecord) -> int:
    """How many items an operation brought; a text's characters are none."""
    detail = op.detail or {}
    count = detail.get("count", 0)
    return count if isinstance(count, int) and op.op in _BRINGS_ITEMS and "chars" not in detail else 0


def _is_ref(path: str, version: int) -> bool:
    name, _, place = path.rpartition("@")
    return bool(name) and place.partition(".")[0] == str(version)
