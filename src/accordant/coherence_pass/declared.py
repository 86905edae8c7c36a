"""What the schema itself finds wrong with a document: values that no longer fit their model, and checks across regions.

A write is validated when it comes; a model that grew stricter, or a field that only now disagrees with another region, shows
here. Takes an outline and a schema, gives findings, and lets no check break the pass. It must not know how a document is read.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from accordant.coherence_pass.report import Contradiction, Side
from accordant.types.coherence_limits import DECLARED_FINDINGS_MAX, DECLARED_TEXT_CHARS_MAX
from accordant.types.errors import AccordantError
from accordant.types.regions import COHERENCE, Incoherent, RegionSpec, Schema

__all__ = ["declared_findings"]

_GONE: Final = frozenset({"retracted", "superseded"})


@dataclass(frozen=True, slots=True)
class _Value:
    """One value of the document, by whom, and the region that it belongs to."""

    region: str
    path: str
    shown: Mapping[str, Any]


def declared_findings(outline: Mapping[str, Any], schema: Schema) -> list[Contradiction]:
    """The values that do not fit their item type, then what the `coherent=` checks say, at most DECLARED_FINDINGS_MAX."""
    values = list(_values(outline))
    found = [*_misfits(values, schema), *_checked(values, outline, schema)]
    return found[:DECLARED_FINDINGS_MAX]


def _values(outline: Mapping[str, Any]) -> Iterator[_Value]:
    """What stands in logs, sets, maps and guarded fields, without what was taken back."""
    gone = {ref for ref, (status, _) in outline.get("marks", {}).items() if status in _GONE}
    for name, region in outline.get("regions", {}).items():
        is_map = region.get("kind") == "map"
        for item in (*region.get("items", ()), *region.get("members", ())):
            ref = item.get("ref") or f"{name}/{item.get('key')}@{item.get('version')}"
            if ref not in gone and ref.rpartition(".")[0] not in gone:
                yield _Value(name, f"{name}/{item['key']}" if is_map else name, item)
    for path, shown in outline.get("fields", {}).items():
        name = path.partition("/")[0]
        if name != COHERENCE and f"{path}@{shown['version']}" not in gone:
            yield _Value(name, path, shown)


# -- models ---------------------------------------------------------------------------------------------------


def _misfits(values: Iterable[_Value], schema: Schema) -> Iterator[Contradiction]:
    for value in values:
        spec = schema.regions.get(value.region)
        if spec is None or spec.item is None:
            continue
        try:
            spec.load(value.shown["value"])
        except AccordantError as error:
            yield _finding(f"model {value.region}", error.message, [value], "definite")


# -- checks across regions ------------------------------------------------------------------------------------


def _checked(values: list[_Value], outline: Mapping[str, Any], schema: Schema) -> Iterator[Contradiction]:
    checks = [(name, check) for name, spec in schema.regions.items() for check in spec.rules.coherent]
    if not checks:
        return
    by_path: dict[str, list[_Value]] = {}
    for value in values:
        by_path.setdefault(value.path, []).append(value)
    for name, check in checks:
        title = f"{name} {getattr(check, '__name__', type(check).__name__)}"
        try:
            said = list(_said(check, _by_region(values, outline, schema)))
        except Exception as error:  # somebody else's code; the pass goes on without it, and says so
            fault = f"{title} could not be checked: {type(error).__name__}: {error}"
            yield _finding(title, fault, by_path.get(name, []), "possible")
            continue
        for one in said:
            sides = [side for path in one.paths or (name,) for side in by_path.get(path, [])]
            yield _finding(title, one.text, sides, "definite", one.paths or (name,))


def _said(check: Callable[[Mapping[str, Any]], Any], regions: Mapping[str, Any]) -> Iterator[Incoherent]:
    answer = check(regions)
    for one in answer if isinstance(answer, Iterable) and not isinstance(answer, str | Mapping) else (answer,):
        if isinstance(one, str) and one:
            yield Incoherent(one)
        elif isinstance(one, Incoherent):
            yield one
        elif one is not None and one is not True:
            raise TypeError(f"a check answers None, a text or Incoherent, not {type(one).__name__}")


def _by_region(values: Iterable[_Value], outline: Mapping[str, Any], schema: Schema) -> dict[str, Any]:
    """Every declared region's value: a list for logs and sets, a dict for maps, else the value; None where nothing was written.

    Made anew for each check, so that none can change what the next one sees.
    """
    shown: dict[str, Any] = {}
    for name, spec in schema.regions.items():
        kind = spec.kind.value
        empty: Any = [] if kind in ("log", "union_set") else {} if kind in ("map", "guarded_map") else None
        region = outline.get("regions", {}).get(name, {})
        shown[name] = region.get("value") if empty is None and not spec.kind.is_guarded else empty
    for value in values:
        found = schema.regions.get(value.region)
        if found is None:
            continue
        loaded = _loaded(found, value.shown["value"])
        holder = shown[value.region]
        if isinstance(holder, list):
            holder.append(loaded)
        elif "/" in value.path and isinstance(holder, dict):
            holder[value.path.partition("/")[2]] = loaded
        else:
            shown[value.region] = loaded
    return shown


def _loaded(spec: RegionSpec, value: Any) -> Any:
    try:
        return spec.load(value)
    except AccordantError:  # told by _misfits; a check sees the bare JSON value
        return value


# -- findings -------------------------------------------------------------------------------------------------


def _finding(
    title: str, text: str, values: list[_Value], severity: Literal["definite", "possible"], paths: tuple[str, ...] = ()
) -> Contradiction:
    sides = [_side(value, title) for value in values] or [_absent(path, title) for path in paths or (title.split()[0],)]
    first, second = sides[0], sides[1] if len(sides) > 1 else sides[0]
    digest = _digest(title, text, *(side.claim_id for side in sides))
    newer = max(sides[:2], key=lambda side: side.version)
    return Contradiction(
        id=digest, a=first, b=second, kind="keyed_fact", confidence=1.0 if severity == "definite" else 0.4, calibrated=False,
        tier="rule", severity=severity, detail=text[:DECLARED_TEXT_CHARS_MAX], mismatch=None,
        cross_author=first.authors != second.authors, first_seen_version=newer.version,
        newer=None if first.version == second.version else "a" if newer is first else "b",
        doubts=[] if severity == "definite" else ["its check failed"], also=sides[2:8], n_statements=len(sides), pairs=[digest],
    )  # fmt: skip


def _side(value: _Value, title: str) -> Side:
    shown = value.shown
    text = json.dumps(shown["value"], ensure_ascii=False, sort_keys=True)[:DECLARED_TEXT_CHARS_MAX]
    by, version = shown.get("by"), int(shown.get("version") or 0)
    return Side(
        claim_id=_digest(title, value.path, text), path=value.path, start=0, end=len(text), text=text,
        authors=[] if by is None else [by], version=version, written_at=shown.get("at"),
    )  # fmt: skip


def _absent(path: str, title: str) -> Side:
    """A path at which nothing stands, or a region that is not made of values."""
    return Side(claim_id=_digest(title, path), path=path, start=0, end=0, text="", authors=[], version=0)


def _digest(*parts: str) -> str:
    return hashlib.sha256("\x1f".join(parts).encode("utf-8", "replace")).hexdigest()[:16]
