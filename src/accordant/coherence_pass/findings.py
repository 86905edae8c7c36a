"""`Findings`: what passes have found of one document, kept in its own region `coherence`, written like anything else.

Compare-and-swap, audited, with a reason; one entry per report, so that a report lands whole or not at all. Whoever may write
`coherence` may publish and settle; nothing else is ever written here (I10).
"""

from __future__ import annotations

from typing import Any

from accordant.coherence_pass.lifecycle import HEAD, Finding, Kept
from accordant.coherence_pass.report import CoherenceReport
from accordant.document.document import Document
from accordant.document.snapshot import Snapshot
from accordant.types.coherence_limits import PUBLISH_ATTEMPTS
from accordant.types.errors import Conflict
from accordant.types.regions import COHERENCE

__all__ = ["Findings"]


class Findings:
    """The findings of a document, through any handle on it."""

    def __init__(self, document: Document) -> None:
        self._document = document

    async def read(self) -> Kept:
        """The newest report and every finding that is kept."""
        return Kept.of((await self._document.guarded_map(COHERENCE).read()).value)

    async def publish(self, report: CoherenceReport, *, even_unchanged: bool = True) -> int | None:
        """Keep this report: new findings open, those that are gone close, what somebody settled stays as it is. One entry.

        Returns its version. With `even_unchanged=False` nothing is written, and None returned, when no finding has changed.
        Raises `Denied` for a handle that may not write `coherence`.
        """
        for attempt in range(PUBLISH_ATTEMPTS):
            seen = await self._document.snapshot(COHERENCE)
            kept = Kept.of(seen[COHERENCE].value)
            changes: dict[str, Any] = kept.changes(report)
            if not changes and not even_unchanged and kept.head is not None:
                return None
            changes[HEAD] = kept.head_of(report)
            try:
                return await self._land(seen, changes, f"coherence pass over version {report.version}")
            except Conflict:  # somebody settled one of them meanwhile
                if attempt + 1 == PUBLISH_ATTEMPTS:
                    raise
        return None

    async def resolve(self, finding_id: str, why: str) -> Finding:
        """Say that it is settled: both sides may stand. It stays silent until one of them changes.

        Raises `Invalid` (`unknown_finding`, `no_reason`), `Conflict` (`not_open`), `Denied`.
        """
        return await self._settle(finding_id, "resolved", why)

    async def dismiss(self, finding_id: str, why: str) -> Finding:
        """Say that it is no contradiction. Else as `resolve`."""
        return await self._settle(finding_id, "dismissed", why)

    async def _settle(self, finding_id: str, status: Any, why: str) -> Finding:
        seen = await self._document.snapshot(COHERENCE)
        kept = Kept.of(seen[COHERENCE].value)
        settled = kept.settled(finding_id, status, self._document.agent, why, seen.version)
        await self._land(seen, {finding_id: settled.model_dump(mode="json")}, why)
        return settled

    async def _land(self, seen: Snapshot[Any], changes: dict[str, Any], why: str) -> int:
        async with self._document.transaction(why=why) as tx:
            region = tx.guarded_map(COHERENCE)
            for key, value in changes.items():
                expect = seen[f"{COHERENCE}/{key}"]
                if value is None:
                    await region.delete(key, expect=expect)
                else:
                    await region.commit(key, value, expect=expect)
        return tx.version
