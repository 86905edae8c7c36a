"""What a reader is told: the value of a region or a field at its version, with the token that fences what follows from it."""

from __future__ import annotations

from typing import Any

from accordant.engine.appended import appended_since
from accordant.engine.durable_view import DurableView
from accordant.engine.guard import Field
from accordant.engine.marks import shown
from accordant.engine.state import DocumentState
from accordant.types.commands import Question, ReadAnswer, Write
from accordant.types.errors import Invalid
from accordant.types.readings import Token
from accordant.types.refs import Ref
from accordant.types.regions import Kind, RegionSpec

__all__ = ["Answers", "OrderLost", "present_spec", "region_spec"]


class OrderLost(Exception):
    """A log's order and its array disagree: our own mistake, and a reason to rebuild."""


def region_spec(state: DocumentState, name: str, kind: Kind) -> RegionSpec:
    """The region that is asked for; raises `Invalid` when there is none of that name, or of another kind."""
    spec = state.spec(name, kind)
    if spec is None:
        known = ", ".join(state.schema.regions)
        raise Invalid(f"there is no region {name!r}; there are: {known}", code="unknown_region", path=name)
    if spec.kind is not kind:
        raise Invalid(f"{name} is a {spec.kind.value} region, not a {kind.value}", code="wrong_kind", path=name)
    if kind.is_guarded and "/" in name:
        raise Invalid(
            f"{name!r} cannot name a guarded region: a slash parts a region from its key", code="bad_region_name"
        )
    if state.misfits(name, kind):
        raise Invalid(f"{name} holds something else than a {kind.value}", code="wrong_kind", path=name)
    return spec


def present_spec(state: DocumentState, name: str, key: str | None) -> RegionSpec:
    """The region of that name as it is here, declared or not, for whoever knows only a ref; raises `Invalid`."""
    spec = state.schema.region(name)
    if spec is not None:
        return spec
    if (name if key is None else f"{name}/{key}") in state.fields:
        return RegionSpec(name, Kind.GUARDED if key is None else Kind.GUARDED_MAP)
    kind = state.kinds().get(name)
    if kind is None:
        raise Invalid(f"there is no region {name!r}", code="unknown_region", path=name)
    return RegionSpec(name, kind)


class Answers:
    """Answers for one session, out of the state as it is."""

    def __init__(self, state: DocumentState, epoch: int, incarnation: str, generation: int) -> None:
        self._state = state
        self._epoch = epoch
        self._incarnation = incarnation
        self._generation = generation

    def token(self, version: int) -> Token:
        """The token of something that this session read at this version."""
        return Token(self._epoch, self._incarnation, version, self._generation)

    def answer(self, question: Question) -> ReadAnswer:
        """The answer; raises `Invalid`, and `OrderLost` for our own mistake."""
        spec = region_spec(self._state, question.region, question.kind)
        name, key = question.region, question.key
        if spec.kind is Kind.GUARDED or (spec.kind is Kind.GUARDED_MAP and key is not None):
            return self._of_field(question, spec, self._state.fields.get(question.path, Field()))
        version = self._state.versions.get(name, 0)
        if question.since is not None and spec.kind is Kind.GUARDED_MAP:
            return self._written(name, version, question.since)
        if version == question.known:
            return self._unchanged(name, version)
        if question.since is not None and question.since >= self._state.folded.get(name, 0):
            return self._appended(name, version, question.since)
        by, at = self._state.actors.of(version)
        if spec.kind is Kind.GUARDED_MAP:
            value: Any = {one: field.value for one, field in self._state.keys(name).items()}
        else:
            value = self._state.value(name, spec.kind)
        rows = self._rows(name, len(value)) if spec.kind is Kind.LOG else None
        marks = shown(self._state.marks.within(name))
        return ReadAnswer(value, self.token(version), name, by, at, rows, marks=marks)

    def field(self, write: Write) -> ReadAnswer:
        """A guarded field after a write on it."""
        question = Question(write.region, write.kind, write.key)
        spec = region_spec(self._state, write.region, write.kind)
        return self._of_field(question, spec, self._state.fields.get(write.path, Field()))

    def durable(self, question: Question, view: DurableView) -> ReadAnswer | None:
        """The answer at the newest durable version, without waiting for what is in flight; None when it is not at hand."""
        spec = region_spec(self._state, question.region, question.kind)
        if spec.kind is Kind.GUARDED or (spec.kind is Kind.GUARDED_MAP and question.key is not None):
            field = view.field(question.path)
            return None if field is None else self._of_field(question, spec, field)
        version = view.version(question.region)
        if version is not None and version == question.known:
            return self._unchanged(question.region, version)
        if question.since is not None and question.since >= self._state.folded.get(question.region, 0):
            is_live = version is not None and version == self._state.versions.get(question.region, 0)
            return self.answer(question) if is_live else None
        if view.is_first_read(question.region, spec.kind):
            return self.answer(question)
        cut = view.region(question.region, spec.kind)
        if cut is None:
            return None
        token = self.token(cut.version)
        return ReadAnswer(cut.value(), token, question.region, cut.by, cut.at, cut.rows, marks=cut.marks)

    def _appended(self, name: str, version: int, since: int) -> ReadAnswer:
        """What a log has got after `since`, for a reader who has what was there: no compaction has come between."""
        items, rows = appended_since(self._state, name, since)
        marks = shown(self._state.marks.since(name, since))
        by, at = self._state.actors.of(version)
        return ReadAnswer(items, self.token(version), name, by, at, rows, marks=marks, since=since)

    def _written(self, name: str, version: int, since: int) -> ReadAnswer:
        """The keys of a guarded map that were written after `since`, each by itself."""
        written = self._state.written_since(name, since)
        value = {key: field.value for key, field in written.items() if field.is_set}
        rows = tuple((key, field.version, field.by, field.at) for key, field in written.items())
        marks = shown(self._state.marks.within(name))
        return ReadAnswer(value, self.token(version), name, *self._state.actors.of(version), rows, marks=marks)

    def _unchanged(self, name: str, version: int) -> ReadAnswer:
        by, at = self._state.actors.of(version)
        return ReadAnswer(None, self.token(version), name, by, at, is_unchanged=True)

    def _of_field(self, question: Question, spec: RegionSpec, field: Field) -> ReadAnswer:
        path = question.path
        if field.version == question.known:
            return ReadAnswer(None, self.token(field.version), path, field.by, field.at, is_unchanged=True)
        default = spec.rules.default
        value = field.value if field.is_set else (None if default is None else spec.dump(default))
        claim = field.claim
        held = None if claim is None else claim.shown()
        mark = self._state.marks.of(Ref(f"{path}@{field.version}"))
        marks = None if mark is None else {f"{path}@{field.version}": (mark.status, mark.because)}
        return ReadAnswer(value, self.token(field.version), path, field.by, field.at, None, held, marks)

    def _rows(self, name: str, count: int) -> tuple[tuple[Any, ...], ...]:
        rows = tuple(self._state.log_rows(name))
        if len(rows) != count:
            raise OrderLost(f"{name} has {count} items, its order {len(rows)}")
        return rows
