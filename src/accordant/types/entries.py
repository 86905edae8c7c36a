"""The log's entries: everything that happened to a document, each with who, when, what, why and having read what (I7).

Versions are log offsets: an entry's offset is the version of everything it wrote. Offsets start at 1, have no gaps and are
never reused. Each entry's hash covers its content and the hash before it, so that no entry can change unseen.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

__all__ = ["GENESIS", "Auth", "Entry", "EntryKind", "OpRecord", "content_hash", "entry_from", "header_json"]

GENESIS = bytes(32)
"""The hash before the first entry."""


class EntryKind(StrEnum):
    """What an entry records."""

    WRITE = "write"  # something landed
    DENIAL = "denial"  # something did not, and who was beaten by whom
    REFUSAL = "refusal"  # a peer's update that the gate refused; its bytes are in quarantine
    JOIN = "join"  # a session began: its offset is the session's generation
    LEAVE = "leave"  # a session ended: closed, expired, fenced or replaced
    SCHEMA = "schema"  # regions were declared
    EPOCH = "epoch"  # an authority took over
    RETRACTION = "retraction"  # something written was taken back, or superseded; what follows from it is suspect
    BATCH = "batch"  # a batch of writes ended: its subscribers hear of them now, once


class Auth(StrEnum):
    """How an actor's identity is known."""

    ASSERTED = "asserted"
    TOKEN = "token"
    ENGINE = "engine"


@dataclass(frozen=True, slots=True)
class OpRecord:
    """One operation of an entry, as the audit shows it. `read` is the version the writer had read, None where none counts.

    `detail` is small and JSON: the value of a guarded write, an item count, a text excerpt, a region's schema.
    """

    region: str
    op: str
    key: str | None = None
    read: int | None = None
    detail: Mapping[str, Any] | None = None

    @property
    def path(self) -> str:
        """`region` or `region/key`."""
        return self.region if self.key is None else f"{self.region}/{self.key}"


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry. `at` is milliseconds since 1970 by the authority's clock; `update` the bytes the document itself emitted.

    `outcome` is `committed`, or the status of the error that a denial or refusal answered with. `info` holds what only
    that kind has: a denial's `beaten_by`, a session's `roles`, a refusal's `code`, a retraction's `suspects` and `readers`, a
    batch's `first` and `count`.
    """

    offset: int
    kind: EntryKind
    at: int
    actor: str
    session: str = ""
    generation: int = 0
    auth: Auth = Auth.ENGINE
    ops: tuple[OpRecord, ...] = ()
    why: str | None = None
    derived_from: tuple[tuple[str, int], ...] = ()
    outcome: str = "committed"
    op_id: str | None = None
    info: Mapping[str, Any] = field(default_factory=dict)
    update: bytes | None = None
    hash: bytes = b""

    @property
    def paths(self) -> tuple[str, ...]:
        """The paths this entry touched or tried to touch, without repeats."""
        return tuple(dict.fromkeys(op.path for op in self.ops))


def header_json(entry: Entry) -> str:
    """Everything of an entry but its offset, update and hash, as one canonical JSON text: what a store keeps and hashes."""
    data: dict[str, Any] = {
        "kind": entry.kind.value,
        "at": entry.at,
        "actor": entry.actor,
        "auth": entry.auth.value,
        "outcome": entry.outcome,
    }
    if entry.session:
        data["session"] = entry.session
    if entry.generation:
        data["generation"] = entry.generation
    if entry.ops:
        data["ops"] = [[op.region, op.op, op.key, op.read, op.detail] for op in entry.ops]
    if entry.why is not None:
        data["why"] = entry.why
    if entry.derived_from:
        data["derived_from"] = entry.derived_from
    if entry.op_id is not None:
        data["op_id"] = entry.op_id
    if entry.info:
        data["info"] = entry.info
    return json.dumps(data, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def entry_from(offset: int, header: str, update: bytes | None, hash_: bytes) -> Entry:
    """The entry whose `header_json` this is. Trusts its input: a store verifies the hash first."""
    data = json.loads(header)
    return Entry(
        offset=offset,
        kind=EntryKind(data["kind"]),
        at=data["at"],
        actor=data["actor"],
        session=data.get("session", ""),
        generation=data.get("generation", 0),
        auth=Auth(data["auth"]),
        ops=tuple(OpRecord(region, op, key, read, detail) for region, op, key, read, detail in data.get("ops", ())),
        why=data.get("why"),
        derived_from=tuple((path, version) for path, version in data.get("derived_from", ())),
        outcome=data["outcome"],
        op_id=data.get("op_id"),
        info=data.get("info", {}),
        update=update,
        hash=hash_,
    )


def content_hash(
    previous: bytes, offset: int, header: str, update: bytes | None, *, update_digest: bytes | None = None
) -> bytes:
    """SHA-256 over the previous hash, the offset (8 bytes, big end first), the header's length and text, and the update's
    own SHA-256, so that the chain can still be verified when retention has kept only `update_digest` of the update.

    A missing update and an empty one differ (a leading 0 or 1).
    """
    text = header.encode()
    if update is not None:
        update_digest = hashlib.sha256(update).digest()
    body = b"\x00" if update_digest is None else b"\x01" + update_digest
    return hashlib.sha256(previous + offset.to_bytes(8, "big") + len(text).to_bytes(4, "big") + text + body).digest()
