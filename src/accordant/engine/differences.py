"""How two versions of a document differ, region by region, from their outlines; with who is responsible where they say it. Pure.

Texts differ by lines, and changed lines by characters; logs and sets by items; maps and guarded fields by key; counters by how
much. A line's responsible versions are those after the older version that brought characters of it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from difflib import SequenceMatcher
from typing import Any

from accordant.types.memory_limits import DIFF_LINES_MAX, DIFF_PIECES_MAX
from accordant.types.past import Change, Piece, Writer
from accordant.types.regions import Kind
from accordant.types.values import canonical_json

__all__ = ["compare"]

LINE_CHARS_COMPARED_MAX = 2_000
"""A longer line, or a paragraph on one line, is compared from its first to its last difference."""

Outline = Mapping[str, Any]
Spans = tuple[tuple[int, int, int, int], ...]


def compare(old: Outline, new: Outline) -> list[Change]:
    """The changes from one outline to another, in the order of the regions' names."""
    since = old["version"]
    changes = [
        _region(name, old["regions"].get(name), new["regions"].get(name), since)
        for name in sorted({*old["regions"], *new["regions"]})
    ]
    changes += _fields(old["fields"], new["fields"], since)
    return sorted((one for one in changes if one is not None), key=lambda one: one.region)


def _region(name: str, old: Outline | None, new: Outline | None, since: int) -> Change | None:
    shown = new or old
    assert shown is not None
    kind = shown["kind"]
    old_value, new_value = None if old is None else old["value"], None if new is None else new["value"]
    if canonical_json(old_value) == canonical_json(new_value):
        return None
    by = [] if new is None else _writers([(new["version"], new["by"])], since)
    delta = None
    if kind == Kind.TEXT:
        pieces = _text(old_value or "", new_value or "", [] if new is None else new["runs"], since)
    elif kind == Kind.COUNTER:
        delta = (new_value or 0) - (old_value or 0)
        pieces = iter([Piece(name, old_value, new_value, tuple(by))])
    elif kind in (Kind.LOG, Kind.UNION_SET, Kind.MAP):
        pieces = _rows(_named(kind, old), _named(kind, new), since)
    else:
        pieces = iter([Piece(name, old_value, new_value, tuple(by))])
    return _change(name, kind, _act(not old_value, not new_value), list(pieces), delta)


def _fields(old: Outline, new: Outline, since: int) -> list[Change | None]:
    """Guarded fields and the keys of guarded maps, under their region."""
    by_region: dict[str, list[Piece]] = {}
    for piece in _rows(old, new, since):
        by_region.setdefault(piece.name.partition("/")[0], []).append(piece)
    changes: list[Change | None] = []
    for region, pieces in by_region.items():
        kind = Kind.GUARDED if all(piece.name == region for piece in pieces) else Kind.GUARDED_MAP
        had = any(path.partition("/")[0] == region for path in old)
        has = any(path.partition("/")[0] == region for path in new)
        changes.append(_change(region, kind, _act(not had, not has), pieces, None))
    return changes


def _named(kind: str, region: Outline | None) -> dict[str, Any]:
    """Items by what they are known by: a log's by ref, a set's by value, a map's by key."""
    if region is None:
        return {}
    if kind == Kind.LOG:
        return {item["ref"]: item for item in region["items"]}
    if kind == Kind.UNION_SET:
        return {canonical_json(member["value"]): member for member in region["members"]}
    return {member["key"]: member for member in region["members"]}


def _rows(old: Outline, new: Outline, since: int) -> Iterator[Piece]:
    for name in dict.fromkeys((*old, *new)):
        before, after = old.get(name), new.get(name)
        if (
            before is not None
            and after is not None
            and canonical_json(before["value"]) == canonical_json(after["value"])
        ):
            continue
        by = _writers([] if after is None else [(after["version"], after["by"])], since)
        yield Piece(
            name, None if before is None else before["value"], None if after is None else after["value"], tuple(by)
        )


def _act(was_nothing: bool, is_nothing: bool) -> str:
    return "added" if was_nothing and not is_nothing else "removed" if is_nothing and not was_nothing else "changed"


def _change(region: str, kind: str, act: str, pieces: list[Piece], delta: int | None) -> Change | None:
    if not pieces:
        return None
    return Change(region, str(kind), act, tuple(pieces[:DIFF_PIECES_MAX]), delta, len(pieces) <= DIFF_PIECES_MAX)


# -- texts ----------------------------------------------------------------------------------------------------


def _text(old: str, new: str, runs: list[list[Any]], since: int) -> Iterator[Piece]:
    """Hunks of lines: the same number of lines on both sides are compared one by one."""
    before, after = old.splitlines(keepends=True), new.splitlines(keepends=True)
    starts = [0]
    for line in after:
        starts.append(starts[-1] + len(line))
    owners = _Owners(runs, since)
    for a, a_end, b, b_end in _hunks(before, after):
        pairs = [(a, a_end, b, b_end)]
        if a_end - a == b_end - b:
            pairs = [(a + n, a + n + 1, b + n, b + n + 1) for n in range(a_end - a)]
        for a, a_end, b, b_end in pairs:
            was, now = "".join(before[a:a_end]), "".join(after[b:b_end])
            if was == now:
                continue
            spans = _spans(was, now) if was and now else ()
            by = owners.of(
                [(starts[b] + start, starts[b] + end) for _, _, start, end in spans] or [(starts[b], starts[b_end])]
            )
            yield Piece(f"{b + 1}", was if a_end > a else None, now if b_end > b else None, by, spans)


def _hunks(before: list[str], after: list[str]) -> list[tuple[int, int, int, int]]:
    start = _common(before, after)
    end = _common(before[start:][::-1], after[start:][::-1])
    a, b = before[start : len(before) - end], after[start : len(after) - end]
    if len(a) + len(b) > DIFF_LINES_MAX:
        return [(start, start + len(a), start, start + len(b))]
    opcodes = SequenceMatcher(None, a, b, autojunk=False).get_opcodes()
    return [(start + i, start + j, start + k, start + m) for tag, i, j, k, m in opcodes if tag != "equal"]


def _spans(was: str, now: str) -> Spans:
    start = _common(was, now)
    end = _common(was[start:][::-1], now[start:][::-1])
    a, b = was[start : len(was) - end], now[start : len(now) - end]
    if max(len(a), len(b)) > LINE_CHARS_COMPARED_MAX:
        return ((start, start + len(a), start, start + len(b)),)
    opcodes = SequenceMatcher(None, a, b, autojunk=False).get_opcodes()
    return tuple((start + i, start + j, start + k, start + m) for tag, i, j, k, m in opcodes if tag != "equal")


def _common(a: list[str] | str, b: list[str] | str) -> int:
    at, end = 0, min(len(a), len(b))
    while at < end and a[at] == b[at]:
        at += 1
    return at


class _Owners:
    """Who brought which characters of the newer text, after the older version."""

    def __init__(self, runs: list[list[Any]], since: int) -> None:
        self._runs = runs
        self._starts = [run[0] for run in runs]
        self._since = since

    def of(self, ranges: Iterable[tuple[int, int]]) -> tuple[Writer, ...]:
        found = []
        for low, until in ranges:
            at = max(bisect_right(self._starts, low) - 1, 0)
            while at < len(self._runs) and self._runs[at][0] < until:
                start, end, actor, version = self._runs[at]
                if low < end and start < until:
                    found.append((version, actor))
                at += 1
        return tuple(_writers(found, self._since))


def _writers(rows: Iterable[tuple[int, str | None]], since: int) -> list[Writer]:
    return [Writer(version, actor or "?") for version, actor in sorted(set(rows)) if version > since]
