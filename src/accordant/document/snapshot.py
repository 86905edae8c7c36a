"""A snapshot: one consistent, immutable cut over a document, read like the document itself and never written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Generic, NoReturn, TypeVar

from accordant.document.forwarding import ForwardingPort
from accordant.document.port import HistoryQuery, Port
from accordant.document.rendering import render
from accordant.types.commands import Committed, Question, ReadAnswer, RefusedWrite, Submission
from accordant.types.entries import Entry
from accordant.types.errors import Denied, Invalid, NoAuthority
from accordant.types.namespaces import DocumentKey
from accordant.types.provenance import WHOLE
from accordant.types.readings import Basis, Reading
from accordant.types.regions import COHERENCE, Kind
from accordant.types.snapshots import Cut

if TYPE_CHECKING:
    from accordant.document.document import Document

__all__ = ["Snapshot", "cut_of"]

D = TypeVar("D", bound="Document")


class Snapshot(Generic[D]):
    """A document at one version: it never changes, whatever anybody writes, and reading it waits for nobody.

    `snapshot["account"]` and `snapshot["tasks/7"]` are readings with tokens: a write that names an old one is denied. Its
    regions are those of the document: `await snapshot.account.read()`. `derived_from=snapshot` names everything in it.
    """

    def __init__(self, document: type[D], cut: Cut, port: Port) -> None:
        declared = [name for name in document.__schema__.regions if name in cut.regions]
        names = dict.fromkeys((*declared, *sorted(cut.regions)))  # the log knows no order of regions
        self._cut = replace(cut, regions={name: cut.regions[name] for name in names})
        self._view = document(SnapshotPort(port, self._cut))

    @property
    def version(self) -> int:
        """The version it shows."""
        return self._cut.version

    @property
    def at(self) -> int | None:
        """When that version was written, milliseconds since 1970."""
        return self._cut.at

    @property
    def document(self) -> D:
        """The same as a handle of the document's own class, which can only be read."""
        return self._view

    @property
    def key(self) -> DocumentKey:
        """Which document."""
        return self._view.key

    @property
    def as_bases(self) -> tuple[Basis, ...]:
        """What a write that was derived from it was derived from: the whole document at this version, or the regions taken."""
        cut = self._cut
        if cut.is_whole:
            return (Basis(WHOLE, cut.token(cut.version)),)
        regions = {name: one for name, one in cut.regions.items() if name != COHERENCE or len(cut.regions) == 1}
        return tuple(Basis(name, cut.token(one.version)) for name, one in regions.items())

    def render(self, budget: int | None = None) -> str:
        """The document as text for a prompt, its version in the first line, refs to cite beside each item. `budget`: at most so
        many characters; what is left out is said."""
        return render(self.key, self._cut, budget)

    def __getitem__(self, path: str) -> Reading[Any]:
        """The reading of a region, or of one key of a guarded map, `region/key`. Raises `Invalid` for an unknown one."""
        name, slash, key = path.partition("/")
        found = self._cut.regions.get(name) if slash else self._cut.regions.get(path)
        spec = self._view.schema.region(name if slash else path)
        kind = found.kind if found is not None else (None if spec is None else spec.kind)
        if kind is None or (slash and kind is not Kind.GUARDED_MAP):
            known = ", ".join(self)
            raise Invalid(
                f"there is no {path!r} in this snapshot; there are: {known}", code="unknown_region", path=path
            )
        region = self._view.region_of(kind, name if slash else path)
        question = Question(region.name, kind, key if slash else None)
        return region.reading_of(self._cut.answer(question, region.spec), question.key)

    def __iter__(self) -> Iterator[str]:
        """The names of its regions."""
        return iter(self._cut.regions)

    def __len__(self) -> int:
        return len(self._cut.regions)

    def __contains__(self, path: object) -> bool:
        return isinstance(path, str) and path.partition("/")[0] in self._cut.regions

    def __getattr__(self, name: str) -> Any:
        """Regions, and whatever else a document can be asked: `snapshot.findings`, `snapshot.log("findings")`."""
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._view, name)

    def __repr__(self) -> str:
        return f"<Snapshot of {self.key} at version {self.version}>"


def cut_of(snapshot: Snapshot[Any]) -> Cut:
    """The values that a snapshot shows. (No attribute of it: those are the names of regions.)"""
    return snapshot._cut


class SnapshotPort(ForwardingPort):
    """Answers reads from a cut; everything else is the document's."""

    def __init__(self, port: Port, cut: Cut) -> None:
        super().__init__(port)
        self._cut = cut

    @property
    def generation(self) -> int:
        """The generation that took it."""
        return self._cut.generation

    @property
    def version(self) -> int:
        """The version it shows."""
        return self._cut.version

    @property
    def pending(self) -> int:
        """Nothing is written here."""
        return 0

    @property
    def refused(self) -> Sequence[RefusedWrite]:
        """Nothing is written here."""
        return ()

    async def synced(self, timeout_s: float | None = None) -> int:
        """Nothing waits."""
        return self.version

    async def ask(self, question: Question) -> ReadAnswer:
        """From the cut, at once."""
        if question.at_least is not None and question.at_least > self.version:
            text = f"this is a snapshot at version {self.version}: it does not reach {question.at_least}"
            raise NoAuthority(text, code="timeout", version=self.version, hint="read the document, or take another")
        return self._cut.answer(question, self._port.schema.region(question.region))

    async def turn(self, question: Question) -> ReadAnswer:
        """A snapshot has no line."""
        self._refuse(question.path)

    async def submit(self, submission: Submission) -> Committed:
        """Never."""
        self._refuse(submission.writes[0].path)

    def _refuse(self, path: str) -> NoReturn:
        raise Denied(
            f"{path}: a snapshot is only read",
            code="snapshot",
            path=path,
            hint="write through the document: commit(..., expect=snapshot[path]) is denied if it has changed since",
        )

    async def history(self, query: HistoryQuery) -> Sequence[Entry]:
        """The log up to this version."""
        before = self.version + 1 if query.before is None else min(query.before, self.version + 1)
        return await self._port.history(replace(query, before=before))

    async def cut(self, regions: frozenset[str] | None, at: int | None) -> Cut:
        """Itself, or these regions of it; another version is the document's."""
        if at is not None:
            return await self._port.cut(regions, at)
        if regions is None:
            return self._cut
        kept = {name: one for name, one in self._cut.regions.items() if name in regions}
        return replace(self._cut, regions=kept, is_whole=False)

    async def end_batch(self, batch: str, why: str | None = None) -> None:
        """Nothing is written here."""
