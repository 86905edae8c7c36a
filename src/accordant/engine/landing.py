"""One submission on its way into the document: judged whole, then performed whole.

`prepare` asks everything that can be refused, against the state as it is and what the submission itself did before; only when
all of it may land does `perform` touch the replica.
"""

from __future__ import annotations

from typing import Any

from accordant.engine import grants
from accordant.engine.answers import present_spec, region_spec
from accordant.engine.freshness import check_bases
from accordant.engine.guard import Field, Reader, judge
from accordant.engine.guarded_root import is_field, show
from accordant.engine.merge import Merge
from accordant.engine.retracting import Recollection, Retracting
from accordant.engine.sessions import Session
from accordant.engine.state import DocumentState
from accordant.engine.update_writer import encode_update
from accordant.types.commands import Submission, Write
from accordant.types.entries import OpRecord
from accordant.types.errors import Denied, Invalid
from accordant.types.limits import KEY_CHARS_MAX
from accordant.types.regions import TAKING_BACK, Kind, RegionSpec

__all__ = ["Landing"]


class Landing:
    """`ops` for the audit, `guards` (path -> version that the store must find), `refs` per write; all as of `offset`."""

    def __init__(
        self,
        state: DocumentState,
        session: Session,
        reader: Reader,
        offset: int,
        recollection: Recollection | None = None,
    ) -> None:
        self._recollection = recollection
        self._state = state
        self._session = session
        self._reader = reader
        self._offset = offset
        self._merge = Merge(state, reader, offset)
        self.ops: list[OpRecord] = []
        self.refs: list[tuple[str, ...]] = []
        self.guards: dict[str, int] = {}
        self.info: dict[str, Any] = {}
        self._grown: dict[str, int] = {}
        self._counted = 0

    def prepare(self, submission: Submission) -> None:
        """Judge all writes; raises the typed error of the first that may not land, and has changed nothing."""
        grants.check_submission(self._session.grant, self._session.agent, submission)
        check_bases(submission.derived_from, self._reader, self._state)
        for write in submission.writes:
            if write.op in TAKING_BACK:
                self._take_back(write)
                continue
            spec = self._permitted(write)
            if spec.kind.is_guarded:
                self.ops.append(self._judged(write, spec))
                self.refs.append(())
            else:
                op, refs = self._merge.prepare(write, spec)
                self.ops.append(op)
                self.refs.append(refs)

    def perform(self) -> bytes | None:
        """Make the change on the live document; returns what it emitted. Raises `ReplicaBroken`."""
        replica = self._state.replica
        with replica.change() as emission:
            if self._merge.structs:
                replica.integrate(encode_update({replica.client_id: self._merge.structs}))
            for action in self._merge.actions:
                action(replica, emission)
            for op in self.ops:
                if is_field(op):
                    show(self._state, op, self._offset, self._session.agent, self._reader.now)
        return emission.update

    def _take_back(self, write: Write) -> None:
        recollection = self._recollection
        if self.info or recollection is None:
            raise Invalid("one submission takes back or supersedes one thing", code="one_retraction", path=write.path)
        spec = present_spec(self._state, write.region, write.key)
        taking = Retracting(self._state, self._session, self._reader, recollection.evidence)
        taking.prepare(write, spec, self._offset, recollection.recent, recollection.readership)
        if any(path in self.guards for path in taking.guards):
            raise Invalid(f"one submission writes {write.path} once", code="twice_in_one", path=write.path)
        self.guards |= taking.guards
        self.ops += taking.ops
        self.info = taking.info
        refs: tuple[str, ...] = ()
        if taking.also is not None:
            op, refs = self._merge.prepare(taking.also, self._permitted(taking.also))
            self.ops.append(op)
            self.info["replacement"] = refs[0]
        elif self.info["replacement"] is not None:
            refs = (self.info["replacement"],)
        self.refs.append(refs)

    def _permitted(self, write: Write) -> RegionSpec:
        spec, session = region_spec(self._state, write.region, write.kind), self._session
        operation = "claim" if write.op in ("renew", "release") else write.op
        if session.read_only or not spec.rules.permits(operation, session.agent, session.roles):
            raise Denied(
                f"{session.agent} may not {write.op} {write.path}",
                code="read_only" if session.read_only else "not_permitted",
                path=write.path,
                operation=write.op,
                agent=session.agent,
                hint="the region's writers= and allow= say who may",
            )
        if write.key is not None and not 0 < len(write.key) <= KEY_CHARS_MAX:
            raise Invalid(f"a key has 1 to {KEY_CHARS_MAX} characters", code="bad_key", path=write.region)
        return spec

    def _judged(self, write: Write, spec: RegionSpec) -> OpRecord:
        if (write.key is None) is (spec.kind is Kind.GUARDED_MAP):
            raise Invalid(f"{write.region} is written {'by key' if write.key is None else 'whole'}", code="bad_key")
        if write.path in self.guards:
            raise Invalid(f"one submission writes {write.path} once", code="twice_in_one", path=write.path)
        field = self._state.fields.get(write.path, Field())
        detail = judge(write, field, self._reader)
        if write.op == "commit":
            is_new_key = write.key is not None and not field.is_set
            if is_new_key and self._keys_by_now(write.region) >= spec.rules.max_items:
                raise Denied(f"{write.region} holds at most {spec.rules.max_items} keys", code="region_full")
            detail = {**detail, "value": spec.check(write.args.get("value"))}
        self.guards[write.path] = field.version
        read = write.expect.version if write.expect is not None else field.version
        return OpRecord(write.region, write.op, write.key, read, detail)

    def _keys_by_now(self, region: str) -> int:
        """How many keys a guarded map has after what this submission did before."""
        for op in self.ops[self._counted :]:  # each counted once: a submission of many keys is no work of their square
            if op.detail is not None and "is_set" in op.detail:
                grown = bool(op.detail["is_set"]) - self._state.fields.get(op.path, Field()).is_set
                self._grown[op.region] = self._grown.get(op.region, 0) + grown
        self._counted = len(self.ops)
        return len(self._state.keyed.get(region, ())) + self._grown.get(region, 0)
