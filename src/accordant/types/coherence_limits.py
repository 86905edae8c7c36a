"""Bounds of the coherence pass beyond its rules: learned verdicts, findings that are kept, the runner. Each with its reason and
what happens when it is reached. The pass only reads and flags (I10): a bound stops the looking, never anybody's write.
"""

from __future__ import annotations

from typing import Final

__all__ = [
    "FINDING_PAIRS_MAX",
    "NEIGHBOURS_MAX",
    "NEIGHBOUR_COSINE_MIN",
    "NEIGHBOUR_PLACES_MAX",
    "NEIGHBOUR_SLICE_ROWS",
    "SCORED_PAIRS_MAX",
    "SCORE_BATCH_PAIRS",
]

NEIGHBOURS_MAX: Final = 8
"""Nearest statements that a scorer is asked about, for each statement, and as many again that share a rare word: 370 pairs for
100 statements of real notes. Beyond: not scored; the rules still judge every pair of the index."""

NEIGHBOUR_COSINE_MIN: Final = 0.4
"""Statements less alike than this are about different things: contradictions lie near 0.78. Below: no neighbours."""

NEIGHBOUR_PLACES_MAX: Final = 4
"""Places in a document at which one text is compared: it may stand under many headings. Beyond: not scored, `truncated`."""

NEIGHBOUR_SLICE_ROWS: Final = 256
"""Rows of similarities in memory at once: 20 MB at 10,000 statements, where the whole table would have 400. No end is reached."""

SCORED_PAIRS_MAX: Final = 100_000
"""Pairs scored in one pass, remembered ones included: a few minutes on two cores. Beyond: not scored, `truncated`."""

SCORE_BATCH_PAIRS: Final = 256
"""Pairs handed to a scorer at once: between two batches progress is told and the time budget is looked at. No end is reached."""

FINDING_PAIRS_MAX: Final = 64
"""Pairs of statements that settling one finding settles: more say the same thing in ever other words. Beyond: they may come up as
a finding of their own."""
