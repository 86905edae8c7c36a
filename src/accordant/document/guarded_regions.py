"""Regions under compare-and-swap: a write names what it read, and lands only while that is current (I4)."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeVar, cast, overload

from accordant.document.region import Region, expected
from accordant.types.commands import Question, ReadAnswer
from accordant.types.errors import Conflict, EpochChanged, Invalid
from accordant.types.limits import UPDATE_ATTEMPTS
from accordant.types.readings import CURRENT, Claim, Held, Reading, Readings, Token, bases_of
from accordant.types.regions import Kind

__all__ = ["Guarded", "GuardedMap"]

T = TypeVar("T")


class _GuardedFace(Region):
    """Compare-and-swap on one path, shared by `Guarded` and `GuardedMap`."""

    __slots__ = ()

    async def _commit(
        self, op: str, key: str | None, expect: Any, why: str | None, derived_from: Readings, **args: Any
    ) -> Reading[Any]:
        path = self.name if key is None else f"{self.name}/{key}"
        write = self._write(op, key, expected(expect, path), **args)
        committed = await self._submit(write, why=why, derived_from=derived_from)
        answer = committed.answers[0] if committed.answers else None
        return self.reading_of(answer if answer is not None else await self._ask(key))

    async def _update(
        self,
        key: str | None,
        derive: Callable[[Any], Any | Awaitable[Any]],
        why: str | None,
        derived_from: Readings,
        attempts: int,
    ) -> Reading[Any]:
        if attempts < 1:
            raise Invalid(f"update() takes attempts= from 1, not {attempts}", code="bad_argument", path=self.name)
        bases: Any = bases_of(derived_from)  # taken once: an iterator would be empty at the second attempt
        for attempt in range(1, attempts + 1):
            reading = self.reading_of(await self._port.turn(Question(self.name, self.kind, key)))
            value = derive(reading.value)
            if inspect.isawaitable(value):
                value = await value
            try:
                return await self._commit("commit", key, reading, why, bases, value=self.spec.dump(value))
            except Conflict:
                if attempt == attempts:
                    raise
        raise AssertionError("unreachable: the last attempt returns or raises")


class Guarded(_GuardedFace, Generic[T]):
    """A scalar or a pydantic model under compare-and-swap: one winner per version (I4)."""

    kind = Kind.GUARDED
    __slots__ = ()

    async def read(self, *, at_least: int | None = None, cached: bool = True) -> Reading[T]:
        """The current value. Never written: the declared default or None, at version 0."""
        return self.reading_of(await self._ask(None, at_least, cached))

    async def commit(
        self, value: T, *, expect: Reading[T], why: str | None = None, derived_from: Readings = ()
    ) -> Reading[T]:
        """Replace what `expect` read. Raises `Conflict`, `StaleRead`, `Fenced`, `Denied`, `Invalid`; returns the new reading."""
        return await self._commit("commit", None, expect, why, derived_from, value=self.spec.dump(value))

    async def update(
        self,
        derive: Callable[[T], T | Awaitable[T]],
        *,
        why: str | None = None,
        derived_from: Readings = (),
        attempts: int = UPDATE_ATTEMPTS,
    ) -> Reading[T]:
        """Read, derive, commit; on a conflict derive again from what won. Contenders stand in line. Raises the last
        `Conflict`."""
        return await self._update(None, derive, why, derived_from, attempts)

    async def delete(self, *, expect: Reading[T], why: str | None = None, derived_from: Readings = ()) -> Reading[T]:
        """Remove the value; its version goes on growing, so that a re-created field is never mistaken for the old one."""
        return await self._commit("delete", None, expect, why, derived_from)


class GuardedMap(_GuardedFace, Generic[T]):
    """Guarded fields by key, and claims on them: at most one holder of a key at any time."""

    kind = Kind.GUARDED_MAP
    __slots__ = ()

    @overload
    async def read(self, key: str, *, at_least: int | None = None, cached: bool = True) -> Reading[T]: ...

    @overload
    async def read(
        self, key: None = None, *, at_least: int | None = None, cached: bool = True
    ) -> Reading[dict[str, T]]: ...

    async def read(self, key: str | None = None, *, at_least: int | None = None, cached: bool = True) -> Reading[Any]:
        """The value of one key; without a key, all that have a value, at the version of the newest write."""
        return self.reading_of(await self._ask(key, at_least, cached), key)

    async def readings(self, *, since: Reading[Any] | int | None = None) -> Reading[dict[str, Reading[T | None]]]:
        """Each key by itself, with the version and the author of its last write, at the newest version of the map.

        `since`, a reading of the map or its version: only keys written after that, deleted ones too, which read as None. So one
        call says whether anything has changed, and what; `since=` the result of the last call goes on from there. Raises
        `EpochChanged` when that reading is of another epoch: begin anew, without it.
        """
        version = since.version if isinstance(since, Reading) else 0 if since is None else since
        answer = await self._port.ask(Question(self.name, self.kind, is_cached=False, since=version))
        token, marks = answer.token, answer.marks or {}
        if isinstance(since, Reading):
            then = expected(since, self.name)
            if (then.epoch, then.incarnation) != (token.epoch, token.incarnation):
                raise EpochChanged(f"{self.name} was read from another epoch", path=self.name, yours=version)
        found = {}
        for key, at_version, by, at in answer.entries or ():
            path, own = f"{self.name}/{key}", Token(token.epoch, token.incarnation, at_version, token.generation)
            status, because = marks.get(f"{path}@{at_version}", (CURRENT, None))
            value = self._load(answer.value.get(key))
            found[key] = Reading(value, at_version, own, path, by, at, status=status, because=because)
        return Reading(found, token.version, token, self.name, answer.by, answer.at, marks=marks)

    def reading_of(self, answer: ReadAnswer, key: str | None = None) -> Reading[Any]:
        """Of one key; without one, of the whole map."""
        if answer.path != self.name:
            return self._read_as(answer, self._load(answer.value))
        return self._read_as(answer, {one: self._load(item) for one, item in answer.value.items()})

    async def commit(
        self, key: str, value: T, *, expect: Reading[T], why: str | None = None, derived_from: Readings = ()
    ) -> Reading[T]:
        """Replace what `expect` read of this key. A key that another agent holds a claim on is denied."""
        return await self._commit("commit", key, expect, why, derived_from, value=self.spec.dump(value))

    async def update(
        self,
        key: str,
        derive: Callable[[T], T | Awaitable[T]],
        *,
        why: str | None = None,
        derived_from: Readings = (),
        attempts: int = UPDATE_ATTEMPTS,
    ) -> Reading[T]:
        """Read, derive, commit one key; derive again on a conflict."""
        return await self._update(key, derive, why, derived_from, attempts)

    async def delete(
        self, key: str, *, expect: Reading[T], why: str | None = None, derived_from: Readings = ()
    ) -> Reading[T]:
        """Remove the key; its version goes on growing."""
        return await self._commit("delete", key, expect, why, derived_from)

    async def claim(self, key: str, ttl: float, *, why: str | None = None) -> Claim[T]:
        """Hold a key for `ttl` seconds. Raises `Conflict` (code `claimed`) naming the holder while another holds it.

        The claim is the reading to commit with (`expect=claim`); after it has run out, those commits are `Fenced`.
        """
        return await self._claim("claim", key, None, ttl, why)

    async def renew(self, claim: Claim[T], ttl: float, *, why: str | None = None) -> Claim[T]:
        """Hold it for `ttl` seconds from now. Raises `Fenced` when the claim has been lost."""
        return await self._claim("renew", claim.key, claim, ttl, why)

    async def release(self, claim: Claim[T], *, why: str | None = None) -> Reading[T]:
        """Let go. Raises `Fenced` when the claim has been lost already."""
        return await self._commit("release", claim.key, claim, why, ())

    async def claims(self) -> dict[str, Held]:
        """All keys that were claimed and not released since, by key: who holds what. Some may have run out: `claim` decides."""
        cut = await self._port.cut(frozenset({self.name}), None)
        found = cut.regions.get(self.name)
        fields = {} if found is None else found.fields
        return {
            key: Held(key, str(one.claim["by"]), int(one.claim["until"]), int(one.claim["fence"]))
            for key, one in fields.items()
            if key is not None and one.claim is not None
        }

    async def _claim(self, op: str, key: str, held: Claim[T] | None, ttl: float, why: str | None) -> Claim[T]:
        expect = None if held is None else held.token
        committed = await self._submit(self._write(op, key, expect, ttl_s=ttl), why=why)
        answer = committed.answers[0] if committed.answers else None
        if answer is None:
            answer = await self._ask(key)
        until = int((answer.claim or {}).get("until", 0))
        value = cast(T, self._load(answer.value))
        version, token = answer.token.version, answer.token
        return Claim(value, version, token, answer.path, answer.by, answer.at, key=key, until=until)
