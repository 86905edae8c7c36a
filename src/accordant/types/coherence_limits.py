"""Bounds of the coherence pass beyond its rules: learned verdicts, findings that are kept, the runner. Each with its reason and
what happens when it is reached. The pass only reads and flags (I10): a bound stops the looking, never anybody's write.
"""

from __future__ import annotations

from typing import Final

__all__ = [
    "DEBOUNCE_ROUNDS_MAX",
    "DECLARED_FINDINGS_MAX",
    "DECLARED_TEXT_CHARS_MAX",
    "ENCODED_CHARS_MAX",
    "ENCODED_PIECES_MAX",
    "ENCODER_TILE",
    "FINDINGS_CLOSED_KEPT",
    "FINDINGS_SETTLED_KEPT",
    "FINDINGS_STORED_MAX",
    "FINDING_PAIRS_MAX",
    "HEAD_REPORT",
    "HEAD_ROWS",
    "HEALTH_REQUEST_BYTES_MAX",
    "HEALTH_REQUEST_S",
    "INDEXED_NEAR_MAX",
    "JUDGED_PAIRS_MAX",
    "JUDGE_ANSWER_BYTES_MAX",
    "JUDGE_BACKOFF_MAX_S",
    "JUDGE_BACKOFF_S",
    "JUDGE_CACHE_MAX",
    "JUDGE_CONTEXT_CHARS_MAX",
    "JUDGE_PARALLEL",
    "JUDGE_RUN_S",
    "JUDGE_TIMEOUT_S",
    "JUDGE_TRIES_MAX",
    "NEIGHBOURS_MAX",
    "NEIGHBOUR_COSINE_MIN",
    "NEIGHBOUR_PLACES_MAX",
    "NEIGHBOUR_SLICE_ROWS",
    "NLI_BATCH_PAIRS",
    "NLI_SCORES_MAX",
    "PASS_RETRY_S",
    "PIECES_MAX",
    "PUBLISH_ATTEMPTS",
    "READ_TEXTS_MAX",
    "SCORED_PAIRS_MAX",
    "SCORE_BATCH_PAIRS",
    "WATCH_RETRY_S_MAX",
]

NEIGHBOURS_MAX: Final = 8
"""Nearest statements that a scorer is asked about, for each statement: 370 pairs for 100 statements of real notes. Beyond: not
scored; the rules still judge every pair of the index."""

INDEXED_NEAR_MAX: Final = 4
"""Of the statements that share a rare word, the most alike that a scorer is asked about beside them, whatever their cosine: up
to 3 more pairs for each statement of technical prose. Beyond: not scored; the rules judge them."""

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

# -- the encoder ----------------------------------------------------------------------------------------------

ENCODED_CHARS_MAX: Final = 2_000
"""Characters of one statement that the encoder reads: more than PIECES_MAX pieces ever need. Beyond: the rest is not read."""

PIECES_MAX: Final = 128
"""Word pieces of one statement: what the encoder was trained with, and attention is quadratic. Beyond: the rest is not read."""

ENCODED_PIECES_MAX: Final = 400_000
"""Word pieces whose states are kept (about 16,000 statements, 110 MB). Beyond: the longest unused go, and cost again."""

ENCODER_TILE: Final = 512
"""Word pieces that go through a layer together: its inner matrix (3 MB) stays near the processor. More are split."""

HEAD_ROWS: Final = 2_048
"""Word pieces, padding included, that go through the head together (its widest matrix: 4 MB). More are split."""

READ_TEXTS_MAX: Final = 20_000
"""Texts whose words are kept as the head's flags read them: every claim of a document. Beyond: begun anew, and read again."""

NLI_BATCH_PAIRS: Final = 32
"""Pairs that go through a cross-encoder together: more only need more memory on a processor. No end is reached."""

NLI_SCORES_MAX: Final = 100_000
"""Answers of a cross-encoder that are kept (30 MB): as many pairs as one pass scores. Beyond: begun anew, and asked again."""

FINDINGS_STORED_MAX: Final = 150
"""Open findings kept in the document: opening them all and closing as many others fits one transaction, so that a report lands
whole. Contradictions come before possible ones. Beyond: only counted, and the kept report is `truncated`."""

FINDINGS_CLOSED_KEPT: Final = 50
"""Closed findings kept beside the open ones: what was put right lately. Beyond: the oldest go; the history has them."""

FINDINGS_SETTLED_KEPT: Final = 1_000
"""Resolved and dismissed findings that stay silent. Beyond: the oldest go, and come up again if both sides still stand."""

PUBLISH_ATTEMPTS: Final = 8
"""How often a report is put on top of what somebody settled meanwhile. Beyond: `Conflict`; the next pass publishes."""

DEBOUNCE_ROUNDS_MAX: Final = 10
"""Times the debounce that a pass is put off by writing that does not stop. Beyond: it runs in the middle of it."""

PASS_RETRY_S: Final = 1.0
"""How long a runner waits for an authority that cannot be asked: the handle reconnects by itself meanwhile. No end is reached."""

# -- the judge ------------------------------------------------------------------------------------------------

JUDGED_PAIRS_MAX: Final = 200
"""Pairs put to a judge in one pass: each may cost money. Beyond: the least likely stay possible, `truncated`."""

JUDGE_CONTEXT_CHARS_MAX: Final = 600
"""Characters of a neighbouring sentence or a heading that a judge is shown. Beyond: cut."""

JUDGE_TIMEOUT_S: Final = 30.0
"""One request to a judge over HTTP, from sending to the last byte of the answer. Beyond: tried again, then `unsure`."""

JUDGE_RUN_S: Final = 120.0
"""All requests of one pass. Beyond: nothing more is sent, and the rest is `unsure`."""

JUDGE_TRIES_MAX: Final = 4
"""Times that one pair is sent when the service is busy (429) or broken (5xx). Beyond: `unsure`."""

JUDGE_BACKOFF_S: Final = 0.5
JUDGE_BACKOFF_MAX_S: Final = 20.0
"""Wait before trying again, doubled each time, or what the service asks for. Beyond the most: that much."""

JUDGE_PARALLEL: Final = 4
"""Requests in flight at once: most services allow that to their smallest customers. The others wait."""

JUDGE_ANSWER_BYTES_MAX: Final = 65_536
"""One answer of the service; a verdict is below 1 KB. Beyond: not read, `unsure`."""

JUDGE_CACHE_MAX: Final = 10_000
"""Verdicts remembered in memory: 2 MB. Beyond: the longest unused are forgotten, and asked for again."""

WATCH_RETRY_S_MAX: Final = 15.0
"""Longest wait of a sidecar before it dials again a server that is away. No end is reached."""

HEALTH_REQUEST_BYTES_MAX: Final = 8_192
"""One request for a sidecar's health: a line and a scraper's headers. Beyond: the connection is closed."""

HEALTH_REQUEST_S: Final = 5.0
"""How long such a request and its answer may take. Beyond: the connection is closed."""

# -- what a schema declares -----------------------------------------------------------------------------------

DECLARED_FINDINGS_MAX: Final = 100
"""Findings of one schema's models and checks: a model that grew stricter can turn down a whole log. Beyond: not told."""

DECLARED_TEXT_CHARS_MAX: Final = 1_000
"""Characters of a check's text, and of a value as it is shown with it. Beyond: cut."""

HEAD_REPORT: Final = 0.3
"""From this probability on the shipped head's verdict is reported. The trainer's own threshold (0.455) is for pairs as they come.
The pass puts neither parallel statements nor other attributes to it; on 8,900 clean claims it alarms no more often at 0.3."""
