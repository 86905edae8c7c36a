"""From the head's answers to probabilities and two thresholds, on development pairs; and the table that tells their worth.

A document has about four near pairs for each statement, and hardly ever more than one of them in fifty contradicts. So the
development pairs are weighted until contradictions are one in twenty, and the thresholds come from the alarms among clean prose.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from generators import Pair

__all__ = ["calibrated", "table"]

PRIOR = 0.05
"""The share of contradictions among the pairs that are scored, as the probabilities understand it."""

CLEAN_REPORT, CLEAN_POSSIBLE = 0.001, 0.006
"""Alarms per near pair of clean prose that `report` and `possible` may cost: about 0.4 and 2.4 among 100 statements, before the
guards of the pass."""

Answers = Mapping[str, NDArray[np.float64]]
Dev = Mapping[str, Sequence[Pair]]


def _labels(pairs: Sequence[Pair]) -> NDArray[np.bool_]:
    return np.array([pair.contradicts for pair in pairs])


def calibrated(dev: Dev, answers: Answers) -> dict[str, float]:
    """Platt's two numbers (slope, shift), and the thresholds `report` and `possible` as probabilities."""
    x = np.concatenate([answers[name] for name in dev])
    y = np.concatenate([_labels(dev[name]) for name in dev]).astype(float)
    weight = np.concatenate([np.full(len(dev[name]), 1 / max(1, len(dev[name]))) for name in dev])
    for label, share in ((1, PRIOR), (0, 1 - PRIOR)):
        weight[y == label] *= share / weight[y == label].sum()
    slope, shift = 1.0, -3.0
    for _ in range(100):  # Newton's method on the weighted loss
        p = 1 / (1 + np.exp(-(slope * x + shift)))
        gradient = np.array([(weight * (p - y) * x).sum(), (weight * (p - y)).sum()])
        bend = weight * p * (1 - p)
        curve = np.array([[(bend * x * x).sum(), (bend * x).sum()], [(bend * x).sum(), bend.sum()]]) + 1e-9 * np.eye(2)
        step = np.linalg.solve(curve, gradient)
        slope, shift = slope - step[0], shift - step[1]
    clean = np.sort(1 / (1 + np.exp(-(slope * answers["clean prose"] + shift))))
    # Just above the pair that would be one alarm too many.
    report, possible = (float(clean[-1 - int(len(clean) * share)]) + 1e-4 for share in (CLEAN_REPORT, CLEAN_POSSIBLE))
    return {"slope": slope, "shift": shift, "report": report, "possible": possible}


def auroc(scores: NDArray[np.float64], labels: NDArray[np.bool_]) -> float:
    """The chance that a contradiction scores above another pair."""
    order = scores.argsort(kind="stable").argsort(kind="stable") + 1.0
    positive, negative = int(labels.sum()), int((~labels).sum())
    if not positive or not negative:
        return float("nan")
    return float((order[labels].sum() - positive * (positive + 1) / 2) / (positive * negative))


HEADER = """| set | pairs (contradictions) | AUROC | report: precision / recall | possible: precision / recall \
| alarms per 1,000 others: report / possible |
|---|---|---|---|---|---|"""


def table(dev: Dev, answers: Answers, scale: Mapping[str, float]) -> str:
    """A Markdown row a set: size, AUROC, precision / recall at both thresholds, alarms per 1,000 other pairs."""
    lines = [", ".join(f"{name} {value:.3f}" for name, value in scale.items()), "", HEADER]
    for name, pairs in dev.items():
        labels = _labels(pairs)
        scores = 1 / (1 + np.exp(-(scale["slope"] * answers[name] + scale["shift"])))
        cells, alarms = [], []
        for level in ("report", "possible"):
            hit = scores >= scale[level]
            right = int((hit & labels).sum())
            cells.append(f"{right / hit.sum():.2f} / {right / labels.sum():.2f}" if hit.any() and labels.any() else "-")
            alarms.append(f"{1000 * (hit & ~labels).sum() / (~labels).sum():.1f}" if not labels.all() else "-")
        size = f"{len(pairs):,} ({labels.sum():,})"
        row = [name, size, f"{auroc(scores, labels):.2f}", *cells, " / ".join(alarms)]
        lines.append(f"| {' | '.join(row)} |")
    return "\n".join(lines)
