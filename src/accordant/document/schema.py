"""From annotations to a schema: what a `Document` subclass declares, checked where the class is defined."""

from __future__ import annotations

import typing
from collections.abc import Mapping
from typing import Any

from accordant.document.pattern import Declared, Pattern, Settings
from accordant.document.regions import REGION_CLASSES, Region, UnionSet
from accordant.types.errors import Invalid, SchemaError
from accordant.types.limits import REGION_NAME_CHARS_MAX
from accordant.types.regions import COHERENCE, GUARDED_ROOT, OPERATIONS, Kind, RegionSpec, Rules, Schema, adapter_for

__all__ = ["schema_of"]

RESERVED = frozenset({GUARDED_ROOT, COHERENCE})
"""Roots that the engine itself owns."""

BY_NAME = frozenset({"guarded", "guarded_map", "text", "log", "union_set", "counter", "map", "xml"})
"""Methods that open a region by name; with a schema they are not needed, so a region may bear their names."""

PLANNED = frozenset(
    {"at", "batch", "blame", "consistency", "diff", "events", "retract", "snapshot", "supersede", "trace", "why"}
)
"""Methods that documents will have: taken already, so that no schema breaks when they come."""

_KINDS = "Guarded, GuardedMap, Text, Log, UnionSet, Counter, Map, Xml"


def schema_of(cls: type[Any], base: type[Any], locals_: Mapping[str, Any]) -> tuple[Schema, dict[str, Declared]]:
    """The schema of a `Document` subclass, and its patterns, whose regions the schema has too; raises `SchemaError` for
    anything that is neither a region nor a pattern."""
    try:
        hints = typing.get_type_hints(cls, localns=dict(locals_))
    except Exception as error:  # get_type_hints evaluates arbitrary annotations
        raise SchemaError(f"{cls.__name__}: an annotation cannot be resolved: {error}") from error
    own = {
        name: hint
        for name, hint in hints.items()
        if name not in _annotations(base) and typing.get_origin(hint) is not typing.ClassVar
    }
    regions: dict[str, RegionSpec] = {}
    patterns: dict[str, Declared] = {}
    for name, hint in own.items():
        where, origin = f"{cls.__name__}.{name}", typing.get_origin(hint) or hint
        if isinstance(origin, type) and issubclass(origin, Pattern):
            patterns[name] = origin.declared(where, _item(hint), _assigned(cls, base, name))
            specs = patterns[name].specs(name)
        else:
            specs = (_spec(cls, base, name, hint),)
        for spec in specs:
            _check_name(where, base, spec.name)
            if spec.name in regions or (spec.name != name and spec.name in own):
                raise SchemaError(f"{where}: the region {spec.name} is there already; choose another name")
            regions[spec.name] = spec
    for name, value in vars(cls).items():
        if isinstance(value, Rules | Settings) and name not in own:
            raise SchemaError(f"{cls.__name__}.{name} has rules but no annotation; name its kind: {_KINDS}")
    return Schema(cls.__name__, regions), patterns


def _annotations(base: type[Any]) -> set[str]:
    return {name for cls in base.__mro__ for name in getattr(cls, "__annotations__", {})}


def _check_name(where: str, base: type[Any], name: str) -> None:
    if name in RESERVED or name.startswith("_") or len(name) > REGION_NAME_CHARS_MAX:
        raise SchemaError(f"{where}: this region name is reserved or too long")
    if name not in BY_NAME and (name in PLANNED or hasattr(base, name)):
        raise SchemaError(f"{where}: Document has a method of that name; choose another region name")


def _assigned(cls: type[Any], base: type[Any], name: str) -> Any:
    """What the class assigns to an annotated name; None where it assigns nothing."""
    value = getattr(cls, name, None)
    return None if value is getattr(base, name, None) else value


def _item(hint: Any) -> Any:
    """The item type of an annotation, None where any value is welcome."""
    arguments = typing.get_args(hint)
    item = arguments[0] if arguments and not isinstance(arguments[0], typing.TypeVar) else None
    return None if item is Any else item


def _spec(cls: type[Any], base: type[Any], name: str, hint: Any) -> RegionSpec:
    where = f"{cls.__name__}.{name}"
    origin = typing.get_origin(hint) or hint
    if not (isinstance(origin, type) and issubclass(origin, Region) and origin in REGION_CLASSES):
        raise SchemaError(f"{where}: {_shown(hint)} is not a region kind. Choose how concurrent writes meet: {_KINDS}")
    rules = _assigned(cls, base, name)
    if rules is None:
        rules = Rules()
    if not isinstance(rules, Rules):
        raise SchemaError(f"{where}: assign region(...), not {_shown(rules)}; a default is region(default=...)")
    spec = RegionSpec(name, REGION_CLASSES[origin], _item(hint), rules)
    _check(where, spec, origin)
    return spec


def _check(where: str, spec: RegionSpec, origin: type[Region]) -> None:
    rules = spec.rules
    if spec.kind is Kind.MAP and rules.lww is None:
        raise SchemaError(
            f'{where}: a Map lets the last writer win. Say why that is fine, region(lww="..."), or use GuardedMap'
        )
    if spec.kind is not Kind.MAP and rules.lww is not None:
        raise SchemaError(f"{where}: lww= is for Map alone")
    if rules.default is not None and not spec.kind.is_guarded:
        raise SchemaError(f"{where}: only guarded regions have a default")
    known = OPERATIONS[spec.kind]
    for who, operations in (rules.allow or {}).items():
        if unknown := set(operations) - known:
            raise SchemaError(f"{where}: {sorted(unknown)} for {who!r} are not operations of it: {sorted(known)}")
    if spec.item is not None:
        adapter_for(spec.item)
        if origin is UnionSet and getattr(spec.item, "__hash__", None) is None:
            raise SchemaError(
                f"{where}: members of a set are hashable; freeze the model: model_config = ConfigDict(frozen=True)"
            )
    try:
        if rules.default is not None:
            spec.dump(rules.default)
    except Invalid as error:
        raise SchemaError(f"{where}: the default does not fit: {error}") from error


def _shown(hint: Any) -> str:
    return getattr(hint, "__name__", None) or repr(hint)
