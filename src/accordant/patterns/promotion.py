"""Promotion: one item, copied into a wider scope by somebody who has reviewed it, with where it came from.

What a task found out is the task's. Its tenant's role memory, and the shelf that all tenants share, hold copies that say whose
they were, of which document and version, and who looked at them; the target's gate judges each copy as it judges any other write.
"""

from __future__ import annotations

import inspect
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict

from accordant.document.document import Document
from accordant.document.pattern import Pattern, Settings
from accordant.document.regions import Log, Region
from accordant.patterns.handoff import Accepted
from accordant.types.errors import Conflict, Denied, Invalid, SchemaError
from accordant.types.limits import UPDATE_ATTEMPTS
from accordant.types.namespaces import DocumentKey, Namespace, segment
from accordant.types.pattern_limits import PROMOTIONS_PAGE
from accordant.types.readings import CURRENT, LogItem, LogReading
from accordant.types.refs import Ref
from accordant.types.regions import Kind, RegionSpec, Rules

__all__ = ["Origin", "Promoted", "PromotedItem", "PromotedSettings", "Promotion", "check_scope", "promote", "promoted"]

T = TypeVar("T")
_KINDS = (Kind.LOG, Kind.GUARDED, Kind.GUARDED_MAP)
_WIDTH = {"task": 0, "role": 1, "shared": 2}


def _path(text: str) -> str:
    """A namespace's path, which can be compared."""
    return Namespace.parse(text).path


class Origin(BaseModel):
    """Where a promoted item came from. `author`: who wrote it there (of a channel's item, who had proposed it)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    namespace: Annotated[str, AfterValidator(_path)]
    document: Annotated[str, AfterValidator(segment)]
    ref: Annotated[str, AfterValidator(Ref.parse)]
    author: str
    incarnation: str

    @property
    def link(self) -> str:
        """`acme/task/q3/brief#findings@10.0`."""
        return f"{self.namespace}/{self.document}#{self.ref}"

    @property
    def scope(self) -> Namespace:
        """The namespace, to compare."""
        return Namespace.parse(self.namespace)


class PromotedItem(BaseModel, Generic[T]):
    """An item of a wider scope. `origin`: None for what was written there of its own accord, `task`: during which task."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    value: T
    origin: Origin | None = None
    reviewed_by: str | None = None
    task: Annotated[str, AfterValidator(_path)] | None = None

    @property
    def promoted_from(self) -> str | None:
        """The link to what it was copied from."""
        return None if self.origin is None else self.origin.link

    def __str__(self) -> str:
        """For a prompt: with where it comes from, so that a model can tell Monday's client from Wednesday's."""
        if self.origin is not None:
            return f"{self.value} [from {self.origin.link} by {self.origin.author}, reviewed by {self.reviewed_by}]"
        return f"{self.value} [from {self.task}]" if self.task else str(self.value)


@dataclass(frozen=True, slots=True)
class Promotion:
    """What a promotion made, or had made before (`duplicate`): the item's ref in `document`."""

    ref: Ref
    document: DocumentKey
    origin: Origin
    reviewed_by: str | None
    duplicate: bool = False


@dataclass(frozen=True, slots=True)
class PromotedSettings(Settings):
    """`reviewers`: the only ones who may write here, each for itself; None: whoever may write names a reviewer."""

    reviewers: frozenset[str] | None = None
    validators: tuple[Any, ...] = ()


def promoted(*, reviewers: str | Iterable[str] | None = None, validators: Any = ()) -> Any:
    """`lessons: Promoted[Lesson] = promoted(reviewers="role:editor", validators=has_a_source)`."""
    names = None if reviewers is None else frozenset((reviewers,) if isinstance(reviewers, str) else reviewers)
    if names is not None and (not names or "*" in names or not all(names)):
        raise SchemaError("reviewers are names or role:<role>; None lets whoever may write name one")
    return PromotedSettings(names, (validators,) if callable(validators) else tuple(validators))


class Promoted(Pattern, Generic[T]):
    """The memory of a role, or of all: items that say where they come from. One log."""

    settings_type = PromotedSettings

    @classmethod
    def specs(cls, name: str, item: Any, settings: PromotedSettings) -> Sequence[RegionSpec]:
        """`<name>`."""

        def judged(check: Any) -> Any:
            def of_value(shown: Any) -> Any:
                return check(shown["value"])

            of_value.__name__ = getattr(check, "__name__", type(check).__name__)
            return of_value

        rules = Rules(writers=settings.reviewers, validators=tuple(map(judged, settings.validators)))
        return (RegionSpec(name, Kind.LOG, PromotedItem.__class_getitem__(Any if item is None else item), rules),)

    @property
    def log(self) -> Log[Any]:
        """The log beneath."""
        return self._part(Log)

    async def read(
        self, *, exclude_origin: Namespace | Iterable[Namespace] = (), standing: bool = True
    ) -> list[LogItem[PromotedItem[T]]]:
        """The items, oldest first, without those that came from these namespaces; `standing=False`: also what was taken back."""
        excluded = {exclude_origin} if isinstance(exclude_origin, Namespace) else set(exclude_origin)
        if not all(isinstance(one, Namespace) for one in excluded):
            raise Invalid("exclude_origin= takes namespaces: Namespace.task(tenant, task)", code="bad_argument")
        return [
            item
            for item in (await self.log.read()).entries
            if not (standing and item.status in ("retracted", "superseded")) and _came_from(item.value) not in excluded
        ]

    async def append(
        self, value: T, *, during: Namespace | None = None, why: str | None = None, derived_from: Any = ()
    ) -> Ref:
        """What is written here of its own accord, `during` which task. Into `Namespace.shared()` only promotion leads."""
        if self._document.key.namespace.scope == "shared":
            raise Denied("what is shared was reviewed: promote() it", code="not_reviewed", path=self.name)
        item = {"value": value, "task": None if during is None else during.path}
        return await self.log.append(item, why=why, derived_from=derived_from)

    async def withdrawn(self, source: Document) -> list[LogItem[PromotedItem[T]]]:
        """Items that were copied from this document and whose source has been taken back, superseded or become suspect since."""
        mine = [item for item in await self.read() if item.value.origin and _is_of(item.value.origin, source)]
        found, readings = [], dict[str, LogReading[Any]]()
        for item in mine:
            assert item.value.origin is not None
            ref = Ref(item.value.origin.ref)
            if await _status(source, ref, readings) != CURRENT:
                found.append(item)
        return found


async def promote(
    source: Document,
    ref: Any,
    *,
    to: Log[Any] | Pattern,
    reviewed_by: str | None = None,
    why: str | None = None,
) -> Promotion:
    """Copy what `ref` names in `source` (an item of a log or a channel, a guarded value) into a wider scope, once.

    `to`: a `Promoted`, a log, or a pattern with `contribute` (a corpus). Raises `Denied`: `wrong_tenant`, `not_wider`;
    `no_reviewer` (into `Namespace.shared()`, or a `Promoted` with `reviewers`), `reviewed_by_author`, `not_the_reviewer` (with
    `reviewers`, each promotes in its own name); `not_standing` for what was taken back or is suspect; `rejected_by:...` by the
    target's gate.
    """
    named = Ref.parse(ref if isinstance(ref, str) else getattr(ref, "ref", ref))
    here, there = source.key, _key_of(to)
    check_scope(here.namespace, there.namespace)
    value, origin, authors = await _item(source, named)
    _check_review(to, there.namespace, reviewed_by, authors)
    if isinstance(to, Promoted):
        return await _into_promoted(to, value, origin, reviewed_by, why)
    region = to if isinstance(to, Region) else to.regions[0]
    mark = f"promoted from {origin.link} ({origin.incarnation})"
    reason = f"{mark}, by {origin.author}, reviewed by {reviewed_by or 'nobody'}" + (f": {why}" if why else "")
    if isinstance(to, Log):
        return await _into_log(to, value, origin, reviewed_by, reason, mark)
    found = await _promoted_before(region, mark)
    if found is not None:
        return Promotion(found, there, origin, reviewed_by, duplicate=True)
    return await _contributed(to, value, origin, reviewed_by, reason)


# -- may it? ------------------------------------------------------------------------------------------------------


def _key_of(to: Any) -> DocumentKey:
    if isinstance(to, Log):
        return to.document
    if isinstance(to, Pattern) and (isinstance(to, Promoted) or hasattr(to, "contribute")):
        return to.document.key
    raise Invalid(f"to= is a Promoted, a log or a corpus, not {type(to).__name__}", code="bad_argument")


def check_scope(here: Namespace, there: Namespace) -> None:
    """Raises `Denied` unless `there` is a wider scope of the same tenant, or what all share."""
    if there.scope != "shared" and here.tenant != there.tenant:
        text = f"{here} and {there} are of different tenants"
        raise Denied(text, code="wrong_tenant", tenant=here.tenant, target=there.path)
    if _WIDTH[there.scope] <= _WIDTH[here.scope]:
        text = f"{there} is no wider scope than {here}: a task's go to a role's or to all, a role's to all"
        raise Denied(text, code="not_wider", target=there.path)


def _check_review(to: Any, there: Namespace, reviewed_by: str | None, authors: set[str]) -> None:
    reviewers = to.settings.reviewers if isinstance(to, Promoted) else None
    if reviewed_by is None:
        if there.scope == "shared" or reviewers is not None:
            raise Denied(f"nobody has reviewed what is to go to {there}", code="no_reviewer", target=there.path)
        return
    if segment(reviewed_by) in authors:
        text = f"{reviewed_by} wrote it, and cannot be its reviewer"
        raise Denied(text, code="reviewed_by_author", target=there.path, agent=reviewed_by)
    if reviewers is not None and reviewed_by != to.document.agent:
        text = f"{to.document.agent} cannot review in the name of {reviewed_by}"
        raise Denied(text, code="not_the_reviewer", target=there.path, agent=to.document.agent)


# -- from ---------------------------------------------------------------------------------------------------------


async def _item(source: Document, ref: Ref) -> tuple[Any, Origin, set[str]]:
    """The item as JSON, where it is from, and whose it is."""
    spec = source.schema.region(ref.region)
    kind = Kind.LOG if spec is None else spec.kind
    if kind not in _KINDS:
        raise Invalid(f"{ref} is no item of a log and no guarded value", code="not_an_item", path=ref.path)
    region: Any = source.region_of(kind, ref.region)
    reading = await (region.read() if ref.key is None else region.read(ref.key))
    if kind is Kind.LOG:
        found = next((item for item in reading.entries if item.ref == ref), None)
        value, by, status = (None, "", "") if found is None else (found.value, found.by, found.status)
    else:
        is_there = 0 < reading.version == ref.version and reading.value is not None
        found = reading if is_there else None  # a default that nobody has written is nobody's to promote
        value, by, status = reading.value, str(reading.by), reading.status
    if found is None:
        raise Invalid(f"there is no {ref} in {source.key}", code="unknown_ref", path=ref.path)
    if status != CURRENT:
        text = f"{ref} is {status}: what is promoted stands"
        raise Denied(text, code="not_standing", path=ref.path, status=status)
    dumped, author = region.spec.dump(value), by
    if isinstance(value, Accepted):  # of a channel
        author, dumped = value.proposed_by or by, dumped["value"]
    key = source.key
    origin = Origin(
        namespace=key.namespace.path,
        document=key.name,
        ref=ref,
        author=author,
        incarnation=reading.token.incarnation,
    )
    return dumped, origin, {author, by}


async def _status(source: Document, ref: Ref, readings: dict[str, LogReading[Any]]) -> str:
    """What became of it: also `gone`, when it is not there any more, or never was: who writes an item may say anything of it."""
    spec = source.schema.region(ref.region)
    if (spec is None and not source.schema.is_open) or (spec is not None and spec.kind not in _KINDS):
        return "gone"
    if spec is not None and spec.kind.is_guarded:
        region: Any = source.region_of(spec.kind, ref.region)
        reading = await (region.read() if ref.key is None else region.read(ref.key))
        return str(reading.status) if reading.version == ref.version else "superseded"
    if ref.region not in readings:
        readings[ref.region] = await source.log(ref.region).read()
    return next((item.status for item in readings[ref.region].entries if item.ref == ref), "gone")


def _is_of(origin: Origin, source: Document) -> bool:
    return origin.scope == source.key.namespace and origin.document == source.key.name


def _came_from(item: PromotedItem[Any]) -> Namespace | None:
    if item.origin is not None:
        return item.origin.scope
    return None if item.task is None else Namespace.parse(item.task)


# -- into ---------------------------------------------------------------------------------------------------------


async def _into_promoted(
    to: Promoted[Any], value: Any, origin: Origin, reviewed_by: str | None, why: str | None
) -> Promotion:
    there, log = to.document.key, to.log
    item = log.spec.load({"value": value, "origin": origin.model_dump(), "reviewed_by": reviewed_by})
    for attempt in range(1, UPDATE_ATTEMPTS + 1):
        reading = await log.read()
        same = (one for one in reading.entries if (one.value.origin, one.value.value) == (origin, item.value))
        found = next(same, None)  # the same origin with another value is what somebody says of it, not a copy
        if found is not None:
            return Promotion(Ref(found.ref), there, origin, found.value.reviewed_by, duplicate=True)
        try:
            ref = await log.append(item, why=why, expect=reading)
        except Conflict:  # somebody else wrote here: perhaps this very item
            if attempt == UPDATE_ATTEMPTS:
                raise
            continue
        return Promotion(ref, there, origin, reviewed_by)
    raise AssertionError("unreachable: the last attempt returns or raises")


async def _into_log(
    log: Log[Any], value: Any, origin: Origin, reviewed_by: str | None, reason: str, mark: str
) -> Promotion:
    item = log.spec.load(value)
    for attempt in range(1, UPDATE_ATTEMPTS + 1):
        reading = await log.read()
        found = await _promoted_before(log, mark, {one.ref for one in reading.entries if one.value != item})
        if found is not None:
            return Promotion(found, log.document, origin, reviewed_by, duplicate=True)
        try:
            ref = await log.append(item, why=reason, expect=reading)
        except Conflict:
            if attempt == UPDATE_ATTEMPTS:
                raise
            continue
        return Promotion(ref, log.document, origin, reviewed_by)
    raise AssertionError("unreachable: the last attempt returns or raises")


async def _contributed(to: Any, value: Any, origin: Origin, reviewed_by: str | None, reason: str) -> Promotion:
    """Through the gate of a corpus, which merges what it knows already."""
    if not isinstance(value, str):
        raise Invalid(f"a corpus holds texts, not {type(value).__name__}", code="not_an_item")
    options: dict[str, Any] = {"why": reason}
    if "origin" in inspect.signature(to.contribute).parameters:
        options["origin"] = origin.namespace
    verdict = await to.contribute(value, **options)
    if verdict.status == "rejected" or verdict.ref is None:
        stage = getattr(verdict, "stage", None) or "contribute"
        raise Denied(f"{to.name}: {verdict.reason}", code=f"rejected_by:{stage}", path=to.name)
    return Promotion(Ref(verdict.ref), to.document.key, origin, reviewed_by)


async def _promoted_before(region: Region, mark: str, others: Collection[str] = ()) -> Ref | None:
    """The item that the target's history names as made from this origin, none of these others: anybody can write a reason."""
    before = None
    while True:
        page = await region.history(kind="write", before=before, limit=PROMOTIONS_PAGE)
        for entry in page:
            ref = Ref(f"{region.name}@{entry.offset}.0")
            if entry.why is not None and entry.why.startswith(f"{mark},") and ref not in others:
                return ref
        if len(page) < PROMOTIONS_PAGE:
            return None
        before = page[-1].offset
