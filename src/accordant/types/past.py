"""What questions about the past are asked with, and answered with. Values only.

A question is a `Recall`, one value for every surface. Answers: `BlameRun`s of a text, an `Explanation` of one thing written, a
`Trace` of a text through the versions, `Change`s between two of them. Each goes through JSON and back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Self, cast

from accordant.types.errors import Invalid
from accordant.types.memory_limits import TRACE_CHARS_MAX
from accordant.types.values import is_text

__all__ = ["Appearance", "BlameRun", "Change", "Explanation", "Piece", "Recall", "Source", "Trace", "Writer"]

Read = tuple[tuple[str, int], ...]
Topic = Literal["blame", "why", "trace", "diff"]
_NEEDS: Mapping[str, str] = {"blame": "path", "why": "path", "trace": "text", "diff": "first"}


@dataclass(frozen=True, slots=True)
class Recall:
    """A question about the past. `blame`: `path` (a text region), `at`; `why`: `path` (a ref or a path); `trace`: `text`;
    `diff`: from `first` to `last` (None: the newest)."""

    what: Topic
    path: str | None = None
    at: int | None = None
    text: str | None = None
    first: int | None = None
    last: int | None = None

    def __post_init__(self) -> None:
        if self.what not in _NEEDS:
            raise Invalid(f"there is no question {str(self.what)[:40]!r}", code="bad_question")
        for text in (self.path, self.text):
            if text is not None and not (is_text(text) and 0 < len(text) <= TRACE_CHARS_MAX):
                raise Invalid(f"a question has 1 to {TRACE_CHARS_MAX} characters", code="bad_question")
        for number in (self.at, self.first, self.last):
            if number is not None and (not isinstance(number, int) or isinstance(number, bool) or number < 0):
                raise Invalid(f"{number!r} is no version", code="bad_question")
        if getattr(self, needed := _NEEDS[self.what]) is None:
            raise Invalid(
                f"{self.what} needs {'a version' if needed == 'first' else f'a {needed}'}", code="bad_question"
            )

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        names = ("path", "at", "text", "first", "last")
        return {"what": self.what} | {name: got for name in names if (got := getattr(self, name)) is not None}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """What `to_json` gave; raises `Invalid` for anything else."""
        names = {"what", "path", "at", "text", "first", "last"}
        if not set(data) <= names or "what" not in data:
            raise Invalid(f"a question has {', '.join(sorted(names))}", code="bad_question")
        return cls(**data)


@dataclass(frozen=True, slots=True)
class BlameRun:
    """Characters `start` to `end` (exclusive) of a text, and who brought them: `actor` with `version`, `at` milliseconds.
    `read`: what that entry says it had read, (path, version) each."""

    start: int
    end: int
    text: str
    actor: str
    version: int
    at: int | None = None
    why: str | None = None
    read: Read = ()

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "start": self.start,
            "end": self.end,
            "text": self.text,
            "actor": self.actor,
            "version": self.version,
            "at": self.at,
            "why": self.why,
            "read": [list(one) for one in self.read],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """What `to_json` gave."""
        return cls(**{**_own(cls, data), "read": _read(data["read"])})


@dataclass(frozen=True, slots=True)
class Source:
    """Something that something was made from: its ref, who wrote it and why, and what it was made from in turn. `cut`: why the
    tree ends here although there is more (`seen`: shown elsewhere; `deep`; `wide`; `hidden`: not to be read by who asks)."""

    ref: str
    actor: str | None = None
    at: int | None = None
    why: str | None = None
    status: str = "current"
    value: Any = None
    sources: tuple[Source, ...] = ()
    cut: str | None = None

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        shown = {name: getattr(self, name) for name in ("ref", "actor", "at", "why", "status", "value", "cut")}
        return shown | {"sources": [one.to_json() for one in self.sources]}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """What `to_json` gave."""
        return cls(**{**_own(cls, data), "sources": tuple(Source.from_json(one) for one in data["sources"])})


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why something is as it is: the entry that wrote `ref`, and what became of it.

    `entry`: the entry as JSON (`version`, `at`, `kind`, `actor`, `auth`, `session`, `why`, `outcome`, `ops`). `value`: what it
    wrote. `status`: `current`, `retracted`, `superseded`, `suspect` or `replaced`, by `status_by` (`version`, `actor`, `why`,
    `ref`). `sources`: what it was made from, as trees. `derived`: (ref, actor) of what was made from it. `readers`: (agent,
    version, how) of who had read it. `denial`: who beat whom. `is_complete`: False when something was cut.
    """

    ref: str
    path: str
    entry: Mapping[str, Any]
    value: Any = None
    status: str = "current"
    status_by: Mapping[str, Any] | None = None
    sources: tuple[Source, ...] = ()
    derived: tuple[tuple[str, str], ...] = ()
    readers: tuple[tuple[str, int, str], ...] = ()
    denial: Mapping[str, Any] | None = None
    is_complete: bool = True

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "ref": self.ref,
            "path": self.path,
            "entry": dict(self.entry),
            "value": self.value,
            "status": self.status,
            "status_by": None if self.status_by is None else dict(self.status_by),
            "sources": [one.to_json() for one in self.sources],
            "derived": [list(one) for one in self.derived],
            "readers": [list(one) for one in self.readers],
            "denial": None if self.denial is None else dict(self.denial),
            "is_complete": self.is_complete,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """What `to_json` gave."""
        sources = tuple(Source.from_json(one) for one in data["sources"])
        derived = tuple((ref, actor) for ref, actor in data["derived"])
        return cls(**{**_own(cls, data), "sources": sources, "derived": derived, "readers": _readers(data["readers"])})


@dataclass(frozen=True, slots=True)
class Appearance:
    """A text was at `path` in every version from `since` up to but not including `until` (None: it is there still).

    `ref` names what held it, `actor` wrote that, `why`, having read `read`. `readers`: (agent, version, how) of those whose
    snapshot (`snapshot`) or derived work (`derived`) held it. `followed`: up to which version that is known.
    """

    path: str
    ref: str
    since: int
    until: int | None
    actor: str
    at: int | None = None
    why: str | None = None
    read: Read = ()
    readers: tuple[tuple[str, int, str], ...] = ()
    ended_by: str | None = None
    followed: int = 0

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        names = ("path", "ref", "since", "until", "actor", "at", "why", "ended_by", "followed")
        shown = {name: getattr(self, name) for name in names}
        return shown | {"read": [list(one) for one in self.read], "readers": [list(one) for one in self.readers]}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """What `to_json` gave."""
        return cls(**{**_own(cls, data), "read": _read(data["read"]), "readers": _readers(data["readers"])})


@dataclass(frozen=True, slots=True)
class Trace:
    """Where and when a text existed, oldest first. `is_complete`: False when something was not examined; `examined` says what
    was (`head`, `texts`) and what was not (`not_examined`: sentences)."""

    text: str
    appearances: tuple[Appearance, ...] = ()
    is_complete: bool = True
    examined: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "text": self.text,
            "appearances": [one.to_json() for one in self.appearances],
            "is_complete": self.is_complete,
            "examined": dict(self.examined),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """What `to_json` gave."""
        return cls(
            **{**_own(cls, data), "appearances": tuple(Appearance.from_json(one) for one in data["appearances"])}
        )


@dataclass(frozen=True, slots=True)
class Writer:
    """Who is responsible for a change, with which version."""

    version: int
    actor: str

    def to_json(self) -> list[Any]:
        """As JSON values."""
        return [self.version, self.actor]


@dataclass(frozen=True, slots=True)
class Piece:
    """One place where a region differs: `old` became `new`; None: nothing was, or is, there. `name`: a key, an item's ref, or the
    line of a text (of the new one, from 1). `spans`: in a changed line, (old start, old end, new start, new end)."""

    name: str
    old: Any
    new: Any
    by: tuple[Writer, ...] = ()
    spans: tuple[tuple[int, int, int, int], ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        by, spans = [one.to_json() for one in self.by], [list(one) for one in self.spans]
        return {"name": self.name, "old": self.old, "new": self.new, "by": by, "spans": spans}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """What `to_json` gave."""
        by = tuple(Writer(*one) for one in data["by"])
        return cls(**{**_own(cls, data), "by": by, "spans": tuple(tuple(one) for one in data["spans"])})


@dataclass(frozen=True, slots=True)
class Change:
    """How one region differs between two versions. `act`: `added`, `removed` or `changed`. `delta`: of a counter.
    `is_complete`: False when there were too many pieces to name."""

    region: str
    kind: str
    act: str
    pieces: tuple[Piece, ...] = ()
    delta: int | None = None
    is_complete: bool = True

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        shown = {name: getattr(self, name) for name in ("region", "kind", "act", "delta", "is_complete")}
        return shown | {"pieces": [one.to_json() for one in self.pieces]}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """What `to_json` gave."""
        return cls(**{**_own(cls, data), "pieces": tuple(Piece.from_json(one) for one in data["pieces"])})


def _own(cls: type[Any], data: Mapping[str, Any]) -> dict[str, Any]:
    """What of the data the class knows: a newer server may say more."""
    return {name: data[name] for name in cls.__dataclass_fields__ if name in data}


def _read(rows: Sequence[Sequence[Any]]) -> Read:
    return tuple((str(path), cast(int, version)) for path, version in rows)


def _readers(rows: Sequence[Sequence[Any]]) -> tuple[tuple[str, int, str], ...]:
    return tuple((str(agent), cast(int, version), str(how)) for agent, version, how in rows)
