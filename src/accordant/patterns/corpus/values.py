"""What a corpus holds and answers: entries and tallies as they are logged, and what is made of them for readers. Values only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from accordant.types.pattern_limits import (
    CORPUS_COUNT_MAX,
    CORPUS_LINKS_MAX,
    CORPUS_TAG_CHARS_MAX,
    CORPUS_TAGS_MAX,
    CORPUS_TEXT_CHARS_MAX,
)
from accordant.types.readings import CURRENT, SUSPECT
from accordant.types.refs import Ref

__all__ = ["Collapsed", "Counts", "Entry", "Hit", "Known", "Link", "Tally", "Verdict"]

_Short = Annotated[str, Field(min_length=1, max_length=CORPUS_TAG_CHARS_MAX)]
_Name = Annotated[str, Field(min_length=1, max_length=256)]
_Text = Annotated[str, Field(min_length=1, max_length=CORPUS_TEXT_CHARS_MAX)]


class Link(BaseModel):
    """A near entry that this one was not merged with: its ref, how alike they are (cosine, or shared words), and why not."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    ref: _Name
    similarity: float
    why: Annotated[str, Field(max_length=500)]


class Entry(BaseModel):
    """One piece of knowledge, write-once. Author, time and version are the log's.

    `origin`: the task it comes from. `op`: the contributor's own name for the contribution, so that a retry counts once.
    `compared`: the version of the log with which it was compared before it landed; None: with none, as when it was written
    offline."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    text: _Text
    kind: _Short | None = None
    tags: Annotated[tuple[_Short, ...], Field(max_length=CORPUS_TAGS_MAX)] = ()
    links: Annotated[tuple[Link, ...], Field(max_length=CORPUS_LINKS_MAX)] = ()
    origin: _Name | None = None
    op: _Name | None = None
    compared: int | None = None


class Tally(BaseModel):
    """`n` more of a kind for one entry; by whom, the log knows. `text`: the wording that was merged, where it was another."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    ref: _Name
    kind: Literal["contribution", "citation", "endorsement"]
    n: Annotated[int, Field(ge=1, le=CORPUS_COUNT_MAX)] = 1
    text: _Text | None = None
    origin: _Name | None = None
    op: _Name | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a contribution.

    `accepted`: a new entry, `ref`. `merged`: `ref` said it already; the contribution is counted there, under its contributor.
    `rejected`: `stage` says no, `reason` why; nothing was written. `similarity`: to the nearest entry. `links`: near entries
    that say something else. `checked` is False for what was written offline: `collapse` compares it. `ref` is None where there
    is none yet: offline, and within a transaction."""

    status: Literal["accepted", "merged", "rejected"]
    ref: Ref | None
    stage: str
    similarity: float | None = None
    reason: str | None = None
    links: tuple[Link, ...] = ()
    checked: bool = True


@dataclass(frozen=True, slots=True)
class Counts:
    """The tallies of one entry and of all that were redirected to it. Contributors by agent, in the order of their first."""

    contributions: int
    citations: int
    endorsements: int
    contributors: Mapping[str, int]
    endorsers: tuple[str, ...]
    wordings: tuple[str, ...]
    origins: frozenset[str | None]
    last_at: int


@dataclass(frozen=True, slots=True)
class Known:
    """One entry as it is known now. `links`: near entries that say something else, named by this one or naming it."""

    ref: Ref
    entry: Entry
    by: str
    at: int
    version: int
    counts: Counts
    links: tuple[Link, ...] = ()
    status: str = CURRENT
    because: str | None = None

    @property
    def text(self) -> str:
        """What it says."""
        return self.entry.text

    @property
    def stands(self) -> bool:
        """Neither retracted nor superseded."""
        return self.status in (CURRENT, SUSPECT)


@dataclass(frozen=True, slots=True)
class Hit(Known):
    """An entry that was found. `score`: cosine with the query (`method` "embedding"), or the weight of shared words
    ("lexical")."""

    score: float = 0.0
    method: Literal["embedding", "lexical"] = "lexical"


@dataclass(frozen=True, slots=True)
class Collapsed:
    """What a collapse did: which entry now stands where (`redirected`), which near pairs it left apart and why, what nobody has
    used for the days asked about. `is_complete` is False where it stopped at its bound: run it again."""

    redirected: Mapping[Ref, Ref]
    apart: tuple[tuple[Ref, Ref, str], ...]
    stale: tuple[Ref, ...] = ()
    is_complete: bool = True
