"""What does a coherence pass cost, from nothing and after one change? `python bench/coherence.py [--quick] [--claims N ...]`

Notes as agents write them, at 100, 1,000 and 10,000 statements: a pass from nothing, a pass after one statement was changed, and
one after one was added in front of all others, with the rules alone and, where `accordant[semantic]` is there, with its scorer.
Each row is a process of its own, so that memory is that of one pass. `--all-pairs MODEL` also times a CrossEncoder of
sentence-transformers on a sample of all pairs, and says what all of them would take.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import time
from typing import Any

from measuring import Row, peak_mib, report, resident_mib

from accordant.coherence_pass import Checker, CheckerState, Passage, Scorer
from accordant.types.errors import AccordantError

SIZES, QUICK = (100, 1_000, 10_000), (100, 1_000)
SAMPLE_PAIRS = 512
SUBJECTS = (
    "gateway billing ledger search export scheduler mailer cache index importer auth proxy broker vault crawler".split()
)
PARTS = "timeout retry limit port quota window batch size latency budget schedule owner region backup".split()
PLACES = "Lisbon Oslo Cork Turin Ghent Porto Basel Leeds Malmo Gdansk Bergen Nantes Graz Bilbao".split()
FORMS = (
    "The {s} of {p} has a {a} of {n} seconds.",
    "The {s} team in {p} moved its {a} to day {d} of May 2026.",
    "Every {a} of the {s} in {p} is written to a log.",
    "Customers in {p} may not change the {a} of the {s} without a review.",
    "In {p} the {s} keeps {n} copies of each {a}.",
    "The {a} was tested by the {s} team of {p} for {n} days.",
)


def statements(count: int, seed: int = 5) -> list[Passage]:
    """Notes of five agents: subjects, places and measures repeat as in a project's notes, so that near statements abound."""
    rng = random.Random(seed)
    texts = []
    for number in range(count):
        place = f"{rng.choice(PLACES)} {number // 40}" if count > 400 else rng.choice(PLACES)
        said = {"s": rng.choice(SUBJECTS), "a": rng.choice(PARTS), "p": place}
        texts.append(rng.choice(FORMS).format(**said, n=rng.randint(2, 900), d=rng.randint(1, 28)))
    return [
        Passage("findings", "findings", text, (f"agent{n % 5}",), n + 1, ref=f"findings@{n + 1}.0")
        for n, text in enumerate(texts)
    ]


def scorer() -> Scorer | None:
    """The scorer of the extra, None where it is not installed; with one thread, as `accordant check` runs it."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        from accordant import semantic

        found: Scorer | None = semantic.scorer_named()
    except (ImportError, AttributeError, AccordantError):
        return None
    return found


def measured(count: int, with_scorer: bool) -> Row:
    """One row, in this process."""
    passages = statements(count)
    learned = scorer() if with_scorer else None
    checker, state = Checker(clock=time.perf_counter, scorer=learned), CheckerState()
    before = resident_mib()

    def run(passages: list[Passage]) -> tuple[float, Any]:
        start = time.perf_counter()
        found = checker.run(passages, document_id="d", version=1, previous=state)
        return time.perf_counter() - start, found

    cold, found = run(passages)
    passages[count // 2] = statements(count, seed=6)[count // 2]
    changed, _ = run(passages)
    work = state.work
    added, _ = run([statements(count, seed=7)[count // 3], *passages])
    return {
        "statements": count,
        "tiers": "+".join(found.checker.tiers),
        "cold s": round(cold, 3),
        "one changed s": round(changed, 3),
        "one added s": round(added, 3),
        "pairs": found.n_pairs_considered,
        "judged again": work.judged,
        "scored again": work.scored,
        "found": len(found.contradictions),
        "cut": found.truncated,
        "MiB more": round(resident_mib() - before),
        "peak MiB": round(peak_mib()),
        "cpu s": round(resource.getrusage(resource.RUSAGE_SELF).ru_utime, 1),
    }


def all_pairs(model: str, count: int) -> Row:
    """What a CrossEncoder takes for every pair, from a sample of them."""
    from sentence_transformers import CrossEncoder

    texts = [one.text for one in statements(count)]
    rng = random.Random(7)
    sample = [(rng.choice(texts), rng.choice(texts)) for _ in range(SAMPLE_PAIRS)]
    encoder = CrossEncoder(model)
    encoder.predict(sample[:32])
    start = time.perf_counter()
    encoder.predict(sample, batch_size=64)
    rate = SAMPLE_PAIRS / (time.perf_counter() - start)
    pairs = count * (count - 1) // 2
    return {"statements": count, "tiers": f"all pairs, {model}", "cold s": round(pairs / rate, 1), "pairs": pairs}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that it works")
    parser.add_argument("--claims", type=int, nargs="+", help="how many statements, instead of 100, 1,000 and 10,000")
    parser.add_argument("--rules-only", action="store_true", help="without the scorer")
    parser.add_argument("--all-pairs", metavar="MODEL", help="a CrossEncoder, to compare with")
    parser.add_argument("--row", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.row:
        print(json.dumps(measured(int(options.row[0]), options.row[1] == "scorer")))
        return
    tiers = ["rules"] if options.rules_only or scorer() is None else ["rules", "scorer"]
    rows: list[Row] = []
    for count in options.claims or (QUICK if options.quick else SIZES):
        for tier in tiers:
            print(f"{count} statements, {tier} ...", file=sys.stderr, flush=True)
            command = [sys.executable, __file__, "--row", str(count), tier]
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
            rows.append(json.loads(done.stdout))
        if options.all_pairs:
            rows.append(all_pairs(options.all_pairs, count))
    report("coherence", rows)


if __name__ == "__main__":
    main()
