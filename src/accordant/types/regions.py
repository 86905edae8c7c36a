"""What a region is: its kind, its rules, its item type. A schema chooses one kind per region; there is no default."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from accordant.types.errors import Denied, Invalid, SchemaError
from accordant.types.limits import REGION_BYTES_MAX, REGION_ITEMS_MAX
from accordant.types.values import own_copy, storable

__all__ = [
    "COHERENCE",
    "GUARDED_ROOT",
    "OPERATIONS",
    "TAKING_BACK",
    "Incoherent",
    "Kind",
    "RegionSpec",
    "Rules",
    "Schema",
    "adapter_for",
]

GUARDED_ROOT = "guarded"
"""The root map that holds every guarded field, written by the authority alone."""


COHERENCE = "coherence"
"""The region of what a coherence pass has found: every document has it, and no schema declares it."""


class Kind(StrEnum):
    """The region kinds, in standard CRDT terms."""

    GUARDED = "guarded"
    GUARDED_MAP = "guarded_map"
    TEXT = "text"
    LOG = "log"
    UNION_SET = "union_set"
    COUNTER = "counter"
    MAP = "map"
    XML = "xml"

    @property
    def is_guarded(self) -> bool:
        """Whether the authority alone writes it, under compare-and-swap."""
        return self in (Kind.GUARDED, Kind.GUARDED_MAP)


_OPERATIONS: Mapping[Kind, frozenset[str]] = {
    Kind.GUARDED: frozenset({"commit", "delete"}),
    Kind.GUARDED_MAP: frozenset({"commit", "delete", "claim", "renew", "release"}),
    Kind.TEXT: frozenset({"insert", "append", "delete", "replace", "rethink", "compact"}),
    Kind.LOG: frozenset({"append", "compact"}),
    Kind.UNION_SET: frozenset({"add", "discard"}),
    Kind.COUNTER: frozenset({"increment"}),
    Kind.MAP: frozenset({"set", "delete"}),
    Kind.XML: frozenset({"edit"}),
}
TAKING_BACK = frozenset({"retract", "supersede"})
"""Every kind has these. Who wrote something may take it back; anybody else, whom `writers=` or `allow=` lets."""

OPERATIONS: Mapping[Kind, frozenset[str]] = {kind: own | TAKING_BACK for kind, own in _OPERATIONS.items()}
"""Operation names per kind: the words of `allow=`, of the audit and of every surface."""

OWNER_ONLY = frozenset({"rethink", "compact"}) | TAKING_BACK
"""Operations on what others wrote: nobody has them until `writers=` or `allow=` says who."""


@dataclass(frozen=True, slots=True)
class Incoherent:
    """What a `coherent=` check says of a document: in words, and which paths it is about (`region` or `region/key`)."""

    text: str
    paths: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rules:
    """Who may do what in a region, and how much fits. Built by `region(...)`."""

    writers: frozenset[str] | None = None
    allow: Mapping[str, frozenset[str]] | None = None
    max_items: int = REGION_ITEMS_MAX
    max_bytes: int = REGION_BYTES_MAX
    validators: tuple[Callable[[Any], Any], ...] = ()
    lww: str | None = None
    default: Any = None
    coherent: tuple[Callable[[Mapping[str, Any]], Any], ...] = ()

    def permits(self, operation: str, agent: str, roles: frozenset[str]) -> bool:
        """Whether this agent may perform this operation here. Pure; called for every decoded operation of a peer too.

        `writers` closes the region to everybody else. `allow` maps `"*"`, an agent's name or `"role:<role>"` to operation
        names. `append` is implied by `insert`. Owner-only operations need to be granted by one of the two.
        """
        names = {f"role:{role}" for role in roles}
        if not agent.startswith("role:"):  # whoever is called like a role does not have it
            names.add(agent)
        if self.writers is not None and not names & self.writers:
            return False
        if self.allow is None:
            return operation not in OWNER_ONLY or self.writers is not None
        granted: set[str] = set()
        for name in ("*", *names):
            granted |= self.allow.get(name, frozenset())
        return operation in granted or (operation == "append" and "insert" in granted)


@dataclass(frozen=True, slots=True)
class RegionSpec:
    """One region of a schema. `item` is the pydantic type of its values, or None where any JSON value is welcome."""

    name: str
    kind: Kind
    item: Any = None
    rules: Rules = field(default_factory=Rules)

    def dump(self, value: Any) -> Any:
        """The JSON value to store for a Python value; raises `Invalid` when it does not fit the item type,
        `Denied` when a validator rejects it."""
        if self.item is not None:
            adapter = adapter_for(self.item)
            try:
                checked = adapter.validate_python(value, by_alias=True, by_name=True)
                value = adapter.dump_python(checked, mode="json", by_alias=False, round_trip=True)
            except ValidationError as error:
                raise self._invalid(error) from error
            except ValueError as error:  # pydantic's serializer on what cannot be JSON
                raise Invalid(f"{self.name}: {error}", code="invalid_value", path=self.name) from error
        return self._validated(storable(value))

    def check(self, value: Any) -> Any:
        """A JSON value that came from a peer, canonical and fitting; raises `Invalid`."""
        value = storable(value)
        if self.item is not None:
            try:
                _from_json(self.item, value)
            except ValidationError as error:
                raise self._invalid(error) from error
        return self._validated(value)

    def load(self, value: Any) -> Any:
        """The Python value of a stored JSON value: the caller's own."""
        if self.item is None or value is None:
            return own_copy(value)
        try:
            return _from_json(self.item, value)
        except ValidationError as error:
            raise self._invalid(error) from error

    def _validated(self, value: Any) -> Any:
        for validator in self.rules.validators:
            name = getattr(validator, "__name__", type(validator).__name__)
            try:
                verdict = validator(value)
            except (ValueError, AssertionError) as error:
                raise Denied(f"{self.name}: {error}", code=f"rejected_by:{name}", path=self.name) from error
            if verdict is False:
                raise Denied(f"{self.name}: {name} rejected the value", code=f"rejected_by:{name}", path=self.name)
        return value

    def _invalid(self, error: ValidationError) -> Invalid:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        text = f"{self.name}: {first['msg']}" + (f" at {where}" if where else "")
        return Invalid(text, code="invalid_value", path=self.name, at_field=where, problems=error.error_count())

    def describe(self) -> dict[str, Any]:
        """The region as JSON values: what is recorded in the log and shown by `doctor`; item types as JSON Schema."""
        rules = self.rules
        shown: dict[str, Any] = {"kind": self.kind.value}
        if rules.writers is not None:
            shown["writers"] = sorted(rules.writers)
        if rules.allow is not None:
            shown["allow"] = {who: sorted(operations) for who, operations in sorted(rules.allow.items())}
        if rules.max_items != REGION_ITEMS_MAX:
            shown["max_items"] = rules.max_items
        if rules.max_bytes != REGION_BYTES_MAX:
            shown["max_bytes"] = rules.max_bytes
        if rules.lww is not None:
            shown["lww"] = rules.lww
        if rules.default is not None:
            shown["default"] = self.dump(rules.default)
        return shown

    @classmethod
    def from_description(cls, name: str, shown: Mapping[str, Any]) -> RegionSpec:
        """The region that `describe` described, without its Python item type; raises `Invalid`."""
        try:
            allow = shown.get("allow")
            writers = shown.get("writers")
            rules = Rules(
                writers=None if writers is None else frozenset(map(str, writers)),
                allow=None if allow is None else {str(who): frozenset(map(str, ops)) for who, ops in allow.items()},
                max_items=int(shown.get("max_items", REGION_ITEMS_MAX)),
                max_bytes=int(shown.get("max_bytes", REGION_BYTES_MAX)),
                lww=shown.get("lww"),
                default=shown.get("default"),
            )
            return cls(name, Kind(shown["kind"]), None, rules)
        except (KeyError, ValueError, TypeError, AttributeError, OverflowError) as error:
            raise Invalid(f"not a region description: {name}", code="bad_schema") from error


_FINDINGS = RegionSpec(COHERENCE, Kind.GUARDED_MAP)


@dataclass(frozen=True, slots=True)
class Schema:
    """The regions of a document. An *open* schema (no class was given) accepts further roots with merge rules only."""

    name: str
    regions: Mapping[str, RegionSpec]
    is_open: bool = False

    @classmethod
    def open(cls) -> Schema:
        """The schema of a document that was opened without one."""
        return cls("document", {}, is_open=True)

    def region(self, name: str) -> RegionSpec | None:
        """The region of that name, or None. The findings of a coherence pass have theirs in every schema."""
        found = self.regions.get(name)
        return _FINDINGS if found is None and name == COHERENCE else found

    def describe(self) -> dict[str, Any]:
        """The schema as JSON values."""
        return {"name": self.name, "regions": {name: spec.describe() for name, spec in self.regions.items()}}

    @classmethod
    def from_description(cls, shown: Mapping[str, Any]) -> Schema:
        """The schema that `describe` described; raises `Invalid`."""
        regions = shown.get("regions")
        if not isinstance(regions, Mapping):
            raise Invalid("not a schema description", code="bad_schema")
        specs = {str(name): RegionSpec.from_description(str(name), spec) for name, spec in regions.items()}
        return cls(str(shown.get("name", "document")), specs, is_open=not specs)


def _from_json(item: Any, value: Any) -> Any:
    """The Python value of a JSON value, whose fields may bear their names or their aliases; raises `ValidationError`."""
    adapter = adapter_for(item)
    try:
        return adapter.validate_python(value, by_alias=True, by_name=True)
    except ValidationError:  # a strict type takes a date's text from JSON alone
        return adapter.validate_json(json.dumps(value), by_alias=True, by_name=True)


@lru_cache(maxsize=1024)
def adapter_for(item: Any) -> TypeAdapter[Any]:
    """The pydantic adapter of an item type; raises `SchemaError` for a type that pydantic cannot validate."""
    try:
        return TypeAdapter(item)
    except Exception as error:  # pydantic raises several kinds for types it cannot handle
        raise SchemaError(f"{item!r} is not a type that pydantic can validate: {error}") from error
