"""Convergence under faults: seeded trials of 2 to 16 peers. `python bench/convergence.py [--quick] [--trials 600] [--seed N]`

Random edits, dropped connections, edits made offline, frames that come late and twice; every tenth trial has a server process
that is killed for real. Exit code 1 when a replica differs, or an acknowledged write is lost or doubled.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests" / "support"), str(ROOT / "tests" / "node")]

from trials import Outcome, Trial  # noqa: E402 - the library of the tests is what runs here

STEPS = 60
KILLED_EVERY = 10


async def one(seed: int, folder: Path) -> Outcome:
    """One trial, bounded: a trial that hangs has failed."""
    try:
        return await asyncio.wait_for(Trial(seed, folder, STEPS, seed % KILLED_EVERY == 0).run(), 90)
    except TimeoutError:
        return Outcome(seed, 0, 0, 0, 0, ("it did not end",))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=600)
    parser.add_argument("--first", type=int, default=0, help="the first seed: halves may run side by side")
    parser.add_argument("--seed", type=int, help="this one alone")
    parser.add_argument("--quick", action="store_true", help="thirty trials")
    asked = parser.parse_args()
    seeds = (
        [asked.seed]
        if asked.seed is not None
        else range(asked.first, asked.first + (30 if asked.quick else asked.trials))
    )
    logging.disable(logging.WARNING)
    began, outcomes = time.monotonic(), []
    with tempfile.TemporaryDirectory() as folder:
        for seed in seeds:
            outcomes.append(asyncio.run(one(seed, Path(folder))))
            if outcomes[-1].faults:
                print(f"seed {seed}: {'; '.join(outcomes[-1].faults[:5])}", file=sys.stderr)
    converged = sum(not outcome.faults for outcome in outcomes)
    print(f"{converged} of {len(outcomes)} trials converged with nothing lost or doubled")
    print(
        f"{sum(o.acknowledged for o in outcomes)} writes, {sum(o.drops for o in outcomes)} drops, "
        f"{sum(o.kills for o in outcomes)} kills, {time.monotonic() - began:.0f} s"
    )
    return 0 if converged == len(outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
