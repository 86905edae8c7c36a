"""What the shipped head says of pairs that nothing was fitted to: agents' notes, and near pairs of clean technical prose.

    PYTHONPATH=src python training/measure_head.py --data FOLDER [Markdown files ...]

Needs no torch. The head alone: the pass adds its rules and guards (bench/coherence_quality.py measures the whole).
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from accordant.coherence_pass import passages_of_markdown
from accordant.coherence_pass.claims import claims_of
from accordant.semantic.own import OwnModel
from accordant.types.coherence_limits import NEIGHBOUR_COSINE_MIN, NEIGHBOURS_MAX


def agents(model: OwnModel, data: Path) -> None:
    """Precision / recall on agentdoc, by half and by kind."""
    rows = [json.loads(line) for line in (data / "agentdoc" / "pairs.jsonl").read_text(encoding="utf-8").splitlines()]
    scores = np.array(model.score([(row["a"], row["b"]) for row in rows]))
    labels = np.array([row["y"] == 1 for row in rows])
    groups: dict[str, list[int]] = defaultdict(list)
    for at, row in enumerate(rows):
        half = int(hashlib.sha256(f"{row['a']}|{row['b']}".encode()).hexdigest(), 16) % 2
        groups["all"].append(at)
        groups[("first half", "second half")[half]].append(at)
        groups[f"kind {row['kind']}"].append(at)
    print(
        "| agentdoc | pairs (contradictions) | report: precision / recall | possible: precision / recall |\n|---|---|---|---|"
    )
    for name, places in groups.items():
        cells = []
        for level in (model.report, model.possible):
            hit, right = scores[places] >= level, labels[places]
            both = int((hit & right).sum())
            precision = f"{both / hit.sum():.2f}" if hit.any() else "-"
            cells.append(f"{precision} / {both / right.sum():.2f}" if right.any() else f"{hit.sum()} alarms")
        print(f"| {name} | {len(places)} ({labels[places].sum()}) | {' | '.join(cells)} |")


def near(model: OwnModel, path: Path) -> tuple[int, list[tuple[str, str]]]:
    """The statements of a Markdown file, counted, and their near pairs."""
    passages = passages_of_markdown(path.read_text(encoding="utf-8"), region=path.stem)
    claims = claims_of(passages).claims
    texts = [claim.text for claim in claims if claim.fact is None]  # two keyed facts are left to the rules
    alike = model.embed(texts) @ model.embed(texts).T
    np.fill_diagonal(alike, -1)
    pairs = {
        (min(one, int(other)), max(one, int(other)))
        for one in range(len(texts))
        for other in alike[one].argsort()[::-1][:NEIGHBOURS_MAX]
        if alike[one, other] >= NEIGHBOUR_COSINE_MIN
    }
    return len(texts), [(texts[one], texts[other]) for one, other in sorted(pairs)]


def prose(model: OwnModel, files: Sequence[Path]) -> None:
    """Alarms among the near pairs of documents that do not contradict themselves, and the worst of them."""
    print("\n| clean prose | statements | near pairs | report: alarms | possible: alarms |\n|---|---|---|---|---|")
    worst: list[tuple[float, str, str]] = []
    for path in files:
        count, pairs = near(model, path)
        scores = model.score(pairs)
        alarms = [sum(score >= level for score in scores) for level in (model.report, model.possible)]
        print(f"| {path.name} | {count:,} | {len(pairs):,} | {alarms[0]} | {alarms[1]} |")
        worst += [(score, *pair) for score, pair in zip(scores, pairs, strict=True)]
    print()
    for score, one, other in sorted(worst, reverse=True)[:10]:
        print(f"{score:.3f}  {one[:100]!r}  {other[:100]!r}")


def main() -> None:
    """Score and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the folder with agentdoc/")
    parser.add_argument("files", type=Path, nargs="*", help="Markdown files that do not contradict themselves")
    arguments = parser.parse_args()
    model = OwnModel()
    agents(model, arguments.data)
    prose(model, arguments.files)


if __name__ == "__main__":
    main()
