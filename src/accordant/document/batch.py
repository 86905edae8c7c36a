"""`async with doc.batch()`: writes that land one by one, each durable with its version, and that subscribers hear of once."""

from __future__ import annotations

from contextvars import ContextVar, Token
from dataclasses import replace
from types import TracebackType
from typing import Self

from accordant.document.port import Port
from accordant.types.commands import Submission
from accordant.types.errors import AccordantError

__all__ = ["Batch", "in_batch"]


class Batch:
    """One block. It marks the writes of one handle, in this task and in those that it starts, until the block ends.

    A block within another one of the same handle belongs to it.
    """

    def __init__(self, port: Port, why: str | None) -> None:
        self.id = port.new_op_id()
        self.why = why
        self.port = port
        self.outer: Batch | None = None
        self.is_over = False
        self.is_used = False
        self._mark: Token[Batch | None] | None = None

    def begin(self) -> None:
        """From here on, in this context."""
        self.outer = _CURRENT.get()
        self._mark = _CURRENT.set(self)

    def leave(self) -> None:
        """No further write belongs to it, not even of a task that goes on."""
        self.is_over = True
        if self._mark is not None:
            _CURRENT.reset(self._mark)
            self._mark = None

    async def end(self) -> None:
        """Tell the subscribers, if there is anything to tell."""
        if self.is_used:
            await self.port.end_batch(self.id, self.why)

    async def __aenter__(self) -> Self:
        self.begin()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.leave()
        try:
            await self.end()
        except AccordantError:
            if error is None:
                raise
            # Why the block failed is what its caller has to know. Its batch ends with the session at the latest.


_CURRENT: ContextVar[Batch | None] = ContextVar("accordant batch", default=None)


def in_batch(port: Port, submission: Submission) -> Submission:
    """The submission as it is made here: part of the outermost batch of this handle around it, whose reason may be its own."""
    found: Batch | None = None
    batch = _CURRENT.get()
    while batch is not None:
        if batch.port is port and not batch.is_over:
            found = batch
        batch = batch.outer
    if found is None:
        return submission
    found.is_used = True
    return replace(submission, batch=found.id, why=submission.why or found.why)
