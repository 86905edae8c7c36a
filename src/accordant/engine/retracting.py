"""Taking back, or superseding, what was written (I7: by an entry, never by erasing): judged on the state and the log's evidence.

Whoever wrote something may take it back; anybody else, whom the region's rules let (`writers=`, or `retract` in `allow=`). What
was made from it becomes suspect, however far, and every region that holds something suspect is touched by the entry: a reading
of it from before is no basis any more.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from accordant.engine.guard import Field, Reader
from accordant.engine.readership import Readership
from accordant.engine.sessions import Session
from accordant.engine.state import DocumentState
from accordant.types.commands import Write
from accordant.types.entries import Entry, OpRecord
from accordant.types.errors import Conflict, Denied, Invalid
from accordant.types.memory_limits import DERIVED_KEPT, SUSPECTS_MAX
from accordant.types.provenance import Evidence, bases, covers, outputs
from accordant.types.refs import Ref
from accordant.types.regions import Kind, RegionSpec

__all__ = ["RecentlyDerived", "Recollection", "Retracting"]

_ADDS = {Kind.LOG: "append", Kind.UNION_SET: "add"}


@dataclass(frozen=True, slots=True)
class Derived:
    """A recent entry that was made from something: what from, and what it brought."""

    offset: int
    bases: tuple[tuple[str, int], ...]
    outputs: tuple[Ref, ...]


class RecentlyDerived:
    """The newest entries that were made from something; `lost` is the offset of the newest that is not among them any more."""

    def __init__(self) -> None:
        self.entries: deque[Derived] = deque()
        self.lost = 0

    def note(self, entry: Entry) -> None:
        """An entry that has just been judged."""
        if made_from := bases(entry):
            self.entries.append(Derived(entry.offset, made_from, outputs(entry)))
            if len(self.entries) > DERIVED_KEPT:
                self.lost = self.entries.popleft().offset

    def rewind(self, head: int) -> None:
        """Nothing after `head` is in the log."""
        while self.entries and self.entries[-1].offset > head:
            self.entries.pop()


@dataclass(frozen=True, slots=True)
class Recollection:
    """What a retraction is judged by beside the state: the log's evidence, what has landed since, and who has read what."""

    evidence: Evidence
    recent: Iterable[Derived]
    readership: Readership


@dataclass(slots=True)
class Retracting:
    """One retraction: `ops` and `guards` for the entry, `info` for its audit, `also`: the write that brings the replacement."""

    state: DocumentState
    session: Session
    reader: Reader
    evidence: Evidence
    ops: list[OpRecord] = field(default_factory=list)
    guards: dict[str, int] = field(default_factory=dict)
    also: Write | None = None
    info: dict[str, Any] = field(default_factory=dict)

    def prepare(self, write: Write, spec: RegionSpec, offset: int, recent: Iterable[Derived], who: Readership) -> None:
        """Raises `Denied`, `Invalid`, `Conflict`; changes nothing."""
        ref = self.evidence.ref
        if ref != write.args.get("ref") or (ref.region, ref.key) != (write.region, write.key):
            raise Invalid(f"{write.path} is not where {ref} is", code="bad_ref", path=write.path)
        if self.evidence.author is None:
            raise Invalid(
                f"the log has no {ref}", code="unknown_ref", path=write.path, hint="refs come from writes and readings"
            )
        self._permitted(write, spec)
        mark = self.state.marks.of(ref)
        if mark is not None and mark.status in ("retracted", "superseded"):
            by, at = self.state.actors.of(mark.version)
            raise Conflict(
                f"{ref} was {mark.status} already, at v{mark.version} by {by}",
                code=f"{mark.status}_already", path=write.path, reason=f"{mark.status}_already", yours=ref.version,
                current=mark.version, changed_by=by, at=at, value=mark.because, recover="reread",
            )  # fmt: skip
        replacement = self._replaced(write, spec, ref, offset)
        suspects, is_cut = self._suspects(ref, recent)
        touched = self._touch(ref, suspects, offset)
        named = [str(ref), *(one for one, _ in suspects)]
        readers = {one: self._readers(Ref(one), self.evidence.until.get(one), who) for one in named}
        self.info = {
            "ref": str(ref),
            "act": write.op,
            "author": self.evidence.author,
            "replacement": replacement,
            "suspects": [list(pair) for pair in suspects],
            "readers": {one: agents for one, agents in readers.items() if agents},
        }
        if is_cut or self.evidence.is_truncated:
            self.info["truncated"] = True
        self.ops += touched

    def _permitted(self, write: Write, spec: RegionSpec) -> None:
        session = self.session
        is_mine = self.evidence.author == session.agent
        if session.read_only or not (is_mine or spec.rules.permits(write.op, session.agent, session.roles)):
            raise Denied(
                f"{session.agent} may not {write.op} {self.evidence.ref}, which {self.evidence.author} wrote",
                code="read_only" if session.read_only else "not_permitted",
                path=write.path,
                operation=write.op,
                agent=session.agent,
                hint=f'its author may, and whoever the region\'s allow= lets: {{"role:curator": {{"{write.op}"}}}}',
            )

    def _replaced(self, write: Write, spec: RegionSpec, ref: Ref, offset: int) -> str | None:
        """The operation on what is taken back; returns the ref of what stands in its place."""
        args, detail = write.args, {"ref": str(ref)}
        has_value = "value" in args
        named = args.get("replacement")
        if has_value and named is not None:
            raise Invalid(f"{write.op} takes a value or the ref of one, not both", code="bad_argument", path=write.path)
        if write.op == "supersede" and not has_value and named is None:
            raise Invalid("supersede says by what: a value, or the ref of one", code="bad_argument", path=write.path)
        if named is not None:
            named = Ref.parse(named)
            if not 0 < named.version <= self.state.head:
                raise Invalid(f"there is no version {named.version} yet, so no {named}", code="unknown_ref")
        if spec.kind.is_guarded:
            return self._replaced_field(write, spec, ref, offset, named)
        self.ops.append(OpRecord(write.region, write.op, write.key, ref.version, detail))
        if not has_value:
            return named
        if spec.kind not in _ADDS:
            raise Invalid(
                f"what replaces a part of a {spec.kind.value} is written by itself",
                code="bad_correction", path=write.path, hint="write it first, then pass its ref",
            )  # fmt: skip
        self.also = Write(write.region, spec.kind, _ADDS[spec.kind], None, {"items": [args["value"]]})
        return f"{write.region}@{offset}.0"

    def _replaced_field(self, write: Write, spec: RegionSpec, ref: Ref, offset: int, named: str | None) -> str | None:
        path, now = write.path, self.state.fields.get(write.path, Field())
        has_value = "value" in write.args
        detail: dict[str, Any] = {"ref": str(ref)}
        if now.version != ref.version:
            if has_value:
                raise Conflict(
                    f"{path} is at v{now.version} by {now.by}; {ref} is not its value any more",
                    path=path, reason="stale_version", yours=ref.version, current=now.version, value=now.value,
                    changed_by=now.by, at=now.at, recover="reread",
                    hint="commit the right value if the present one is wrong too, and pass its ref",
                )  # fmt: skip
            self.ops.append(OpRecord(write.region, write.op, write.key, ref.version, detail))
            return named
        held = now.holder(self.reader.now, self.reader.lives)
        if held is not None and held.generation != self.session.generation:
            raise Denied(
                f"{path} is claimed by {held.agent}", code="claimed", path=path, holder=held.agent, until=held.until
            )
        self.guards[path] = now.version
        detail |= _kept(now)
        if has_value:
            detail["value"], detail["is_set"] = spec.check(write.args["value"]), True
        else:
            detail["of"] = str(ref)
        self.ops.append(OpRecord(write.region, write.op, write.key, ref.version, detail))
        return f"{path}@{offset}" if has_value else named

    def _suspects(self, ref: Ref, recent: Iterable[Derived]) -> tuple[list[tuple[str, str]], bool]:
        """What the evidence found, and what has landed since it was gathered."""
        found = dict(self.evidence.suspects)
        for one in recent:
            if one.offset <= self.evidence.upto:
                continue
            because = next(
                (
                    cause
                    for cause in (str(ref), *found)
                    if any(covers(Ref(cause), None, path, version) for path, version in one.bases)
                ),
                None,
            )
            if because is not None:
                found |= {str(made): because for made in one.outputs if made != ref and str(made) not in found}
        pairs = list(found.items())
        return pairs[:SUSPECTS_MAX], len(pairs) > SUSPECTS_MAX

    def _touch(self, ref: Ref, suspects: list[tuple[str, str]], offset: int) -> list[OpRecord]:
        """Every region that holds something suspect gets this version: a field keeps its value under it."""
        ops: dict[str, OpRecord] = {}
        for text, _ in suspects:
            one = Ref(text)
            now = self.state.fields.get(one.path)
            if now is None:
                ops.setdefault(one.region, OpRecord(one.region, "suspect"))
            elif now.version == one.version and one.path != ref.path:
                self.guards[one.path] = now.version
                detail = {**_kept(now), "of": text}
                ops[one.path] = OpRecord(one.region, "suspect", one.key, now.version, detail)
        ops.pop(ref.region, None)  # the retraction itself touches it
        return list(ops.values())

    def _readers(self, ref: Ref, until: int | None, who: Readership) -> list[str]:
        known = self.evidence.readers.get(str(ref), ())
        return list(dict.fromkeys((*known, *who.of(ref, until))))


def _kept(now: Field) -> dict[str, Any]:
    """A field as it is, for an entry that gives it a new version."""
    claim = now.claim
    held = None if claim is None else claim.to_list()
    return {"value": now.value, "is_set": now.is_set} | ({} if held is None else {"claim": held})
