"""Which checkpoints of a document stay, so that an old version is rebuilt from one near it. Pure.

The newest, the first that the log still continues from, and between them a ladder whose rungs lie the closer the nearer they
are to the head: a gap may be as large as a fixed share of its distance. It must not know what a checkpoint holds.
"""

from __future__ import annotations

from collections.abc import Mapping

from accordant.types.memory_limits import LADDER_BYTES_MAX, LADDER_RUNGS_MAX

__all__ = ["kept"]


def kept(sizes: Mapping[int, int], compacted: int, saved: int) -> set[int]:
    """Of the checkpoints at these offsets (offset -> bytes) those that stay; `saved` was saved just now and stays.

    One rung after another goes, always the one whose loss matters least: whose neighbours would be left with the smallest gap
    for their distance from the head. So the ladder stays even, whatever order checkpoints come in.
    """
    rungs = sorted(sizes)
    newest = rungs[-1]
    base = next((offset for offset in rungs if offset >= compacted), newest)
    always = {base, newest, saved}
    total = sum(sizes.values())
    while len(rungs) > LADDER_RUNGS_MAX or total > LADDER_BYTES_MAX:
        costs = [
            ((rungs[at + 1] - (rungs[at - 1] if at else 0)) / (newest - rungs[at]), at)
            for at in range(len(rungs) - 1)
            if rungs[at] not in always
        ]
        if not costs:
            break
        total -= sizes[rungs.pop(min(costs)[1])]
    return set(rungs)
