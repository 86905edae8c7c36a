"""A corpus: what many agents have learned, each fact once, with everybody who found it. A contradiction is never merged.

    class Hive(Document):
        knowledge: Corpus = corpus(threshold=0.94)

    verdict = await hive.knowledge.contribute("Next.js Server Actions drop files larger than 1 MB.")

It is two logs: `knowledge` of write-once entries, and `knowledge_tally` of who contributed, cited and endorsed what. Reading and
counting need no coordination, and go on offline.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from weakref import WeakKeyDictionary

from pydantic import ValidationError

from accordant.document.document import Document
from accordant.document.pattern import Pattern
from accordant.document.regions import Log
from accordant.patterns.corpus.collapsing import duplicates
from accordant.patterns.corpus.contributing import Contributing
from accordant.patterns.corpus.embedding import vectors_of
from accordant.patterns.corpus.gate import Counters, rejection
from accordant.patterns.corpus.personal_data import personal_data
from accordant.patterns.corpus.searching import Wanted, found
from accordant.patterns.corpus.settings import CorpusSettings, specs_of
from accordant.patterns.corpus.turns import in_thread, queue_of
from accordant.patterns.corpus.values import Collapsed, Entry, Hit, Known, Tally, Verdict
from accordant.patterns.corpus.view import View
from accordant.types.commands import check_why
from accordant.types.errors import Conflict, Denied, Invalid, NoAuthority
from accordant.types.pattern_limits import CORPUS_SEARCH_MAX
from accordant.types.refs import Ref
from accordant.types.regions import RegionSpec
from accordant.types.values import is_text

__all__ = ["Corpus"]

_DAY_MS = 86_400_000


class _Memory:
    """What a handle remembers of one corpus."""

    def __init__(self, settings: CorpusSettings) -> None:
        embedder = settings.the_embedder()
        self.settings = settings
        self.embedder = embedder
        self.view = View(None if embedder is None else vectors_of(embedder))
        self.counters = Counters()


_MEMORIES: WeakKeyDictionary[Document, dict[tuple[str, int], _Memory]] = WeakKeyDictionary()
"""By handle, name and settings: a transaction's handle has that of the one it was begun on."""


class Corpus(Pattern):
    """Knowledge that many contribute to. In a schema `knowledge: Corpus = corpus(...)`; without one `Corpus(doc,
    "knowledge")`."""

    settings_type = CorpusSettings
    needs = "corpus(...)"

    @classmethod
    def specs(cls, name: str, item: Any, settings: CorpusSettings) -> Sequence[RegionSpec]:
        """`name`: the entries; `name_tally`: who contributed, cited, endorsed them."""
        return specs_of(name, settings)

    def through(self, document: Document) -> Corpus:
        """The same corpus by another handle on its document, in the same process: it begins with all that this one has read,
        and what one of them reads the other knows. Everything is done in the name of that handle, by its own rights."""
        if document.key != self._document.key:
            raise Invalid(f"{document.key} is not {self._document.key}", code="bad_argument", path=self.name)
        _MEMORIES.setdefault(document.outside, {})[self.name, id(self.settings)] = self._memory
        return Corpus(document, self.name, self.settings)

    # -- contributing ---------------------------------------------------------------------------------------------

    async def contribute(
        self,
        text: str,
        *,
        why: str | None = None,
        tags: Iterable[str] = (),
        kind: str | None = None,
        origin: str | None = None,
        op_id: str | None = None,
    ) -> Verdict:
        """Say what you have learned: one fact, as it is.

        It becomes an entry, or one more contributor to the entry that says it already, or is turned away by a stage of the gate.
        `origin`: the task that it comes from. `op_id`: your own name for this contribution; after an outcome that is not known (a
        `StoreError` whose `landed` is None, a lost connection) contribute again with the same one, and it counts once.
        While the server is away it is compared with what this handle knows, and lands later: `checked` is then False.
        Raises `Invalid`, `Denied`, `Conflict` (others came first, again and again: try later), and what any write raises.
        """
        check_why(why)
        if not is_text(text):
            raise Invalid("knowledge is a text without lone surrogates", code="bad_argument", path=self.name)
        entry = self._entry(text, tags, kind, origin, op_id)
        memory = self._memory
        beside = [one for one in (why, kind, origin, op_id, *entry.tags) if one is not None]
        turned_away = rejection(self.settings.stages, text, beside, memory.counters)
        if turned_away is not None:
            return Verdict("rejected", None, turned_away.stage, None, turned_away.reason)
        async with queue_of((self._document.key.path, self.name)):
            return await self._contributing(memory).land(entry, why)

    def _entry(self, text: str, tags: Iterable[str], kind: str | None, origin: str | None, op: str | None) -> Entry:
        if isinstance(tags, str):
            raise Invalid("tags= are several texts", code="bad_argument", path=self.name)
        try:
            shown = {"kind": kind, "tags": tuple(tags), "origin": origin, "op": op}
            checked = Entry.model_validate({"text": "-", **shown})
        except (ValidationError, TypeError) as error:
            first = error.errors(include_url=False)[0]["msg"] if isinstance(error, ValidationError) else str(error)
            raise Invalid(f"{self.name}: {first}", code="invalid_value", path=self.name) from error
        return checked.model_copy(update={"text": text})

    def _contributing(self, memory: _Memory) -> Contributing:
        entries, tallies = self._entries, self._tallies
        outside = Corpus(self._document.outside, self.name, self.settings)
        is_outside = self._document.outside is self._document
        return Contributing(
            memory.view,
            self.settings,
            memory.counters,
            self._document.agent,
            entries,
            tallies,
            entries if is_outside else outside._entries,
            tallies if is_outside else outside._tallies,
        )

    # -- counting -------------------------------------------------------------------------------------------------

    async def cite(self, ref: str, n: int = 1, *, why: str | None = None, op_id: str | None = None) -> Ref:
        """Count `n` uses of an entry; returns the entry's ref. Never lost, whoever counts at the same time, and wherever."""
        return await self._tally("citation", ref, n, why, op_id)

    async def endorse(self, ref: str, *, why: str | None = None, op_id: str | None = None) -> Ref:
        """Say that it holds. Each agent counts once, however often it says so."""
        return await self._tally("endorsement", ref, 1, why, op_id)

    async def _tally(self, kind: Any, ref: str, n: int, why: str | None, op: str | None) -> Ref:
        check_why(why)
        reason = personal_data(why) if why is not None and personal_data in self.settings.stages else None
        if reason is not None:
            raise Denied(
                f"{self.name}: of why=, {reason}",
                code="rejected_by:personal_data",
                path=self.name,
                agent=self._document.agent,
            )
        named = await self._named(ref)
        try:
            tally = Tally(ref=named, kind=kind, n=n, op=op)
        except ValidationError as error:
            text = error.errors(include_url=False)[0]["msg"]
            raise Invalid(f"{self.name}: {text}", code="invalid_value", path=self.name) from error
        await self._tallies.append(tally, why=why)
        return named

    async def _named(self, ref: str) -> Ref:
        """The ref of an entry of this corpus; raises `Invalid`, code `unknown_ref`."""
        named = Ref.parse(str(ref))
        view = self._memory.view
        if view.place(named) is None and named.region == self.name:
            async with view.lock:
                await self._refreshed(view)
        if view.place(named) is None:
            raise Invalid(
                f"{self.name} has no entry {named}",
                code="unknown_ref",
                path=self.name,
                hint="refs come from contribute(), search() and entries()",
            )
        return named

    # -- reading --------------------------------------------------------------------------------------------------

    async def search(
        self,
        query: str,
        *,
        limit: int = 10,
        min_score: float = 0.3,
        tags: Iterable[str] = (),
        kind: str | None = None,
        exclude_origin: str | Iterable[str] = (),
    ) -> list[Hit]:
        """The entries that stand and are nearest to the query, best first.

        Each says how it was found (`method`), with its counts, its origins, and the near entries that say something else
        (`links`). `min_score`: the cosine from which on one is near (words need to be shared only). `exclude_origin`: without
        what only these tasks have contributed."""
        if not isinstance(limit, int) or not 0 < limit <= CORPUS_SEARCH_MAX or not is_text(query):
            raise Invalid(
                f"search takes a text and limit= from 1 to {CORPUS_SEARCH_MAX}", code="bad_argument", path=self.name
            )
        wanted = Wanted(
            query,
            limit,
            min_score,
            frozenset(tags),
            kind,
            (exclude_origin,) if isinstance(exclude_origin, str) else frozenset(exclude_origin),
        )
        view = self._memory.view
        async with view.lock:
            await self._all_refreshed(view)
            return await in_thread(found, view, wanted)

    async def entry(self, ref: str) -> Known:
        """One entry as it is known now. A ref that was collapsed leads to the entry that stands for it; one that was retracted,
        or superseded by something new, is answered as it was, with its status. Raises `Invalid`, code `unknown_ref`."""
        named = await self._named(ref)
        view = self._memory.view
        async with view.lock:
            await self._all_refreshed(view)
            place = view.place(view.keeper(named))
        assert place is not None
        return view.known(place)

    async def entries(self, *, exclude_origin: str | Iterable[str] = ()) -> list[Known]:
        """All entries that stand, the oldest first."""
        wanted = Wanted(
            "",
            1,
            0,
            frozenset(),
            None,
            (exclude_origin,) if isinstance(exclude_origin, str) else frozenset(exclude_origin),
        )
        view = self._memory.view
        async with view.lock:
            await self._all_refreshed(view)
            found = [known for place, _ in view.standing() if wanted.admits(known := view.known(place))]
        return sorted(found, key=lambda one: (one.version, one.ref.n or 0))

    async def stale(self, days: float, *, now: float | None = None) -> list[Known]:
        """The entries that nobody has contributed, cited or endorsed for so many days, the longest unused first. Deletes nothing.
        `now`: seconds since 1970."""
        if not days >= 0:
            raise Invalid("stale takes a number of days from 0", code="bad_argument", path=self.name)
        edge = (self.settings.clock() if now is None else now) * 1_000 - days * _DAY_MS
        unused = [one for one in await self.entries() if one.counts.last_at < edge]
        return sorted(unused, key=lambda one: one.counts.last_at)

    def counters(self) -> dict[str, dict[str, int]]:
        """What the stages have said to this handle: `{"personal_data": {"passed": 9, "rejected": 1}, ...}`."""
        return self._memory.counters.shown()

    # -- keeping it in order --------------------------------------------------------------------------------------

    async def collapse(
        self,
        *,
        everything: bool = False,
        dry_run: bool = False,
        stale_days: float | None = None,
        now: float | None = None,
    ) -> Collapsed:
        """Put entries that say the same under the oldest of them: what offline peers and plain Yjs peers have written twice.

        The oldest stays; the younger are superseded by it, so that their refs lead there, and their counts count there. A pair
        that anything holds apart stays two. Again: nothing. `everything`: compare also those that were compared when they
        landed, as after a change of threshold or model. `dry_run`: say what would go where, and write nothing. `stale_days`:
        report what nobody has used for so long, as `stale` does.
        Raises `Denied` for whoever is none of the corpus' curators, and `NoAuthority` offline."""
        memory = self._memory
        async with queue_of((self._document.key.path, self.name)):
            view = View(memory.view.vectors)  # its own: it takes minutes, and nobody who asks waits for it
            if await self._refreshed(view) is None:
                raise NoAuthority("a collapse needs the server", code="not_connected", path=self.name)
            judged = await in_thread(
                duplicates, view, self.settings.threshold, self.settings.the_scorer(), everything=everything
            )
            redirected: dict[Ref, Ref] = {}
            for younger, older, similarity in judged.pairs:
                if dry_run or await self._redirect(younger, older, similarity):
                    redirected[younger] = older
        unused = () if stale_days is None else tuple(one.ref for one in await self.stale(stale_days, now=now))
        return Collapsed(redirected, tuple(judged.apart), unused, judged.is_complete)

    async def _redirect(self, younger: Ref, older: Ref, similarity: float) -> bool:
        """Whether it was us; somebody else may have taken it back, or collapsed it, meanwhile."""
        try:
            await self._document.supersede(younger, older, f"says the same as {older} (similarity {similarity:.4f})")
        except Conflict:
            return False
        except Denied as error:
            if error.code != "not_permitted":
                raise
            raise Denied(
                f"{self._document.agent} may not collapse {self.name}",
                code="not_permitted",
                path=self.name,
                agent=self._document.agent,
                hint=f"its curators may: {', '.join(self.settings.curators)}",
            ) from error
        return True

    # -- parts ----------------------------------------------------------------------------------------------------

    @property
    def _entries(self) -> Log[Entry]:
        return self._part(Log)

    @property
    def _tallies(self) -> Log[Tally]:
        return self._part(Log, "tally")

    @property
    def _memory(self) -> _Memory:
        memories = _MEMORIES.setdefault(self._document.outside, {})
        key = (self.name, id(self.settings))
        if key not in memories:
            memories[key] = _Memory(self.settings)
        return memories[key]

    async def _refreshed(self, view: View) -> Any:
        outside = Corpus(self._document.outside, self.name, self.settings)
        return await view.refreshed(outside._entries)

    async def _all_refreshed(self, view: View) -> None:
        outside = Corpus(self._document.outside, self.name, self.settings)
        await view.refreshed(outside._entries)
        await view.refresh_tallies(outside._tallies)
