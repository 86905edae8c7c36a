"""The shared block: one text, and three operations of different safety, each for those it is safe for.

`insert` is safe for any number of writers; `replace` matches the text as it is now or changes nothing; `rethink` rewrites all of
it, so it takes an owner, the lease that only one owner holds, and a base that nothing has touched since. A block is shared by
opening the same document: there is nothing else to attach.
"""

from __future__ import annotations

import asyncio
import inspect
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from accordant.document.document import Document
from accordant.document.events import Events
from accordant.document.pattern import Pattern, Settings
from accordant.document.regions import GuardedMap, Text
from accordant.patterns.claiming import let_go, take
from accordant.types.commands import Committed
from accordant.types.errors import AccordantError, Fenced, Invalid, NoAuthority, SchemaError
from accordant.types.limits import REGION_BYTES_MAX
from accordant.types.pattern_limits import LEASE_TTL_S
from accordant.types.readings import Claim, Reading, basis_of
from accordant.types.regions import Kind, RegionSpec, Rules

__all__ = ["Block", "BlockSettings", "Draft", "block"]

Sleep = Callable[[float], Awaitable[Any]]
_LEASE = "rethink"
_OWNERS = frozenset({"insert", "append", "delete", "replace", "rethink", "compact", "retract", "supersede"})


@dataclass(frozen=True, slots=True)
class BlockSettings(Settings):
    """Who may do what: names, `role:<role>` or `*`. `insert` may add; `replace` may correct; `owner` may do everything."""

    owner: frozenset[str]
    insert: frozenset[str] = frozenset({"*"})
    replace: frozenset[str] = frozenset()
    max_bytes: int = REGION_BYTES_MAX


def block(
    owner: str | Iterable[str],
    *,
    insert: str | Iterable[str] = "*",
    replace: str | Iterable[str] = (),
    max_bytes: int = REGION_BYTES_MAX,
) -> Any:
    """`memory: Block = block(owner="role:curator", insert="*", replace="role:editor")`."""
    owners = _names(owner)
    if not owners or "*" in owners:
        raise SchemaError('a block has an owner, a name or role:<role>: "*" would let anybody rewrite it')
    if max_bytes < 1:
        raise SchemaError("max_bytes is at least 1")
    return BlockSettings(owners, _names(insert), _names(replace), max_bytes)


def _names(who: str | Iterable[str]) -> frozenset[str]:
    names = frozenset((who,) if isinstance(who, str) else who)
    if not all(isinstance(name, str) and name for name in names):
        raise SchemaError("whoever may do something has a name, role:<role> or *")
    return names


class Block(Pattern):
    """A text that many add to, some correct and one rewrites. Made of the text and of its owner's lease."""

    settings_type = BlockSettings
    needs = "block(owner=...)"

    @classmethod
    def specs(cls, name: str, item: Any, settings: BlockSettings) -> Sequence[RegionSpec]:
        """`<name>`, `<name>_lease`."""
        allow: dict[str, frozenset[str]] = {}
        tiers: Iterable[tuple[frozenset[str], frozenset[str]]] = (
            (settings.insert, frozenset({"insert"})),
            (settings.replace, frozenset({"replace"})),
            (settings.owner, _OWNERS),
        )
        for names, operations in tiers:
            allow |= {who: allow.get(who, frozenset()) | operations for who in names}
        return (
            RegionSpec(name, Kind.TEXT, None, Rules(allow=allow, max_bytes=settings.max_bytes)),
            RegionSpec(f"{name}_lease", Kind.GUARDED_MAP, None, Rules(writers=settings.owner)),
        )

    @property
    def _text(self) -> Text:
        return self._part(Text)

    @property
    def _lease(self) -> GuardedMap[Any]:
        return self._part(GuardedMap, "lease")

    async def read(self, *, at_least: int | None = None) -> Reading[str]:
        """The text now."""
        return await self._text.read(at_least=at_least)

    # -- safe for any number of writers -----------------------------------------------------------------------

    async def append(self, text: str, *, why: str | None = None, derived_from: Any = ()) -> Committed:
        """Add at the end, wherever that is by then."""
        return await self._text.append(text, why=why, derived_from=derived_from)

    async def insert(
        self,
        text: str,
        *,
        at: int | None = None,
        after: str | None = None,
        before: str | None = None,
        why: str | None = None,
        derived_from: Any = (),
    ) -> Committed:
        """Add at a character offset, or `after` or `before` a text that occurs exactly once, or else at the end."""
        places = [one for one in (at, after, before) if one is not None]
        if len(places) > 1:
            raise Invalid("insert takes at=, after= or before=, one of them", code="bad_argument", path=self.name)
        if after is not None:
            return await self._text.insert_after(after, text, why=why, derived_from=derived_from)
        if before is not None:
            return await self._text.insert_before(before, text, why=why, derived_from=derived_from)
        if at is not None:
            return await self._text.insert(at, text, why=why, derived_from=derived_from)
        return await self.append(text, why=why, derived_from=derived_from)

    # -- safe for whoever names what it replaces --------------------------------------------------------------

    async def replace(self, old: str, new: str, *, why: str | None = None, derived_from: Any = ()) -> Committed:
        """Replace `old`, which must occur exactly once in the text as it is now; otherwise `Conflict` with an excerpt."""
        return await self._text.replace(old, new, why=why, derived_from=derived_from)

    # -- for the owner ----------------------------------------------------------------------------------------

    async def rethink(
        self, text: str, *, expect: Reading[str], why: str | None = None, derived_from: Any = ()
    ) -> Committed:
        """Rewrite it all, if nothing has touched it since `expect`: for a rewriting that is ready. Raises `Conflict`, also
        (`claimed`) while another owner is at it; `Denied` for everybody else."""
        basis_of(expect)  # no reading is no base: it would rewrite what its caller has never seen
        async with self.rethinking(base=expect) as draft:
            return await draft.commit(text, why=why, derived_from=derived_from)

    @asynccontextmanager
    async def rethinking(
        self, ttl: float = LEASE_TTL_S, *, base: Reading[str] | None = None, sleep: Sleep = asyncio.sleep
    ) -> AsyncIterator[Draft]:
        """Hold the lease while you think: `async with memory.rethinking() as draft: await draft.commit(await model(draft.text))`.

        The lease lasts `ttl` seconds and is renewed until the block ends. Others go on adding; a rewriting whose base they have
        touched is a `Conflict` (`draft.refresh()` reads it again), a fold keeps what they added. Raises `Conflict` (`claimed`)
        while another owner holds it, `Denied`.
        """
        if self._document.outside is not self._document:
            text = (
                f"{self.name} cannot be rewritten within a transaction: the lease is held while the rewriting is made"
            )
            raise Invalid(
                text, code="in_transaction", path=self.name, hint="rewrite it before or after the transaction"
            )
        claim = await take(self._lease, _LEASE, ttl, why="rethinking")
        draft = Draft(self._document, self._text, self._lease, claim)
        renewing = asyncio.create_task(draft.renewing(ttl, sleep), name=f"{self.name} lease")
        try:
            if base is None:
                await draft.refresh()
            else:
                draft.base = base
            yield draft
        finally:
            renewing.cancel()
            await let_go(self._lease, draft.claim)  # before anything else that may be cut off
            await asyncio.gather(renewing, return_exceptions=True)

    async def compact(
        self, fold: Callable[[str], str | Awaitable[str]], *, why: str | None = None, ttl: float = LEASE_TTL_S
    ) -> Committed:
        """Put what `fold` makes of the text in its place, under the lease; what others add meanwhile stays, behind it.

        Raises `Conflict` (`corrected`) when a part of what was folded was deleted or replaced meanwhile.
        """
        async with self.rethinking(ttl) as draft:
            folded = fold(draft.text)
            return await draft.fold(await folded if inspect.isawaitable(folded) else folded, why=why)

    async def quiesce(
        self,
        quiet: float,
        timeout: float | None = None,  # noqa: ASYNC109 - the bound is part of the promise
        *,
        sleep: Sleep = asyncio.sleep,
    ) -> Reading[str]:
        """Wait until nobody has written here for `quiet` seconds; returns the text. Raises `NoAuthority` (`timeout`) after
        `timeout` seconds: a block that is never quiet is compacted while they write."""
        if not all(0 <= seconds < math.inf for seconds in (quiet, 0.0 if timeout is None else timeout)):
            # Not a number least of all: as a timer it would keep every other one of the event loop from going off.
            raise Invalid("quiet= and timeout= are seconds from 0", code="bad_argument", path=self.name)
        late = None if timeout is None else asyncio.ensure_future(sleep(timeout))
        try:
            async with self._document.events(self.name, kinds="write") as events:
                while not await _is_quiet(events, quiet, late, sleep):
                    if late is not None and late.done():
                        text = f"{self.name} has not been quiet for {quiet:g} s within {timeout:g} s"
                        raise NoAuthority(text, code="timeout", hint="wait longer, or compact() while they write")
        finally:
            await _end(late)
        return await self.read()


async def _is_quiet(events: Events, quiet: float, late: asyncio.Future[Any] | None, sleep: Sleep) -> bool:
    """Whether so many seconds pass before the next write, and before it is too late."""
    write, silence = asyncio.ensure_future(anext(events)), asyncio.ensure_future(sleep(quiet))
    try:
        await asyncio.wait({one for one in (write, silence, late) if one}, return_when=asyncio.FIRST_COMPLETED)
        if write.done():
            write.result()  # what ends the subscription ends the wait
            return False
        return silence.done()
    finally:
        await _end(write, silence)


async def _end(*tasks: asyncio.Future[Any] | None) -> None:
    waiting = [one for one in tasks if one is not None]
    for one in waiting:
        one.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)


class Draft:
    """A rewriting in the making: the text as it was when it began, and the lease that keeps other owners out."""

    base: Reading[str]
    """What is rewritten, as it was read."""

    def __init__(self, document: Document, text: Text, lease: GuardedMap[Any], claim: Claim[Any]) -> None:
        self._document = document
        self._region = text
        self._lease = lease
        self.claim = claim

    @property
    def text(self) -> str:
        """What is rewritten."""
        return self.base.value

    async def refresh(self) -> Reading[str]:
        """Begin again from the text as it is now."""
        self.base = await self._region.read()
        return self.base

    async def commit(self, text: str, *, why: str | None = None, derived_from: Any = ()) -> Committed:
        """Put it in the place of all there was. Raises `Conflict` when anybody has touched it since, `Fenced` when the lease was
        lost."""
        async with self._landing(why, derived_from) as tx:
            await self._of(tx).rethink(text, expect=self.base)
        return self._landed(tx)

    async def fold(self, text: str, *, why: str | None = None) -> Committed:
        """Put it in the place of what was there at the base; what was added since stays. Raises `Conflict` (`corrected`) when a
        part of the base has been deleted or replaced, `Fenced` when the lease was lost."""
        async with self._landing(why, ()) as tx:
            await self._of(tx).compact(lambda _: text, base=self.base)
        return self._landed(tx)

    @asynccontextmanager
    async def _landing(self, why: str | None, derived_from: Any) -> AsyncIterator[Document]:
        """What lands only while the lease is held: the lease itself is written in the same entry."""
        async with self._document.transaction(why=why, derived_from=derived_from) as tx:
            yield tx
            lease = tx.region_as(self._lease.spec)
            assert isinstance(lease, GuardedMap)
            await lease.commit(_LEASE, self._note(), expect=self.claim)

    def _note(self) -> Mapping[str, Any]:
        return {"by": self._document.agent, "base": self.base.version}

    def _of(self, tx: Document) -> Text:
        region = tx.region_as(self._region.spec)
        assert isinstance(region, Text)
        return region

    def _landed(self, tx: Document) -> Committed:
        """Whoever holds a claim and writes its key goes on holding it, at the version that landed."""
        token = replace(self.claim.token, version=tx.version)
        self.claim = replace(self.claim, version=tx.version, token=token)
        return Committed(tx.version)

    async def renewing(self, ttl: float, sleep: Sleep) -> None:
        """Until cancelled, or until it is lost: then what is committed under it is `Fenced`."""
        while True:
            await sleep(ttl / 3)
            try:
                self.claim = await self._lease.renew(self.claim, ttl)
            except Fenced:
                return
            except AccordantError:  # nobody can be asked now: the next turn may be in time
                continue
