"""Who wrote each log entry, and when: one short row per offset, so that any version answers "by whom?" without the log."""

from __future__ import annotations

import json
import sys
import zlib
from array import array

__all__ = ["Actors"]


class Actors:
    """Offset -> (actor, milliseconds). Offsets start at 1; 0 (never written) has nobody."""

    def __init__(self) -> None:
        self._names: list[str] = []
        self._index: dict[str, int] = {}
        self._who = array("I")
        self._when = array("Q")

    def record(self, actor: str, at: int) -> None:
        """The next entry's actor and time."""
        number = self._index.get(actor)
        if number is None:
            number = self._index[actor] = len(self._names)
            self._names.append(actor)
        self._who.append(number)
        self._when.append(at)

    def of(self, version: int) -> tuple[str | None, int | None]:
        """Who wrote this version, and when."""
        if not 0 < version <= len(self._who):
            return None, None
        return self._names[self._who[version - 1]], self._when[version - 1]

    def dump(self) -> bytes:
        """As bytes, for a checkpoint: names, then both columns, compressed."""
        names = json.dumps(self._names, ensure_ascii=False).encode()
        who, when = array("I", self._who), array("Q", self._when)
        if sys.byteorder == "big":
            who.byteswap()
            when.byteswap()
        plain = b"".join(
            (len(names).to_bytes(8, "big"), names, len(who).to_bytes(8, "big"), who.tobytes(), when.tobytes())
        )
        return zlib.compress(plain, 1)

    @classmethod
    def load(cls, data: bytes) -> Actors:
        """What `dump` gave; raises `ValueError` for anything else."""
        try:
            plain = zlib.decompress(data)
        except zlib.error as error:
            raise ValueError(f"not a table of actors: {error}") from error
        actors = cls()
        size = int.from_bytes(plain[:8], "big")
        actors._names = json.loads(plain[8 : 8 + size])
        actors._index = {name: number for number, name in enumerate(actors._names)}
        at = 8 + size
        count = int.from_bytes(plain[at : at + 8], "big")
        at += 8
        width = actors._who.itemsize * count
        actors._who.frombytes(plain[at : at + width])
        actors._when.frombytes(plain[at + width :])
        if sys.byteorder == "big":
            actors._who.byteswap()
            actors._when.byteswap()
        if len(actors._who) != len(actors._when):
            raise ValueError("the table of actors is torn")
        return actors
