"""The runaway detector: does anything new come of what fires, or does the board only turn in circles? Pure.

After each round it is shown the board. A state is compared by what it says (`sameness`): regions in which only time stamps,
random names, run counters, blanks or the order of a set differ are the same; a log gains nothing by an item that it has, nor by
one that only counts on ("ping 2" after "ping 1"). What is *not* taken for a circle, because it is how work looks: a counter or
a guarded number that moves, a set that shrinks, a text that grows, numbers that are measured rather than counted, and counting
that is rare.

Half of `rounds` in a row without a state that was not there before is a runaway. Therefore a cycle of up to `rounds / 2` states
ends within `rounds + 1` rounds, and whoever brings something new more often than every `rounds / 2` rounds is never stopped.
Counting is rare when it comes at most once in `rounds * 3 / 8` rounds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from accordant.patterns.sameness import Shape, goes_on, is_bookkeeping, lines_of, shape_of
from accordant.types.errors import Invalid
from accordant.types.pattern_limits import LIKENESSES_KEPT, RUNAWAY_ROUNDS, STATES_KEPT
from accordant.types.regions import Kind

__all__ = ["Circle", "RegionState", "RunawayDetector", "cycle_of"]


@dataclass(frozen=True, slots=True)
class RegionState:
    """A region as it is now. `value` gives its JSON value, and is asked only when the version has moved."""

    kind: Kind
    version: int
    value: Callable[[], Any]


@dataclass(frozen=True, slots=True)
class Circle:
    """What a runaway is: who fired in turn, in how many rounds without anything new."""

    cycle: tuple[str, ...]
    rounds: int


class RunawayDetector:
    """Remembers the states of one run. `ignore`: regions whose content is never news."""

    def __init__(self, rounds: int = RUNAWAY_ROUNDS, ignore: Iterable[str] = ()) -> None:
        if not isinstance(rounds, int) or rounds < 2:
            raise Invalid(f"a runaway is seen after 2 rounds or more, not {rounds!r}", code="bad_argument")
        self._patience = rounds // 2
        self._slow = max(2, rounds * 3 // 8)
        self._ignore = frozenset(ignore)
        self._round = 0
        self._tracks: dict[str, _Track] = {}
        self._versions: dict[str, int] = {}
        self._states: dict[str, None] = {}
        self._stalled: list[tuple[str, ...]] = []
        self._order: dict[str, int] = {}

    def begin(self, board: Mapping[str, RegionState]) -> None:
        """How the board is before anything fires."""
        self._moved(board)
        self._is_new()

    def observe(self, board: Mapping[str, RegionState], fired: Sequence[str]) -> Circle | None:
        """The board after these have fired; a circle when that is one. Firings that wrote nothing make no round, and whoever
        fires for the first time is news."""
        self._round += 1
        if not fired or not self._moved(board):
            self._round -= 1
            return None
        newcomers = [name for name in fired if name not in self._order]
        for name in newcomers:
            self._order.setdefault(name, len(self._order))
        if self._is_new() or newcomers:
            self._stalled.clear()
            return None
        self._stalled.append(tuple(fired))
        if len(self._stalled) < self._patience:
            return None
        return Circle(cycle_of(self._stalled, self._order), len(self._stalled))

    def _moved(self, board: Mapping[str, RegionState]) -> bool:
        """Whether any region's version has; those that have are read."""
        has_moved = False
        for name, region in board.items():
            if self._versions.get(name, 0) == region.version:
                continue
            has_moved = True
            self._versions[name] = region.version
            if name in self._ignore:
                continue
            track = self._tracks.get(name)
            if track is None:
                track = self._tracks[name] = _track(name, region.kind)
            track.update(region.value(), self._round, self._slow)
        return has_moved

    def _is_new(self) -> bool:
        """Whether this state is none of those that were."""
        state = hashlib.sha256(repr(sorted((name, track.token()) for name, track in self._tracks.items())).encode())
        digest = state.hexdigest()
        if digest in self._states:
            return False
        self._states[digest] = None
        if len(self._states) > STATES_KEPT:
            del self._states[next(iter(self._states))]
        return True


def cycle_of(rounds: Sequence[Sequence[str]], order: Mapping[str, int]) -> tuple[str, ...]:
    """Who fires in turn: the shortest period of the sequence, each name once, beginning with whoever fired first of all. Where
    there is no period, since several cycles run side by side, all names."""
    sequence = [name for one in rounds for name in one]
    period = next(
        (
            size
            for size in range(1, len(sequence) // 2 + 1)
            if all(sequence[n] == sequence[n + size] for n in range(len(sequence) - size))
        ),
        len(sequence),
    )
    names = list(dict.fromkeys(sequence[-period:]))
    first = min(range(len(names)), key=lambda n: order.get(names[n], 0), default=0)
    return tuple(names[first:] + names[:first])


# -- regions, as they change --------------------------------------------------------------------------------------


class _Track:
    """One region's share of the state."""

    def update(self, value: Any, now: int, slow: int) -> None:
        """It says this now, in round `now`. Counting that was not seen for `slow` rounds is news."""
        raise NotImplementedError

    def token(self) -> str:
        """What it says, as far as that is news."""
        raise NotImplementedError


def _track(name: str, kind: Kind) -> _Track:
    match kind:
        case Kind.GUARDED | Kind.COUNTER:
            return _Nothing() if is_bookkeeping(name) else _Value()
        case Kind.GUARDED_MAP | Kind.MAP:
            return _Keys()
        case Kind.UNION_SET:
            return _Members()
        case Kind.LOG:
            return _Items()
        case Kind.TEXT | Kind.XML:
            return _Lines()


class _Nothing(_Track):
    """A number that says when or how often."""

    def update(self, value: Any, now: int, slow: int) -> None:
        """Whatever it is."""

    def token(self) -> str:
        """Nothing."""
        return ""


class _Value(_Track):
    """A guarded value. Its numbers are exact; those in its prose are news unless they count on from the last of their
    likeness."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[tuple[float, ...], tuple[float, ...] | None, str]] = {}
        self._token = ""

    def update(self, value: Any, now: int, slow: int) -> None:
        """Compared with what was there in the same words."""
        shape = shape_of(value, is_exact=True)
        last = self._last.get(shape.text)
        if last is None:
            self._token = shape.text
            step = None
        elif last[0] == shape.numbers:
            self._token = last[2]
            return
        else:
            step = tuple(b - a for a, b in zip(last[0], shape.numbers, strict=True))
            counts = goes_on(last[0], shape.numbers, last[1])
            self._token = shape.text if counts else f"{shape.text}{shape.numbers}"
        if len(self._last) >= LIKENESSES_KEPT:
            self._last.clear()
        self._last[shape.text] = (shape.numbers, step, self._token)

    def token(self) -> str:
        """Its words, and its numbers where they tell something."""
        return self._token


class _Members(_Track):
    """A set. Where members differ in numbers alone, fewer of them is news, and one more that counts on is none."""

    def __init__(self) -> None:
        self._sizes: dict[str, tuple[int, str, int]] = {}
        self._tokens: tuple[str, ...] = ()

    def update(self, value: Any, now: int, slow: int) -> None:
        """In any order."""
        self._group([shape_of(member) for member in value or ()], now, slow)

    def _group(self, shapes: Iterable[Shape], now: int, slow: int) -> None:
        groups: dict[str, set[tuple[float, ...]]] = {}
        for shape in shapes:
            groups.setdefault(shape.text, set()).add(shape.numbers)
        for gone in self._sizes.keys() - groups.keys():
            self._sizes[gone] = (0, "", self._sizes[gone][2])
        if len(self._sizes) > LIKENESSES_KEPT:
            self._sizes.clear()
        self._tokens = tuple(sorted(self._of_group(text, numbers, now, slow) for text, numbers in groups.items()))

    def _of_group(self, text: str, numbers: set[tuple[float, ...]], now: int, slow: int) -> str:
        size = len(numbers)
        before, how, grown = self._sizes.get(text, (0, "", now - slow))
        if size < before:
            how = f"<{size}"
        elif size > before:
            how = f">{size}" if before and now - grown >= slow else ""
            grown = now
        self._sizes[text] = (size, how, grown)
        return f"{text}{how}{_irregular(sorted(numbers))}"

    def token(self) -> str:
        """The likenesses, each with what is news of it."""
        return repr(self._tokens)


class _Keys(_Members):
    """A map. Keys are members that bear a value each, and each value is followed like a guarded one."""

    def __init__(self) -> None:
        super().__init__()
        self._values: dict[str, _Value] = {}

    def update(self, value: Any, now: int, slow: int) -> None:
        """What each key says now."""
        kept = {key: one for key, one in (value or {}).items() if not is_bookkeeping(key)}
        self._values = {key: self._values.get(key) or _Value() for key in kept}
        shapes = []
        for key, one in kept.items():
            self._values[key].update(one, now, slow)
            named = shape_of(key)
            shapes.append(Shape(f"{named.text}={self._values[key].token()}", named.numbers))
        self._group(shapes, now, slow)


class _Items(_Track):
    """A log. It only grows: what was read of it is not read again, unless it was compacted."""

    def __init__(self) -> None:
        self._read: list[Any] = []
        self._last: dict[str, tuple[tuple[float, ...], tuple[float, ...] | None, int]] = {}
        self._parts: set[str] = set()
        self._sum = 0

    def update(self, value: Any, now: int, slow: int) -> None:
        """The items that came since."""
        items = value or []
        known = len(self._read)
        if len(items) < known or (known and (items[0] != self._read[0] or items[known - 1] != self._read[-1])):
            self._last, self._parts, self._sum, known = {}, set(), 0, 0
        for item in items[known:]:
            self._add(shape_of(item), now, slow)
        self._read = items

    def _add(self, shape: Shape, now: int, slow: int) -> None:
        last = self._last.get(shape.text)
        part, step = shape.text, None
        if last is not None and last[0] != shape.numbers:
            before, stepped, grown = last
            step = tuple(b - a for a, b in zip(before, shape.numbers, strict=True))
            if now - grown >= slow or not goes_on(before, shape.numbers, stepped, now - grown):
                part = f"{shape.text}{shape.numbers}"
        elif last is not None:
            return  # the very same again: neither news nor a count
        if len(self._last) >= LIKENESSES_KEPT:
            self._last.clear()
        self._last[shape.text] = (shape.numbers, step, now)
        if part not in self._parts:
            self._parts.add(part)
            self._sum = (self._sum + _number(part)) % 2**128  # a sum knows no order, and grows item by item

    def token(self) -> str:
        """All that it ever said."""
        return f"{len(self._parts)}:{self._sum:x}"


class _Lines(_Track):
    """A text: its lines, each once, with their numbers."""

    def __init__(self) -> None:
        self._token = ""

    def update(self, value: Any, now: int, slow: int) -> None:
        """Whatever grows within a line, or brings another line, is news."""
        self._token = hashlib.sha256("\n".join(dict.fromkeys(lines_of(value or ""))).encode()).hexdigest()

    def token(self) -> str:
        """Its different lines, in their order."""
        return self._token


def _irregular(ordered: Sequence[tuple[float, ...]]) -> tuple[tuple[float, ...], ...]:
    """Those numbers that do not just count on from the ones before."""
    found: list[tuple[float, ...]] = []
    step: tuple[float, ...] | None = None
    for before, now in pairwise(ordered):
        if not goes_on(before, now, step):
            found.append(now)
        step = tuple(b - a for a, b in zip(before, now, strict=True))
    return tuple(found)


def _number(part: str) -> int:
    return int.from_bytes(hashlib.blake2b(part.encode(), digest_size=16).digest())
