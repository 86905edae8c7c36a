"""How good is the coherence pass: precision, recall and alarms per 100 clean claims, by set and by kind.

Four tables: labelled pairs (each pair is a document of two entries) by set and by kind, clean prose, and clean pages with the
two statements of a pair planted in them. Everything is decided by hashes and seeds, so two runs of one version print the
same. Labelled sets are read from the folder `../shared/data` beside this repository, or from `--data`; sets that are not there
are left out. `agentdoc/tune` is the half of agentdoc (by the hash of the pair) whose errors were looked at; `held` is the other.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import json
import random
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from coherence_worlds import generated_pairs, pages, planted
from measuring import Row, report

from accordant.coherence_pass import Checker, Passage, passages_of_markdown

_ROOT = Path(__file__).resolve().parents[1]
_DATA = next(
    (path for path in (_ROOT.parent / "shared" / "data", _ROOT.parents[1] / "shared" / "data") if path.is_dir()),
    Path("data"),
)
_NLI = "snli mnli cad cannot_wiki cannot_sent semantoneg scone med fever_sym".split()
_SEED = 20


@dataclass(frozen=True, slots=True)
class Pair:
    """Two statements, whether they contradict, and of which set and kind they are."""

    dataset: str
    kind: str
    a: str
    b: str
    is_contradiction: bool


def part_of(text: str, parts: int) -> int:
    """A number below `parts` that depends on the text alone."""
    return int(hashlib.sha256(text.encode()).hexdigest(), 16) % parts


# -- the sets -------------------------------------------------------------------------------------------------


def agentdoc(data: Path) -> Iterator[Pair]:
    """Pairs as agents write them, in two halves."""
    for row in _rows(data / "agentdoc" / "pairs.jsonl"):
        half = ("tune", "held")[part_of(f"{row['a']}|{row['b']}", 2)]
        yield Pair(f"agentdoc/{half}", row["kind"], row["a"], row["b"], bool(row["y"]))


def nli(data: Path, split: str) -> Iterator[Pair]:
    """Labelled sentence pairs. Where a set has no dev part, a sixth by hash stands for it."""
    for name in _NLI:
        rows = list(_rows(data / "nli" / f"{name}.jsonl"))
        has_dev = any(row["split"] == "dev" for row in rows)
        for row in rows:
            mine = row["split"] if has_dev else ("train", "dev")[part_of(row["premise"], 6) == 0]
            if split in (mine, "all"):
                yield Pair(name, name, row["premise"], row["hypothesis"], row["label"] == "contradiction")


def summedits(data: Path, split: str) -> Iterator[Pair]:
    """A summary and an edit of it: an inconsistent edit contradicts it, a consistent one does not."""
    for path in sorted((data / "summedits").glob("*.json")):
        for row in json.loads(path.read_text(encoding="utf-8")):
            if row["summary"] == row["original_summary"]:
                continue
            mine = ("train", "dev")[part_of(row["doc"][:200], 6) == 0]
            if split in (mine, "all"):
                yield Pair("summedits", path.stem, row["original_summary"], row["summary"], not row["label"])


def generated(count: int) -> Iterator[Pair]:
    """Our own contradictions and their compatible twins."""
    for kind, a, b, is_contradiction in generated_pairs(_SEED, count):
        yield Pair("generated", kind, a, b, is_contradiction)


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    if path.exists():
        with path.open(encoding="utf-8") as lines:
            yield from map(json.loads, lines)


# -- measuring ------------------------------------------------------------------------------------------------


class Tally:
    """Counts of one row: how many contradictions and others there were, and what was said of them."""

    def __init__(self) -> None:
        self.n = {True: 0, False: 0}
        self.reported = {True: 0, False: 0}
        self.possible = {True: 0, False: 0}

    def add(self, is_contradiction: bool, is_reported: bool, is_possible: bool) -> None:
        """Count one pair or page."""
        self.n[is_contradiction] += 1
        self.reported[is_contradiction] += is_reported
        self.possible[is_contradiction] += is_possible and not is_reported

    def row(self) -> Row:
        """The figures. Precision is empty where nothing was reported, or where the set has no other pairs."""
        said = self.reported[True] + self.reported[False]
        judged = said and self.n[False] and self.n[True]
        return {
            "contradictions": self.n[True],
            "others": self.n[False],
            "precision": self.reported[True] / said if judged else None,
            "recall": self.reported[True] / self.n[True] if self.n[True] else None,
            "or possible": (self.reported[True] + self.possible[True]) / self.n[True] if self.n[True] else None,
            "false": self.reported[False],
            "false possible": self.possible[False],
        }


class Quality:
    """One checker on all sets. `errors` takes what it got wrong."""

    def __init__(self, checker: Checker, errors: Callable[[dict[str, Any]], None]) -> None:
        self._checker = checker
        self._errors = errors

    def pairs(self, pairs: Iterable[Pair]) -> tuple[list[Row], list[Row]]:
        """Rows per set, and rows per set and kind."""
        sets: dict[str, Tally] = defaultdict(Tally)
        kinds: dict[tuple[str, str], Tally] = defaultdict(Tally)
        for number, pair in enumerate(pairs):
            _progress(number)
            passages = [
                Passage("log", f"log/{n}", text, (author,), n, ref=str(n), heading=("Facts",))
                for n, author, text in ((1, "a", pair.a), (2, "b", pair.b))
            ]
            found = self._checker.run(passages, document_id="pair", version=2)
            for tally in (sets[pair.dataset], kinds[pair.dataset, pair.kind]):
                tally.add(pair.is_contradiction, not found.coherent, bool(found.possible))
            if found.coherent is pair.is_contradiction:
                self._errors({"set": pair.dataset, "kind": pair.kind, "a": pair.a, "b": pair.b, "is": pair.is_contradiction,
                              "possible": [[one.kind, *one.doubts] for one in found.possible]})  # fmt: skip
        rows = [{"set": name, **tally.row()} for name, tally in sets.items()]
        split = [{"set": name, "kind": kind, **tally.row()} for (name, kind), tally in sorted(kinds.items())]
        return rows, [row for row in split if row["set"].startswith(("agentdoc", "generated", "summedits"))]

    def clean(self, sources: dict[str, Iterable[tuple[str, str]]]) -> list[Row]:
        """Alarms per 100 claims on pages that contradict themselves nowhere."""
        rows: list[Row] = []
        for source, texts in sources.items():
            claims = alarms = possible = coherent = count = 0
            for name, text in texts:
                _progress(count)
                found = self._checker.run(passages_of_markdown(text, region="page"), document_id=name, version=1)
                count += 1
                claims += found.n_claims
                alarms += len(found.contradictions)
                possible += len(found.possible)
                coherent += found.coherent
                for one in found.contradictions:
                    self._errors(
                        {"set": source, "page": name, "kind": one.kind, "a": one.a.text, "b": one.b.text, "is": False}
                    )
            if count:
                rows.append(
                    {"clean prose": source, "pages": count, "claims": claims, "alarms": alarms,
                     "alarms per 100 claims": 100 * alarms / claims, "possible per 100 claims": 100 * possible / claims,
                     "pages called coherent": coherent / count}
                )  # fmt: skip
        return rows

    def documents(self, pairs: Iterable[Pair]) -> list[Row]:
        """Clean pages with both statements of a pair in them: a contradiction, or a compatible near miss."""
        tallies: dict[tuple[str, str], Tally] = defaultdict(Tally)
        for number, pair in enumerate(pairs):
            _progress(number)
            rng = random.Random(f"{_SEED}|{pair.a}|{pair.b}")
            [(name, page)] = list(pages(rng.randrange(10**6), 1 + rng.randrange(5)))[-1:]
            text = planted(page, pair.a, pair.b, rng)
            found = self._checker.run(passages_of_markdown(text, region="page"), document_id=name, version=1)
            for key in ((pair.dataset, "all"), (pair.dataset, pair.kind)):
                tallies[key].add(pair.is_contradiction, not found.coherent, bool(found.possible))
            if pair.is_contradiction and found.coherent:
                self._errors({"set": f"planted {pair.dataset}", "kind": pair.kind, "a": pair.a, "b": pair.b, "is": True,
                              "possible": [[one.a.text, one.b.text, *one.doubts] for one in found.possible]})  # fmt: skip
            if not pair.is_contradiction and not found.coherent:
                one = found.contradictions[0]
                self._errors(
                    {"set": f"planted {pair.dataset}", "kind": one.kind, "a": one.a.text, "b": one.b.text, "is": False}
                )
        return [
            {"planted in a page": name, "kind": kind, **tally.row(),
             "coherent called coherent": 1 - tally.reported[False] / tally.n[False] if tally.n[False] else None}
            for (name, kind), tally in sorted(tallies.items(), key=lambda item: (item[0][0], item[0][1] != "all", item[0][1]))
        ]  # fmt: skip


def clean_sources(count: int, folders: Iterable[Path]) -> dict[str, Iterable[tuple[str, str]]]:
    """Clean prose: ours by hand, ours by generator, the descriptions of installed packages, and further folders."""
    sources: dict[str, Iterable[tuple[str, str]]] = {
        "by hand": _files(Path(__file__).parent / "coherence_pages"),
        "generated": pages(_SEED, count),
        "installed packages": (
            (dist.name, str(dist.metadata.get_payload() or dist.metadata.get("Description", "")))
            for dist in sorted(metadata.distributions(), key=lambda dist: dist.name)
        ),
        "this repository": _files(_ROOT / "docs"),
    }
    return sources | {str(folder): _files(folder) for folder in folders}


def _files(folder: Path) -> Iterator[tuple[str, str]]:
    for path in sorted(folder.rglob("*.md")):
        yield str(path.relative_to(folder)), path.read_text(encoding="utf-8", errors="replace")


def _progress(number: int) -> None:
    if number % 500 == 0 and sys.stderr.isatty():
        print(f"\r{number:,} ", end="", file=sys.stderr, flush=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that it works")
    parser.add_argument("--data", type=Path, default=_DATA, help="folder with agentdoc, nli and summedits")
    parser.add_argument(
        "--split", choices=("dev", "train", "all"), default="dev", help="part of nli and summedits (default: dev)"
    )
    parser.add_argument("--sets", nargs="*", help="only these sets (agentdoc, generated, summedits, or names of nli)")
    parser.add_argument("--texts", type=Path, nargs="*", default=[], help="further folders of clean Markdown")
    parser.add_argument("--scorer", help="tier 1 as module:function, called without arguments (default: rules alone)")
    parser.add_argument("--clean", nargs="*", help="only these sources of clean prose (none: leave them out)")
    parser.add_argument("--errors", type=Path, help="write every error as a line of JSON to this file")
    args = parser.parse_args()
    module, _, name = (args.scorer or "").partition(":")
    options = {"scorer": getattr(importlib.import_module(module), name)()} if args.scorer else {}
    errors: list[dict[str, Any]] = []
    quality = Quality(Checker(**options), errors.append)
    count = 20 if args.quick else 200
    sets = [*agentdoc(args.data), *generated(2 * count), *summedits(args.data, args.split), *nli(args.data, args.split)]
    wanted = [pair for pair in sets if not args.sets or pair.dataset.partition("/")[0] in args.sets]
    by_set, by_kind = quality.pairs(wanted[:: 20 if args.quick else 1])
    report("coherence_quality: labelled pairs", by_set)
    report("coherence_quality: labelled pairs by kind", by_kind)
    sources = clean_sources(count, args.texts)
    chosen = {name: texts for name, texts in sources.items() if args.clean is None or name in args.clean}
    if chosen:
        report("coherence_quality: clean prose", quality.clean(chosen))
    report(
        "coherence_quality: planted",
        quality.documents(p for p in wanted if p.dataset.startswith(("agentdoc", "generated"))),
    )
    if args.errors:
        args.errors.write_text("".join(json.dumps(error) + "\n" for error in errors), encoding="utf-8")


if __name__ == "__main__":
    main()
