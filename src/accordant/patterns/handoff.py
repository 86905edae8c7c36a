"""What passes through a channel: as its regions hold it, and as its users see it. Values only."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict

from accordant.types.pattern_limits import HANDOFF_BYTES_MAX, PENDING_LINE_CHARS
from accordant.types.readings import Basis, Stale, Token
from accordant.types.refs import Ref

__all__ = [
    "Accepted",
    "Decision",
    "Handoff",
    "Moved",
    "NamedReading",
    "Outcome",
    "Proposal",
    "Returned",
    "fits_a_handoff",
]

T = TypeVar("T")
Outcome = Literal["accepted", "rejected", "returned"]


class NamedReading(BaseModel):
    """A reading by its name: the path, and the token that says which version of it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str
    token: tuple[int, str, int, int]

    @classmethod
    def of(cls, basis: Basis) -> NamedReading:
        """What a basis says."""
        token = basis.token
        return cls(path=basis.path, token=(token.epoch, token.incarnation, token.version, token.generation))

    @property
    def basis(self) -> Basis:
        """What `derived_from=` takes."""
        return Basis(self.path, Token(*self.token))


class Handoff(BaseModel, Generic[T]):
    """A proposal as its log holds it. Who made it is the log's to say, not its own."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    value: T
    why: str | None = None
    derived_from: tuple[NamedReading, ...] = ()
    instead_of: str | None = None


class Accepted(BaseModel, Generic[T]):
    """An item of a channel: the value, and whose proposal it was. What the supervisor wrote of its own accord has neither."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    value: T
    proposed_by: str | None = None
    proposal: str | None = None


class Moved(BaseModel):
    """A basis that had moved on when its proposal was returned."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str
    yours: int
    current: int
    changed_by: str | None = None


class Decision(BaseModel, Generic[T]):
    """What became of a proposal. A returned one carries what its worker needs to do it again."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    outcome: Outcome
    proposal: str
    proposed_by: str
    reason: str | None = None
    instead_of: str | None = None
    value: T | None = None
    stale: tuple[Moved, ...] = ()


@dataclass(frozen=True, slots=True)
class Proposal(Generic[T]):
    """What a worker proposed. `stale`: which of the readings it was derived from have moved on since. As text it is one line."""

    ref: Ref
    value: T
    by: str
    at: int
    why: str | None = None
    derived_from: tuple[Basis, ...] = ()
    instead_of: Ref | None = None
    stale: tuple[Stale, ...] = ()

    @property
    def is_stale(self) -> bool:
        """Whether its basis has moved on."""
        return bool(self.stale)

    def __str__(self) -> str:
        why = f" because {_one_line(self.why)}" if self.why else ""
        stale = f" [stale: {'; '.join(_one_line(str(one)) for one in self.stale)}]" if self.stale else ""
        return f"{self.ref} by {_one_line(self.by)}: {_one_line(self.value)}{why}{stale}"


@dataclass(frozen=True, slots=True)
class Returned(Generic[T]):
    """A proposal that came back to its worker, to be done again: what it was, what has moved on, and what the supervisor says.
    `propose(..., instead_of=returned)` answers it."""

    ref: Ref
    value: T
    by: str
    note: str | None = None
    stale: tuple[Stale, ...] = ()

    def __str__(self) -> str:
        note = f" ({_one_line(self.note)})" if self.note else ""
        stale = f" [stale: {'; '.join(_one_line(str(one)) for one in self.stale)}]" if self.stale else ""
        return f"do again {self.ref}: {_one_line(self.value)}{note}{stale}"


def _one_line(value: Any) -> str:
    """Short, on one line, without characters that nobody sees: a proposal cannot pass for several."""
    if isinstance(value, BaseModel):
        value = value.model_dump(mode="json")
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    text = "".join(c if unicodedata.category(c) not in ("Cc", "Cf", "Zl", "Zp", "Cs") else " " for c in text)
    text = " ".join(text.split())
    if len(text) <= PENDING_LINE_CHARS:
        return text
    return f"{text[:PENDING_LINE_CHARS]}... ({len(text) - PENDING_LINE_CHARS} characters more)"


def fits_a_handoff(value: Mapping[str, Any]) -> bool:
    """Whether a proposal is small enough to be read whole."""
    return len(json.dumps(value, ensure_ascii=False).encode()) <= HANDOFF_BYTES_MAX
