"""The one door to pycrdt: a live Yjs document that says exactly what each change did to its bytes.

Nothing outside this file imports pycrdt, and nothing in it decides anything: callers have judged before they call. Two rules:
whatever raises in here has left the document in an unknown state, so the caller throws the replica away (`ReplicaBroken`);
and only what the document itself emitted is ever logged or published.

Offsets are Unicode characters outside and UTF-8 bytes inside (pycrdt's unit): the conversion lives here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import pycrdt

from accordant.types.limits import BULK_CHUNK, INTEGER_MAX
from accordant.types.regions import GUARDED_ROOT, Kind

__all__ = ["Emission", "Replica", "ReplicaBroken", "merge_updates"]

_ROOT_TYPES: Mapping[Kind, type[Any]] = {
    Kind.GUARDED: pycrdt.Map,
    Kind.GUARDED_MAP: pycrdt.Map,
    Kind.TEXT: pycrdt.Text,
    Kind.LOG: pycrdt.Array,
    Kind.UNION_SET: pycrdt.Map,
    Kind.COUNTER: pycrdt.Map,
    Kind.MAP: pycrdt.Map,
    Kind.XML: pycrdt.XmlFragment,
}

MARK_KEY = ""
"""The key of what each authority leaves in the guarded root: no region has that name."""

EMPTY_UPDATE = b"\x00\x00"
EMPTY_STATE_VECTOR = b"\x00"


class ReplicaBroken(Exception):
    """pycrdt raised in the middle of a change: this replica's state is unknown and must be rebuilt from the log."""


def merge_updates(updates: Sequence[bytes]) -> bytes:
    """One update for several, given in the order in which they were emitted."""
    return updates[0] if len(updates) == 1 else pycrdt.merge_updates(*updates)


class Replica:
    """A live document under one client id. Single-threaded; every change goes through `apply` or `change`."""

    def __init__(self, client_id: int, state: bytes | None = None) -> None:
        self._doc: pycrdt.Doc[Any] = pycrdt.Doc(client_id=client_id)
        self._roots: dict[str, Any] = {}
        self._texts: dict[str, str] = {}
        self._emitted: list[bytes] = []
        self._whole: bytes | None = None
        if state is not None:
            self._guarded_call(self._doc.apply_update, state)
        self._subscription = self._doc.observe(self._on_change)

    def _on_change(self, event: Any) -> None:
        self._emitted.append(event.update)
        self._texts.clear()
        self._whole = None

    @property
    def client_id(self) -> int:
        """The id under which this replica writes."""
        return int(self._doc.client_id)

    # -- whole documents --------------------------------------------------------------------------------------

    def apply(self, update: bytes) -> bytes | None:
        """Apply a judged update; returns what the document emitted, None when nothing changed."""
        self._emitted.clear()
        self._guarded_call(self._doc.apply_update, update)
        return self._take()

    @contextmanager
    def change(self) -> Iterator[Emission]:
        """A local change: perform it inside the block, then read `.update` of what the block got.

        Bulk inserts may use several pycrdt transactions; what they emitted is merged into one update.
        """
        self._emitted.clear()
        emission = Emission()
        try:
            with self._doc.transaction():
                yield emission
            for run in emission.bulk:
                with self._doc.transaction():
                    run()
        except BaseException as error:
            raise ReplicaBroken(f"{type(error).__name__}: {error}") from error
        emission.update = self._take()

    def leave_mark(self) -> bytes | None:
        """Write something under this client id that nobody sees: an entry of the guarded root that is deleted at once."""
        with self.change() as emission:
            root = self.root(GUARDED_ROOT, Kind.MAP)
            root[MARK_KEY] = 0
            del root[MARK_KEY]
        return emission.update

    def state_vector(self) -> bytes:
        """What this replica has, encoded for a peer's sync step 1."""
        return bytes(self._doc.get_state())

    def encode(self, state_vector: bytes | None = None) -> bytes:
        """Everything that a peer with this state vector lacks; everything at all for None.

        What a newcomer is sent, who has nothing, is kept until the next change: the next one gets the same bytes.
        """
        is_newcomer = state_vector == EMPTY_STATE_VECTOR
        if self._whole is not None and (is_newcomer or state_vector is None):
            return self._whole
        encoded = bytes(self._guarded_call(self._doc.get_update, state_vector))
        if is_newcomer:
            self._whole = encoded
        return encoded

    def _take(self) -> bytes | None:
        updates = [update for update in self._emitted if update != EMPTY_UPDATE]
        self._emitted.clear()
        return merge_updates(updates) if updates else None

    @staticmethod
    def _guarded_call(call: Callable[..., Any], *args: Any) -> Any:
        try:
            return call(*args)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # pyo3's PanicException is a BaseException
            raise ReplicaBroken(f"{type(error).__name__}: {error}") from error

    # -- reading ----------------------------------------------------------------------------------------------

    def root(self, name: str, kind: Kind) -> Any:
        """The shared type at a root."""
        found = self._roots.get(name)
        if found is None:
            found = self._roots[name] = self._doc.get(name, type=_ROOT_TYPES[kind])
        return found

    def text(self, name: str) -> str:
        """The characters of a text, without formats and embeds."""
        found = self._texts.get(name)
        if found is None:
            found = self._texts[name] = str(self.root(name, Kind.TEXT))
        return found

    def items(self, name: str) -> list[Any]:
        """The items of an array, canonical. By way of JSON: pycrdt walks the whole list again for each item it hands out."""
        return [_readable(item) for item in json.loads(str(self.root(name, Kind.LOG)), strict=False)]

    def last_items(self, name: str, count: int) -> list[Any] | None:
        """The last items of an array, canonical, without reading the others; None where one is no plain JSON value."""
        array = self.root(name, Kind.LOG)
        size = len(array)
        found = [array[at] for at in range(size - count, size)]
        return [_readable(item) for item in found] if all(map(_is_plain, found)) else None

    def size(self, name: str) -> int:
        """How many items an array has."""
        return len(self.root(name, Kind.LOG))

    def entries(self, name: str) -> dict[str, Any]:
        """The entries of a map, canonical, by key in sorted order."""
        found = json.loads(str(self.root(name, Kind.MAP)), strict=False)
        return {key: _readable(found[key]) for key in sorted(found)}

    def entry(self, name: str, key: str) -> Any:
        """One entry of a map, canonical; None when it is not there."""
        found = self.root(name, Kind.MAP).get(key)
        return _readable(found.to_py() if hasattr(found, "to_py") else found)

    def xml(self, name: str) -> str:
        """An XML fragment as text."""
        return str(self.root(name, Kind.XML))

    # -- local changes: only inside `change()` ----------------------------------------------------------------

    def set_guarded(self, path: str, value: Any) -> None:
        """Write an entry of the guarded root: the authority's alone."""
        self.root(GUARDED_ROOT, Kind.MAP)[path] = value

    def integrate(self, update: bytes) -> None:
        """Take in structs that the authority made itself, under its own client id."""
        self._doc.apply_update(update)
        self._texts.clear()

    def append_text(self, name: str, insert: str) -> None:
        """Insert at the end, without a walk over the characters."""
        text = self.root(name, Kind.TEXT)
        text.insert(len(text), insert)
        self._texts.pop(name, None)

    def edit_text(self, name: str, at: int, delete: int, insert: str) -> None:
        """Replace `delete` characters at character offset `at` by `insert`."""
        text = self.root(name, Kind.TEXT)
        start, end = self._byte_offset(name, text, at), self._byte_offset(name, text, at + delete)
        if delete:
            del text[start:end]
        if insert:
            text.insert(start, insert)
        self._texts[name] = self.text(name)[:at] + insert + self.text(name)[at + delete :]

    def push(self, name: str, items: Sequence[Any], emission: Emission) -> None:
        """Append items to an array, in chunks: one transaction is quadratic in what it inserts."""
        self.insert_items(name, None, items, emission)

    def insert_items(self, name: str, index: int | None, items: Sequence[Any], emission: Emission) -> None:
        """Insert items at an index (None: the end), in chunks."""
        array = self.root(name, Kind.LOG)
        for start in range(0, len(items), BULK_CHUNK):
            chunk = list(items[start : start + BULK_CHUNK])
            where = None if index is None else index + start

            def run(chunk: list[Any] = chunk, where: int | None = where) -> None:
                at = len(array) if where is None else where
                for offset, item in enumerate(chunk):
                    array.insert(at + offset, item)

            if start == 0 and not emission.bulk:
                run()
            else:
                emission.bulk.append(run)

    def remove_items(self, name: str, index: int, count: int) -> None:
        """Delete `count` items of an array from `index`."""
        if count:
            del self.root(name, Kind.LOG)[index : index + count]

    def set_entry(self, name: str, key: str, value: Any) -> None:
        """Set a map's key."""
        self.root(name, Kind.MAP)[key] = value

    def remove_entry(self, name: str, key: str) -> None:
        """Delete a map's key, which must be there."""
        del self.root(name, Kind.MAP)[key]

    def _byte_offset(self, name: str, text: Any, at: int) -> int:
        plain = self.text(name)
        if at >= len(plain):
            return len(text)
        offset = len(plain[:at].encode())
        if len(text) == len(plain.encode()):
            return offset
        return offset + _embeds_before(text, at)


class Emission:
    """What one change emitted: `update` after the block, None when it changed nothing."""

    def __init__(self) -> None:
        self.update: bytes | None = None
        self.bulk: list[Callable[[], None]] = []


def _readable(value: Any) -> Any:
    """Whatever a document without a schema may hold, as canonical JSON: reading never fails. Bytes are lists of numbers,
    and an integer beyond 2^53 is the float that JavaScript makes of it."""
    if isinstance(value, dict):
        return {key: _readable(value[key]) for key in sorted(value)}
    if isinstance(value, list):
        return [_readable(item) for item in value]
    if isinstance(value, float) and value.is_integer() and abs(value) <= INTEGER_MAX:
        return int(value)
    if isinstance(value, int) and abs(value) > INTEGER_MAX:
        return float(value)
    return value


def _is_plain(value: Any) -> bool:
    if isinstance(value, dict):
        return all(map(_is_plain, value.values()))
    if isinstance(value, list):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, str | bool | float | int)


def _embeds_before(text: Any, at: int) -> int:
    """How many embedded objects lie before the character at `at`: pycrdt counts each as one unit, str() as none."""
    seen = embeds = 0
    for content, _attributes in text.diff():
        if isinstance(content, str):
            seen += len(content)
        else:
            embeds += 1
        if seen > at:
            break
    return embeds
