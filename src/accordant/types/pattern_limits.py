"""Bounds of the patterns, by pattern. Each says why, and what happens when it is reached."""

from __future__ import annotations

from typing import Final

__all__ = [
    "ASKED_AT_ONCE",
    "DECIDED_PER_CALL_MAX",
    "FOLDED_NAMED_MAX",
    "HANDOFF_BYTES_MAX",
    "LEASE_TTL_S",
    "PENDING_LINE_CHARS",
    "PENDING_MAX",
    "PROMOTIONS_PAGE",
    "QUEUE_MAX",
    "READS_BETWEEN_MAX",
    "READS_KEPT_MAX",
    "ROUTED_DOCUMENTS_MAX",
    "VECTORS_MAX",
]

# -- channel ------------------------------------------------------------------------------------------------------

QUEUE_MAX: Final = 1_000
"""Proposals that a channel holds, by default: more than a supervisor's context does. The next one is `Denied` (`region_full`)
until the supervisor has decided the oldest: decided ones make room by themselves."""

PENDING_MAX: Final = 100
"""Proposals that one `pending()` lists, by default: what a prompt takes. The rest come when these are decided."""

PENDING_LINE_CHARS: Final = 160
"""Characters of a value in a proposal's one line; what is longer is cut, and says so."""

HANDOFF_BYTES_MAX: Final = 65_536
"""JSON of one proposal: a supervisor reads it whole. What is larger is `Denied` (`rejected_by:fits_a_handoff`); put it into a
region of its own and propose its ref."""

DECIDED_PER_CALL_MAX: Final = 1_000
"""Proposals in one `accept`, `reject`: a whole queue. More are `Invalid`; call again."""

ASKED_AT_ONCE: Final = 32
"""Questions that a pattern has in flight: half of what one connection may ask at once. The others wait for these."""

# -- store ----------------------------------------------------------------------------------------------------

READS_BETWEEN_MAX: Final = 64
"""Reads of one logical run that are remembered one by one, so that remembering copies 64 pointers. Beyond: the oldest become
one."""

READS_KEPT_MAX: Final = 4_096
"""Items that one logical run remembers having read: more than any node holds in a prompt. Beyond: the longest unread are
forgotten, and a write to one of them counts as one that had not read it."""

ROUTED_DOCUMENTS_MAX: Final = 4_096
"""Documents that one adapter of other people's stores has open, each a session: a tenant's tasks of a month. The next one is
`Denied`, `too_many_documents`; close it and open another."""

VECTORS_MAX: Final = 200_000
"""Vectors that a store keeps in memory: 300 MB at 384 numbers each. Beyond: all but those of the present search are let go, and
made again when they are needed; one search over more texts is `Invalid`, `too_many_texts`: narrow its prefix or its filter."""

# -- block --------------------------------------------------------------------------------------------------------

LEASE_TTL_S: Final = 60.0
"""A curator's lease on a block, renewed at a third of it: who dies in the middle keeps the others out for a minute. When it has
run out, what is committed under it is `Fenced`."""

FOLDED_NAMED_MAX: Final = 256
"""Refs that a compaction of a text names as superseded, the newest: each is a row of the audit. Older ones are folded all the
same."""

# -- promotion ----------------------------------------------------------------------------------------------------

PROMOTIONS_PAGE: Final = 500
"""Entries of a target's history that are read at once, to find out whether something has been promoted before. The next page
comes when these are looked through."""
