"""The pairs of the head's training: labelled sets from a folder, generated pairs, near pairs of prose that does not contradict.

`train` and `dev` never share a document: labelled sets keep their own splits, summaries and prose are split by a hash of
their document, and some frames are generated for `dev` only.
"""

from __future__ import annotations

import difflib
import hashlib
import importlib.util
import json
import random
import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import frames as frame_tables
from generators import Pair, edits, frames

__all__ = ["Sets", "is_dev", "load", "near_pairs", "prose"]

ROWS = {
    "cad": 8_400,
    "snli": 5_000,
    "mnli": 6_500,
    "cannot_wiki": 6_500,
    "cannot_sent": 2_111,
    "semantoneg": 2_002,
    "scone": 2_000,
    "med": 1_500,
}
"""How many training rows of each labelled set: what keeps one kind of sentence from drowning the others."""


@dataclass
class Sets:
    """Training pairs, and development pairs by the name of their set."""

    train: list[Pair]
    dev: dict[str, list[Pair]]


def is_dev(text: str) -> bool:
    """Whether a document (by its text or name) is held back: one in five, for ever the same."""
    return hashlib.sha256(text.encode()).digest()[0] < 51


def load(folder: Path, share: float = 1.0, seed: int = 7) -> Sets:
    """Everything, or a share of it for a quick run."""
    rng = random.Random(seed)
    train: list[Pair] = []
    dev: dict[str, list[Pair]] = {}
    real: list[str] = []
    for name, count in ROWS.items():
        rows = [
            json.loads(line) for line in (folder / "nli" / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
        ]
        pairs = {part: [_labelled(row, name) for row in rows if row["split"] == part] for part in ("train", "dev")}
        rng.shuffle(pairs["train"])
        train += pairs["train"][: int(count * share)]
        if pairs["dev"]:
            dev[name] = pairs["dev"][: int(1_000 * share)]
        if name in ("cannot_wiki", "mnli"):
            real += [pair.a for pair in pairs["train"]]
    rows = [json.loads(line) for line in (folder / "nli" / "fever_sym.jsonl").read_text(encoding="utf-8").splitlines()]
    dev["fever_sym"] = [_labelled(row, "fever_sym") for row in rows][: int(708 * share)]
    for part, pair in _summaries(folder / "summedits"):
        (train if part == "train" else dev.setdefault("summedits", [])).append(pair)
    documents = _stories(folder / "summedits") | prose()
    by_part: dict[bool, list[Pair]] = defaultdict(list)
    for name, sentences in documents.items():
        by_part[is_dev(name)] += near_pairs(sentences, 1.5, rng)
        if not is_dev(name):
            real += sentences[:12]
    train += rng.sample(by_part[False], min(len(by_part[False]), int(13_000 * share)))
    dev["clean prose"] = rng.sample(by_part[True], min(len(by_part[True]), int(3_000 * share)))
    wiki = [pair.a for pair in train if pair.kind == "cannot_wiki"]
    train += near_pairs(wiki, 0.7, rng)[: int(3_000 * share)]
    made = _generated(int(19_000 * share), int(2_000 * share), seed)
    train += made[0] + edits(real, int(9_000 * share), seed)
    dev["frames"] = made[1]
    rng.shuffle(train)
    return Sets(train, dev)


def _labelled(row: dict[str, str], name: str) -> Pair:
    return Pair(row["premise"], row["hypothesis"], row["label"] == "contradiction", name)


def _generated(train: int, dev: int, seed: int) -> tuple[list[Pair], list[Pair]]:
    """Frames and properties of the development pairs are never seen in training."""
    every, held = list(frame_tables.FRAMES), list(frame_tables.PROPERTIES)
    parts = []
    for count, want, offset in ((train, False, 0), (dev, True, 1)):
        frame_tables_part = tuple(one for one in every if is_dev(one.name) is want)
        properties = tuple(one for one in held if is_dev(one[0][0]) is want)
        parts.append(frames(count, seed + offset, frame_tables_part, properties))
    return parts[0], parts[1]


# -- edited summaries ------------------------------------------------------------------------------------------------

_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z\"'(])")


def sentences_of(text: str) -> list[str]:
    """A plain split: enough for training."""
    return [part.strip() for part in _END.split(" ".join(text.split())) if 20 <= len(part.strip()) <= 320]


def _summaries(folder: Path) -> Iterator[tuple[str, Pair]]:
    for path in sorted(folder.glob("*.json")):
        for row in json.loads(path.read_text(encoding="utf-8")):
            part = "dev" if is_dev(row["doc"]) else "train"
            for old, new in _changed(row["original_summary"], row["summary"]):
                yield part, Pair(old, new, str(row["label"]) == "0", "summedits")


def _changed(before: str, after: str) -> Iterator[tuple[str, str]]:
    one, two = sentences_of(before), sentences_of(after)
    if len(one) != len(two):
        return
    changed = [(a, b) for a, b in zip(one, two, strict=True) if a != b]
    if len(changed) == 1 and difflib.SequenceMatcher(None, *changed[0]).ratio() > 0.6:
        yield changed[0]


def _stories(folder: Path) -> dict[str, list[str]]:
    documents: dict[str, list[str]] = {}
    for path in sorted(folder.glob("*.json")):
        for row in json.loads(path.read_text(encoding="utf-8")):
            if path.stem in ("news", "sales_email"):
                documents[row["doc"]] = sentences_of(row["doc"])[:80]
    return documents


# -- technical prose that does not contradict -----------------------------------------------------------------------


def prose() -> dict[str, list[str]]:
    """The documentation strings of the standard library, by module: nobody wrote them to contradict each other."""
    documents: dict[str, list[str]] = {}
    for name in sorted(sys.stdlib_module_names):
        spec = None if name.startswith("_") or name in ("this", "antigravity") else importlib.util.find_spec(name)
        if spec is None or not spec.origin or not spec.origin.endswith(".py"):
            continue
        text = Path(spec.origin).read_text(encoding="utf-8", errors="replace")
        found = [" ".join(block.split()) for block in re.findall(r'"""(.+?)"""', text, re.DOTALL)]
        sentences = [
            one
            for block in found
            for one in sentences_of(block)
            if one[-1] in ".!" and ">>>" not in one and "(" not in one[:15]
        ]
        if len(sentences) >= 8:
            documents[name] = list(dict.fromkeys(sentences))[:200]
    return documents


def near_pairs(sentences: list[str], per_sentence: float, rng: random.Random) -> list[Pair]:
    """Pairs of one document's sentences that share rare words, the closest first, as a blocking would hand them on."""
    words = [set(re.findall(r"[a-z]{4,}|\d+", one.lower())) for one in sentences]
    index: dict[str, list[int]] = defaultdict(list)
    for place, found in enumerate(words):
        for word in found:
            index[word].append(place)
    shared: dict[tuple[int, int], float] = defaultdict(float)
    for places in index.values():
        if 2 <= len(places) <= 25:
            for number, one in enumerate(places):
                for other in places[number + 1 :]:
                    shared[one, other] += 1 / len(places)
    best = sorted(shared, key=lambda pair: (-shared[pair], pair))[: int(len(sentences) * per_sentence)]
    near = [
        (one, other) for one, other in best if len(words[one] & words[other]) / len(words[one] | words[other]) < 0.8
    ]
    pairs = []
    for one, other in near:
        first, second = (one, other) if rng.random() < 0.5 else (other, one)
        pairs.append(Pair(sentences[first], sentences[second], False, "prose"))
    return pairs
