"""Every bound of the product in one place: the number, why it is that number, and what happens when it is reached.

A bound never truncates: whoever reaches one gets a typed error naming it, and what they sent changes nothing.
"""

from typing import Final

# -- values ---------------------------------------------------------------------------------------------------

VALUE_DEPTH_MAX: Final = 32
"""Nesting of one JSON value. yrs overflows the stack on deep values (200,000 levels kill the process). Beyond: `Invalid`."""

VALUE_BYTES_MAX: Final = 1_048_576
"""Canonical JSON bytes of one guarded value, log entry, set or map item: a record, not a file. Beyond: `Invalid`."""

INTEGER_MAX: Final = 2**53 - 1
"""Largest integer that JavaScript, Yjs and Python agree on. Beyond: `Invalid` (send a string)."""

# -- names ----------------------------------------------------------------------------------------------------

SEGMENT_CHARS_MAX: Final = 128
"""One namespace segment, document name or agent handle: fits a log line and any file system. Beyond: `Invalid`."""

REGION_NAME_CHARS_MAX: Final = 128
"""A region's name (the Yjs root's name). Beyond: refused."""

KEY_CHARS_MAX: Final = 512
"""A key of a guarded map, map or set tag. Beyond: `Invalid`."""

WHY_CHARS_MAX: Final = 2_000
"""The reason given with a write: a sentence or a paragraph, kept for ever in the audit. Beyond: `Invalid`."""

DERIVED_FROM_MAX: Final = 256
"""Readings that one write may name as its basis: each is kept in the audit and checked. Beyond: `Invalid`."""

WRITES_PER_COMMIT_MAX: Final = 500
"""Writes in one transaction. pycrdt is quadratic in one transaction (16,000 items: 9 s, 4 GB). Beyond: `Invalid`."""

# -- updates from peers ---------------------------------------------------------------------------------------

UPDATE_BYTES_MAX: Final = 4_194_304
"""One Yjs update. A 1 MB paste costs 4 ms to judge and apply; an offline merge of hours fits. Beyond: refused, split it."""

STRUCTS_PER_UPDATE_MAX: Final = 20_000
"""Structs in one update: bounds the time for which one peer holds the document (about 100 ms). Beyond: refused, split it."""

CLIENTS_PER_UPDATE_MAX: Final = 1_024
"""Client sections in one update: an offline merge holds a handful of one's own ids. Beyond: refused."""

SQUASHED_BYTES_MAX: Final = 128 * 1_048_576
"""Bytes that the library copies while it merges one update's neighbours (0.3 s): enough for 16,000 letters, 5,000 words,
or 60 pieces that fill an update. 20,000 pieces of 30 bytes cost yrs 15 s and 6 GB. Beyond: refused, split it."""

NESTING_DEPTH_MAX: Final = 16
"""Shared types inside shared types. Deep ones crash yrs on delete and Python on reading. Beyond: refused."""

CLOCK_MAX: Final = 2**31
"""Highest clock of one client id: beyond 2^32 yrs' documents are poisoned for good. Beyond: refused, take a new client id."""

CLIENT_ID_MAX: Final = 2**53 - 1
"""Highest client id that JavaScript can hold; larger ones are aliased silently by yrs. Beyond: refused."""

AUTHORITY_ID_MIN: Final = 2**40
AUTHORITY_ID_END: Final = 2**41
"""Client ids of authorities, past and to come: the epoch itself, which is a time in milliseconds (years 2004 to 2039)."""

# -- the document ---------------------------------------------------------------------------------------------

REGION_ITEMS_MAX: Final = 1_000_000
"""Default `max_items` of a region. Beyond: `Denied` with code `region_full`."""

REGION_BYTES_MAX: Final = 64 * 1_048_576
"""Default `max_bytes` of a region, counted on what was ever inserted and still lives. Beyond: `Denied`, `region_full`."""

REGIONS_OPEN_MAX: Final = 1_024
"""Roots in a document without a schema: anybody may create one, so somebody will. Beyond: refused."""

TEXT_RUN_UNITS_MAX: Final = 32_768
"""UTF-16 units that the authority appends as one block: yrs copies a block whenever it grows. Beyond: another block begins."""

BULK_CHUNK: Final = 200
"""Items per transaction in a bulk insert (pycrdt is quadratic in one transaction); more are chunked by the engine."""

DENIAL_PATHS_PER_SESSION_MAX: Final = 256
"""Paths on which a session's denials are counted one by one; further paths share one counter, so failing stays bounded."""

QUARANTINE_BYTES_MAX: Final = 16 * 1_048_576
"""Refused updates kept per document. Beyond: the oldest give up their bytes, keeping hash, size, reason and peer."""

TURN_S: Final = 0.1
"""How long `update()` may take from its reading to its commit before the next one in line follows: nobody waits for a thinker."""

LINE_LENGTH_MAX: Final = 1_024
"""Updates in line for one field. Beyond: they race, as everybody did before."""

OP_IDS_KEPT: Final = 10_000
"""Recent op ids the authority answers from memory; older ones are answered by the store's index."""

# -- the authority --------------------------------------------------------------------------------------------

LEASE_S: Final = 10.0
"""How long an authority may be silent before another process may take over: longer than any pause worth surviving."""

BATCH_COMMITS_MAX: Final = 1_024
"""Commits that share one durability wait: bounds memory and the delay of the first. The next ones form the next batch."""

INBOX_MAX: Final = 10_000
"""Commands waiting for one document. Beyond: callers wait (back-pressure); nothing is dropped."""

CHECKPOINT_ENTRIES: Final = 1_000
CHECKPOINT_BYTES: Final = 1_048_576
"""A checkpoint is taken after so many entries, or bytes, whichever is first (and never cheaper than the state's own size)."""

CHECKPOINT_TIME_SHARE_MAX: Final = 0.005
"""Part of a busy document's time that its checkpoints may take: one of 12 MB holds everybody for 80 ms, so that the next waits
16 s. Below a hundredth, so that it is not in the 99th percentile of anybody's waiting. The log meanwhile has everything."""

DOCUMENT_IDLE_S: Final = 60.0
"""How long a document without sessions, listeners and calls stays loaded: longer than a reload of a page, or a client's
back-off. Then it is closed with a checkpoint, and loaded again when somebody asks."""

UPDATE_ATTEMPTS: Final = 16
"""Rounds of read, derive, commit in `update(fn)`. Beyond: the last `Conflict` is raised."""

CLAIM_TTL_MAX_S: Final = 86_400.0
"""Longest claim on a key: a day. Beyond: `Invalid`; renew instead."""

# -- the wire -------------------------------------------------------------------------------------------------

FRAME_BYTES_MAX: Final = UPDATE_BYTES_MAX + 1_024
"""One websocket frame: an update and its envelope. Beyond: the connection is closed with the documented code."""

OUTBOX_BYTES_MAX: Final = 4 * 1_048_576
"""Bytes waiting for one peer: seconds of the busiest room, and five stalled peers stay below 32 MB. A single frame always
fits. Beyond: that peer loses its own connection and resyncs; the room is untouched."""

UPDATES_IN_FLIGHT_MAX: Final = 1_024
"""Updates of one connection that wait for the document, combined as they wait. Beyond: its socket is not read (back-pressure)."""

UPDATE_BYTES_IN_FLIGHT_MAX: Final = 1_048_576
"""Bytes of those updates; one alone may be larger. Beyond: the same."""

AWARENESS_BYTES_MAX: Final = 16_384
"""One awareness state: a cursor and a name. Beyond: refused."""

KEEPALIVE_S: Final = 15.0
"""Yjs clients reconnect when nothing arrives for 30 s; websocket pings do not count."""

PRESENCE_TTL_S: Final = 30.0
"""A client that has not renewed its presence for so long is gone (y-protocols' `outdatedTimeout`). Clients renew after half."""

# -- the stores -----------------------------------------------------------------------------------------------

DOCUMENTS_PER_STORE_MAX: Final = 2**23 - 1
"""Documents in one embedded store: an entry's row id is (document, offset) in 63 bits. Beyond: `StoreError`."""

ENTRIES_PER_DOCUMENT_MAX: Final = 2**40 - 1
"""Entries of one document: the other half of that row id, 34 years at a thousand a second. Beyond: `StoreError`."""

STORE_BUSY_S: Final = 5.0
"""How long a write waits for another process that is writing the same file. Beyond: `StoreError`, `store_busy`."""

AT_ONCE_BYTES_MAX: Final = 65_536
"""Bytes that are written without a thread where nothing is synced: some 0.1 ms. Beyond: by the writer thread, like all else."""

WAL_PAGES_MAX: Final = 1_000
"""Pages in the write-ahead log before the writer moves them into the file, after answering: 4 MB read at a restart."""

WAL_BYTES_KEPT_MAX: Final = 64 * 1_048_576
"""A write-ahead log that a burst made larger is cut to this when it is next used from its start."""

TRUNCATE_CHUNK: Final = 500
"""Entries that give up their bytes in one transaction, so that commits never wait for a whole truncation."""

PATH_LEVELS_INDEXED_MAX: Final = 8
"""Leading levels of a path with audit index rows of their own; a query below them filters what the eighth finds."""

# -- updates from peers: delete sets --------------------------------------------------------------------------

DELETE_RANGES_PER_UPDATE_MAX: Final = 262_144
"""Deleted ranges in one update. A rejoining peer sends its whole tombstone set (77,000 ranges after 260,000 edits), so this
is generous; it bounds memory (32 MB) and time (0.2 s). Beyond: refused."""

# -- the coherence pass ---------------------------------------------------------------------------------------
# The pass only reads and flags (I10), so here a bound stops the looking and the report says `truncated`.

CLAIM_CHARS_MAX: Final = 1_000
"""One statement. A longer "sentence" is data or an attack, and no rule can read it. Beyond: not read, `truncated`."""

CLAIMS_MAX: Final = 20_000
"""Statements of one document: a book. Beyond: the rest is not read, `truncated`."""

PAIRS_PER_CLAIM_MAX: Final = 64
"""Neighbours compared with one statement; near-duplicates beyond tell nothing new. Beyond: not compared, `truncated`."""

PAIRS_MAX: Final = 400_000
"""Pairs judged in one pass: under a minute on one core. Beyond: not judged, `truncated`."""

FINDINGS_MAX: Final = 500
"""Findings in each list of a report: nobody reads more before reconciling some. Beyond: left out, `truncated`."""

FINDING_SIDES_MAX: Final = 8
"""Further statements shown with one finding. Beyond: only counted."""

# -- the probe ------------------------------------------------------------------------------------------------

PROBE_MOVE_S: Final = 10.0
"""One move of `accordant probe` on somebody's store: longer than any healthy write. Beyond: that interleaving is not testable."""

LOG_DEAD_PER_UPDATE_MAX: Final = 1_024
"""Log entries that one update may both insert and delete: they stay as tombstones, and ten bytes announce any number of
them. An undone batch fits. Beyond: refused."""

# -- the command line -----------------------------------------------------------------------------------------

VERIFY_CHUNK: Final = 1_000
"""Entries read at once by a walk over a log: bounds memory (their updates are in it), and how often progress is shown."""

# -- the wire: connections and sessions ------------------------------------------------------------------------

MESSAGES_PER_FRAME_MAX: Final = 1_024
"""Protocol messages in one frame. Yjs clients send one, batching relays a few dozen. Beyond: malformed."""

ANSWER_BYTES_MAX: Final = 2 * REGION_BYTES_MAX
"""One answer to a call as JSON: a full region and its authors. Beyond: the call fails with `Invalid`, `too_large`."""

CALLS_IN_FLIGHT_MAX: Final = 64
"""Commands of one connection that wait for the document. Beyond: its next frame is not read yet (back-pressure)."""

AWARENESS_CLIENTS_PER_PEER_MAX: Final = 4
"""Client ids that one connection may speak for: its own, and those it changed to. Beyond: the state is not relayed."""

AWARENESS_CLIENTS_PER_ROOM_MAX: Final = 4_096
"""Client ids whose awareness a room remembers, those gone included. Beyond: the longest gone are forgotten, or, when all
are there, the state is not relayed."""

SESSION_GRACE_S: Final = 30.0
"""How long a session outlives its dropped connection, so that a client that comes back is the same reader."""

SESSIONS_LAPSED_KEPT: Final = 4_096
"""Ids of sessions whose grace ran out, remembered so that their clients may join anew. Beyond: the oldest are forgotten."""

RECONNECT_DELAY_S: Final = 0.1
RECONNECT_DELAY_MAX_S: Final = 2.5
"""Back-off of a client, doubled per attempt and jittered: what y-websocket does, so that one server meets one crowd."""

CONNECT_TIMEOUT_S: Final = 10.0
"""How long opening a connection and being welcomed may take. Beyond: `NoAuthority`, `unreachable`."""

CLOSE_TIMEOUT_S: Final = 5.0
"""How long a closing connection may take to say goodbye. Beyond: it is cut."""

CHECK_FILE_BYTES_MAX: Final = 16 * 1_048_576
"""A Markdown file given to `accordant check`: larger than any book. Beyond: `Invalid`; split it."""

DOCTOR_ENTRIES: Final = 100_000
"""Entries that `accordant doctor` looks back over unless told otherwise: days of a busy document, a few seconds of reading."""

LOOP_END_S: Final = 5.0
"""How long calls that are under way when their engine is closed may take to end. Then: their loop is stopped all the same."""

OFFLINE_WRITES_MAX: Final = 10_000
OFFLINE_BYTES_MAX: Final = 16 * 1_048_576
"""Writes, and bytes of updates, that one handle keeps while it is offline: hours of an agent's work. Beyond: `NoAuthority`,
`outbox_full`; nothing that was taken is lost."""

REFUSED_KEPT: Final = OFFLINE_WRITES_MAX
"""Refusals of offline writes that a handle shows: a whole outbox, since a restored document refuses it all. Beyond: the oldest
are forgotten there; the log has all that were judged."""

CALLS_UNANSWERED_MAX: Final = 10_000
"""Calls of one client that wait for an answer, at home: what a document's inbox holds. Beyond: `NoAuthority`, `busy`."""

VALUES_PER_UPDATE_MAX: Final = 100_000
"""JSON values in one update, members of lists and objects included: each costs about 3 us to validate, and four million fit
into four megabytes. Beyond: refused, split it."""

SUBMISSIONS_REMEMBERED: Final = 1_024
"""Answers to a session's submissions, kept for a client whose connection dropped. Beyond: the log still knows the op id."""

SCAN_STEPS_PER_UPDATE_MAX: Final = 10_000_000
"""Steps that the library may have to walk to order one update's insertions among concurrent ones, 200 ns each (2 s). 1,000
insertions of 10 bytes that pretend to know nothing of 100,000 others took it 6.8 s. A place below 500 separate insertions
never comes near it; typing on and typing inside a piece of writing count nothing. Beyond: refused."""

CONNECTIONS_MAX: Final = 10_000
"""Sockets of one server, whoever holds them: with 20 KB each idle, 200 MB. Lower where the system grants fewer files. Beyond:
HTTP 503, `server_full`, with Retry-After, and the socket is closed."""

CONNECTIONS_PER_ADDRESS_MAX: Final = 1_000
"""Sockets of one client address (of one /64 in IPv6): a large office behind one router. Loopback addresses, where a proxy
may stand, are counted only when the operator gives a number. Beyond: HTTP 429, `too_many_connections`."""

ARRIVALS_PER_S_MAX: Final = 50
ARRIVALS_BURST_S: Final = 5
"""New sockets of one address in a second, and for how many seconds' worth they may come at once: the same office after a restart,
its clients spreading over 2.5 s. Beyond: HTTP 429, `too_many_requests`, with Retry-After."""

ADDRESSES_REMEMBERED_MAX: Final = 16_384
"""Addresses whose arrivals are counted, 200 bytes each. Beyond: the one that came longest ago begins anew."""

TURNED_AWAY_S: Final = 1.0
TURNED_AWAY_MAX: Final = 256
"""How long a socket that is one too many is kept so that its client can read why, and how many are. Beyond: cut."""

FILES_RESERVED: Final = 128
"""Open files that are not connections: the store, its threads, the listening socket, those turned away come on top."""

HANDSHAKE_LINE_BYTES_MAX: Final = 8_000
HANDSHAKE_LINES_MAX: Final = 120
"""A line, and the lines, of a websocket's handshake: the library takes 8,192 and 128. Beyond: 431, `head_too_large`."""

REQUEST_HEAD_MAX_S: Final = 20.0
REQUEST_WHOLE_MAX_S: Final = 120.0
"""How long the head of a request, handshakes included, and all of it may take: 4 MB over 300 kbit/s. Beyond: 408, closed."""

ANSWER_STALLED_S: Final = 30.0
"""How long a client may take nothing of an answer that waits for it. Beyond: its connection is cut."""

FRAME_WHOLE_MAX_S: Final = 120.0
"""How long one websocket message may take to arrive: as a request. Beyond: 4408, `slow_frame`."""

FRAGMENTS_PER_MESSAGE_MAX: Final = 16_384
"""Frames of one fragmented message: each costs memory even when empty. Beyond: 4413, as a message that is too large."""

CONNECTION_TURN_S: Final = 0.005
"""How long one connection's frames, already received, are handled before others have their turn: 64 KB of the smallest frames
would take 100 ms. Beyond: it goes on in the next turn, and its socket is not read meanwhile."""

CHATTER_PER_S: Final = 500
CHATTER_BURST: Final = 1_000
"""Messages of one connection a second that change nothing (presences, questions, pings), and at once: a fast pointer makes 60.
An answer counts once more for each `CHATTER_BYTES`. Beyond: its socket is not read until it has paid (back-pressure)."""

CHATTER_BYTES: Final = 65_536
"""Bytes of an answer that count as one message more: a state of 10 MB may be asked for six times, then three times a second."""

CHATTER_BUILT_BYTES: Final = 4_096
"""The same for the answer of a call, whose JSON is built anew each time: an outline of 1 MB costs 80 ms; four at once, then two a
second."""

OPENING_CHATTER: Final = 5
"""What opening a document counts on a Hocuspocus connection: a session begins and is logged. All hundred may begin at once; who
opens and leaves without end does so a hundred times a second."""

PONGS_WAITING_BYTES_MAX: Final = 65_536
"""What may wait for a peer while its pings are still answered. Beyond: a ping is dropped; a later one is answered for it."""

PEERS_PER_DOCUMENT_MAX: Final = 1_024
"""Peers in one document's room: each gets every change (5 ms for all). Beyond: 4503, `room_full`, and it may come back."""

SEATS_WAITING_MAX: Final = 10_000
"""Sessions of one server that wait for their clients to come back. Beyond: the one that waits longest ends at once."""

DOCUMENT_NAME_BYTES_MAX: Final = 4_096
"""The name before every Hocuspocus message: four path segments in any script, and a session id. Beyond: malformed."""

TOKEN_BYTES_MAX: Final = 16_384
"""A token in an authentication message: what HTTP servers allow a header. Beyond: malformed."""

STATELESS_BYTES_MAX: Final = 65_536
"""A Hocuspocus text beside the document, which is read and dropped. Beyond: malformed."""

DOCUMENTS_PER_SOCKET_MAX: Final = 100
"""Documents of one Hocuspocus connection, those still waiting for a token included. Beyond: the connection is closed."""

UNAUTHENTICATED_BYTES_MAX: Final = 5 * 1_048_576
UNAUTHENTICATED_MESSAGES_MAX: Final = 1_000
"""What waits on one Hocuspocus connection for tokens: one full update and some typing. Beyond: the connection is closed."""

FIRST_FRAME_MAX_S: Final = 20.0
"""How long a connection may say nothing, or show no token in a Hocuspocus connection: every client speaks at once. Beyond: closed
with 4408."""

FIRST_FRAME_WAIT_S: Final = 0.25
"""How long a new connection is waited for before it is spoken to: by its first frame it says its dialect. Beyond: step 1 is
sent all the same, which Hocuspocus clients ignore."""

CAPABILITIES_MAX: Final = 64
CAPABILITY_CHARS_MAX: Final = 64
"""Names in a hello or welcome of what a side can do. Beyond: `Invalid`."""

DENIALS_PER_SOCKET_MAX: Final = 10
"""Tokens that one Hocuspocus connection may show in vain: a provider shows one per document. Beyond: it is closed."""

REFUSALS_FREE: Final = 3
"""Refusals of one replica (agent, document, client id) that close at once: it may have been reset in between. Beyond: the
connection is closed later and later, because y-websocket 2 and Hocuspocus' provider come back after any close code."""

REFUSALS_FREE_PER_AGENT: Final = 200
"""The same for an agent on a document, whatever its client ids: more than a class of beginners makes in two minutes."""

REFUSAL_DELAY_S: Final = 1.0
REFUSAL_DELAY_MAX_S: Final = 25.0
"""How long a refused peer is held before it is closed, doubled each time: below the 30 s of silence after which Yjs clients
come back by themselves, so that it is told the code."""

REFUSALS_FORGOTTEN_S: Final = 120.0
"""Quiet time after which earlier refusals count no more: several times the longest delay."""

REFUSALS_REMEMBERED_MAX: Final = 4_096
"""Replicas and agents whose refusals are counted, 200 bytes each. Beyond: those quiet for longest are forgotten."""

JSON_VALUES_MAX: Final = 2 * VALUES_PER_UPDATE_MAX
"""JSON values in one message of our own towards the server: a full update as writes, and what is around it. Four bytes can
become a hundred in memory, so this bounds one call at about 20 MB. Beyond: malformed."""

# -- HTTP -----------------------------------------------------------------------------------------------------

HTTP_BODY_BYTES_MAX: Final = UPDATE_BYTES_MAX
"""One request's body: what an update may have. Beyond: 413, and the rest is not read."""

HTTP_SESSION_IDLE_S: Final = 3_600.0
"""How long a caller's session outlives its last request: an agent may think that long between GET and PUT. Beyond: 409, read
again."""

HTTP_SESSIONS_MAX: Final = 10_000
"""HTTP sessions of one server, each a few hundred bytes. Beyond: the longest unused ends; its ETags are answered 409."""

REPLAYS_AT_ONCE_MAX: Final = 2
"""Old versions that are rebuilt at once, each in a thread of its own. Beyond: they wait."""

REPLAY_S_MAX: Final = 30.0
"""How long rebuilding an old version may take, waiting included: a million entries. Beyond: 503."""

EVENT_STREAMS_MAX: Final = 1_000
"""Event streams of one server, each with a queue of its own. Beyond: 503 with Retry-After."""

EVENT_SEND_S: Final = 30.0
"""How long one piece of an event stream may wait for its reader. Beyond: the stream is cut."""

HTTP_DOCUMENTS_DEFAULT: Final = 1_000
HTTP_DOCUMENTS_LIMIT_MAX: Final = 10_000
"""Documents in one page of the list, unasked and at most: a megabyte. Beyond: 422; page with `after=`."""

HTTP_LOG_LIMIT_MAX: Final = 1_000
"""Entries in one answer of a document's log. Beyond: 422; page with `before=`."""

EVENTS_WAITING_MAX: Final = 1_000
"""Events that wait for one consumer of server-sent events. Beyond: it is told `lagged` with the offset to resume from."""

EVENTS_HEARTBEAT_S: Final = 15.0
"""A comment is sent after so much silence, so that proxies keep the stream and a consumer that went is noticed."""

METRIC_REGIONS_MAX: Final = 200
"""Region names that the metrics tell apart. Beyond: they are counted as `other`, since every label costs the scraper memory."""

# -- tokens -----------------------------------------------------------------------------------------------------

TOKEN_CHARS_MAX: Final = 4_096
"""A token, which travels in headers and queries: dozens of scopes fit. Beyond: not made, and not looked at."""

TOKEN_DAYS_MAX: Final = 366
"""The longest life of a token: one that nobody renews for a year is forgotten somewhere. Beyond: not made."""

TOKEN_FILE_BYTES_MAX: Final = 16 * 1_048_576
"""A token file: some 40,000 tokens. Beyond: refused, begin a new one."""

TOKEN_CHECK_S: Final = 0.5
"""How often the tokens of living connections are checked again: expiry and revocation end them within this time."""

EARLY_UPDATES_MAX: Final = 1_000
EARLY_WAIT_S: Final = 10.0
"""Updates of a peer that stand on what it has not said yet, kept until it answers Step 1, and for how long. Beyond: judged as
they are, which refuses them."""
