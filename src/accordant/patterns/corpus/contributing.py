"""The way of one contribution: the gate, its turn, comparing with what is known, landing where nothing has come between.

Two that say the same at the same moment are one entry: an entry is appended only to the very version that it was compared with,
and whoever comes second compares again."""

from __future__ import annotations

from dataclasses import dataclass

from accordant.document.regions import Log
from accordant.patterns.corpus.gate import Counters
from accordant.patterns.corpus.neighbourhood import Near, compared
from accordant.patterns.corpus.settings import CorpusSettings
from accordant.patterns.corpus.turns import in_thread
from accordant.patterns.corpus.values import Entry, Tally, Verdict
from accordant.patterns.corpus.view import View
from accordant.types.errors import Conflict, EpochChanged
from accordant.types.pattern_limits import CORPUS_ATTEMPTS
from accordant.types.readings import LogItem, LogReading
from accordant.types.refs import Ref

__all__ = ["Contributing"]


@dataclass(slots=True)
class Contributing:
    """One contribution. `entries`, `tallies`: where it is written, perhaps a transaction's; `read_entries`, `read_tallies`:
    where the view is read from."""

    view: View
    settings: CorpusSettings
    counters: Counters
    agent: str
    entries: Log[Entry]
    tallies: Log[Tally]
    read_entries: Log[Entry]
    read_tallies: Log[Tally]

    async def land(self, entry: Entry, why: str | None) -> Verdict:
        """The verdict, when it has landed. Raises the last `Conflict` when others come first again and again."""
        is_counted_on_what_is_gone = False  # by ourselves, so that our op's tally is no answer
        for attempt in range(1, CORPUS_ATTEMPTS + 1):
            async with self.view.lock:
                reading = await self.view.refreshed(self.read_entries, in_turn=attempt > 1)
                if entry.op is not None and not is_counted_on_what_is_gone:
                    done = await self._done_before(entry.op)
                    if done is not None:
                        return done
                near = await self._compared(entry.text)
            try:
                verdict = await self._written(entry, near, reading, why)
            except (Conflict, EpochChanged):
                if attempt == CORPUS_ATTEMPTS:
                    raise
                continue
            if verdict is not None:
                self.counters.note("neighbourhood", verdict.status)
                return verdict
            is_counted_on_what_is_gone = True
        raise AssertionError("unreachable: the last attempt returns or raises")

    async def _compared(self, text: str) -> Near:
        near = await in_thread(compared, self.view, text, self.settings.threshold, self.settings.the_scorer())
        if self.view.vectors is not None:
            self.counters.note("embedding", "passed")
        return near

    async def _written(
        self, entry: Entry, near: Near, reading: LogReading[list[Entry]] | None, why: str | None
    ) -> Verdict | None:
        """The verdict; None when what it was to be merged with has been taken back meanwhile."""
        if near.same is not None:
            return await self._merged(entry, near, near.same, why, is_checked=reading is not None)
        compared_with = reading.version if reading is not None and near.is_whole else None
        entry = entry.model_copy(update={"links": near.links, "compared": compared_with})
        if reading is None:
            ref = await self.entries.append(entry, why=why)
        else:
            ref = await self.entries.append(entry, expect=reading, why=why)
        verdict_of: Ref | None = ref if ref.version else None
        return Verdict("accepted", verdict_of, "neighbourhood", near.similarity, None, near.links, reading is not None)

    async def _merged(
        self, entry: Entry, near: Near, same: LogItem[Entry], why: str | None, *, is_checked: bool
    ) -> Verdict | None:
        wording = None if entry.text == same.value.text else entry.text
        tally = Tally(ref=same.ref, kind="contribution", text=wording, origin=entry.origin, op=entry.op)
        await self.tallies.append(tally, why=why)
        if is_checked and self.entries is self.read_entries:
            async with self.view.lock:
                await self.view.refreshed(self.read_entries)
                if self.view.status(same.ref)[0] == "retracted":
                    return None
        return Verdict("merged", Ref(same.ref), "neighbourhood", near.similarity, None, (), is_checked)

    async def _done_before(self, op: str) -> Verdict | None:
        """What a contribution of the same op has come to."""
        await self.view.refresh_tallies(self.read_tallies)
        ref = self.view.of_op(self.agent, op)
        if ref is not None:
            place = self.view.place(ref)
            assert place is not None
            return Verdict("accepted", ref, "neighbourhood", None, None, self.view.items[place].value.links)
        merged = self.view.tallies.contributed(self.agent, op)
        return None if merged is None else Verdict("merged", Ref(merged), "neighbourhood")
