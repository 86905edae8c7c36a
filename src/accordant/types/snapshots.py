"""One consistent cut over a document at one version, as values that nobody can change.

Content is kept as text: a region's JSON, or the characters of a text. Whoever reads gets a value of their own, so a cut is the
same for ever, and cuts of different versions share what did not change between them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from accordant.types.commands import Question, ReadAnswer
from accordant.types.errors import Invalid
from accordant.types.readings import Marks, Token
from accordant.types.refs import Ref
from accordant.types.regions import Kind, RegionSpec

__all__ = ["Cut", "FieldCut", "RegionCut"]

_PLAIN = (Kind.TEXT, Kind.XML, Kind.COUNTER)


@dataclass(frozen=True, slots=True)
class FieldCut:
    """A guarded field: its value as JSON text, None where it has none (deleted; its version goes on)."""

    value: str | None
    version: int
    by: str | None
    at: int | None
    claim: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class RegionCut:
    """One region. `content`: the characters of a text, the number of a counter, the JSON text of anything else; None for guarded
    regions, whose `fields` are by key (None: the region is one field). `rows`: (ref, version, by, at) of a log's items."""

    kind: Kind
    version: int
    by: str | None = None
    at: int | None = None
    content: str | int | None = None
    rows: tuple[tuple[Any, ...], ...] | None = None
    fields: Mapping[str | None, FieldCut] = field(default_factory=dict)
    marks: Marks | None = None

    def value(self) -> Any:
        """The JSON value, the reader's own."""
        if self.kind is Kind.GUARDED_MAP:
            return {key: json.loads(one.value) for key, one in self.fields.items() if one.value is not None}
        if self.content is None or self.kind in _PLAIN:
            return self.content
        return json.loads(str(self.content))

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "kind": self.kind.value,
            "version": self.version,
            "by": self.by,
            "at": self.at,
            "content": self.content,
            "rows": None if self.rows is None else [list(row) for row in self.rows],
            "fields": [[key, one.value, one.version, one.by, one.at, one.claim] for key, one in self.fields.items()],
            "marks": None if self.marks is None else {ref: list(mark) for ref, mark in self.marks.items()},
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> RegionCut:
        """What `to_json` gave; raises `KeyError`, `TypeError`, `ValueError` for anything else."""
        rows, marks = data["rows"], data["marks"]
        return cls(
            Kind(data["kind"]),
            data["version"],
            data["by"],
            data["at"],
            data["content"],
            None if rows is None else tuple(map(tuple, rows)),
            {key: FieldCut(*rest) for key, *rest in data["fields"]},
            None if marks is None else {ref: (status, because) for ref, (status, because) in marks.items()},
        )


@dataclass(frozen=True, slots=True)
class Cut:
    """A document at `version`, of the time `at`. Whoever took it is named by epoch, incarnation and generation: what is read from
    it has tokens like any reading. `is_whole`: no region was left out."""

    version: int
    at: int | None
    epoch: int
    incarnation: str
    generation: int
    regions: Mapping[str, RegionCut]
    is_whole: bool = True

    def token(self, version: int) -> Token:
        """The token of what this cut has at that version."""
        return Token(self.epoch, self.incarnation, version, self.generation)

    def answer(self, question: Question, spec: RegionSpec | None = None) -> ReadAnswer:
        """What a reader of this cut is told; raises `Invalid`. `spec` gives the default of a field without a value."""
        found = self.regions.get(question.region)
        if found is None:
            if not self.is_whole:
                raise Invalid(f"{question.region} is not in this snapshot", code="unknown_region", path=question.region)
            found = RegionCut(question.kind, 0, content=_EMPTY.get(question.kind))
        if found.kind is not question.kind:
            text = f"{question.region} is a {found.kind.value} region, not a {question.kind.value}"
            raise Invalid(text, code="wrong_kind", path=question.region)
        if found.kind is Kind.GUARDED or question.key is not None:
            return self._field(found, question, spec)
        if question.since is not None and found.kind is Kind.GUARDED_MAP:
            return self._since(found, question.region, question.since)
        rows = () if found.rows is None and found.kind is Kind.LOG else found.rows
        return ReadAnswer(
            found.value(), self.token(found.version), question.region, found.by, found.at, rows, marks=found.marks
        )

    def _field(self, region: RegionCut, question: Question, spec: RegionSpec | None) -> ReadAnswer:
        one = region.fields.get(question.key) or FieldCut(None, 0, None, None)
        path, value = question.path, None if one.value is None else json.loads(one.value)
        if value is None and one.value is None and spec is not None and spec.rules.default is not None:
            value = spec.dump(spec.rules.default)
        ref = Ref(f"{path}@{one.version}")
        mark = None if region.marks is None else region.marks.get(ref)
        marks = None if mark is None else {str(ref): mark}
        return ReadAnswer(value, self.token(one.version), path, one.by, one.at, None, one.claim, marks)

    def _since(self, region: RegionCut, name: str, since: int) -> ReadAnswer:
        fields = [(one.version, str(key), one) for key, one in region.fields.items() if one.version > since]
        fields.sort(key=lambda field: field[:2])
        value = {key: json.loads(one.value) for _, key, one in fields if one.value is not None}
        rows = tuple((key, version, one.by, one.at) for version, key, one in fields)
        return ReadAnswer(value, self.token(region.version), name, region.by, region.at, rows, marks=region.marks)

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "version": self.version,
            "at": self.at,
            "token": self.token(self.version).to_list(),
            "regions": {name: one.to_json() for name, one in self.regions.items()},
            "is_whole": self.is_whole,
        }

    @classmethod
    def from_json(cls, data: Any) -> Cut:
        """What `to_json` gave; raises `Invalid` for anything else."""
        try:
            token = Token.from_list(data["token"])
            regions = {str(name): RegionCut.from_json(one) for name, one in data["regions"].items()}
            return cls(
                token.version, data["at"], token.epoch, token.incarnation, token.generation, regions, data["is_whole"]
            )
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise Invalid(f"not a snapshot: {error}", code="bad_command") from error


_EMPTY: Mapping[Kind, str | int] = {
    Kind.TEXT: "",
    Kind.XML: "",
    Kind.COUNTER: 0,
    Kind.LOG: "[]",
    Kind.UNION_SET: "[]",
    Kind.MAP: "{}",
}
