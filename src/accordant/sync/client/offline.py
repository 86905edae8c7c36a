"""Writing while offline: intentions wait in an outbox, and are replayed without those that the authority refused.

The journal remembers, since the outbox was last empty, what happened to the replica: what came from the server, and each own
intention. When one is refused, everything written under the replica's client id is void: a new replica is built from the
journal's base under a new id, and all that was not refused is performed on it again, in the old order.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace

from accordant.sync.client.replica import LocalReplica
from accordant.types.commands import RefusedWrite, Submission, Write
from accordant.types.errors import AccordantError, EpochChanged, Invalid, NoAuthority
from accordant.types.limits import OFFLINE_BYTES_MAX, OFFLINE_WRITES_MAX, REFUSED_KEPT
from accordant.types.regions import Kind

__all__ = ["Intention", "Offline"]


@dataclass(slots=True, eq=False)
class Intention:
    """One submission made offline. `update`: what it is under the replica's present client id; None: it changes nothing."""

    submission: Submission
    update: bytes | None
    state: str = "pending"


class Offline:
    """One handle's replica and outbox."""

    def __init__(self) -> None:
        self.refused: deque[RefusedWrite] = deque(maxlen=REFUSED_KEPT)
        self.has_synced = False
        self.is_filled = False
        self._replica = LocalReplica()
        self._held: list[bytes] = []
        self._outbox: deque[Intention] = deque()
        self._outbox_bytes = 0
        self._base: bytes | None = None
        self._journal: list[bytes | Intention] = []

    @property
    def replica(self) -> LocalReplica:
        """The replica as it is: what the server has, and the own intentions that wait."""
        return self._replica

    @property
    def pending(self) -> int:
        """How many intentions wait."""
        return len(self._outbox)

    @property
    def first(self) -> Intention | None:
        """The intention that is to be sent next."""
        return self._outbox[0] if self._outbox else None

    # -- from the server ----------------------------------------------------------------------------------------

    def rejoined(self, is_same_document: bool) -> None:
        """Welcomed: from now on changes wait for the whole answer to Step 1. The past of another incarnation, or of a log
        that went back, is not merged into this one: what waited is refused, and kept for its owner to see."""
        self.has_synced = False
        self._held.clear()
        if is_same_document:
            return
        for intention in self._outbox:
            error = EpochChanged(
                "the document was created anew or restored since this was written", code="epoch_changed"
            )
            self._note(intention, error)
        self._clear()
        self._replica, self.is_filled = LocalReplica(), False

    def synced(self, update: bytes) -> None:
        """Step 2: everything that the replica lacked. What came before it is applied after it, in order."""
        self._apply(update)
        held, self._held = self._held, []
        for one in held:
            self._apply(one)
        self.has_synced = self.is_filled = True

    def changed(self, update: bytes) -> None:
        """A change: in the order of the log, never before what it stands on."""
        if self.has_synced:
            self._apply(update)
        else:
            self._held.append(update)

    def _apply(self, update: bytes) -> None:
        self._replica.apply(update)
        if self._outbox:
            self._journal.append(update)

    # -- own writes ---------------------------------------------------------------------------------------------

    def write(self, submission: Submission) -> None:
        """Perform it here and keep it. Raises `NoAuthority`, code `outbox_full`, and `Invalid`; then nothing has changed."""
        if len(self._outbox) >= OFFLINE_WRITES_MAX or self._outbox_bytes >= OFFLINE_BYTES_MAX:
            raise NoAuthority(
                f"{len(self._outbox)} writes wait for the server; nothing more is taken offline",
                code="outbox_full",
                hint="try again when the server is back",
            )
        if not self._outbox:
            self._base, self._journal = self._replica.encode(), []
        intention = Intention(submission, self._replica.perform(submission.writes))
        self._outbox.append(intention)
        self._outbox_bytes += len(intention.update or b"")
        self._journal.append(intention)

    def landed(self, intention: Intention) -> None:
        """The authority has it, durably."""
        self._done(intention, "landed")

    def turned_down(self, intention: Intention, error: AccordantError) -> None:
        """The authority refused it: it is told, and everything else is written anew under a new client id."""
        if intention not in self._outbox:
            return  # given up meanwhile, and told
        self._note(intention, error)
        self._done(intention, "refused")
        self.begin_anew()

    def begin_anew(self) -> None:
        """A new client id, the same intentions: whatever the authority has landed comes as it landed."""
        replica, skipped = LocalReplica(self._base), _Skipped()
        for one in self._journal:
            if isinstance(one, bytes):
                replica.apply(one)
            elif one.state == "landed":
                if one.update is not None:
                    replica.apply(one.update)
            elif one.state == "refused":
                skipped.note(one.submission.writes, replica)
            else:
                self._perform_again(one, replica, skipped)
        self._outbox = deque(one for one in self._outbox if one.state == "pending")
        self._outbox_bytes = sum(len(one.update or b"") for one in self._outbox)
        self._replica = replica
        if not self._outbox:
            self._clear()

    def _perform_again(self, one: Intention, replica: LocalReplica, skipped: _Skipped) -> None:
        writes = tuple(skipped.moved(write, replica) for write in one.submission.writes)
        try:
            one.update = replica.perform(writes)
        except Invalid as error:
            one.state = "refused"
            self._note(one, error)

    def refill(self) -> None:
        """The replica broke: an empty one, to be filled by the server, with what waits performed again on what it had."""
        self.has_synced = False
        self._held.clear()
        if self._outbox:
            self._journal = [one for one in self._journal if isinstance(one, Intention)]
            self.begin_anew()
        else:
            self._replica, self.is_filled = LocalReplica(), False

    def give_up(self, error: AccordantError) -> None:
        """The session has ended for good: what waits will not land, and its owner is told."""
        for intention in self._outbox:
            self._note(intention, error)
        self._clear()

    def _done(self, intention: Intention, state: str) -> None:
        if intention not in self._outbox:
            return  # given up meanwhile, and told
        intention.state = state
        self._outbox.remove(intention)
        self._outbox_bytes -= len(intention.update or b"")
        if not self._outbox and state == "landed":
            self._clear()

    def _clear(self) -> None:
        self._outbox.clear()
        self._outbox_bytes, self._base, self._journal = 0, None, []

    def _note(self, intention: Intention, error: AccordantError) -> None:
        self.refused.append(RefusedWrite(intention.submission, error))


class _Skipped:
    """Indexes of later intentions on a text, moved by what a refused one did not insert or delete."""

    def __init__(self) -> None:
        self._shifts: dict[str, list[tuple[int, int]]] = {}

    def note(self, writes: Sequence[Write], replica: LocalReplica) -> None:
        """These were not performed."""
        for write in writes:
            if write.kind is not Kind.TEXT:
                continue
            shifts = self._shifts.setdefault(write.region, [])
            if write.op == "delete":
                shifts.append((write.args["index"], write.args["count"]))
            else:
                length = len(replica.value(write.region, Kind.TEXT))
                shifts.append((write.args.get("index", length), -len(write.args["text"])))

    def moved(self, write: Write, replica: LocalReplica) -> Write:
        """The write at the place where it belongs now."""
        shifts = self._shifts.get(write.region)
        if write.kind is not Kind.TEXT or not shifts or "index" not in write.args:
            return write
        start, end = write.args["index"], write.args["index"] + write.args.get("count", 0)
        length = len(replica.value(write.region, Kind.TEXT))
        start, end = (min(max(_shifted(at, shifts), 0), length) for at in (start, end))
        args = {**write.args, "index": start}
        return replace(write, args=args | ({"count": end - start} if "count" in args else {}))


def _shifted(at: int, shifts: Sequence[tuple[int, int]]) -> int:
    for place, by in shifts:
        if at > place:
            at = max(place, at + by)
        elif at == place and by > 0:
            at += by
    return at
