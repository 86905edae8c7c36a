"""A snapshot as text for a prompt: it carries its version, names refs to cite, and says what it leaves out. Pure.

What was retracted or superseded is not shown as if it held; what is suspect says so. With a budget every region gets an equal
share, what a small one does not need goes to the others; of logs the newest items stay, of texts the beginning and the end.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from accordant.types.errors import Invalid
from accordant.types.memory_limits import RENDER_CHARS_MIN
from accordant.types.namespaces import DocumentKey
from accordant.types.readings import CURRENT, Marks, mark_of
from accordant.types.regions import COHERENCE, Kind
from accordant.types.snapshots import Cut, RegionCut

__all__ = ["render"]

_GONE = ("retracted", "superseded")


@dataclass(slots=True)
class _Section:
    """One region: a heading, then lines, or one block of text."""

    heading: str
    lines: list[str]
    keeps: str = "newest"

    def whole(self) -> str:
        return "\n".join([self.heading, *self.lines])

    def within(self, room: int) -> str:
        """As much as fits into so many characters, saying what is missing."""
        whole = self.whole()
        if len(whole) <= room:
            return whole
        if self.keeps == "both ends":
            return self._both_ends("\n".join(self.lines), room)
        left = room - len(self.heading) - 1
        kept: list[str] = []
        lines = list(reversed(self.lines)) if self.keeps == "newest" else self.lines
        for line in lines:
            said = _left_out(len(self.lines) - len(kept) - 1)
            if len(line) + 1 + (len(said) + 1 if len(kept) + 1 < len(self.lines) else 0) > left:
                break
            kept.append(line)
            left -= len(line) + 1
        said = _left_out(len(self.lines) - len(kept))
        shown = [said, *reversed(kept)] if self.keeps == "newest" else [*kept, said]
        return _cut("\n".join([self.heading, *shown]), room)

    def _both_ends(self, text: str, room: int) -> str:
        said = f"\n[... {len(text):,} characters in all; the middle is left out ...]\n"
        left = room - len(self.heading) - 1 - len(said)
        if left < 2:
            return _cut(f"{self.heading}{said.rstrip()}", room)
        head = (left + 1) // 2
        return f"{self.heading}\n{text[:head]}{said}{text[len(text) - (left - head) :]}"


def render(key: DocumentKey, cut: Cut, budget: int | None = None) -> str:
    """The text, at most `budget` characters of it; raises `Invalid` for a budget that has no room for anything."""
    if budget is not None and budget < RENDER_CHARS_MIN:
        raise Invalid(f"budget= is a number of characters, from {RENDER_CHARS_MIN}", code="bad_argument")
    when = "" if cut.at is None else f", {datetime.fromtimestamp(cut.at / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"
    title = f"# {key.path} at version {cut.version}{when}"
    sections = [_section(name, region) for name, region in cut.regions.items() if name != COHERENCE]
    full = "\n\n".join([title, *(section.whole() for section in sections)])
    if budget is None or len(full) <= budget:
        return full
    title = _cut(title, budget // 2)
    rooms = _rooms([len(section.whole()) + 2 for section in sections], budget - len(title))
    shown = [section.within(room - 2) for section, room in zip(sections, rooms, strict=True) if room > 2]
    return _cut("\n\n".join([title, *shown]), budget)


def _rooms(needs: Sequence[int], total: int) -> list[int]:
    """Equal shares; what one does not need goes to the others."""
    rooms = [0] * len(needs)
    waiting = sorted(range(len(needs)), key=needs.__getitem__)
    for n, index in enumerate(waiting):
        rooms[index] = min(needs[index], max(total, 0) // (len(waiting) - n))
        total -= rooms[index]
    return rooms


def _section(name: str, region: RegionCut) -> _Section:
    kind = region.kind.value.replace("_", " ")
    written = f"v{region.version}" + (f" by {region.by}" if region.by else "") if region.version else "never written"
    heading = f"## {name} ({kind}, {written})"
    marks = region.marks or {}
    match region.kind:
        case Kind.TEXT | Kind.XML:
            notes = [f"({ref} is {status}{_because(because)})" for ref, (status, because) in marks.items()]
            return _Section(heading, [*notes, str(region.content)] if region.content else notes, "both ends")
        case Kind.GUARDED | Kind.GUARDED_MAP:
            return _Section(heading, _field_lines(name, region, marks), "first")
        case Kind.LOG:
            return _Section(heading, _log_lines(region, marks))
        case Kind.COUNTER:
            return _Section(heading, [str(region.content)])
    value = region.value()
    if isinstance(value, dict):
        return _Section(heading, [f"- {one}: {_shown(item)}" for one, item in value.items()], "first")
    return _Section(heading, [f"- {_shown(item)}" for item in value], "first")


def _log_lines(region: RegionCut, marks: Marks) -> list[str]:
    lines = []
    for (ref, version, by, _), value in zip(region.rows or (), region.value(), strict=False):
        status, because = mark_of(marks, ref)
        if status in _GONE:
            lines.append(f"- [{ref}] {status}{_because(because)}")
        else:
            note = "" if status == CURRENT else f"; SUSPECT{_because(because)}"
            lines.append(f"- [{ref}] {_shown(value)} ({by}, v{version}{note})")
    return lines


def _field_lines(name: str, region: RegionCut, marks: Marks) -> list[str]:
    lines = []
    for key, one in region.fields.items():
        path = name if key is None else f"{name}/{key}"
        status, because = marks.get(f"{path}@{one.version}", ("", None))
        if one.value is None:
            continue
        value = json.loads(one.value)
        note = f" [{status.upper()}{_because(because)}]" if status else ""
        lines.append(f"{_shown(value)}{note}" if key is None else f"- {key}: {_shown(value)} (v{one.version}{note})")
    return lines


def _because(ref: str | None) -> str:
    return f": see {ref}" if ref else ""


def _shown(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _left_out(count: int) -> str:
    return f"[... {count:,} left out ...]"


def _cut(text: str, room: int) -> str:
    return text if len(text) <= room else f"{text[: max(room - 3, 0)]}..."[: max(room, 0)]
