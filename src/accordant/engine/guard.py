"""Compare-and-swap, decided (I4, I6): may this write land on this field, given what its writer had read?

Pure. It never waits, so no lock is ever held across a reader's think time: a stale write is denied and its writer reads again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from accordant.types.commands import Write
from accordant.types.errors import Conflict, Denied, EpochChanged, Fenced, Invalid
from accordant.types.limits import CLAIM_TTL_MAX_S
from accordant.types.readings import Token

__all__ = [
    "LOST_CLAIMS_KEPT",
    "ClaimState",
    "Field",
    "Reader",
    "check_token",
    "claim_from",
    "judge",
    "stale_write",
]

LOST_CLAIMS_KEPT = 16
"""(fence, end, generation) of claims that were lost, kept per field so that their holders hear `claim_lost` rather than a plain
conflict: what a generation read from its claim's fence on, and before the version that ended it, it read as the holder."""


@dataclass(frozen=True, slots=True)
class ClaimState:
    """Who holds a key: until when (ms), and the version at which it was claimed (the fencing token)."""

    agent: str
    generation: int
    until: int
    fence: int

    def to_list(self) -> list[Any]:
        """As an operation's detail and a store keep it: what `claim_from` reads."""
        return [self.agent, self.generation, self.until, self.fence]

    def shown(self) -> dict[str, Any]:
        """As readers see it."""
        return {"by": self.agent, "until": self.until, "fence": self.fence}


def claim_from(row: Sequence[Any] | None, version: int) -> ClaimState | None:
    """The claim in an operation's detail, [agent, generation, until, fence]; a new one is fenced by its own version."""
    if not row:
        return None
    agent, generation, until, fence = row
    return ClaimState(agent, generation, until, version if fence is None else fence)


@dataclass(frozen=True, slots=True)
class Field:
    """A guarded field. Deleted: `is_set` False; the version stays and goes on growing, so that ABA cannot happen."""

    value: Any = None
    version: int = 0
    by: str | None = None
    at: int | None = None
    is_set: bool = False
    claim: ClaimState | None = None
    lost: tuple[tuple[int, int, int], ...] = ()

    def holder(self, now: int, lives: Callable[[int], bool]) -> ClaimState | None:
        """The claim in force: not run out, its holder's generation living."""
        claim = self.claim
        return claim if claim is not None and claim.until > now and lives(claim.generation) else None


@dataclass(frozen=True, slots=True)
class Reader:
    """Who asks, in which generation, under which authority, when."""

    agent: str
    generation: int
    epoch: int
    incarnation: str
    now: int
    lives: Callable[[int], bool]


def check_token(token: Token, path: str, reader: Reader) -> None:
    """The token's epoch, incarnation and generation are the present ones; raises `EpochChanged` or `Fenced`."""
    if token.epoch != reader.epoch or token.incarnation != reader.incarnation:
        raise EpochChanged(f"{path} was read from another epoch of this document", path=path, yours=token.version)
    if not reader.lives(token.generation):
        raise Fenced(
            f"{path} was read in generation {token.generation}, which has ended",
            path=path,
            yours=token.version,
            generation=token.generation,
        )


def judge(write: Write, field: Field, reader: Reader) -> Mapping[str, Any]:
    """What the write makes of the field: the detail of its `OpRecord`, without a version. Raises when it may not land."""
    if write.op in ("claim", "renew"):
        return _judge_claim(write, field, reader)
    if write.op == "release":
        _held_claim(write, field, reader)
        return {"value": field.value, "is_set": field.is_set}
    _check_expectation(write, field, reader)
    held = field.holder(reader.now, reader.lives)
    detail: dict[str, Any] = {"value": write.args.get("value"), "is_set": write.op == "commit"}
    if write.op == "commit" and held is not None:
        detail["claim"] = held.to_list()
    return detail


def _check_expectation(write: Write, field: Field, reader: Reader) -> None:
    token, path = write.expect, write.path
    if token is None:
        raise Invalid(f"a guarded write names what it read: commit(..., expect=reading) on {path}", code="precondition")
    check_token(token, path, reader)
    for fence, end, generation in field.lost:
        if generation == token.generation and fence <= token.version < end:
            raise _claim_lost(f"the claim on {path} with fence {fence} was lost", path)
    if token.version != field.version:
        raise stale_write(path, token.version, field)
    held = field.holder(reader.now, reader.lives)
    if held is not None and held.generation != reader.generation:
        raise Denied(
            f"{path} is claimed by {held.agent}", code="claimed", path=path, holder=held.agent, until=held.until
        )
    claim = field.claim
    if held is None and claim is not None and claim.generation == reader.generation:
        raise _claim_lost(f"the claim on {path} ran out at {claim.until}", path)


def _claim_lost(message: str, path: str) -> Fenced:
    return Fenced(message, code="claim_lost", path=path, hint="claim it again, and derive from what the claim reads")


def stale_write(path: str, yours: int, field: Field, reason: str = "stale_version") -> Conflict:
    """The typed loss of a compare-and-swap: everything a loser needs to derive again."""
    return Conflict(
        f"{path} is at v{field.version} by {field.by}, you read v{yours}",
        path=path,
        reason=reason,
        yours=yours,
        current=field.version,
        value=field.value,
        changed_by=field.by,
        at=field.at,
        recover="reread",
    )


def _judge_claim(write: Write, field: Field, reader: Reader) -> Mapping[str, Any]:
    ttl_s = write.args.get("ttl_s")
    if not isinstance(ttl_s, int | float) or isinstance(ttl_s, bool) or not 0 < ttl_s <= CLAIM_TTL_MAX_S:
        raise Invalid(f"a claim lasts more than 0 and at most {CLAIM_TTL_MAX_S:.0f} seconds", code="bad_ttl")
    until = reader.now + int(ttl_s * 1000)
    detail: dict[str, Any] = {"value": field.value, "is_set": field.is_set}
    if write.op == "renew":
        claim = _held_claim(write, field, reader)
        return detail | {"claim": [claim.agent, claim.generation, until, claim.fence], "keeps_version": True}
    held = field.holder(reader.now, reader.lives)
    if held is not None and held.generation != reader.generation:
        conflict = stale_write(write.path, field.version, field, reason="claimed")
        conflict.code = "claimed"
        conflict.message = f"{write.path} is claimed by {held.agent} until {held.until}"
        conflict.fields |= {"holder": held.agent, "until": held.until, "hint": "wait for its release or deadline"}
        raise conflict
    return detail | {"claim": [reader.agent, reader.generation, until, None]}


def _held_claim(write: Write, field: Field, reader: Reader) -> ClaimState:
    """The claim that this reader holds now; raises `Fenced` when it does not hold one any more."""
    if write.expect is None:
        raise Invalid(f"{write.op} takes the claim on {write.path}", code="precondition")
    check_token(write.expect, write.path, reader)
    held = field.holder(reader.now, reader.lives)
    if held is None or held.generation != reader.generation or write.expect.version < held.fence:
        raise _claim_lost(f"the claim on {write.path} was lost", write.path)
    return held
