"""The supervisor-mediated channel: one agent writes, workers read and propose, and every proposal is decided once.

Each proposal lands together with its decision in one entry, and the decision is a guarded field at version 0: two supervisors
that race, a retry, or a crash in between cannot land it twice. One entry per proposal, so that what is made from a proposal that
is taken back later is known exactly; one batch per call, so that subscribers hear of a hundred once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from accordant.document.document import Document
from accordant.document.pattern import Pattern, Settings
from accordant.document.regions import GuardedMap, Log, Region
from accordant.patterns.handoff import (
    Accepted,
    Decision,
    Handoff,
    Moved,
    NamedReading,
    Outcome,
    Proposal,
    Returned,
    fits_a_handoff,
)
from accordant.types.errors import Conflict, Denied, Invalid, SchemaError, StaleRead
from accordant.types.limits import UPDATE_ATTEMPTS
from accordant.types.memory_limits import STALE_NAMED_MAX
from accordant.types.pattern_limits import ASKED_AT_ONCE, DECIDED_PER_CALL_MAX, PENDING_MAX, QUEUE_MAX
from accordant.types.provenance import WHOLE
from accordant.types.readings import SUSPECT, Basis, LogItem, LogReading, Reading, Stale, Token, bases_of
from accordant.types.refs import Ref
from accordant.types.regions import COHERENCE, Kind, RegionSpec, Rules

__all__ = ["Channel", "ChannelSettings", "channel"]

T = TypeVar("T")
_STANDS = ("current", SUSPECT)


@dataclass(frozen=True, slots=True)
class ChannelSettings(Settings):
    """`supervisor`: the names or roles (`role:lead`) that write and decide. `queue`: proposals that wait at most."""

    supervisor: frozenset[str]
    queue: int = QUEUE_MAX


def channel(supervisor: str | Iterable[str], *, queue: int = QUEUE_MAX) -> Any:
    """`findings: Channel[Finding] = channel(supervisor="lead")`: an agent's name, `"role:<role>"`, or several."""
    names = frozenset((supervisor,) if isinstance(supervisor, str) else supervisor)
    if not names or not all(names) or "*" in names:
        raise SchemaError("a channel has a supervisor: a name, or role:<role>")
    if queue < 1:
        raise SchemaError("a channel's queue holds at least one proposal")
    return ChannelSettings(names, queue)


class Channel(Pattern, Generic[T]):
    """One writer, many readers. Workers `propose`; the supervisor looks at `pending`, and accepts, rejects or returns.

    It is made of a log of what was accepted, a log of proposals, which anybody appends to, and the decisions, by proposal.
    """

    settings_type = ChannelSettings
    needs = "channel(supervisor=...)"

    @classmethod
    def specs(cls, name: str, item: Any, settings: ChannelSettings) -> Sequence[RegionSpec]:
        """`<name>`, `<name>_proposals`, `<name>_decisions`."""
        supervisors, kind = settings.supervisor, Any if item is None else item
        owner = dict.fromkeys(supervisors, frozenset({"compact"}))
        queue = Rules(
            allow={"*": frozenset({"append"})} | {who: ops | {"append"} for who, ops in owner.items()},
            max_items=settings.queue,
            validators=(fits_a_handoff,),
        )
        decided = Rules(writers=supervisors, allow=dict.fromkeys(supervisors, frozenset({"commit"})))
        return (
            RegionSpec(name, Kind.LOG, Accepted.__class_getitem__(kind), Rules(writers=supervisors)),
            RegionSpec(f"{name}_proposals", Kind.LOG, Handoff.__class_getitem__(kind), queue),
            RegionSpec(f"{name}_decisions", Kind.GUARDED_MAP, Decision.__class_getitem__(kind), decided),
        )

    async def read(self, *, at_least: int | None = None) -> LogReading[list[Accepted[T]]]:
        """What was accepted, in order: each with its value and whose proposal it was."""
        reading: LogReading[list[Accepted[T]]] = await self._items.read(at_least=at_least)
        return reading

    async def append(self, value: T, *, why: str | None = None, derived_from: Any = ()) -> Ref:
        """What the supervisor writes of its own accord. Anybody else: `Denied`."""
        return await self._items.append({"value": value}, why=why, derived_from=derived_from)

    # -- workers ----------------------------------------------------------------------------------------------

    async def propose(
        self,
        value: T,
        *,
        why: str | None = None,
        derived_from: Any = (),
        instead_of: Returned[T] | Ref | str | None = None,
    ) -> Proposal[T]:
        """Hand a value to the supervisor, with the readings it was derived from. Readings that have moved on do not stop it: they
        come back as `proposal.stale`, and the supervisor sees them. `instead_of`: what was returned. Raises `Denied`
        (`region_full`) while the queue is full, `EpochChanged` for a reading from before a restart, `Invalid`."""
        bases = bases_of(derived_from)
        named = None if instead_of is None else Ref.parse(getattr(instead_of, "ref", instead_of))
        handoff = {
            "value": value,
            "why": why,
            "derived_from": [NamedReading.of(basis) for basis in bases],
            "instead_of": named,
        }
        stale: tuple[Stale, ...] = ()
        try:
            ref = await self._proposals.append(handoff, why=why, derived_from=bases)
        except StaleRead:
            stale = await self._moved(bases)
            ref = await self._proposals.append(handoff, why=why)
        return Proposal(ref, value, self._document.agent, 0, why, bases, named, stale)

    async def returned(self, agent: str | None = None) -> list[Returned[T]]:
        """What the supervisor sent back to this worker (or to `agent`) and nobody has done again yet, oldest first."""
        who = self._document.agent if agent is None else agent
        decisions = (await self._decisions.read()).value.values()
        answered = {one.instead_of for one in decisions if one.proposed_by == who}
        answered |= {item.value.instead_of for item in await self._standing() if item.by == who}
        open_ = [
            one
            for one in decisions
            if one.outcome == "returned" and one.proposed_by == who and one.proposal not in answered
        ]
        return [
            Returned(Ref(one.proposal), one.value, who, one.reason, tuple(Stale(**dict(m)) for m in one.stale))
            for one in sorted(open_, key=lambda one: _place(Ref(one.proposal)))
        ]

    async def decision(self, proposal: Proposal[T] | Ref | str) -> Decision[T] | None:
        """What became of a proposal; None while it is pending."""
        found: Decision[T] | None = (await self._decisions.read(self._key(proposal))).value
        return found

    # -- the supervisor ---------------------------------------------------------------------------------------

    async def pending(self, limit: int = PENDING_MAX) -> list[Proposal[T]]:
        """Proposals that wait, oldest first, each with what has moved on since: `str(proposal)` is one line for a prompt."""
        if limit < 0:
            raise Invalid("limit= is a number from 0", code="bad_argument", path=self.name)
        waiting = [self._proposal(item) for item in await self._undecided(limit)]
        distinct = {basis for one in waiting for basis in one.derived_from}
        moved = dict(zip(distinct, await _each(self._moved((one,)) for one in distinct), strict=True))
        return [
            replace(one, stale=tuple(stale for basis in one.derived_from for stale in moved[basis])[:STALE_NAMED_MAX])
            for one in waiting
        ]

    async def accept(
        self, *proposals: Proposal[T] | Ref | str, why: str | None = None, even_if_stale: bool = False
    ) -> list[Ref]:
        """Let these land, each once, in this order; returns the refs of the items, also of those accepted before.

        Raises `StaleRead`, and lands none, when a reading that one was derived from has moved on: look at it again, `redispatch`
        it, or say `even_if_stale=True`. Raises `Conflict` (`already_decided`) for one that was rejected or returned, `Denied`.
        What lands in this very call makes no other of its proposals stale: they were judged together.
        """
        refs = self._refs(proposals)
        landed = await self._landed(refs)
        waiting = await self._live([ref for ref, found in landed.items() if found is None])
        moved = await _each(self._moved(one.derived_from) for one in waiting)
        stale = tuple(dict.fromkeys(one for each in moved for one in each))
        if stale and not even_if_stale:
            raise _stale_read(stale, waiting, moved)
        own: list[int] = []
        async with self._document.batch(why):
            landings = [
                self._land(proposal, {one.path for one in gone}, why, own, even_if_stale)
                for proposal, gone in zip(waiting, moved, strict=True)
            ]
            # One behind the other where one moves what another was derived from; else they share waits for the disk.
            together = 1 if any(map(self._reads_items, waiting)) else ASKED_AT_ONCE
            for proposal, ref in zip(waiting, await _each(landings, together), strict=True):
                landed[proposal.ref] = ref
        await self._tidy()
        return [ref for ref in landed.values() if ref is not None]

    async def reject(self, *proposals: Proposal[T] | Ref | str, reason: str) -> None:
        """Turn these down. Rejected before: nothing happens. Raises `Conflict` (`already_decided`), `Denied`."""
        waiting = await self._open(proposals, "rejected")
        async with self._document.batch(reason):
            for proposal in waiting:
                await self._decide(proposal, "rejected", reason)
        await self._tidy()

    async def redispatch(self, *proposals: Proposal[T] | Ref | str, note: str | None = None) -> None:
        """Send these back to their workers as tasks, which they see in `returned()`, with what has moved on."""
        waiting = await self._open(proposals, "returned")
        async with self._document.batch(note):
            for proposal in waiting:
                moved = await self._moved(proposal.derived_from)
                await self._decide(replace(proposal, stale=moved), "returned", note)
        await self._tidy()

    # -- parts ------------------------------------------------------------------------------------------------

    @property
    def _items(self) -> Log[Any]:
        return self._part(Log)

    @property
    def _proposals(self) -> Log[Any]:
        return self._part(Log, "proposals")

    @property
    def _decisions(self) -> GuardedMap[Any]:
        return self._part(GuardedMap, "decisions")

    def _of(self, document: Document, region: Region) -> Any:
        """The same region, on another face of the document: a transaction."""
        return document.region_as(region.spec)

    def _ref(self, proposal: Proposal[T] | Ref | str) -> Ref:
        ref = Ref.parse(getattr(proposal, "ref", proposal))
        if ref.path != self._proposals.name or ref.n is None:
            raise Invalid(f"{ref} is no proposal of {self.name}", code="unknown_proposal", path=self.name)
        return ref

    def _refs(self, proposals: Sequence[Proposal[T] | Ref | str]) -> list[Ref]:
        if len(proposals) > DECIDED_PER_CALL_MAX:
            text = f"at most {DECIDED_PER_CALL_MAX} proposals at once, not {len(proposals)}"
            raise Invalid(text, code="too_many_proposals", path=self.name)
        return list(dict.fromkeys(map(self._ref, proposals)))

    def _key(self, proposal: Proposal[T] | Ref | str) -> str:
        return self._ref(proposal).rpartition("@")[2]

    def _proposal(self, item: LogItem[Handoff[T]]) -> Proposal[T]:
        said = item.value
        bases = tuple(one.basis for one in said.derived_from)
        named = None if said.instead_of is None else Ref(said.instead_of)
        return Proposal(Ref(item.ref), said.value, item.by, item.at, said.why, bases, named)

    # -- questions --------------------------------------------------------------------------------------------

    async def _standing(self) -> list[LogItem[Handoff[T]]]:
        """Proposals that nobody has taken back."""
        return [item for item in (await self._proposals.read()).entries if item.status in _STANDS]

    async def _undecided(self, limit: int) -> list[LogItem[Handoff[T]]]:
        """The oldest that wait, at most `limit`."""
        found: list[LogItem[Handoff[T]]] = []
        items = await self._standing()
        for start in range(0, len(items), ASKED_AT_ONCE):
            some = items[start : start + ASKED_AT_ONCE]
            fields = await _each(self._decisions.read(self._key(item.ref)) for item in some)
            found += [item for item, field in zip(some, fields, strict=True) if field.version == 0]
            if len(found) >= limit:
                break
        return found[:limit]

    async def _landed(self, refs: Sequence[Ref]) -> dict[Ref, Ref | None]:
        """The item that each became; None while it is pending. Raises `Conflict` when one was decided otherwise."""
        fields = await _each(self._decisions.read(self._key(ref)) for ref in refs)
        if any(field.version for field in fields):
            became = {item.value.proposal: Ref(item.ref) for item in (await self._items.read()).entries}
        landed: dict[Ref, Ref | None] = {}
        for ref, field in zip(refs, fields, strict=True):
            self._check_decision(ref, field, "accepted")
            # Of an item that a compaction has folded, what it was folded under is in the history of its decision's version.
            landed[ref] = became.get(ref, Ref(f"{self.name}@{field.version}.0")) if field.version else None
        return landed

    def _check_decision(self, ref: Ref, field: Reading[Decision[T] | None], wanted: Outcome) -> None:
        """Raises `Conflict` (`already_decided`) unless it is pending or was decided just so."""
        outcome = "decided" if field.value is None else field.value.outcome
        if field.version == 0 or outcome == wanted:
            return
        raise Conflict(
            f"{ref} was {outcome} by {field.by}",
            code="already_decided",
            path=self._decisions.name,
            reason="already_decided",
            current=field.version,
            changed_by=field.by,
            outcome=outcome,
            hint="a decision stands: retract the item if it was wrong, or let its worker propose again",
        )

    async def _live(self, refs: Sequence[Ref]) -> list[Proposal[T]]:
        """These, as their log has them: what a caller holds may be anything."""
        items = {item.ref: item for item in (await self._proposals.read()).entries} if refs else {}
        for ref in refs:
            if ref not in items:
                raise Invalid(f"there is no proposal {ref}", code="unknown_proposal", path=self.name)
            if items[ref].status not in _STANDS:
                text = f"{ref} was taken back by its worker"
                raise Denied(text, code="withdrawn", path=self.name, operation="accept", agent=self._document.agent)
        return [self._proposal(items[ref]) for ref in refs]

    async def _open(self, proposals: Sequence[Proposal[T] | Ref | str], outcome: Outcome) -> list[Proposal[T]]:
        """Those of them that wait; raises `Conflict` when one was decided otherwise than this."""
        refs = self._refs(proposals)
        fields = await _each(self._decisions.read(self._key(ref)) for ref in refs)
        waiting = []
        for ref, field in zip(refs, fields, strict=True):
            self._check_decision(ref, field, outcome)
            if field.version == 0:
                waiting.append(ref)
        return await self._live(waiting)

    async def _moved(self, bases: Iterable[Basis]) -> tuple[Stale, ...]:
        """What has moved on, apart from the channel's own book-keeping."""
        own = {f"{self.name}_proposals", f"{self.name}_decisions"}
        return tuple(one for one in await self._document.moved_on(*bases) if one.path not in own)

    def _reads_items(self, proposal: Proposal[T]) -> bool:
        """Whether what is accepted moves on what it was derived from."""
        return any(basis.path in (self.name, WHOLE) for basis in proposal.derived_from)

    # -- landing ----------------------------------------------------------------------------------------------

    async def _land(
        self, proposal: Proposal[T], gone: set[str], why: str | None, own: list[int], even_if_stale: bool
    ) -> Ref:
        """One proposal and its decision in one entry. `own`: the versions that this call has landed so far."""
        for attempt in range(1, UPDATE_ATTEMPTS + 1):
            expect = await self._decisions.read(self._key(proposal))
            if expect.version and (found := (await self._landed([proposal.ref]))[proposal.ref]) is not None:
                return found
            bases = await self._guards(proposal, gone, expect.token, own)
            try:
                version = await self._land_on(proposal, [proposal.ref, *bases], why, expect)
            except StaleRead:
                if not even_if_stale or attempt == UPDATE_ATTEMPTS:
                    raise
                gone = {one.path for one in await self._moved(proposal.derived_from)}
            except Conflict:
                if (found := (await self._landed([proposal.ref]))[proposal.ref]) is None:
                    raise
                return found
            else:
                own.append(version)
                return Ref(f"{self.name}@{version}.0")
        raise AssertionError("unreachable: the last attempt returns or raises")

    async def _land_on(self, proposal: Proposal[T], bases: Any, why: str | None, expect: Reading[Any]) -> int:
        item = {"value": proposal.value, "proposed_by": proposal.by, "proposal": proposal.ref}
        async with self._document.transaction(why=why or proposal.why, derived_from=bases) as tx:
            await self._of(tx, self._items).append(item)
            await self._write_decision(tx, proposal, "accepted", why, expect)
        return tx.version

    async def _guards(self, proposal: Proposal[T], gone: set[str], now: Token, own: list[int]) -> list[Basis]:
        """What must still be as it was when it lands: the readings of the proposal that have not moved on, by tokens of the
        present authority. The items that this call itself has landed count as read."""
        bases: list[Basis] = []
        for basis in proposal.derived_from:
            if basis.is_ref:
                bases += [] if basis.path in gone else [basis]
            elif basis.path == WHOLE:
                snapshot = await self._document.snapshot()
                apart = gone | {f"{self.name}_proposals", f"{self.name}_decisions", COHERENCE}
                upto = basis.token.version  # what has changed since the check is at a later version, and so denied
                versions = {name: min(snapshot[name].version, upto) for name in snapshot if name not in apart}
                bases += [Basis(name, replace(now, version=version)) for name, version in versions.items()]
            elif basis.path not in gone:
                bases.append(Basis(basis.path, replace(now, version=basis.token.version)))
        if not own:
            return bases
        return [
            Basis(one.path, replace(one.token, version=own[-1])) if one.path == self.name and not one.is_ref else one
            for one in bases
        ]

    async def _decide(self, proposal: Proposal[T], outcome: Outcome, reason: str | None) -> None:
        expect = await self._decisions.read(self._key(proposal))
        try:
            async with self._document.transaction(why=reason) as tx:
                await self._write_decision(tx, proposal, outcome, reason, expect)
        except Conflict:  # another supervisor was faster, perhaps with the same decision
            self._check_decision(proposal.ref, await self._decisions.read(self._key(proposal)), outcome)

    async def _write_decision(
        self, tx: Document, proposal: Proposal[T], outcome: Outcome, reason: str | None, expect: Reading[Any]
    ) -> None:
        said: dict[str, Any] = {
            "outcome": outcome,
            "proposal": proposal.ref,
            "proposed_by": proposal.by,
            "reason": reason,
        }
        said["instead_of"] = proposal.instead_of
        if outcome == "returned":
            stale = [
                Moved(path=s.path, yours=s.yours, current=s.current, changed_by=s.changed_by) for s in proposal.stale
            ]
            said |= {"value": proposal.value, "stale": stale[:STALE_NAMED_MAX]}
        await self._of(tx, self._decisions).commit(self._key(proposal), said, expect=expect)

    async def _tidy(self) -> None:
        """Let decided proposals go before the queue is full: they stay in the history, their decisions where they are."""
        reading = await self._proposals.read()
        if len(reading.entries) <= self.settings.queue // 2:
            return
        oldest = await self._undecided(1)
        upto = oldest[0].version - 1 if oldest else reading.version
        if reading.entries[0].version > upto:
            return
        try:
            await self._proposals.compact(lambda _: (), upto=upto, why="decided")
        except (
            Conflict
        ):  # another supervisor tidies, or an earlier tidying is not behind us yet: the next decision tries again
            return


def _place(ref: Ref) -> tuple[int, int]:
    return ref.version, ref.n or 0


def _stale_read(
    stale: Sequence[Stale], waiting: Sequence[Proposal[Any]], moved: Sequence[Sequence[Stale]]
) -> StaleRead:
    shown = [
        {"path": one.path, "yours": one.yours, "current": one.current, "changed_by": one.changed_by}
        for one in stale[:STALE_NAMED_MAX]
    ]
    refs = [one.ref for one, gone in zip(waiting, moved, strict=True) if gone][:STALE_NAMED_MAX]
    names = "; ".join(map(str, stale[:STALE_NAMED_MAX]))
    return StaleRead(
        f"{', '.join(refs)} derived from what has changed since: {names}",
        path=stale[0].path,
        stale=shown,
        proposals=list(map(str, refs)),
        hint="redispatch() returns a proposal to its worker; even_if_stale=True lands it as it is",
    )


async def _each(questions: Iterable[Any], together: int = ASKED_AT_ONCE) -> list[Any]:
    """Their answers in order, a bounded number at a time; raises the first error when all of its time have ended."""
    waiting, answers = list(questions), []
    try:
        while waiting:
            some, waiting = waiting[:together], waiting[together:]
            found = await asyncio.gather(*some, return_exceptions=True)
            failed = next((one for one in found if isinstance(one, BaseException)), None)
            if failed is not None:
                raise failed
            answers += found
    finally:
        for one in waiting:  # also when the caller was cancelled
            one.close()
    return answers
