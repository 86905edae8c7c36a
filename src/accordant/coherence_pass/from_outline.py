"""From a document's outline to what the pass reads, and from its log to what the authors of a finding had read.

An outline is the document at one version as JSON values. Pure: whoever has the log hands over its entries. It must not know
where an outline comes from.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Set
from dataclasses import replace
from typing import Any

from accordant.coherence_pass.markdown import passages_of_markdown
from accordant.coherence_pass.passages import AuthorSpan, Passage, passage_of_value
from accordant.coherence_pass.report import CoherenceReport, Contradiction, Side
from accordant.types.entries import Entry
from accordant.types.regions import COHERENCE

__all__ = ["passages_of_outline", "versions_in", "with_reads"]

_GONE = frozenset({"retracted", "superseded"})


def passages_of_outline(outline: Mapping[str, Any]) -> list[Passage]:
    """The passages of a document: log entries, members of sets and maps, texts block by block, guarded fields.

    Left out: counters, which state nothing; what was retracted or superseded; the findings of a coherence pass. What is only
    suspect, because of what it was made from, still stands, and is read.
    """
    gone = {ref for ref, (status, _) in outline.get("marks", {}).items() if status in _GONE}
    passages: list[Passage] = []
    for name, region in outline.get("regions", {}).items():
        if name != COHERENCE:
            passages.extend(_of_region(name, region, gone))
    for path, shown in outline.get("fields", {}).items():
        name = path.partition("/")[0]
        if name != COHERENCE and f"{path}@{shown['version']}" not in gone:
            passages.append(_of_value(name, path, shown))
    return passages


def _of_region(name: str, region: Mapping[str, Any], gone: Set[str]) -> list[Passage]:
    match region.get("kind"):
        case "text" | "xml":
            return _of_text(name, region, gone)
        case "log":
            items = (item for item in region.get("items", ()) if not _is_gone(item["ref"], gone))
            return [_of_value(name, name, item, ref=item["ref"]) for item in items]
        case "union_set":
            return _of_set(name, [one for one in region.get("members", ()) if not _is_gone(one.get("ref", ""), gone)])
        case "map":
            items = ((f"{name}/{item['key']}", item) for item in region.get("members", ()))
            return [_of_value(name, path, item) for path, item in items if f"{path}@{item['version']}" not in gone]
    return []


def _is_gone(ref: str, gone: Set[str]) -> bool:
    """Whether an item was taken back, by itself or with the entry that brought it."""
    return ref in gone or ref.rpartition(".")[0] in gone


def _of_text(name: str, region: Mapping[str, Any], gone: Set[str]) -> list[Passage]:
    runs = [(start, end, actor, version) for start, end, actor, version in region.get("runs", ())]
    authors = [actor for _, _, actor, _ in runs] or [region["by"]] * (region.get("by") is not None)
    passages = passages_of_markdown(
        region["value"],
        region=name,
        authors=tuple(dict.fromkeys(authors)),
        version=region.get("version", 0),
        at=region.get("at"),
        spans=[AuthorSpan(start, end, actor, version) for start, end, actor, version in runs],
    )
    silent = [(start, end) for start, end, _, version in runs if f"{name}@{version}" in gone]
    return [_without(passage, silent) for passage in passages] if silent else passages


def _without(passage: Passage, silent: Iterable[tuple[int, int]]) -> Passage:
    """The passage with blanks where it was taken back, so that everything else keeps its place."""
    text, offset = passage.text, passage.offset
    for start, end in silent:
        low, high = max(start - offset, 0), min(end - offset, len(text))
        if low < high:
            text = text[:low] + " " * (high - low) + text[high:]
    return replace(passage, text=text)


def _of_set(name: str, members: Iterable[Mapping[str, Any]]) -> list[Passage]:
    """One passage per distinct value: two agents may have added the same one."""
    same: dict[str, list[Mapping[str, Any]]] = {}
    for member in members:
        same.setdefault(json.dumps(member["value"], sort_keys=True), []).append(member)
    return [
        passage_of_value(
            name,
            name,
            tags[0]["value"],
            authors=tuple(dict.fromkeys(tag["by"] for tag in tags if tag["by"] is not None)),
            version=min(tag["version"] for tag in tags),
            ref=tags[0]["key"],
            at=min((tag["at"] for tag in tags if tag["at"] is not None), default=None),
        )
        for tags in same.values()
    ]


def _of_value(region: str, path: str, shown: Mapping[str, Any], ref: str | None = None) -> Passage:
    by = shown.get("by")
    authors = () if by is None else (by,)
    return passage_of_value(
        region, path, shown["value"], authors=authors, version=shown["version"], ref=ref, at=shown.get("at")
    )


# -- what the authors had read --------------------------------------------------------------------------------


def versions_in(report: CoherenceReport) -> list[int]:
    """The versions that a report's findings come from, each once."""
    findings = (*report.contradictions, *report.possible)
    return sorted({side.version for finding in findings for side in _sides(finding)} - {0})


def read_by(entry: Entry) -> tuple[tuple[str, int], ...]:
    """What the writer of an entry had read: what it was derived from, and the versions that it replaced."""
    replaced = [(op.path, op.read) for op in entry.ops if op.read is not None]
    return tuple(dict.fromkeys((*entry.derived_from, *replaced)))


def with_reads(report: CoherenceReport, entries: Mapping[int, Entry]) -> CoherenceReport:
    """The report, every side with what its author had read and when it was written, by the entries of its versions."""
    return report.model_copy(
        update={
            "contradictions": [_finding(one, entries) for one in report.contradictions],
            "possible": [_finding(one, entries) for one in report.possible],
        }
    )


def _finding(finding: Contradiction, entries: Mapping[int, Entry]) -> Contradiction:
    also = [_side(side, entries) for side in finding.also]
    return finding.model_copy(update={"a": _side(finding.a, entries), "b": _side(finding.b, entries), "also": also})


def _side(side: Side, entries: Mapping[int, Entry]) -> Side:
    entry = entries.get(side.version)
    if entry is None:
        return side
    return side.model_copy(update={"read": list(read_by(entry)), "written_at": entry.at})


def _sides(finding: Contradiction) -> tuple[Side, ...]:
    return (finding.a, finding.b, *finding.also)
