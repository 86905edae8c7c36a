"""Bounds of a document's memory: events, snapshots, retractions, history. Each says why, and what happens when it is reached."""

from __future__ import annotations

from typing import Final

__all__ = [
    "APPENDED_READ_MAX",
    "BATCHES_PER_SESSION_MAX",
    "BATCH_ENTRIES_MAX",
    "BATCH_NAME_CHARS_MAX",
    "CACHE_BYTES_MAX",
    "DERIVED_KEPT",
    "DIFF_LINES_MAX",
    "DIFF_PIECES_MAX",
    "EVENTS_PER_ANSWER_MAX",
    "EVENTS_POLL_S",
    "EVENT_PATHS_MAX",
    "EVENT_REFS_MAX",
    "EVENT_REGIONS_MAX",
    "EVENT_WINDOW_MAX_S",
    "EVIDENCE_ATTEMPTS",
    "EVIDENCE_ENTRIES_MAX",
    "EVIDENCE_PAGE",
    "FEEDS_MAX",
    "GROUPS_MAX",
    "GROUP_MEMBERS_MAX",
    "GROUP_NAME_CHARS_MAX",
    "LADDER_BYTES_MAX",
    "LADDER_RUNGS_MAX",
    "MARKS_MAX",
    "PICK_SLICE",
    "PINS_PER_DOCUMENT_MAX",
    "READERS_MAX",
    "READ_PATHS_PER_AGENT_MAX",
    "READ_VERSIONS_KEPT",
    "RECALLS_AT_ONCE_MAX",
    "RECALL_S_MAX",
    "REFS_PER_ENTRY_NAMED_MAX",
    "RENDER_CHARS_MIN",
    "RETENTION_DOCUMENTS_PAGE",
    "RETENTION_ENTRIES_MIN",
    "RETENTION_EVERY_S",
    "RETENTION_REST",
    "SEARCH_SLICE",
    "SESSIONS_LOOKED_AT_MAX",
    "SIGHTINGS_PER_DOCUMENT_MAX",
    "SIGHTINGS_SOON_S",
    "SIGHTINGS_WAITING_MAX",
    "STALE_NAMED_MAX",
    "SUBSCRIPTIONS_PER_SESSION_MAX",
    "SUSPECTS_MAX",
    "TOUCHED_MAX",
    "TRACE_APPEARANCES_MAX",
    "TRACE_CHARS_MAX",
    "TRACE_FOLLOWED_MAX",
    "TRACE_TEXT_ENTRIES_MAX",
    "TRUNCATE_CHUNK_BUSY",
    "TRUNCATE_REST",
    "WHY_DEPTH_MAX",
    "WHY_DERIVED_MAX",
    "WHY_SOURCES_MAX",
]

EVENT_PATHS_MAX: Final = 64
"""Paths that one event names. An event of more names the first ones; `count` still says of how many entries it is."""

EVENT_REFS_MAX: Final = 256
"""Refs that one event names. Whoever needs the rest reads the log between `first` and `version`."""

REFS_PER_ENTRY_NAMED_MAX: Final = 16
"""Items of one entry that are named one by one where what was made from them is followed; beyond it one ref stands for all."""

MARKS_MAX: Final = 100_000
"""Marks (retracted, superseded, suspect) that a document's state keeps; the oldest go, and are in the log still."""

SUSPECTS_MAX: Final = 1_000
"""What one retraction makes suspect. Beyond it the retraction says `truncated`; `doc.why(ref)` follows the rest."""

READERS_MAX: Final = 4_096
"""Agents whose readings one document remembers; the one who read least recently goes first."""

READ_PATHS_PER_AGENT_MAX: Final = 1_024
"""Paths that are remembered apart per agent; whoever reads more counts as having read the whole document."""

READ_VERSIONS_KEPT: Final = 64
"""Versions that are remembered apart per agent and path; what lies before them counts as read."""

DERIVED_KEPT: Final = 4_096
"""Recent entries with a basis that the machine knows without the log: they may land while a retraction's evidence is gathered."""

EVIDENCE_PAGE: Final = 500
"""Entries that are asked for at once while what was made from a ref is followed."""

EVIDENCE_ENTRIES_MAX: Final = 20_000
"""Entries that are looked at for one retraction; beyond it the evidence says `truncated`."""

EVIDENCE_ATTEMPTS: Final = 3
"""Times that evidence is gathered anew because too much landed meanwhile."""

STALE_NAMED_MAX: Final = 16
"""Stale readings that one `StaleRead` names; it says how many more there are."""

TOUCHED_MAX: Final = 4_096
"""Fields whose former value is kept while writes are in flight, before those that have landed are forgotten."""

RENDER_CHARS_MIN: Final = 200
"""The smallest budget that a rendered snapshot can keep: its first line, and something to say."""

CACHE_BYTES_MAX: Final = 16 * 2**20
"""JSON of readings that one websocket handle keeps to be confirmed by version; the one read least recently goes first."""

# -- what is kept ------------------------------------------------------------------------------------------------

LADDER_RUNGS_MAX: Final = 48
"""Checkpoints of one document: 48 over any length of log leave gaps of about a tenth of their distance from the head.
Beyond: the one whose loss matters least goes."""

LADDER_BYTES_MAX: Final = 32 * 1_048_576
"""Bytes of a document's checkpoints, the newest, the first and pinned ones aside, which stay whatever their size. Beyond: as
above, and an old version takes longer to rebuild."""

PINS_PER_DOCUMENT_MAX: Final = 64
"""Pinned versions of one document: each holds the whole state, for as long as somebody wants. Beyond: `too_many_pins`."""

SIGHTINGS_PER_DOCUMENT_MAX: Final = 50_000
"""Who saw which version, remembered per document: about 5 MB. Beyond: those noted first go, and a retraction no longer names
them."""

TRUNCATE_CHUNK_BUSY: Final = 50
"""Entries that give up their bytes in one transaction while others write, and in the first one: a few milliseconds, because
whoever commits meanwhile waits for them. With nobody else there it is `TRUNCATE_CHUNK`."""

TRUNCATE_REST: Final = 4.0
"""While others write, a truncation rests so many times as long as each of its transactions took: a fifth of the writer's time
is its own. With nobody else there it does not rest."""

PICK_SLICE: Final = 1_000
"""Entries that are picked in one turn of a store's reader; more take several turns, so that other readers come in between."""

SEARCH_SLICE: Final = 100_000
"""Entries that are searched for a text in one turn of a store's reader: about 50 ms. Others come in between."""

SIGHTINGS_SOON_S: Final = 0.2
"""How long a snapshot's sighting waits for company on its way to the store."""

SIGHTINGS_WAITING_MAX: Final = 20_000
"""Sightings that wait for the store; beyond it the oldest are let go, which is logged."""

# -- questions about the past ------------------------------------------------------------------------------------

TRACE_CHARS_MAX: Final = 4_096
"""Characters of a text that is traced, and of a ref or path that is asked about. Beyond: `Invalid`."""

TRACE_APPEARANCES_MAX: Final = 1_000
"""Entries that a trace looks at, and appearances that it names: the newest. Beyond: `is_complete` is False."""

TRACE_TEXT_ENTRIES_MAX: Final = 20_000
"""Entries of text regions that a trace reads to find what was typed in pieces, all regions together: about two seconds. A region
beyond the rest of that is looked through by whole insertions alone, and `is_complete` is False."""

TRACE_FOLLOWED_MAX: Final = 4_000
"""Later entries of a region too long for the above that are read to see when an insertion was broken: about 0.3 s. Beyond: the
appearance says up to which version it was followed."""

WHY_DEPTH_MAX: Final = 8
"""How far `why` follows what something was made from. Beyond: the source says that its tree was cut."""

WHY_SOURCES_MAX: Final = 64
"""Sources that `why` names in all; what is beyond is cut, and `is_complete` is False."""

WHY_DERIVED_MAX: Final = 200
"""Things made from what is explained that `why` names, and entries and sightings that it looks at, times ten."""

DIFF_PIECES_MAX: Final = 2_000
"""Pieces of one region that a `diff` names. Beyond: the change says so."""

DIFF_LINES_MAX: Final = 4_000
"""Lines of a text up to which a diff compares line by line; a longer one is one piece from its first to its last difference."""
EVENTS_PER_ANSWER_MAX: Final = 200
"""Events that a subscriber gets at once. The rest waits in its queue, so that what it has not taken yet is bounded there."""

FEEDS_MAX: Final = 10_000
"""Subscribers of one document. Beyond: `NoAuthority`, `too_many_subscribers`; each has a queue of its own."""

GROUPS_MAX: Final = 64
"""Consumer groups of one document. Beyond: the oldest without members is forgotten; if all have some, `NoAuthority`,
`too_many_groups`."""

GROUP_MEMBERS_MAX: Final = 256
"""Members of one group. Beyond: `NoAuthority`, `too_many_members`."""

GROUP_NAME_CHARS_MAX: Final = 128
"""Characters of a group's name. Beyond: `Invalid`, `bad_group`."""

EVENT_REGIONS_MAX: Final = 256
"""Regions and paths that one subscription names. Beyond: `Invalid`, `bad_regions`: name none, and hear of all."""

EVENT_WINDOW_MAX_S: Final = 86_400.0
"""The longest window of a subscription. Beyond: `Invalid`, `bad_window`."""

SUBSCRIPTIONS_PER_SESSION_MAX: Final = 16
"""Subscriptions of one websocket session: each has a call waiting, and a connection has 64 (`CALLS_IN_FLIGHT_MAX`).
Beyond: `NoAuthority`, `too_many_subscriptions`."""

EVENTS_POLL_S: Final = 20.0
"""How long a websocket client's question for events waits for one: less than what proxies allow silence."""

BATCH_ENTRIES_MAX: Final = 1_000
"""Entries of one open batch. Then it ends, its subscribers hear of it, and what follows begins a new one."""

BATCHES_PER_SESSION_MAX: Final = 16
"""Batches that one session has open at once. Beyond: its oldest ends, and its subscribers hear of it."""

BATCH_NAME_CHARS_MAX: Final = 64
"""Characters of a batch's id, which its handle makes. Beyond: `Invalid`, `bad_batch`."""


RETENTION_EVERY_S: Final = 60.0
"""Between two walks of an engine's retention over its documents. Old bytes may stay that much longer."""

RETENTION_DOCUMENTS_PAGE: Final = 100
"""Documents that such a walk asks for at once; it goes on until it has seen all."""

RETENTION_ENTRIES_MIN: Final = 1_000
"""Entries that are worth a truncation. Fewer wait for more: a small document stays whole."""

RETENTION_REST: Final = 4.0
"""How much longer than a document took the walk rests before the next one."""

SESSIONS_LOOKED_AT_MAX: Final = 1_000
"""Joins, leaves and declarations that a question about access looks at, the newest; what is older is not shown."""

RECALLS_AT_ONCE_MAX: Final = 4
"""Questions about the past that one engine answers at once; the next ones wait for their turn."""

RECALL_S_MAX: Final = 60.0
"""How long one may take, its waiting included; then `NoAuthority`, `timeout`."""

APPENDED_READ_MAX: Final = 64
"""Items appended to a log since it was last cut that are added to that cut; of more, all of it is read anew."""
