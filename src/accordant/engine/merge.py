"""Mergeable writes of in-process and guarded-wire callers: from an intention to edits that cannot fail.

Everything that can be refused is refused in `prepare`, against the document as it is plus what the same submission has
prepared before; only then `perform` touches the replica. So a submission lands whole or not at all.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from accordant.engine.appending import Appender
from accordant.engine.blame import blame
from accordant.engine.crdt import Emission, Replica
from accordant.engine.guard import Reader, check_token
from accordant.engine.members import StagedMembers
from accordant.engine.state import DocumentState
from accordant.engine.structs import Struct
from accordant.types.commands import Write
from accordant.types.entries import OpRecord
from accordant.types.errors import Conflict, Denied, Invalid
from accordant.types.limits import REGION_BYTES_MAX
from accordant.types.pattern_limits import FOLDED_NAMED_MAX
from accordant.types.readings import Token
from accordant.types.regions import Kind, RegionSpec
from accordant.types.values import canonical_json, is_text

__all__ = ["Merge"]

EXCERPT_CHARS = 200
ITEMS_PER_WRITE_MAX = 100_000

Action = Callable[[Replica, Emission], None]


class Merge:
    """The mergeable writes of one submission, prepared in order against `state`; `offset` is the version they will have."""

    def __init__(self, state: DocumentState, reader: Reader, offset: int) -> None:
        self._state = state
        self._reader = reader
        self._offset = offset
        self._texts: dict[str, str] = {}
        self._tails: dict[str, list[str]] = {}
        self._added: dict[str, int] = {}
        self._sets: dict[str, StagedMembers] = {}
        self._counts: dict[str, list[int]] = {}
        self._maps: dict[tuple[str, str], bool] = {}
        client = state.replica.client_id
        self._appender = Appender(state.tails, client, state.ledger.next_clock(client))
        self.actions: list[Action] = []

    @property
    def structs(self) -> list[Struct]:
        """Appends, to be integrated before the actions: they stand at the end, so no action's index depends on them."""
        return self._appender.structs

    def prepare(self, write: Write, spec: RegionSpec) -> tuple[OpRecord, tuple[str, ...]]:
        """Check one write and keep the edits it means. Returns its audit record and the refs it will have made."""
        prepare = getattr(self, f"_{spec.kind.value}_{write.op}", None)
        if prepare is None:
            raise Invalid(f"a {spec.kind.value} has no {write.op} from here", code="unknown_operation", path=write.path)
        detail, refs, read = prepare(write, spec)
        return OpRecord(write.region, write.op, write.key, read, detail), refs

    # -- text -------------------------------------------------------------------------------------------------

    def _text(self, name: str) -> str:
        """The text as it will be after what this submission has prepared so far."""
        tail = self._tails.pop(name, None)
        if tail is not None:
            self._texts[name] = self._texts.get(name, self._state.replica.text(name)) + "".join(tail)
        return self._texts[name] if name in self._texts else self._state.replica.text(name)

    def _edit(
        self, write: Write, spec: RegionSpec, at: int, delete: int, insert: str
    ) -> tuple[Any, tuple[str, ...], None]:
        name, now = write.region, self._text(write.region)
        self._room(spec, 0, len(insert.encode()) - len(now[at : at + delete].encode()))
        self._texts[name] = now[:at] + insert + now[at + delete :]
        self.actions.append(lambda replica, _: replica.edit_text(name, at, delete, insert))
        return {"at": at, "deleted": delete, "inserted": insert[:EXCERPT_CHARS], "chars": len(insert)}, (), None

    def _text_insert(self, write: Write, spec: RegionSpec) -> Any:
        text, now = _text_of(write, "text"), self._text(write.region)
        if "after" in write.args or "before" in write.args:
            side = "after" if "after" in write.args else "before"
            anchor = _text_of(write, side)
            index = self._single(write, anchor, now) + (len(anchor) if side == "after" else 0)
        else:
            index = _integer(write, "index", 0, len(now))
        return self._edit(write, spec, index, 0, text)

    def _text_append(self, write: Write, spec: RegionSpec) -> Any:
        name, text = write.region, _text_of(write, "text")
        self._room(spec, 0, len(text.encode()))
        self._tails.setdefault(name, []).append(text)  # joined when it is asked for: appending alone reads no text
        if not self._appender.append_text(name, text):
            self.actions.append(lambda replica, _: replica.append_text(name, text))
        return {"inserted": text[:EXCERPT_CHARS], "chars": len(text)}, (), None

    def _text_delete(self, write: Write, spec: RegionSpec) -> Any:
        length = len(self._text(write.region))
        index = _integer(write, "index", 0, length)
        return self._edit(write, spec, index, _integer(write, "count", 0, length - index), "")

    def _text_replace(self, write: Write, spec: RegionSpec) -> Any:
        old, new, now = _text_of(write, "old"), _text_of(write, "new"), self._text(write.region)
        found = self._single(write, old, now)
        return self._edit(write, spec, found, len(old), new)

    def _single(self, write: Write, wanted: str, now: str) -> int:
        """Where it stands, exactly once, in the text as it is now; raises `Conflict` (`no_single_match`) with an excerpt."""
        if not wanted:
            raise Invalid(f"{write.op} needs the text that it looks for", code="bad_argument", path=write.path)
        found = now.find(wanted)
        if found < 0 or now.find(wanted, found + 1) >= 0:
            version, by = self._state.version_of(write.region)
            raise Conflict(
                f"{wanted[:60]!r} occurs {'more than once' if found >= 0 else 'nowhere'} in {write.region} as it is now",
                code="no_single_match",
                path=write.path,
                reason="no_single_match",
                current=version,
                changed_by=by,
                value=now,
                excerpt=now[max(0, found - 80) :][: 2 * EXCERPT_CHARS],
                recover="reread",
                hint="read again and choose a text that occurs exactly once",
            )
        return found

    def _text_compact(self, write: Write, spec: RegionSpec) -> Any:
        """What was there at the base gives way to `text`, at the start; what was inserted since stays where it is.

        `chars`: how many there were. If one of them is gone, somebody has corrected what was folded: that is a `Conflict`.
        """
        name, new = write.region, _text_of(write, "text")
        if name in self._texts or name in self._tails:
            raise Invalid(f"one submission folds {name} or edits it", code="twice_in_one", path=write.path)
        now, token = self._text(name), write.expect
        read = self._expect_region(write, current=0)
        runs = [run for run in blame(self._state, name) if run.version <= read]
        if sum(run.end - run.start for run in runs) != _integer(write, "chars", 0, len(now) + REGION_BYTES_MAX):
            self._corrected(write, token)
        refs = dict.fromkeys(f"{name}@{run.version}" for run in runs)
        detail, _, _ = self._edit(write, spec, 0, 0, new)
        deleted = 0
        for run in reversed(runs):
            self._edit(write, spec, run.start + len(new), run.end - run.start, "")
            deleted += run.end - run.start
        supersedes = list(refs)[-FOLDED_NAMED_MAX:]
        return detail | {"deleted": deleted, "upto": read, "supersedes": supersedes}, (), read

    def _corrected(self, write: Write, token: Token | None) -> NoReturn:
        version, by = self._state.version_of(write.region)
        raise Conflict(
            f"what was folded of {write.path} has been corrected since",
            path=write.path,
            reason="corrected",
            yours=None if token is None else token.version,
            current=version,
            value=self._text(write.region),
            changed_by=by,
            recover="reread",
        )

    def _text_rethink(self, write: Write, spec: RegionSpec) -> Any:
        new, now = _text_of(write, "text"), self._text(write.region)
        read = self._expect_region(write)
        start = _common_prefix(now, new)
        end = _common_prefix(now[start:][::-1], new[start:][::-1])
        detail, refs, _ = self._edit(write, spec, start, len(now) - start - end, new[start : len(new) - end])
        return detail, refs, read

    def _expect_region(self, write: Write, current: int | None = None) -> int:
        """The region has not been touched (or compacted) since the writer read it; returns the version read."""
        token = write.expect
        if token is None:
            raise Invalid(f"{write.op} names what it read: expect=reading", code="precondition", path=write.path)
        check_token(token, write.path, self._reader)
        version, by = self._state.version_of(write.region)
        if token.version != version and (current is None or current > token.version):
            raise Conflict(
                f"{write.path} is at v{version} by {by}, you read v{token.version}",
                path=write.path,
                reason="stale_version",
                yours=token.version,
                current=version,
                value=None if write.op == "append" else self._state.value(write.region, write.kind),
                changed_by=by,
                recover="reread",
            )
        return token.version

    # -- logs -------------------------------------------------------------------------------------------------

    def _log_append(self, write: Write, spec: RegionSpec) -> Any:
        name = write.region
        read = None if write.expect is None else self._expect_region(write)
        items = self._items(write, spec)
        first = self._added.get(f"log {name}", 0)
        self._added[f"log {name}"] = first + len(items)
        if not self._appender.append_items(name, items):
            self.actions.append(lambda replica, emission: replica.push(name, items, emission))
        refs = tuple(f"{name}@{self._offset}.{first + n}" for n in range(len(items)))
        return {"count": len(items), "first": _brief(items)}, refs, read

    def _log_compact(self, write: Write, spec: RegionSpec) -> Any:
        name = write.region
        read = self._expect_region(write, current=self._state.folded.get(name, 0))
        items = self._items(write, spec)
        rows = self._state.log_rows(name)
        supersedes = [ref for ref, version, *_ in rows if version <= read]
        runs = _runs_upto(read, [version for _, version, *_ in rows])

        def remove(replica: Replica) -> None:
            for index, count in runs:
                replica.remove_items(name, index + len(items), count)

        def perform(replica: Replica, emission: Emission) -> None:
            # Inserted while what they replace still lives: pycrdt's index 0 lies behind dead items, where the late append
            # of a peer could come to stand before the fold.
            replica.insert_items(name, 0, items, emission)
            if emission.bulk:
                emission.bulk.append(lambda: remove(replica))
            else:
                remove(replica)

        self.actions.append(perform)
        refs = tuple(f"{name}@{self._offset}.{n}" for n in range(len(items)))
        return {"count": len(items), "upto": read, "supersedes": supersedes}, refs, read

    # -- sets, counters, maps ---------------------------------------------------------------------------------

    def _union_set_add(self, write: Write, spec: RegionSpec) -> Any:
        name, items = write.region, self._items(write, spec)
        members = self._members(name)
        refs = []
        for item in items:
            text = canonical_json(item)
            made = self._added.get(f"set {name}", 0)
            self._added[f"set {name}"] = made + 1
            tag = f"{name}@{self._offset}.{made}"
            self.actions.append(_set_tag(name, tag, item, members.take(text)))
            members.add(tag, text)
            refs.append(tag)
        return {"items": _brief(items), "count": len(items)}, tuple(refs), None

    def _union_set_discard(self, write: Write, spec: RegionSpec) -> Any:
        name, members = write.region, self._members(write.region)
        gone: list[str] = []
        for item in self._items(write, spec):
            gone += members.take(canonical_json(item))
        self.actions += [_remove(name, tag) for tag in gone]
        return {"items": _brief(write.args["items"]), "count": len(gone)}, tuple(gone), None

    def _members(self, name: str) -> StagedMembers:
        if name not in self._sets:
            self._sets[name] = StagedMembers(self._state.members_of(name))
        return self._sets[name]

    def _counter_increment(self, write: Write, spec: RegionSpec) -> Any:
        by, name = _integer(write, "by", -(2**40), 2**40), write.region
        key = str(self._state.replica.client_id)
        if name not in self._counts:
            plus, minus = self._state.replica.entry(name, key) or (0, 0)
            self._counts[name] = [int(plus), int(minus)]
        counts = self._counts[name]
        counts[by < 0] += abs(by)
        value = list(counts)
        self.actions.append(lambda replica, _: replica.set_entry(name, key, value))
        return {"by": by}, (), None

    def _map_set(self, write: Write, spec: RegionSpec) -> Any:
        name, key, value = write.region, _key_of(write), spec.check(write.args.get("value"))
        if not self._has_key(name, key):
            self._room(spec, 1, 0)
            self._maps[name, key] = True
        self.actions.append(lambda replica, _: replica.set_entry(name, key, value))
        return {"value": _brief([value])}, (), None

    def _map_delete(self, write: Write, spec: RegionSpec) -> Any:
        name, key = write.region, _key_of(write)
        if self._has_key(name, key):
            self._maps[name, key] = False
            self.actions.append(_remove(name, key))
        return {}, (), None

    def _has_key(self, name: str, key: str) -> bool:
        staged = self._maps.get((name, key))
        return self._state.ledger.head(name, key) is not None if staged is None else staged

    # -- shared -----------------------------------------------------------------------------------------------

    def _items(self, write: Write, spec: RegionSpec) -> list[Any]:
        items = write.args.get("items")
        if not isinstance(items, list) or len(items) > ITEMS_PER_WRITE_MAX:
            raise Invalid(f"{write.op} takes a list of at most {ITEMS_PER_WRITE_MAX} items", code="bad_argument")
        checked = [spec.check(item) for item in items]
        if write.op in ("append", "add"):
            self._room(spec, len(checked), sum(len(canonical_json(item)) for item in checked))
        return checked

    def _room(self, spec: RegionSpec, items: int, size: int) -> None:
        """The region's bounds hold with this much more; raises `Denied`, code `region_full`."""
        made_items, made_bytes = self._added.get(f"n {spec.name}", 0), self._added.get(f"b {spec.name}", 0)
        self._added[f"n {spec.name}"], self._added[f"b {spec.name}"] = made_items + items, made_bytes + size
        live_items, live_bytes = self._state.ledger.region_size(spec.name)
        rules = spec.rules
        if spec.kind is not Kind.TEXT and live_items + made_items + items > rules.max_items:
            raise Denied(f"{spec.name} holds at most {rules.max_items} items", code="region_full", path=spec.name)
        if size > 0 and live_bytes + made_bytes + size > rules.max_bytes:
            raise Denied(f"{spec.name} holds at most {rules.max_bytes} bytes", code="region_full", path=spec.name)


def _runs_upto(upto: int, versions: list[int]) -> list[tuple[int, int]]:
    """(index, count) runs of items of versions up to `upto`, the last run first, as an array is to be cut."""
    runs: list[tuple[int, int]] = []
    for index, version in enumerate(versions):
        if version > upto:
            continue
        if runs and sum(runs[-1]) == index:
            runs[-1] = (runs[-1][0], runs[-1][1] + 1)
        else:
            runs.append((index, 1))
    return runs[::-1]


def _set_tag(name: str, tag: str, item: Any, old: list[str]) -> Action:
    def perform(replica: Replica, _: Emission) -> None:
        for one in old:
            replica.remove_entry(name, one)
        replica.set_entry(name, tag, item)

    return perform


def _remove(name: str, key: str) -> Action:
    return lambda replica, _: replica.remove_entry(name, key)


def _text_of(write: Write, argument: str) -> str:
    text = write.args.get(argument)
    if not isinstance(text, str):
        raise Invalid(f"{write.op} takes {argument}= as text", code="bad_argument", path=write.path)
    if not is_text(text):
        raise Invalid("a string with a lone surrogate is not text", code="not_unicode", path=write.path)
    return text


def _integer(write: Write, argument: str, least: int, most: int) -> int:
    number = write.args.get(argument)
    if not isinstance(number, int) or isinstance(number, bool) or not least <= number <= most:
        raise Invalid(
            f"{write.op} takes {argument}= from {least} to {most}, not {number!r}", code="bad_argument", path=write.path
        )
    return number


def _key_of(write: Write) -> str:
    if write.key is None:
        raise Invalid(f"{write.op} on a map names a key", code="bad_argument", path=write.path)
    return write.key


def _common_prefix(a: str, b: str) -> int:
    """How many characters two texts share at the start."""
    low, high = 0, min(len(a), len(b))
    while low < high:
        middle = (low + high + 1) // 2
        if a[:middle] == b[:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _brief(items: list[Any] | Mapping[str, Any]) -> Any:
    """Small enough for the audit: the items themselves, or an excerpt of their text."""
    text = json.dumps(items, ensure_ascii=False)
    return items if len(text) <= 4 * EXCERPT_CHARS else text[:EXCERPT_CHARS]
