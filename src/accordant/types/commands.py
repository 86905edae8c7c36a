"""What one asks of a document, and what it answers: the only vocabulary between a handle and the authority.

A handle in the same process and a peer on a websocket send the same commands, so they are values that travel as JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from accordant.types.errors import AccordantError, Invalid
from accordant.types.limits import DERIVED_FROM_MAX, INTEGER_MAX, WHY_CHARS_MAX, WRITES_PER_COMMIT_MAX
from accordant.types.memory_limits import BATCH_NAME_CHARS_MAX
from accordant.types.readings import Basis, Marks, Token
from accordant.types.regions import OPERATIONS, Kind
from accordant.types.values import is_text

__all__ = ["Committed", "Question", "ReadAnswer", "RefusedWrite", "Submission", "Write", "check_batch", "check_why"]


@dataclass(frozen=True, slots=True)
class Write:
    """One intention on one region. `args` by operation (all JSON values):

    guarded, guarded_map  commit {value} | delete {} | claim {ttl_s} | renew {ttl_s} | release {}   with `expect`
    text                  insert {text, index | after | before} | append {text} | delete {index, count} | replace {old, new}
                          | rethink {text} | compact {text, chars}, both with `expect`   (counts are Unicode characters)
    log                   append {items} (with `expect`: only on that version) | compact {items, upto, refs}
    union_set             add {items} | discard {items}
    counter               increment {by}
    map                   set {value} | delete {}   with `key`
    any                   retract {ref, value?, replacement?} | supersede {ref, value | replacement}   one per submission
    """

    region: str
    kind: Kind
    op: str
    key: str | None = None
    args: Mapping[str, Any] = field(default_factory=dict)
    expect: Token | None = None

    @property
    def path(self) -> str:
        """`region` or `region/key`."""
        return self.region if self.key is None else f"{self.region}/{self.key}"

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        data: dict[str, Any] = {"region": self.region, "kind": self.kind.value, "op": self.op, "args": dict(self.args)}
        if self.key is not None:
            data["key"] = self.key
        if self.expect is not None:
            data["expect"] = self.expect.to_list()
        return data

    @classmethod
    def from_json(cls, data: Any) -> Write:
        """The write that `to_json` described; raises `Invalid`."""
        match data:
            case {"region": str(region), "kind": str(kind), "op": str(op)}:
                pass
            case _:
                raise Invalid("a write names its region, kind and op", code="bad_command")
        key, args, expect = data.get("key"), data.get("args", {}), data.get("expect")
        if kind not in OPERATIONS or op not in OPERATIONS[Kind(kind)]:
            raise Invalid(f"{kind!r} has no operation {op!r}", code="unknown_operation")
        if not isinstance(args, Mapping) or not (key is None or isinstance(key, str)):
            raise Invalid("a write's args are an object, its key a string", code="bad_command")
        return cls(region, Kind(kind), op, key, dict(args), None if expect is None else Token.from_list(expect))


def _check_names(region: Any, key: Any) -> None:
    """Whatever else they are, a region's name and a key are text that can be written down; raises `Invalid`."""
    if not is_text(region):
        raise Invalid("a region's name is text without lone surrogates", code="bad_region_name")
    if key is not None and not is_text(key):
        raise Invalid(f"a key is text without lone surrogates, not {ascii(key)[:40]}", code="bad_key", path=region)


def check_why(why: Any) -> None:
    """A reason, or None for none; raises `Invalid`."""
    if why is not None and (not is_text(why) or len(why) > WHY_CHARS_MAX):
        raise Invalid(f"why= is a text of at most {WHY_CHARS_MAX} characters", code="bad_why")


def check_batch(batch: Any) -> None:
    """The id of a batch, or None for none; raises `Invalid`."""
    if batch is not None and (not is_text(batch) or not 0 < len(batch) <= BATCH_NAME_CHARS_MAX):
        raise Invalid(f"a batch's id is a text of 1 to {BATCH_NAME_CHARS_MAX} characters", code="bad_batch")


@dataclass(frozen=True, slots=True)
class Submission:
    """Writes that land together in one entry, or not at all. `op_id` makes a retry harmless: the same id lands once.

    `batch`: subscribers hear of it when that batch of this session ends.
    """

    writes: tuple[Write, ...]
    op_id: str
    why: str | None = None
    derived_from: tuple[Basis, ...] = ()
    batch: str | None = None

    def __post_init__(self) -> None:
        if not 0 < len(self.writes) <= WRITES_PER_COMMIT_MAX:
            raise Invalid(f"a submission has 1 to {WRITES_PER_COMMIT_MAX} writes", code="too_many_writes")
        for write in self.writes:
            _check_names(write.region, write.key)
        check_why(self.why)
        if len(self.derived_from) > DERIVED_FROM_MAX:
            raise Invalid(f"derived_from= names at most {DERIVED_FROM_MAX} readings", code="too_many_readings")
        if not all(is_text(basis.path) for basis in self.derived_from):
            raise Invalid("a reading's path is text without lone surrogates", code="bad_command")
        if not is_text(self.op_id) or not 0 < len(self.op_id) <= 128:
            raise Invalid("an op id is a text of 1 to 128 characters", code="bad_op_id")
        check_batch(self.batch)

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        data: dict[str, Any] = {"writes": [write.to_json() for write in self.writes], "op_id": self.op_id}
        if self.why is not None:
            data["why"] = self.why
        if self.derived_from:
            data["derived_from"] = [[basis.path, basis.token.to_list()] for basis in self.derived_from]
        if self.batch is not None:
            data["batch"] = self.batch
        return data

    @classmethod
    def from_json(cls, data: Any) -> Submission:
        """The submission that `to_json` described; raises `Invalid`."""
        if not isinstance(data, Mapping) or not isinstance(data.get("writes"), list):
            raise Invalid("a submission has a list of writes", code="bad_command")
        bases: list[Basis] = []
        for pair in data.get("derived_from", ()):
            match pair:
                case [str(path), token]:
                    bases.append(Basis(path, Token.from_list(token)))
                case _:
                    raise Invalid("derived_from is a list of [path, token]", code="bad_command")
        writes = tuple(map(Write.from_json, data["writes"]))
        return cls(writes, data.get("op_id", ""), data.get("why"), tuple(bases), data.get("batch"))


@dataclass(frozen=True, slots=True)
class Question:
    """Read one region (or one key of it). `at_least`: wait until the document has reached that version. `known`: the version
    that the reader has; when that is the current one the answer says so, and leaves the value out. `is_cached` False: have it
    all. `since`: of a log, only what was appended after that version; of a guarded map, each key written after it by itself,
    deleted ones too (0: all that were ever written)."""

    region: str
    kind: Kind
    key: str | None = None
    at_least: int | None = None
    known: int | None = None
    is_cached: bool = True
    since: int | None = None

    def __post_init__(self) -> None:
        _check_names(self.region, self.key)
        is_whole = self.kind is Kind.LOG or (self.kind is Kind.GUARDED_MAP and self.key is None)
        is_version = isinstance(self.since, int) and not isinstance(self.since, bool) and 0 <= self.since <= INTEGER_MAX
        if self.since is not None and not (is_whole and is_version):
            raise Invalid(
                "since= is a version, and of a log or a whole guarded map", code="bad_argument", path=self.region
            )

    @property
    def path(self) -> str:
        """`region` or `region/key`."""
        return self.region if self.key is None else f"{self.region}/{self.key}"


@dataclass(frozen=True, slots=True)
class ReadAnswer:
    """The JSON value of a region at a version. `entries` of a log: [ref, version, by, at] of each item; of a guarded map that
    was asked `since`: [key, version, by, at] of each key written after that, and `value` has those that are set. `marks`: what
    became of refs in it. `is_unchanged`: it is the version that the reader knows, and the value is left out. `since`: a log's
    items and marks are those after that version alone; 0: all that there are."""

    value: Any
    token: Token
    path: str
    by: str | None = None
    at: int | None = None
    entries: tuple[tuple[Any, ...], ...] | None = None
    claim: Mapping[str, Any] | None = None
    marks: Marks | None = None
    is_unchanged: bool = False
    since: int = 0


@dataclass(frozen=True, slots=True)
class Committed:
    """A submission that landed, durably, at `version` (its log offset). `refs`: one list per write (log items, tags).

    `duplicate`: this op id had landed before, at that version; nothing was done twice. `answers`: for a guarded write,
    the fresh reading of its path, so that a writer can go on without reading again. `pending`: made offline, at version 0;
    it merges when the server is back, and `refs` are not the ones that it will have. `info`: what a retraction led to.
    """

    version: int
    refs: tuple[tuple[str, ...], ...] = ()
    duplicate: bool = False
    answers: tuple[ReadAnswer | None, ...] = ()
    pending: bool = False
    info: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class RefusedWrite:
    """A write made offline that did not land: the submission, whole, and the error that says why."""

    submission: Submission
    error: AccordantError
