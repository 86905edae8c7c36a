"""A local replica of the mergeable regions: what an agent goes on writing while nobody can be reached.

Each intention is one Yjs update, in the shapes that raw Yjs peers may write. It decides nothing about when: `offline` does.
Writes under a client id of its own, which is given up for good when anything written under it was refused.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from typing import Any

from accordant.engine.crdt import Emission, Replica
from accordant.types.commands import Write
from accordant.types.errors import Invalid
from accordant.types.regions import Kind
from accordant.types.values import canonical_json

__all__ = ["LocalReplica", "can_wait"]

_CAN_WAIT = {
    Kind.TEXT: frozenset({"insert", "append", "delete"}),
    Kind.LOG: frozenset({"append"}),
    Kind.UNION_SET: frozenset({"add", "discard"}),
    Kind.COUNTER: frozenset({"increment"}),
    Kind.MAP: frozenset({"set", "delete"}),
}
"""What merges whenever it arrives. All else is answered by the authority or not at all."""


def can_wait(writes: Sequence[Write]) -> bool:
    """Whether all of these may be performed now and merged later: what names a version it expects is decided by the authority."""
    return all(
        write.op in _CAN_WAIT.get(write.kind, ())
        and write.expect is None
        and not write.args.keys() & {"after", "before"}  # an anchor is looked for in the newest text
        for write in writes
    )


class LocalReplica:
    """One replica under one client id."""

    def __init__(self, state: bytes | None = None) -> None:
        self.client_id = secrets.randbelow(2**32 - 2) + 1
        self._replica = Replica(self.client_id, state)
        self._tags = 0

    def state_vector(self) -> bytes:
        """What it has."""
        return self._replica.state_vector()

    def encode(self) -> bytes:
        """All of it."""
        return self._replica.encode()

    def apply(self, update: bytes) -> None:
        """What the server sent, in the order of the log."""
        self._replica.apply(update)

    def value(self, name: str, kind: Kind) -> Any:
        """A mergeable region's JSON value."""
        replica = self._replica
        if kind is Kind.TEXT:
            return replica.text(name)
        if kind is Kind.LOG:
            return replica.items(name)
        if kind is Kind.XML:
            return replica.xml(name)
        entries = replica.entries(name)
        if kind is Kind.COUNTER:
            return sum(int(plus) - int(minus) for plus, minus in entries.values())
        if kind is Kind.UNION_SET:
            return [one for _, one in sorted({canonical_json(item): item for item in entries.values()}.items())]
        return entries

    def perform(self, writes: Sequence[Write]) -> bytes | None:
        """Do it here; returns the update that does it elsewhere, None when it changes nothing. Raises `Invalid`."""
        for write in writes:
            self._check(write)
        with self._replica.change() as emission:
            for write in writes:
                _PERFORM[write.kind, write.op](self, write, emission)
        return emission.update

    def _check(self, write: Write) -> None:
        if write.kind is Kind.TEXT and write.op in ("insert", "delete"):
            length = len(self._replica.text(write.region))
            index, count = write.args.get("index"), write.args.get("count", 0)
            if not (isinstance(index, int) and isinstance(count, int) and 0 <= index <= index + count <= length):
                raise Invalid(
                    f"{write.op} reaches beyond the {length} characters of {write.region}",
                    code="bad_argument",
                    path=write.path,
                )
        if write.kind is Kind.MAP and write.key is None:
            raise Invalid(f"{write.op} on a map names a key", code="bad_argument", path=write.path)

    # -- one operation each -------------------------------------------------------------------------------------

    def _insert(self, write: Write, _: Emission) -> None:
        self._replica.edit_text(write.region, write.args["index"], 0, write.args["text"])

    def _append_text(self, write: Write, _: Emission) -> None:
        self._replica.append_text(write.region, write.args["text"])

    def _delete_text(self, write: Write, _: Emission) -> None:
        self._replica.edit_text(write.region, write.args["index"], write.args["count"], "")

    def _append_items(self, write: Write, emission: Emission) -> None:
        self._replica.push(write.region, write.args["items"], emission)

    def _add(self, write: Write, _: Emission) -> None:
        for item in write.args["items"]:
            self._tags += 1
            self._replica.set_entry(write.region, f"{self.client_id}:{self._tags}", item)

    def _discard(self, write: Write, _: Emission) -> None:
        """The tags that are seen here: what others add meanwhile stays (add wins)."""
        gone = {canonical_json(item) for item in write.args["items"]}
        for tag, item in self._replica.entries(write.region).items():
            if canonical_json(item) in gone:
                self._replica.remove_entry(write.region, tag)

    def _increment(self, write: Write, _: Emission) -> None:
        key, by = str(self.client_id), write.args["by"]
        plus, minus = self._replica.entry(write.region, key) or (0, 0)
        self._replica.set_entry(write.region, key, [int(plus) + max(by, 0), int(minus) + max(-by, 0)])

    def _set(self, write: Write, _: Emission) -> None:
        self._replica.set_entry(write.region, str(write.key), write.args["value"])

    def _unset(self, write: Write, _: Emission) -> None:
        if str(write.key) in self._replica.entries(write.region):
            self._replica.remove_entry(write.region, str(write.key))


_PERFORM: dict[tuple[Kind, str], Callable[[LocalReplica, Write, Emission], None]] = {
    (Kind.TEXT, "insert"): LocalReplica._insert,
    (Kind.TEXT, "append"): LocalReplica._append_text,
    (Kind.TEXT, "delete"): LocalReplica._delete_text,
    (Kind.LOG, "append"): LocalReplica._append_items,
    (Kind.UNION_SET, "add"): LocalReplica._add,
    (Kind.UNION_SET, "discard"): LocalReplica._discard,
    (Kind.COUNTER, "increment"): LocalReplica._increment,
    (Kind.MAP, "set"): LocalReplica._set,
    (Kind.MAP, "delete"): LocalReplica._unset,
}
