"""The `Store` contract: the only thing that another engine room has to implement.

A store keeps, per document, a gap-free log of entries, the current guarded fields, op ids, a checkpoint and a
quarantine; and leases with epochs. It judges nothing but what its promises name. `accordant.testing.store_contract`
is what "a store works" means; every implementation passes it.

Rules that bind every implementation:
- `commit` is durable before it returns (as far as the store's declared durability goes), and what it returned stays.
- An exception out of `commit` means *unknown*, unless it is a `StoreError` with `landed=False`: retry with the same
  op id.
- Every call may come from any task of one event loop, several at a time.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from accordant.types.entries import Entry
from accordant.types.retention import Sizes

__all__ = [
    "ALL",
    "Appended",
    "AuditQuery",
    "Checkpoint",
    "Commit",
    "CommitsAtOnce",
    "Compacted",
    "DocumentInfo",
    "FieldRow",
    "FieldWrite",
    "GuardFailed",
    "Lease",
    "Outcome",
    "Pin",
    "Refused",
    "Sighting",
    "Store",
    "StoreFenced",
]

ALL = "*"
"""The lease resource that covers every document of a store: an embedded store has one authority for all of them."""


@dataclass(frozen=True, slots=True)
class FieldWrite:
    """A guarded field as it will be. `value` is JSON text or None (deleted); its version becomes the entry's offset.

    `version`: kept as it is when not None (a claim renewed does not change the field's version). `state` is what
    else the authority keeps with the field (claim holder and deadline), JSON text.
    """

    path: str
    value: str | None
    by: str
    at: int
    state: str | None = None
    version: int | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """Bytes for the quarantine: what a peer sent and the gate refused, and why."""

    update: bytes
    reason: str
    peer: str


@dataclass(frozen=True, slots=True)
class Commit:
    """One entry to append with the guards that must hold. `entry.offset` is the offset the authority expects (head + 1,
    + 2, ... within one call); a store that would give it another offset answers `GuardFailed` with path `""`.
    `guards`: path -> version that the field must have now (0: never written). `entry.hash` is ignored: the store
    chains.
    """

    entry: Entry
    guards: Mapping[str, int] = field(default_factory=dict)
    fields: Sequence[FieldWrite] = ()
    refused: Refused | None = None


@dataclass(frozen=True, slots=True)
class Appended:
    """It is in the log at `offset`. `duplicate`: its op id was already there, at that offset, and nothing was
    written."""

    offset: int
    hash: bytes
    duplicate: bool = False


@dataclass(frozen=True, slots=True)
class GuardFailed:
    """Guards that did not hold: path -> version now. Nothing of this commit was written; later ones in the call go on
    (and will usually fail on their expected offset)."""

    failed: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class StoreFenced:
    """The epoch is not the newest: somebody else is the authority now. Nothing was written."""

    newest: int


Outcome = Appended | GuardFailed | StoreFenced


class Compacted(Exception):
    """`read` was asked for entries that retention has removed: start from the checkpoint at this offset. `oldest` is that of
    the oldest checkpoint that the log still continues from: the first version, pins aside, that can be rebuilt."""

    def __init__(self, checkpoint: int, oldest: int | None = None) -> None:
        super().__init__(f"entries up to {checkpoint} are compacted")
        self.checkpoint = checkpoint
        self.oldest = checkpoint if oldest is None else oldest


@dataclass(frozen=True, slots=True)
class FieldRow:
    """A guarded field as the store holds it. A deleted field keeps its row, value None, and the version of the
    delete."""

    path: str
    value: str | None
    version: int
    by: str
    at: int
    state: str | None = None


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The state after the entry at `offset`: opaque bytes, and the chain's hash there."""

    offset: int
    hash: bytes
    state: bytes


@dataclass(frozen=True, slots=True)
class Pin:
    """A version that stays rebuildable, who asked for that, and why. `at`: milliseconds, by the store's clock."""

    version: int
    actor: str
    why: str
    at: int


@dataclass(frozen=True, slots=True)
class Sighting:
    """Somebody took a snapshot of this version. `paths`: what of it, empty for the whole document."""

    version: int
    actor: str
    session: str
    generation: int
    at: int
    paths: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DocumentInfo:
    """A document in a store. `head` 0: created, nothing logged. `incarnation` is random, given at creation."""

    key: str
    incarnation: str
    head: int
    head_hash: bytes
    created_at: int


@dataclass(frozen=True, slots=True)
class Lease:
    """Who may decide for a resource. `epoch` only grows, over all resources of the store."""

    resource: str
    holder: str
    epoch: int
    expires_at: int


@dataclass(frozen=True, slots=True)
class AuditQuery:
    """Which entries to list, newest first unless `oldest_first`. All conditions must hold; `path` matches the path
    itself and everything below it (`tasks` matches `tasks` and `tasks/7`, never `tasks2`). Times are milliseconds,
    `since` inclusive, `until` exclusive. `after` and `before` are offsets, both exclusive. `basis`: entries made from
    what was in this region, or, as `*`, from the whole document."""

    document: str
    path: str | None = None
    actor: str | None = None
    kind: str | None = None
    outcome: str | None = None
    since: int | None = None
    until: int | None = None
    before: int | None = None
    limit: int = 100
    oldest_first: bool = False
    after: int = 0
    basis: str | None = None


@runtime_checkable
class CommitsAtOnce(Protocol):
    """What a store may offer beside `Store`, when a commit takes it less time than a thread takes to wake up."""

    def commit_at_once(self, document: str, epoch: int, commits: Sequence[Commit]) -> list[Outcome] | None:
        """As `commit`, done before it returns; or None, and nothing has happened: ask `commit`. Raises what that raises."""


class Store(Protocol):
    """See the module's text for the rules; each method's promise is below."""

    exclusive: bool
    """True: one authority for the whole store (resource `ALL`), as for a file. False: one per document."""

    async def open(self) -> None:
        """Make ready. Raises `StoreError` (a corrupt file, a newer format, no permission), saying what to do."""

    async def close(self) -> None:
        """Finish what was begun, then let go of everything. Idempotent."""

    async def create(self, document: str, incarnation: str) -> DocumentInfo:
        """The document, created with this incarnation unless it exists (then as it is)."""

    async def documents(
        self, prefix: tuple[str, ...] = (), after: str = "", limit: int | None = None
    ) -> list[DocumentInfo]:
        """All documents whose key's leading segments equal these, in key order (that of their code points); only those whose
        key is greater than `after`, and at most `limit`: a store may hold millions."""

    async def commit(self, document: str, epoch: int, commits: Sequence[Commit]) -> list[Outcome]:
        """For each commit in order, all in ONE transaction with one durability wait: idempotency by `entry.op_id`,
        then the epoch fence (`epoch` must be the newest lease's that covers the document), then the expected offset,
        then every guard, then field writes, then the entry with its hash, audit index rows and quarantine.
        Independent outcomes. A document that was never created is a `StoreError`, `unknown_document`."""

    async def read(self, document: str, after: int = 0, limit: int = 1000) -> list[Entry]:
        """Entries with offset > `after`, gap-free, in order, at most `limit`. Raises `Compacted` when the start is
        gone."""

    async def fields(self, document: str) -> tuple[int, list[FieldRow]]:
        """One snapshot: (head, all guarded fields as of that head)."""

    async def heads(self, documents: Sequence[str]) -> dict[str, int]:
        """Current head offset of each (0 when unknown)."""

    def hints(self) -> AsyncIterator[str]:
        """Keys of documents that may have moved: wake-ups that may be lost, doubled or late, and carry no data. An
        embedded store never needs them and yields nothing; `heads` is the poll that bounds staleness."""

    async def checkpoint(self, document: str, offset: int, state: bytes) -> None:
        """Keep the state after `offset`. The newest is what `load` gives; of the older ones a ladder stays, denser near the
        head (`ladder.kept`), always with the first that the log still continues from (the base of the oldest version that
        can be rebuilt)."""

    async def load(self, document: str, upto: int | None = None) -> Checkpoint | None:
        """The newest checkpoint or pinned state (with an offset of at most `upto`), or None: then the log starts at 1."""

    async def truncate(self, document: str, upto: int, base: bytes | None = None) -> int:
        """Drop the update bytes of entries with offset <= `upto` (at most the newest checkpoint); headers, hashes,
        op ids and pinned states stay. `base`: the state after `upto`, kept as a checkpoint in the transaction that drops the
        first bytes, so that version `upto` can be rebuilt at any moment. Returns how many entries gave up their bytes. `read`
        then raises `Compacted` for them. Others' commits go between its transactions."""

    async def pin(self, document: str, version: int, state: bytes, actor: str, why: str) -> None:
        """Keep the state after `version` until `unpin`, whatever retention drops. A second pin on a version replaces the
        first. Raises `Invalid`: `bad_offset`, `too_many_pins`."""

    async def unpin(self, document: str, version: int) -> None:
        """Let retention have that version again. Harmless when it is not pinned."""

    async def pins(self, document: str) -> list[Pin]:
        """The pinned versions, oldest version first."""

    async def note_sightings(self, document: str, sightings: Sequence[Sighting]) -> None:
        """Remember who saw what. No part of the chain, may come late; one that is known by all but its time gets the later
        time. Beyond `SIGHTINGS_PER_DOCUMENT_MAX` those that were noted first go."""

    async def sightings(self, document: str, low: int, high: int, limit: int) -> list[Sighting]:
        """Who saw versions in [`low`, `high`): the newest version first, of one version the one noted last; at most
        `limit`."""

    async def sizes(self, document: str, upto: int | None = None) -> Sizes:
        """What it takes up; with `upto`, of the log only the entries up to that offset, and no index. Looks at all of
        them."""

    async def acquire(self, resource: str, holder: str, ttl_s: float) -> Lease:
        """The lease with a new, higher epoch, in [`AUTHORITY_ID_MIN`, `AUTHORITY_ID_END`). Raises
        `NoAuthority(holder=, expires_at=)` while another holder's runs on a resource that covers a document in common.
        A holder's name belongs to one process. One whose process is known to have ended counts as run out."""

    async def renew(self, lease: Lease, ttl_s: float) -> Lease:
        """The same lease, longer, also when it had run out. Raises `NoAuthority` when it has passed to another."""

    async def release(self, lease: Lease) -> None:
        """Let others acquire at once. Harmless when it has passed on already."""

    async def audit(self, query: AuditQuery) -> list[Entry]:
        """Entries that match, by index, never by a walk over the whole log."""

    async def pick(self, document: str, offsets: Sequence[int]) -> list[Entry]:
        """The entries at these offsets, each once, in offset order, verified as `audit` verifies; those the log does not have
        are left out. Compacted ones come without their updates."""

    async def search(self, document: str, text: str, before: int | None = None, limit: int = 100) -> list[Entry]:
        """Entries whose recorded content holds this text (`text_search.records`), newest first, at most `limit`, with offsets
        below `before`. Of a compacted entry its header alone is searched. An empty text is in none."""

    async def quarantine(self, document: str) -> list[Mapping[str, Any]]:
        """What was refused: {offset, at, peer, reason, size, sha256, update (bytes or None when it made room)}."""
