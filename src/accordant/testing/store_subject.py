"""What every check of a store is written with: the store under test, a commit to send, an error to expect."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from accordant.engine.stores.contract import ALL, Commit, FieldWrite, Refused, Store
from accordant.types.entries import Entry, EntryKind, OpRecord

__all__ = ["DOCUMENT", "OTHER", "Check", "Subject", "raised", "run_check", "write"]

ErrorT = TypeVar("ErrorT", bound=Exception)

DOCUMENT = "acme/task/q3/brief"
OTHER = "acme/task/q3/notes"


@dataclass(frozen=True, slots=True)
class Subject:
    """A store under test: open, empty, and how to let its clock run on."""

    store: Store
    advance: Callable[[float], Awaitable[None]]

    @property
    def resource(self) -> str:
        """The lease that an authority for `DOCUMENT` needs here."""
        return ALL if self.store.exclusive else DOCUMENT

    async def begin(self, document: str = DOCUMENT) -> int:
        """A document and the epoch to write it with."""
        await self.store.create(document, "incarnation-1")
        resource = ALL if self.store.exclusive else document
        return (await self.store.acquire(resource, "first", 60.0)).epoch


Check = Callable[[Subject], Awaitable[None]]


async def run_check(check: Check, open_subject: Callable[[], AbstractAsyncContextManager[Subject]]) -> None:
    """One check over one fresh store."""
    async with open_subject() as subject:
        await check(subject)


def write(offset: int, path: str = "account", **changes: Any) -> Commit:
    """A commit of one guarded write, with what else is asked for: any field of `Commit` or of `Entry`."""
    region, _, key = path.partition("/")
    guards: Mapping[str, int] = changes.pop("guards", {})
    fields: Sequence[FieldWrite] = changes.pop("fields", [FieldWrite(path, f'"{offset}"', "ada", 1000 + offset)])
    refused: Refused | None = changes.pop("refused", None)
    entry = Entry(
        offset=offset,
        kind=EntryKind.WRITE,
        at=1000 + offset,
        actor="ada",
        session="s1",
        ops=(OpRecord(region, "commit", key or None, None, {"value": offset}),),
        update=b"update %d" % offset,
    )
    return Commit(replace(entry, **changes), guards, fields, refused)


async def raised(kind: type[ErrorT], attempt: Awaitable[Any]) -> ErrorT:
    """The error that an attempt must end with."""
    try:
        await attempt
    except kind as error:
        return error
    raise AssertionError(f"it should have raised {kind.__name__}")
