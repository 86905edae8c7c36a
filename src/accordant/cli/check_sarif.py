"""A coherence report as SARIF 2.1.0, which code hosts and editors show: a rule per kind, both sides with their places.

A side stands in no file, but in a region of a document: its place is a logical location (the path), and an artifact named by the
path with the characters of the region's text.
"""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote

from accordant import __version__
from accordant.coherence_pass import CoherenceReport, Contradiction, Side

__all__ = ["sarif"]

SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"
HELP: Final[dict[str, str]] = {
    "numeric": "Two numbers for one thing.",
    "temporal": "Two dates, or two orders, for one event.",
    "negation": "One side denies what the other states.",
    "antonym": "Opposite words about one thing.",
    "entity": "Two names in one role.",
    "keyed_fact": "Two values for one key.",
    "semantic": "Two statements that exclude each other.",
}


def sarif(report: CoherenceReport) -> dict[str, Any]:
    """One run. Contradictions are errors, possible ones notes; a finding's id is its fingerprint."""
    findings = [(one, "error") for one in report.contradictions] + [(one, "note") for one in report.possible]
    kinds = list(dict.fromkeys(one.kind for one, _ in findings))
    driver = {
        "name": "accordant check",
        "version": __version__,
        "informationUri": "https://pypi.org/project/accordant/",
        "rules": [_rule(kind) for kind in kinds],
        "properties": {"checker": report.checker.model_dump(mode="json")},
    }
    return {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": driver},
                "columnKind": "unicodeCodePoints",
                "results": [_result(report, one, level, kinds.index(one.kind)) for one, level in findings],
                "invocations": [{"executionSuccessful": True}],
                "properties": {
                    "document": report.document_id,
                    "documentVersion": report.version,
                    "coherent": report.coherent,
                    "truncated": report.truncated,
                },
            }
        ],
    }


def _rule(kind: str) -> dict[str, Any]:
    return {
        "id": f"coherence/{kind}",
        "name": "".join(part.capitalize() for part in ("contradiction", *kind.split("_"))),
        "shortDescription": {"text": HELP.get(kind, HELP["semantic"])},
    }


def _result(report: CoherenceReport, finding: Contradiction, level: str, rule: int) -> dict[str, Any]:
    sides = (finding.b, finding.a) if finding.newer == "b" else (finding.a, finding.b)
    text = f"{finding.detail}. {_said(sides[0])} excludes {_said(sides[1])}"
    if finding.doubts:
        text += f" Doubts: {'; '.join(finding.doubts)}."
    return {
        "ruleId": f"coherence/{finding.kind}",
        "ruleIndex": rule,
        "level": level,
        "message": {"text": text},
        "locations": [_place(report, sides[0])],
        "relatedLocations": [
            {"id": n} | _place(report, side, _said(side)) for n, side in enumerate((sides[1], *finding.also), start=1)
        ],
        "partialFingerprints": {"accordantFinding/v1": finding.id},
        "properties": {
            "confidence": finding.confidence,
            "calibrated": finding.calibrated,
            "tier": finding.tier,
            "authors": sorted({*finding.a.authors, *finding.b.authors}),
        },
    }


def _said(side: Side) -> str:
    who = ", ".join(side.authors) or "unknown"
    return f'"{side.text}" ({who}, {side.path}, version {side.version})'


def _place(report: CoherenceReport, side: Side, text: str | None = None) -> dict[str, Any]:
    place: dict[str, Any] = {
        "physicalLocation": {
            "artifactLocation": {"uri": quote(f"{report.document_id}/{side.path}", safe="/")},
            "region": {
                "charOffset": side.start,
                "charLength": max(side.end - side.start, 0),
                "snippet": {"text": side.text},
            },
        },
        "logicalLocations": [{"fullyQualifiedName": f"{report.document_id}/{side.path}", "kind": "member"}],
    }
    return place if text is None else place | {"message": {"text": text}}
