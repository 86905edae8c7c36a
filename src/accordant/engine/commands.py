"""What may be asked of a document's machine. Values only; time travels beside them, never inside."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from accordant.engine.structs import Update as Decoded
from accordant.types.access import EVERYTHING, Grant
from accordant.types.commands import Question, Submission
from accordant.types.entries import Auth
from accordant.types.provenance import Evidence
from accordant.types.regions import Schema

__all__ = [
    "Ask",
    "Audit",
    "Command",
    "Declare",
    "EndBatch",
    "FenceAgent",
    "Join",
    "Joined",
    "Leave",
    "Outline",
    "Quarantine",
    "Submit",
    "Sync",
    "TakeCut",
    "Tick",
    "Update",
]


@dataclass(frozen=True, slots=True)
class Join:
    """Begin a session. A living session of the same agent ends, unless both are `shared` (members of a pool)."""

    session: str
    agent: str
    roles: frozenset[str] = frozenset()
    auth: Auth = Auth.ASSERTED
    shared: bool = False
    lease_ms: int | None = None
    read_only: bool = False
    grant: Grant = EVERYTHING

    def noted(self) -> dict[str, Any]:
        """What its entry says of it: its roles, and what it was granted, where that is not everything."""
        granted = {} if self.grant == EVERYTHING else {"grant": self.grant.to_json()}
        return ({"roles": sorted(self.roles)} if self.roles else {}) | granted


@dataclass(frozen=True, slots=True)
class Joined:
    """The session that began: its generation is the log offset of its join."""

    session: str
    generation: int
    epoch: int
    incarnation: str
    version: int


@dataclass(frozen=True, slots=True)
class Leave:
    """End a session."""

    session: str
    reason: str = "closed"


@dataclass(frozen=True, slots=True)
class FenceAgent:
    """End every living session of an agent; answers how many there were."""

    agent: str
    by: str
    reason: str = "fenced"


@dataclass(frozen=True, slots=True)
class Declare:
    """Declare regions. `trusted`: by the process that embeds the engine, which may change rules; a peer may only add."""

    schema: Schema
    by: str
    trusted: bool
    grant: Grant = EVERYTHING


@dataclass(frozen=True, slots=True)
class Ask:
    """Read a region."""

    session: str
    question: Question


@dataclass(frozen=True, slots=True)
class Submit:
    """Land writes, or be told why not. `evidence`: what the log knows of a ref that one of them takes back."""

    session: str
    submission: Submission
    evidence: Evidence | None = None


@dataclass(frozen=True, slots=True)
class EndBatch:
    """Subscribers hear of a batch now. Harmless when there is none of that id, or it was empty."""

    session: str
    batch: str
    why: str | None = None


@dataclass(frozen=True, slots=True)
class Update:
    """A Yjs update from a peer: judged before a byte of it reaches the document (I1).

    `catches_up`: everything that the peer has and the document lacked, perhaps of another tab of its agent. `decoded`: the same
    update, strictly decoded already. `is_trial`: several updates as one, or one out of turn; when it is refused nothing is
    recorded, and whoever tried judges them one by one. `op_id`: the same id lands once, and answers with its version.
    """

    session: str
    update: bytes
    catches_up: bool = False
    decoded: Decoded | None = field(default=None, compare=False, repr=False)
    is_trial: bool = False
    op_id: str | None = None
    why: str | None = None


@dataclass(frozen=True, slots=True)
class Quarantine:
    """An update that passed the gate and still did not do what it said: refuse it without trying again."""

    session: str
    update: bytes
    reason: str


@dataclass(frozen=True, slots=True)
class Sync:
    """What a peer with this state vector lacks (None: everything), as of a durable version."""

    state_vector: bytes | None = None


@dataclass(frozen=True, slots=True)
class Outline:
    """All regions at one version, as JSON values: what a coherence pass or an export reads."""

    session: str


@dataclass(frozen=True, slots=True)
class TakeCut:
    """All regions (or these) at one version, as values that stay the same."""

    session: str
    regions: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Audit:
    """Does a replica that gets the whole document at once agree with one that saw every update? Where it does not, the
    region is written anew; answers the names of those regions."""


@dataclass(frozen=True, slots=True)
class Tick:
    """Nothing but the passing of time: ends sessions whose lease has run out."""


Command = (
    Join
    | Leave
    | FenceAgent
    | Declare
    | Ask
    | Submit
    | EndBatch
    | Update
    | Quarantine
    | Sync
    | Outline
    | TakeCut
    | Audit
    | Tick
)
