"""A SQLite VFS whose power can be cut: it passes everything to the real file system, and remembers what was not synced.

`Disk.survivors` answers what a disk would hold if the power failed now: of every write that no sync has followed, a
random part is there, whole, torn into sectors, or not at all, in any order. It can also be full, or read-only, or
refuse to sync. Files that SQLite maps into memory (`-shm`) do not survive; SQLite rebuilds them.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import apsw

SECTOR = 512


class _Image:
    """One file: what is surely on the disk, and what was written since."""

    def __init__(self, content: bytes) -> None:
        self.synced = bytearray(content)
        self.pending: list[tuple[int, bytes | None]] = []  # (offset, bytes), or (size, None) for a truncation

    def sync(self) -> None:
        for offset, data in self.pending:
            _apply(self.synced, offset, data)
        self.pending.clear()

    def survive(self, chance: random.Random, share: float) -> bytes:
        content = bytearray(self.synced)
        for offset, data in self.pending:
            fate = chance.random()
            if fate < share:
                _apply(content, offset, data)
            elif fate < share + (1 - share) / 2 and data is not None:
                _tear(content, offset, data, chance)
        return bytes(content)


class Disk:
    """Registers itself as the VFS `name`; `close` takes it back. Count on `syncs` and `writes`, by file name suffix."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.images: dict[str, _Image] = {}
        self.syncs: Counter[str] = Counter()
        self.writes: Counter[str] = Counter()
        self.operations = 0
        self.bytes_left: int | None = None
        self.read_only = False
        self.sync_fails = False
        self.before_operation: Callable[[int], None] = lambda count: None
        self._vfs = _Vfs(self)

    def close(self) -> None:
        self._vfs.unregister()

    def survivors(self, seed: int) -> dict[str, bytes]:
        """File name -> content after a power cut now."""
        chance = random.Random(seed)
        share = chance.choice((0.0, 0.3, 0.7, 0.95, 1.0))
        return {os.path.basename(path): image.survive(chance, share) for path, image in self.images.items()}

    def restore(self, seed: int, folder: Path) -> None:
        """Put what survives into a folder."""
        for name, content in self.survivors(seed).items():
            (folder / name).write_bytes(content)

    def wrote(self, path: str, offset: int, data: bytes | None) -> None:
        self._count()
        self.writes[path.rpartition("-")[2] if "-" in os.path.basename(path) else "db"] += 1
        self.images[path].pending.append((offset, data))

    def sync(self, path: str) -> None:
        self._count()
        if self.sync_fails:
            raise apsw.IOError("the disk does not answer")
        self.syncs[path.rpartition("-")[2] if "-" in os.path.basename(path) else "db"] += 1
        self.images[path].sync()

    def _count(self) -> None:
        self.operations += 1
        self.before_operation(self.operations)

    def has_room(self, growth: int) -> None:
        if self.bytes_left is not None and growth > 0:
            if growth > self.bytes_left:
                raise apsw.FullError("no space left")
            self.bytes_left -= growth


class _Vfs(apsw.VFS):
    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        super().__init__(disk.name, "")

    def xOpen(self, name: apsw.URIFilename | str | None, flags: list[int]) -> apsw.VFSFile:
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        if path is None:
            return super().xOpen(name, flags)
        if self._disk.read_only:
            if not os.path.exists(path):
                raise apsw.CantOpenError("read-only")
            flags[0] = flags[0] & ~apsw.SQLITE_OPEN_READWRITE & ~apsw.SQLITE_OPEN_CREATE | apsw.SQLITE_OPEN_READONLY
        return _File(self._disk, path, name, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:
        self._disk.images.pop(filename, None)
        super().xDelete(filename, syncdir)


class _File(apsw.VFSFile):
    def __init__(self, disk: Disk, path: str, name: apsw.URIFilename | str, flags: list[int]) -> None:
        super().__init__("", name, flags)
        self._disk = disk
        self._path = path
        if path not in disk.images:
            disk.images[path] = _Image(Path(path).read_bytes() if os.path.exists(path) else b"")

    def xWrite(self, data: bytes, offset: int) -> None:
        self._disk.has_room(offset + len(data) - self.xFileSize())
        super().xWrite(data, offset)
        self._disk.wrote(self._path, offset, bytes(data))

    def xTruncate(self, newsize: int) -> None:
        super().xTruncate(newsize)
        self._disk.wrote(self._path, newsize, None)

    def xSync(self, flags: int) -> None:
        self._disk.sync(self._path)  # the real sync would only cost time: the disk that counts is this one


def _apply(content: bytearray, offset: int, data: bytes | None) -> None:
    if data is None:
        del content[offset:]
        return
    content.extend(bytes(max(0, offset - len(content))))
    content[offset : offset + len(data)] = data


def _tear(content: bytearray, offset: int, data: bytes, chance: random.Random) -> None:
    at = 0
    while at < len(data):
        end = min(len(data), at + SECTOR - (offset + at) % SECTOR)
        if chance.random() < 0.5:
            _apply(content, offset + at, data[at:end])
        at = end
