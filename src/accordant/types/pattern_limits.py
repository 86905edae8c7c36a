"""Bounds of the patterns, by pattern. Each says why, and what happens when it is reached."""

from __future__ import annotations

from typing import Final

__all__ = [
    "ASKED_AT_ONCE",
    "BACKOFF_MAX_S",
    "BACKOFF_S",
    "CLAIM_RENEWALS",
    "COLLAPSE_RETRY_S",
    "COLLAPSE_ROUNDS_MAX",
    "CONCURRENCY",
    "CORPUS_AGREED_CACHE",
    "CORPUS_ATTEMPTS",
    "CORPUS_CANDIDATES_MAX",
    "CORPUS_COLLAPSE_MAX",
    "CORPUS_COUNT_MAX",
    "CORPUS_EMBED_BATCH",
    "CORPUS_HTTP_LIMIT",
    "CORPUS_LINKS_MAX",
    "CORPUS_LINK_MIN",
    "CORPUS_PRODUCT_ROWS",
    "CORPUS_QUERY_CHARS_MAX",
    "CORPUS_READ_AT_ONCE",
    "CORPUS_SEARCH_MAX",
    "CORPUS_SHARED_MIN",
    "CORPUS_TAGS_MAX",
    "CORPUS_TAG_CHARS_MAX",
    "CORPUS_TEXT_CHARS_MAX",
    "CORPUS_TEXT_CHARS_MIN",
    "CORPUS_VECTORS_MAX",
    "CORPUS_WARM_MAX",
    "CRON_SLEEP_MAX_S",
    "CRON_YEARS_MAX",
    "DECIDED_PER_CALL_MAX",
    "END_GRACE_S",
    "ERROR_CHARS_MAX",
    "EVENTS_PER_WAKE_MAX",
    "FAILURES_MAX",
    "FIRINGS_KEPT",
    "FIRINGS_MAX",
    "FOLDED_NAMED_MAX",
    "HANDOFF_BYTES_MAX",
    "LEASE_TTL_S",
    "LIKENESSES_KEPT",
    "PASSED_OVER_MAX",
    "PENDING_LINE_CHARS",
    "PENDING_MAX",
    "PROMOTIONS_PAGE",
    "QUEUE_MAX",
    "READS_BETWEEN_MAX",
    "READS_KEPT_MAX",
    "ROUTED_DOCUMENTS_MAX",
    "RUNAWAY_ROUNDS",
    "SCHEDULER_RETRY_S",
    "SOURCES_MAX",
    "STATES_KEPT",
    "TURN_POLL_S",
    "TURN_TTL_S",
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

# -- board ----------------------------------------------------------------------------------------------------

SOURCES_MAX: Final = 1_000
"""Knowledge sources of one scheduler: a decision looks at all of them, in about 1 µs each. Beyond: `Invalid`, use another
scheduler."""

PASSED_OVER_MAX: Final = 100
"""Firings of others that a source which is woken waits for: one of higher priority that wakes itself would keep it waiting for
ever. Reached: it is judged before all others, once."""

CONCURRENCY: Final = 8
"""Sources that run at once, unless told otherwise: enough that a slow one holds up nobody, few enough that most of what they
derive from still stands when they write. Beyond: the others wait, and are judged again when one has ended."""

FIRINGS_MAX: Final = 1_000
"""Firings of one run, unless its `Budget` says otherwise: a board of ten sources that each fire a hundred times. Reached: the run
ends with `End.FIRINGS`."""

FIRINGS_KEPT: Final = 10_000
"""Firings that a `Run` lists. Beyond: the oldest go from it (`Run.count` is exact, and the document's log has them)."""

EVENTS_PER_WAKE_MAX: Final = 100
"""Events handed to a source with its wake-up: what woke it, not a history. Beyond: the oldest are left out; the snapshot has it
all."""

FAILURES_MAX: Final = 5
"""Failures in a row after which a source is suspended, unless told otherwise: with the back-off below, 7.5 seconds of trying."""

BACKOFF_S: Final = 0.5
BACKOFF_MAX_S: Final = 60.0
"""How long a source rests after a failure, twice as long after each further one, at most a minute: a service that is down is
asked rarely, and one that hiccups soon."""

ERROR_CHARS_MAX: Final = 500
"""Characters of an error that a firing's record keeps. Beyond: cut off; the `Run` has the exception itself."""

SCHEDULER_RETRY_S: Final = 0.5
"""How long a scheduler that cannot reach the authority waits before it asks again; its budget of seconds goes on running."""

END_GRACE_S: Final = 1.0
"""How long sources that run when the goal is reached may go on: the one that reached it has its last steps to do. Then:
cancelled."""

TURN_TTL_S: Final = 30.0
"""How long a source is held by the scheduler that runs it, renewed meanwhile: so long a group waits for a member that hangs."""

TURN_POLL_S: Final = 0.5
"""How often a member of a group looks whether a source that another one runs is free: a claim that runs out is no event."""

RUNAWAY_ROUNDS: Final = 24
"""Rounds within which a cycle is stopped, unless told otherwise. Half of them without anything new is a runaway, so that whoever
brings something new every ten rounds is safe, and cycles of up to twelve states end after 25 rounds at the latest."""

STATES_KEPT: Final = 4_096
"""States of a board that are remembered, by their digests (200 KB). Beyond: the oldest are forgotten, and seem new when they
return."""

LIKENESSES_KEPT: Final = 10_000
"""Sentences that differ in their numbers alone, remembered per region. Beyond: forgotten, and the next of each counts as new."""

CLAIM_RENEWALS: Final = 3
"""How often a claim is renewed within its time to live: two renewals may fail before it is lost."""

# -- corpus -------------------------------------------------------------------------------------------------------

CORPUS_TEXT_CHARS_MIN: Final = 20
"""Characters that a piece of knowledge has at least: "Use retries." is advice without a subject. Shorter is rejected."""

CORPUS_TEXT_CHARS_MAX: Final = 4_000
"""Characters of one entry: a paragraph or two. Longer is a document of its own, and rejected."""

CORPUS_TAGS_MAX: Final = 16
CORPUS_TAG_CHARS_MAX: Final = 64
"""Tags of one entry, and their length; more is `Invalid`."""

CORPUS_COUNT_MAX: Final = 1_000_000
"""What one tally may add. More is `Invalid`: a slip, or somebody who wants to be on top of every list."""

CORPUS_ATTEMPTS: Final = 64
"""How often a contribution compares again when others came first. Each time somebody else got in, and later tries stand in
line, so that it takes a crowd that never rests; then the last `Conflict` is raised, and nothing was written."""

CORPUS_CANDIDATES_MAX: Final = 24
"""Entries above the threshold that a contribution is compared with word by word, the most alike first. Near-duplicates beyond it
stay for `collapse`."""

CORPUS_LINKS_MAX: Final = 8
"""Near entries that an entry links to, the most alike first. Others are found by searching."""

CORPUS_LINK_MIN: Final = 0.8
"""From which likeness on a blocked pair is worth a link below the threshold: above, changed facts stand with their originals."""

CORPUS_SHARED_MIN: Final = 0.6
"""The same without vectors: the weight of the shared words, numbers not among them."""

CORPUS_READ_AT_ONCE: Final = 200
"""Entries that a handle takes in within one turn of the loop: some 20 ms. The rest in the turns after it."""

CORPUS_EMBED_BATCH: Final = 64
"""Texts that are embedded in one go: small enough that the thread is handed back ten times a second."""

CORPUS_WARM_MAX: Final = 256
"""Entries without a vector that one call embeds, the lexically nearest first: about two seconds of one core. The rest waits for
the next calls; until then what shares no word with them does not find them."""

CORPUS_VECTORS_MAX: Final = 400_000
"""Vectors that a process keeps for one embedder: 600 MiB at 384 dimensions. Beyond it all are forgotten, and embedded again as
they are asked for."""

CORPUS_PRODUCT_ROWS: Final = 1_024
"""Vectors that are multiplied in one go: few enough for BLAS to take one thread. The rest in the next ones."""

CORPUS_AGREED_CACHE: Final = 8_192
"""Texts whose reading is kept, some 3 kB each. What was read least recently is read again."""

CORPUS_SEARCH_MAX: Final = 200
"""Hits of one search. A higher `limit=` is `Invalid`."""

CORPUS_HTTP_LIMIT: Final = 10
"""Hits of a query over HTTP that names no `limit=`: what a hook puts into a prompt. `limit=` asks for more."""

CORPUS_QUERY_CHARS_MAX: Final = 4_000
"""Characters of a query over HTTP: as long as an entry may be. A longer one is `Invalid`."""

CORPUS_COLLAPSE_MAX: Final = 1_000
"""Entries that one collapse redirects: a minute of one core. What is left is found by the next one; the outcome says so."""

COLLAPSE_RETRY_S: Final = 60.0
"""Between two tries of a scheduled collapse while the server or the store is away."""

COLLAPSE_ROUNDS_MAX: Final = 100
"""Collapses of one command, each of `CORPUS_COLLAPSE_MAX` entries. Beyond: it says that there is more."""

# -- cron ---------------------------------------------------------------------------------------------------------

CRON_SLEEP_MAX_S: Final = 3_600.0
"""How long one wait for a moment is at most: a clock that is set, or a machine that slept, is noticed within the hour."""

CRON_YEARS_MAX: Final = 8
"""How far ahead a moment is looked for: between 29 February of 2096 and that of 2104. Beyond: it never comes, `Invalid`."""
