"""How a command asks a store file about a document's past, and how actors are told apart on a terminal."""

from __future__ import annotations

import asyncio
from typing import Any

from rich.text import Text

from accordant.cli.output import plain
from accordant.cli.source import choose, reading
from accordant.engine.host.recall import Archive, recall
from accordant.engine.host.replay import outline_at
from accordant.types.past import Recall

__all__ = ["Colours", "ask", "outline_of"]

_PALETTE = ("cyan", "magenta", "green", "yellow", "blue", "bright_red", "bright_cyan", "bright_magenta", "bright_green")


def ask(source: str, document: str | None, query: Recall) -> tuple[str, dict[str, Any]]:
    """The document's key and the answer; raises what a handle's question raises."""

    async def asked() -> tuple[str, dict[str, Any]]:
        async with reading(source) as store:
            info = await choose(store, document)
            return info.key, await recall(Archive(store, info.key, info.head), query)

    return asyncio.run(asked())


def outline_of(source: str, document: str | None, version: int) -> tuple[str, dict[str, Any]]:
    """The document's key and all of it at a version."""

    async def asked() -> tuple[str, dict[str, Any]]:
        async with reading(source) as store:
            info = await choose(store, document)
            return info.key, await outline_at(store, info.key, version)

    return asyncio.run(asked())


class Colours:
    """A colour for each actor, in the order in which they appear; there are more actors than colours."""

    def __init__(self) -> None:
        self._styles: dict[str, str] = {}

    def of(self, actor: str) -> str:
        """The actor's colour."""
        return self._styles.setdefault(actor, _PALETTE[len(self._styles) % len(_PALETTE)])

    def named(self, actor: str) -> Text:
        """The actor's name in its colour."""
        return plain(actor, self.of(actor))
