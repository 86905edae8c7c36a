"""What a reader takes away: the value, its version, and the token that says when and by whom it was read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from accordant.types.errors import Invalid
from accordant.types.refs import Ref

__all__ = [
    "CURRENT",
    "SUSPECT",
    "Basis",
    "Claim",
    "Held",
    "LogItem",
    "LogReading",
    "Marks",
    "Reading",
    "Readings",
    "Stale",
    "Token",
    "bases_of",
    "basis_of",
    "mark_of",
]

CURRENT = "current"
SUSPECT = "suspect"
T = TypeVar("T")
I = TypeVar("I")  # noqa: E741 - the item type of a log


Marks = Mapping[str, tuple[str, str | None]]
"""What became of refs: (status, because) each."""


def mark_of(marks: Marks, ref: str) -> tuple[str, str | None]:
    """What became of an item; one without a mark of its own has that of the entry that brought it."""
    return marks.get(ref) or marks.get(ref.rpartition(".")[0]) or (CURRENT, None)


@dataclass(frozen=True, slots=True)
class Token:
    """The fencing token of one reading (I6). It travels with the reader; the authority keeps nothing per agent name.

    `epoch`: the authority that answered. `incarnation`: which life of the document. `version`: log offset of the last write
    of what was read (0: never written). `generation`: the reader's session, itself a log offset, never reused.
    """

    epoch: int
    incarnation: str
    version: int
    generation: int

    def to_list(self) -> list[Any]:
        """[epoch, incarnation, version, generation], for the wire."""
        return [self.epoch, self.incarnation, self.version, self.generation]

    @classmethod
    def from_list(cls, data: Any) -> Token:
        """The token of `to_list`; raises `Invalid`."""
        match data:
            case [int(epoch), str(incarnation), int(version), int(generation)]:
                return cls(epoch, incarnation, version, generation)
        raise Invalid("not a reading's token", code="bad_token")


@dataclass(frozen=True, slots=True)
class Reading(Generic[T]):
    """A value as it was at one version. Pass it as `expect=` to replace what was read, or in `derived_from=`.

    `status`: `current`, `retracted`, `superseded` or `suspect` (of a guarded path; the items of a log have their own), `because`
    of which ref. `marks`: the same for every ref of a region that has one: (status, because).
    """

    value: T
    version: int
    token: Token
    path: str
    by: str | None = None
    at: int | None = None
    status: str = field(default=CURRENT, kw_only=True)
    because: str | None = field(default=None, kw_only=True)
    marks: Marks = field(default_factory=dict, kw_only=True)

    @property
    def ref(self) -> Ref:
        """What was read, as a ref: `path@version`."""
        return Ref(f"{self.path}@{self.version}")


@dataclass(frozen=True, slots=True)
class LogItem(Generic[I]):
    """One entry of a log region: its stable `ref`, its value, who appended it in which version, and what became of it."""

    ref: str
    value: I
    version: int
    by: str
    at: int
    status: str = CURRENT
    because: str | None = None


@dataclass(frozen=True, slots=True)
class LogReading(Reading[T]):
    """A reading of a log: `.value` is the plain list, `.entries` the same with refs and authors.

    `since`: of `read(since=version)`, that version when these are only the entries and marks after it; 0 when they are all that
    there are, because a compaction has replaced what had been read, or because nobody asked for less.
    """

    entries: Sequence[LogItem[Any]] = ()
    since: int = field(default=0, kw_only=True)

    @property
    def standing(self) -> list[Any]:
        """The values that still stand: neither retracted nor superseded."""
        return [item.value for item in self.entries if item.status in (CURRENT, SUSPECT)]


@dataclass(frozen=True, slots=True)
class Claim(Reading[T]):
    """A held key of a guarded map: a reading whose version is the fencing token; valid until `until` (ms since 1970)."""

    key: str = ""
    until: int = 0

    @property
    def fence(self) -> int:
        """The fencing token to hand to anything outside that the claim protects: it only ever grows."""
        return self.version


@dataclass(frozen=True, slots=True)
class Held:
    """A key that was claimed and not released: by whom, until when (ms since 1970), since which version. Once that time is
    over, or the holder's session, it holds no longer: `claim` decides."""

    key: str
    by: str
    until: int
    fence: int


@dataclass(frozen=True, slots=True)
class Basis:
    """One thing that a write was derived from. `path`: a region or guarded path, a ref by itself, or `*`, the whole document."""

    path: str
    token: Token

    @property
    def is_ref(self) -> bool:
        """Whether it names what was written rather than what was read: then no authority has signed it."""
        return self.token.epoch == 0 and not self.token.incarnation


@dataclass(frozen=True, slots=True)
class Stale:
    """Something that was read and has moved on: `yours` is the version that was read, `current` the one there is now."""

    path: str
    yours: int
    current: int
    changed_by: str | None = None

    def __str__(self) -> str:
        by = f" by {self.changed_by}" if self.changed_by else ""
        return f"{self.path} v{self.yours}, now v{self.current}{by}"


def basis_of(reading: Any) -> Basis:
    """The basis that a reading stands for; raises `Invalid` for anything that is not a reading."""
    if isinstance(reading, Reading):
        return Basis(reading.path, reading.token)
    if isinstance(reading, Basis):
        return reading
    if isinstance(reading, Ref | LogItem):  # what was written, by its own name: it needs no reader
        ref = Ref.parse(reading if isinstance(reading, Ref) else reading.ref)
        return Basis(ref, Token(0, "", ref.version, 0))
    if isinstance(reading, Mapping) and "path" in reading:
        return Basis(str(reading["path"]), Token.from_list(reading.get("token")))
    raise Invalid(
        f"{type(reading).__name__} is not a reading: pass what read() returned, not its value", code="not_a_reading"
    )


class _HasBases(Protocol):
    @property
    def as_bases(self) -> tuple[Basis, ...]: ...


_Named = Reading[Any] | Basis | Ref | LogItem[Any] | _HasBases
Readings = _Named | Iterable[_Named]
"""What `derived_from=` takes: readings, refs, items of logs, snapshots; one alone or several."""


def bases_of(derived_from: Any) -> tuple[Basis, ...]:
    """What a `derived_from=` names, several or one alone: readings, refs and items of logs, snapshots. Raises `Invalid` for
    anything else."""
    bases: list[Basis] = []
    is_one = isinstance(derived_from, Reading | Ref | LogItem | Mapping) or hasattr(derived_from, "as_bases")
    for one in (derived_from,) if is_one else derived_from:
        bases.extend(
            one.as_bases if hasattr(one, "as_bases") else (basis_of(one),)
        )  # a snapshot stands for what is in it
    return tuple(bases)
