"""A smallest possible authority for the gate's tests: check, apply, verify, absorb, publish. Real parts only."""

from __future__ import annotations

from typing import Any

import pycrdt

from accordant.engine import gate
from accordant.engine.ledger import Ledger
from accordant.engine.update import decode_delete_set, decode_update
from accordant.types.regions import Schema


class Hub:
    """One document behind the gate. Every update that lands is logged as the document emitted it."""

    def __init__(self, schema: Schema | None = None, client_id: int = 2**40 + 1) -> None:
        self.schema = schema or Schema.open()
        self.doc: Any = pycrdt.Doc(client_id=client_id)
        self.ledger = Ledger()
        self.log: list[bytes] = []
        self.unlike: int = 0
        self._events: list[tuple[bytes, bytes]] = []
        self._subscription = self.doc.observe(lambda event: self._events.append((event.update, event.delete_set)))

    def receive(self, update: bytes, actor: str, roles: frozenset[str] = frozenset()) -> gate.Plan:
        """An update from a peer; raises what the gate raises."""
        plan = gate.check(self.ledger, self.schema, update, gate.Peer(actor, roles))
        if plan.is_noop:
            return plan
        self._events.clear()
        self.doc.apply_update(update)
        self._land(plan, update, actor)
        return plan

    def write(self, change: Any) -> gate.Plan | None:
        """A change of the authority itself: `change(doc)` in one transaction."""
        self._events.clear()
        with self.doc.transaction():
            change(self.doc)
        if not self._events:
            return None
        emitted = self._events[0][0]
        plan = gate.check_own(self.ledger, emitted, self.doc.client_id, self.schema)
        self._land(plan, emitted, "authority")
        return plan

    def _land(self, plan: gate.Plan, incoming: bytes, actor: str) -> None:
        assert len(self._events) <= 1
        emitted, deleted = self._events[0] if self._events else (None, None)
        if not gate.verify_emitted(plan, emitted, incoming):
            shown = None if emitted is None else decode_update(emitted)
            raise AssertionError(f"planned {decode_update(incoming)}\nemitted {shown}\n{plan.fresh} {plan.deletes}")
        self.unlike += emitted != incoming
        if emitted is not None:
            self.log.append(emitted)
        gate.absorb(self.ledger, plan, len(self.log), actor, deleted)

    def state_vector(self) -> dict[int, int]:
        """The document's own opinion of its clocks."""
        return read_state_vector(self.doc.get_state())

    def delete_set(self) -> dict[int, list[tuple[int, int]]]:
        """The document's own opinion of what is dead (with collected structs, which are dead as well)."""
        return dead_in(self.doc.get_update())


def dead_in(update: bytes) -> dict[int, list[tuple[int, int]]]:
    """All dead ranges of a full state."""
    from accordant.engine.ranges import Ranges

    whole = decode_update(update, 2**31, is_own=True)
    dead: dict[int, Ranges] = {}
    for client, ranges in whole.deletes.items():
        for clock, end in ranges:
            dead.setdefault(client, Ranges()).add(clock, end)
    for client, structs in whole.structs.items():
        for struct in structs:
            if struct.kind in (0, 1):
                dead.setdefault(client, Ranges()).add(struct.clock, struct.clock + struct.length)
    return {client: list(found) for client, found in dead.items()}


def read_state_vector(data: bytes) -> dict[int, int]:
    """The clocks in an encoded state vector."""
    numbers, value, shift = [], 0, 0
    for byte in data:
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            numbers.append(value)
            value, shift = 0, 0
    return dict(zip(numbers[1::2], numbers[2::2], strict=True))


__all__ = ["Hub", "dead_in", "decode_delete_set", "read_state_vector"]
