"""What does a corpus merge: small changes of a fact that it must not, honest paraphrases that it should, beside a bare cosine.

One row a set: of the pairs that contradict each other and of those that say the same, the share that is merged by cosine alone
(`> --threshold`), by what a corpus does, and by what it does without a learned verdict. Sets are read from the folder
`../shared/data` beside this repository, or from `--data`; those that are not there are left out. SummEdits are summaries and
edits of them, most of one word, labelled by people, nuances included. The errors on these sets were looked at while the guards
were written: the rows say that nothing has broken, and how a bare cosine compares."""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coherence_worlds import generated_pairs
from measuring import Row, report

from accordant.patterns.corpus.agreement import why_apart
from accordant.patterns.corpus.spelling import normal
from accordant.semantic.own import OwnModel

_ROOT = Path(__file__).resolve().parents[1]
_DATA = next(
    (path for path in (_ROOT.parent / "shared" / "data", _ROOT.parents[1] / "shared" / "data") if path.is_dir()),
    Path("data"),
)
_NLI = ("semantoneg", "cannot_wiki", "cannot_sent", "fever_sym")
_SEED = 20
_EMBED_AT_ONCE = 64
_PAIRS_MAX = 2_000


@dataclass(frozen=True, slots=True)
class Pair:
    """Two texts of a set, and whether they are one fact."""

    dataset: str
    a: str
    b: str
    is_same: bool


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    if path.exists():
        with path.open(encoding="utf-8") as lines:
            yield from map(json.loads, lines)


def summedits(data: Path) -> Iterator[Pair]:
    """A summary and an edit of it: a faithful one says the same, an unfaithful one contradicts."""
    for path in sorted((data / "summedits").glob("*.json")):
        for row in json.loads(path.read_text(encoding="utf-8")):
            a, b = row["original_summary"], row["summary"]
            yield Pair("SummEdits", a, b, str(row["label"]) == "1")


def nli(data: Path) -> Iterator[Pair]:
    """Contradictions, and where a set has paraphrases, those."""
    for name in _NLI:
        for row in _rows(data / "nli" / f"{name}.jsonl"):
            if row["label"] == "contradiction" or (name == "semantoneg" and row["label"] == "entailment"):
                yield Pair(name, row["premise"], row["hypothesis"], row["label"] == "entailment")


def agents(data: Path) -> Iterator[Pair]:
    """Contradictions as agents write them."""
    for row in _rows(data / "agentdoc" / "pairs.jsonl"):
        if row["y"]:
            yield Pair("agents' notes", row["a"], row["b"], False)


def generated(count: int) -> Iterator[Pair]:
    """Our own contradictions."""
    for _, a, b, is_contradiction in generated_pairs(_SEED, count):
        if is_contradiction:
            yield Pair("our own generator", a, b, False)


def measured(pairs: Sequence[Pair], threshold: float) -> list[Row]:
    """The table, sets in the order in which they come."""
    model = OwnModel()
    counts: dict[str, dict[tuple[bool, str], int]] = defaultdict(lambda: defaultdict(int))
    for low in range(0, len(pairs), _EMBED_AT_ONCE):
        part = pairs[low : low + _EMBED_AT_ONCE]
        left, right = model.embed([pair.a for pair in part]), model.embed([pair.b for pair in part])
        for pair, one, other in zip(part, left, right, strict=True):
            found = counts[pair.dataset]
            found[pair.is_same, "n"] += 1
            if float(one @ other) > threshold:
                found[pair.is_same, "cosine"] += 1
                found[pair.is_same, "ours"] += why_apart(pair.a, pair.b, model) is None
                found[pair.is_same, "words"] += why_apart(pair.a, pair.b, None) is None
    return [_row(name, found) for name, found in counts.items()]


def _row(name: str, found: dict[tuple[bool, str], int]) -> Row:
    row: Row = {"set": name}
    for is_same, what in ((False, "wrongly"), (True, "rightly")):
        total = found[is_same, "n"]
        row[f"{'paraphrases' if is_same else 'changed facts'}"] = total
        for key in ("cosine", "ours", "words"):
            row[f"{what} merged, {key}"] = round(found[is_same, key] / total, 4) if total else ""
    return row


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a twentieth, to see that it works")
    parser.add_argument("--data", type=Path, default=_DATA, help="folder with agentdoc, nli and summedits")
    parser.add_argument("--threshold", type=float, default=0.94, help="the cosine above which two texts are near")
    parser.add_argument("--sets", nargs="*", help="only sets whose names begin so")
    args = parser.parse_args()
    found: dict[tuple[str, bool], list[Pair]] = defaultdict(list)
    for pair in (*agents(args.data), *generated(40 if args.quick else 400), *summedits(args.data), *nli(args.data)):
        if normal(pair.a) != normal(pair.b):  # what is the same text is the same fact, whatever its label
            found[pair.dataset, pair.is_same].append(pair)
    chosen = [pair for pairs in found.values() for pair in pairs[:: 20 if args.quick else 1][:_PAIRS_MAX]]
    if args.sets:
        chosen = [pair for pair in chosen if pair.dataset.startswith(tuple(args.sets))]
    report("corpus_quality: what is merged", measured(chosen, args.threshold))


if __name__ == "__main__":
    main()
