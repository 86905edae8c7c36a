"""Small honest stores, each right or wrong in one way, that `accordant probe` has to tell apart."""

from __future__ import annotations

from typing import Any


class Conflict(Exception):
    """The version moved."""


class VersionedStore:
    """Compare-and-swap on a version that only grows, also across deletion. Right, but it knows no generations."""

    def __init__(self) -> None:
        self.records: dict[str, tuple[Any, int]] = {}
        self.clock = 0

    def read(self, key: str) -> tuple[Any, int]:
        return self.records.get(key, (None, 0))

    def commit(self, key: str, value: Any, *, expect: tuple[Any, int]) -> None:
        self.check(key, expect)
        self.clock += 1
        self.records[key] = (value, self.clock)

    def delete(self, key: str, *, expect: tuple[Any, int]) -> None:
        self.check(key, expect)
        self.clock += 1
        self.records[key] = (None, self.clock)

    def restart(self) -> None:
        """Everything is kept."""

    def check(self, key: str, expect: tuple[Any, int]) -> None:
        if self.read(key)[1] != expect[1]:
            raise Conflict(f"{key} is at version {self.read(key)[1]}\nsecond line")


class ValueComparingStore(VersionedStore):
    """Wrong: compares what was read, not when."""

    def check(self, key: str, expect: tuple[Any, int]) -> None:
        if self.read(key)[0] != expect[0]:
            raise Conflict(key)


class VersionReusingStore(VersionedStore):
    """Wrong: versions are counted per record, and the count dies with the record."""

    def commit(self, key: str, value: Any, *, expect: tuple[Any, int]) -> None:
        self.check(key, expect)
        self.records[key] = (value, self.read(key)[1] + 1)

    def delete(self, key: str, *, expect: tuple[Any, int]) -> None:
        self.check(key, expect)
        del self.records[key]


class ForgetfulStore(VersionedStore):
    """Wrong: the records survive a restart, their versions start again from nothing."""

    def commit(self, key: str, value: Any, *, expect: tuple[Any, int]) -> None:
        self.check(key, expect)
        self.records[key] = (value, self.read(key)[1] + 1)

    def restart(self) -> None:
        self.records = {key: (value, 0) for key, (value, _) in self.records.items()}


class FencingStore:
    """Right in everything: a version, and a generation per agent that ends when a successor joins under its name."""

    can_delete = True

    def __init__(self) -> None:
        self.store = VersionedStore()
        self.generations: dict[str, int] = {}

    async def join(self, agent: str) -> FencedHandle:
        self.generations[agent] = self.generations.get(agent, 0) + 1
        return FencedHandle(self, agent, self.generations[agent])

    async def restart(self) -> None:
        """Everything is kept."""


class FencedHandle:
    """One agent's generation in a `FencingStore`."""

    def __init__(self, shared: FencingStore, agent: str, generation: int) -> None:
        self.shared, self.agent, self.generation = shared, agent, generation

    async def read(self, key: str) -> dict[str, Any]:
        value, version = self.shared.store.read(key)
        return {"value": value, "version": version}

    async def commit(self, key: str, value: Any, *, expect: dict[str, Any]) -> None:
        self.check()
        self.shared.store.commit(key, value, expect=(expect["value"], expect["version"]))

    async def delete(self, key: str, *, expect: dict[str, Any]) -> None:
        self.check()
        self.shared.store.delete(key, expect=(expect["value"], expect["version"]))

    def check(self) -> None:
        if self.shared.generations[self.agent] != self.generation:
            raise PermissionError(f"{self.agent} was replaced")


class QuietStore(VersionedStore):
    """Right, but a refusal is only a return value."""

    def commit(self, key: str, value: Any, *, expect: tuple[Any, int]) -> bool:  # type: ignore[override]
        if self.read(key)[1] != expect[1]:
            return False
        super().commit(key, value, expect=expect)
        return True


class DroppingStore(VersionedStore):
    """Wrong: an outdated write is dropped and reported as success."""

    def commit(self, key: str, value: Any, *, expect: tuple[Any, int]) -> None:
        if self.read(key)[1] == expect[1]:
            super().commit(key, value, expect=expect)


class MergingStore(VersionedStore):
    """Right in its own way: a write changes the fields that differ from what its writer had read, and no others."""

    def commit(self, key: str, value: Any, *, expect: tuple[Any, int]) -> None:
        base = expect[0] or {}
        changed = {name: new for name, new in value.items() if base.get(name) != new}
        self.clock += 1
        self.records[key] = ({**(self.read(key)[0] or {}), **changed}, self.clock)


class LockingStore(VersionedStore):
    """Refuses every second writer's newest reading as well: nothing can be played on it."""

    def commit(self, key: str, value: Any, *, expect: tuple[Any, int]) -> None:
        if self.read(key)[0] is not None:
            raise Conflict("locked")
        super().commit(key, value, expect=expect)


class ForgettingStore:
    """No store at all: what is put is not there."""

    def get(self, key: str) -> None:
        return None

    def put(self, key: str, value: Any) -> None:
        pass


class EnteredStore(VersionedStore):
    """A store that has to be entered, and is left."""

    entered: list[str] = []  # noqa: RUF012 - shared on purpose, so that the test sees it

    def __enter__(self) -> EnteredStore:
        self.entered.append("entered")
        return self

    def __exit__(self, *failure: object) -> None:
        self.entered.append("left")


async def made_async() -> VersionedStore:
    """A factory that wants to be awaited."""
    return VersionedStore()


def bad_factory() -> None:
    """A factory that fails."""
    raise OSError("no such server [at all]")


class NoStore:
    """Has none of the methods."""
