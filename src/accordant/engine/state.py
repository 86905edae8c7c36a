"""A document's state as the fold of its log: one function applies an entry, whether it just happened or is read back.

Owns the live replica, the gate's ledger, guarded fields, versions and log orders. Decides nothing: what is folded has been
judged. `dump` and `load` are the checkpoint; `canonical_state` is what equality of replicas means (I8).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from itertools import groupby, islice
from typing import Any

from accordant.engine import gate
from accordant.engine.actors import Actors
from accordant.engine.appending import Tails
from accordant.engine.batches import OpenBatches
from accordant.engine.crdt import Replica
from accordant.engine.guard import LOST_CLAIMS_KEPT, ClaimState, Field, claim_from
from accordant.engine.ledger import Ledger
from accordant.engine.log_order import LogOrder, Slot, UnknownOrigin
from accordant.engine.marks import Marks
from accordant.engine.members import MemberIndex
from accordant.engine.render import item_ids
from accordant.engine.resolve import ROOT_SHAPES
from accordant.engine.writers import Writers
from accordant.types.entries import Entry, EntryKind, OpRecord
from accordant.types.limits import OP_IDS_KEPT
from accordant.types.regions import COHERENCE, GUARDED_ROOT, Kind, RegionSpec, Schema

__all__ = ["MAGIC", "DocumentState"]

UNDECLARED = {ROOT_SHAPES[kind]: kind for kind in (Kind.LOG, Kind.MAP, Kind.TEXT, Kind.XML)}
"""As what a root reads that nobody declared."""

MAGIC = b"accordant-state\x01"


class DocumentState:
    """Everything the log says, as of `head`. `client_id` is that of the authority that writes from here on."""

    def __init__(self, client_id: int) -> None:
        self.head = 0
        self.replica = Replica(client_id)
        self.ledger = Ledger()
        self.schema = Schema.open()
        self.fields: dict[str, Field] = {}
        self.keyed: dict[str, dict[str, None]] = {}
        self.versions: dict[str, int] = {}
        self.actors = Actors()
        self.orders: dict[str, LogOrder | None] = {}
        self.folded: dict[str, int] = {}
        self.tails = Tails()
        self._members: dict[str, MemberIndex] = {}
        self._recent: dict[str, dict[str, None]] = {}
        self.op_ids: dict[str, int] = {}
        self.marks = Marks()
        self.writers = Writers()
        self.batches = OpenBatches()

    # -- asking -----------------------------------------------------------------------------------------------

    def version_of(self, path: str) -> tuple[int, str | None]:
        """(version, author) of a guarded path, or of a region: the offset of the last entry that touched it."""
        field = self.fields.get(path)
        if field is not None:
            return field.version, field.by
        version = self.versions.get(path, 0)
        return version, self.actors.of(version)[0]

    def spec(self, name: str, kind: Kind) -> RegionSpec | None:
        """The region of that name; in an open schema, one of the kind asked for with merge rules only."""
        found = self.schema.region(name)
        if found is None and self.schema.is_open:
            return RegionSpec(name, kind)
        return found

    def kinds(self) -> dict[str, Kind]:
        """Declared regions, then the roots that an open document has beyond them, their kinds as their content shows."""
        found = {name: spec.kind for name, spec in self.schema.regions.items()}
        for name, root in sorted(self.ledger.roots.items()):
            if name not in found and root.shape in UNDECLARED and name != GUARDED_ROOT:
                found[name] = UNDECLARED[root.shape]
        return found

    def kinds_of_all(self) -> dict[str, Kind]:
        """`kinds`, and the guarded regions that an open document has beyond them."""
        found = self.kinds()
        if self.schema.is_open:
            for path in self.fields:
                name, slash, _ = path.partition("/")
                found.setdefault(name, Kind.GUARDED_MAP if slash else Kind.GUARDED)
        if COHERENCE in self.keyed:
            found[COHERENCE] = Kind.GUARDED_MAP
        return found

    def kinds_in(self, names: Collection[str] | None) -> dict[str, Kind]:
        """The regions of a cut: those of these names, None: all. Whoever asks for the findings gets them, or an empty region."""
        kinds = {name: kind for name, kind in self.kinds_of_all().items() if names is None or name in names}
        if names is not None and COHERENCE in names:
            kinds[COHERENCE] = Kind.GUARDED_MAP
        return kinds

    def misfits(self, name: str, kind: Kind) -> bool:
        """Whether the root of that name holds another shape than a region of this kind has."""
        root = self.ledger.roots.get(name)
        return not kind.is_guarded and root is not None and 0 <= root.shape != ROOT_SHAPES[kind]

    def value(self, name: str, kind: Kind) -> Any:
        """A mergeable region's JSON value, canonical."""
        replica = self.replica
        match kind:
            case Kind.TEXT:
                return replica.text(name)
            case Kind.LOG:
                return replica.items(name)
            case Kind.UNION_SET:
                return members(replica.entries(name))
            case Kind.COUNTER:
                return count(replica.entries(name))
            case Kind.XML:
                return replica.xml(name)
            case _:
                return replica.entries(name)

    def members_of(self, name: str) -> MemberIndex:
        """The members of a set by value; made when first asked for, then kept up to date."""
        if name not in self._members:
            self._members[name] = MemberIndex(self.replica.entries(name))
        return self._members[name]

    def keys(self, name: str) -> dict[str, Field]:
        """The fields of a guarded map by key, set ones alone, in the order in which they were set."""
        return {key: self.fields[f"{name}/{key}"] for key in self.keyed.get(name, ())}

    def written_since(self, name: str, since: int) -> dict[str, Field]:
        """The fields of a guarded map written after that version by key, deleted ones too, in the order of their versions."""
        recent = self._recent.get(name)
        if recent is None:
            prefix = f"{name}/"
            found = [(one.version, path) for path, one in self.fields.items() if path.startswith(prefix)]
            recent = self._recent[name] = {path[len(prefix) :]: None for _, path in sorted(found)}
        keys: list[str] = []
        for key in reversed(recent):
            if self.fields[f"{name}/{key}"].version <= since:
                break
            keys.append(key)
        return {key: self.fields[f"{name}/{key}"] for key in reversed(keys)}

    def canonical_state(self) -> dict[str, Any]:
        """All visible content: equal for replicas that hold the same log prefix (I8)."""
        regions = {name: self.value(name, kind) for name, kind in sorted(self.kinds().items()) if not kind.is_guarded}
        guarded = {path: [field.value, field.version] for path, field in sorted(self.fields.items()) if field.is_set}
        return {"head": self.head, "guarded": guarded, "regions": regions}

    def log_rows(self, name: str) -> list[tuple[str, int, str | None, int | None]]:
        """(ref, version, by, at) of each item of a log or an undeclared array, in document order."""
        order = self.orders.get(name)
        if order is not None:
            pairs = [(slot.version, slot.n) for slot in order.slots()]
        elif name in self.ledger.roots:
            ids = item_ids(self.replica, self.ledger, name)
            pairs = _numbered([(self.ledger.version(*one), one) for one in ids])
        else:
            pairs = []
        return [(f"{name}@{version}.{n}", version, *self.actors.of(version)) for version, n in pairs]

    # -- folding ----------------------------------------------------------------------------------------------

    def fold(self, entry: Entry) -> None:
        """Apply an entry read back from the log. Raises `ReplicaBroken` or `WireError` when it does not fit what went before."""
        plan = None
        if entry.update is not None:
            plan = gate.check_own(self.ledger, entry.update, None, self.schema)
            self.replica.apply(entry.update)
            gate.absorb(self.ledger, plan, entry.offset, entry.actor, None)
        self.record(entry, plan)

    def record(self, entry: Entry, plan: gate.Plan | None) -> None:
        """The part of folding that live entries share: everything but the replica and the ledger."""
        if entry.offset != self.head + 1:
            raise AssertionError(f"entry {entry.offset} does not follow {self.head}")
        self.head = entry.offset
        self.actors.record(entry.actor, entry.at)
        self.writers.record(entry)
        self.batches.record(entry)
        if entry.op_id is not None:
            self.op_ids[entry.op_id] = entry.offset
            if len(self.op_ids) > 2 * OP_IDS_KEPT:
                self.op_ids = dict(islice(self.op_ids.items(), OP_IDS_KEPT, None))
        if entry.kind is EntryKind.SCHEMA:
            self.declare(Schema.from_description(entry.info["schema"]))
        elif entry.kind is EntryKind.REFUSAL:
            self.ledger.retire(entry.info.get("retired", ()), entry.info.get("code", "refused"))
        elif entry.kind in (EntryKind.WRITE, EntryKind.RETRACTION):
            self._record_write(entry, plan)
            if entry.kind is EntryKind.RETRACTION:
                self.marks.record(entry)

    def declare(self, schema: Schema) -> None:
        """Regions were declared; Python item types and validators of a class that is loaded are kept."""
        for name, spec in schema.regions.items():
            if spec.kind is Kind.LOG and name not in self.schema.regions and name in self.ledger.roots:
                self.orders[name] = None
        merged = dict(self.schema.regions) | dict(schema.regions)
        self.schema = Schema(schema.name, merged, is_open=not merged)

    def _record_write(self, entry: Entry, plan: gate.Plan | None) -> None:
        for op in entry.ops:
            if op.detail is not None and "is_set" in op.detail:
                self._record_field(entry, op, op.detail)
            self.versions[op.region] = entry.offset
        if plan is None:
            return
        for run in plan.draft.runs:
            self.tails.record(run)
        for done in plan.ops:
            if done.region in self._members and not self._members[done.region].record(done):
                del self._members[done.region]
        compacted = {op.region: op.detail for op in entry.ops if op.op == "compact" and op.detail is not None}
        for region in dict.fromkeys(op.region for op in plan.ops):
            spec = self.schema.region(region)
            if spec is not None and spec.kind is Kind.LOG:
                self._record_log(entry, plan, region, compacted.get(region))

    def _record_log(self, entry: Entry, plan: gate.Plan, region: str, compaction: Mapping[str, Any] | None) -> None:
        """Keep the order of a log's items. None in the table: it had items before it was declared a log, or a late append
        names one that is not in the table; then the order is asked of the replica, slowly, and stays right."""
        if compaction is not None:
            self.folded[region] = entry.offset
        order = self.orders.setdefault(region, LogOrder())
        if order is None:
            return
        slots = self._slots(entry, plan, region, is_folded=compaction is not None)
        try:
            if compaction is not None:
                order.fold(compaction["upto"], slots)
            else:
                for slot in slots:
                    order.append(slot)
        except UnknownOrigin:
            self.orders[region] = None

    def _record_field(self, entry: Entry, op: OpRecord, detail: Mapping[str, Any]) -> None:
        old = self.fields.get(op.path, Field())
        version = old.version if detail.get("keeps_version") else entry.offset
        claim, lost = claim_from(detail.get("claim"), version), old.lost
        if old.claim is not None and (claim is None or claim.fence != old.claim.fence):
            lost = (*lost, (old.claim.fence, entry.offset, old.claim.generation))[-LOST_CLAIMS_KEPT:]
        if op.key is not None:
            keys = self.keyed.setdefault(op.region, {})
            if detail["is_set"]:
                keys[op.key] = None
            else:
                keys.pop(op.key, None)
            recent = self._recent.get(op.region)
            if recent is not None and version == entry.offset:  # a version that stays keeps its place in their order
                recent.pop(op.key, None)
                recent[op.key] = None
        self.fields[op.path] = Field(detail["value"], version, entry.actor, entry.at, detail["is_set"], claim, lost)

    def _slots(self, entry: Entry, plan: gate.Plan, region: str, is_folded: bool) -> list[Slot]:
        slots: list[Slot] = []
        for op in plan.ops:
            if op.region != region or op.operation != "append":
                continue
            client, clock = op.ids[0]
            origin, dead = op.origin, set(op.dead)
            for n in range(op.count):
                one = (client, clock + n)
                slots.append(Slot(one, origin, entry.offset, len(slots), one not in dead, is_folded))
                origin = one
        return slots

    # -- checkpoints ------------------------------------------------------------------------------------------

    def dump(self) -> bytes:
        """The state as bytes: a magic, a SHA-256 of the rest, then four sections with their lengths (JSON, Yjs update,
        ledger, actors)."""
        data = {
            "head": self.head,
            "schema": self.schema.describe(),
            "versions": self.versions,
            "fields": {path: _field_to_json(field) for path, field in self.fields.items()},
            "keyed": {name: list(keys) for name, keys in self.keyed.items()},
            "orders": {name: None if order is None else order.dump() for name, order in self.orders.items()},
            "folded": self.folded,
            "tails": self.tails.ends,
            "op_ids": self.op_ids,
            "marks": self.marks.dump(),
            "writers": self.writers.dump(),
            "batches": self.batches.dump(),
        }
        text = json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode()
        sections = (text, self.replica.encode(), self.ledger.dump(), self.actors.dump())
        body = b"".join(len(section).to_bytes(8, "big") + section for section in sections)
        return MAGIC + hashlib.sha256(body).digest() + body

    @classmethod
    def load(cls, client_id: int, data: bytes) -> DocumentState:
        """What `dump` gave; raises `ValueError` for anything else."""
        if not data.startswith(MAGIC):
            raise ValueError("not a checkpoint of this format")
        sections, at = [], len(MAGIC) + 32
        if hashlib.sha256(data[at:]).digest() != data[len(MAGIC) : at]:
            raise ValueError("the checkpoint is damaged")
        for _ in range(4):
            size = int.from_bytes(data[at : at + 8], "big")
            sections.append(data[at + 8 : at + 8 + size])
            at += 8 + size
        text, update, ledger, actors = sections
        state = cls(client_id)
        shown = json.loads(text)
        state.head = shown["head"]
        state.schema = Schema.from_description(shown["schema"])
        state.versions = shown["versions"]
        state.actors = Actors.load(actors)
        state.fields = {path: _field_from_json(row) for path, row in shown["fields"].items()}
        state.keyed = {name: dict.fromkeys(keys) for name, keys in shown["keyed"].items()}
        state.orders = {n: None if rows is None else LogOrder.load(rows) for n, rows in shown["orders"].items()}
        state.folded = shown["folded"]
        state.tails = Tails({n: None if end is None else (end[0], end[1]) for n, end in shown["tails"].items()})
        state.op_ids = shown["op_ids"]
        state.marks = Marks.load(shown.get("marks", ()))
        state.writers = Writers.load(shown.get("writers"), state.versions)
        state.batches = OpenBatches.load(shown.get("batches", ()))
        state.replica = Replica(client_id, update)
        state.ledger = Ledger.load(ledger)
        return state


def _numbered(ids: list[tuple[int, tuple[int, int]]]) -> list[tuple[int, int]]:
    """(version, n): the n-th item that this version brought, in the order of their ids."""
    number = {one: n for _, group in groupby(sorted(ids), key=lambda pair: pair[0]) for n, one in enumerate(group)}
    return [(one[0], number[one]) for one in ids]


def members(entries: Mapping[str, Any]) -> list[Any]:
    """The distinct members of an OR-set, in the order of their canonical texts."""
    seen = {json.dumps(value, sort_keys=True): value for value in entries.values()}
    return [seen[text] for text in sorted(seen)]


def count(entries: Mapping[str, Any]) -> int:
    """The value of a PN-counter: what everybody added less what everybody took away."""
    return sum(int(plus) - int(minus) for plus, minus in entries.values())


def _field_to_json(field: Field) -> list[Any]:
    claim = field.claim
    held = None if claim is None else claim.to_list()
    return [field.value, field.version, field.by, field.at, field.is_set, held, field.lost]


def _field_from_json(row: list[Any]) -> Field:
    value, version, by, at, is_set, held, lost = row
    return Field(
        value,
        version,
        by,
        at,
        is_set,
        None if held is None else ClaimState(*held),
        tuple((f, end, g) for f, end, g in lost),
    )
