"""The stores that `accordant probe` knows by name: opens one, closes it. Plays nothing and prints nothing."""

from __future__ import annotations

import asyncio
import contextvars
import importlib
import json
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from accordant.cli.output import MissingExtra
from accordant.cli.probe_subjects import ObjectSubject, awaited
from accordant.testing.stage import Subject, Unusable
from accordant.types.errors import AccordantError, Invalid

__all__ = ["TARGETS", "open_target"]

TARGETS: Mapping[str, str] = {
    "dict": "a Python dict that agents share",
    "json:PATH": "a JSON file; an existing one is examined as a copy",
    "langgraph:InMemoryStore": "LangGraph's own in-memory store",
    "langgraph:DocStore": "the same interface over this product",
    "langgraph:MODULE:FACTORY": "any LangGraph BaseStore that FACTORY() returns",
    "python:MODULE:FACTORY": "any object with get and put, or read and commit, that FACTORY() returns",
    "accordant": "this product",
}


@asynccontextmanager
async def open_target(target: str) -> AsyncIterator[Subject]:
    """The store that the target names, closed afterwards; raises `Invalid` for a target that names none."""
    kind, _, rest = target.partition(":")
    async with AsyncExitStack() as stack:
        match kind:
            case "dict" if not rest:
                yield ObjectSubject(DictStore({}))
            case "json" if rest:
                with tempfile.TemporaryDirectory(prefix="accordant-probe-") as folder:
                    yield ObjectSubject(JsonFileStore(_copy(Path(rest), Path(folder))))
            case "langgraph" if rest:
                yield ObjectSubject(LangGraphStore(await _made(_langgraph_factory(rest), stack)))
            case "python" if rest:
                yield ObjectSubject(await _made(_factory(rest), stack))
            case "accordant" if not rest:
                with tempfile.TemporaryDirectory(prefix="accordant-probe-") as folder:
                    ours = await stack.enter_async_context(OwnStore(Path(folder) / "probe.db"))
                    yield ObjectSubject(ours)
            case _:
                known = f"there are: {', '.join(TARGETS)}"
                raise Invalid(f"{target!r} is no target of the probe", code="unknown_target", hint=known)


@dataclass(slots=True)
class DictStore:
    """A dict. Reads are copies, as they are for agents that do not share a process."""

    records: dict[str, Any]

    def get(self, key: str) -> Any:
        """The record, or None."""
        return dict(self.records[key]) if key in self.records else None

    def put(self, key: str, value: dict[str, Any]) -> None:
        """Write the whole record."""
        self.records[key] = value

    def delete(self, key: str) -> None:
        """Remove the record."""
        del self.records[key]


@dataclass(slots=True)
class JsonFileStore:
    """One JSON object in a file, read and written whole: the usual memory file. Nothing is kept between two calls."""

    path: Path

    def get(self, key: str) -> Any:
        """The record, or None."""
        return self._load().get(key)

    def put(self, key: str, value: dict[str, Any]) -> None:
        """Write the whole record."""
        self._save(self._load() | {key: value})

    def delete(self, key: str) -> None:
        """Remove the record."""
        records = self._load()
        del records[key]
        self._save(records)

    def restart(self) -> None:
        """Nothing to end: the file is all there is."""

    def _load(self) -> dict[str, Any]:
        records = json.loads(self.path.read_text(encoding="utf-8")) if self.path.exists() else {}
        if not isinstance(records, dict):
            raise Unusable("the file holds no JSON object")
        return records

    def _save(self, records: dict[str, Any]) -> None:
        self.path.write_text(json.dumps(records), encoding="utf-8")


@dataclass(slots=True)
class LangGraphStore:
    """A LangGraph BaseStore, under a namespace of its own."""

    store: Any
    namespace: tuple[str, ...] = ("accordant", "probe")
    can_delete = True

    async def join(self, agent: str) -> LangGraphRun:
        """The agent's own run, as a graph gives one to each node: what one has read, another has not."""
        return LangGraphRun(self.store, self.namespace, contextvars.Context())


@dataclass(slots=True)
class LangGraphRun:
    """One agent of a LangGraph BaseStore: all that it does is done in one context."""

    store: Any
    namespace: tuple[str, ...]
    context: contextvars.Context

    async def get(self, key: str) -> Any:
        """The item's value, or None."""
        item = await self._within(self.store.aget, key)
        return None if item is None else dict(item.value)

    async def put(self, key: str, value: dict[str, Any]) -> None:
        """Write the item."""
        await self._within(self.store.aput, key, value)

    async def delete(self, key: str) -> None:
        """Remove the item."""
        await self._within(self.store.adelete, key)

    async def _within(self, act: Any, *args: Any) -> Any:
        async def done() -> Any:
            return await act(self.namespace, *args)

        return await asyncio.create_task(done(), context=self.context)


class OwnStore:
    """This product: one guarded map, every agent with a handle of its own."""

    can_delete = True

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stack = AsyncExitStack()
        self._engine: Any = None

    async def __aenter__(self) -> OwnStore:
        # Late, so that examining somebody else's store does not load the engine.
        from accordant import Engine

        self._engine = await self._stack.enter_async_context(Engine(str(self._path)))
        return self

    async def __aexit__(self, *failure: object) -> None:
        await self._stack.aclose()

    async def join(self, agent: str) -> Any:
        """The guarded map as this agent holds it: it reads, commits and deletes by key."""
        from accordant import Document, GuardedMap, Namespace

        class Accounts(Document):
            records: GuardedMap[dict[str, Any]]

        document = await self._engine.open(Accounts, Namespace.task("probe", "accounts"), "accounts", agent=agent)
        return document.records

    async def restart(self) -> None:
        """Close the engine and open it again over the same file."""
        await self._stack.aclose()
        await self.__aenter__()


def _copy(path: Path, folder: Path) -> Path:
    copy = folder / (path.name or "store.json")
    if path.is_dir():
        raise Invalid(f"{path} is a folder, not a JSON file", code="unknown_target")
    if path.exists():
        try:
            if not isinstance(json.loads(path.read_text(encoding="utf-8")), dict):
                raise Invalid(f"{path} holds no JSON object", code="unknown_target")
        except (OSError, ValueError) as error:
            raise Invalid(f"{path} is no JSON file: {error}", code="unknown_target") from error
        shutil.copyfile(path, copy)
    return copy


def _factory(words: str) -> Any:
    module_name, _, name = words.partition(":")
    if not module_name or not name:
        raise Invalid(f"{words!r} names no factory: write MODULE:FACTORY", code="unknown_target")
    if "" not in sys.path:
        sys.path.insert(0, "")  # a module in the current folder, as with `python -m`
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as missing:
        if missing.name and (module_name == missing.name or module_name.startswith(f"{missing.name}.")):
            raise Invalid(f"there is no module {module_name}", code="unknown_target") from missing
        text = f"{module_name} needs {missing.name}, which is not installed here"
        raise AccordantError(text, code="missing_extra", hint=f"pip install {missing.name}") from missing
    factory = getattr(module, name, None)
    if not callable(factory):
        raise Invalid(f"{module_name} has no callable {name}", code="unknown_target")
    return factory


def _langgraph_factory(words: str) -> Any:
    try:
        from langgraph.store.memory import InMemoryStore
    except ModuleNotFoundError as missing:
        raise MissingExtra("examining LangGraph's stores", "langgraph") from missing
    if words == "DocStore":
        from accordant.adapters.langgraph import DocStore

        return DocStore
    return InMemoryStore if words == "InMemoryStore" else _factory(words)


async def _made(factory: Any, stack: AsyncExitStack) -> Any:
    """What the factory returns, awaited and entered where it wants to be."""
    made = await awaited(factory())
    if hasattr(made, "__aenter__"):
        return await stack.enter_async_context(made)
    return stack.enter_context(made) if hasattr(made, "__enter__") else made
