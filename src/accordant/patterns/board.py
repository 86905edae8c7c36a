"""`Board`: a blackboard, ready made. The whole document is the board; a `Scheduler` decides who looks at it when.

Subclass it to change a region, its type or its rule; add regions of your own beside these.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Literal

from pydantic import BaseModel

from accordant.document.document import Document
from accordant.document.regions import GuardedMap, Log, UnionSet
from accordant.document.rules import region
from accordant.patterns.claiming import Claimed, Orphan, claim_next, claimed, is_open, orphans, priority_of
from accordant.patterns.firing import Firing
from accordant.patterns.turns import Turn
from accordant.types.readings import Claim

__all__ = ["Board", "Task"]


class Task(BaseModel, extra="allow"):
    """Something to do, on the board's list, with whatever fields it has besides. Higher priorities are taken first."""

    title: str = ""
    priority: float = 0.0
    status: Literal["open", "done", "failed"] = "open"
    result: Any = None


class Board(Document):
    """Hypotheses and evidence that anybody appends, open questions that anybody asks and strikes out, conclusions of one writer.

    `conclusions` is written by the agent `synthesizer`, or by whoever has that role, and by nobody else. `tasks` are claimed;
    `firings` and `turns` are what schedulers keep. An observer reads and follows, and may write nothing:
    `engine.open(Board, ..., read_only=True)`.
    """

    hypotheses: Log[Any]
    evidence: Log[Any]
    open_questions: UnionSet[str]
    conclusions: Log[Any] = region(writers=("synthesizer", "role:synthesizer"))
    tasks: GuardedMap[Task]
    firings: Log[Firing]
    turns: GuardedMap[Turn]

    def claimed(
        self, key: str | Claim[Any], ttl: float = 60.0, *, why: str | None = None
    ) -> AbstractAsyncContextManager[Claimed[Any]]:
        """`async with board.claimed("todo/7", ttl=60) as task:`: hold a task while the block works on it, as `claimed` does."""
        return claimed(self.tasks, key, ttl, why=why)

    async def claim_next(
        self,
        ttl: float = 60.0,
        *,
        open: Callable[[Any], bool] = is_open,
        priority: Callable[[Any], float] = priority_of,
        why: str | None = None,
    ) -> Claim[Any] | None:
        """Claim the most urgent open task that nobody holds; None when there is none. Go on with `claimed(claim)`."""
        return await claim_next(self, self.tasks, ttl, open=open, priority=priority, why=why)

    async def orphans(self) -> list[Orphan]:
        """Open tasks that somebody claimed and left behind."""
        return await orphans(self, self.tasks)
