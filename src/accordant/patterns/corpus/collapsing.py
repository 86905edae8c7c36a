"""What offline peers and plain Yjs peers have contributed twice is found here, and put under the oldest: judged, not yet done.

A pair that was held apart when it was contributed, or that anything holds apart now, stays two. Pure but for vectors.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from accordant.coherence_pass.verdicts import Scorer
from accordant.patterns.corpus.agreement import why_apart
from accordant.patterns.corpus.spelling import normal
from accordant.patterns.corpus.values import Entry
from accordant.patterns.corpus.view import View
from accordant.types.pattern_limits import CORPUS_CANDIDATES_MAX, CORPUS_COLLAPSE_MAX
from accordant.types.readings import LogItem
from accordant.types.refs import Ref

__all__ = ["Duplicates", "duplicates"]


@dataclass(slots=True)
class Duplicates:
    """`pairs`: (the younger, the older that says the same, how alike). `apart`: near pairs that stay two, and why."""

    pairs: list[tuple[Ref, Ref, float]] = field(default_factory=list)
    apart: list[tuple[Ref, Ref, str]] = field(default_factory=list)
    is_complete: bool = True


def duplicates(view: View, threshold: float, scorer: Scorer | None, *, everything: bool) -> Duplicates:
    """The standing entries that say what an older one says. Those that were compared when they landed are not compared again,
    unless with `everything`: when threshold, model or stages have changed."""
    outcome = Duplicates()
    view.warm("", None)
    gone: set[str] = set()
    standing = sorted(view.standing(), key=lambda pair: (Ref(pair[1].ref).version, Ref(pair[1].ref).n or 0))
    age = {item.ref: n for n, (_, item) in enumerate(standing)}
    for _, item in standing:
        if item.value.compared is not None and not everything:
            continue
        if len(outcome.pairs) >= CORPUS_COLLAPSE_MAX:
            outcome.is_complete = False
            break
        for similarity, other in _candidates(view, item, threshold):
            if other.ref in gone or age[other.ref] >= age[item.ref]:
                continue
            why = _held_apart(item, other) or why_apart(item.value.text, other.value.text, scorer)
            if why is None:
                gone.add(item.ref)
                outcome.pairs.append((Ref(item.ref), Ref(other.ref), similarity))
                break
            outcome.apart.append((Ref(item.ref), Ref(other.ref), why))
    return outcome


def _candidates(view: View, item: LogItem[Entry], threshold: float) -> list[tuple[float, LogItem[Entry]]]:
    """Older and younger entries above the threshold, the same words first."""
    text = item.value.text
    if view.vectors is not None:
        near = view.likeness(text, threshold, 4 * CORPUS_CANDIDATES_MAX)
        found = [(score, view.items[place]) for score, place in near if score > threshold]
    else:
        words = [(score, view.items[place]) for score, place in view.sharing(text, CORPUS_CANDIDATES_MAX)]
        found = [(score, other) for score, other in words if why_apart(text, other.value.text, None) is None]
    return sorted(found, key=lambda pair: normal(pair[1].value.text) != normal(text))


def _held_apart(item: LogItem[Entry], other: LogItem[Entry]) -> str | None:
    """Why one of them was not merged with the other when it was contributed."""
    named = ((item, other.ref), (other, item.ref))
    return next((link.why for one, ref in named for link in one.value.links if link.ref == ref), None)
