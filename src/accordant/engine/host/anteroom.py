"""Commands that were posted while the lease may have run out: they wait, in their order, until it is renewed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from accordant.engine.host.pending import Pending
from accordant.types.errors import AccordantError, StoreError

__all__ = ["Anteroom", "LeaseKeeper"]

LetIn = Callable[[list[Pending], AccordantError | None], None]


class LeaseKeeper(Protocol):
    """Whoever holds the lease for this document."""

    def is_current(self) -> bool:
        """Whether the lease has certainly not run out."""

    async def confirm(self) -> None:
        """Renew it now; raises `NoAuthority` when it has passed to another."""


class Anteroom:
    """`confirm` renews the lease; `let_in` gets everybody who waited, and why they may not come in."""

    def __init__(self, confirm: Callable[[], Awaitable[None]], let_in: LetIn) -> None:
        self._confirm = confirm
        self._let_in = let_in
        self._waiting: list[Pending] = []
        self._task: asyncio.Task[None] | None = None

    @property
    def is_taken(self) -> bool:
        """Whether somebody waits here: who comes now waits behind them."""
        return bool(self._waiting)

    def wait(self, one: Pending) -> None:
        """Wait for the lease; the first to wait has it renewed."""
        if not self._waiting:
            self._task = asyncio.create_task(self._renew())
        self._waiting.append(one)

    async def settled(self) -> None:
        """Nobody waits any more."""
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)

    async def _renew(self) -> None:
        refusal: AccordantError | None = None
        try:
            await self._confirm()
        except AccordantError as error:
            refusal = error
        except Exception as problem:  # whatever a store raises
            refusal = StoreError(f"the lease could not be renewed: {problem}", code="store", landed=False)
        waiting, self._waiting = self._waiting, []
        self._let_in(waiting, refusal)
