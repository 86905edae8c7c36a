"""The gate: no byte of an update reaches the CRDT library before every operation in it is known and allowed (I1).

The library's own `apply_update` is no boundary: it parks what it cannot place until somebody else's honest update brings it
in, accepts foreign ids, and dies of 400 kB. So: `check` decodes, resolves and judges, pure; the caller applies the bytes;
`verify_emitted` compares what the document says it did with the plan; `absorb` enters it in the ledger. One update at a
time and in this order: a plan is good for the ledger that it was made against.

Knows no CRDT library, no clock, no store.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from accordant.engine.ledger import Client, Ledger, Place, contains
from accordant.engine.ranges import Ranges
from accordant.engine.resolve import Draft, resolve
from accordant.engine.rules import Op, Peer, describe, judge, note_for
from accordant.engine.update import (
    DELETED,
    FORMAT,
    GC,
    DeleteSet,
    Update,
    decode_delete_set,
    decode_update,
)
from accordant.types.errors import AccordantError, WireError
from accordant.types.limits import AUTHORITY_ID_END, AUTHORITY_ID_MIN, UPDATE_BYTES_MAX
from accordant.types.regions import Schema

__all__ = ["Op", "Peer", "Plan", "absorb", "check", "check_own", "decode_update", "own_clients", "verify_emitted"]

OWN_BYTES_MAX = 4 * UPDATE_BYTES_MAX
"""What the document emits may be larger than what came in: it adds the deletions that the merge itself decided."""


class Plan(NamedTuple):
    """What an update does, before it is done. A tuple, because one is made for every keystroke.

    `fresh`: client -> (clock, end) of new content; `deletes`: client -> ranges that were alive until now.
    """

    fresh: dict[int, tuple[int, int]]
    ops: tuple[Op, ...]
    deletes: dict[int, list[tuple[int, int]]]
    is_noop: bool
    draft: Draft
    revision: int

    @property
    def fresh_clients(self) -> tuple[int, ...]:
        """Client ids that bring new content."""
        return tuple(self.fresh)

    @property
    def new_clients(self) -> tuple[int, ...]:
        """Client ids that the document has never seen: this update binds them to its actor."""
        return tuple(client for client, (start, _) in self.fresh.items() if start == 0)


def check(ledger: Ledger, schema: Schema, update: bytes | Update, peer: Peer) -> Plan:
    """What a peer's update would do. Raises `WireError`, `Denied` or `Invalid` with a stable code; changes nothing.

    A refusal's `clients` are the sender's own ids in it, which must be retired: their replica holds what was refused.
    """
    decoded = decode_update(update) if isinstance(update, bytes) else update
    actor = peer.actor

    def may_write(client: int, found: Client | None) -> None:
        if found is None or found.owner != actor or client in ledger.retired:
            _check_client(ledger, client, found, actor)

    try:
        draft = resolve(ledger, decoded, schema, may_write)
        ops = judge(draft, schema, peer) if draft.runs or draft.deletes else ()
    except AccordantError as error:
        error.fields.setdefault("clients", own_clients(ledger, decoded, actor))
        raise
    return Plan(draft.fresh, ops, draft.deletes, not (draft.runs or draft.deletes), draft, ledger.revision)


def check_own(ledger: Ledger, update: bytes | Update, authority_id: int | None, schema: Schema | None = None) -> Plan:
    """What an update of the document itself does: integrity without rules.

    `authority_id` is the only id that may bring content; None for updates read back from the log, which anybody wrote.
    With a schema, set members are remembered too, so that a peer may repeat one.
    """
    if isinstance(update, bytes):
        update = decode_update(update, OWN_BYTES_MAX, is_own=True)

    def may_write(client: int, found: Client | None) -> None:
        if authority_id is not None and client != authority_id:
            raise WireError(f"client {client} is not this authority", code="forged_client", client=client)

    draft = resolve(ledger, update, schema, may_write, is_own=True)
    return Plan(draft.fresh, describe(draft), draft.deletes, not (draft.runs or draft.deletes), draft, ledger.revision)


def _check_client(ledger: Ledger, client: int, found: Client | None, actor: str) -> None:
    if AUTHORITY_ID_MIN <= client < AUTHORITY_ID_END:
        raise WireError(f"client id {client} is the authority's", code="authority_client", client=client)
    if client in ledger.retired:
        reason = ledger.retired[client]
        raise WireError(
            f"client {client} was retired ({reason}): rejoin under a new client id",
            code="retired_client",
            client=client,
        )
    if found is not None and found.owner != actor:
        raise WireError(f"client {client} belongs to somebody else", code="forged_client", client=client)


def own_clients(ledger: Ledger, update: Update, actor: str) -> list[int]:
    """Ids with fresh content that nobody else owns."""
    return [
        client
        for client, structs in update.structs.items()
        if structs[-1].clock + structs[-1].length > ledger.next_clock(client)
        and ledger.owner(client) in (None, actor)
        and not AUTHORITY_ID_MIN <= client < AUTHORITY_ID_END
    ]


# -- after the document has applied ------------------------------------------------------------------------------


def absorb(ledger: Ledger, plan: Plan, offset: int, actor: str, deleted: bytes | None) -> None:
    """Enter an applied plan in the ledger as log entry `offset`.

    `deleted` is the delete set that the document emitted: losers of a key and needless formats die by themselves. None where
    the plan came from what the document emitted, whose own delete set is complete.
    """
    if plan.revision != ledger.revision:
        raise AssertionError("the ledger has moved since this plan was made")
    ledger.revision += 1
    draft = plan.draft
    for root in draft.new_roots.values():
        ledger.add_container(root)
    for shared in draft.new_types.values():
        ledger.add_container(shared)
    for place in draft.new_places:
        ledger.add_place(place)
    for container, shape in draft.shapes:
        container.shape = shape
    _enter_runs(ledger, draft, offset, actor)
    for client, ranges in draft.deletes.items():
        for clock, end in ranges:
            ledger.bury(client, clock, end)
    if deleted is not None and deleted != b"\x00":
        for client, ranges in decode_delete_set(deleted).items():
            for clock, end in ranges:
                ledger.bury(client, clock, end)
    for run in draft.runs:
        place = run.place
        if place.key is not None and not ledger.is_dead(run.client, run.end - 1):
            place.head = (run.client, run.end - 1)
            place.note = note_for(run, draft)


def _enter_runs(ledger: Ledger, draft: Draft, offset: int, actor: str) -> None:
    buried = []
    for client, (start, _) in draft.fresh.items():
        found = ledger.client(client, actor)
        if not found.offsets or found.offsets[-1] != offset:
            found.since.append(start)
            found.offsets.append(offset)
    for run in draft.runs:
        client, clock, length, place, struct, size = run
        ledger.record(ledger.clients[client], clock, length, place, size)
        kind = struct.kind
        if struct.origin != (client, clock - 1):
            place.inserts += 1
        if kind in (GC, DELETED) or (place.container.depth and draft.is_buried(place.container)):
            buried.append(run)
    for client, lows in draft.lows.items():
        ledger.clients[client].lows.extend(lows)
    for client, clock in draft.formats:
        ledger.clients[client].formats.append(clock)
    for run in buried:
        ledger.bury(run.client, run.clock, run.end)


# -- did it do what was planned ----------------------------------------------------------------------------------


def verify_emitted(plan: Plan, emitted_update: bytes | None, incoming: bytes) -> bool:
    """Whether what the document says it did is what was planned. To be called after applying and before `absorb`.

    The same bytes are the usual answer. Beyond the plan only these may have died: entries of a key that the plan wrote (one of
    two concurrent writers loses), formats in a text that it touched, and whatever stood inside a shared type that died.
    """
    if emitted_update == incoming:
        return True
    if emitted_update is None:
        return not plan.fresh and not plan.deletes
    try:
        emitted = decode_update(emitted_update, OWN_BYTES_MAX, is_own=True)
    except WireError:
        return False
    written = {client: (s[0].clock, s[-1].clock + s[-1].length) for client, s in emitted.structs.items()}
    if written != plan.fresh:
        return False
    dead = {client: _as_ranges(ranges) for client, ranges in emitted.deletes.items()}
    for client, structs in emitted.structs.items():
        for struct in structs:
            if struct.kind in (GC, DELETED):
                dead.setdefault(client, Ranges()).add(struct.clock, struct.clock + struct.length)
    for client, ranges in plan.deletes.items():
        found = dead.get(client, Ranges())
        if any(found.missing(clock, end) for clock, end in ranges):
            return False
    return _is_explained(plan.draft, plan.deletes, dead)


def _is_explained(draft: Draft, planned: DeleteSet, dead: dict[int, Ranges]) -> bool:
    touched = {id(run.place) for run in draft.runs}
    for client, ranges in planned.items():
        for clock, end in ranges:
            touched |= {id(place) for _, _, place in _pieces(draft, client, clock, end)}
    for client, found in dead.items():
        expected = _as_ranges(planned.get(client, ()))
        for clock, end in found:
            for first, last in expected.missing(clock, end):
                for start, until, place in _pieces(draft, client, first, last):
                    if not _may_die(draft, client, start, until, place, touched, dead):
                        return False
    return True


def _may_die(
    draft: Draft, client: int, clock: int, end: int, place: Place, touched: set[int], dead: dict[int, Ranges]
) -> bool:
    ledger = draft.ledger
    if place is ledger.nowhere or (place.key is not None and id(place) in touched):
        return True
    container = place.container
    if container.id is not None:
        one, at = container.id
        if ledger.is_dead(one, at) or (one in dead and at in dead[one]):
            return True
    fresh = draft.fresh.get(client)
    if fresh is not None and clock >= fresh[0]:
        kinds = {run.struct.kind for run in draft.runs if run.client == client and run.clock < end and clock < run.end}
        return kinds <= {GC, DELETED, FORMAT}
    known = ledger.clients[client].formats
    return id(place) in touched and all(contains(known, at) for at in range(clock, end))


def _pieces(draft: Draft, client: int, clock: int, end: int) -> list[tuple[int, int, Place]]:
    """The (clock, end, place) pieces of a range that is known after the update."""
    fresh = draft.fresh.get(client)
    border = end if fresh is None else min(end, max(clock, fresh[0]))
    pieces = list(draft.ledger.runs(client, clock, border)) if clock < border else []
    if border < end:
        for run in draft.runs:
            if run.client == client and run.clock < end and border < run.end:
                pieces.append((max(border, run.clock), min(end, run.end), run.place))
    return pieces


def _as_ranges(spans: Any) -> Ranges:
    ranges = Ranges()
    for clock, end in spans:
        ranges.add(clock, end)
    return ranges
