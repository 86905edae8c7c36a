"""The machine of one document: a command and the time go in, ordered effects come out (persist, publish, reply).

It touches nothing: no socket, file, clock or dice. It holds the live state, which may be ahead of what is durable; whoever
runs it shows nothing of that before it is (I2), and after a failed append throws the machine away and builds it anew from the
log. When pycrdt breaks, or does something other than what was judged, `LiveStateBroken` says so, and nothing was recorded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from accordant.engine import gate, grants
from accordant.engine.answers import OrderLost
from accordant.engine.asking import Asking
from accordant.engine.audit import diverging, rewrite
from accordant.engine.commands import (
    Ask,
    Audit,
    Command,
    Declare,
    EndBatch,
    FenceAgent,
    Join,
    Joined,
    Leave,
    Outline,
    Quarantine,
    Submit,
    Sync,
    TakeCut,
    Tick,
    Update,
)
from accordant.engine.crdt import ReplicaBroken
from accordant.engine.denials import Denials, beaten_by
from accordant.engine.durable_view import DurableView
from accordant.engine.effects import Effects, Published
from accordant.engine.epochs import of_another_time
from accordant.engine.eventing import noted
from accordant.engine.guard import Reader
from accordant.engine.guarded_root import is_field, row
from accordant.engine.landing import Landing
from accordant.engine.outline import outline
from accordant.engine.readership import Readership
from accordant.engine.retracting import RecentlyDerived, Recollection
from accordant.engine.rules import check_room_at_once
from accordant.engine.sessions import Ending, Session, Sessions
from accordant.engine.state import DocumentState
from accordant.engine.stores.contract import Commit, Refused
from accordant.types.commands import Committed, ReadAnswer, Submission
from accordant.types.entries import Entry, EntryKind, OpRecord
from accordant.types.errors import AccordantError, Conflict, Denied, Fenced, Invalid, StoreError
from accordant.types.limits import REGION_NAME_CHARS_MAX, REGIONS_OPEN_MAX
from accordant.types.provenance import Evidence
from accordant.types.regions import GUARDED_ROOT, Kind, RegionSpec, Schema
from accordant.types.values import storable

__all__ = ["LiveStateBroken", "Machine"]

ENGINE_ACTOR = "accordant"
OPS_PER_ENTRY_SHOWN = 64


class LiveStateBroken(Exception):
    """The live document can no longer be trusted: flush what was judged before, rebuild from the log, quarantine `update`."""

    def __init__(self, reason: str, session: str | None = None, update: bytes | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.session = session
        self.update = update


class Machine:
    """Decides for one document under one epoch."""

    def __init__(self, state: DocumentState, epoch: int, incarnation: str) -> None:
        self.state = state
        self.epoch = epoch
        self.incarnation = incarnation
        self.sessions = Sessions()
        self._denials = Denials()
        self._derived = RecentlyDerived()
        self._readership = Readership()
        self.view = DurableView(state)
        self.asking = self._asking()
        self._bound: dict[int, str] = {}

    @property
    def head(self) -> int:
        """The offset of the last entry judged, durable or not."""
        return self.state.head

    def handle(self, command: Command, now: int) -> Effects:
        """Decide. Raises only `LiveStateBroken`; refusals are replies."""
        effects = Effects()
        self._expire(now, effects)
        try:
            effects.reply = self._dispatch(command, now, effects)
        except AccordantError as error:
            effects.reply = error
        return effects

    def _dispatch(self, command: Command, now: int, effects: Effects) -> Any:
        match command:
            case Submit():
                return self._submit(command, now, effects)
            case Update():
                return self._update(command, now, effects)
            case Ask():
                return self._ask(command, now)
            case Join():
                return self._join(command, now, effects)
            case Leave():
                return self._leave(command, now, effects)
            case EndBatch():
                session = self._living(command.session, now)
                if (batch := self.state.batches.get(session.id, command.batch)) is not None:
                    self._append(batch.ending(self.head + 1, now, command.why), effects)
                return self.head
            case FenceAgent():
                return self._fence(command, now, effects)
            case Declare():
                return self._declare(command, now, effects)
            case Quarantine():
                return self._quarantine(command, now, effects)
            case Sync():
                return self.asking.lacking(command.state_vector)
            case Outline():
                session = self._living(command.session, now)
                return grants.readable(outline(self.state), session.grant)
            case TakeCut():
                return self.asking.cut(self._living(command.session, now), command.regions)
            case Audit():
                return self._audit(now, effects)
            case Tick():
                return None

    def _asking(self) -> Asking:
        return Asking(self.state, self.sessions, self.view, self._readership, self.epoch, self.incarnation)

    def adopt(self, previous: Machine) -> None:
        """Take over from a machine whose live state was thrown away: its sessions as far as their joins and ends are in the
        log, which client ids they write under, and the Python types of the regions that the log knows."""
        previous.sessions.rewind(self.head)
        self.sessions, self._denials, self._bound = previous.sessions, previous._denials, previous._bound
        self._derived, self._readership = previous._derived, previous._readership
        self._derived.rewind(self.head)
        self.asking = self._asking()
        known = self.state.schema.regions
        typed = {
            name: spec
            for name, spec in previous.state.schema.regions.items()
            if name in known and known[name].kind is spec.kind
        }
        if typed:
            self.state.declare(Schema(previous.state.schema.name, typed))

    # -- sessions ---------------------------------------------------------------------------------------------

    def take_over(self, now: int, holder: str) -> Effects:
        """The first entry of this epoch: who decides from here on, and a mark of it for every replica (`epochs`)."""
        effects = Effects()
        info = {"epoch": self.epoch, "holder": holder}
        update = None if self.state.ledger.next_clock(self.epoch) else self.state.replica.leave_mark()
        self._fold_own(Entry(self.head + 1, EntryKind.EPOCH, now, ENGINE_ACTOR, info=info, update=update), {}, effects)
        for batch in self.state.batches.all():  # their sessions are gone with the authority before
            self._append(batch.ending(self.head + 1, now, "its session has ended"), effects)
        return effects

    def _join(self, command: Join, now: int, effects: Effects) -> Joined:
        if command.agent == ENGINE_ACTOR:
            raise Denied(f"the name {ENGINE_ACTOR!r} is the engine's own in the log", code="reserved_name")
        for old in self.sessions.replaced_by(command.agent, command.shared):
            self._end(old, Ending.REPLACED, now, effects)
        generation = self.head + 1
        who = (command.agent, command.session, generation, command.auth)
        entry = Entry(generation, EntryKind.JOIN, now, *who, info=command.noted())
        self._append(entry, effects)
        session = Session(
            command.session,
            command.agent,
            generation,
            command.roles,
            command.auth,
            command.shared,
            command.read_only,
            command.lease_ms,
            grant=command.grant,
        )
        self.sessions.begin(session, now)
        return Joined(command.session, generation, self.epoch, self.incarnation, self.head)

    def _leave(self, command: Leave, now: int, effects: Effects) -> int:
        session = self.sessions.get(command.session)
        if session is not None:
            self._end(session, Ending.CLOSED, now, effects, command.reason)
        return self.head

    def _fence(self, command: FenceAgent, now: int, effects: Effects) -> int:
        living = self.sessions.of(command.agent)
        for session in living:
            self._end(session, Ending.FENCED, now, effects, command.reason, command.by)
        return len(living)

    def _expire(self, now: int, effects: Effects) -> None:
        for session in self.sessions.expired(now):
            self._end(session, Ending.EXPIRED, now, effects)

    def _end(
        self,
        session: Session,
        ending: Ending,
        now: int,
        effects: Effects,
        reason: str | None = None,
        by: str | None = None,
    ) -> None:
        for batch in self.state.batches.of(session.id):
            self._append(batch.ending(self.head + 1, now, "its session has ended"), effects)
        self.sessions.end(session.id, self.head + 1)
        self._bound = {client: owner for client, owner in self._bound.items() if owner != session.id}
        info = {"ending": ending.value} | ({"by": by} if by else {})
        entry = self._entry(EntryKind.LEAVE, session, now, info=info, why=reason)
        self._append(entry, effects)

    def _living(self, session_id: str, now: int, path: str = "") -> Session:
        session = self.sessions.get(session_id)
        if session is None:
            raise Fenced.ended(path=path)
        self.sessions.touch(session, now)
        return session

    def _reader(self, session: Session, now: int) -> Reader:
        return Reader(session.agent, session.generation, self.epoch, self.incarnation, now, self.sessions.lives)

    # -- reading ----------------------------------------------------------------------------------------------

    def _ask(self, command: Ask, now: int) -> ReadAnswer:
        session = self._living(command.session, now, command.question.region)
        try:
            return self.asking.ask(session, command.question)
        except OrderLost as error:
            raise LiveStateBroken(str(error)) from error

    # -- writing ----------------------------------------------------------------------------------------------

    def _submit(self, command: Submit, now: int, effects: Effects) -> Committed:
        submission = command.submission
        landed = self.state.op_ids.get(submission.op_id)
        if landed is not None:
            return Committed(landed, duplicate=True)
        try:
            session = self._living(command.session, now, submission.writes[0].path)
            return self._land(session, submission, now, effects, command.evidence)
        except AccordantError as error:
            self._deny(command.session, submission, error, now, effects)
            living = self.sessions.get(command.session)
            if isinstance(error, Conflict) and living is not None:  # the loser may derive again without reading again
                error.fields["token"] = self.asking.answers(living).token(error.fields["current"]).to_list()
            raise

    def _land(
        self, session: Session, submission: Submission, now: int, effects: Effects, evidence: Evidence | None
    ) -> Committed:
        recollection = None
        if evidence is not None:
            if self._derived.lost > evidence.upto:
                raise StoreError("too much has landed since this was looked up", code="evidence_old", landed=False)
            recollection = Recollection(evidence, self._derived.entries, self._readership)
        landing = Landing(self.state, session, self._reader(session, now), self.head + 1, recollection)
        landing.prepare(submission)
        self.view.touch(landing.ops, self.head + 1, taking_back=bool(landing.info))
        try:
            update = landing.perform()
        except ReplicaBroken as error:
            raise LiveStateBroken(str(error)) from error
        entry = self._entry(
            EntryKind.RETRACTION if landing.info else EntryKind.WRITE,
            session,
            now,
            ops=tuple(landing.ops),
            info=landing.info,
            why=submission.why,
            derived_from=tuple((basis.path, basis.token.version) for basis in submission.derived_from),
            op_id=submission.op_id,
            update=update,
        )
        entry = noted(entry, self.state.writers.second(entry), submission.batch)
        self._fold_own(entry, landing.guards, effects)
        for batch in self.state.batches.due(session.id):
            self._append(batch.ending(self.head + 1, now), effects)
        self._derived.note(entry)
        for op in entry.ops:
            self._denials.clear(session.id, op.path)
        answers = self.asking.answers(session)
        after = tuple(answers.field(write) if write.kind.is_guarded else None for write in submission.writes)
        return Committed(entry.offset, tuple(landing.refs), answers=after, info=landing.info or None)

    def _fold_own(self, entry: Entry, guards: Mapping[str, int], effects: Effects) -> None:
        """Fold what we did ourselves, and hand it on to be persisted."""
        state = self.state
        plan = None
        if entry.update is not None:
            plan = gate.check_own(state.ledger, entry.update, state.replica.client_id, state.schema)
            gate.absorb(state.ledger, plan, entry.offset, entry.actor, None)
        state.record(entry, plan)
        rows = [row(state, op, entry) for op in entry.ops if is_field(op)]
        self._emit(Commit(entry, guards, rows), effects)

    # -- updates from peers -----------------------------------------------------------------------------------

    def _update(self, command: Update, now: int, effects: Effects) -> int:
        session = self._living(command.session, now)
        landed = None if command.op_id is None else self.state.op_ids.get(command.op_id)
        if landed is not None:
            return landed
        try:
            plan = gate.check(
                self.state.ledger,
                self.state.schema,
                command.decoded or command.update,
                gate.Peer(session.agent, session.roles),
            )
            if session.read_only and not plan.is_noop:  # Yjs peers answer step 1 even when they have nothing new
                raise _reader(session)
            if session.grant.allow is not None:
                grants.check_plan(session.grant, session.agent, plan)
            if command.is_trial and plan.deletes:
                check_room_at_once(plan.draft, self.state.schema)
        except AccordantError as refused:
            found = of_another_time(self.state.ledger, command.update, refused) if command.catches_up else refused
            # A reader's second edit refers to its first, which is nowhere: whatever else is wrong, that is the reason.
            error = _reader(session) if session.read_only else found
            if not command.is_trial:
                self._refuse(session, command.update, error, now, effects)
            raise error from (found if error is not found else None)
        if plan.is_noop:
            return self.head
        self.view.touch_regions((op.region for op in plan.ops), self.head + 1)
        try:
            emitted = self.state.replica.apply(command.update)
        except ReplicaBroken as error:
            raise LiveStateBroken(str(error), session.id, command.update) from error
        if not gate.verify_emitted(plan, emitted, command.update):
            raise LiveStateBroken("it did something else than it said", session.id, command.update)
        if emitted is None:
            return self.head
        own = plan if emitted == command.update else gate.check_own(self.state.ledger, emitted, None, self.state.schema)
        if not command.catches_up:
            self._bind(session, plan.fresh_clients, now, effects)
        entry = self._entry(EntryKind.WRITE, session, now, ops=_records(plan), update=emitted)
        if command.op_id is not None or command.why is not None:
            entry = replace(entry, op_id=command.op_id, why=command.why)
        entry = noted(entry, self.state.writers.second(entry), None)
        gate.absorb(self.state.ledger, own, entry.offset, entry.actor, None)
        self.state.record(entry, own)
        self._emit(Commit(entry), effects)
        return self.head

    def _bind(self, session: Session, clients: Sequence[int], now: int, effects: Effects) -> None:
        """These client ids write for this session now. If another living session (of the same agent: the gate saw to that)
        wrote under one, it is a dead connection's or a clone's: it ends, since two writers under one id lose edits unseen. What
        a peer sends to catch up binds nothing: tabs of one browser pass each other's edits on."""
        for client in clients:
            other = self.sessions.get(self._bound.get(client, session.id))
            if other is not None and other.id != session.id:
                self._end(other, Ending.REPLACED, now, effects, f"client id {client} went to another session")
            self._bound[client] = session.id

    def _quarantine(self, command: Quarantine, now: int, effects: Effects) -> None:
        session = self._living(command.session, now)
        error = Invalid(f"the update was refused: {command.reason}", code="not_as_judged")
        decoded = gate.decode_update(command.update)
        error.fields["clients"] = gate.own_clients(self.state.ledger, decoded, session.agent)
        self._refuse(session, command.update, error, now, effects)
        raise error

    def _refuse(self, session: Session, update: bytes, error: AccordantError, now: int, effects: Effects) -> None:
        """Keep what was refused (I9), and retire the client ids under which its sender cannot go on."""
        retired = error.fields.pop("clients", ())
        path = str(error.fields.get("path", ""))
        times = self._denials.count(session.id, path, error.code)
        fresh = [client for client in retired if client not in self.state.ledger.retired]
        if times is None and not fresh:
            return
        info: dict[str, Any] = {"code": error.code, "message": error.message, "times": times or 1, "retired": fresh}
        ops = (OpRecord(path or "*", str(error.fields.get("operation", "update"))),)
        entry = self._entry(EntryKind.REFUSAL, session, now, ops=ops, info=info, outcome=error.status)
        self.state.record(entry, None)
        self._emit(Commit(entry, refused=Refused(update, f"{error.code}: {error.message}", session.agent)), effects)

    def _audit(self, now: int, effects: Effects) -> list[str]:
        found = diverging(self.state)
        for name, kind in found:
            self.view.touch_regions((name,), self.head + 1)
            try:
                with self.state.replica.change() as emission:
                    rewrite(self.state.replica, name, kind, emission)
            except ReplicaBroken as error:
                raise LiveStateBroken(str(error)) from error
            detail = {"upto": self.head, "count": len(self.state.value(name, kind))}
            op = OpRecord(name, "compact" if kind is Kind.LOG else "rethink", None, None, detail)
            why = "a hostile insertion made replicas disagree about the order"
            entry = Entry(self.head + 1, EntryKind.WRITE, now, ENGINE_ACTOR, ops=(op,), why=why, update=emission.update)
            self._fold_own(entry, {}, effects)
        return [name for name, _ in found]

    # -- schema -----------------------------------------------------------------------------------------------

    def _declare(self, command: Declare, now: int, effects: Effects) -> Schema:
        """Merge a schema in. Kinds of regions that exist cannot change; only the embedding process may change rules."""
        mine = self.state.schema
        if len(mine.regions) + len(command.schema.regions) > REGIONS_OPEN_MAX:
            raise Invalid(f"a document has at most {REGIONS_OPEN_MAX} regions", code="too_many_regions")
        added: dict[str, RegionSpec] = {}
        for name, spec in command.schema.regions.items():
            old = mine.region(name)
            if name == GUARDED_ROOT or not 0 < len(name) <= REGION_NAME_CHARS_MAX or "/" in name:
                raise Invalid(f"{name[:80]!r} cannot be a region's name", code="bad_region_name")
            if old is not None and old.kind is not spec.kind:
                raise Invalid(
                    f"{name} is a {old.kind.value} region here, not a {spec.kind.value}",
                    code="schema_mismatch",
                    path=name,
                )
            if old is None and self.state.misfits(name, spec.kind):
                raise Invalid(
                    f"{name} holds something else than a {spec.kind.value}", code="schema_mismatch", path=name
                )
            if old is None:
                grants.check_declare(command.grant, command.by, name)
            if old is None or command.trusted:
                added[name] = spec
        shown = {name: spec.describe() for name, spec in added.items()}
        news = {n: d for n, d in shown.items() if (old := mine.region(n)) is None or old.describe() != d}
        if news:
            described = storable({"name": command.schema.name, "regions": news})
            entry = Entry(self.head + 1, EntryKind.SCHEMA, now, command.by, info={"schema": described})
            self._append(entry, effects)
        if added:
            self.state.declare(Schema(command.schema.name, added))
        return self.state.schema

    # -- the log ----------------------------------------------------------------------------------------------

    def _deny(self, session_id: str, submission: Submission, error: AccordantError, now: int, effects: Effects) -> None:
        """Record who was beaten by whom, having read what; repeated failures are counted (I7)."""
        path = str(error.fields.get("path") or submission.writes[0].path)
        times = self._denials.count(session_id, path, error.code)
        if times is None:
            return
        session = self.sessions.get(session_id) or self.sessions.ended(session_id)
        entry = self._entry(
            EntryKind.DENIAL,
            session,
            now,
            ops=tuple(
                OpRecord(w.region, w.op, w.key, None if w.expect is None else w.expect.version)
                for w in submission.writes[:OPS_PER_ENTRY_SHOWN]
            ),
            why=submission.why,
            info=beaten_by(error) | {"code": error.code, "times": times, "session": session_id},
            outcome=error.status,
            derived_from=tuple((basis.path, basis.token.version) for basis in submission.derived_from),
        )
        self._append(entry, effects)

    def _entry(self, kind: EntryKind, session: Session | None, now: int, **fields: Any) -> Entry:
        if session is None:
            return Entry(self.head + 1, kind, now, "?", **fields)
        return Entry(self.head + 1, kind, now, session.agent, session.id, session.generation, session.auth, **fields)

    def _append(self, entry: Entry, effects: Effects) -> None:
        """Record an entry that does not change the document."""
        self.state.record(entry, None)
        self._emit(Commit(entry), effects)

    def _emit(self, commit: Commit, effects: Effects) -> None:
        effects.persist.append(commit)
        effects.publish.append(Published.of(commit.entry))


def _reader(session: Session) -> Denied:
    return Denied(f"{session.agent} joined read-only", code="read_only", agent=session.agent)


def _records(plan: gate.Plan) -> tuple[OpRecord, ...]:
    """The audit records of a peer's update: one per region, operation and key, with counts; the rest of many is summed."""
    counts: dict[tuple[str, str, str | None], int] = {}
    for op in plan.ops:
        key = (op.region, op.operation, op.key)
        if key not in counts and len(counts) >= OPS_PER_ENTRY_SHOWN:
            key = (op.region, op.operation, None)
        counts[key] = counts.get(key, 0) + op.count
    return tuple(OpRecord(region, name, key, None, {"count": n}) for (region, name, key), n in counts.items())
