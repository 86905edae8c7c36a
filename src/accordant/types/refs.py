"""A ref: the stable name of one thing that was written, `path@version` or `path@version.n`.

`findings@10.0` is the first item that version 10 appended to the log `findings`; `account@17` and `tasks/7@17` are the values
that version 17 gave to a guarded field; `draft@42` is what version 42 brought to a text. A ref outlives what it names.
"""

from __future__ import annotations

from typing import Any, Self

from accordant.types.errors import Invalid
from accordant.types.values import is_text

__all__ = ["Ref"]


class Ref(str):
    """The stable name of one thing that was written, `path@version[.n]`. Its `version` is when it was written."""

    __slots__ = ()

    @property
    def path(self) -> str:
        """`region` or `region/key`."""
        return self.rpartition("@")[0]

    @property
    def region(self) -> str:
        """The region it is in."""
        return self.path.partition("/")[0]

    @property
    def key(self) -> str | None:
        """The key within the region, None where it has none."""
        _, slash, key = self.path.partition("/")
        return key if slash else None

    @property
    def version(self) -> int:
        """The version that wrote it."""
        return int(self.rpartition("@")[2].partition(".")[0])

    @property
    def n(self) -> int | None:
        """Which of the items that this version brought, from 0; None for a value or a stretch of text."""
        _, dot, n = self.rpartition("@")[2].partition(".")
        return int(n) if dot else None

    @classmethod
    def parse(cls, text: Any) -> Self:
        """The ref of that text; raises `Invalid` (`bad_ref`) for anything else."""
        if is_text(text):
            path, _, place = text.rpartition("@")
            version, dot, n = place.partition(".")
            if path and _is_number(version) and (not dot or _is_number(n)):
                return cls(text)
        raise Invalid(
            f"{str(text)[:80]!r} is no ref",
            code="bad_ref",
            hint="a ref is path@version or path@version.n: findings@10.0",
        )


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 16
